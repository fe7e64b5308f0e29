//! The record: one small typed write, its canonical bytes and its id (what it can say is in `payload`). Decoding is strict and bounded: bytes that do not
//! re-encode to themselves are refused, so a record has exactly one encoding and one id. This file says nothing of who
//! may write what (`rules`, `roster`), and nothing of signatures (`signed`).
//!
//! The bytes are a CBOR array (RFC 8949, definite lengths): version, kind, role, workspace, stream, author, roster heads,
//! deps, at, payload. A later version keeps this envelope, so that an older node can hold what it does not understand.

use minicbor::{Decode, Encode};

use crate::id::{DeviceKey, RecordId, StreamKey, WorkspaceId};
use crate::limits::{
    AT_MS_MAX, CUT_HEADS_MAX, CUT_SESSIONS_MAX, DEPS_MAX, RECORD_VERSION, ROSTER_HEADS_MAX, SIGNATURE_BYTES,
    WIRE_BYTES_MAX,
};
use crate::payload::{MemberRole, Payload, Role};

/// Domain of the record hash: no other hash of the project can collide with it.
const ID_DOMAIN: &str = "starling/record/1";

/// One write. Built by a writer or decoded from bytes; its bounds hold either way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The workspace; zero bytes in the record that founds it.
    pub workspace: WorkspaceId,
    /// The session or roster that it belongs to; zero bytes in the record that founds a workspace.
    pub stream: StreamKey,
    /// The device that wrote it.
    pub author: DeviceKey,
    /// The roster's heads as the author knew them, sorted.
    pub roster: Vec<RecordId>,
    /// The author's heads of the stream, sorted: the record's direct past.
    pub deps: Vec<RecordId>,
    /// The author's clock, ms since 1970: for display, never for order.
    pub at_ms: u64,
    /// What it says.
    pub payload: Payload,
}

/// Why bytes are not a record. All of these mean: drop it, its sender is broken or hostile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// Longer or shorter than any record.
    #[error("a signed record has {SIGNATURE_BYTES} to {WIRE_BYTES_MAX} bytes, not {0}")]
    Size(usize),
    /// Not the CBOR that this crate writes.
    #[error("malformed record: {0}")]
    Malformed(String),
    /// Decodes, but to what would be written otherwise.
    #[error("the encoding is not canonical")]
    NotCanonical,
    /// A bound does not hold.
    #[error("{0}")]
    Bounds(&'static str),
}

/// What bytes turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "matched where it is made, never kept")]
pub enum Decoded {
    /// A record of this version.
    Record(Record),
    /// A record of a later version or unknown kind: to be held, never refused.
    NeedsUpgrade {
        /// Its version.
        version: u8,
        /// Its kind.
        kind: u8,
        /// The stream it belongs to.
        stream: StreamKey,
    },
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct Envelope {
    #[n(0)]
    version: u8,
    #[n(1)]
    kind: u8,
    #[n(2)]
    role: u8,
    #[n(3)]
    workspace: WorkspaceId,
    #[n(4)]
    stream: StreamKey,
    #[n(5)]
    author: DeviceKey,
    #[n(6)]
    roster: Vec<RecordId>,
    #[n(7)]
    deps: Vec<RecordId>,
    #[n(8)]
    at_ms: u64,
    #[cbor(n(9), with = "minicbor::bytes")]
    payload: Vec<u8>,
}

fn to_bytes<T: Encode<()>>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Writing into a Vec cannot fail, and none of our types refuses to be encoded.
    let written = minicbor::encode(value, &mut bytes);
    debug_assert!(written.is_ok());
    bytes
}

fn from_bytes<T: Encode<()> + for<'b> Decode<'b, ()>>(bytes: &[u8]) -> Result<T, DecodeError> {
    let value: T = minicbor::decode(bytes).map_err(|e| DecodeError::Malformed(e.to_string()))?;
    if to_bytes(&value) == bytes { Ok(value) } else { Err(DecodeError::NotCanonical) }
}

/// The id of a record with these bytes.
#[must_use]
pub fn id_of(bytes: &[u8]) -> RecordId {
    RecordId::from_bytes(blake3::derive_key(ID_DOMAIN, bytes))
}

