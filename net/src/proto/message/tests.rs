//! The bytes of frames: pinned, bounded, and safe to read whatever they are.

use starling_crdt::id::RecordId;
use starling_crdt::limits::LABEL_BYTES_MAX;

use super::super::limits::{BATCH_RECORDS_MAX, FRAME_BYTES_MAX, PROOF_BYTES_MAX, PROOF_RECORDS_MAX};
use super::*;

fn stream(byte: u8) -> StreamKey {
    StreamKey::from_bytes([byte; 32])
}

/// One of each kind, with every kind of list in it.
fn all() -> Vec<Message> {
    let records = vec![vec![1, 2, 3], vec![4; 300]];
    let mut bound = [0; 32];
    bound[..2].copy_from_slice(&[7, 9]);
    let ranges = vec![
        Range { upto: Bound(Some(bound)), what: RangeState::Digest([5; 8]) },
        Range { upto: Bound(Some([9; 32])), what: RangeState::Skip },
        Range {
            upto: Bound(None),
            what: RangeState::Items(vec![(stream(10), [1; 8]), (stream(11), [2; 8])]),
        },
    ];
    let have = Have {
        heads: vec![RecordId::from_bytes([1; 32]), RecordId::from_bytes([2; 32])],
        counts: vec![(DeviceKey::from_bytes([3; 32]), 70_000, RecordId::from_bytes([4; 32]))],
    };
    let parts = vec![
        Part { stream: stream(1), records: records.clone(), tail: Tail::Part },
        Part { stream: stream(1), records: vec![], tail: Tail::End },
        Part { stream: stream(2), records: vec![vec![9]], tail: Tail::Again },
    ];
    vec![
        Message::Hello { version: 1, version_min: 1, tag: [7; 32], prove: true },
        Message::Join { version: 1, version_min: 1, tag: [7; 32], secret: [8; 32], label: "phone".into() },
        Message::Proof { records: records.clone() },
        Message::Welcome { records: records.clone(), more: true },
        Message::Refused { code: RefusalCode::Revoked, detail: "gone".into(), records },
        Message::Accepted,
        Message::Summary(Summary { roster: [1; 32], root: [2; 32], sessions: 300 }),
        Message::Index { round: [3; 8], ranges, last: true },
        Message::Have { stream: stream(4), have, reply: false },
        Message::Records { token: 77, parts },
        Message::Ack { token: u64::MAX },
        Message::Bye { paused: true },
        Message::Later { round: [6; 8] },
        Message::Seek,
        Message::Note { bytes: vec![7; 3] },
        Message::Places {
            places: vec![Place {
                device: DeviceKey::from_bytes([5; 32]),
                addresses: vec!["/ip4/192.0.2.1/udp/4001/quic-v1".into(), "/memory/7".into()],
            }],
        },
    ]
}

#[test]
fn frames_keep_their_bytes_from_version_to_version() {
    let hashes: Vec<String> =
        all().iter().map(|m| blake3::hash(&encode(m)).to_hex().as_str()[..16].to_owned()).collect();
    assert_eq!(hashes, GOLDEN);
    assert_eq!(encode(&Message::Accepted), [0x81, 5]);
    assert_eq!(encode(&Message::Ack { token: 3 }), [0x82, 10, 3]);
    assert_eq!(encode(&Message::Bye { paused: true }), [0x82, 11, 0xf5]);
}

const GOLDEN: [&str; 16] = [
    "1f04c7eb0c8a954a",
    "9d0fa0e9884a439e",
    "a6af9b51a862dc0f",
    "18f27259112f02e0",
    "6c65122420abd202",
    "bb294c5a2795e593",
    "4c1af4d81884343c",
    "bd9ba2f0ceac9022",
    "e98e638791e80562",
    "bdb9ad426458f04b",
    "8f79584445103fa2",
    "e0c14bf4fb13b0d9",
    "faf623487e18676a",
    "d98e901023f60042",
    "2c73399957819e10",
    "262a037fe17fb65f",
];

#[test]
fn what_was_written_is_read_and_nothing_else_is() {
    for message in all() {
        let frame = encode(&message);
        assert_eq!(decode(&frame), Ok(message));
        for end in 0..frame.len() {
            assert!(decode(&frame[..end]).is_err(), "a part of a frame is none");
        }
        let longer = [&frame[..], &[0]].concat();
        assert!(decode(&longer).is_err(), "nothing may follow");
    }
}

