//! What happens to the sync machine.

use std::collections::BTreeSet;

use starling_crdt::id::{DeviceKey, StreamKey};

use super::{FrameToken, Have, Place, Verdict};

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
        /// At most [`super::super::limits::FRAME_BYTES_MAX`].
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
        /// [`super::super::limits::REFUSAL_RECORDS_MAX`].
        records: Vec<Vec<u8>>,
    },
    /// Our committed roster changed, or was loaded at the start. Give this one before the first `Connected`.
    RosterChanged {
        /// The devices in good standing, without this one or with it. Peers outside are dropped at once.
        allowed: BTreeSet<DeviceKey>,
        /// The signed roster records that admit this device, in topological order; at most
        /// [`super::super::limits::PROOF_RECORDS_MAX`] and [`super::super::limits::PROOF_BYTES_MAX`], else none is sent.
        proof: Vec<Vec<u8>>,
        /// Digest of the roster's heads.
        digest: [u8; 32],
    },
    /// Answers [`Output::Describe`](super::Output::Describe).
    Described {
        /// For whom.
        peer: DeviceKey,
        /// Of what.
        stream: StreamKey,
        /// What we have of it.
        have: Have,
    },
    /// Answers [`Output::Collect`](super::Output::Collect).
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
    /// Answers [`Output::Records`](super::Output::Records): all of its records are committed, waiting or refused. Gives the peer its credit back.
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
    /// Answers [`Output::Proof`](super::Output::Proof), [`Output::JoinRequest`](super::Output::JoinRequest) and [`Output::Welcome`](super::Output::Welcome). Where the verdict rests on new roster
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
    /// Ask a peer where other devices are found: [`Output::Places`](super::Output::Places) follows, unless the peer's version is too old to know
    /// the question. Ignored for peers that are not let in.
    Seek {
        /// Whom to ask.
        peer: DeviceKey,
    },
    /// Answers [`Output::Seek`](super::Output::Seek).
    Places {
        /// For whom.
        peer: DeviceKey,
        /// Where others are found; cut to [`super::super::limits::PLACES_MAX`] and the like. Empty when we know of nobody.
        places: Vec<Place>,
    },
    /// Tell a peer something that is of use now or never. Nothing happens if it is not let in, or of a version that does
    /// not know notes.
    Note {
        /// Whom.
        peer: DeviceKey,
        /// What; more than [`super::super::limits::NOTE_BYTES_MAX`] is not sent.
        bytes: Vec<u8>,
    },
    /// Compare with every peer now, also where an earlier comparison brought nothing.
    SyncNow,
    /// Say goodbye to everybody and let nobody in until [`Input::Resume`].
    Pause,
    /// The opposite of [`Input::Pause`]. Peers have to be connected anew.
    Resume,
    /// Time passed. Needed when [`Output::WakeAt`](super::Output::WakeAt) says so; harmless at any time.
    Tick,
}
