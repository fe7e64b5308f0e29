//! Power cuts at any moment: what a client was told is stored is stored, claims of dead turns end as interrupted, and
//! every session goes on.

use starling_crdt::view::Status;
use starling_simulations::world::Crashes;
use starling_simulations::{Behaviour, World};

use super::common::{MINUTE, await_answer, await_status, over, pair};

fn storm(world: &mut World, one_in: u64) {
    let (a, b) = pair(world);
    world.crashes = Some(Crashes { one_in, away_ms: (10, 4_000) });
    let mut ids = Vec::new();
    for round in 0..6 {
        let node = if world.draw(0, 1) == 0 { a } else { b };
        world.nodes[b].behaviour = match world.draw(0, 3) {
            0 => Behaviour::Slow(800),
            1 => Behaviour::TextOnly,
            2 => Behaviour::TitleWhenAsked,
            _ => Behaviour::Good,
        };
        if let Ok(id) = world.create(node, "scribe", &format!("session {round} on {node}")) {
            ids.push(id);
        }
        if let Some(id) = ids.last().copied() {
            let _lost_where_it_crashed = world.say(node, id, &format!("message {round} on {node}"));
        }
        if world.draw(0, 2) == 0 {
            world.cut(a, b);
            world.run_for(2_000);
            world.heal(a, b);
        }
    }
    world.crashes = None;
    world.run_for(6_000);
    world.nodes[b].behaviour = Behaviour::Good;
    world.converge(5 * MINUTE).unwrap();
    for (node, id) in world.acked.clone() {
        assert!(world.nodes[node].holds(&id), "#{node} lost {id}");
    }
    for id in ids {
        let before = world.show(a, id).unwrap().lines;
        let sealed: Vec<_> = before.into_iter().filter(|line| line.sealed).collect();
        world.say(a, id, "still there?").unwrap();
        await_answer(world, a, id);
        world.converge(MINUTE).unwrap();
        let view = world.show(a, id).unwrap();
        assert_eq!(view, world.show(b, id).unwrap());
        assert_eq!(&view.lines[..sealed.len()], &sealed[..]);
        assert!(view.lines.iter().all(|line| line.sealed));
        assert!(view.fork.is_none());
    }
}

#[test]
fn nothing_that_was_acknowledged_is_lost_in_a_storm_of_crashes() {
    over(0..30, |world| storm(world, 60));
}

#[test]
fn crashes_far_apart_are_survived_too() {
    over(100..115, |world| storm(world, 400));
}

#[test]
fn a_turn_that_a_crash_interrupted_fails_and_can_be_retried() {
    over(0..40, |world| {
        let (a, b) = pair(world);
        world.nodes[b].behaviour = Behaviour::Hang;
        let id = world.create(a, "scribe", "long work").unwrap();
        await_status(world, a, id, Status::Running);
        world.crash(b);
        world.run_for(500);
        world.nodes[b].behaviour = Behaviour::Good;
        world.start(b);
        await_status(world, a, id, Status::Error);
        let failed = world.show(a, id).unwrap().last_failed.unwrap();
        assert!(failed.reason.as_str().starts_with("interrupted"), "{}", failed.reason);
        world.run_for(MINUTE);
        assert_eq!(world.show(a, id).unwrap().status, Status::Error, "it is not tried again by itself");
        world.change(a, id, starling_node::machine::request::Change::Retry).unwrap();
        await_answer(world, a, id);
    });
}
