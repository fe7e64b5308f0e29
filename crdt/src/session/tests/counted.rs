//! What counts: cuts, the closure through those in good standing, what a shrinking leaves, and the bound on what is kept
//! aside.

use std::collections::BTreeSet;

use crate::document::Document;
use crate::id::RecordId;
use crate::limits::ASIDE_RECORDS_MAX;
use crate::payload::{Cut, Payload};
use crate::session::Offer;
use crate::testing::{FOUNDER, HOST, PHONE, Replica, Workspace, claim, device, message, reply, title};
use crate::view::View;

/// The founder revokes a device and keeps these.
fn revoke(replica: &mut Replica, seed: u8, kept: &[RecordId]) -> bool {
    let stream = replica.workspace.key();
    let kept: BTreeSet<RecordId> = kept.iter().copied().collect();
    let kept =
        if kept.is_empty() { Vec::new() } else { vec![(stream, kept.into_iter().collect::<Vec<_>>())] };
    replica.workspace.put(FOUNDER, Payload::RevokeDevice { cut: Cut { device: device(seed), kept } });
    let standing = replica.workspace.roster.standing().clone();
    let changed = replica.session.recount(&standing);
    assert_eq!(counted(replica), replica.session.closure_of_standing(&standing));
    changed
}

fn counted(replica: &Replica) -> BTreeSet<RecordId> {
    replica.session.entries().map(|entry| entry.signed.id()).collect()
}

fn counts(replica: &Replica, id: &RecordId) -> bool {
    replica.session.entry(id).unwrap().is_counted()
}

fn texts(view: &View) -> Vec<&str> {
    view.lines.iter().map(|line| line.body.as_str()).collect()
}

/// As one that never had what does not count.
fn is_as_if_never(replica: &Replica) {
    let mut other = Replica::empty(replica.workspace.clone());
    other.pull(replica);
    assert_eq!(replica.session.heads(), other.session.heads());
    let mirror = |replica: &Replica| replica.session.document().map(Document::heads);
    assert_eq!(mirror(replica), mirror(&other));
    assert_eq!(View { aside: 0, ..replica.view() }, other.view());
    assert_eq!(other.session.aside(), 0);
    assert_eq!(replica.session.facts(), other.session.facts());
}

/// The first message, then two by the phone, the second on the first.
fn phoned() -> (Replica, RecordId, RecordId) {
    let mut replica = Replica::opened();
    let first = replica.put(PHONE, message("one"));
    let second = replica.put(PHONE, message("two"));
    (replica, first, second)
}

#[test]
fn a_cut_of_all_that_is_here_loses_no_word() {
    let (mut replica, _, second) = phoned();
    let before = replica.view();
    assert!(!revoke(&mut replica, PHONE, &[second]), "nothing changes");
    assert_eq!((replica.view(), replica.session.aside()), (before, 0));
    // What the phone writes from then on, as if it had not heard, does not count.
    let (mut old, _, _) = phoned();
    let late = old.put(PHONE, message("late"));
    replica.pull(&old);
    assert!(!counts(&replica, &late));
    assert_eq!((replica.view().aside, texts(&replica.view()).len()), (1, 3));
    is_as_if_never(&replica);
}

#[test]
fn an_empty_cut_takes_everything_away() {
    let (mut replica, first, second) = phoned();
    assert!(revoke(&mut replica, PHONE, &[]));
    assert!(!counts(&replica, &first) && !counts(&replica, &second));
    assert_eq!((texts(&replica.view()), replica.session.aside()), (vec!["hello"], 2));
    is_as_if_never(&replica);
    assert!(!replica.session.recount(&replica.workspace.roster.standing().clone()), "once is enough");
}

#[test]
fn a_cut_can_be_added_later_and_cuts_add_up() {
    let (mut replica, first, second) = phoned();
    revoke(&mut replica, PHONE, &[]);
    assert!(revoke(&mut replica, PHONE, &[first]));
    assert_eq!((texts(&replica.view()), replica.session.aside()), (vec!["hello", "one"], 1));
    assert!(revoke(&mut replica, PHONE, &[second]));
    assert_eq!(texts(&replica.view()), ["hello", "one", "two"]);
    assert!(!revoke(&mut replica, PHONE, &[]), "an empty one takes back nothing");
    is_as_if_never(&replica);
}

