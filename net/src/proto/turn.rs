//! One exchange of sessions at a time. A node that heals a partition hears of the same missing records from many peers
//! at once, and would get each of them several times; so peers take turns, and each finds only what is still missing.
//! A turn is short when nothing moves and bounded when something does, so no peer can keep the others away.

use starling_crdt::id::DeviceKey;

use super::limits::{TURN_IDLE_MS, TURN_MS};

/// Whose turn it is.
#[derive(Debug, Default)]
pub(super) struct Turn(Option<Hold>);

#[derive(Debug, Clone, Copy)]
struct Hold {
    peer: DeviceKey,
    since_ms: u64,
    moved_at_ms: u64,
}

impl Turn {
    /// Whether an exchange with `peer` may start, or go on.
    pub(super) fn is_free_for(&self, peer: &DeviceKey, now_ms: u64) -> bool {
        self.0.is_none_or(|hold| {
            hold.peer == *peer
                || now_ms >= hold.moved_at_ms.saturating_add(TURN_IDLE_MS)
                || now_ms >= hold.since_ms.saturating_add(TURN_MS)
        })
    }

    /// Something came from `peer`: it takes the turn, or keeps it, unless another one has it.
    pub(super) fn hold(&mut self, peer: DeviceKey, now_ms: u64) {
        if !self.is_free_for(&peer, now_ms) {
            return;
        }
        let since_ms = match self.0 {
            Some(hold) if hold.peer == peer => hold.since_ms,
            Some(_) | None => now_ms,
        };
        self.0 = Some(Hold { peer, since_ms, moved_at_ms: now_ms });
    }

    /// `peer` needs no turn any more.
    pub(super) fn release(&mut self, peer: &DeviceKey) {
        self.0.take_if(|hold| hold.peer == *peer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_ends_when_nothing_moves_and_when_it_lasts_too_long() {
        let [a, b] = [1, 2].map(|byte| DeviceKey::from_bytes([byte; 32]));
        let mut turn = Turn::default();
        turn.hold(a, 0);
        assert!(turn.is_free_for(&a, 1) && !turn.is_free_for(&b, 1));
        turn.hold(b, 1);
        assert!(!turn.is_free_for(&b, TURN_IDLE_MS - 1), "who has no turn takes none");
        assert!(turn.is_free_for(&b, TURN_IDLE_MS));
        let mut now = 0;
        while !turn.is_free_for(&b, now) {
            turn.hold(a, now);
            now += 10;
        }
        assert_eq!(now, TURN_MS);
        turn.hold(b, now);
        turn.release(&a);
        assert!(!turn.is_free_for(&a, now));
        turn.release(&b);
        assert!(turn.is_free_for(&a, now));
    }
}
