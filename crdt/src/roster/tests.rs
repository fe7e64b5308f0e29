//! Who may act: founding, members, devices and agents. `names` has the handles, `graph` the order of records.

mod check;
mod cost;
mod exhaustive;
mod graph;
mod hosts;
mod names;
mod oracle;
mod planted;
mod random;
mod story;
mod strong;

use std::collections::BTreeSet;

use crate::id::{DeviceKey, Handle, RecordId, WorkspaceId};
use crate::limits::PROMOTIONS_MAX;
use crate::payload::{Cut, MemberRole, Payload, Role};
use crate::record::Record;
use crate::roster::Roster;
use crate::rules::Refusal;
use crate::session::Offer;
use crate::signed::{Signed, Verified};
use crate::testing::{
    ADMIN, BOB, FOUNDER, GUEST, HOST, PHONE, STRANGER, Workspace, add_device, add_member, device, found,
    host_agent, key, roster_record,
};

/// A device that a test adds.
const NEW: u8 = 20;
const NOT_ALLOWED: Offer = Offer::Refused(Refusal::NotAllowed(Role::Member));

fn handle(text: &str) -> Handle {
    text.parse().unwrap()
}

fn remove(member: RecordId) -> Payload {
    Payload::RemoveMember { member, cuts: Vec::new() }
}

fn revoke(seed: u8) -> Payload {
    Payload::RevokeDevice { cut: Cut { device: device(seed), kept: Vec::new() } }
}

fn change(member: RecordId, role: MemberRole) -> Payload {
    Payload::ChangeRole { member, role }
}

fn move_to(agent: RecordId, seed: u8, epoch: u32) -> Payload {
    Payload::MoveAgent { agent, device: device(seed), epoch, handover: None }
}

fn hand_over(agent: RecordId, seed: u8) -> Payload {
    Payload::Handover { agent, to: device(seed), tips: agent }
}

/// Whether `seed` may write this on the heads of a copy.
fn may(workspace: &Workspace, seed: u8, payload: &Payload) -> bool {
    let mut copy = workspace.clone();
    let record = copy.sign(seed, payload.clone());
    match copy.roster.offer(record) {
        Offer::Admitted(_) => true,
        NOT_ALLOWED => false,
        other => panic!("{other:?}"),
    }
}

fn on(workspace: &Workspace, seed: u8, deps: &[RecordId], payload: Payload) -> Signed<Verified> {
    roster_record(workspace.id(), seed, &deps.iter().copied().collect(), payload)
}

fn heads(workspace: &Workspace) -> Vec<RecordId> {
    workspace.roster.heads().iter().copied().collect()
}

#[test]
fn the_first_record_is_the_workspace() {
    let first = found();
    let id = WorkspaceId::founded_by(first.id());
    let mut roster = Roster::new(id);
    assert!(matches!(roster.offer(first.clone()), Offer::Admitted(_)));
    assert_eq!(roster.offer(first.clone()), Offer::Known);
    assert_eq!(roster.workspace(), id);
    assert_eq!(first.stream(), roster.key());
    let (member, founder) = roster.standing().member_of(&device(FOUNDER)).unwrap();
    assert_eq!((*member.as_bytes(), founder.role), (*id.as_bytes(), MemberRole::Founder));
    assert_eq!(founder.handle, handle("alice"));
    // Another workspace's founding record is a stranger.
    let mut other = first.record().clone();
    other.at_ms += 1;
    let other = Signed::sign(other, &key(FOUNDER)).unwrap();
    assert_eq!(roster.offer(other), Offer::Refused(Refusal::Stranger));
}

#[test]
fn records_of_other_workspaces_and_sessions_are_strangers() {
    let mut workspace = Workspace::new();
    let session_record = workspace.open();
    assert_eq!(workspace.roster.offer(session_record), Offer::Refused(Refusal::Stranger));
    let other = WorkspaceId::from_bytes([9; 32]);
    let record = roster_record(other, FOUNDER, workspace.roster.heads(), add_member("x", MemberRole::Guest));
    assert_eq!(workspace.roster.offer(record), Offer::Refused(Refusal::Stranger));
}

