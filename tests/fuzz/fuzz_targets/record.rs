//! INV-9: no bytes panic. And bytes that are a record are that record's only encoding, and give it a stable id.

#![no_main]

use libfuzzer_sys::fuzz_target;
use starling_crdt::record::{Decoded, Record, id_of};

fuzz_target!(|input: &[u8]| {
    match Record::decode(input) {
        Ok(Decoded::Record(record)) => {
            let again = record.encode();
            assert_eq!(again, input, "not the only encoding");
            assert_eq!(id_of(&again), id_of(input));
            assert_eq!(record.check_bounds(), Ok(()));
            assert_eq!(Record::decode(&again), Ok(Decoded::Record(record)));
        }
        // Held as it is; nothing of it may be lost, so there is nothing to compare.
        Ok(Decoded::NeedsUpgrade { .. }) => {}
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
