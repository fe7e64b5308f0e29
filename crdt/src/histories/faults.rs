//! Each bug that can be planted is noticed by some checker or oracle within a few histories. A bug that is not is a hole
//! in the checkers, and fails here.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::adversary::Kind;
use super::dice::Dice;
use super::node::Violation;
use super::{STEPS, run};
use crate::fault::{Fault, with};

/// Histories until a bug has to be noticed.
const BOUND: u64 = 60;

/// Each bug, and the kind of history that is to bring it to light.
const PLANTED: [(Fault, Kind); 23] = [
    (Fault::GateOff, Kind::GateBreaker),
    (Fault::GateByState, Kind::GateBreaker),
    (Fault::GateFromFirstDep, Kind::OldDeps),
    (Fault::BadSignatureRemembered, Kind::Honest),
    (Fault::DepsNotAwaited, Kind::Honest),
    (Fault::RefusedDepForgiven, Kind::Misplacer),
    (Fault::RoleIgnored, Kind::Forger),
    (Fault::AntichainNotChecked, Kind::Misplacer),
    (Fault::RosterMayGoBack, Kind::Misplacer),
    (Fault::OpenClaimIgnored, Kind::TurnBreaker),
    (Fault::PrevNotChecked, Kind::TurnBreaker),
    (Fault::WaitingLost, Kind::Honest),
    (Fault::CutIgnored, Kind::Revoker),
    (Fault::ClosureMissing, Kind::BackDater),
    (Fault::UncountedShown, Kind::Revoker),
    (Fault::RecountKeepsDocument, Kind::Revoker),
    (Fault::ActorTruncated, Kind::Honest),
    (Fault::ArchiveByArrival, Kind::Honest),
    (Fault::SealsByStamp, Kind::Honest),
    (Fault::LineSealedTwice, Kind::Honest),
    (Fault::RepetitionShown, Kind::Repeater),
    (Fault::LosingBranchWins, Kind::Equivocator),
    (Fault::EpochIgnored, Kind::Mover),
];

/// The first violation with a bug planted, and in which history.
fn noticed(fault: Fault, kind: Kind) -> Option<(u64, Violation)> {
    (1..=BOUND).find_map(|n| {
        let mut dice = Dice::new(n);
        let steps = STEPS.start + dice.below(STEPS.len());
        let choices: Vec<u32> = (0..steps).map(|_| u32::try_from(dice.roll() >> 32).unwrap()).collect();
        let outcome = with(fault, || catch_unwind(AssertUnwindSafe(|| run(kind, &choices))));
        match outcome {
            Ok(Ok(_)) => None,
            Ok(Err(violation)) => Some((n, violation)),
            Err(_) => Some((n, "a panic: an assertion, in ours or in automerge".to_owned())),
        }
    })
}

#[test]
fn every_planted_bug_is_noticed() {
    let mut unnoticed = Vec::new();
    for (fault, kind) in PLANTED {
        let name = format!("{fault:?}");
        match noticed(fault, kind) {
            Some((n, by)) => {
                let by: String = by.chars().take(60).collect();
                println!("{name:<24} {kind:?}: history {n}, by {by}");
            }
            None => unnoticed.push(name),
        }
    }
    assert!(unnoticed.is_empty(), "nobody noticed in {BOUND} histories: {unnoticed:?}");
}
