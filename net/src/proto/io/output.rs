//! What the sync machine wants done.

use starling_crdt::id::{DeviceKey, StreamKey};

use super::{Batch, DropReason, FrameToken, Have, Place, RefusalCode};

/// What to do, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send a frame (the transport puts the length before it). Reliable and in order, or the link is to be cut.
    Send {
        /// To whom.
        peer: DeviceKey,
        /// At most [`super::super::limits::FRAME_BYTES_MAX`].
        bytes: Vec<u8>,
    },
    /// Say what we have of a stream: [`Input::Described`](super::Input::Described). Unknown to us: the default.
    Describe {
        /// For whom.
        peer: DeviceKey,
        /// Of what.
        stream: StreamKey,
    },
    /// Find what the peer lacks of a stream: [`Input::Collected`](super::Input::Collected). Unknown to us: nothing.
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
    /// Decode, verify and offer these records, then [`Input::Processed`](super::Input::Processed).
    Records {
        /// From whom.
        peer: DeviceKey,
        /// Which frame.
        token: FrameToken,
        /// Its records by stream; the roster's come first.
        batches: Vec<Batch>,
    },
    /// An unknown peer claims that these roster records admit it: check and offer them, then [`Input::Admission`](super::Input::Admission).
    Proof {
        /// Who. The proof must admit this very key.
        peer: DeviceKey,
        /// At most [`super::super::limits::PROOF_RECORDS_MAX`].
        records: Vec<Vec<u8>>,
    },
    /// A peer redeems an invite: [`Input::Admission`](super::Input::Admission) with our whole roster.
    JoinRequest {
        /// Who.
        peer: DeviceKey,
        /// The invite's secret.
        secret: [u8; 32],
        /// What the device calls itself.
        label: String,
    },
    /// Our invite was redeemed: offer the roster, then [`Input::RosterChanged`](super::Input::RosterChanged) and [`Input::Admission`](super::Input::Admission).
    Welcome {
        /// By whom.
        peer: DeviceKey,
        /// The whole roster; at most [`super::super::limits::WELCOME_BYTES_MAX`] bytes.
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
    /// Close the link, after what was sent before. No [`Input::Disconnected`](super::Input::Disconnected) is needed, and one does no harm.
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
    /// The peer looks for company: [`Input::Places`](super::Input::Places).
    Seek {
        /// Who.
        peer: DeviceKey,
    },
    /// Where others are found, as this peer says. Not checked: whoever answers there still has to be who it should be.
    Places {
        /// Who says so.
        peer: DeviceKey,
        /// At most [`super::super::limits::PLACES_MAX`].
        places: Vec<Place>,
    },
    /// A peer told us something for now: it is kept nowhere and given to nobody. Not checked.
    Note {
        /// Who says it.
        peer: DeviceKey,
        /// At most [`super::super::limits::NOTE_BYTES_MAX`].
        bytes: Vec<u8>,
    },
    /// Whether the peer has what we have changed.
    InStep {
        /// Who.
        peer: DeviceKey,
        /// Whether it has.
        in_step: bool,
    },
    /// Call with [`Input::Tick`](super::Input::Tick) at this time (ms on the clock of `handle`). Replaces the time said before.
    WakeAt(u64),
}
