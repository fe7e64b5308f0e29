//! The bytes of records: golden vectors, strictness, and that no bytes panic. `golden` has the vectors.

#[path = "record_golden_tests.rs"]
mod golden;
#[path = "record_random_tests.rs"]
mod random;
#[path = "record_signature_tests.rs"]
mod signature;

use super::{DecodeError, Decoded, Envelope, Record, id_of, to_bytes};
use crate::id::{RecordId, StreamKey, WorkspaceId};
use crate::limits::{AT_MS_MAX, DEPS_MAX, ROSTER_HEADS_MAX, WIRE_BYTES_MAX};
use crate::payload::{Cut, MemberRole, Payload};
use crate::signed::{Received, Signed, id_of_wire};
use crate::testing::{FOUNDER, Workspace, device, message};

fn sample() -> Record {
    let workspace = Workspace::new();
    let open = workspace.open();
    workspace.record(FOUNDER, &[open.id()], message("a message of more than 24 bytes")).record().clone()
}

fn envelope(record: &Record) -> Envelope {
    Envelope {
        version: 1,
        kind: record.payload.kind(),
        role: record.payload.role().code(),
        workspace: record.workspace,
        stream: record.stream,
        author: record.author,
        roster: record.roster.clone(),
        deps: record.deps.clone(),
        at_ms: record.at_ms,
        payload: to_bytes(&record.payload),
    }
}

/// What becomes of the sample with another envelope.
fn decode_with(change: impl Fn(&mut Envelope)) -> Result<Decoded, DecodeError> {
    let mut envelope = envelope(&sample());
    change(&mut envelope);
    Record::decode(&to_bytes(&envelope))
}

fn id(n: u8) -> RecordId {
    RecordId::from_bytes([n; 32])
}

fn ids(n: usize) -> Vec<RecordId> {
    (0..n).map(|n| id(u8::try_from(n).unwrap())).collect()
}

#[test]
fn the_helper_makes_what_encode_makes() {
    let record = sample();
    assert_eq!(to_bytes(&envelope(&record)), record.encode());
    assert_eq!(Record::decode(&record.encode()), Ok(Decoded::Record(record)));
}

#[test]
fn other_encodings_of_the_same_record_are_refused() {
    let bytes = sample().encode();
    assert_eq!(bytes[0], 0x8a, "an array of ten");
    let payload_head = bytes.len() - to_bytes(&sample().payload).len() - 2;
    let splice = |from: usize, to: usize, with: &[u8]| [&bytes[..from], with, &bytes[to..]].concat();
    for (name, other) in [
        ("trailing byte", [&bytes[..], &[0]].concat()),
        ("long-form array", splice(0, 1, &[0x98, 10])),
        ("longer-form array", splice(0, 1, &[0x99, 0, 10])),
        ("indefinite array", [&[0x9f][..], &bytes[1..], &[0xff]].concat()),
        ("long-form version", splice(1, 2, &[0x18, 1])),
        ("long-form kind", splice(2, 3, &[0x18, 2])),
        ("longer-form kind", splice(2, 3, &[0x19, 0, 2])),
        ("tagged", [&[0xc0][..], &bytes].concat()),
        ("one element more", [&[0x8b][..], &bytes[1..], &[0]].concat()),
        ("one element less", splice(0, 1, &[0x89])),
        (
            "long-form payload length",
            splice(payload_head, payload_head + 2, &[0x59, 0, bytes[payload_head + 1]]),
        ),
        ("indefinite payload", [&bytes[..payload_head], &[0x5f], &bytes[payload_head..], &[0xff]].concat()),
        ("empty", Vec::new()),
    ] {
        let refused = Record::decode(&other);
        assert!(
            matches!(refused, Err(DecodeError::NotCanonical | DecodeError::Malformed(_))),
            "{name}: {refused:?}"
        );
    }
    assert_eq!(bytes[payload_head], 0x58, "the offset of the payload is right");
}

