//! A memory of signatures that were checked, for a process that plays many replicas at once: each of a thousand simulated
//! nodes reads and checks the same record, and all come to the same. Off unless [`remember`] was called, and a thread's
//! own.
//!
//! It is sound because what a record says and whether its signature is good are functions of its bytes alone (the
//! author's key is among them): the memory is keyed by the record's id, which is a hash of all bytes but the signature,
//! and by the signature. Other bytes under the same id are read and checked as ever. Of a bad signature nothing is kept
//! but that key, so it turns away these very bytes and no others.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use crate::id::RecordId;
use crate::limits::SIGNATURE_BYTES;
use crate::signed::{Signed, Verified};

type Key = (RecordId, [u8; SIGNATURE_BYTES]);

struct Memory {
    capacity: usize,
    good: BTreeMap<Key, Signed<Verified>>,
    bad: BTreeSet<Key>,
}

impl Memory {
    const fn new() -> Self {
        Self { capacity: 0, good: BTreeMap::new(), bad: BTreeSet::new() }
    }
}

thread_local! {
    static MEMORY: RefCell<Memory> = const { RefCell::new(Memory::new()) };
}

/// From now on this thread remembers up to `capacity` good records (an ordinary one takes less than a kilobyte; a full
/// memory starts anew), and as many bad signatures (100 bytes each). 0 forgets all of them and remembers none.
pub fn remember(capacity: usize) {
    MEMORY.with_borrow_mut(|memory| *memory = Memory { capacity, ..Memory::new() });
}

/// The record with these bytes, if its signature was good before.
pub(crate) fn recall(id: RecordId, signature: &[u8]) -> Option<Signed<Verified>> {
    let signature = signature.try_into().ok()?;
    MEMORY.with_borrow(|memory| memory.good.get(&(id, signature)).cloned())
}

/// Whether the signature under the record with this id was bad before.
pub(crate) fn is_bad(id: RecordId, signature: &[u8]) -> bool {
    let Ok(signature) = signature.try_into() else { return false };
    MEMORY.with_borrow(|memory| memory.bad.contains(&(id, signature)))
}

/// A signature that is not good.
pub(crate) fn note_bad(id: RecordId, signature: &[u8]) {
    let Ok(signature) = signature.try_into() else { return };
    MEMORY.with_borrow_mut(|memory| {
        if memory.capacity == 0 {
            return;
        }
        if memory.bad.len() >= memory.capacity {
            memory.bad.clear();
        }
        memory.bad.insert((id, signature));
    });
}

/// A record whose signature is good.
pub(crate) fn note(record: &Signed<Verified>) {
    let Ok(signature) = record.signature_bytes().try_into() else {
        return;
    };
    MEMORY.with_borrow_mut(|memory| {
        if memory.capacity == 0 {
            return;
        }
        if memory.good.len() >= memory.capacity {
            memory.good.clear();
        }
        memory.good.insert((record.id(), signature), record.clone());
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signed::{Received, device_key};
    use crate::testing::{Workspace, key};

    fn is_taken(wire: &[u8]) -> bool {
        match Signed::decode(wire) {
            Ok(Received::Record(record)) => record.verify().is_ok(),
            other => panic!("{other:?}"),
        }
    }

    fn recalled(wire: &[u8]) -> Option<Signed<Verified>> {
        let (_, signature) = wire.split_at(wire.len() - SIGNATURE_BYTES);
        recall(crate::signed::id_of_wire(wire).unwrap(), signature)
    }

    fn is_known_bad(wire: &[u8]) -> bool {
        let (_, signature) = wire.split_at(wire.len() - SIGNATURE_BYTES);
        is_bad(crate::signed::id_of_wire(wire).unwrap(), signature)
    }

    #[test]
    fn a_bad_signature_is_refused_after_a_good_one_under_the_same_id() {
        let good = Workspace::new().open().wire().to_vec();
        let other = |at: usize| {
            let mut wire = good.clone();
            wire[at] ^= 1;
            wire
        };
        let bad = [other(good.len() - 1), other(good.len() - SIGNATURE_BYTES)];
        remember(8);
        for _ in 0..2 {
            assert!(bad.iter().all(|wire| !is_taken(wire)));
            assert!(is_taken(&good), "bad ones under its id do not turn it away");
            assert_eq!(recalled(&good).unwrap().wire(), good);
            assert!(bad.iter().all(|wire| recalled(wire).is_none() && is_known_bad(wire)));
            assert!(!is_known_bad(&good));
        }
        remember(0);
        assert!(recalled(&good).is_none() && is_taken(&good) && bad.iter().all(|wire| !is_taken(wire)));
    }

    #[test]
    fn it_is_off_until_asked_for_and_bounded_then() {
        let workspace = Workspace::new();
        let first = workspace.open();
        assert!(is_taken(first.wire()) && recalled(first.wire()).is_none());
        remember(2);
        for at_ms in 0..10 {
            let mut record = first.record().clone();
            record.at_ms += at_ms;
            let writer = (0..=u8::MAX).map(key).find(|key| device_key(key) == record.author).unwrap();
            assert!(recalled(Signed::sign(record, &writer).unwrap().wire()).is_some(), "one's own as well");
            note_bad(first.id(), &[u8::try_from(at_ms).unwrap(); SIGNATURE_BYTES]);
            assert!(MEMORY.with_borrow(|memory| memory.good.len().max(memory.bad.len())) <= 2);
        }
        remember(0);
    }
}
