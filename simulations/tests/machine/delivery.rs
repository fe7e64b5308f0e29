//! What a node says of the devices that have a line is never more than there are, and comes to be all of them once they
//! have met. It is compared with what the devices really hold, at every moment of histories with faults.

use starling_crdt::id::SessionId;
use starling_crdt::view::View;
use starling_node::machine::info::Delivery;
use starling_node::machine::request::{Answer, Request};
use starling_simulations::World;

use super::common::{MINUTE, await_answer, over, pair};

fn delivery(world: &mut World, node: usize, id: SessionId) -> (View, Delivery) {
    match world.ask(node, Request::Show { session: id }) {
        Ok(Answer::Session { view, delivery, .. }) => (View::clone(&view), delivery),
        other => panic!("not shown: {other:?}"),
    }
}

/// Whether each line is in the store of as many other nodes as is said, at least.
fn is_honest(world: &mut World, node: usize, others: &[usize], id: SessionId) -> Vec<usize> {
    let (view, said) = delivery(world, node, id);
    assert_eq!(said.on.len(), view.lines.len());
    for (line, said) in view.lines.iter().zip(&said.on) {
        let has = |other: &&usize| {
            let store = world.nodes[**other].store.as_ref();
            store.is_some_and(|store| store.contains(*line.message_id.as_bytes()).unwrap())
        };
        let holding = others.iter().filter(has).count();
        assert!(*said <= holding, "line {} is on {holding} devices, said to be on {said}", line.number);
    }
    said.on
}

#[test]
fn a_line_is_on_a_device_once_that_is_in_step() {
    over(0..20, |world| {
        let (a, b) = pair(world);
        let c = world.invite(a, None).unwrap();
        world.converge(MINUTE).unwrap();
        let id = world.create(a, "scribe", "where is this?").unwrap();
        await_answer(world, a, id);
        world.converge(MINUTE).unwrap();
        world.run_for(5_000);
        for (node, others) in [(a, [b, c]), (b, [a, c])] {
            assert_eq!(delivery(world, node, id).1.devices, 2);
            // A node hears only of those that it is connected with; its own user's devices meet in the end.
            let said = is_honest(world, node, &others, id);
            assert!(said.iter().all(|on| *on >= 1), "{said:?}");
        }
    });
}

#[test]
fn it_is_never_said_too_early() {
    over(0..20, |world| {
        let (a, b) = pair(world);
        let id = world.create(a, "scribe", "first").unwrap();
        await_answer(world, a, id);
        for round in 0..6 {
            world.say(a, id, &format!("message {round}")).unwrap();
            for _ in 0..40 {
                is_honest(world, a, &[b], id);
                let pause = world.draw(1, 120);
                world.run_for(pause);
            }
        }
        world.converge(MINUTE).unwrap();
        world.run_for(5_000);
        let said = is_honest(world, a, &[b], id);
        assert!(said.iter().all(|on| *on == 1), "all is on the other one in the end: {said:?}");
    });
}

#[test]
fn after_a_restart_only_what_is_proved_is_said() {
    over(0..10, |world| {
        let (a, b) = pair(world);
        let id = world.create(a, "scribe", "first").unwrap();
        await_answer(world, a, id);
        world.converge(MINUTE).unwrap();
        world.cut(a, b);
        world.run_for(2_000);
        world.say(a, id, "nobody hears this").unwrap();
        world.crash(a);
        world.start(a);
        // The other device has answered the first line, so it has that one and its own; of the third nothing is known.
        assert_eq!(is_honest(world, a, &[b], id), [1, 1, 0]);
        world.heal(a, b);
        world.converge(MINUTE).unwrap();
        await_answer(world, a, id);
        world.run_for(5_000);
        assert!(is_honest(world, a, &[b], id).iter().all(|on| *on == 1));
    });
}
