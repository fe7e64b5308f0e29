//! Bugs that are planted on purpose, to show that the simulator would find them. Each breaks one rule of `crdt`, `net` or
//! `node`, behind a switch that a normal build does not have. This is the list: what is wrong, in which scenario the bug
//! is hunted, and which invariant should notice it. With the feature `planted` the hunt is here as well; without it a
//! program can have itself built with the feature.

#[cfg(not(feature = "planted"))]
mod build;
#[cfg(feature = "planted")]
mod hunt;

use serde::Serialize;

use crate::scenario::{Scenario, ScenarioError};

#[cfg(not(feature = "planted"))]
pub use build::without_feature;
#[cfg(feature = "planted")]
pub use hunt::{Hunt, Hunter, hunt, run_all};

/// Seeds until a bug has to be found, unless somebody asks for another number.
pub const SEEDS_MAX: u64 = 64;

/// Which part of the product a bug breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Area {
    /// No agent's word without a title.
    Gate,
    /// Who may act.
    Roster,
    /// How replicas meet.
    Sync,
    /// What is on disk.
    Store,
    /// Lines and their numbers.
    Sealing,
    /// Turns.
    Dispatch,
    /// The files.
    Export,
}

/// A bug that can be planted.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Bug {
    /// Its name: lower-case letters and hyphens.
    pub name: &'static str,
    /// What it breaks.
    pub area: Area,
    /// What is wrong, in a line.
    pub wrong: &'static str,
    /// The scenario in which it is hunted: a file in `scenarios/planted/`.
    pub scenario: &'static str,
    /// The invariant that should notice, or `liveness`: every session is answered in the end.
    pub noticed_by: &'static str,
    /// Runs something with the bug in place.
    #[cfg(feature = "planted")]
    #[serde(skip)]
    plant: fn(&mut dyn FnMut()),
}

/// The scenarios, by the names of their files.
const SCENARIOS: [(&str, &str); 6] = [
    ("apart", include_str!("../scenarios/planted/apart.toml")),
    ("arrival", include_str!("../scenarios/planted/arrival.toml")),
    ("disk", include_str!("../scenarios/planted/disk.toml")),
    ("liars", include_str!("../scenarios/planted/liars.toml")),
    ("revoked", include_str!("../scenarios/planted/revoked.toml")),
    ("turns", include_str!("../scenarios/planted/turns.toml")),
];

impl Bug {
    /// The bug of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<&'static Self> {
        BUGS.iter().find(|bug| bug.name == name)
    }

    /// The scenario in which it is hunted.
    ///
    /// # Errors
    /// [`ScenarioError`]: there is none of that name, or it cannot be run.
    pub fn scenario(&self) -> Result<Scenario, ScenarioError> {
        let found = SCENARIOS.iter().find(|(name, _)| *name == self.scenario);
        Scenario::parse(found.map_or("", |(_, text)| text))
    }
}

macro_rules! bug {
    ($name:literal, $area:ident, $library:ident $fault:ident, $scenario:literal, $invariant:literal, $wrong:literal) => {
        Bug {
            name: $name,
            area: Area::$area,
            wrong: $wrong,
            scenario: $scenario,
            noticed_by: $invariant,
            #[cfg(feature = "planted")]
            plant: |run| $library::fault::with($library::fault::Fault::$fault, run),
        }
    };
}

