//! Planted bugs of the sync machine: a switch that breaks one rule at a time, so that the simulator can show that it
//! would notice. Without the feature `planted` [`planted()`] is constantly false and the broken branch does not exist in
//! the program.
//!
//! The switch is a thread's own: simulations that run side by side do not break each other.

/// A bug that can be planted, named by what it does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A session that only the peer has is not asked for.
    TheirsForgotten,
    /// Of the sessions that only we have the first is left out.
    StreamSkipped,
    /// The root over all sessions is not made anew when one of them changes.
    RootKept,
    /// Whoever comes back is told nothing until something changes.
    SilentOnReturn,
    /// Of several records of a session the first is left out, on which the others depend.
    DepDropped,
    /// Rosters that differ are not exchanged.
    RosterNotExchanged,
}

starling_crdt::fault_switch!(feature = "planted");
