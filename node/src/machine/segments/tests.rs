//! Segments as bytes, and which of them change.

use ed25519_dalek::SigningKey;
use starling_crdt::id::{Handle, WorkspaceId};
use starling_crdt::payload::Payload;
use starling_crdt::record::Record;
use starling_crdt::signed::device_key;
use starling_crdt::text::Label;

use super::*;

/// A signed record that differs for each `n`.
fn record(n: u64) -> Signed<Verified> {
    let key = SigningKey::from_bytes(&[1; 32]);
    let handle: Handle = "alice".parse().unwrap();
    let record = Record {
        workspace: WorkspaceId::from_bytes([0; 32]),
        stream: StreamKey::from_bytes([0; 32]),
        author: device_key(&key),
        roster: Vec::new(),
        deps: Vec::new(),
        at_ms: n,
        payload: Payload::Found { handle, label: Label::new("laptop").unwrap(), recovery: None },
    };
    Signed::sign(record, &key).unwrap()
}

fn stamped(records: &[(u64, Signed<Verified>)]) -> impl Iterator<Item = (Stamp, &Signed<Verified>)> {
    records.iter().map(|(lamport, record)| ((*lamport, record.id()), record))
}

fn paths(change: &Change) -> Vec<&str> {
    change.writes.iter().map(|(path, _)| path.as_str()).collect()
}

#[test]
fn a_segment_is_a_function_of_the_set() {
    let mut records: Vec<_> = (0..20).map(|n| (n / 3, record(n))).collect();
    let forward = change("f", stamped(&records), &mut None);
    records.reverse();
    assert_eq!(change("f", stamped(&records), &mut None), forward);
    assert_eq!(paths(&forward), ["f/0"]);
    assert_eq!(forward.removes, ["f"]);
    let wires = parse(&forward.writes[0].1).unwrap();
    records.sort_by_key(|(lamport, record)| (*lamport, record.id()));
    assert_eq!(wires, records.iter().map(|(_, record)| record.wire()).collect::<Vec<_>>());
    assert_eq!(render(wires), forward.writes[0].1);
}

#[test]
fn a_new_record_rewrites_its_own_segment_alone() {
    let mut records = vec![(1, record(1)), (255, record(2)), (256, record(3)), (70_000, record(4))];
    let mut shown = None;
    assert_eq!(paths(&change("f", stamped(&records), &mut shown)), ["f/0", "f/1", "f/273"]);
    records.push((511, record(5)));
    let next = change("f", stamped(&records), &mut shown);
    assert_eq!((paths(&next), next.removes.len()), (vec!["f/1"], 0));
    assert_eq!(change("f", stamped(&records), &mut shown), Change::default());
}

#[test]
fn segments_of_records_that_count_no_more_are_removed() {
    let records = [(1, record(1)), (300, record(2)), (301, record(3)), (600, record(4))];
    let mut shown = None;
    change("f", stamped(&records), &mut shown);
    let fewer = change("f", stamped(&records[..2]), &mut shown);
    assert_eq!((paths(&fewer), &fewer.removes), (vec!["f/1"], &vec!["f/2".to_owned()]));
    let none = change("f", stamped(&[]), &mut shown);
    assert_eq!((none.writes.len(), none.removes), (0, vec!["f/0".to_owned(), "f/1".to_owned()]));
}

#[test]
fn what_is_no_segment_is_refused_as_a_whole() {
    let good = render([record(1).wire(), record(2).wire()]);
    assert_eq!(parse(&good).unwrap().len(), 2);
    assert_eq!(parse(&[]), Err(SegmentError::Empty));
    for end in 1..good.len() {
        let first = LENGTH_BYTES + record(1).wire().len();
        assert_eq!(parse(&good[..end]).is_ok(), end == first, "cut at {end}");
    }
    for length in [0, SIGNATURE_BYTES - 1, WIRE_BYTES_MAX + 1, usize::try_from(u32::MAX).unwrap()] {
        let mut bytes = u32::try_from(length).unwrap().to_be_bytes().to_vec();
        bytes.resize(LENGTH_BYTES + length.min(2 * WIRE_BYTES_MAX), 7);
        assert_eq!(parse(&bytes), Err(SegmentError::Length(length)));
    }
    for length in [SIGNATURE_BYTES, WIRE_BYTES_MAX] {
        assert_eq!(parse(&render([vec![7; length].as_slice()])).unwrap(), [vec![7; length]]);
    }
}

#[test]
fn names_are_plain_numbers() {
    assert_eq!(number_of("0"), Some(0));
    assert_eq!(number_of("17"), Some(17));
    for bad in ["", "00", "017", "+1", "-1", "1.yaml", "18446744073709551616", " 1"] {
        assert_eq!(number_of(bad), None, "{bad}");
    }
    assert_eq!(
        session_folder(&StreamKey::from_bytes([0xab; 32])),
        format!("{RECORDS_FOLDER}/ab/{}", "ab".repeat(32))
    );
}
