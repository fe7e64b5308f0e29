//! Each planted bug of the roster is caught by the checkers.

use super::{exhaustive, random};
use crate::fault::{Fault, with};

const FAULTS: [Fault; 14] = [
    Fault::StrongRemovalOff,
    Fault::JuniorVoids,
    Fault::SeenIsVoid,
    Fault::GroundsIgnored,
    Fault::SettledIgnored,
    Fault::SeniorityById,
    Fault::RevokedComesBack,
    Fault::RecoveryIgnored,
    Fault::HandoverEpochIgnored,
    Fault::LargerIdHosts,
    Fault::VoidCutsCount,
    Fault::RoleByLamport,
    Fault::HandoverGroundIgnored,
    Fault::AdderIgnored,
];

/// What the checkers say first.
fn caught(fault: Fault) -> Option<String> {
    with(fault, || {
        random::run(0, 6).err().or_else(|| exhaustive::deep().iter().find_map(|plan| plan.run().err()))
    })
}

#[test]
fn each_planted_bug_is_caught() {
    for fault in FAULTS {
        let said = caught(fault);
        println!(
            "{fault:?}: {}",
            said.as_deref().and_then(|said| said.lines().next()).unwrap_or("not caught")
        );
        assert!(said.is_some(), "{fault:?} is not caught");
    }
}
