//! A token bucket for each peer: what it may send in frames and bytes over time. `Records` are not counted: the window
//! paces them.

use super::limits::{
    BYTES_BURST, BYTES_PER_SECOND, FRAMES_BURST, FRAMES_PER_SECOND, NOTES_BURST, NOTES_PER_SECOND,
};

/// What a peer may still send. Kept in thousandths, so that ms count.
#[derive(Debug)]
pub(super) struct Budget {
    frames: Bucket,
    bytes: Bucket,
    notes: Bucket,
}

#[derive(Debug)]
struct Bucket {
    level: u64,
    burst: u64,
    per_second: u64,
    at_ms: u64,
}

impl Bucket {
    const fn new(burst: u64, per_second: u64, now_ms: u64) -> Self {
        Self { level: burst * 1_000, burst, per_second, at_ms: now_ms }
    }

    fn take(&mut self, amount: u64, now_ms: u64) -> bool {
        let passed = now_ms.saturating_sub(self.at_ms);
        self.at_ms = self.at_ms.max(now_ms);
        let filled = self.level.saturating_add(passed.saturating_mul(self.per_second));
        self.level = filled.min(self.burst * 1_000);
        let Some(left) = self.level.checked_sub(amount.saturating_mul(1_000)) else {
            return false;
        };
        self.level = left;
        true
    }
}

impl Budget {
    /// A full budget.
    pub(super) const fn new(now_ms: u64) -> Self {
        Self {
            frames: Bucket::new(FRAMES_BURST, FRAMES_PER_SECOND, now_ms),
            bytes: Bucket::new(BYTES_BURST, BYTES_PER_SECOND, now_ms),
            notes: Bucket::new(NOTES_BURST, NOTES_PER_SECOND, now_ms),
        }
    }

    /// Takes one frame out of the budget.
    ///
    /// # Errors
    /// What there was too much of.
    pub(super) fn spend(&mut self, bytes: usize, now_ms: u64) -> Result<(), &'static str> {
        if !self.frames.take(1, now_ms) {
            return Err("frames");
        }
        if !self.bytes.take(u64::try_from(bytes).unwrap_or(u64::MAX), now_ms) {
            return Err("bytes");
        }
        Ok(())
    }

    /// Whether one more note is taken.
    pub(super) fn takes_note(&mut self, now_ms: u64) -> bool {
        self.notes.take(1, now_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_spent_and_comes_back() {
        let mut budget = Budget::new(0);
        for _ in 0..FRAMES_BURST {
            assert_eq!(budget.spend(1, 0), Ok(()));
        }
        assert_eq!(budget.spend(1, 0), Err("frames"));
        for _ in 0..FRAMES_PER_SECOND {
            assert_eq!(budget.spend(1, 1_000), Ok(()));
        }
        assert_eq!(budget.spend(1, 1_000), Err("frames"));
        assert_eq!(budget.spend(1, 0), Err("frames"), "a clock that goes back gives nothing");
        assert_eq!(Budget::new(0).spend(usize::MAX, 0), Err("bytes"));
    }
}
