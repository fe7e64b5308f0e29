//! The machine's own rows in the store: what a list shows of a session, and what is known of peers, invitations and
//! agents. CBOR, versioned by a leading number; a row that cannot be read is dropped and rebuilt from the records or
//! learned again, and never stops a start (INV-10).

use minicbor::{Decode, Encode};
use starling_crdt::id::{AgentId, DeviceKey, Handle, MemberId, RecordId, SessionId, StreamKey};
use starling_crdt::view::{Status, View};

use super::input::AgentProfile;

/// What a list shows of a session, and what routing needs to know without opening it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct IndexRow {
    /// Its id.
    #[n(0)]
    pub id: SessionId,
    /// Who opened it.
    #[n(1)]
    pub creator: MemberId,
    /// Its agent.
    #[n(2)]
    pub agent: AgentId,
    /// Digest of its heads.
    #[cbor(n(3), with = "minicbor::bytes")]
    pub digest: [u8; 32],
    /// Its title.
    #[n(4)]
    pub title: Option<String>,
    /// Where it stands, as [`status_code`].
    #[n(5)]
    pub status: u8,
    /// Latest time of any record, ms.
    #[n(6)]
    pub updated_at_ms: u64,
    /// First characters of the last line.
    #[n(7)]
    pub preview: String,
    /// Number of records.
    #[n(8)]
    pub revision: u64,
    /// Inputs that no claim covers.
    #[n(9)]
    pub pending: u32,
    /// Open claims.
    #[n(10)]
    pub open: u32,
    /// Whether the running turn is to end.
    #[n(11)]
    pub stop: bool,
}

impl IndexRow {
    /// The row of a session as it is now.
    #[must_use]
    pub fn of(view: &View, heads: impl IntoIterator<Item = RecordId>) -> Self {
        Self {
            id: view.id,
            creator: view.creator,
            agent: view.agent,
            digest: digest_of(heads),
            title: view.title.as_ref().map(ToString::to_string),
            status: status_code(view.status),
            updated_at_ms: view.updated_at_ms,
            preview: view.preview(),
            revision: view.revision,
            pending: u32::try_from(view.pending_inputs).unwrap_or(u32::MAX),
            open: u32::try_from(view.open_attempts.len()).unwrap_or(u32::MAX),
            stop: view.archived.is_some() || view.processing.as_ref().is_some_and(|turn| turn.stop_requested),
        }
    }

    /// Where it stands.
    #[must_use]
    pub const fn status(&self) -> Status {
        match self.status {
            1 => Status::Running,
            2 => Status::Active,
            3 => Status::Error,
            4 => Status::Archived,
            _ => Status::NeedsTitle,
        }
    }

    /// Whether the agent has something to do: as [`View::is_actionable`].
    #[must_use]
    pub fn is_actionable(&self) -> bool {
        self.pending > 0 && self.open == 0 && self.status() != Status::Archived
    }
}

/// The number of a status in an [`IndexRow`].
#[must_use]
pub const fn status_code(status: Status) -> u8 {
    match status {
        Status::NeedsTitle => 0,
        Status::Running => 1,
        Status::Active => 2,
        Status::Error => 3,
        Status::Archived => 4,
    }
}

/// The digest of a stream's heads that peers compare.
#[must_use]
pub fn digest_of(heads: impl IntoIterator<Item = RecordId>) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key("starling/heads/1");
    for head in heads {
        hasher.update(head.as_bytes());
    }
    *hasher.finalize().as_bytes()
}

/// What is known of a peer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct PeerRow {
    /// Where it can be dialled.
    #[n(0)]
    pub addresses: Vec<String>,
    /// When it was last connected, ms.
    #[n(1)]
    pub last_seen_ms: Option<u64>,
}

/// An invitation that this device gave.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct InviteRow {
    /// Hash of the secret; the secret itself is only in the ticket.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub secret_hash: [u8; 32],
    /// For whom.
    #[n(1)]
    pub handle: Handle,
    /// Until when, ms.
    #[n(2)]
    pub expires_at_ms: u64,
    /// The device that used it.
    #[n(3)]
    pub used_by: Option<DeviceKey>,
}

/// An agent hosted here.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct ProfileRow {
    /// How it is run.
    #[n(0)]
    pub profile: AgentProfile,
}

/// Key of the setting that is there while the exchange with peers is cut.
pub const PAUSED: &[u8] = b"paused";

/// The version that leads every row.
const ROW_VERSION: u8 = 1;

/// A row's bytes.
#[must_use]
pub fn encode<T: Encode<()>>(row: &T) -> Vec<u8> {
    let mut bytes = vec![ROW_VERSION];
    let written = minicbor::encode(row, &mut bytes);
    debug_assert!(written.is_ok());
    bytes
}

/// Reads a row; `None` if it is of another version or broken.
#[must_use]
pub fn decode<T: for<'b> Decode<'b, ()>>(bytes: &[u8]) -> Option<T> {
    let (version, row) = bytes.split_first()?;
    if *version == ROW_VERSION { minicbor::decode(row).ok() } else { None }
}

/// What the store holds at a start, as far as the machine wants to know.
#[derive(Debug, Clone, Default)]
pub struct Stored {
    /// The roster's signed records, in order of admission.
    pub roster: Vec<Vec<u8>>,
    /// Every session that has a record.
    pub streams: Vec<StreamKey>,
    /// Index rows.
    pub index: Vec<(StreamKey, Vec<u8>)>,
    /// Streams that have yet to be exported.
    pub export_queue: Vec<StreamKey>,
    /// Ids of our records that no other device is known to have.
    pub outbox: Vec<RecordId>,
    /// Rows of [`PeerRow`], by device.
    pub peers: Vec<(Vec<u8>, Vec<u8>)>,
    /// Rows of [`InviteRow`], by id.
    pub invites: Vec<(Vec<u8>, Vec<u8>)>,
    /// Rows of [`ProfileRow`], by agent.
    pub profiles: Vec<(Vec<u8>, Vec<u8>)>,
    /// Whether the exchange with peers was cut, and not taken up again.
    pub paused: bool,
    /// Records of later versions that are held.
    pub aside: u64,
}
