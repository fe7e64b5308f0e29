//! Handles: the second of two equal ones, and names that are free again.

use std::collections::BTreeSet;

use super::{handle, heads, on, remove};
use crate::id::Handle;
use crate::payload::{MemberRole, Payload};
use crate::session::Offer;
use crate::testing::{ADMIN, FOUNDER, HOST, PHONE, Workspace, add_member, host_agent};

#[test]
fn the_second_of_two_equal_names_gets_a_suffix() {
    let w = Workspace::new();
    let start = heads(&w);
    let records = [
        on(&w, FOUNDER, &start, add_member("carl", MemberRole::Member)),
        on(&w, PHONE, &start, host_agent("carl", PHONE)),
        on(&w, ADMIN, &start, add_member("carl", MemberRole::Guest)),
        on(&w, HOST, &start, host_agent("carl-2", HOST)),
    ];
    let mut names = BTreeSet::new();
    for order in [[0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1]] {
        let mut copy = w.clone();
        for at in order {
            assert!(matches!(copy.roster.offer(records[at].clone()), Offer::Admitted(_)));
        }
        let standing = copy.roster.standing();
        let members = [0, 2].map(|at| standing.member(&records[at].id()).unwrap().handle.clone());
        let agents = [1, 3].map(|at| standing.agent(&records[at].id()).unwrap().handle.clone());
        let all: BTreeSet<Handle> = members.iter().chain(&agents).cloned().collect();
        assert_eq!(all.len(), 4, "no name twice: {all:?}");
        assert!(all.contains(&handle("carl")) && all.contains(&handle("carl-2")));
        names.insert((members, agents));
    }
    assert_eq!(names.len(), 1, "the same names in any order of arrival");
}

#[test]
fn a_suffix_fits_into_the_longest_name() {
    let w = Workspace::new();
    let start = heads(&w);
    let long = "a".repeat(37) + "-b";
    let mut copy = w.clone();
    for seed in [FOUNDER, PHONE] {
        let record = on(&w, seed, &start, add_member(&long, MemberRole::Member));
        assert!(matches!(copy.roster.offer(record), Offer::Admitted(_)));
    }
    let names: BTreeSet<_> = copy.roster.standing().members().map(|(_, m)| m.handle.clone()).collect();
    assert!(names.contains(&handle(&long)) && names.contains(&handle(&("a".repeat(37) + "-2"))), "{names:?}");
}

#[test]
fn a_name_is_free_again_after_retirement() {
    let mut w = Workspace::new();
    let old = w.agent;
    w.put(FOUNDER, Payload::RetireAgent { agent: old });
    w.put(FOUNDER, remove(w.bob));
    let agent = w.put(FOUNDER, host_agent("claude", PHONE));
    let bob = w.put(FOUNDER, add_member("bob", MemberRole::Guest));
    let standing = w.roster.standing();
    assert_eq!(standing.agent_called(&handle("claude")).unwrap().0, &agent);
    assert_eq!(standing.member_called(&handle("bob")).unwrap().0, &bob);
    assert_eq!(standing.agent(&old).unwrap().handle, handle("claude"), "it keeps its name on what it wrote");
    assert_eq!(standing.member(&w.bob).unwrap().handle, handle("bob"));
}

#[test]
fn a_second_retirement_does_not_free_the_name_of_the_next() {
    let mut w = Workspace::new();
    let old = w.agent;
    let start = heads(&w);
    w.put(FOUNDER, Payload::RetireAgent { agent: old });
    let again = w.put(FOUNDER, host_agent("claude", PHONE));
    // Concurrently, and later by canonical order, another device retires the old agent too.
    let mut deps = start.clone();
    for n in 0..3 {
        let record = on(&w, ADMIN, &deps, add_member(&format!("m{n}"), MemberRole::Guest));
        deps = vec![record.id()];
        assert!(matches!(w.roster.offer(record), Offer::Admitted(_)));
    }
    let retired = on(&w, ADMIN, &deps, Payload::RetireAgent { agent: old });
    let retired_id = retired.id();
    assert!(matches!(w.roster.offer(retired), Offer::Admitted(_)));
    let third = on(&w, ADMIN, &[retired_id], host_agent("claude", ADMIN));
    let third_id = third.id();
    assert!(matches!(w.roster.offer(third), Offer::Admitted(_)));
    let standing = w.roster.standing();
    assert_eq!(standing.agent(&again).unwrap().handle, handle("claude"));
    assert_eq!(standing.agent(&third_id).unwrap().handle, handle("claude-2"));
}
