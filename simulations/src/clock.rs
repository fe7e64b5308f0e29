//! A computer's clock, and the time that its node is told. The clock is off and jumps; what the node is told never runs
//! backwards, as in the shell: when the clock is set back, time goes on at its usual pace from the latest moment seen. A
//! node that starts anew believes the clock.

/// One computer's clock. Times are ms since 1970; the world's own time is handed in.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    /// How far the clock is off.
    offset_ms: i64,
    /// How long the computer slept: the steady clock of an operating system does not count that.
    slept_ms: u64,
    last_ms: u64,
    at_ms: u64,
}

impl Clock {
    /// What the clock shows.
    #[must_use]
    pub const fn wall(&self, world_ms: u64) -> u64 {
        world_ms.saturating_add_signed(self.offset_ms)
    }

    /// A node starts: it has seen no time yet.
    pub const fn restart(&mut self, world_ms: u64) {
        self.last_ms = self.wall(world_ms);
        self.at_ms = self.steady(world_ms);
    }

    /// The time that the node is told.
    pub fn now(&mut self, world_ms: u64) -> u64 {
        let (wall, at) = (self.wall(world_ms), self.steady(world_ms));
        let steady = self.last_ms + at.saturating_sub(self.at_ms);
        if wall >= steady {
            self.last_ms = wall;
            self.at_ms = at;
        }
        wall.max(steady)
    }

    /// When the node will be told this time, as the world counts, if nothing happens to the clock.
    pub fn when(&mut self, at_ms: u64, world_ms: u64) -> u64 {
        world_ms + at_ms.saturating_sub(self.now(world_ms))
    }

    /// Sets the clock, either way.
    pub const fn jump(&mut self, by_ms: i64) {
        self.offset_ms = self.offset_ms.saturating_add(by_ms);
    }

    /// The computer has slept for so long.
    pub const fn slept(&mut self, ms: u64) {
        self.slept_ms += ms;
    }

    const fn steady(&self, world_ms: u64) -> u64 {
        world_ms.saturating_sub(self.slept_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: u64 = 1_000_000;

    fn started() -> Clock {
        let mut clock = Clock::default();
        clock.restart(T);
        clock
    }

    #[test]
    fn a_clock_set_back_does_not_stop_time_until_the_node_starts_anew() {
        let mut clock = started();
        assert_eq!(clock.now(T + 500), T + 500);
        clock.jump(-600_000);
        assert_eq!(clock.now(T + 600), T + 600);
        assert_eq!(clock.when(T + 1_000, T + 600), T + 1_000);
        clock.restart(T + 700);
        assert_eq!(clock.now(T + 700), T - 600_000 + 700);
    }

    #[test]
    fn a_jump_ahead_is_seen_at_once_and_taking_it_back_is_not() {
        let mut clock = started();
        clock.jump(5_000);
        assert_eq!(clock.now(T + 1), T + 5_001);
        clock.jump(-5_000);
        assert_eq!(clock.now(T + 2), T + 5_002);
        assert_eq!(clock.wall(T + 2), T + 2);
        assert_eq!(clock.when(T + 5_003, T + 2), T + 3);
    }

    #[test]
    fn sleep_counts_for_the_clock_and_not_for_the_pace() {
        let mut clock = started();
        clock.slept(10_000);
        assert_eq!(clock.now(T + 10_000), T + 10_000);
        clock.jump(-60_000);
        assert_eq!(clock.now(T + 10_001), T + 10_001);
        clock.slept(20_000);
        assert_eq!(clock.now(T + 30_001), T + 10_001, "its time stood still: the clock is behind");
    }
}
