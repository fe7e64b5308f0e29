//! A memory of records with good signatures, for a process that plays many replicas at once: each of a thousand simulated
//! nodes reads and checks the same record, and all come to the same. Off unless [`remember`] was called, and a thread's
//! own.
//!
//! It is sound because what a record says and whether its signature is good are functions of its bytes alone (the
//! author's key is among them): the memory is keyed by the record's id, which is a hash of all bytes but the signature,
//! and by the signature. Other bytes under the same id are read and checked as ever. Only good signatures are kept, so
//! nothing that somebody sends can make a good record be turned away.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::id::RecordId;
use crate::limits::SIGNATURE_BYTES;
use crate::signed::{Signed, Verified};

type Key = (RecordId, [u8; SIGNATURE_BYTES]);

struct Memory {
    capacity: usize,
    good: BTreeMap<Key, Signed<Verified>>,
}

thread_local! {
    static MEMORY: RefCell<Memory> = const { RefCell::new(Memory { capacity: 0, good: BTreeMap::new() }) };
}

/// From now on this thread remembers up to `capacity` good records (an ordinary one takes less than a kilobyte; a full
/// memory starts anew). 0 forgets all of them and remembers none.
pub fn remember(capacity: usize) {
    MEMORY.with_borrow_mut(|memory| {
        memory.capacity = capacity;
        memory.good.clear();
    });
}

/// The record with these bytes, if its signature was good before.
pub(crate) fn recall(id: RecordId, signature: &[u8]) -> Option<Signed<Verified>> {
    let signature = signature.try_into().ok()?;
    MEMORY.with_borrow(|memory| memory.good.get(&(id, signature)).cloned())
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
            assert!(is_taken(&good));
            assert_eq!(recalled(&good).unwrap().wire(), good);
            assert!(bad.iter().all(|wire| recalled(wire).is_none()), "only good ones are kept");
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
            assert!(MEMORY.with_borrow(|memory| memory.good.len()) <= 2);
        }
        remember(0);
    }
}
