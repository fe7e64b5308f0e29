//! What goes into the sync machine and what comes out: plain data, so that the same machine runs behind libp2p and in
//! a simulation. The owner of the machine carries out each output in order; those that ask something (`Describe`,
//! `Collect`, `Records`, `Proof`, `JoinRequest`, `Welcome`) are answered by the input that their text names, at once
//! or later. Records are opaque wire bytes here.

use std::collections::BTreeSet;

use starling_crdt::id::{DeviceKey, RecordId, StreamKey, WorkspaceId};

pub use super::message::RefusalCode;

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

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A link to `peer` is up; its key is proved by the transport. A second one replaces the first.
    Connected {
        /// Who.
        peer: DeviceKey,
        /// Whether we made the connection (who is called waits until an unknown caller has spoken).
        outbound: bool,
    },
    /// The link is gone. All that was under way with this peer is forgotten.
    Disconnected {
        /// Who.
        peer: DeviceKey,
    },
    /// A frame came in, without its length prefix.
    Frame {
        /// From whom.
        peer: DeviceKey,
        /// At most [`super::limits::FRAME_BYTES_MAX`].
        bytes: Vec<u8>,
    },
    /// Our committed state of a session changed, or was loaded at the start.
    Changed {
        /// The session (the roster has [`Input::RosterChanged`]).
        stream: StreamKey,
        /// Digest of the heads of its counted records.
        digest: [u8; 32],
    },
    /// Nothing of a session counts here any more: it is as if we had none of it.
    Gone {
        /// The session.
        stream: StreamKey,
    },
    /// A peer lost its standing. It is told why, with the records that took it away, and dropped. Give this before
    /// [`Input::RosterChanged`], which would drop it without a word.
    Dismiss {
        /// The peer; nothing happens if it was not let in.
        peer: DeviceKey,
        /// For its user.
        detail: String,
        /// Roster records in topological order, the one that took its standing away among them; at most
        /// [`super::limits::REFUSAL_RECORDS_MAX`].
        records: Vec<Vec<u8>>,
    },
    /// Our committed roster changed, or was loaded at the start. Give this one before the first `Connected`.
    RosterChanged {
        /// The devices in good standing, without this one or with it. Peers outside are dropped at once.
        allowed: BTreeSet<DeviceKey>,
        /// The signed roster records that admit this device, in topological order; at most
        /// [`super::limits::PROOF_RECORDS_MAX`] and [`super::limits::PROOF_BYTES_MAX`], else none is sent.
        proof: Vec<Vec<u8>>,
        /// Digest of the roster's heads.
        digest: [u8; 32],
    },
    /// Answers [`Output::Describe`].
    Described {
        /// For whom.
        peer: DeviceKey,
        /// Of what.
        stream: StreamKey,
        /// What we have of it.
        have: Have,
    },
    /// Answers [`Output::Collect`].
    Collected {
        /// For whom.
        peer: DeviceKey,
        /// Of what.
        stream: StreamKey,
        /// What the peer lacks, in topological order; empty if nothing.
        records: Vec<Vec<u8>>,
        /// Whether there is more than fitted. The peer asks again when it has processed these.
        more: bool,
    },
    /// Answers [`Output::Records`]: all of its records are committed, waiting or refused. Gives the peer its credit back.
    /// The [`Input::Changed`] of its streams come before this.
    Processed {
        /// Whose frame.
        peer: DeviceKey,
        /// Which.
        token: FrameToken,
        /// How many records we did not hold before (committed or waiting, not refused).
        new: usize,
        /// A stream in which records wait for deps that this peer should have.
        missing: Option<StreamKey>,
    },
    /// Answers [`Output::Proof`], [`Output::JoinRequest`] and [`Output::Welcome`]. Where the verdict rests on new roster
    /// records, commit them and give their [`Input::RosterChanged`] first: a peer that was let in is dropped by the next
    /// roster that does not list it.
    Admission {
        /// Who.
        peer: DeviceKey,
        /// Whether it is let in.
        verdict: Verdict,
    },
    /// A record came by gossip whose deps we lack: ask this peer. Ignored for peers that are not let in.
    NeedDeps {
        /// Whom to ask.
        peer: DeviceKey,
        /// For which stream.
        stream: StreamKey,
    },
    /// Redeem an invite at `peer`: the first frame to it is the secret. Stands until answered or until the peer is gone
    /// for good ([`Input::CancelJoin`]).
    Join {
        /// The device that the invite names.
        peer: DeviceKey,
        /// The invite's secret.
        secret: [u8; 32],
        /// What to call this device.
        label: String,
    },
    /// Forget an invite.
    CancelJoin {
        /// The device that it named.
        peer: DeviceKey,
    },
    /// Ask a peer where other devices are found: [`Output::Places`] follows, unless the peer's version is too old to know
    /// the question. Ignored for peers that are not let in.
    Seek {
        /// Whom to ask.
        peer: DeviceKey,
    },
    /// Answers [`Output::Seek`].
    Places {
        /// For whom.
        peer: DeviceKey,
        /// Where others are found; cut to [`super::limits::PLACES_MAX`] and the like. Empty when we know of nobody.
        places: Vec<Place>,
    },
    /// Compare with every peer now, also where an earlier comparison brought nothing.
    SyncNow,
    /// Say goodbye to everybody and let nobody in until [`Input::Resume`].
    Pause,
    /// The opposite of [`Input::Pause`]. Peers have to be connected anew.
    Resume,
    /// Time passed. Needed when [`Output::WakeAt`] says so; harmless at any time.
    Tick,
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

