//! A segment of an export is read in one way only, whatever its bytes are; and what a restore makes of such a file, as the
//! roster's or a session's, is a set of records that is written as a segment again.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use starling_crdt::limits::{SIGNATURE_BYTES, WIRE_BYTES_MAX};
use starling_fuzz::session::here;
use starling_node::machine::restoring::{self, Copy, Restoring};
use starling_node::machine::segments::{parse, render};

/// The place of the histories, restored.
static RESTORING: LazyLock<Restoring> = LazyLock::new(|| {
    let founded = render(here().roster.records().map(|record| record.wire()));
    let (restoring, troubles) = Restoring::begin(&copies_of(&founded)).expect("the place has a roster");
    assert!(troubles.is_empty(), "{troubles:?}");
    restoring
});

/// Cut anywhere, a segment is refused, or is its first records.
fn cut(input: &[u8], wires: &[&[u8]]) {
    let last = wires.last().map_or(0, |wire| wire.len());
    for end in [input.len() - 1, input.len() - last, input.len() - last / 2 - 1] {
        if let Ok(fewer) = parse(&input[..end]) {
            assert!(fewer.len() < wires.len() && wires.starts_with(&fewer));
        }
    }
}

/// The bytes as the one file of a folder.
fn copies_of(input: &[u8]) -> [Copy; 1] {
    let files = vec![("0".to_owned(), Ok(input.to_vec()))];
    [Copy { branch: "main".to_owned(), unlisted: None, files }]
}

fn restore(input: &[u8]) {
    let copies = copies_of(input);
    if let Ok((roster, _)) = Restoring::begin(&copies) {
        let wires: Vec<_> = roster.roster().records().map(|record| record.wire()).collect();
        assert_eq!(parse(&render(wires.iter().copied())).as_ref(), Ok(&wires), "the roster");
    }
    let of_place = &*RESTORING;
    let key = here().session().key();
    if let Ok(whole) = of_place.session(key, &copies) {
        let rows = restoring::rows(&key, whole.records.iter(), None);
        let again = render(rows.iter().map(|row| &row.wire[..]));
        let twice = of_place.session(key, &copies_of(&again)).expect("whole, so whole again");
        assert_eq!(twice.records, whole.records);
    }
}

fuzz_target!(|input: &[u8]| {
    let parsed = parse(input);
    if let Ok(wires) = &parsed {
        assert!(!wires.is_empty());
        assert!(wires.iter().all(|wire| (SIGNATURE_BYTES..=WIRE_BYTES_MAX).contains(&wire.len())));
        assert_eq!(render(wires.iter().copied()), input, "a second spelling");
        cut(input, wires);
    }
    // Any pieces of the right length are a segment.
    let pieces: Vec<_> =
        input.chunks(SIGNATURE_BYTES + 1).filter(|piece| piece.len() > SIGNATURE_BYTES).collect();
    if !pieces.is_empty() {
        assert_eq!(parse(&render(pieces.iter().copied())), Ok(pieces));
    }
    restore(input);
});
