//! How a workspace begins: the founding record, signed by its first device, and the agent that it begins with. Both are
//! stored in one transaction, so that a start that is cut short leaves either nothing or all of it.

use ed25519_dalek::SigningKey;
use starling_crdt::id::{DeviceKey, Handle, StreamKey, WorkspaceId};
use starling_crdt::payload::Payload;
use starling_crdt::record::{DecodeError, Record};
use starling_crdt::signed::{Signed, Verified, device_key};
use starling_crdt::text::Label;

use super::input::AgentProfile;
use super::rows::{self, ProfileRow};
use crate::store::{Batch, LocalRow, RecordRow, Space};

/// A new workspace.
#[derive(Debug)]
pub struct Founded {
    /// Its id.
    pub workspace: WorkspaceId,
    /// What to store: the roster's records, and how the first agent is run.
    pub batch: Batch,
}

/// Founds a workspace whose first device is `key`'s, with an agent hosted there if one is named.
///
/// # Errors
/// [`DecodeError::Bounds`] if a value is outside a bound.
pub fn found(
    key: &SigningKey,
    handle: Handle,
    label: Label,
    recovery: Option<DeviceKey>,
    agent: Option<(Handle, AgentProfile)>,
    now_ms: u64,
) -> Result<Founded, DecodeError> {
    let nowhere = (WorkspaceId::from_bytes([0; 32]), StreamKey::from_bytes([0; 32]));
    let founding = sign(key, nowhere, Vec::new(), Payload::Found { handle, label, recovery }, now_ms)?;
    let workspace = WorkspaceId::founded_by(founding.id());
    let mut batch = Batch { records: vec![row(workspace, 0, &founding)], ..Batch::default() };
    if let Some((handle, profile)) = agent {
        let host = Payload::HostAgent { handle, device: device_key(key) };
        let hosting = sign(key, (workspace, workspace.roster()), vec![founding.id()], host, now_ms)?;
        batch.records.push(row(workspace, 1, &hosting));
        batch.local.push(LocalRow {
            space: Space::Setting,
            key: hosting.id().as_bytes().to_vec(),
            value: Some(rows::encode(&ProfileRow { profile, capabilities: None })),
        });
    }
    Ok(Founded { workspace, batch })
}

fn sign(
    key: &SigningKey,
    (workspace, stream): (WorkspaceId, StreamKey),
    deps: Vec<starling_crdt::id::RecordId>,
    payload: Payload,
    at_ms: u64,
) -> Result<Signed<Verified>, DecodeError> {
    let author = device_key(key);
    Signed::sign(Record { workspace, stream, author, roster: Vec::new(), deps, at_ms, payload }, key)
}

fn row(workspace: WorkspaceId, position: u64, record: &Signed<Verified>) -> RecordRow {
    RecordRow {
        stream: *workspace.roster().as_bytes(),
        position,
        id: *record.id().as_bytes(),
        wire: record.wire().to_vec(),
        outbox: false,
    }
}
