//! The order of roster records: what waits, what dominates what, what a peer lacks.

use super::{NEW, NOT_ALLOWED, heads, on, revoke};
use crate::id::RecordId;
use crate::limits::ROSTER_HEADS_MAX;
use crate::payload::{MemberRole, Payload};
use crate::roster::Roster;
use crate::rules::Refusal;
use crate::session::Offer;
use crate::testing::{
    ADMIN, BOB, FOUNDER, PHONE, STRANGER, Workspace, add_device, add_member, device, host_agent,
};

#[test]
fn records_wait_for_their_past_in_any_order() {
    let whole = Workspace::new();
    let mut records: Vec<_> = whole.roster.records().cloned().collect();
    records.reverse();
    let mut roster = Roster::new(whole.id());
    for record in &records[..records.len() - 1] {
        assert!(matches!(roster.offer(record.clone()), Offer::Waiting { .. }));
    }
    let Offer::Admitted(admitted) = roster.offer(records[records.len() - 1].clone()) else {
        panic!("the founding record releases all");
    };
    assert_eq!(admitted.len(), records.len());
    assert_eq!(roster.heads(), whole.roster.heads());
    assert_eq!(roster.standing(), whole.roster.standing());
}

/// Found by fuzzing: the verdict on a record whose deps were today's heads was taken from a standing that was only made
/// anew when all that had waited was in. What it had newly admitted was refused then, for ever.
#[test]
fn what_waited_is_judged_by_all_that_came_in_with_it() {
    let mut w = Workspace::new();
    let mut other = w.roster.clone();
    let parent = w.sign(FOUNDER, add_member("emil", MemberRole::Guest));
    assert!(matches!(w.roster.offer(parent.clone()), Offer::Admitted(_)));
    let left = on(&w, FOUNDER, &[parent.id()], add_device(w.founder, NEW));
    let right = on(&w, PHONE, &[parent.id()], add_member("dora", MemberRole::Guest));
    for record in [&left, &right] {
        assert!(matches!(w.roster.offer(record.clone()), Offer::Admitted(_)));
    }
    let child = w.sign(NEW, add_member("fay", MemberRole::Guest));
    assert!(matches!(w.roster.offer(child.clone()), Offer::Admitted(_)));
    for record in [child, right, left] {
        assert!(matches!(other.offer(record), Offer::Waiting { .. }));
    }
    assert!(matches!(other.offer(parent), Offer::Admitted(admitted) if admitted.len() == 4));
    assert_eq!((other.heads(), other.standing()), (w.roster.heads(), w.roster.standing()));
}

#[test]
fn what_depends_on_a_refused_record_is_refused() {
    let mut w = Workspace::new();
    let bad = w.sign(STRANGER, add_member("carl", MemberRole::Admin));
    let child = on(&w, FOUNDER, &[bad.id()], add_member("dora", MemberRole::Admin));
    assert!(matches!(w.roster.offer(child.clone()), Offer::Waiting { .. }));
    assert_eq!(w.roster.offer(bad.clone()), NOT_ALLOWED);
    assert_eq!(w.roster.offer(child), Offer::Refused(Refusal::DependsOnRefused));
    assert_eq!(w.roster.offer(bad), NOT_ALLOWED);
}

#[test]
fn dominance_is_by_the_past() {
    let mut w = Workspace::new();
    let start = heads(&w);
    let left = w.put(FOUNDER, add_member("carl", MemberRole::Member));
    let right = on(&w, PHONE, &start, add_member("dora", MemberRole::Member));
    let right_id = right.id();
    assert!(matches!(w.roster.offer(right), Offer::Admitted(_)));
    let both = heads(&w);
    assert_eq!(both.len(), 2);
    let roster = &w.roster;
    for (newer, older, dominates) in [
        (&[left][..], &start[..], true),
        (&start, &[left], false),
        (&[left], &[left], true),
        (&[left], &[right_id], false),
        (&both, &[left, right_id], true),
        (&[left], &both, false),
        (&both, &start, true),
        (&[], &start, false),
        (&start, &[], true),
        (&[left], &[RecordId::from_bytes([1; 32])], false),
    ] {
        assert_eq!(roster.dominates(newer, older), dominates, "{newer:?} {older:?}");
    }
    let antichain = on(&w, FOUNDER, &[start[0], left], add_member("emil", MemberRole::Guest));
    assert_eq!(w.roster.offer(antichain), Offer::Refused(Refusal::DepsNotAntichain));
    // What stood at a set of heads is the fold of all that they cover, whatever came since.
    let at = w.roster.at(&both).unwrap();
    w.put(FOUNDER, add_member("emil", MemberRole::Guest));
    assert_eq!(w.roster.at(&both).unwrap(), at);
    assert_eq!(w.roster.at(&start).unwrap(), w.roster.at(&start).unwrap());
    assert!(w.roster.at(&start).unwrap().member(&left).is_none());
    assert!(w.roster.at(&[]).is_none());
    assert!(w.roster.at(&[RecordId::from_bytes([1; 32])]).is_none());
}

#[test]
fn a_peer_gets_exactly_what_it_lacks() {
    let mut w = Workspace::new();
    let behind = heads(&w);
    let new = w.put(FOUNDER, add_member("carl", MemberRole::Member));
    let lacking = |heads: &[RecordId]| -> Vec<_> {
        w.roster.missing_for(heads).iter().map(|record| record.id()).collect()
    };
    assert_eq!(lacking(&behind), [new]);
    assert!(lacking(&[new]).is_empty());
    assert_eq!(lacking(&[]).len(), w.roster.records().count());
    assert_eq!(lacking(&[RecordId::from_bytes([1; 32])]).len(), w.roster.records().count());
}

#[test]
fn a_proof_admits_its_device_on_an_empty_roster() {
    let w = Workspace::new();
    for seed in [FOUNDER, PHONE, BOB, ADMIN] {
        let mut roster = Roster::new(w.id());
        for record in w.roster.proof_of(&device(seed)) {
            assert!(matches!(roster.offer(record.clone()), Offer::Admitted(_)));
        }
        assert!(roster.standing().member_of(&device(seed)).is_some(), "{seed}");
    }
    assert_eq!(w.roster.proof_of(&device(FOUNDER)).len(), 1);
    assert!(w.roster.proof_of(&device(STRANGER)).is_empty());
}

#[test]
fn more_heads_than_a_record_may_name_are_merged() {
    let mut w = Workspace::new();
    let start = heads(&w);
    for n in 0..40 {
        let late = on(&w, BOB, &start, host_agent(&format!("a{n}"), BOB));
        assert!(matches!(w.roster.offer(late), Offer::Admitted(_)));
    }
    w.roster.offer(on(&w, FOUNDER, &start, revoke(BOB)));
    // The phone's addition is in the past of each head; a device that was just added is in that of one.
    w.roster.offer(on(&w, FOUNDER, &start, add_device(w.founder, NEW)));
    for seed in [NEW, PHONE] {
        let named = w.roster.write_heads(&device(seed));
        assert_eq!(named.len(), ROSTER_HEADS_MAX);
        let merge = on(&w, seed, &named, Payload::Merge {});
        assert!(matches!(w.roster.offer(merge), Offer::Admitted(_)));
    }
    assert!(w.roster.heads().len() <= ROSTER_HEADS_MAX);
    assert_eq!(w.roster.write_heads(&device(PHONE)), heads(&w));
}
