//! What every scenario uses: worlds over many seeds, with the invariants looked at in the end.

use starling_crdt::id::SessionId;
use starling_crdt::view::{Status, View};
use starling_simulations::World;

/// A minute of virtual time, ms.
pub(crate) const MINUTE: u64 = 60_000;

/// Runs a scenario over seeds; each world must end without a breach.
pub(crate) fn over(seeds: std::ops::Range<u64>, scenario: impl Fn(&mut World)) {
    for seed in seeds {
        let mut world = World::new(seed);
        world.trace.keep = std::env::var_os("TRACE").is_some();
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| scenario(&mut world)));
        if done.is_err() || !world.failures.is_empty() {
            println!("{}", world.trace.tail(120));
            panic!("seed {seed}: {:?}", world.failures);
        }
    }
}

/// Alice's laptop, which hosts @scribe.
pub(crate) fn alone(world: &mut World) -> usize {
    let node = world.found("alice");
    world.host(node, "scribe").unwrap();
    node
}

/// Alice's laptop and a second device of hers, which hosts @scribe.
pub(crate) fn pair(world: &mut World) -> (usize, usize) {
    let a = world.found("alice");
    let b = world.invite(a, None).unwrap();
    world.host(b, "scribe").unwrap();
    world.converge(MINUTE).unwrap();
    (a, b)
}

/// Waits until a session has this status on a node.
pub(crate) fn await_status(world: &mut World, node: usize, session: SessionId, status: Status) {
    let end = world.now_ms() + 5 * MINUTE;
    loop {
        let view = world.show(node, session);
        if view.as_ref().is_ok_and(|view| view.status == status) {
            return;
        }
        assert!(world.now_ms() < end, "not {status:?}: {view:?}");
        world.run_for(100);
    }
}

/// Waits until nothing that was asked in a session is open on a node.
pub(crate) fn await_answer(world: &mut World, node: usize, session: SessionId) {
    let end = world.now_ms() + 5 * MINUTE;
    loop {
        let view = world.show(node, session);
        let is_done = |view: &View| view.pending_inputs == 0 && view.open_attempts.is_empty();
        if view.as_ref().is_ok_and(is_done) {
            return;
        }
        assert!(world.now_ms() < end, "not answered: {view:?}");
        world.run_for(100);
    }
}
