//! A frame with a record is read as it came, and only the author's signature makes it a verified one. What the input
//! cannot do, sign, is done here: the record that it spells is given to a device of ours.

#![no_main]

use libfuzzer_sys::fuzz_target;
use starling_crdt::signed::{Received, Signed, Unverified, Verified, id_of_wire};

fn read(wire: &[u8]) -> Option<Signed<Unverified>> {
    match Signed::decode(wire) {
        Ok(Received::Record(signed)) => {
            assert_eq!(signed.wire(), wire);
            assert_eq!(Some(signed.id()), id_of_wire(wire));
            Some(signed)
        }
        Ok(Received::NeedsUpgrade { id, wire: held, .. }) => {
            assert_eq!(&*held, wire);
            assert_eq!(Some(id), id_of_wire(wire));
            None
        }
        Err(_) => None,
    }
}

/// A good signature is good, and no other one is.
fn sign(wire: &[u8], signed: &Signed<Unverified>) {
    let bit = wire.iter().fold(0usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(*byte)));
    let mut record = signed.record().clone();
    record.author = starling_fuzz::device(bit);
    let ours = Signed::sign(record, starling_fuzz::key(bit)).expect("another author changes no bound");
    let read_back = read(ours.wire()).expect("what was signed is read");
    let verified: Signed<Verified> = read_back.verify().expect("our own signature");
    assert_eq!(verified, ours);
    let mut forged = ours.wire().to_vec();
    let at = forged.len() - 1 - bit / 8 % 64;
    forged[at] ^= 1 << (bit % 8);
    let forged = read(&forged).expect("the record is the same");
    assert_eq!(forged.id(), ours.id());
    assert!(forged.verify().is_err(), "a changed signature is good");
}

fuzz_target!(|input: &[u8]| {
    let Some(signed) = read(input) else {
        return;
    };
    sign(input, &signed);
    if let Ok(verified) = signed.clone().verify() {
        assert_eq!(verified.id(), signed.id());
    }
});
