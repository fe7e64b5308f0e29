//! Where a record stands: its deps, its roster heads, its session, and sessions with several roots.

use crate::payload::MemberRole;
use crate::rules::Refusal;
use crate::session::Offer;
use crate::testing::{
    FOUNDER, HOST, PHONE, Replica, add_member, attempt, claim, host_agent, message, reply, title, turn,
};

#[test]
fn deps_are_an_antichain() {
    let mut replica = Replica::opened();
    let root = replica.heads()[0];
    let first = replica.put(FOUNDER, message("1"));
    let second = replica.put(FOUNDER, message("2"));
    let concurrent = replica.put_on(PHONE, &[root], message("3"));
    for deps in [vec![root, first], vec![root, second], vec![first, concurrent, second]] {
        assert_eq!(replica.refusal_on(HOST, &deps, message("x")), Some(Refusal::DepsNotAntichain));
    }
    assert_eq!(replica.refusal_on(HOST, &[second, concurrent], message("y")), None);
}

#[test]
fn roster_heads_never_go_back() {
    let mut replica = Replica::opened();
    let mut old = replica.workspace.clone();
    replica.workspace.put(FOUNDER, add_member("carl", MemberRole::Member));
    let newer = replica.put(FOUNDER, message("newer"));
    let back = old.record(PHONE, &[newer], message("back"));
    assert_eq!(replica.take(&back), Offer::Refused(Refusal::RosterWentBack));
    // Heads beside those of the dep do not dominate them either; both together do.
    let beside = old.sign(PHONE, host_agent("other", PHONE));
    assert!(matches!(old.roster.offer(beside.clone()), Offer::Admitted(_)));
    assert!(matches!(replica.workspace.roster.offer(beside), Offer::Admitted(_)));
    let back = old.record(PHONE, &[newer], message("beside"));
    assert_eq!(replica.take(&back), Offer::Refused(Refusal::RosterWentBack));
    assert_eq!(replica.workspace.roster.heads().len(), 2);
    assert_eq!(replica.refusal(PHONE, message("both")), None);
}

#[test]
fn records_of_other_sessions_and_rosters_are_strangers() {
    let mut replica = Replica::opened();
    let stranger = Offer::Refused(Refusal::Stranger);
    let roster_record = replica.workspace.roster.records().next().unwrap().clone();
    assert_eq!(replica.take(&roster_record), stranger);
    let mut record = replica.workspace.open().record().clone();
    record.stream = replica.workspace.header(2).key(&replica.workspace.id());
    record.deps = replica.heads();
    record.payload = message("m");
    let other = crate::signed::Signed::sign(record, &crate::testing::key(FOUNDER)).unwrap();
    assert_eq!(replica.take(&other), stranger);
}

#[test]
fn two_roots_are_one_session() {
    let mut replica = Replica::opened();
    let second = replica.workspace.open_by(PHONE);
    assert!(matches!(replica.take(&second), Offer::Admitted(_)));
    assert_eq!(replica.session.heads().len(), 2);
    assert_eq!(replica.take(&second), Offer::Known);
    replica.put(FOUNDER, title("t"));
    replica.agent(1, claim);
    let replied = replica.agent(1, reply("r"));
    assert_eq!(replica.refusal(HOST, claim(turn(2, Some(replied)))), Some(Refusal::NothingToClaim));
    assert_eq!(replica.view().lines.len(), 2, "the same first message, shown once");
    assert_eq!(replica.session.claims_of(&attempt(1)).len(), 1);
}
