//! What was heard of an author of passed notes lately: which numbers, so that each is taken once though they may overtake
//! each other on different ways (the window of IPsec, RFC 4303, section 3.4.3), and how many, so that nobody fills the ways
//! of others.

/// Numbers below the highest that are still told apart.
const WINDOW: u64 = 64;
/// Notes of one author that are passed on in a second: half of what a connection takes.
const NOTES_PER_SECOND: u32 = 10;
/// Calls of one author: each goes to several devices.
const CALLS_PER_SECOND: u32 = 4;

/// How much there was in the current second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Rate {
    second: u64,
    count: u32,
}

impl Rate {
    /// Whether one more is within `most` a second; then it is counted.
    pub(super) fn take(&mut self, now_ms: u64, most: u32) -> bool {
        let second = now_ms / 1_000;
        if self.second != second {
            *self = Self { second, count: 0 };
        }
        self.count = self.count.saturating_add(1);
        self.count <= most
    }
}

/// One author.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Heard {
    highest: u64,
    /// Bit `n` stands for the number `highest - n`.
    seen: u64,
    pub(super) at_ms: u64,
    notes: Rate,
    calls: Rate,
}

impl Heard {
    /// Whether a number was heard, or is too old to tell.
    pub(super) const fn has(&self, number: u64) -> bool {
        match self.highest.checked_sub(number) {
            Some(below) => below >= WINDOW || (self.seen >> below) & 1 == 1,
            None => false,
        }
    }

    /// Takes a new number; returns whether it is the highest so far.
    pub(super) fn note(&mut self, number: u64, now_ms: u64) -> bool {
        self.at_ms = now_ms;
        let Some(above) = number.checked_sub(self.highest).filter(|above| *above > 0 || self.seen == 0)
        else {
            let below = self.highest.saturating_sub(number);
            self.seen |= 1_u64.checked_shl(u32::try_from(below).unwrap_or(u32::MAX)).unwrap_or(0);
            return false;
        };
        let moved = u32::try_from(above).ok().and_then(|above| self.seen.checked_shl(above));
        (self.highest, self.seen) = (number, moved.unwrap_or(0) | 1);
        true
    }

    /// Whether one more of its notes may be passed on.
    pub(super) fn may_pass(&mut self, is_call: bool, now_ms: u64) -> bool {
        match is_call {
            true => self.calls.take(now_ms, CALLS_PER_SECOND),
            false => self.notes.take(now_ms, NOTES_PER_SECOND),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_is_taken_once_in_whatever_order() {
        let mut heard = Heard::default();
        for number in [500, 502, 501, 510, 503, 573, 511] {
            assert!(!heard.has(number), "{number}");
            heard.note(number, 1);
            assert!(heard.has(number), "{number}");
        }
        // What is below the window may be an old one.
        assert!(heard.has(509) && heard.has(0) && !heard.has(512) && !heard.has(574));
        assert!(heard.note(10_000, 1) && !heard.note(9_990, 1));
        assert!(heard.has(573) && heard.has(9_990) && !heard.has(9_991));
    }

    #[test]
    fn the_first_number_may_be_any() {
        for first in [0, 1, u64::MAX] {
            let mut heard = Heard::default();
            assert!(first == 0 || !heard.has(first));
            assert!(heard.note(first, 1) && heard.has(first));
        }
    }

    #[test]
    fn nobody_is_passed_on_without_end() {
        let mut heard = Heard::default();
        let passed =
            |heard: &mut Heard, is_call, now| (0..100).filter(|_| heard.may_pass(is_call, now)).count();
        assert_eq!((passed(&mut heard, true, 5_100), passed(&mut heard, false, 5_900)), (4, 10));
        assert_eq!(passed(&mut heard, true, 6_000), 4);
    }
}