impl Record {
    /// The canonical bytes, without signature.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        to_bytes(&Envelope {
            version: RECORD_VERSION,
            kind: self.payload.kind(),
            role: self.payload.role().code(),
            workspace: self.workspace,
            stream: self.stream,
            author: self.author,
            roster: self.roster.clone(),
            deps: self.deps.clone(),
            at_ms: self.at_ms,
            payload: to_bytes(&self.payload),
        })
    }

    /// Reads a record from its canonical bytes.
    ///
    /// # Errors
    /// [`DecodeError`]: malformed, not canonical, or outside a bound of [`crate::limits`].
    pub fn decode(bytes: &[u8]) -> Result<Decoded, DecodeError> {
        if bytes.len() > WIRE_BYTES_MAX - SIGNATURE_BYTES {
            return Err(DecodeError::Size(bytes.len()));
        }
        let envelope: Envelope = from_bytes(bytes)?;
        if envelope.version > RECORD_VERSION || !Payload::knows(envelope.kind) {
            let Envelope { version, kind, stream, .. } = envelope;
            return Ok(Decoded::NeedsUpgrade { version, kind, stream });
        }
        let payload: Payload = from_bytes(&envelope.payload)?;
        if (payload.kind(), payload.role().code(), RECORD_VERSION)
            != (envelope.kind, envelope.role, envelope.version)
        {
            return Err(DecodeError::Bounds("version, kind and role must fit the payload"));
        }
        let Envelope { workspace, stream, author, roster, deps, at_ms, .. } = envelope;
        let record = Self { workspace, stream, author, roster, deps, at_ms, payload };
        record.check_bounds()?;
        Ok(Decoded::Record(record))
    }

    /// Whether this is a roster's record (or founds one).
    #[must_use]
    pub fn is_roster(&self) -> bool {
        self.payload.role() == Role::Member
    }

    /// The workspace that the record belongs to; for a founding record the one that it makes.
    #[must_use]
    pub fn workspace_of(&self, id: RecordId) -> WorkspaceId {
        if matches!(self.payload, Payload::Found { .. }) {
            WorkspaceId::founded_by(id)
        } else {
            self.workspace
        }
    }

    /// Checks what types alone do not hold: counts, order, and which records have roots.
    ///
    /// # Errors
    /// [`DecodeError::Bounds`] says which bound.
    pub fn check_bounds(&self) -> Result<(), DecodeError> {
        let fail = |what| Err(DecodeError::Bounds(what));
        if self.deps.len() > DEPS_MAX || !is_sorted_set(&self.deps) {
            return fail("deps are at most 16, sorted and unique");
        }
        if self.roster.len() > ROSTER_HEADS_MAX || !is_sorted_set(&self.roster) {
            return fail("roster heads are at most 16, sorted and unique");
        }
        if self.at_ms > AT_MS_MAX {
            return fail("the time is after the year 9999");
        }
        let root = matches!(self.payload, Payload::Open { .. } | Payload::Found { .. });
        if root != self.deps.is_empty() {
            return fail("a record that opens a stream has no deps, every other has");
        }
        self.check_place()?;
        self.check_cuts()
    }

    fn check_place(&self) -> Result<(), DecodeError> {
        let zero = [0; 32];
        let ok = match &self.payload {
            Payload::Found { .. } => {
                *self.workspace.as_bytes() == zero
                    && *self.stream.as_bytes() == zero
                    && self.roster.is_empty()
            }
            Payload::Open { header, .. } => {
                self.stream == header.key(&self.workspace) && !self.roster.is_empty()
            }
            payload if payload.role() == Role::Member => {
                self.stream == self.workspace.roster() && self.roster.is_empty()
            }
            _ => self.stream != self.workspace.roster() && !self.roster.is_empty(),
        };
        if ok {
            Ok(())
        } else {
            Err(DecodeError::Bounds("workspace, stream and roster heads must fit the kind"))
        }
    }

    fn check_cuts(&self) -> Result<(), DecodeError> {
        let fail = |what| Err(DecodeError::Bounds(what));
        if let Payload::AddMember { role: MemberRole::Founder, .. }
        | Payload::ChangeRole { role: MemberRole::Founder, .. } = self.payload
        {
            return fail("nobody becomes founder");
        }
        let cuts = self.payload.cuts();
        if cuts.iter().map(|cut| cut.kept.len()).sum::<usize>() > CUT_SESSIONS_MAX {
            return fail("a cut names at most 1,024 sessions");
        }
        if !cuts.is_sorted_by(|a, b| a.device < b.device) {
            return fail("cuts are sorted by device");
        }
        for cut in cuts {
            let sorted = cut.kept.is_sorted_by(|a, b| a.0 < b.0);
            let bounded = cut
                .kept
                .iter()
                .all(|(_, heads)| !heads.is_empty() && heads.len() <= CUT_HEADS_MAX && is_sorted_set(heads));
            if !sorted || !bounded {
                return fail("a cut's sessions and heads are sorted, unique and bounded");
            }
        }
        Ok(())
    }
}

fn is_sorted_set(ids: &[RecordId]) -> bool {
    ids.is_sorted_by(|a, b| a < b)
}

#[cfg(test)]
#[path = "record_tests.rs"]
mod tests;
