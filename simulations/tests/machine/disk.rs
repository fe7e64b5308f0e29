//! A disk that fails: who waits is told, nothing is shown that is not stored, and the node goes on when it can.

use starling_node::machine::request::Code;

use super::common::{MINUTE, alone, await_answer, over, pair};

#[test]
fn a_failed_commit_is_told_and_the_session_goes_on() {
    over(0..50, |world| {
        let a = alone(world);
        let id = world.create(a, "scribe", "first").unwrap();
        await_answer(world, a, id);
        world.run_for(1_000);
        let before = world.show(a, id).unwrap();
        world.nodes[a].disk.break_down();
        let refused = world.say(a, id, "second").unwrap_err();
        assert_eq!(refused.code, Code::StoreFailed);
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
        world.converge(5 * MINUTE).unwrap();
        world.say(a, id, "the last one").unwrap();
        await_answer(world, a, id);
        world.converge(MINUTE).unwrap();
        assert_eq!(world.show(a, id).unwrap(), world.show(b, id).unwrap());
    });
}
