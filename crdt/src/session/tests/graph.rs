//! What is in whose past, with authors who forked too, and what a peer lacks.

use std::collections::BTreeSet;

use crate::histories::check_facts;
use crate::id::RecordId;
use crate::signed::{Signed, Verified};
use crate::testing::{FOUNDER, HOST, PHONE, Replica, claim, message, reply, retry, title};

fn ids<'a>(records: impl IntoIterator<Item = &'a Signed<Verified>>) -> BTreeSet<RecordId> {
    records.into_iter().map(Signed::id).collect()
}

/// The founder's first device wrote three branches from the root, and merged two of them.
fn forked() -> Replica {
    let mut replica = Replica::opened();
    let root = replica.heads();
    let left = replica.put_on(FOUNDER, &root, message("left"));
    let right = replica.put_on(FOUNDER, &root, message("right"));
    let third = replica.put_on(FOUNDER, &root, message("third"));
    let left = replica.put_on(PHONE, &[left], message("on left"));
    let merged = replica.put_on(FOUNDER, &[left, right], title("merged"));
    replica.put_on(FOUNDER, &[third], message("on third"));
    replica.put_on(PHONE, &[merged], message("on merged"));
    replica
}

#[test]
fn the_past_of_a_forked_author_is_exact() {
    let replica = forked();
    check_facts(&replica.session).unwrap();
    assert!(!replica.session.author_counts().contains_key(&crate::testing::device(FOUNDER)));
    // Its second device forked too: "on merged" is beside nothing of its own, so it did not.
    assert!(replica.session.author_counts().contains_key(&crate::testing::device(PHONE)));
}

#[test]
fn a_fork_is_found_in_any_order_of_arrival() {
    let whole = forked();
    let mut replica = Replica::empty(whole.workspace.clone());
    for record in whole.records().iter().rev() {
        replica.take(record);
    }
    assert_eq!(replica.session.author_counts(), whole.session.author_counts());
    check_facts(&replica.session).unwrap();
}

#[test]
fn facts_join_over_branches_that_closed_and_opened_things() {
    let mut left = Replica::opened();
    left.put(FOUNDER, title("one"));
    left.agent(1, claim);
    let mut right = left.fork();
    // Left answers and names it anew, right asks more, archives and opens it again.
    left.agent(1, reply("r"));
    left.put(FOUNDER, title("two"));
    left.put(FOUNDER, message("next"));
    left.agent(2, claim);
    right.put(PHONE, message("more"));
    right.put(PHONE, crate::payload::Payload::Archive {});
    right.put(PHONE, crate::payload::Payload::Unarchive {});
    right.put(PHONE, title("three"));
    left.pull(&right);
    check_facts(&left.session).unwrap();
    left.put(PHONE, message("merged"));
    check_facts(&left.session).unwrap();
    assert_eq!(left.session.facts().open.len(), 1, "attempt 2");
    assert_eq!(left.view().pending_inputs, 2, "more, merged");
    left.agent(2, crate::testing::failure("f"));
    left.put(FOUNDER, retry(2));
    check_facts(&left.session).unwrap();
    assert_eq!(left.view().pending_inputs, 3);
    assert_eq!(left.session.document().unwrap().title().unwrap(), left.view().title.unwrap().as_str());
}

#[test]
fn a_peer_with_known_heads_gets_exactly_what_it_lacks() {
    let mut behind = Replica::opened();
    behind.put(FOUNDER, message("1"));
    let mut ahead = behind.fork();
    ahead.put(PHONE, message("2"));
    ahead.agent(1, claim);
    let lacking = ahead.session.missing_for(&behind.heads(), &behind.session.author_counts());
    let new: BTreeSet<_> = ids(&ahead.records()).difference(&ids(&behind.records())).copied().collect();
    assert_eq!(ids(lacking.iter().copied()), new);
    let order: Vec<_> = lacking.iter().map(|record| record.id()).collect();
    let admitted: Vec<_> = ahead.session.entries().skip(2).map(|entry| entry.signed.id()).collect();
    assert_eq!(order, admitted, "in topological order");
    assert!(ahead.session.missing_for(&ahead.heads(), &ahead.session.author_counts()).is_empty());
    // One who has nothing gets everything.
    let all =
        ahead.session.missing_for(&[], &Replica::empty(ahead.workspace.clone()).session.author_counts());
    assert_eq!(all.len(), ahead.session.len());
}

#[test]
fn two_sides_that_both_wrote_exchange_only_the_difference() {
    let mut left = Replica::opened();
    for n in 0..5 {
        left.put(FOUNDER, message(&n.to_string()));
    }
    let mut right = left.fork();
    left.put(FOUNDER, message("left"));
    right.put(PHONE, message("right"));
    right.put(HOST, claim(crate::testing::turn(1, None)));
    let sent = |from: &Replica, to: &Replica| {
        ids(from.session.missing_for(&to.heads(), &to.session.author_counts()))
    };
    // Neither knows the other's heads; the author's counts bound what is sent to the true difference here.
    assert_eq!(sent(&left, &right).len(), 1);
    assert_eq!(sent(&right, &left).len(), 2);
}

#[test]
fn what_forked_authors_wrote_is_exchanged_in_the_end() {
    let mut left = Replica::opened();
    let root = left.heads();
    let mut right = left.fork();
    left.put_on(FOUNDER, &root, message("left"));
    for n in 0..3 {
        right.put(FOUNDER, message(&format!("right {n}")));
    }
    for _ in 0..2 {
        let to_right: Vec<_> = missing(&left, &right);
        let to_left: Vec<_> = missing(&right, &left);
        for record in to_right {
            right.take(&record);
        }
        for record in to_left {
            left.take(&record);
        }
    }
    assert_eq!(left.session.heads(), right.session.heads());
    assert_eq!(left.session.len(), 5);
}

#[test]
fn a_peer_that_is_ahead_of_a_forked_author_gets_all_branches() {
    let mut left = Replica::opened();
    let root = left.heads();
    let mut right = left.fork();
    let branches = ["left", "right"].map(|text| left.put_on(FOUNDER, &root, message(text)));
    for n in 0..5 {
        right.put(FOUNDER, message(&n.to_string()));
    }
    let sent: Vec<RecordId> = missing(&left, &right).iter().map(Signed::id).collect();
    // The root too: nothing that the author wrote is taken as known.
    assert_eq!(sent, [&root[..], &branches].concat(), "a count says nothing of which branch it counts");
}

fn missing(from: &Replica, to: &Replica) -> Vec<Signed<Verified>> {
    let lacking = from.session.missing_for(&to.heads(), &to.session.author_counts());
    lacking.into_iter().cloned().collect()
}
