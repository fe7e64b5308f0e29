//! Waiting for something to come true, and watching that something stays true, both for a bounded time.

use std::thread::sleep;
use std::time::{Duration, Instant};

/// The longest ordinary wait: far more than anything takes, even on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(45);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(25);

/// Asks until there is an answer, and returns it.
///
/// # Panics
/// When there is none within `limit`; `what` says what was waited for.
#[track_caller]
pub fn wait_for<T>(what: &str, limit: Duration, ask: impl FnMut() -> Option<T>) -> T {
    try_wait_for(limit, ask).unwrap_or_else(|| panic!("waited {limit:?} in vain for {what}"))
}

/// The same; `None` when there is no answer in time.
pub(crate) fn try_wait_for<T>(limit: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + limit;
    loop {
        let found = ask();
        if found.is_some() || Instant::now() >= end {
            return found;
        }
        sleep(LOOK);
    }
}

/// Asks for the whole of `time`.
///
/// # Panics
/// When `holds` is false even once.
#[track_caller]
pub fn stays(what: &str, time: Duration, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + time;
    while Instant::now() < end {
        assert!(holds(), "it did not stay so: {what}");
        sleep(LOOK);
    }
}

/// Does nothing for a while. For load, never to wait for an outcome.
pub fn pause(time: Duration) {
    sleep(time);
}
