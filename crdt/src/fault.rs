//! Planted bugs: a test-only switch that breaks one rule at a time, so that the tests, and the simulator, can show that
//! they would notice. Without `cfg(test)` and the feature `planted` [`planted()`] is constantly false and the broken branch
//! does not exist in the program.
//!
//! The switch is a thread's own: tests that run side by side do not break each other.

/// A bug that can be planted, named by what it does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Replies and summaries are admitted without a title.
    GateOff,
    /// The gate asks what the replica holds, not what the record's past holds.
    GateByState,
    /// The gate asks the first dep alone.
    GateFromFirstDep,
    /// A bad signature is remembered under the record's id, and the good record is turned away. Whoever receives bytes
    /// could do so, which outside tests is not this crate.
    #[cfg_attr(
        not(any(test, feature = "planted")),
        expect(dead_code, reason = "planted where the histories receive bytes")
    )]
    BadSignatureRemembered,
    /// A record is admitted before its deps.
    DepsNotAwaited,
    /// What depends on a refused record is judged as if that one were not named.
    RefusedDepForgiven,
    /// Anybody may write in any role.
    RoleIgnored,
    /// Deps may be in each other's past.
    AntichainNotChecked,
    /// Roster heads may be older than those of the deps.
    RosterMayGoBack,
    /// A claim is admitted while another is open.
    OpenClaimIgnored,
    /// `prev` may name anything.
    PrevNotChecked,
    /// Of the records that wait for one id only the first comes back.
    WaitingLost,
    /// Cuts keep nothing.
    CutIgnored,
    /// A record counts without its past.
    ClosureMissing,
    /// What does not count is shown all the same.
    UncountedShown,
    /// A recount keeps the changes of records that ceased to count.
    RecountKeepsDocument,
    /// An automerge actor is named by its counter alone, so two records can collide.
    ActorTruncated,
    /// The archive or unarchive that arrived last stands.
    ArchiveByArrival,
    /// A claim seals whatever is older by stamp, seen by it or not, so that what arrives late pushes sealed lines.
    SealsByStamp,
    /// A reply that has its number is numbered again.
    LineSealedTwice,
    /// A request that two devices brought is shown twice.
    RepetitionShown,
    /// Of two branches the lighter one wins.
    LosingBranchWins,
    /// A branch's epoch does not weigh.
    EpochIgnored,
    /// No removal makes anything void.
    StrongRemovalOff,
    /// The word of a more junior one makes void what a senior wrote.
    JuniorVoids,
    /// A removal makes void what it had seen.
    SeenIsVoid,
    /// What rests on void records stands.
    GroundsIgnored,
    /// A more junior removal undoes what a senior one rests upon.
    SettledIgnored,
    /// Admins of one promoter are ordered by the ids of their promotions.
    SeniorityById,
    /// A revoked key whose addition is void may be added again.
    RevokedComesBack,
    /// The recovery key may do nothing.
    RecoveryIgnored,
    /// A handover can be accepted in a later epoch.
    HandoverEpochIgnored,
    /// Of two hosts at one epoch the larger record id stands.
    LargerIdHosts,
    /// The cuts of void revocations count.
    VoidCutsCount,
    /// Of concurrent words on a role the last by lamport stands.
    RoleByLamport,
    /// An accepted handover stands without the handover.
    HandoverGroundIgnored,
    /// A device is as senior as its member, whoever added it.
    AdderIgnored,
}

/// The switch beside an enum `Fault`, in each crate that has bugs to plant: compiled in where `$on` holds, and constantly
/// off elsewhere.
#[doc(hidden)]
#[macro_export]
macro_rules! fault_switch {
    ($($on:tt)+) => {
        /// Whether this bug is planted now.
        #[cfg(not($($on)+))]
        pub const fn planted(_: Fault) -> bool {
            false
        }

        #[cfg($($on)+)]
        pub use switch::{planted, with};

        #[cfg($($on)+)]
        mod switch {
            use std::cell::Cell;

            use super::Fault;

            thread_local! {
                static PLANTED: Cell<Option<Fault>> = const { Cell::new(None) };
            }

            /// Whether this bug is planted now, in this thread.
            #[must_use]
            pub fn planted(fault: Fault) -> bool {
                PLANTED.get() == Some(fault)
            }

            /// Runs `check` with a bug planted in this thread, and takes it out again, also after a panic.
            pub fn with<T>(fault: Fault, check: impl FnOnce() -> T) -> T {
                struct Out;
                impl Drop for Out {
                    fn drop(&mut self) {
                        PLANTED.set(None);
                    }
                }
                let _out = Out;
                PLANTED.set(Some(fault));
                check()
            }
        }
    };
}

fault_switch!(any(test, feature = "planted"));

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{HOST, Replica, claim, reply, turn};

    #[test]
    fn a_planted_bug_is_there_until_the_check_ends() {
        let mut replica = Replica::opened();
        let tip = Some(replica.agent(1, claim));
        let refused = |replica: &mut Replica| replica.refusal(HOST, reply("r")(turn(1, tip))).is_some();
        assert!(refused(&mut replica));
        assert!(!with(Fault::GateOff, || refused(&mut replica.fork())));
        assert!(refused(&mut replica));
    }
}
