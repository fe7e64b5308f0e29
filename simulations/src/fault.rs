//! What can go wrong, each as one step of a plan. A fault names everything it needs, so that a plan from which others were
//! taken away still means the same.

use serde::{Deserialize, Serialize};

use crate::agents::Behaviour;

/// What goes wrong. Times are ms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Fault {
    /// A node loses power, and starts again after a while. What was not synced is kept or lost by chance, some of it torn.
    Crash {
        /// The node.
        node: usize,
        /// How long it is away.
        away_ms: u64,
    },
    /// These nodes and the others do not hear each other.
    Partition {
        /// One side.
        side: Vec<usize>,
        /// How long.
        for_ms: u64,
    },
    /// What one node sends does not reach another one; the other way it does.
    OneWay {
        /// Who is not heard.
        from: usize,
        /// Who does not hear.
        to: usize,
        /// How long.
        for_ms: u64,
    },
    /// A node hears nobody.
    Offline {
        /// The node.
        node: usize,
        /// How long.
        for_ms: u64,
    },
    /// Gossip loses this many of 100 packets.
    Storm {
        /// The share.
        loss_percent: u64,
        /// How long.
        for_ms: u64,
    },
    /// A node's lines carry no more than this.
    Slow {
        /// The node.
        node: usize,
        /// Bytes a second.
        bytes_per_s: u64,
        /// How long.
        for_ms: u64,
    },
    /// The next write or sync of a node fails.
    DiskError {
        /// The node.
        node: usize,
    },
    /// A node's disk takes no more.
    DiskFull {
        /// The node.
        node: usize,
        /// How long.
        for_ms: u64,
    },
    /// A node's disk says that it synced, and did not, until the next crash.
    LyingSync {
        /// The node.
        node: usize,
    },
    /// A node's clock jumps.
    ClockJump {
        /// The node.
        node: usize,
        /// By how much, either way.
        by_ms: i64,
    },
    /// A computer sees and does nothing, and time goes on.
    Sleep {
        /// The node.
        node: usize,
        /// How long.
        for_ms: u64,
    },
    /// The agents of a node behave like this from now on.
    Mood {
        /// The node.
        node: usize,
        /// How.
        mood: Behaviour,
    },
    /// A device of the roster breaks the rules.
    Lie {
        /// The node.
        node: usize,
        /// How.
        lie: Lie,
    },
}

/// What a liar does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Lie {
    /// Signs two records with the same past and says one to each half.
    Equivocate,
    /// Says a record with another one's name under it.
    Forge,
    /// Says old records again.
    Replay,
    /// Writes upon what was long ago.
    BackDate,
    /// Passes nothing on.
    Omit,
    /// Says the same, and new, things as fast as it can.
    Flood,
    /// Replies without a title, or in the name of an agent that it does not host.
    BreakGate,
    /// Says bytes that mean nothing.
    Garbage,
}

impl Lie {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Equivocate,
        Self::Forge,
        Self::Replay,
        Self::BackDate,
        Self::Omit,
        Self::Flood,
        Self::BreakGate,
        Self::Garbage,
    ];
}

impl Fault {
    /// What it is called in reports.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Crash { .. } => "crash",
            Self::Partition { .. } => "partition",
            Self::OneWay { .. } => "one_way",
            Self::Offline { .. } => "offline",
            Self::Storm { .. } => "storm",
            Self::Slow { .. } => "slow",
            Self::DiskError { .. } => "disk_error",
            Self::DiskFull { .. } => "disk_full",
            Self::LyingSync { .. } => "lying_sync",
            Self::ClockJump { .. } => "clock_jump",
            Self::Sleep { .. } => "sleep",
            Self::Mood { .. } => "mood",
            Self::Lie { lie, .. } => match lie {
                Lie::Equivocate => "lie_equivocate",
                Lie::Forge => "lie_forge",
                Lie::Replay => "lie_replay",
                Lie::BackDate => "lie_back_date",
                Lie::Omit => "lie_omit",
                Lie::Flood => "lie_flood",
                Lie::BreakGate => "lie_break_gate",
                Lie::Garbage => "lie_garbage",
            },
        }
    }
}
