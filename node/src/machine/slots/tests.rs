//! Which sessions are closed when too many are open. What a session does while it is open is tried over whole nodes, in
//! `simulations`.

use ed25519_dalek::SigningKey;
use starling_crdt::id::{RecordId, WorkspaceId};
use starling_crdt::payload::Payload;
use starling_crdt::record::Record;
use starling_crdt::roster::Roster;
use starling_crdt::session::Offer;
use starling_crdt::signed::{Signed, device_key};

use super::*;

/// A session in which a record waits for one that never comes.
fn pinned(key: StreamKey) -> Session {
    let (signer, workspace) = (SigningKey::from_bytes(&[7; 32]), WorkspaceId::from_bytes([1; 32]));
    let record = Record {
        workspace,
        stream: key,
        author: device_key(&signer),
        roster: vec![RecordId::from_bytes([2; 32])],
        deps: vec![RecordId::from_bytes([3; 32])],
        at_ms: 1,
        payload: Payload::Archive {},
    };
    let mut session = Session::new(workspace, key);
    let offer = session.offer(Signed::sign(record, &signer).unwrap(), &Roster::new(workspace));
    assert!(matches!(offer, Offer::Waiting { .. }));
    session
}

#[test]
fn what_waits_for_ever_keeps_no_session_open() {
    let mut slots = Slots::default();
    let settled = StreamKey::from_bytes([255; 32]);
    slots.slot(settled).replica =
        Replica::Open(Box::new(Open::new(Session::new(WorkspaceId::from_bytes([1; 32]), settled))));
    for n in 0..=OPEN_MAX {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&n.to_be_bytes());
        let key = StreamKey::from_bytes(key);
        slots.slot(key).replica = Replica::Open(Box::new(Open::new(pinned(key))));
    }
    slots.open = OPEN_MAX + 2;
    slots.evict();
    assert_eq!((slots.open, slots.open_keys().len()), (OPEN_MAX / 2, OPEN_MAX / 2));
    assert!(!slots.open_keys().contains(&settled), "one in which nothing waits goes first");
}
