//! The machine's own rows in the store: what a list shows of a session, and what is known of peers, invitations and
//! agents. CBOR, versioned by a leading number; a row that cannot be read is dropped and rebuilt from the records or
//! learned again, and never stops a start (INV-10).

use std::collections::BTreeSet;

use minicbor::{Decode, Encode};
use starling_crdt::id::{AgentId, DeviceKey, Handle, MemberId, RecordId, SessionId, StreamKey};
use starling_crdt::limits::CUT_HEADS_MAX;
use starling_crdt::roster::Standing;
use starling_crdt::session::{Entry, Session};
use starling_crdt::view::{Status, View};

use super::aside::Place;
use super::capabilities::Capabilities;
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
    /// Whether all that waits for the agent was written by devices that lost their standing.
    #[n(12)]
    pub held: bool,
    /// Digest of what the roster said of its authors and its agent when this row was made: another one, and the row has
    /// to be made anew.
    #[cbor(n(13), with = "minicbor::bytes")]
    pub basis: [u8; 32],
    /// Who wrote it, counted or not, and the last that each wrote.
    #[n(14)]
    pub authors: Vec<AuthorRow>,
    /// How many records it has, counted or not: where the store has more or fewer, the row speaks of others.
    #[n(15)]
    pub records: u64,
}

/// One author of a session.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct AuthorRow {
    /// The device.
    #[n(0)]
    pub device: DeviceKey,
    /// Its maximal records, sorted: one, unless it forked.
    #[n(1)]
    pub tips: Vec<RecordId>,
}

impl IndexRow {
    /// The row of a session as it is now.
    #[must_use]
    pub fn of(session: &Session, view: &View, standing: &Standing) -> Self {
        let authors = authors_of(session);
        Self {
            id: view.id,
            creator: view.creator,
            agent: view.agent,
            digest: digest_of(session.heads().iter().copied()),
            title: view.title.as_ref().map(ToString::to_string),
            status: status_code(view.status),
            updated_at_ms: view.updated_at_ms,
            preview: view.preview(),
            revision: view.revision,
            pending: u32::try_from(view.pending_inputs).unwrap_or(u32::MAX),
            open: u32::try_from(view.open_attempts.len()).unwrap_or(u32::MAX),
            stop: view.archived.is_some() || view.processing.as_ref().is_some_and(|turn| turn.stop_requested),
            held: is_held(session, standing),
            basis: basis_of(&view.key, &view.agent, authors.iter().map(|author| &author.device), standing),
            authors,
            records: (session.len() + session.aside()) as u64,
        }
    }

    /// Whether anything of the session counts. One of which nothing does is kept for when that changes, and is shown to
    /// nobody.
    #[must_use]
    pub const fn is_shown(&self) -> bool {
        self.revision > 0
    }

    /// Whether the row still is what the session comes to under this roster.
    #[must_use]
    pub fn is_current(&self, key: &StreamKey, standing: &Standing) -> bool {
        self.basis == basis_of(key, &self.agent, self.authors.iter().map(|author| &author.device), standing)
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

/// Digest of all that a session's counting and view take from the roster: who of its authors stands, what cuts keep of
/// those who do not, and which device hosts its agent. Handles are not in it: rows name members and agents by id.
fn basis_of<'a>(
    key: &StreamKey,
    agent: &AgentId,
    authors: impl Iterator<Item = &'a DeviceKey>,
    standing: &Standing,
) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key("starling/row-basis/1");
    if let Some(agent) = standing.agent(agent) {
        hasher.update(agent.host.as_bytes()).update(&[u8::from(standing.stands(&agent.host))]);
    }
    for author in authors {
        let stands = standing.stands(author);
        hasher.update(author.as_bytes()).update(&[u8::from(stands)]);
        if !stands {
            for (kept, id) in standing.kept(author, key).zip(1_u64..) {
                hasher.update(&id.to_be_bytes()).update(kept.as_bytes());
            }
        }
    }
    *hasher.finalize().as_bytes()
}

