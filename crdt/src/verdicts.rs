//! A memory of good signatures, for a process that plays many replicas at once: each of a thousand simulated nodes checks
//! the same record, and all get the same answer. Off unless [`remember`] was called, and a thread's own.
//!
//! It is sound because a verdict is a function of the signed bytes alone (the author's key is among them): the memory is
//! keyed by a hash of all of them, signature included, so other bytes under the same record id are checked as ever. Only
//! good verdicts are kept, so nothing that somebody sends can make a good record be turned away.

use std::cell::RefCell;
use std::collections::BTreeSet;

struct Memory {
    capacity: usize,
    good: BTreeSet<[u8; 32]>,
}

thread_local! {
    static MEMORY: RefCell<Memory> = const { RefCell::new(Memory { capacity: 0, good: BTreeSet::new() }) };
}

/// From now on this thread remembers up to `capacity` good signatures (about 50 bytes each; a full memory starts anew). 0
/// forgets all of them and remembers none.
pub fn remember(capacity: usize) {
    MEMORY.with_borrow_mut(|memory| {
        memory.capacity = capacity;
        memory.good.clear();
    });
}

/// What `wire` is remembered under; `None` while nothing is remembered.
pub(crate) fn key_of(wire: &[u8]) -> Option<[u8; 32]> {
    let is_on = MEMORY.with_borrow(|memory| memory.capacity > 0);
    is_on.then(|| *blake3::hash(wire).as_bytes())
}

/// Whether the signature of these bytes was good before.
pub(crate) fn is_good(key: &[u8; 32]) -> bool {
    MEMORY.with_borrow(|memory| memory.good.contains(key))
}

/// The signature of these bytes is good.
pub(crate) fn note_good(key: [u8; 32]) {
    MEMORY.with_borrow_mut(|memory| {
        if memory.good.len() >= memory.capacity {
            memory.good.clear();
        }
        memory.good.insert(key);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signed::{Received, Signed};
    use crate::testing::Workspace;

    fn is_taken(wire: &[u8]) -> bool {
        match Signed::decode(wire) {
            Ok(Received::Record(record)) => record.verify().is_ok(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_bad_signature_is_refused_after_a_good_one_under_the_same_id() {
        remember(8);
        let good = Workspace::new().open().wire().to_vec();
        let mut bad = good.clone();
        bad[good.len() - 1] ^= 1;
        let mut moved = good.clone();
        moved[good.len() - 64] ^= 1;
        for _ in 0..2 {
            assert!(!is_taken(&bad) && !is_taken(&moved));
            assert!(is_taken(&good));
        }
        let known = key_of(&good).unwrap();
        assert!(is_good(&known));
        assert!(!is_good(&key_of(&bad).unwrap()) && !is_good(&key_of(&moved).unwrap()), "only good ones");
        remember(0);
        assert!(!is_good(&known) && key_of(&good).is_none());
    }

    #[test]
    fn it_is_off_until_asked_for_and_bounded_then() {
        let good = Workspace::new().open().wire().to_vec();
        assert!(is_taken(&good) && key_of(&good).is_none());
        remember(4);
        for n in 0..100_u8 {
            note_good([n; 32]);
            assert!(MEMORY.with_borrow(|memory| memory.good.len()) <= 4);
        }
        remember(0);
    }
}
