//! What goes into the sync machine and what comes out: plain data, so that the same machine runs behind libp2p and in
//! a simulation. The owner of the machine carries out each output in order; those that ask something (`Describe`,
//! `Collect`, `Records`, `Proof`, `JoinRequest`, `Welcome`) are answered by the input that their text names, at once
//! or later. Records are opaque wire bytes here.

use starling_crdt::id::{DeviceKey, RecordId, StreamKey, WorkspaceId};

mod input;
mod output;

pub use super::message::RefusalCode;
pub use input::Input;
pub use output::Output;

/// What a machine is made with.
#[derive(Debug, Clone)]
pub struct Config {
    /// Our device, which is also our identity on the network.
    pub me: DeviceKey,
    /// The workspace that is synced (for a joiner: the one that the invite names).
    pub workspace: WorkspaceId,
    /// How often each peer is told our state when nothing changes, in ms; jittered by a third either way.
    pub interval_ms: u64,
    /// Spreads the intervals of different nodes. Any number; the same one gives the same times.
    pub seed: u64,
}

impl Config {
    /// The usual settings: an interval of 45 s.
    #[must_use]
    pub const fn new(me: DeviceKey, workspace: WorkspaceId, seed: u64) -> Self {
        Self { me, workspace, interval_ms: 45_000, seed }
    }
}

/// How much of a stream a replica has: enough for another one to find what is missing there. The default (nothing)
/// asks for everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Have {
    /// The heads, sorted and unique; cut to [`super::limits::HAVE_HEADS_MAX`] when sent.
    pub heads: Vec<RecordId>,
    /// For each author, sorted and unique, the number of its records that are held and the last of them. Good for
    /// authors whose records form a chain, and a fork of it shows; cut to [`super::limits::HAVE_AUTHORS_MAX`] when sent.
    pub counts: Vec<(DeviceKey, u32, RecordId)>,
}

/// Records of one stream, in topological order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The stream they are said to belong to (not checked here).
    pub stream: StreamKey,
    /// Signed records as they travel.
    pub records: Vec<Vec<u8>>,
}

/// Names one received frame of records until it has been processed. Never used twice by one machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FrameToken(pub(super) u64);

/// Whether a peer is let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is. For a join: with our whole roster (any size), the record that admits the joiner included. Otherwise empty.
    Accept {
        /// Roster records for a joiner.
        records: Vec<Vec<u8>>,
    },
    /// It is not, and is told why.
    Refuse {
        /// The reason, for programs.
        code: RefusalCode,
        /// The reason, for people; cut to [`super::limits::DETAIL_BYTES_MAX`].
        detail: String,
        /// What proves it, such as the revocation; cut to [`super::limits::REFUSAL_RECORDS_MAX`].
        records: Vec<Vec<u8>>,
    },
}

/// Why a peer is dropped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DropReason {
    /// It sent what no honest peer sends.
    #[error("broke the protocol: {0}")]
    Broken(String),
    /// It sent more than the limits allow.
    #[error("sent too much: {0}")]
    Flooding(&'static str),
    /// We refused it.
    #[error("refused by us: {0}")]
    RefusedByUs(RefusalCode),
    /// It refused us.
    #[error("refused us: {0}")]
    RefusedUs(RefusalCode),
    /// It did not finish the handshake.
    #[error("no handshake within {} s", super::limits::HANDSHAKE_MS / 1000)]
    NoHandshake,
    /// An exchange stood still twice.
    #[error("two exchanges made no progress")]
    Stalled,
    /// It is not on the roster any more.
    #[error("no longer on the roster")]
    NotAllowed,
    /// We are paused.
    #[error("sync is paused here")]
    Paused,
    /// It is paused.
    #[error("sync is paused there")]
    PeerPaused,
    /// We have as many peers as we can hold.
    #[error("too many peers")]
    TooManyPeers,
}

impl DropReason {
    /// Whether a reconnect soon makes sense. If not, wait long, or for a change of the roster.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::NoHandshake | Self::Stalled | Self::TooManyPeers | Self::PeerPaused => true,
            Self::Broken(_)
            | Self::Flooding(_)
            | Self::RefusedByUs(_)
            | Self::RefusedUs(_)
            | Self::NotAllowed
            | Self::Paused => false,
        }
    }
}

/// Where a device is found, as a peer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The device.
    pub device: DeviceKey,
    /// Its addresses, the best ones first. Text of the peer: nothing is known of it but its length.
    pub addresses: Vec<String>,
}

/// What is known of a connected peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerStatus {
    /// Who.
    pub peer: DeviceKey,
    /// Whether both sides have let each other in.
    pub accepted: bool,
    /// Whether its last summary equals our state, and nothing is under way.
    pub in_step: bool,
    /// Why it is not in step; `None` if it is.
    pub reason: Option<&'static str>,
    /// When it last told its state, in ms; `None` if it has not.
    pub last_exchange_ms: Option<u64>,
    /// Records sent on this link.
    pub sent_records: u64,
    /// Records received on this link.
    pub received_records: u64,
    /// Streams that are being compared or fetched, or wait for it, in either direction.
    pub pending_streams: usize,
    /// What last went wrong on this link.
    pub last_error: Option<String>,
    /// How many sessions it has, by its last summary.
    pub their_sessions: Option<u64>,
}
