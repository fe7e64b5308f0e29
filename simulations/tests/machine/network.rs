//! Cuts, restarts, and life without gossip: replicas meet again by themselves and become equal.

use starling_crdt::view::Status;
use starling_node::machine::request::{Answer, Change, Request};
use starling_simulations::scenario::Latency;

use super::common::{MINUTE, alone, await_answer, over, pair};

#[test]
fn a_healed_partition_makes_both_sides_equal() {
    over(0..50, |world| {
        let (a, b) = pair(world);
        let shared = world.create(a, "scribe", "shared").unwrap();
        await_answer(world, a, shared);
        world.converge(MINUTE).unwrap();
        let sealed = world.show(a, shared).unwrap().lines;
        world.cut(a, b);
        let mut ids = vec![shared];
        for round in 0..3 {
            world.run_for(3_000);
            for node in [a, b] {
                world.say(node, shared, &format!("{round} from {node}")).unwrap();
                ids.push(world.create(node, "scribe", &format!("new {round} from {node}")).unwrap());
            }
        }
        world.heal(a, b);
        world.converge(3 * MINUTE).unwrap();
        for id in ids {
            await_answer(world, a, id);
        }
        world.converge(MINUTE).unwrap();
        let view = world.show(a, shared).unwrap();
        assert_eq!(view, world.show(b, shared).unwrap());
        assert_eq!(&view.lines[..sealed.len()], &sealed[..]);
        for round in 0..3 {
            for node in [a, b] {
                let body = format!("{round} from {node}");
                assert_eq!(view.lines.iter().filter(|line| line.body.as_str() == body).count(), 1);
            }
        }
    });
}

/// Two members of one name: the second is shown with a suffix everywhere, also in what was exported before.
#[test]
fn a_handle_that_was_given_twice_is_shown_alike_everywhere() {
    over(0..30, |world| {
        let (a, b) = pair(world);
        world.cut(a, b);
        world.run_for(6_000);
        let one = world.invite(a, Some("bob")).unwrap();
        let two = world.invite(b, Some("bob")).unwrap();
        world.cut(one, two);
        let ids = [one, two].map(|node| world.create(node, "scribe", &format!("from {node}")).unwrap());
        world.run_for(10_000);
        world.heal(a, b);
        for id in ids {
            await_answer(world, a, id);
        }
        world.converge(5 * MINUTE).unwrap();
        let mut names = ids.map(|id| world.show(a, id).unwrap().created_by.to_string());
        names.sort();
        assert_eq!(names, ["bob", "bob-2"]);
    });
}

#[test]
fn anti_entropy_alone_converges() {
    over(0..40, |world| {
        world.net.gossip = false;
        let (a, b) = pair(world);
        let c = world.invite(b, None).unwrap();
        let ids: Vec<_> = [a, b, c]
            .into_iter()
            .map(|node| world.create(node, "scribe", &format!("from {node}")).unwrap())
            .collect();
        for id in &ids {
            await_answer(world, a, *id);
        }
        world.change(c, ids[0], Change::Archive).unwrap();
        world.converge(3 * MINUTE).unwrap();
        assert_eq!(world.show(a, ids[0]).unwrap().status, Status::Archived);
    });
}

#[test]
fn gossip_that_loses_half_is_made_up_for() {
    over(0..40, |world| {
        let (a, b) = pair(world);
        world.net.gossip_loss_percent = 50;
        world.net.latency = Latency::Uniform(1, 900);
        let c = world.invite(a, Some("bob")).unwrap();
        for node in [a, c] {
            let id = world.create(node, "scribe", &format!("from {node}")).unwrap();
            for n in 0..4 {
                world.say(node, id, &format!("{n} of {node}")).unwrap();
            }
        }
        world.converge(4 * MINUTE).unwrap();
        let _ = b;
    });
}

