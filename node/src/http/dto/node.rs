//! Members, peers and the node itself as JSON. What is not known is `null`, so that every key is always there.

use serde::Serialize;
use starling_crdt::reference::Reference;
use utoipa::ToSchema;

use super::rfc3339;
use crate::machine::info;

/// The workspace's members.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Members {
    members: Vec<Member>,
}

impl From<Vec<info::MemberInfo>> for Members {
    fn from(members: Vec<info::MemberInfo>) -> Self {
        let members = members.into_iter().map(Member::from).collect();
        Self { members }
    }
}

#[derive(Debug, Serialize, ToSchema)]
struct Member {
    handle: String,
    role: &'static str,
    devices: Vec<Device>,
}

impl From<info::MemberInfo> for Member {
    fn from(member: info::MemberInfo) -> Self {
        Self {
            handle: member.handle.to_string(),
            role: member.role,
            devices: member.devices.into_iter().map(Device::from).collect(),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
struct Device {
    device: String,
    label: String,
    here: bool,
    online: bool,
    last_seen: Option<String>,
}

impl From<info::DeviceInfo> for Device {
    fn from(device: info::DeviceInfo) -> Self {
        Self {
            device: device.device.to_string(),
            label: device.label,
            here: device.here,
            online: device.online,
            last_seen: device.last_seen_ms.map(rfc3339),
        }
    }
}

/// What lost its standing.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Revoked {
    /// The devices that have no standing any more.
    devices: Vec<String>,
    /// Agents that they host, which nobody runs now.
    agents: Vec<String>,
    /// In how many sessions what they wrote stays.
    kept_sessions: usize,
    /// Whether it was so before.
    already: bool,
}

impl From<info::RevokedInfo> for Revoked {
    fn from(revoked: info::RevokedInfo) -> Self {
        Self {
            devices: revoked.devices.iter().map(ToString::to_string).collect(),
            agents: revoked.agents.iter().map(ToString::to_string).collect(),
            kept_sessions: revoked.kept_sessions,
            already: revoked.already,
        }
    }
}

/// Peers that are known.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Peers {
    peers: Vec<Peer>,
}

impl From<Vec<info::PeerInfo>> for Peers {
    fn from(peers: Vec<info::PeerInfo>) -> Self {
        Self { peers: list(peers) }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Peer {
    device: String,
    handle: Option<String>,
    label: String,
    connected: bool,
    addresses: Vec<String>,
    rtt_micros: Option<u64>,
    last_seen: Option<String>,
    /// Whether it has what we have, and we what it has.
    in_step: bool,
    /// When that was last looked at.
    last_exchange: Option<String>,
    records_sent: u64,
    records_received: u64,
    last_error: Option<String>,
}

impl From<info::PeerInfo> for Peer {
    fn from(peer: info::PeerInfo) -> Self {
        let (records_sent, records_received) = peer.records;
        Self {
            device: peer.device.to_string(),
            handle: peer.handle.map(|handle| handle.to_string()),
            label: peer.label,
            connected: peer.connected,
            addresses: peer.addresses,
            rtt_micros: peer.rtt_micros,
            last_seen: peer.last_seen_ms.map(rfc3339),
            in_step: peer.in_step,
            last_exchange: peer.last_exchange_ms.map(rfc3339),
            records_sent,
            records_received,
            last_error: peer.last_error,
        }
    }
}

pub(super) fn list<T, U: From<T>>(items: Vec<T>) -> Vec<U> {
    items.into_iter().map(U::from).collect()
}

/// A session that waits for something.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Waiting {
    /// Its id.
    session: String,
    agent: String,
    /// For what, in words.
    reason: String,
    /// When the agent's host was last connected.
    last_seen: Option<String>,
    #[serde(rename = "ref")]
    reference: String,
}

impl From<info::WaitingInfo> for Waiting {
    fn from(waiting: info::WaitingInfo) -> Self {
        let session = waiting.session;
        Self {
            session: session.to_string(),
            agent: waiting.agent.to_string(),
            reason: waiting.reason,
            last_seen: waiting.last_seen_ms.map(rfc3339),
            reference: Reference { session, line: None }.to_string(),
        }
    }
}

/// The exchange with peers.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Sync {
    paused: bool,
    /// Connected peers that have what we have.
    in_step: usize,
    /// Connected peers.
    connected: usize,
    peers: Vec<Peer>,
    waiting: Vec<Waiting>,
}

impl From<info::SyncInfo> for Sync {
    fn from(sync: info::SyncInfo) -> Self {
        Self {
            paused: sync.paused,
            in_step: sync.in_step,
            connected: sync.connected,
            peers: list(sync.peers),
            waiting: list(sync.waiting),
        }
    }
}

/// The state of the git export.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Exported {
    /// The newest commit.
    commit: Option<String>,
    /// Its tree: equal on nodes that hold the same records.
    tree: Option<String>,
    /// Why the last export failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

impl From<info::ExportState> for Exported {
    fn from(export: info::ExportState) -> Self {
        Self { commit: export.commit, tree: export.tree, error: export.error }
    }
}

/// The git export, and where it is pushed to.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct ExportStatus {
    #[serde(flatten)]
    pub(super) made: Exported,
    /// Absent while no remote is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) push: Option<Push>,
}

/// Pushes of the export since the node started.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Push {
    /// Without passwords.
    remote: String,
    /// This device's branch there.
    branch: String,
    /// The commit that was pushed last.
    commit: Option<String>,
    /// Its tree.
    tree: Option<String>,
    /// When that was.
    at: Option<String>,
    /// Why the last push failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// When it is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_try: Option<String>,
}

impl From<info::PushState> for Push {
    fn from(push: info::PushState) -> Self {
        Self {
            remote: push.remote,
            branch: push.branch,
            commit: push.commit,
            tree: push.tree,
            at: push.at_ms.map(rfc3339),
            error: push.error,
            next_try: push.next_try_ms.map(rfc3339),
        }
    }
}

/// A new invitation.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Invited {
    /// What `starling join` takes.
    pub(in crate::http) ticket: String,
    /// The ticket as a QR code: rows of modules without the quiet zone, `1` is dark. Null when it is too long for one.
    #[schema(required)]
    pub(in crate::http) qr: Option<Vec<String>>,
    /// What the list calls it.
    pub(in crate::http) id: String,
    pub(in crate::http) handle: String,
    pub(in crate::http) expires_at: String,
}

/// Open invitations.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Invites {
    invites: Vec<Invite>,
}

impl From<Vec<info::InviteInfo>> for Invites {
    fn from(invites: Vec<info::InviteInfo>) -> Self {
        Self { invites: list(invites) }
    }
}

#[derive(Debug, Serialize, ToSchema)]
struct Invite {
    id: String,
    handle: String,
    expires_at: String,
    /// The device that used it.
    used_by: Option<String>,
}

impl From<info::InviteInfo> for Invite {
    fn from(invite: info::InviteInfo) -> Self {
        Self {
            id: invite.id,
            handle: invite.handle.to_string(),
            expires_at: rfc3339(invite.expires_at_ms),
            used_by: invite.used_by.map(|device| device.to_string()),
        }
    }
}
