//! Bytes and records at random: every kind comes back as it went, and nothing panics.

use proptest::collection::{btree_set, vec};
use proptest::prelude::{BoxedStrategy, Just, ProptestConfig, Strategy, any, prop_oneof, proptest};

use super::{DecodeError, Decoded, Record, to_bytes};
use crate::id::{AttemptId, DeviceKey, Handle, RecordId, SessionId, StreamKey, WorkspaceId};
use crate::limits::AT_MS_MAX;
use crate::payload::{Cut, Header, MemberRole, Payload, Role, Turn};
use crate::signed::{Received, Signed};
use crate::testing::{FOUNDER, Workspace, device, message};
use crate::text::{Body, Label, Reason, RequestId, Summary, Title};

fn id() -> impl Strategy<Value = RecordId> {
    any::<[u8; 32]>().prop_map(RecordId::from_bytes)
}

fn device_key() -> impl Strategy<Value = DeviceKey> {
    any::<[u8; 32]>().prop_map(DeviceKey::from_bytes)
}

fn attempt() -> impl Strategy<Value = AttemptId> {
    any::<(u64, u128)>().prop_map(|(ms, random)| AttemptId::from_parts(ms, random))
}

fn turn() -> impl Strategy<Value = Turn> {
    (attempt(), proptest::option::of(id())).prop_map(|(attempt, prev)| Turn { attempt, prev })
}

fn body() -> impl Strategy<Value = Body> {
    "\\PC{1,40}|[a-z\n\t]{1,300}|a\u{0}".prop_filter_map("blank", |text| Body::new(text).ok())
}

fn request() -> impl Strategy<Value = RequestId> {
    "[!-~]{1,128}".prop_filter_map("blank", |text| RequestId::new(text).ok())
}

fn title() -> impl Strategy<Value = Title> {
    "\\PC{1,80}".prop_filter_map("untrimmed", |text| Title::trimmed(&text).ok())
}

fn handle() -> impl Strategy<Value = Handle> {
    "[a-z0-9][a-z0-9]{0,38}".prop_filter_map("system", |text| text.parse().ok())
}

fn label() -> impl Strategy<Value = Label> {
    "[ -~]{0,64}".prop_map(|text| Label::new(text).unwrap())
}

fn role() -> impl Strategy<Value = MemberRole> {
    prop_oneof![Just(MemberRole::Guest), Just(MemberRole::Member), Just(MemberRole::Admin)]
}

fn cut() -> impl Strategy<Value = Cut> {
    let heads = btree_set(id(), 1..4).prop_map(|heads| heads.into_iter().collect());
    let streams = any::<[u8; 32]>().prop_map(StreamKey::from_bytes);
    let kept = proptest::collection::btree_map(streams, heads, 0..4);
    (device_key(), kept).prop_map(|(device, kept)| Cut { device, kept: kept.into_iter().collect() })
}

fn session_payload() -> BoxedStrategy<Payload> {
    let header = (any::<(u64, u128)>(), id(), id()).prop_map(|((ms, random), creator, agent)| Header {
        session: SessionId::from_parts(ms, random),
        creator,
        agent,
    });
    let summary = "\\PC{1,60}".prop_filter_map("blank", |text| Summary::new(text).ok());
    prop_oneof![
        (header, body(), request()).prop_map(|(header, body, request_id)| Payload::Open {
            header,
            body,
            request_id
        }),
        (body(), request(), proptest::option::of(id()))
            .prop_map(|(body, request_id, reply_to)| { Payload::Message { body, request_id, reply_to } }),
        (title(), proptest::option::of(turn())).prop_map(|(title, turn)| Payload::Title { title, turn }),
        turn().prop_map(|turn| Payload::Claim { turn }),
        (turn(), body()).prop_map(|(turn, body)| Payload::Reply { turn, body }),
        (turn(), summary).prop_map(|(turn, summary)| Payload::Summary { turn, summary }),
        (turn(), "\\PC{0,40}").prop_map(|(turn, text)| Payload::Failure { turn, reason: Reason::cut(&text) }),
        Just(Payload::Archive {}),
        Just(Payload::Unarchive {}),
        attempt().prop_map(|attempt| Payload::Stop { attempt }),
        attempt().prop_map(|attempt| Payload::Retry { attempt }),
        any::<[u8; 32]>()
            .prop_map(|previous| Payload::Continues { previous: StreamKey::from_bytes(previous) }),
    ]
    .boxed()
}

