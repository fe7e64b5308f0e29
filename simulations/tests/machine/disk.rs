//! A disk that fails: who waits is told, nothing is shown that is not stored, and the node goes on when it can.

use starling_node::machine::request::Code;
use starling_simulations::World;
use starling_simulations::fault::Fault;
use starling_simulations::node::Life;
use starling_simulations::world::Crashes;

use super::common::{MINUTE, alone, await_answer, over, pair};

fn runs(world: &World, node: usize) -> bool {
    matches!(world.nodes[node].life, Life::Up(_))
}

fn await_start(world: &mut World, node: usize) {
    assert!(world.run_until(MINUTE, |world| runs(world, node)), "#{node} does not run");
}

#[test]
fn a_failed_commit_is_told_and_the_session_goes_on_after_a_restart() {
    over(0..50, |world| {
        let a = alone(world);
        let id = world.create(a, "scribe", "first").unwrap();
        await_answer(world, a, id);
        world.run_for(1_000);
        let before = world.show(a, id).unwrap();
        world.nodes[a].disk.break_down();
        let refused = world.say(a, id, "second").unwrap_err();
        assert_eq!(refused.code, Code::StoreFailed);
        assert!(!runs(world, a), "the process ends");
        await_start(world, a);
        let view = world.show(a, id).unwrap();
        assert_eq!(view.lines.len(), before.lines.len());
        world.say(a, id, "second").unwrap();
        await_answer(world, a, id);
        let view = world.show(a, id).unwrap();
        assert_eq!(view.lines.len(), 4);
        assert!(view.lines.iter().all(|line| line.sealed));
    });
}

#[test]
fn what_came_from_a_peer_and_was_not_stored_is_fetched_again() {
    over(0..50, |world| {
        let (a, b) = pair(world);
        let id = world.create(a, "scribe", "first").unwrap();
        for n in 0..5 {
            let wait = world.draw(0, 400);
            world.run_for(wait);
            world.nodes[b].disk.break_down();
            let _either_way = world.say(a, id, &format!("message {n}"));
        }
        world.run_for(1_000);
        world.nodes[b].disk.mend();
        await_start(world, b);
        world.converge(5 * MINUTE).unwrap();
        world.say(a, id, "the last one").unwrap();
        await_answer(world, a, id);
        world.converge(MINUTE).unwrap();
        assert_eq!(world.show(a, id).unwrap(), world.show(b, id).unwrap());
    });
}

#[test]
fn a_full_disk_stops_the_node_until_there_is_room() {
    over(0..30, |world| {
        let (a, b) = pair(world);
        let id = world.create(a, "scribe", "first").unwrap();
        await_answer(world, a, id);
        world.apply(&Fault::DiskFull { node: b, for_ms: 2 * MINUTE });
        let mut refused = 0;
        for n in 0..20 {
            // Long messages need pages that are not there; short ones may find room in those that are.
            refused +=
                usize::from(world.say(b, id, &format!("message {n} {}", "long ".repeat(2_000))).is_err());
            let wait = world.draw(0, 3_000);
            world.run_for(wait);
        }
        assert!(refused > 0, "it was never full");
        world.run_for(3 * MINUTE);
        assert!(runs(world, b));
        world.say(b, id, "there is room").unwrap();
        world.converge(5 * MINUTE).unwrap();
        for (node, id) in world.acked.clone() {
            assert!(world.nodes[node].holds(&id), "#{node} lost {id}");
        }
        await_answer(world, a, id);
    });
}

#[test]
fn a_lying_disk_may_ruin_its_computer_and_nobody_else() {
    let ruined = std::cell::Cell::new(0);
    over(0..60, |world| {
        let (a, b) = pair(world);
        let c = world.invite(a, None).unwrap();
        world.converge(MINUTE).unwrap();
        let id = world.create(a, "scribe", "first").unwrap();
        await_answer(world, a, id);
        world.apply(&Fault::LyingSync { node: c });
        for n in 0..5 {
            world.say(c, id, &format!("message {n}")).unwrap();
            world.run_for(500);
        }
        assert!(world.nodes[c].lied() && !world.nodes[a].lied());
        world.crash(c);
        world.start(c);
        let is_ruined = matches!(world.nodes[c].life, Life::Ruined);
        ruined.set(ruined.get() + usize::from(is_ruined));
        assert_eq!(world.metrics.ruined, u64::from(is_ruined));
        world.calm();
        world.converge(5 * MINUTE).unwrap();
        world.say(a, id, "still there?").unwrap();
        await_answer(world, a, id);
        assert_eq!(world.show(a, id).unwrap().lines, world.show(b, id).unwrap().lines);
    });
    assert!((5..55).contains(&ruined.get()), "{} of 60", ruined.get());
}

#[test]
fn crashes_of_honest_disks_never_cost_a_store() {
    over(0..20, |world| {
        let (a, b) = pair(world);
        world.crashes = Some(Crashes { one_in: 25, away_ms: (10, 500) });
        for n in 0..20 {
            let node = if n % 2 == 0 { a } else { b };
            let _lost_where_it_crashed = world.create(node, "scribe", &format!("session {n}"));
        }
        world.crashes = None;
        world.run_for(10_000);
        assert!(runs(world, a) && runs(world, b));
        for (node, id) in world.acked.clone() {
            assert!(world.nodes[node].holds(&id), "#{node} lost {id}");
        }
        world.converge(5 * MINUTE).unwrap();
    });
}