/// All of them.
#[rustfmt::skip]
pub const BUGS: &[Bug] = &[
    bug!("gate-ignored", Gate, starling_crdt GateOff, "turns", "INV-1",
        "an agent's reply is admitted though its session has no title"),
    bug!("role-ignored", Gate, starling_crdt RoleIgnored, "liars", "INV-5",
        "any device may write in any role"),
    bug!("deps-not-awaited", Sync, starling_crdt DepsNotAwaited, "arrival", "INV-2",
        "a record is admitted before those that it depends on"),
    bug!("archive-by-arrival", Sealing, starling_crdt ArchiveByArrival, "arrival", "INV-2",
        "of an archive and an unarchive the one that arrived last stands"),
    bug!("late-message-sealed-early", Sealing, starling_crdt SealsByStamp, "arrival", "INV-6",
        "a message that arrives late is numbered among the lines that are sealed"),
    bug!("line-sealed-twice", Sealing, starling_crdt LineSealedTwice, "arrival", "INV-6",
        "a reply that has its number is numbered again"),
    bug!("repetition-shown", Sealing, starling_crdt RepetitionShown, "arrival", "INV-2",
        "a message that was sent again from another device is shown twice"),
    bug!("uncounted-shown", Roster, starling_crdt UncountedShown, "revoked", "INV-5",
        "records of a revoked device are shown like any other"),
    bug!("recount-forgotten", Roster, starling_node RecountForgotten, "revoked", "INV-10",
        "sessions are not counted anew when the roster changes"),
    bug!("recount-not-resumed", Roster, starling_node RecountNotResumed, "revoked", "INV-10",
        "a recount that a crash interrupted is not taken up at the start"),
    bug!("place-reused", Roster, starling_node PlaceReused, "revoked", "INV-3",
        "a new record gets the place of one that is kept aside"),
    bug!("roster-not-exchanged", Roster, starling_net RosterNotExchanged, "revoked", "INV-2",
        "rosters that differ are not exchanged"),
    bug!("theirs-forgotten", Sync, starling_net TheirsForgotten, "apart", "INV-2",
        "a session that only the peer has is not asked for"),
    bug!("stream-skipped", Sync, starling_net StreamSkipped, "apart", "INV-2",
        "reconciliation leaves out the first session that only one side has"),
    bug!("root-kept", Sync, starling_net RootKept, "apart", "INV-2",
        "the digest over all sessions is not made anew when one changes"),
    bug!("silent-on-return", Sync, starling_net SilentOnReturn, "apart", "INV-2",
        "after a lost connection nothing is offered again until something changes"),
    bug!("dep-dropped", Sync, starling_net DepDropped, "apart", "INV-2",
        "a page of several records lacks the first, on which the others depend"),
    bug!("reads-do-not-wait", Sync, starling_node ReadsDoNotWait, "disk", "INV-3",
        "a peer is sent records that are not on disk yet"),
    bug!("gossip-before-commit", Sync, starling_node GossipBeforeCommit, "disk", "INV-3",
        "a record is gossiped before it is on disk"),
    bug!("signature-not-checked", Store, starling_node SignatureNotChecked, "liars", "INV-4",
        "records that come in frames are believed without a look at their signatures"),
    bug!("answer-before-commit", Store, starling_node AnswerBeforeCommit, "disk", "INV-3",
        "a client is told that its message is stored before it is"),
    bug!("failure-hidden", Store, starling_node FailureHidden, "disk", "INV-3",
        "a client is told that its message is stored though the commit failed"),
    bug!("batch-lost", Store, starling_node GroupCut, "disk", "INV-3",
        "of the batches of one commit only the first one's records are written"),
    bug!("sync-skipped", Store, starling_node SyncSkipped, "disk", "INV-3",
        "a commit does not ask the disk to sync"),
    bug!("row-kept", Store, starling_node RowKept, "disk", "INV-10",
        "a session's row in the index is not replaced"),
    bug!("turn-before-claim", Dispatch, starling_node TurnBeforeClaim, "turns", "INV-3",
        "an agent's process starts before its claim is on disk"),
    bug!("claim-run-twice", Dispatch, starling_node TurnResumed, "turns", "INV-7",
        "a turn that a crash interrupted is started again under its old claim"),
    bug!("two-turns-at-once", Dispatch, starling_node TwoTurnsAtOnce, "turns", "INV-7",
        "an agent that is at work is given its next session"),
    bug!("claim-left-open", Dispatch, starling_node ClaimLeftOpen, "turns", "liveness",
        "a turn that a crash interrupted is neither failed nor taken up"),
    bug!("queue-forgotten", Dispatch, starling_node QueueForgotten, "turns", "liveness",
        "a session that gets a message while its agent is at work is never answered"),
    bug!("export-forgets", Export, starling_node ExportForgets, "turns", "INV-2",
        "what changes while an export runs is not exported"),
    bug!("export-queue-lost", Export, starling_node ExportQueueLost, "turns", "INV-2",
        "what a crash kept from being exported is not exported after the start"),
    bug!("archive-left-behind", Export, starling_node ArchiveLeftBehind, "arrival", "INV-2",
        "an archived session stays in the folder of those that are not"),
];

#[cfg(test)]
mod tests;
