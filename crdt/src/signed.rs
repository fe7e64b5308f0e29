//! Who wrote it: a record with its author's ed25519 signature. The type says what has been checked: bytes from a peer
//! are [`Unverified`], and only [`Signed::verify`] (or our own key) makes a [`Verified`]. A bad signature says nothing
//! about the record, so it is never remembered under the record's id.
//!
//! Verification is RFC 8032 with the strict checks of ed25519-dalek's `verify_strict`, one signature at a time: batch
//! verification accepts crafted signatures that single verification refuses, and replicas would disagree.

use std::marker::PhantomData;
use std::sync::Arc;

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};

use crate::id::{DeviceKey, RecordId, StreamKey};
use crate::limits::{SIGNATURE_BYTES, WIRE_BYTES_MAX};
use crate::record::{DecodeError, Decoded, Record, id_of};
use crate::verdicts;

/// Domain of what is signed.
const SIGNATURE_DOMAIN: &[u8] = b"starling/signature/1";

/// The signature has not been looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unverified {}
/// The signature is the author's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verified {}

/// A record and its signature. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed<State> {
    id: RecordId,
    record: Arc<Record>,
    wire: Arc<[u8]>,
    state: PhantomData<State>,
}

/// The signature is not the author's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signature is not the author's")]
pub struct BadSignature;

/// What a frame of a peer turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// A record that this version understands.
    Record(Signed<Unverified>),
    /// One of a later version: hold it.
    NeedsUpgrade {
        /// Its id.
        id: RecordId,
        /// The stream it belongs to.
        stream: StreamKey,
        /// The bytes to hold.
        wire: Arc<[u8]>,
    },
}

impl<State> Signed<State> {
    /// The record's id.
    #[must_use]
    pub const fn id(&self) -> RecordId {
        self.id
    }

    /// The record.
    #[must_use]
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// Record bytes, then signature: what travels and what is stored.
    #[must_use]
    pub fn wire(&self) -> &[u8] {
        &self.wire
    }

    /// The key of the document that the record belongs to; a founding record belongs to the roster that it makes.
    #[must_use]
    pub fn stream(&self) -> StreamKey {
        if self.record.is_roster() { self.record.workspace_of(self.id).roster() } else { self.record.stream }
    }

    pub(crate) fn signature_bytes(&self) -> &[u8] {
        self.wire.split_at(self.wire.len() - SIGNATURE_BYTES).1
    }
}

fn split(wire: &[u8]) -> Result<(&[u8], &[u8]), DecodeError> {
    if wire.len() < SIGNATURE_BYTES || wire.len() > WIRE_BYTES_MAX {
        return Err(DecodeError::Size(wire.len()));
    }
    Ok(wire.split_at(wire.len() - SIGNATURE_BYTES))
}

/// The id that `wire` has, from its record bytes alone. `None` if it is too short to be a signed record.
#[must_use]
pub fn id_of_wire(wire: &[u8]) -> Option<RecordId> {
    split(wire).ok().map(|(record, _)| id_of(record))
}

fn signed_text(id: &RecordId) -> Vec<u8> {
    [SIGNATURE_DOMAIN, id.as_bytes()].concat()
}

impl Signed<Unverified> {
    /// Reads a signed record from a peer, a file or the store. Looks at the form, not at the signature.
    ///
    /// # Errors
    /// [`DecodeError`] when these bytes are no record of any version.
    pub fn decode(wire: &[u8]) -> Result<Received, DecodeError> {
        let (bytes, signature) = split(wire)?;
        let id = id_of(bytes);
        if let Some(Signed { record, wire, .. }) = verdicts::recall(id, signature) {
            return Ok(Received::Record(Self { id, record, wire, state: PhantomData }));
        }
        Ok(match Record::decode(bytes)? {
            Decoded::Record(record) => {
                Received::Record(Self { id, record: Arc::new(record), wire: wire.into(), state: PhantomData })
            }
            Decoded::NeedsUpgrade { stream, .. } => Received::NeedsUpgrade { id, stream, wire: wire.into() },
        })
    }

    /// Checks the author's signature. About 40 us, unless this thread was asked to remember it (`verdicts`).
    ///
    /// # Errors
    /// [`BadSignature`]. Nothing follows for the record: another peer may bring it with a good one.
    pub fn verify(self) -> Result<Signed<Verified>, BadSignature> {
        if let Some(known) = verdicts::recall(self.id, self.signature_bytes()) {
            return Ok(known);
        }
        if verdicts::is_bad(self.id, self.signature_bytes()) {
            return Err(BadSignature);
        }
        if let Err(bad) = self.check() {
            verdicts::note_bad(self.id, self.signature_bytes());
            return Err(bad);
        }
        let verified = self.trust();
        verdicts::note(&verified);
        Ok(verified)
    }

    fn check(&self) -> Result<(), BadSignature> {
        let key = VerifyingKey::from_bytes(self.record.author.as_bytes()).map_err(|_| BadSignature)?;
        let signature = Signature::from_slice(self.signature_bytes()).map_err(|_| BadSignature)?;
        key.verify_strict(&signed_text(&self.id), &signature).map_err(|_| BadSignature)
    }

    /// Takes the signature as checked: for records out of our own store, which only ever took verified ones.
    #[must_use]
    pub fn trust(self) -> Signed<Verified> {
        Signed { id: self.id, record: self.record, wire: self.wire, state: PhantomData }
    }
}

impl Signed<Verified> {
    /// Signs a record with its author's key.
    ///
    /// # Errors
    /// [`DecodeError::Bounds`] if the record is outside a bound or `key` is not its author's.
    pub fn sign(record: Record, key: &SigningKey) -> Result<Self, DecodeError> {
        record.check_bounds()?;
        if device_key(key) != record.author {
            return Err(DecodeError::Bounds("the key is not the author's"));
        }
        let mut wire = record.encode();
        let id = id_of(&wire);
        wire.extend_from_slice(&key.sign(&signed_text(&id)).to_bytes());
        if wire.len() > WIRE_BYTES_MAX {
            return Err(DecodeError::Size(wire.len()));
        }
        let signed = Self { id, record: Arc::new(record), wire: wire.into(), state: PhantomData };
        verdicts::note(&signed);
        Ok(signed)
    }
}

/// The public half of a device's key.
#[must_use]
pub fn device_key(key: &SigningKey) -> DeviceKey {
    DeviceKey::from_bytes(key.verifying_key().to_bytes())
}
