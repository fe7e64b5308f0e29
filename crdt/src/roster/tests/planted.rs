//! Each planted bug of the roster is caught by the checkers, in the story that is about it.

use super::{exhaustive, random};
use crate::fault::{Fault, with};

const FAULTS: [(Fault, &str); 14] = [
    (Fault::StrongRemovalOff, "cuts"),
    (Fault::JuniorVoids, "mutual"),
    (Fault::SeenIsVoid, "chains"),
    (Fault::GroundsIgnored, "chains"),
    (Fault::SettledIgnored, "settled"),
    (Fault::SeniorityById, "mutual"),
    (Fault::RevokedComesBack, "a revoked key"),
    (Fault::RecoveryIgnored, "recovery"),
    (Fault::HandoverEpochIgnored, "handovers"),
    (Fault::LargerIdHosts, "handovers"),
    (Fault::VoidCutsCount, "cuts"),
    (Fault::RoleByLamport, "an equivocator"),
    (Fault::HandoverGroundIgnored, "a void handover"),
    (Fault::AdderIgnored, "a device of a device"),
];

#[test]
fn each_planted_bug_is_caught() {
    let mut missed = Vec::new();
    for (fault, story) in FAULTS {
        let plans = exhaustive::deep();
        let plan = plans.iter().find(|plan| plan.name == story).unwrap();
        let said = with(fault, || plan.run()).err();
        println!(
            "{fault:?}: {}",
            said.as_deref().and_then(|said| said.lines().next()).unwrap_or("not caught")
        );
        missed.extend(said.is_none().then_some(fault));
    }
    assert!(missed.is_empty(), "not caught: {missed:?}");
}

#[test]
fn random_histories_notice_too() {
    for fault in [Fault::StrongRemovalOff, Fault::JuniorVoids, Fault::SeenIsVoid] {
        assert!(with(fault, || random::run(0, 6)).is_err(), "{fault:?} is not caught");
    }
}