#[test]
fn what_each_role_may_write() {
    let w = Workspace::new();
    let all = [FOUNDER, PHONE, ADMIN, BOB, GUEST, STRANGER];
    let matrix: [(Payload, &[u8]); 16] = [
        (add_member("carl", MemberRole::Admin), &[FOUNDER, PHONE, ADMIN]),
        (add_member("carl", MemberRole::Guest), &[FOUNDER, PHONE, ADMIN]),
        (add_device(w.founder, NEW), &[FOUNDER, PHONE]),
        (add_device(w.bob, NEW), &[FOUNDER, PHONE, ADMIN, BOB]),
        (add_device(w.guest, NEW), &[FOUNDER, PHONE, ADMIN]),
        (change(w.bob, MemberRole::Admin), &[FOUNDER, PHONE, ADMIN]),
        (change(w.admin, MemberRole::Guest), &[FOUNDER, PHONE]),
        (change(w.founder, MemberRole::Guest), &[]),
        (remove(w.bob), &[FOUNDER, PHONE, ADMIN]),
        (remove(w.founder), &[]),
        (revoke(BOB), &[FOUNDER, PHONE, ADMIN, BOB]),
        (revoke(PHONE), &[FOUNDER, PHONE]),
        (revoke(GUEST), &[FOUNDER, PHONE, ADMIN, GUEST]),
        (host_agent("gpt", PHONE), &[FOUNDER, PHONE, ADMIN]),
        (host_agent("gpt", BOB), &[FOUNDER, PHONE, ADMIN, BOB]),
        (host_agent("gpt", GUEST), &[FOUNDER, PHONE, ADMIN]),
    ];
    for (payload, allowed) in &matrix {
        for seed in all {
            assert_eq!(may(&w, seed, payload), allowed.contains(&seed), "{seed}: {payload:?}");
        }
    }
}

#[test]
fn what_is_not_there_cannot_be_named() {
    let w = Workspace::new();
    let nobody = RecordId::from_bytes([5; 32]);
    for payload in [
        add_device(nobody, NEW),
        add_device(w.agent, NEW),
        add_device(w.founder, BOB),
        change(nobody, MemberRole::Guest),
        remove(nobody),
        revoke(STRANGER),
        host_agent("gpt", STRANGER),
        host_agent("bob", HOST),
        host_agent("claude", HOST),
        add_member("bob", MemberRole::Guest),
        add_member("claude", MemberRole::Guest),
        move_to(nobody, HOST, 2),
        hand_over(nobody, HOST),
        Payload::RetireAgent { agent: nobody },
    ] {
        assert!(!may(&w, FOUNDER, &payload), "{payload:?}");
    }
}

#[test]
fn an_agent_moves_between_its_members_devices_and_retires() {
    let mut w = Workspace::new();
    let agent = w.agent;
    for (seed, payload, allowed) in [
        (FOUNDER, move_to(agent, PHONE, 2), true),
        (PHONE, move_to(agent, PHONE, 3), false),
        (PHONE, move_to(agent, PHONE, 1), false),
        (PHONE, move_to(agent, BOB, 2), false),
        (BOB, move_to(agent, BOB, 2), false),
        (ADMIN, move_to(agent, ADMIN, 2), true),
        (HOST, hand_over(agent, PHONE), true),
        (HOST, hand_over(agent, STRANGER), false),
        (FOUNDER, hand_over(agent, PHONE), false),
        (BOB, Payload::RetireAgent { agent }, false),
        (ADMIN, Payload::RetireAgent { agent }, true),
        (PHONE, Payload::RetireAgent { agent }, true),
    ] {
        assert_eq!(may(&w, seed, &payload), allowed, "{seed}: {payload:?}");
    }
    w.put(PHONE, move_to(agent, PHONE, 2));
    let moved = w.roster.standing().agent(&agent).unwrap().clone();
    assert_eq!((moved.host, moved.epoch), (device(PHONE), 2));
    w.put(FOUNDER, Payload::RetireAgent { agent });
    assert!(w.roster.standing().agent(&agent).unwrap().retired);
    assert_eq!(w.roster.standing().agent_called(&handle("claude")), None);
    for payload in [move_to(agent, HOST, 3), hand_over(agent, HOST), Payload::RetireAgent { agent }] {
        assert!(!may(&w, PHONE, &payload), "{payload:?}");
    }
}

#[test]
fn of_two_hosts_at_one_epoch_the_first_in_canonical_order_stands() {
    let w = Workspace::new();
    let start = heads(&w);
    let moves = [PHONE, FOUNDER].map(|seed| on(&w, seed, &start, move_to(w.agent, seed, 2)));
    let first = moves.iter().min_by_key(|record| record.id()).unwrap().record().author;
    for order in [[0, 1], [1, 0]] {
        let mut copy = w.clone();
        for at in order {
            assert!(matches!(copy.roster.offer(moves[at].clone()), Offer::Admitted(_)));
        }
        let agent = copy.roster.standing().agent(&w.agent).unwrap().clone();
        assert_eq!((agent.host, agent.epoch), (first, 2));
    }
}

