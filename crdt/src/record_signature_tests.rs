//! Signatures: whose they are, and those that would fit many messages.

use super::sample;
use crate::record::DecodeError;
use crate::signed::{Received, Signed, id_of_wire};
use crate::testing::{STRANGER, Workspace, key};

#[test]
fn a_signature_is_its_authors_alone() {
    let workspace = Workspace::new();
    let signed = workspace.open();
    let wire = signed.wire().to_vec();
    let verify = |wire: &[u8]| match Signed::decode(wire) {
        Ok(Received::Record(record)) => record.verify().map(|verified| verified.id()),
        other => panic!("{other:?}"),
    };
    assert_eq!(verify(&wire), Ok(signed.id()));
    assert_eq!(id_of_wire(&wire), Some(signed.id()));
    for bit in 0..64 * 8 {
        let mut flipped = wire.clone();
        let at = wire.len() - 64 + bit / 8;
        flipped[at] ^= 1 << (bit % 8);
        assert!(verify(&flipped).is_err(), "bit {bit}");
        assert_eq!(id_of_wire(&flipped), Some(signed.id()), "the id does not see the signature");
    }
    let other = Signed::sign(signed.record().clone(), &key(STRANGER));
    assert!(matches!(other, Err(DecodeError::Bounds(_))), "another's key");
    let mut elsewhere = signed.record().clone();
    elsewhere.at_ms += 1;
    let moved = [&elsewhere.encode()[..], &wire[wire.len() - 64..]].concat();
    assert!(verify(&moved).is_err(), "another record's signature");
}

#[test]
fn keys_and_signatures_that_verify_for_many_messages_are_refused() {
    // The neutral point as key and as R, with S = 0: plain verification accepts it for every message.
    let mut neutral = [0; 32];
    neutral[0] = 1;
    let mut record = sample();
    record.author = crate::id::DeviceKey::from_bytes(neutral);
    let wire = [&record.encode()[..], &neutral, &[0; 32]].concat();
    let Ok(Received::Record(received)) = Signed::decode(&wire) else {
        panic!("its form is right");
    };
    assert!(received.verify().is_err());
    // S + the group's order says the same as S, in other bytes.
    let signed = Workspace::new().open();
    let mut wire = signed.wire().to_vec();
    let order: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let start = wire.len() - 32;
    let mut carry = 0_u16;
    for (byte, add) in wire[start..].iter_mut().zip(order) {
        carry += u16::from(*byte) + u16::from(add);
        *byte = u8::try_from(carry & 0xff).unwrap();
        carry >>= 8;
    }
    let Ok(Received::Record(received)) = Signed::decode(&wire) else {
        panic!("its form is right");
    };
    assert!(received.verify().is_err());
}