#[test]
fn every_refusal_code_survives_the_wire() {
    for code in 0..=u8::MAX {
        assert_eq!(RefusalCode::from_wire(code).to_wire(), code);
    }
}

#[test]
fn frames_beyond_a_bound_are_refused() {
    let summary_of = |len: usize| vec![0u8; len];
    assert!(decode(&summary_of(FRAME_BYTES_MAX + 1)).is_err());
    let many = vec![vec![1]; PROOF_RECORDS_MAX + 1];
    assert!(decode(&encode(&Message::Proof { records: many })).is_err());
    let large = vec![vec![1; PROOF_BYTES_MAX / 2 + 1]; 2];
    assert!(decode(&encode(&Message::Proof { records: large })).is_err());
    let empty = vec![vec![]];
    assert!(decode(&encode(&Message::Proof { records: empty })).is_err());
    let label = "x".repeat(LABEL_BYTES_MAX + 1);
    let join = Message::Join { version: 1, version_min: 1, tag: [0; 32], secret: [0; 32], label };
    assert!(decode(&encode(&join)).is_err());
    let parts =
        vec![Part { stream: stream(1), records: vec![vec![1]; BATCH_RECORDS_MAX], tail: Tail::Part }; 2];
    assert!(decode(&encode(&Message::Records { token: 1, parts })).is_err());
    let heads = vec![RecordId::from_bytes([2; 32]), RecordId::from_bytes([1; 32])];
    let have = Have { heads, counts: vec![] };
    assert!(decode(&encode(&Message::Have { stream: stream(1), have, reply: false })).is_err(), "sorted");
}

#[test]
fn a_declared_length_allocates_nothing() {
    // Records { token: 0, parts: a list that claims 2^62 elements }.
    let frame = [0x83, 9, 0, 0x9b, 0x40, 0, 0, 0, 0, 0, 0, 0];
    assert!(decode(&frame).is_err());
    // A proof with one byte string of 2^32 bytes.
    assert!(decode(&[0x82, 2, 0x81, 0x5a, 0xff, 0xff, 0xff, 0xff]).is_err());
}

#[test]
fn ranges_ascend_and_hold_their_items() {
    let index = |ranges| encode(&Message::Index { round: [0; 8], ranges, last: true });
    let skip = |upto| Range { upto, what: RangeState::Skip };
    assert!(decode(&index(vec![skip(Bound(Some([2; 32]))), skip(Bound(Some([1; 32])))])).is_err());
    assert!(decode(&index(vec![skip(Bound(None)), skip(Bound(None))])).is_err());
    assert!(decode(&index(vec![skip(Bound(Some([0; 32])))])).is_err());
    let items = RangeState::Items(vec![(stream(9), [0; 8])]);
    assert!(decode(&index(vec![Range { upto: Bound(Some([9; 32])), what: items }])).is_err());
}

#[test]
fn mutated_and_random_bytes_never_panic() {
    let mut state = 0x1234_5678_9abc_def0_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let frames: Vec<Vec<u8>> = all().iter().map(encode).collect();
    let mut read = 0;
    for _ in 0..200_000 {
        let mut frame = frames[random() as usize % frames.len()].clone();
        for _ in 0..=random() % 3 {
            let at = random() as usize % frame.len();
            frame[at] = random() as u8;
        }
        read += usize::from(decode(&frame).is_ok_and(|message| encode(&message) == frame));
        let noise: Vec<u8> = (0..random() % 64).map(|_| random() as u8).collect();
        let _ = decode(&noise);
    }
    assert!(read > 1_000, "most changes inside a hash leave a good frame: {read}");
}

#[test]
fn a_tag_is_for_one_pair_in_one_direction() {
    let [a, b, c] = [1, 2, 3].map(|byte| DeviceKey::from_bytes([byte; 32]));
    let workspace = WorkspaceId::from_bytes([9; 32]);
    let good = tag(&workspace, &a, &b);
    assert_eq!(good, tag(&workspace, &a, &b));
    assert_ne!(good, tag(&workspace, &b, &a));
    assert_ne!(good, tag(&workspace, &a, &c));
    assert_ne!(good, tag(&WorkspaceId::from_bytes([8; 32]), &a, &b));
}