/// What to do, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send a frame (the transport puts the length before it). Reliable and in order, or the link is to be cut.
    Send {
        /// To whom.
        peer: DeviceKey,
        /// At most [`super::limits::FRAME_BYTES_MAX`].
        bytes: Vec<u8>,
    },
    /// Say what we have of a stream: [`Input::Described`]. Unknown to us: the default.
    Describe {
        /// For whom.
        peer: DeviceKey,
        /// Of what.
        stream: StreamKey,
    },
    /// Find what the peer lacks of a stream: [`Input::Collected`]. Unknown to us: nothing.
    Collect {
        /// For whom.
        peer: DeviceKey,
        /// Of what.
        stream: StreamKey,
        /// What it has.
        theirs: Have,
        /// Bytes of all records at most; but at least one record, if any is missing.
        bytes_max: usize,
    },
    /// Decode, verify and offer these records, then [`Input::Processed`].
    Records {
        /// From whom.
        peer: DeviceKey,
        /// Which frame.
        token: FrameToken,
        /// Its records by stream; the roster's come first.
        batches: Vec<Batch>,
    },
    /// An unknown peer claims that these roster records admit it: check and offer them, then [`Input::Admission`].
    Proof {
        /// Who. The proof must admit this very key.
        peer: DeviceKey,
        /// At most [`super::limits::PROOF_RECORDS_MAX`].
        records: Vec<Vec<u8>>,
    },
    /// A peer redeems an invite: [`Input::Admission`] with our whole roster.
    JoinRequest {
        /// Who.
        peer: DeviceKey,
        /// The invite's secret.
        secret: [u8; 32],
        /// What the device calls itself.
        label: String,
    },
    /// Our invite was redeemed: offer the roster, then [`Input::RosterChanged`] and [`Input::Admission`].
    Welcome {
        /// By whom.
        peer: DeviceKey,
        /// The whole roster; at most [`super::limits::WELCOME_BYTES_MAX`] bytes.
        records: Vec<Vec<u8>>,
    },
    /// A peer refused us; `Drop` follows.
    Refused {
        /// Who.
        peer: DeviceKey,
        /// Why, for programs.
        code: RefusalCode,
        /// Why, for people. Text of the peer: strip control characters before showing it.
        detail: String,
        /// What proves it, such as our revocation; to be verified.
        records: Vec<Vec<u8>>,
    },
    /// Close the link, after what was sent before. No [`Input::Disconnected`] is needed, and one does no harm.
    Drop {
        /// Whose.
        peer: DeviceKey,
        /// Why.
        reason: DropReason,
    },
    /// Both sides have let each other in.
    Accepted {
        /// Who.
        peer: DeviceKey,
    },
    /// The peer looks for company: [`Input::Places`].
    Seek {
        /// Who.
        peer: DeviceKey,
    },
    /// Where others are found, as this peer says. Not checked: whoever answers there still has to be who it should be.
    Places {
        /// Who says so.
        peer: DeviceKey,
        /// At most [`super::limits::PLACES_MAX`].
        places: Vec<Place>,
    },
    /// Whether the peer has what we have changed.
    InStep {
        /// Who.
        peer: DeviceKey,
        /// Whether it has.
        in_step: bool,
    },
    /// Call with [`Input::Tick`] at this time (ms on the clock of `handle`). Replaces the time said before.
    WakeAt(u64),
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