#[test]
fn other_encodings_of_the_payload_are_refused() {
    let payload = to_bytes(&sample().payload);
    assert_eq!(payload[..2], [0x82, 0x02], "kind, fields");
    let refuses = |name: &str, other: Vec<u8>| {
        let refused = decode_with(|envelope| envelope.payload = other.clone());
        assert!(
            matches!(refused, Err(DecodeError::NotCanonical | DecodeError::Malformed(_))),
            "{name}: {refused:?}"
        );
    };
    refuses("trailing byte", [&payload[..], &[0]].concat());
    refuses("long-form kind", [&[0x82, 0x18, 2][..], &payload[2..]].concat());
    refuses("indefinite", [&[0x9f][..], &payload[1..], &[0xff]].concat());
    refuses("empty", Vec::new());
    // The third field, `reply_to`, is absent: a null says the same in other bytes.
    assert_eq!(payload[2], 0x82);
    refuses("a null", [&[0x82, 0x02, 0x83][..], &payload[3..], &[0xf6]].concat());
    refuses("two nulls", [&[0x82, 0x02, 0x84][..], &payload[3..], &[0xf6, 0xf6]].concat());
    refuses("a field less", [&[0x82, 0x02, 0x81][..], &payload[3..]].concat());
}

#[test]
fn kind_and_role_must_fit_the_payload() {
    let bounds = |result| matches!(result, Err(DecodeError::Bounds(_)));
    assert!(bounds(decode_with(|e| e.kind = 3)));
    assert!(bounds(decode_with(|e| e.kind = 1)));
    for role in [0, 2, 3, 4, 255] {
        assert!(bounds(decode_with(|e| e.role = role)), "{role}");
    }
    assert!(bounds(decode_with(|e| e.version = 0)), "there was no version 0");
}

#[test]
fn deps_and_roster_heads_are_bounded_sorted_sets() {
    let bounds = |result| matches!(result, Err(DecodeError::Bounds(_)));
    assert!(decode_with(|e| e.deps = ids(DEPS_MAX)).is_ok());
    assert!(decode_with(|e| e.roster = ids(ROSTER_HEADS_MAX)).is_ok());
    for bad in [ids(DEPS_MAX + 1), vec![id(1), id(1)], vec![id(2), id(1)], Vec::new()] {
        assert!(bounds(decode_with(|e| e.deps = bad.clone())), "{bad:?}");
        assert!(bounds(decode_with(|e| e.roster = bad.clone())), "{bad:?}");
    }
    assert!(decode_with(|e| e.at_ms = AT_MS_MAX).is_ok());
    assert!(bounds(decode_with(|e| e.at_ms = AT_MS_MAX + 1)));
}

#[test]
fn workspace_and_stream_fit_the_kind() {
    let place = "workspace, stream and roster heads must fit the kind";
    let refused = |record: &Record| record.check_bounds() == Err(DecodeError::Bounds(place));
    let workspace = Workspace::new();
    let zero = [0; 32];
    let mut message = sample();
    message.stream = workspace.id().roster();
    assert!(refused(&message), "a message in the roster");
    let mut open = workspace.open().record().clone();
    open.stream = StreamKey::from_bytes([7; 32]);
    assert!(refused(&open), "a session under another key");
    let found = crate::testing::found().record().clone();
    for change in [
        Record { workspace: workspace.id(), ..found.clone() },
        Record { stream: workspace.key(), ..found.clone() },
        Record { roster: ids(1), ..found.clone() },
    ] {
        assert!(refused(&change), "a founding record has no place");
    }
    let added = workspace.sign(FOUNDER, crate::testing::add_member("carl", MemberRole::Member));
    for change in [
        Record { stream: workspace.key(), ..added.record().clone() },
        Record { roster: ids(1), ..added.record().clone() },
        Record { workspace: WorkspaceId::from_bytes(zero), ..added.record().clone() },
    ] {
        assert!(refused(&change), "a roster record belongs to its roster");
    }
    let rootless = Record { deps: Vec::new(), ..added.record().clone() };
    assert!(matches!(rootless.check_bounds(), Err(DecodeError::Bounds(_))));
    let rooted = Record { deps: ids(1), ..open };
    assert!(matches!(rooted.check_bounds(), Err(DecodeError::Bounds(_))));
}