#[test]
fn what_is_taken_away_ends_what_it_gave() {
    let mut w = Workspace::new();
    w.put(FOUNDER, revoke(PHONE));
    assert!(!may(&w, PHONE, &add_device(w.founder, NEW)));
    assert!(!may(&w, FOUNDER, &add_device(w.founder, PHONE)), "a revoked key never comes back");
    assert!(w.roster.standing().device(&device(PHONE)).unwrap().revoked);
    w.put(FOUNDER, remove(w.bob));
    assert!(!may(&w, BOB, &add_device(w.bob, NEW)));
    assert!(!may(&w, FOUNDER, &add_device(w.bob, NEW)));
    assert!(w.roster.standing().member(&w.bob).unwrap().removed);
    w.put(FOUNDER, change(w.admin, MemberRole::Member));
    assert!(!may(&w, ADMIN, &add_member("carl", MemberRole::Guest)));
    let admitted: BTreeSet<DeviceKey> = w.roster.standing().admitted_devices().copied().collect();
    assert_eq!(admitted, [FOUNDER, HOST, GUEST, ADMIN].map(device).into());
}

#[test]
fn a_concurrent_removal_does_not_unsay_what_was_admitted() {
    let mut w = Workspace::new();
    let start = heads(&w);
    w.put(FOUNDER, remove(w.admin));
    let late = on(&w, ADMIN, &start, add_member("carl", MemberRole::Member));
    assert!(matches!(w.roster.offer(late), Offer::Admitted(_)), "it had not seen its removal");
    assert!(w.roster.standing().member(&w.admin).unwrap().removed);
}

/// A workspace whose founder kept a recovery key.
fn with_recovery() -> (Roster, RecordId) {
    let mut first: Record = found().record().clone();
    if let Payload::Found { recovery, .. } = &mut first.payload {
        *recovery = Some(device(STRANGER));
    }
    let first = Signed::sign(first, &key(FOUNDER)).unwrap();
    let founder = first.id();
    let mut roster = Roster::new(WorkspaceId::founded_by(founder));
    assert!(matches!(roster.offer(first), Offer::Admitted(_)));
    (roster, founder)
}

#[test]
fn the_recovery_key_brings_the_founder_back_and_nothing_else() {
    let (mut roster, founder) = with_recovery();
    let sign =
        |roster: &Roster, seed, payload| roster_record(roster.workspace(), seed, roster.heads(), payload);
    for payload in [
        add_member("carl", MemberRole::Guest),
        host_agent("gpt", FOUNDER),
        remove(founder),
        revoke(STRANGER),
        add_device(founder, STRANGER),
    ] {
        let record = sign(&roster, STRANGER, payload);
        assert_eq!(roster.offer(record), NOT_ALLOWED);
    }
    let back = sign(&roster, STRANGER, add_device(founder, NEW));
    assert!(matches!(roster.offer(back), Offer::Admitted(_)));
    let stolen = sign(&roster, STRANGER, revoke(FOUNDER));
    // The thief had not seen it, and revokes the new device: the recovery key's word stands.
    let thief = sign(&roster, FOUNDER, revoke(NEW));
    for record in [thief.clone(), stolen] {
        assert!(matches!(roster.offer(record), Offer::Admitted(_)));
    }
    let standing = roster.standing();
    assert!(standing.is_void(&thief.id()));
    assert!(standing.stands(&device(NEW)) && !standing.stands(&device(FOUNDER)));
    assert!(!standing.stands(&device(STRANGER)), "it is no device");
}

/// A seniority has the whole chain of promotions: without a bound one admin would cost everybody the square of it.
#[test]
fn a_chain_of_promotions_is_bounded() {
    let mut w = Workspace::new();
    let mut last = FOUNDER;
    for n in 1..=u8::try_from(PROMOTIONS_MAX).unwrap() {
        let member = w.put(last, add_member(&format!("m{n}"), MemberRole::Admin));
        w.put(last, add_device(member, 100 + n));
        last = 100 + n;
    }
    for refused in [add_member("more", MemberRole::Guest), change(w.bob, MemberRole::Guest)] {
        assert!(!may(&w, last, &refused));
    }
    assert!(may(&w, last, &remove(w.bob)) && may(&w, last - 1, &change(w.bob, MemberRole::Guest)));
}
