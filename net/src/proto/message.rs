//! The words of the protocol, as types; their bytes are in `wire`. Nothing here decides anything: what a word means for
//! a conversation is the business of `gate`, `rounds`, `ask` and `serve`.

mod wire;

use starling_crdt::id::{DeviceKey, StreamKey, WorkspaceId};

use super::io::{Have, Place};

pub(super) use wire::{decode, encode};

/// Domain of the tag in the first frame.
const TAG_DOMAIN: &str = "starling/hello/1";

/// A digest of 64 bits. Salted anew for each round (see [`super::index`]), so that nobody can prepare two states that
/// look the same.
pub(super) type Short = [u8; 8];

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Message {
    /// First frame of a member, both ways.
    Hello {
        version: u16,
        version_min: u16,
        /// Shows, to this peer alone, that the sender knows the workspace.
        tag: [u8; 32],
        /// The receiver is not on the sender's roster: it is to prove that it belongs there.
        prove: bool,
    },
    /// First frame of a joiner.
    Join { version: u16, version_min: u16, tag: [u8; 32], secret: [u8; 32], label: String },
    /// The roster records that admit the sender.
    Proof { records: Vec<Vec<u8>> },
    /// The whole roster for a joiner, in parts.
    Welcome { records: Vec<Vec<u8>>, more: bool },
    /// You are not let in, and the link closes.
    Refused { code: RefusalCode, detail: String, records: Vec<Vec<u8>> },
    /// You are let in. From here on, and once both have said it, the rest may be said.
    Accepted,
    /// Our state in short.
    Summary(Summary),
    /// Parts of the index: ranges of stream keys, each with a digest, or with its items.
    Index {
        /// Salt of the digests, and the name of the round.
        round: Short,
        ranges: Vec<Range>,
        /// Whether this ends the answer to one frame.
        last: bool,
    },
    /// No time for a round now: another exchange is under way.
    Later { round: Short },
    /// What we have of a stream: send what we lack.
    Have {
        stream: StreamKey,
        have: Have,
        /// Whether to answer with a `Have` as well.
        reply: bool,
    },
    /// Records that you lack.
    Records { token: u64, parts: Vec<Part> },
    /// The records of that frame are in our store, or will never be.
    Ack { token: u64 },
    /// Where are the others found?
    Seek,
    /// Where others are found: by device, sorted, each with an address.
    Places { places: Vec<Place> },
    /// Something that is of use now or never, for the owner of the machine.
    Note { bytes: Vec<u8> },
    /// We stop talking on purpose.
    Bye { paused: bool },
}

/// A node's state in short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Summary {
    /// Digest of the roster's heads.
    pub(super) roster: [u8; 32],
    /// Digest over all sessions and their digests.
    pub(super) root: [u8; 32],
    /// How many sessions.
    pub(super) sessions: u64,
}

/// The stream keys from the end of the range before (or the first key) to `upto`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) upto: Bound,
    pub(super) what: RangeState,
}

/// What is said of a range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RangeState {
    /// Nothing to say.
    Skip,
    /// The digest of the sender's items there.
    Digest(Short),
    /// The sender's items there, all of them, sorted.
    Items(Vec<(StreamKey, Short)>),
}

/// The end of a range, exclusive: the first bytes of a key, the rest taken as zero; `None` is behind the last key.
/// Ordered as such.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bound(pub(super) Option<[u8; 32]>);

/// Records of one stream in a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) stream: StreamKey,
    pub(super) records: Vec<Vec<u8>>,
    pub(super) tail: Tail,
}

/// What follows the records of a [`Part`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tail {
    /// Another part of the same answer.
    Part,
    /// Nothing: that was all you lacked.
    End,
    /// More, if you ask again.
    Again,
}

/// Why a peer is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum RefusalCode {
    /// It does not know the workspace that we sync.
    WrongWorkspace,
    /// No protocol version that both speak.
    Version,
    /// It is not on the roster, and its proof does not put it there.
    NotMember,
    /// It was on the roster; the revocation goes with the refusal.
    Revoked,
    /// No such invite, or not one that this device can redeem.
    InviteUnknown,
    /// The invite is too old.
    InviteExpired,
    /// The invite was redeemed by another device.
    InviteUsed,
    /// A reason that a later version has given.
    Other(u8),
}

impl std::fmt::Display for RefusalCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::WrongWorkspace => f.write_str("wrong_workspace"),
            Self::Version => f.write_str("version"),
            Self::NotMember => f.write_str("not_member"),
            Self::Revoked => f.write_str("revoked"),
            Self::InviteUnknown => f.write_str("invite_unknown"),
            Self::InviteExpired => f.write_str("invite_expired"),
            Self::InviteUsed => f.write_str("invite_used"),
            Self::Other(code) => write!(f, "refused_{code}"),
        }
    }
}

impl RefusalCode {
    const fn to_wire(self) -> u8 {
        match self {
            Self::WrongWorkspace => 0,
            Self::Version => 1,
            Self::NotMember => 2,
            Self::Revoked => 3,
            Self::InviteUnknown => 4,
            Self::InviteExpired => 5,
            Self::InviteUsed => 6,
            Self::Other(code) => code,
        }
    }

    const fn from_wire(code: u8) -> Self {
        match code {
            0 => Self::WrongWorkspace,
            1 => Self::Version,
            2 => Self::NotMember,
            3 => Self::Revoked,
            4 => Self::InviteUnknown,
            5 => Self::InviteExpired,
            6 => Self::InviteUsed,
            later => Self::Other(later),
        }
    }
}

/// The tag by which `from` shows `to` that it knows the workspace; good for nobody else, and in no other direction.
pub(super) fn tag(workspace: &WorkspaceId, from: &DeviceKey, to: &DeviceKey) -> [u8; 32] {
    let key = blake3::derive_key(TAG_DOMAIN, workspace.as_bytes());
    let mut hasher = blake3::Hasher::new_keyed(&key);
    hasher.update(from.as_bytes()).update(to.as_bytes());
    *hasher.finalize().as_bytes()
}

impl Bound {
    /// Whether `key` is before this end.
    pub(super) fn is_above(&self, key: &StreamKey) -> bool {
        self.0.is_none_or(|upto| *key.as_bytes() < upto)
    }
}

#[cfg(test)]
mod tests;
