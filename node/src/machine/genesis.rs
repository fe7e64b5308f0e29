//! How a workspace begins: the founding record, signed by its first device. Everything else grows from it.

use ed25519_dalek::SigningKey;
use starling_crdt::id::{DeviceKey, Handle, StreamKey, WorkspaceId};
use starling_crdt::payload::Payload;
use starling_crdt::record::{DecodeError, Record};
use starling_crdt::signed::{Signed, Verified, device_key};
use starling_crdt::text::Label;

/// The record that founds a workspace, and the workspace's id.
///
/// # Errors
/// [`DecodeError::Bounds`] if a value is outside a bound.
pub fn found(
    key: &SigningKey,
    handle: Handle,
    label: Label,
    recovery: Option<DeviceKey>,
    now_ms: u64,
) -> Result<(WorkspaceId, Signed<Verified>), DecodeError> {
    let record = Record {
        workspace: WorkspaceId::from_bytes([0; 32]),
        stream: StreamKey::from_bytes([0; 32]),
        author: device_key(key),
        roster: Vec::new(),
        deps: Vec::new(),
        at_ms: now_ms,
        payload: Payload::Found {
            handle,
            label,
            recovery,
        },
    };
    let signed = Signed::sign(record, key)?;
    Ok((WorkspaceId::founded_by(signed.id()), signed))
}