#[test]
fn nobody_becomes_founder() {
    let workspace = Workspace::new();
    let founder = MemberRole::Founder;
    for payload in [
        crate::testing::add_member("carl", founder),
        Payload::ChangeRole { member: workspace.bob, role: founder },
    ] {
        let record = Record { payload, ..workspace.roster.records().nth(1).unwrap().record().clone() };
        assert_eq!(record.check_bounds(), Err(DecodeError::Bounds("nobody becomes founder")));
    }
}

#[test]
fn cuts_are_bounded_and_sorted() {
    let workspace = Workspace::new();
    let stream = |n: u8| StreamKey::from_bytes([n; 32]);
    let record = |kept: Vec<(StreamKey, Vec<RecordId>)>| Record {
        payload: Payload::RevokeDevice { cut: Cut { device: device(2), kept } },
        ..workspace.roster.records().nth(1).unwrap().record().clone()
    };
    for good in [Vec::new(), vec![(stream(1), ids(1))], vec![(stream(1), ids(16)), (stream(2), ids(1))]] {
        assert_eq!(record(good).check_bounds(), Ok(()));
    }
    for bad in [
        vec![(stream(1), Vec::new())],
        vec![(stream(1), ids(17))],
        vec![(stream(1), vec![id(2), id(1)])],
        vec![(stream(2), ids(1)), (stream(1), ids(1))],
        vec![(stream(1), ids(1)), (stream(1), ids(1))],
        (0..1_025_u32)
            .map(|n| (StreamKey::from_bytes(*blake3::hash(&n.to_be_bytes()).as_bytes()), ids(1)))
            .collect::<std::collections::BTreeMap<_, _>>()
            .into_iter()
            .collect(),
    ] {
        assert!(matches!(record(bad).check_bounds(), Err(DecodeError::Bounds(_))));
    }
    let twice = Payload::RemoveMember {
        member: workspace.bob,
        cuts: vec![Cut { device: device(2), kept: Vec::new() }; 2],
    };
    let twice = Record { payload: twice, ..record(Vec::new()) };
    assert!(matches!(twice.check_bounds(), Err(DecodeError::Bounds(_))));
}

#[test]
fn records_of_other_versions_and_kinds_are_held() {
    for (version, kind) in
        [(2, 2), (255, 2), (1, 0), (1, 12), (1, 31), (1, 43), (1, 64), (1, 66), (1, 255), (2, 64)]
    {
        let decoded = decode_with(|e| {
            (e.version, e.kind, e.role) = (version, kind, 77);
            e.payload = b"what nobody knows yet".to_vec();
        });
        let stream = sample().stream;
        assert_eq!(decoded, Ok(Decoded::NeedsUpgrade { version, kind, stream }));
    }
    // Their envelope is as strict as ours.
    let mut later = envelope(&sample());
    later.version = 2;
    let bytes = [to_bytes(&later), vec![0]].concat();
    assert_eq!(Record::decode(&bytes), Err(DecodeError::NotCanonical));
    let wire = [to_bytes(&later), vec![0; 64]].concat();
    let Ok(Received::NeedsUpgrade { id, stream, wire: held }) = Signed::decode(&wire) else {
        panic!("it is held");
    };
    assert_eq!((id, stream), (id_of(&to_bytes(&later)), sample().stream));
    assert_eq!(*held, *wire);
}

#[test]
fn sizes_are_checked_first() {
    for size in [0, 63, WIRE_BYTES_MAX + 1] {
        assert_eq!(Signed::decode(&vec![0; size]), Err(DecodeError::Size(size)));
        assert_eq!(id_of_wire(&vec![0; size]), None);
    }
    let size = WIRE_BYTES_MAX - 64 + 1;
    assert_eq!(Record::decode(&vec![0; size]), Err(DecodeError::Size(size)));
    // A length that promises more than there is.
    for lie in [
        &[0x8a, 1, 2, 1, 0x5a, 0xff, 0xff, 0xff, 0xff][..],
        &[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    ] {
        assert!(matches!(Record::decode(lie), Err(DecodeError::Malformed(_))));
    }
    let heads =
        [&[0x8a, 1, 2, 1][..], &[0x58, 32], &[0; 32], &[0x58, 32], &[0; 32], &[0x58, 32], &[0; 32]].concat();
    let lie = [&heads[..], &[0x9b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]].concat();
    assert!(matches!(Record::decode(&lie), Err(DecodeError::Malformed(_))));
}
