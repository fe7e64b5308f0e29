//! The time that the machine is told: the wall clock, except that it never runs backwards. When the wall clock is set
//! back, time goes on at its usual pace from the latest moment seen, so that no timer stands still.

use std::time::{Duration, Instant};

use super::now_ms;

/// A clock that only goes forward, in ms since 1970.
pub(super) struct Clock {
    last_ms: u64,
    at: Instant,
}

impl Clock {
    pub(super) fn new() -> Self {
        Self { last_ms: now_ms(), at: instant() }
    }

    /// The time now, ms.
    pub(super) fn now(&mut self) -> u64 {
        self.advance(now_ms(), instant())
    }

    fn advance(&mut self, wall_ms: u64, at: Instant) -> u64 {
        let passed = u64::try_from(at.duration_since(self.at).as_millis()).unwrap_or(u64::MAX);
        let steady = self.last_ms.saturating_add(passed);
        if wall_ms >= steady {
            self.last_ms = wall_ms;
            self.at = at;
        }
        self.last_ms.max(wall_ms).max(steady)
    }

    /// How long until `at_ms`.
    pub(super) fn until(&mut self, at_ms: u64) -> Duration {
        Duration::from_millis(at_ms.saturating_sub(self.now()))
    }
}

#[allow(clippy::disallowed_methods, reason = "the shell reads the clock for everybody")]
fn instant() -> Instant {
    Instant::now()
}

/// Waits for so long; for ever when there is no time to wait for.
pub(super) async fn sleep(time: Option<Duration>) {
    match time {
        Some(time) => tokio::time::sleep(time).await,
        None => std::future::pending().await,
    }
}

/// Waits for a deadline; for ever when there is none.
pub(super) async fn expired(deadline: &mut Option<std::pin::Pin<Box<tokio::time::Sleep>>>) {
    match deadline {
        Some(deadline) => deadline.as_mut().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_set_back_does_not_stop_time() {
        let at = instant();
        let mut clock = Clock { last_ms: 1_000_000, at };
        let after = |ms| at + Duration::from_millis(ms);
        assert_eq!(clock.advance(1_000_500, after(500)), 1_000_500);
        assert_eq!(clock.advance(400_600, after(600)), 1_000_600);
        assert_eq!(clock.advance(401_000, after(1_000)), 1_001_000);
        assert_eq!(clock.advance(2_000_000, after(1_100)), 2_000_000);
        assert_eq!(clock.advance(1_000_000, after(1_200)), 2_000_100);
    }
}
