//! Planted bugs: a test-only switch that breaks one rule at a time, so that the tests can show that they would notice.
//! Without `cfg(test)` [`planted`] is constantly false and the broken branch does not exist in the program.
//!
//! The switch is a thread's own: tests that run side by side do not break each other.

/// A bug that can be planted, named by what it does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Replies and summaries are admitted without a title.
    GateOff,
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

/// Whether this bug is planted now.
#[cfg(not(test))]
pub(crate) const fn planted(_: Fault) -> bool {
    false
}

#[cfg(test)]
pub(crate) use switch::{planted, with};

#[cfg(test)]
mod switch {
    use std::cell::Cell;

    use super::Fault;

    thread_local! {
        static PLANTED: Cell<Option<Fault>> = const { Cell::new(None) };
    }

    pub(crate) fn planted(fault: Fault) -> bool {
        PLANTED.get() == Some(fault)
    }

    /// Runs `check` with a bug planted, and takes it out again, also after a panic.
    pub(crate) fn with<T>(fault: Fault, check: impl FnOnce() -> T) -> T {
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
