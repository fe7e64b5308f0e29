//! Order of arrival: what waits, what releases it, what falls with a refused record.

use crate::id::RecordId;
use crate::limits::{BODY_BYTES_MAX, WAITING_BYTES_MAX, WAITING_RECORDS_MAX};
use crate::payload::MemberRole;
use crate::rules::Refusal;
use crate::session::Offer;
use crate::signed::{Signed, Verified};
use crate::testing::{
    BOB, FOUNDER, HOST, PHONE, Replica, STRANGER, add_member, agent_title, claim, message, message_as, reply,
    title,
};

fn conversation() -> Replica {
    let mut replica = Replica::opened();
    replica.agent(1, claim);
    replica.put(FOUNDER, message("more"));
    replica.agent(1, agent_title("t"));
    replica.agent(1, reply("r"));
    replica
}

fn ids(records: &[Signed<Verified>]) -> Vec<RecordId> {
    records.iter().map(Signed::id).collect()
}

#[test]
fn records_in_any_order_are_admitted_once_their_past_is_here() {
    let whole = conversation();
    let records = whole.records();
    // All 120 orders of five records.
    for order in permutations(records.len()) {
        let mut replica = Replica::empty(whole.workspace.clone());
        let mut admitted = Vec::new();
        for at in &order {
            match replica.take(&records[*at]) {
                Offer::Admitted(more) => admitted.extend(ids(&more)),
                Offer::Waiting { missing } => assert!(replica.session.entry(&missing).is_none()),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(admitted.len(), records.len(), "each is named once: {order:?}");
        assert_eq!(replica.session.waiting(), (0, None));
        assert_eq!(replica.session.heads(), whole.session.heads());
        let known = |id: &RecordId| replica.session.entry(id).unwrap().signed.record().deps.clone();
        for (place, id) in admitted.iter().enumerate() {
            assert!(known(id).iter().all(|dep| admitted[..place].contains(dep)), "topological");
        }
    }
}

fn permutations(n: usize) -> Vec<Vec<usize>> {
    if n == 0 {
        return vec![Vec::new()];
    }
    let shorter = permutations(n - 1);
    let longer = |order: &Vec<usize>| {
        let order = order.clone();
        (0..n).map(move |at| {
            let mut longer = order.clone();
            longer.insert(at, n - 1);
            longer
        })
    };
    shorter.iter().flat_map(longer).collect()
}

#[test]
fn what_depends_on_a_refused_record_is_refused_whenever_it_comes() {
    let mut replica = Replica::opened();
    let bad = replica.workspace.record(STRANGER, &replica.heads(), message("bad"));
    let child = replica.workspace.record(FOUNDER, &[bad.id()], message("child"));
    let grandchild = replica.workspace.record(FOUNDER, &[child.id()], message("grandchild"));
    // Before: they wait, and go when it is refused.
    let mut early = replica.fork();
    assert_eq!(early.take(&grandchild), Offer::Waiting { missing: child.id() });
    assert_eq!(early.take(&child), Offer::Waiting { missing: bad.id() });
    assert_eq!(early.session.waiting().0, 2);
    assert!(matches!(early.take(&bad), Offer::Refused(_)));
    assert_eq!(early.session.waiting(), (0, None));
    // After: refused at once.
    assert!(matches!(replica.take(&bad), Offer::Refused(_)));
    for replica in [&mut early, &mut replica] {
        for record in [&child, &grandchild] {
            assert_eq!(replica.take(record), Offer::Refused(Refusal::DependsOnRefused));
        }
        assert_eq!(replica.session.len(), 1);
    }
}

#[test]
fn a_refusal_is_remembered_with_its_reason() {
    let mut replica = Replica::opened();
    let bad = replica.workspace.record(STRANGER, &replica.heads(), message("bad"));
    let first = replica.take(&bad);
    assert_eq!(replica.take(&bad), first);
    assert_eq!(first, Offer::Refused(Refusal::NotAllowed(crate::payload::Role::Creator)));
}

#[test]
fn a_record_waits_for_its_roster_records() {
    let mut ahead = Replica::opened();
    let mut behind = ahead.fork();
    let carl = ahead.workspace.put(FOUNDER, add_member("carl", MemberRole::Member));
    let record = ahead.workspace.record(FOUNDER, &ahead.heads(), message("m"));
    let after = ahead.workspace.record(PHONE, &[record.id()], message("after"));
    assert_eq!(behind.take(&after), Offer::Waiting { missing: record.id() });
    assert_eq!(behind.take(&record), Offer::Waiting { missing: carl });
    assert_eq!(behind.session.waiting().0, 2);
    behind.workspace = ahead.workspace.clone();
    let released = behind.session.roster_grew(carl, &behind.workspace.roster);
    assert_eq!(ids(&released), [record.id(), after.id()]);
    assert_eq!(behind.session.waiting(), (0, None));
}

#[test]
fn a_record_that_comes_again_after_its_roster_record_waits_no_more() {
    let mut ahead = Replica::opened();
    let mut behind = ahead.fork();
    let carl = ahead.workspace.put(FOUNDER, add_member("carl", MemberRole::Member));
    let record = ahead.workspace.record(FOUNDER, &ahead.heads(), message("m"));
    assert_eq!(behind.take(&record), Offer::Waiting { missing: carl });
    behind.workspace = ahead.workspace.clone();
    assert!(matches!(behind.take(&record), Offer::Admitted(_)));
    assert_eq!(behind.session.waiting(), (0, None));
    assert!(behind.session.roster_grew(carl, &behind.workspace.roster).is_empty());
}

#[test]
fn the_room_is_bounded_and_nothing_is_lost_for_good() {
    let whole = long_chain(WAITING_RECORDS_MAX + 2);
    let records = whole.records();
    let mut replica = Replica::empty(whole.workspace.clone());
    // The worst order: newest first.
    let mut no_room = 0;
    for record in records.iter().skip(1).rev() {
        match replica.take(record) {
            Offer::Waiting { .. } => {}
            Offer::NoRoom => no_room += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((replica.session.waiting().0, no_room), (WAITING_RECORDS_MAX, 1));
    for record in &records {
        replica.take(record);
    }
    assert_eq!(replica.session.len(), records.len());
    assert_eq!(replica.session.waiting(), (0, None));
}

/// Nobody's records that wait for what never comes keep out those of others: not a member's, by any of its devices, nor
/// those of strangers, who have as many keys as they like.
#[test]
fn who_fills_the_room_makes_room_for_others() {
    for seeds in [vec![BOB], (100..=255).collect()] {
        let mut replica = Replica::opened();
        let first = replica.workspace.record(FOUNDER, &replica.heads(), message("first"));
        let second = replica.workspace.record(FOUNDER, &[first.id()], message("second"));
        for n in 0..=WAITING_RECORDS_MAX {
            let never = RecordId::from_bytes([7; 32]);
            let seed = seeds[n % seeds.len()];
            let record = replica.workspace.record(seed, &[never], message(&n.to_string()));
            assert_eq!(replica.take(&record) == Offer::NoRoom, n == WAITING_RECORDS_MAX);
        }
        assert_eq!(replica.take(&second), Offer::Waiting { missing: first.id() });
        assert_eq!(replica.session.waiting().0, WAITING_RECORDS_MAX);
        assert!(matches!(replica.take(&first), Offer::Admitted(both) if both.len() == 2));
        assert_eq!(replica.session.waiting().0, WAITING_RECORDS_MAX - 1);
    }
}

#[test]
fn the_bytes_that_wait_are_bounded() {
    let mut replica = Replica::opened();
    let never = RecordId::from_bytes([7; 32]);
    let long = "x".repeat(BODY_BYTES_MAX - 4);
    let fits = WAITING_BYTES_MAX / BODY_BYTES_MAX - 1;
    for n in 0..fits + 8 {
        let record =
            replica.workspace.record(FOUNDER, &[never], message_as(&n.to_string(), &format!("{long}{n:04}")));
        replica.take(&record);
    }
    let waiting = replica.session.waiting().0;
    assert!((fits - 2..=fits + 1).contains(&waiting), "{waiting}");
}

#[test]
fn a_full_room_that_waits_for_a_refused_record_is_emptied() {
    let mut replica = Replica::opened();
    let bad = replica.workspace.record(STRANGER, &replica.heads(), message("bad"));
    let mut deps = bad.id();
    for n in 0..WAITING_RECORDS_MAX {
        let record = replica.workspace.record(FOUNDER, &[deps], message(&n.to_string()));
        deps = record.id();
        assert!(matches!(replica.take(&record), Offer::Waiting { .. }));
    }
    assert!(matches!(replica.take(&bad), Offer::Refused(_)));
    assert_eq!(replica.session.waiting(), (0, None));
}

/// A session of `n` records, one after the other.
fn long_chain(n: usize) -> Replica {
    let mut replica = Replica::opened();
    for at in 1..n {
        replica.put(FOUNDER, message(&at.to_string()));
    }
    replica
}

#[test]
fn what_is_known_of_a_long_session_grows_with_its_length_only() {
    let replica = long_chain(400);
    let live = |facts: &crate::facts::Facts| {
        facts.tips.len() + facts.covers.len() + facts.open.len() + facts.titles.len()
    };
    let total: usize = replica.session.entries().map(|entry| live(&entry.facts)).sum();
    assert!(total <= 2 * replica.session.len(), "{total}");
    assert_eq!(replica.view().pending_inputs, 400);
}

#[test]
fn a_title_that_arrives_late_opens_the_gate_only_for_those_who_had_it() {
    let mut replica = Replica::opened();
    let claimed = replica.agent(1, claim);
    let titled = replica.workspace.record(FOUNDER, &[claimed], title("t"));
    let turn = crate::testing::turn(1, Some(claimed));
    let early = replica.workspace.record(HOST, &[claimed], reply("early")(turn.clone()));
    let late = replica.workspace.record(HOST, &[titled.id()], reply("late")(turn));
    assert_eq!(replica.take(&late), Offer::Waiting { missing: titled.id() });
    assert_eq!(replica.take(&early), Offer::Refused(Refusal::TitleRequired));
    assert_eq!(replica.take(&titled), Offer::Admitted(vec![titled.clone(), late.clone()]));
    assert_eq!(replica.take(&early), Offer::Refused(Refusal::TitleRequired));
    let lines = replica.view().lines;
    assert_eq!(lines.last().unwrap().message_id, late.id());
}
