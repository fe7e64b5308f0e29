//! Clocks that are off, jump and sleep: sessions go on, and time never stands still for a node.

use starling_simulations::fault::Fault;

use super::common::{MINUTE, await_answer, over, pair};

const HOUR: i64 = 3_600_000;

#[test]
fn clocks_that_are_off_and_jump_do_not_stop_anybody() {
    over(0..30, |world| {
        world.set_clocks(10 * MINUTE);
        let (a, b) = pair(world);
        let id = world.create(a, "scribe", "first").unwrap();
        for n in 0..8 {
            let node = if world.draw(0, 1) == 0 { a } else { b };
            let by = i64::try_from(world.draw(0, 7_200_000)).unwrap() - HOUR;
            world.apply(&Fault::ClockJump { node, by_ms: by });
            if world.draw(0, 3) == 0 {
                world.crash_for(node, 700);
                world.run_for(2_000);
            }
            world.say(a, id, &format!("message {n}")).unwrap();
            world.run_for(1_000);
        }
        world.calm();
        await_answer(world, a, id);
        world.converge(5 * MINUTE).unwrap();
        assert_eq!(world.show(a, id).unwrap(), world.show(b, id).unwrap());
    });
}

#[test]
fn who_slept_sees_what_came_meanwhile() {
    over(0..40, |world| {
        let (a, b) = pair(world);
        let id = world.create(a, "scribe", "first").unwrap();
        await_answer(world, a, id);
        let inputs = world.nodes[b].inputs;
        let nap = world.draw(1_000, 90_000);
        world.apply(&Fault::Sleep { node: b, for_ms: nap });
        world.say(a, id, "are you there?").unwrap();
        world.run_for(nap - 1_000);
        assert_eq!(world.nodes[b].inputs, inputs, "it did something in its sleep");
        world.run_for(2_000);
        await_answer(world, a, id);
        world.converge(5 * MINUTE).unwrap();
        let view = world.show(a, id).unwrap();
        assert_eq!(view, world.show(b, id).unwrap());
        assert_eq!(view.lines.len(), 4);
    });
}

#[test]
fn a_sleeper_is_given_up_and_found_again() {
    over(0..20, |world| {
        let (a, b) = pair(world);
        let id = world.create(a, "scribe", "first").unwrap();
        await_answer(world, a, id);
        world.apply(&Fault::Sleep { node: b, for_ms: 10 * MINUTE });
        world.run_for(40_000);
        assert!(world.net.between(a, b).is_none(), "its neighbour has noticed");
        world.say(a, id, "nobody there").unwrap();
        world.run_for(10 * MINUTE);
        await_answer(world, a, id);
        world.apply(&Fault::Sleep { node: a, for_ms: MINUTE });
        world.crash_for(a, 1_000);
        world.run_for(5_000);
        world.say(a, id, "a battery that is empty ends a sleep too").unwrap();
        await_answer(world, a, id);
        world.converge(5 * MINUTE).unwrap();
    });
}
