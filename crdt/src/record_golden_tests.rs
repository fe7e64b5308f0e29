//! Golden vectors: for one record of each kind its name, id, wire bytes (record and signature) and the hash
//! of the automerge change made from it. They pin the format: a change here means that replicas of two
//! versions disagree.

use std::collections::BTreeSet;

use data_encoding::HEXLOWER;

use crate::id::{RecordId, StreamKey};
use crate::payload::{Cut, MemberRole, Payload};
use crate::signed::{Received, Signed, Verified};
use crate::testing::{
    BOB, FOUNDER, HOST, PHONE, Replica, agent_title, answer_to, claim, device, failure, message, reply,
    retry, stop, summary, title,
};

const GOLDEN: &str = include_str!("golden/records.txt");

/// A session and its roster in which every kind of record is admitted.
fn every_kind() -> Replica {
    let mut replica = Replica::opened();
    let asked = replica.put(PHONE, message("second"));
    replica.put(FOUNDER, answer_to("third", asked));
    replica.put(FOUNDER, title("A title"));
    replica.agent(1, claim);
    replica.agent(1, agent_title("A better title"));
    replica.agent(1, summary("In short"));
    replica.agent(1, reply("An answer, Ω"));
    replica.put(FOUNDER, message("fourth"));
    replica.agent(2, claim);
    replica.put(PHONE, stop(2));
    replica.agent(2, failure("stopped"));
    replica.put(FOUNDER, retry(2));
    replica.put(FOUNDER, Payload::Archive {});
    replica.put(FOUNDER, Payload::Unarchive {});
    replica.put(FOUNDER, Payload::Continues { previous: StreamKey::from_bytes([6; 32]) });
    let (bob, agent) = (replica.workspace.bob, replica.workspace.agent);
    let roster = &mut replica.workspace;
    roster.put(FOUNDER, Payload::ChangeRole { member: bob, role: MemberRole::Guest });
    let tips = RecordId::from_bytes([8; 32]);
    let handover = roster.put(HOST, Payload::Handover { agent, to: device(PHONE), tips });
    roster
        .put(PHONE, Payload::MoveAgent { agent, device: device(PHONE), epoch: 2, handover: Some(handover) });
    roster.put(FOUNDER, Payload::RetireAgent { agent });
    let kept = vec![(StreamKey::from_bytes([7; 32]), vec![tips])];
    roster.put(FOUNDER, Payload::RevokeDevice { cut: Cut { device: device(PHONE), kept } });
    let cuts = vec![Cut { device: device(BOB), kept: Vec::new() }];
    roster.put(FOUNDER, Payload::RemoveMember { member: bob, cuts });
    roster.put(FOUNDER, Payload::Merge {});
    replica
}

fn lines() -> Vec<String> {
    let replica = every_kind();
    let mut lines = Vec::new();
    let mut line = |signed: &Signed<Verified>, change: Option<[u8; 32]>| {
        let name = format!("{:?}", signed.record().payload);
        let name = name.split([' ', '{']).next().unwrap_or_default();
        let change = change.map_or_else(|| "-".to_owned(), |hash| HEXLOWER.encode(&hash));
        lines.push(format!("{name} {} {} {change}", signed.id(), HEXLOWER.encode(signed.wire())));
    };
    for signed in replica.workspace.roster.records() {
        line(signed, None);
    }
    let document = replica.session.document().unwrap();
    for signed in replica.records() {
        line(&signed, document.change_hash(&signed.id()));
    }
    lines
}

#[test]
fn records_have_the_bytes_ids_signatures_and_changes_that_they_had() {
    let now = lines();
    let golden: Vec<&str> = GOLDEN.lines().collect();
    for (now, golden) in now.iter().zip(&golden) {
        assert_eq!(now, golden);
    }
    assert_eq!(now.len(), golden.len(), "{}", now.join("\n"));
    let kinds: BTreeSet<u8> = (0..=255).filter(|kind| Payload::knows(*kind)).collect();
    let replica = every_kind();
    let session = replica.records();
    let all = replica.workspace.roster.records().chain(&session);
    let seen: BTreeSet<u8> = all.map(|signed| signed.record().payload.kind()).collect();
    assert_eq!(seen, kinds, "there is a vector for each kind");
}

#[test]
fn golden_bytes_decode_verify_and_come_back() {
    for line in GOLDEN.lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let wire = HEXLOWER.decode(fields[2].as_bytes()).unwrap();
        let Ok(Received::Record(received)) = Signed::decode(&wire) else {
            panic!("{line}");
        };
        let verified = received.verify().unwrap();
        assert_eq!(verified.id().to_string(), fields[1]);
        assert_eq!(verified.record().encode(), wire[..wire.len() - 64]);
    }
}