#[test]
fn after_a_restart_of_both_they_find_each_other_again() {
    over(0..40, |world| {
        let (a, b) = pair(world);
        world.crash(a);
        world.crash(b);
        world.run_for(5_000);
        world.start(a);
        world.run_for(2_000);
        world.start(b);
        let id = world.create(a, "scribe", "hello again").unwrap();
        await_answer(world, a, id);
        world.converge(MINUTE).unwrap();
        for (node, other) in [(a, b), (b, a)] {
            let Ok(Answer::Peers(peers)) = world.ask(node, Request::Peers) else { panic!("no peers") };
            assert_eq!(peers.len(), 1);
            assert_eq!(peers[0].device, world.nodes[other].me);
            assert!(peers[0].connected && peers[0].in_step, "{peers:?}");
        }
    });
}

/// A device that was added while a peer was away is let in by its proof, and is then known as connected.
#[test]
fn a_device_that_joined_elsewhere_is_let_in_by_its_proof() {
    over(0..40, |world| {
        let (a, b) = pair(world);
        world.crash(b);
        let c = world.invite(a, None).unwrap();
        world.converge(MINUTE).unwrap();
        world.crash(a);
        world.start(b);
        let address = starling_simulations::world::address(b);
        let device = Some(world.nodes[b].me);
        world.ask(c, Request::AddPeer { address, device }).unwrap();
        world.converge(2 * MINUTE).unwrap();
        let Ok(Answer::Peers(peers)) = world.ask(b, Request::Peers) else { panic!("no peers") };
        let peer = peers.iter().find(|peer| peer.device == world.nodes[c].me).unwrap();
        assert!(peer.connected && peer.in_step, "{peer:?}");
        let id = world.create(c, "scribe", "without alice's laptop").unwrap();
        await_answer(world, c, id);
    });
}

#[test]
fn an_idle_pair_is_quiet() {
    over(0..20, |world| {
        let (a, b) = pair(world);
        let id = world.create(a, "scribe", "hello").unwrap();
        await_answer(world, a, id);
        world.converge(MINUTE).unwrap();
        world.run_for(MINUTE);
        for node in [a, b] {
            let before = world.nodes[node].inputs;
            world.run_for(10 * MINUTE);
            let inputs = world.nodes[node].inputs - before;
            assert!(inputs < 100, "{inputs} inputs in ten idle minutes");
        }
    });
}

#[test]
fn a_node_alone_sleeps() {
    over(0..10, |world| {
        let a = alone(world);
        let id = world.create(a, "scribe", "hello").unwrap();
        await_answer(world, a, id);
        world.run_for(MINUTE);
        let before = world.nodes[a].inputs;
        world.run_for(60 * MINUTE);
        assert_eq!(world.nodes[a].inputs - before, 0);
    });
}

#[test]
fn more_sessions_than_are_held_open_are_all_right() {
    over(0..1, |world| {
        let (a, b) = pair(world);
        let ids: Vec<_> =
            (0..300).map(|n| world.create(a, "scribe", &format!("number {n}.")).unwrap()).collect();
        let c = world.invite(b, None).unwrap();
        for id in &ids {
            await_answer(world, b, *id);
        }
        for (n, id) in ids.iter().enumerate() {
            world.say(a, *id, &format!("and more {n}.")).unwrap();
        }
        for id in ids.iter().rev() {
            await_answer(world, a, *id);
        }
        world.converge(10 * MINUTE).unwrap();
        for id in &ids {
            let view = world.show(c, *id).unwrap();
            assert_eq!(view.lines.len(), 4);
            assert!(view.lines.iter().all(|line| line.sealed));
        }
        let files = world.nodes[c].tree.files().len();
        assert_eq!(files, 900 + 4);
    });
}

#[test]
fn one_seed_gives_one_history() {
    let run = |seed| {
        let mut world = starling_simulations::World::new(seed);
        let (a, b) = pair(&mut world);
        let id = world.create(a, "scribe", "hello").unwrap();
        world.crash(b);
        world.start(b);
        await_answer(&mut world, a, id);
        world.converge(MINUTE).unwrap();
        (world.trace.hash(), world.trace.events())
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}