#[test]
fn who_is_in_good_standing_lends_it_to_what_it_builds_upon() {
    let (mut replica, first, second) = phoned();
    let built = replica.put_on(FOUNDER, &[first], message("about one"));
    assert!(revoke(&mut replica, PHONE, &[]));
    assert!(counts(&replica, &first) && counts(&replica, &built) && !counts(&replica, &second));
    assert_eq!(replica.heads(), [built]);
    is_as_if_never(&replica);
}

#[test]
fn what_is_aside_is_promoted_with_its_past_once_somebody_builds_upon_it() {
    let (mut replica, first, second) = phoned();
    let old = replica.fork();
    revoke(&mut replica, PHONE, &[]);
    let built = old.workspace.record(FOUNDER, &[second], message("about two"));
    assert!(matches!(replica.take(&built), Offer::Admitted(_)));
    assert_eq!(counted(&replica).len(), 4);
    assert!(counts(&replica, &first) && counts(&replica, &second));
    assert_eq!((replica.heads(), replica.session.aside()), (vec![built.id()], 0));
    is_as_if_never(&replica);
}

#[test]
fn replies_fall_with_the_title_unless_it_is_lent_standing() {
    let mut replica = Replica::opened();
    let titled = replica.put(PHONE, title("by the phone"));
    replica.agent(1, claim);
    let replied = replica.agent(1, reply("r"));
    let mut both = replica.fork();
    assert!(!revoke(&mut both, PHONE, &[]), "the host stands, and built upon it");
    assert!(counts(&both, &titled));
    revoke(&mut both, HOST, &[]);
    assert!(!counts(&both, &titled) && !counts(&both, &replied));
    assert_eq!((both.view().title, texts(&both.view())), (None, vec!["hello"]));
    is_as_if_never(&both);
}

#[test]
fn a_session_of_which_nothing_counts_is_not_seen() {
    let workspace = Workspace::new();
    let mut replica = Replica::empty(workspace.clone());
    replica.take(&workspace.open_by(PHONE));
    assert_eq!(replica.view().revision, 1);
    revoke(&mut replica, PHONE, &[]);
    let standing = replica.workspace.roster.standing();
    assert!(crate::view::fold(&replica.session, standing).is_none());
    assert!(replica.session.is_empty() && replica.session.document().is_none());
    assert_eq!((replica.session.aside(), replica.heads()), (1, vec![]));
}

#[test]
fn peers_are_told_what_counts_of_an_author() {
    let (mut replica, first, second) = phoned();
    let of_phone = |replica: &Replica| replica.session.author_counts().get(&device(PHONE)).copied();
    assert_eq!(of_phone(&replica), Some((2, second)));
    revoke(&mut replica, PHONE, &[first]);
    assert_eq!(of_phone(&replica), Some((1, first)));
    let told = replica.session.missing_for(&[], &crate::session::AuthorCounts::new());
    assert_eq!(told.iter().map(|record| record.id()).collect::<BTreeSet<_>>(), counted(&replica));
    let (mut none, _, _) = phoned();
    revoke(&mut none, PHONE, &[]);
    assert_eq!(of_phone(&none), None);
}

#[test]
fn what_is_kept_aside_is_bounded_and_what_is_wanted_has_room() {
    let mut replica = Replica::opened();
    let (root, old) = (replica.heads(), replica.workspace.clone());
    revoke(&mut replica, PHONE, &[]);
    for n in 0..ASIDE_RECORDS_MAX {
        let record = old.record(PHONE, &root, message(&n.to_string()));
        assert!(matches!(replica.take(&record), Offer::Admitted(_)));
    }
    let first = old.record(PHONE, &root, message("first"));
    let second = old.record(PHONE, &[first.id()], message("second"));
    assert_eq!(replica.take(&first), Offer::NoRoom);
    // Those in good standing always have room.
    assert!(matches!(replica.take(&old.record(FOUNDER, &root, message("mine"))), Offer::Admitted(_)));
    // Somebody built upon what did not fit: now it is taken, over another that waits between them.
    let built = old.record(FOUNDER, &[second.id()], message("about both"));
    assert_eq!(replica.take(&built), Offer::Waiting { missing: second.id() });
    assert_eq!(replica.take(&second), Offer::Waiting { missing: first.id() });
    let ids = [first.id(), second.id(), built.id()];
    match replica.take(&first) {
        Offer::Admitted(new) => assert_eq!(new.iter().map(|record| record.id()).collect::<Vec<_>>(), ids),
        other => panic!("{other:?}"),
    }
    assert!(ids.iter().all(|id| counts(&replica, id)));
    assert_eq!(replica.session.aside(), ASIDE_RECORDS_MAX);
}
