//! The node's status in JSON: who it is, whom it knows, what it holds and what it waits for.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::node::{ExportStatus, Peer, Waiting, list};
use super::rfc3339;
use crate::http::storage::Sizes;
use crate::machine::info;

/// What the node keeps on the disk.
#[derive(Debug, Serialize, ToSchema)]
struct Storage {
    /// Its directory.
    home: String,
    store_bytes: u64,
    /// Of the git export; of a very large one the first part.
    export_bytes: u64,
}

/// The node.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Status {
    /// Of the program.
    #[schema(example = "0.1.0")]
    version: &'static str,
    device: String,
    label: String,
    workspace: String,
    handle: String,
    /// Whether this device is no member (it was removed, or its home was restored): it reads what it has, and writes nothing.
    revoked: bool,
    /// The web address; null when only the socket is served.
    http: Option<String>,
    /// Addresses that others can dial.
    listen: Vec<String>,
    peers: Vec<Peer>,
    /// Number of sessions by status.
    sessions: BTreeMap<&'static str, u64>,
    export: ExportStatus,
    storage: Storage,
    waiting: Vec<Waiting>,
    /// Whether the exchange with peers is cut.
    paused: bool,
    /// Whether `POST /join` could be accepted: this workspace is unused, or the device is no member of it yet.
    can_join: bool,
    /// Why the last `POST /join` came to nothing; null if there was none since the program started.
    join_error: Option<String>,
    started_at: String,
}

impl Status {
    /// With what became of a join.
    pub(in crate::http) fn after_join(self, join_error: Option<String>) -> Self {
        Self { join_error, ..self }
    }

    pub(in crate::http) fn new(status: info::NodeStatus, http: Option<String>, sizes: Sizes) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
            device: status.device.to_string(),
            label: status.label,
            workspace: status.workspace.to_string(),
            handle: status.handle.to_string(),
            revoked: status.revoked,
            http,
            listen: status.listen,
            peers: list(status.peers),
            sessions: status.sessions,
            export: ExportStatus { made: status.export.into(), push: status.push.map(Into::into) },
            storage: Storage {
                home: sizes.home,
                store_bytes: sizes.store_bytes,
                export_bytes: sizes.export_bytes,
            },
            waiting: list(status.waiting),
            paused: status.paused,
            can_join: status.can_join,
            join_error: None,
            started_at: rfc3339(status.started_at_ms),
        }
    }
}