fn roster_payload() -> BoxedStrategy<Payload> {
    let cuts = vec(cut(), 0..3).prop_map(|mut cuts| {
        cuts.sort_by_key(|cut| cut.device);
        cuts.dedup_by_key(|cut| cut.device);
        cuts
    });
    prop_oneof![
        (handle(), label(), proptest::option::of(device_key()))
            .prop_map(|(handle, label, recovery)| { Payload::Found { handle, label, recovery } }),
        (handle(), role()).prop_map(|(handle, role)| Payload::AddMember { handle, role }),
        (id(), device_key(), label()).prop_map(|(member, device, label)| Payload::AddDevice {
            member,
            device,
            label
        }),
        (id(), role()).prop_map(|(member, role)| Payload::ChangeRole { member, role }),
        cut().prop_map(|cut| Payload::RevokeDevice { cut }),
        (id(), cuts).prop_map(|(member, cuts)| Payload::RemoveMember { member, cuts }),
        (handle(), device_key()).prop_map(|(handle, device)| Payload::HostAgent { handle, device }),
        (id(), device_key(), id()).prop_map(|(agent, to, tips)| Payload::Handover { agent, to, tips }),
        (id(), device_key(), any::<u32>(), proptest::option::of(id())).prop_map(
            |(agent, device, epoch, handover)| Payload::MoveAgent { agent, device, epoch, handover }
        ),
        id().prop_map(|agent| Payload::RetireAgent { agent }),
        Just(Payload::Merge {}),
    ]
    .boxed()
}

fn ids_of(payload: &Payload) -> (WorkspaceId, StreamKey) {
    let workspace = WorkspaceId::from_bytes([3; 32]);
    match payload {
        Payload::Found { .. } => (WorkspaceId::from_bytes([0; 32]), StreamKey::from_bytes([0; 32])),
        Payload::Open { header, .. } => (workspace, header.key(&workspace)),
        payload if payload.role() == Role::Member => (workspace, workspace.roster()),
        _ => (workspace, StreamKey::from_bytes([4; 32])),
    }
}

fn record() -> impl Strategy<Value = Record> {
    let payload = prop_oneof![session_payload(), roster_payload()];
    let few = || btree_set(id(), 1..5).prop_map(|ids| ids.into_iter().collect::<Vec<_>>());
    (payload, few(), few(), 0..=AT_MS_MAX).prop_map(|(payload, roster, deps, at_ms)| {
        let (workspace, stream) = ids_of(&payload);
        let root = matches!(payload, Payload::Open { .. } | Payload::Found { .. });
        Record {
            workspace,
            stream,
            author: device(FOUNDER),
            roster: if payload.role() == Role::Member { Vec::new() } else { roster },
            deps: if root { Vec::new() } else { deps },
            at_ms,
            payload,
        }
    })
}

/// What is accepted is canonical; what is not is refused without a panic.
fn decodes_strictly(bytes: &[u8]) {
    match Record::decode(bytes) {
        Ok(Decoded::Record(record)) => {
            assert_eq!(record.encode(), bytes);
            assert_eq!(record.check_bounds(), Ok(()));
        }
        Ok(Decoded::NeedsUpgrade { version, kind, .. }) => assert!(version > 1 || !Payload::knows(kind)),
        Err(
            DecodeError::Size(_)
            | DecodeError::Malformed(_)
            | DecodeError::NotCanonical
            | DecodeError::Bounds(_),
        ) => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_record_comes_back_as_it_went(record in record()) {
        let bytes = record.encode();
        assert_eq!(record.check_bounds(), Ok(()));
        assert_eq!(Record::decode(&bytes), Ok(Decoded::Record(record.clone())));
        // And one byte more or less is no record.
        assert!(Record::decode(&[&bytes[..], &[0]].concat()).is_err());
        assert!(Record::decode(&bytes[..bytes.len() - 1]).is_err());
    }

    #[test]
    fn a_mutated_record_never_panics_and_never_has_two_encodings(
        record in record(),
        edits in vec((any::<proptest::sample::Index>(), any::<u8>()), 1..4),
        cut in proptest::option::of(any::<proptest::sample::Index>()),
    ) {
        let mut bytes = record.encode();
        for (at, byte) in edits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        decodes_strictly(&bytes);
        // The payload alone, in a good envelope.
        let mut payload = to_bytes(&record.payload);
        let at = bytes.len() % payload.len();
        payload[at] ^= 1 << (bytes.len() % 8);
        decodes_strictly(&to_bytes(&super::Envelope { payload, ..super::envelope(&record) }));
    }

    #[test]
    fn random_bytes_never_panic(bytes in vec(any::<u8>(), 0..400)) {
        decodes_strictly(&bytes);
        let _ = Signed::decode(&bytes);
        decodes_strictly(&[&[0x8a, 1, 2, 1][..], &bytes].concat());
    }

    #[test]
    fn a_mutated_wire_is_refused_or_another_record(at in any::<proptest::sample::Index>(), bit in 0..8_u8) {
        let workspace = Workspace::new();
        let signed = workspace.record(FOUNDER, &[workspace.open().id()], message("hello"));
        let mut wire = signed.wire().to_vec();
        let at = at.index(wire.len());
        wire[at] ^= 1 << bit;
        if let Ok(Received::Record(other)) = Signed::decode(&wire) {
            assert!(other.verify().is_err());
        }
    }
}
