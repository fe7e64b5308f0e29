//! What the node's JSON says, as far as it is shown to people. Lenient: unknown fields are ignored and
//! missing ones are empty, so that a client understands a node of a neighbouring version. `--json` never
//! passes through here.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// `{session: detail}`
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct SessionBody {
    pub(super) session: Detail,
    #[serde(rename = "ref")]
    pub(super) reference: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Detail {
    pub(super) meta: Meta,
    pub(super) entries: Vec<Entry>,
    pub(super) archived: bool,
    pub(super) continues: Option<String>,
    pub(super) warnings: Vec<Warning>,
    pub(super) uncounted: u64,
}

/// Something that is wrong with a session's history.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Warning {
    pub(super) detail: String,
    pub(super) records: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Meta {
    pub(super) id: String,
    pub(super) title: Option<String>,
    pub(super) agent_id: String,
    pub(super) created_by: String,
    pub(super) status: String,
    pub(super) updated_at: String,
    pub(super) summary: Option<String>,
    pub(super) error: Option<String>,
    pub(super) processing_started_at: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Entry {
    pub(super) message_id: String,
    pub(super) line_number: u64,
    pub(super) sealed: bool,
    pub(super) lost: bool,
    pub(super) point_to: u64,
    pub(super) author: String,
    pub(super) timestamp: String,
    pub(super) body: String,
}

/// A page of the session list.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Page {
    pub(super) sessions: Vec<Item>,
    pub(super) next_cursor: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Item {
    pub(super) id: String,
    pub(super) title: Option<String>,
    pub(super) agent_id: String,
    pub(super) created_by: String,
    pub(super) status: String,
    pub(super) updated_at: String,
    pub(super) last_message_preview: String,
    /// Where it has the text that was looked for.
    #[serde(rename = "match")]
    pub(super) found: Option<Match>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Match {
    pub(super) line_number: u64,
    pub(super) excerpt: String,
}

/// The answer to a write.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Written {
    pub(super) session_id: String,
    pub(super) title: Option<String>,
    pub(super) status: String,
    #[serde(rename = "ref")]
    pub(super) reference: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Status {
    pub(super) device: String,
    pub(super) label: String,
    pub(super) workspace: String,
    pub(super) handle: String,
    pub(super) http: Option<String>,
    pub(super) listen: Vec<String>,
    pub(super) peers: Vec<Peer>,
    pub(super) sessions: BTreeMap<String, u64>,
    pub(super) export: Export,
    pub(super) waiting: Vec<Waiting>,
    pub(super) paused: bool,
    pub(super) revoked: bool,
    pub(super) join_error: Option<String>,
    pub(super) started_at: String,
}

/// What lost its standing.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Revoked {
    pub(super) devices: Vec<String>,
    pub(super) agents: Vec<String>,
    pub(super) kept_sessions: usize,
    pub(super) already: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Export {
    pub(super) commit: Option<String>,
    pub(super) tree: Option<String>,
    pub(super) error: Option<String>,
    pub(super) push: Option<Push>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Push {
    pub(super) remote: String,
    pub(super) branch: String,
    pub(super) commit: Option<String>,
    pub(super) at: Option<String>,
    pub(super) error: Option<String>,
    pub(super) next_try: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Waiting {
    pub(super) session: String,
    pub(super) agent: String,
    pub(super) reason: String,
    pub(super) last_seen: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Peer {
    pub(super) device: String,
    pub(super) handle: Option<String>,
    pub(super) label: String,
    pub(super) connected: bool,
    pub(super) addresses: Vec<String>,
    pub(super) rtt_micros: Option<u64>,
    pub(super) last_seen: Option<String>,
    pub(super) in_step: bool,
    pub(super) last_error: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Peers {
    pub(super) peers: Vec<Peer>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Sync {
    pub(super) paused: bool,
    pub(super) in_step: usize,
    pub(super) connected: usize,
    pub(super) peers: Vec<Peer>,
    pub(super) waiting: Vec<Waiting>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Agents {
    pub(super) agents: Vec<Agent>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Agent {
    pub(super) handle: String,
    pub(super) host: String,
    pub(super) host_label: String,
    pub(super) owner: String,
    pub(super) here: bool,
    pub(super) online: bool,
    pub(super) last_seen: Option<String>,
    pub(super) running: Option<String>,
    pub(super) queued: usize,
    pub(super) capabilities: Option<Capabilities>,
}

/// What an agent can do, in its own words.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Capabilities {
    pub(super) program: Option<String>,
    pub(super) resumes: bool,
    pub(super) modes: Vec<Mode>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Mode {
    pub(super) id: String,
    pub(super) name: String,
}

/// What an agent said on standard error.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct AgentLog {
    pub(super) stderr: String,
}

/// What is well, and what is not.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Checks {
    pub(super) checks: Vec<Check>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Check {
    pub(super) title: String,
    pub(super) state: String,
    pub(super) detail: String,
    pub(super) hint: Option<String>,
}

/// Lines of the node's log.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct LogLines {
    pub(super) lines: Vec<LogLine>,
    pub(super) next: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct LogLine {
    pub(super) at: String,
    pub(super) level: String,
    pub(super) target: String,
    pub(super) text: String,
}

/// A round trip.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Pong {
    pub(super) rtt_micros: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Permissions {
    pub(super) permissions: Vec<Permission>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Permission {
    pub(super) session_id: String,
    pub(super) request: u64,
    pub(super) title: String,
    pub(super) can_answer: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Members {
    pub(super) members: Vec<Member>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Member {
    pub(super) handle: String,
    pub(super) role: String,
    pub(super) devices: Vec<Device>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Device {
    pub(super) device: String,
    pub(super) label: String,
    pub(super) here: bool,
    pub(super) online: bool,
    pub(super) last_seen: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Invites {
    pub(super) invites: Vec<Invite>,
}

/// An invitation; `ticket` only when it was just made.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Invite {
    pub(super) id: String,
    pub(super) ticket: String,
    pub(super) qr: Option<Vec<String>>,
    pub(super) handle: String,
    pub(super) expires_at: String,
    pub(super) used_by: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Login {
    pub(super) url: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Ids {
    pub(super) ids: Vec<String>,
}