/// Every author of a session with its maximal records, at most as many as a cut may name: the newest.
fn authors_of(session: &Session) -> Vec<AuthorRow> {
    let devices: BTreeSet<DeviceKey> = session.admitted().map(|entry| entry.signed.record().author).collect();
    devices.into_iter().map(|device| AuthorRow { device, tips: tips_of(session, &device) }).collect()
}

/// A device's maximal records in a session: those that none of its others depends on, directly or not. Sorted, at most
/// as many as a cut may name: the newest.
#[must_use]
pub fn tips_of(session: &Session, device: &DeviceKey) -> Vec<RecordId> {
    let entries: Vec<&Entry> = session.admitted().collect();
    let mut below: BTreeSet<RecordId> = BTreeSet::new();
    let mut tips: Vec<&Entry> = Vec::new();
    // Newest first, so that a record comes after all that depend on it.
    for entry in entries.into_iter().rev() {
        let (id, record) = (entry.signed.id(), entry.signed.record());
        let is_below = below.remove(&id);
        if record.author == *device && !is_below {
            tips.push(entry);
        }
        if is_below || record.author == *device {
            below.extend(&record.deps);
        }
    }
    tips.sort_by_key(|entry| std::cmp::Reverse(entry.stamp()));
    let mut tips: Vec<RecordId> = tips.iter().take(CUT_HEADS_MAX).map(|entry| entry.signed.id()).collect();
    tips.sort_unstable();
    tips
}

/// Whether something waits for the agent, and all of it was written by devices that lost their standing: a cut keeps
/// their words, but starts no turn.
#[must_use]
pub fn is_held(session: &Session, standing: &Standing) -> bool {
    let heads: Vec<RecordId> = session.heads().iter().copied().collect();
    let inputs = session.inputs(&heads);
    let stands =
        |id: &RecordId| session.entry(id).is_some_and(|e| standing.stands(&e.signed.record().author));
    !inputs.is_empty() && !inputs.iter().any(stands)
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
    /// What the program said that it can do, once it has run.
    #[n(1)]
    pub capabilities: Option<Capabilities>,
}

/// Key of the setting that is there while the exchange with peers is cut.
pub const PAUSED: &[u8] = b"paused";

/// Key of the fact that the home was restored, until its device is a member.
pub const RESTORED: &[u8] = b"restored";

/// Key, among the facts of the export, of the newest commit that the store knows of.
pub const COMMIT: &[u8] = b"commit";

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
    /// Every session that has a record, in order of their keys, and how many it has.
    pub streams: Vec<(StreamKey, u64)>,
    /// Index rows.
    pub index: Vec<(StreamKey, Vec<u8>)>,
    /// Streams that have yet to be exported.
    pub export_queue: Vec<StreamKey>,
    /// The export's newest commit that the store knows of, hexadecimal: what is not in the queue is shown by it.
    pub exported: Option<String>,
    /// Ids of our records that no other device is known to have.
    pub outbox: Vec<RecordId>,
    /// Rows of [`PeerRow`], by device.
    pub peers: Vec<(Vec<u8>, Vec<u8>)>,
    /// Rows of [`InviteRow`], by id.
    pub invites: Vec<(Vec<u8>, Vec<u8>)>,
    /// Rows of [`ProfileRow`], by agent.
    pub profiles: Vec<(Vec<u8>, Vec<u8>)>,
    /// Rows of [`super::context::ContextRow`], by session.
    pub contexts: Vec<(Vec<u8>, Vec<u8>)>,
    /// Whether the exchange with peers was cut, and not taken up again.
    pub paused: bool,
    /// Where records of later versions are held.
    pub aside: Vec<Place>,
    /// Whether the home was restored from an export, and its device has not joined yet.
    pub restored: bool,
}
