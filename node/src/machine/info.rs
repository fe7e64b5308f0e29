//! What a node tells of itself: sessions, agents, members, peers, status. Plain data, made anew for each question;
//! reasons are given in words, and computed from what was exchanged, never guessed.

use std::collections::BTreeMap;

use starling_crdt::id::{DeviceKey, Handle, RecordId, SessionId};
use starling_crdt::view::Status;

use super::activity::Activity;
use super::capabilities::Capabilities;
use super::profile::AgentProfile;

/// A row of the session list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The session.
    pub id: SessionId,
    /// Its title.
    pub title: Option<String>,
    /// Its agent.
    pub agent: Handle,
    /// Its creator.
    pub created_by: Handle,
    /// Where it stands.
    pub status: Status,
    /// Latest time of any record, ms.
    pub updated_at_ms: u64,
    /// First characters of the last line.
    pub preview: String,
    /// Number of records.
    pub revision: u64,
}

/// Where a session has a text that was looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// The first line that has it.
    pub line_number: u64,
    /// A part of that line around it, without line ends.
    pub excerpt: String,
}

/// Where the lines of a session are known to be. It may lag, or say fewer than there are; never more.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Delivery {
    /// Other devices of the workspace in good standing.
    pub devices: usize,
    /// On how many of them each line is, in order; where it ends, on none as far as is known.
    pub on: Vec<usize>,
}

/// An agent of the workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentInfo {
    /// Its handle.
    pub handle: Handle,
    /// The device that hosts it.
    pub host: DeviceKey,
    /// The host's label.
    pub host_label: String,
    /// The member whose device that is.
    pub owner: Handle,
    /// Whether that is this device.
    pub here: bool,
    /// Whether its host is here or connected.
    pub online: bool,
    /// When its host was last connected, ms.
    pub last_seen_ms: Option<u64>,
    /// The session that it works on now, as far as known here.
    pub running: Option<SessionId>,
    /// Inputs that wait for it here.
    pub queued: usize,
    /// How this device runs it; `None` for those of other devices.
    pub profile: Option<AgentProfile>,
    /// What it said that it can do when it ran here last; `None` for those of other devices.
    pub capabilities: Option<Capabilities>,
}

/// A member of the workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberInfo {
    /// Its handle as shown.
    pub handle: Handle,
    /// Its role: `founder`, `admin`, `member`, `guest`.
    pub role: &'static str,
    /// Its devices.
    pub devices: Vec<DeviceInfo>,
}

/// A device of a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceInfo {
    /// Its key.
    pub device: DeviceKey,
    /// Its label.
    pub label: String,
    /// Whether it is this one.
    pub here: bool,
    /// Whether it is here or connected.
    pub online: bool,
    /// When it was last connected, ms.
    pub last_seen_ms: Option<u64>,
}

/// A peer: another device of the workspace, as the network sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerInfo {
    /// Its key.
    pub device: DeviceKey,
    /// Its member's handle.
    pub handle: Option<Handle>,
    /// Its label.
    pub label: String,
    /// Whether it is connected.
    pub connected: bool,
    /// Addresses that are known.
    pub addresses: Vec<String>,
    /// Round trip, microseconds.
    pub rtt_micros: Option<u64>,
    /// When it was last connected, ms.
    pub last_seen_ms: Option<u64>,
    /// Whether it has what we have, and we what it has.
    pub in_step: bool,
    /// When that was last looked at, ms.
    pub last_exchange_ms: Option<u64>,
    /// Records sent to it and taken from it on this connection.
    pub records: (u64, u64),
    /// What went wrong last.
    pub last_error: Option<String>,
}

/// The node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeStatus {
    /// This device.
    pub device: DeviceKey,
    /// Its label.
    pub label: String,
    /// The workspace.
    pub workspace: RecordId,
    /// The member whose device this is.
    pub handle: Handle,
    /// Whether this device lost its standing: it reads what it has, and writes nothing.
    pub revoked: bool,
    /// Addresses that others can dial.
    pub listen: Vec<String>,
    /// Peers that are known.
    pub peers: Vec<PeerInfo>,
    /// Sessions by status name.
    pub sessions: BTreeMap<&'static str, u64>,
    /// The export.
    pub export: ExportState,
    /// Its pushes, when a remote is set.
    pub push: Option<PushState>,
    /// What is waited for.
    pub waiting: Vec<WaitingInfo>,
    /// Whether the exchange with peers is cut.
    pub paused: bool,
    /// Whether it could join another workspace: its own is unused, or it is no member of it yet.
    pub can_join: bool,
    /// When the node started, ms.
    pub started_at_ms: u64,
}

/// A session that waits for something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingInfo {
    /// The session.
    pub session: SessionId,
    /// Its agent.
    pub agent: Handle,
    /// For what, in words.
    pub reason: String,
    /// When the agent's host was last connected, ms.
    pub last_seen_ms: Option<u64>,
}

/// The exchange with peers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncInfo {
    /// Whether it is cut.
    pub paused: bool,
    /// Connected peers that have what we have.
    pub in_step: usize,
    /// Connected peers.
    pub connected: usize,
    /// Peers that are known.
    pub peers: Vec<PeerInfo>,
    /// What is waited for.
    pub waiting: Vec<WaitingInfo>,
}

/// An open invitation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InviteInfo {
    /// What to call it.
    pub id: String,
    /// For whom.
    pub handle: Handle,
    /// Until when, ms.
    pub expires_at_ms: u64,
    /// The device that used it.
    pub used_by: Option<DeviceKey>,
}

/// What a revocation or a removal did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RevokedInfo {
    /// The devices that have no standing any more.
    pub devices: Vec<DeviceKey>,
    /// Agents that they host, which nobody runs now.
    pub agents: Vec<Handle>,
    /// In how many sessions the cut keeps what they wrote.
    pub kept_sessions: usize,
    /// Whether they had lost their standing before, and nothing was written.
    pub already: bool,
}

/// The state of the git export.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExportState {
    /// The newest commit, hexadecimal.
    pub commit: Option<String>,
    /// Its tree, hexadecimal.
    pub tree: Option<String>,
    /// Why the last export failed.
    pub error: Option<String>,
}

/// Where the export is pushed to, and how far that has come since the node started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PushState {
    /// The remote, without passwords.
    pub remote: String,
    /// This device's branch there.
    pub branch: String,
    /// The commit that was pushed last, hexadecimal.
    pub commit: Option<String>,
    /// Its tree, hexadecimal.
    pub tree: Option<String>,
    /// When that was, ms.
    pub at_ms: Option<u64>,
    /// Why the last push failed.
    pub error: Option<String>,
    /// When it is tried again, ms.
    pub next_try_ms: Option<u64>,
}

/// News for listening clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// A session changed.
    Session(Item),
    /// Peers came, went or caught up.
    Peers,
    /// Members, devices or agents changed.
    Roster,
    /// An agent does something.
    Activity(Activity),
}
