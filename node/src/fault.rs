//! Planted bugs of the machine and the store: a switch that breaks one rule at a time, so that the simulator can show that
//! it would notice. Without the feature `planted` [`planted()`] is constantly false and the broken branch does not exist in
//! the program.
//!
//! The switch is a thread's own: simulations that run side by side do not break each other.

/// A bug that can be planted, named by what it does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A client is told that its message is stored before it is.
    AnswerBeforeCommit,
    /// What was written here is gossiped before it is stored.
    GossipBeforeCommit,
    /// A session is shown to whoever asks while its newest records are on their way to the disk.
    ReadsDoNotWait,
    /// A client is told that its message is stored though the commit failed.
    FailureHidden,
    /// Of the batches of one commit the first one's records alone are written.
    GroupCut,
    /// The disk is not asked to sync.
    SyncSkipped,
    /// A row of the index stays as it was first written.
    RowKept,
    /// A new record is given its place without counting those that are kept aside.
    PlaceReused,
    /// A turn's process starts before its claim is stored.
    TurnBeforeClaim,
    /// A turn that a crash interrupted is started again under its old claim.
    TurnResumed,
    /// An agent that is at work is given its next session.
    TwoTurnsAtOnce,
    /// A claim whose turn a crash ended is left open.
    ClaimLeftOpen,
    /// A session that gets a message while its agent is at work is not put into the agent's queue.
    QueueForgotten,
    /// What changes while an export runs is not marked for the next one.
    ExportForgets,
    /// The queue of exports is not taken up at a start.
    ExportQueueLost,
    /// The folder in which a session was before it was archived stays in the export.
    ArchiveLeftBehind,
    /// The signatures of records that come in frames are not checked.
    SignatureNotChecked,
    /// Sessions are not counted anew when the roster changes.
    RecountForgotten,
    /// A recount that a crash interrupted is not taken up at the start.
    RecountNotResumed,
}

starling_crdt::fault_switch!(feature = "planted");
