//! Agents as JSON: those of the workspace, how those of this device are run, and those that could be hosted here. What is
//! not known is `null`, so that every key is always there.

use serde::Serialize;
use utoipa::ToSchema;

use super::rfc3339;
use crate::http::policy::SetPolicy;
use crate::machine::input::{AgentKind, AgentProfile};
use crate::machine::{capabilities, info};
use crate::programs::{self, Way};

/// The workspace's agents.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Agents {
    agents: Vec<Agent>,
}

impl From<Vec<info::AgentInfo>> for Agents {
    fn from(agents: Vec<info::AgentInfo>) -> Self {
        let agents = agents.into_iter().map(Agent::from).collect();
        Self { agents }
    }
}

#[derive(Debug, Serialize, ToSchema)]
struct Agent {
    handle: String,
    /// The device that hosts it.
    host: String,
    host_label: String,
    /// The member whose device that is.
    owner: String,
    /// Whether that is this device.
    here: bool,
    /// Whether its host is here or connected.
    online: bool,
    last_seen: Option<String>,
    /// The session that it works on now.
    running: Option<String>,
    /// Inputs that wait for it here.
    queued: usize,
    /// How this device runs it; null for agents of other devices.
    profile: Option<Profile>,
    /// What it said that it can do when it ran here last; null for agents of other devices, and before.
    capabilities: Option<Capabilities>,
}

impl From<info::AgentInfo> for Agent {
    fn from(agent: info::AgentInfo) -> Self {
        Self {
            handle: agent.handle.to_string(),
            host: agent.host.to_string(),
            host_label: agent.host_label,
            owner: agent.owner.to_string(),
            here: agent.here,
            online: agent.online,
            last_seen: agent.last_seen_ms.map(rfc3339),
            running: agent.running.map(|id| id.to_string()),
            queued: agent.queued,
            profile: agent.profile.map(Into::into),
            capabilities: agent.capabilities.map(Into::into),
        }
    }
}

/// What an agent can do, in its own words.
#[derive(Debug, Serialize, ToSchema)]
struct Capabilities {
    /// The program's name and version.
    program: Option<String>,
    /// Whether it takes up its side of a session again; otherwise the transcript is handed to it anew.
    resumes: bool,
    /// The modes that its sessions can be put into; empty where it has none.
    modes: Vec<Mode>,
}

/// A mode: `id` is what `mode` of an agent's profile takes.
#[derive(Debug, Serialize, ToSchema)]
struct Mode {
    id: String,
    name: String,
}

impl From<capabilities::Capabilities> for Capabilities {
    fn from(capabilities: capabilities::Capabilities) -> Self {
        let capabilities::Capabilities { program, resumes, modes } = capabilities;
        let mode = |capabilities::Mode { id, name }| Mode { id, name };
        Self { program, resumes, modes: modes.into_iter().map(mode).collect() }
    }
}

/// The newest output of an agent on stderr.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct AgentLog {
    pub(in crate::http) handle: String,
    /// At most the last 16 KiB.
    pub(in crate::http) stderr: String,
}

/// How an agent is run on this device, in the words in which `POST /im/agents` takes it.
#[derive(Debug, Serialize, ToSchema)]
struct Profile {
    /// `acp`, `exec` or `demo`.
    kind: &'static str,
    /// Program and arguments; empty for `demo`.
    command: Vec<String>,
    /// Path of the demo agent's script.
    script: Option<String>,
    /// Which program, for `exec`.
    exec_profile: Option<&'static str>,
    /// Its working directory; null for a scratch directory of the node's.
    cwd: Option<String>,
    /// Names of variables that it may see beyond the usual ones; never what is in them.
    env: Vec<String>,
    /// Whose messages start turns; empty for every member.
    allow: Vec<String>,
    /// The mode that its sessions are put into (ACP).
    mode: Option<String>,
    policy: SetPolicy,
}

impl From<AgentProfile> for Profile {
    fn from(profile: AgentProfile) -> Self {
        let (kind, command, script, exec_profile) = match profile.kind {
            AgentKind::Demo { script } => ("demo", Vec::new(), script, None),
            AgentKind::Acp { command } => ("acp", command, None, None),
            AgentKind::Exec { profile, command } => ("exec", command, None, Some(profile.name())),
        };
        Self {
            kind,
            command,
            script,
            exec_profile,
            cwd: profile.cwd,
            env: profile.env,
            allow: profile.allow.iter().map(ToString::to_string).collect(),
            mode: profile.mode,
            policy: profile.policy.into(),
        }
    }
}

/// Known agents, the installed ones first.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct DetectedAgents {
    agents: Vec<DetectedAgent>,
}

/// One way to host a known agent: what `POST /im/agents` takes.
#[derive(Debug, Serialize, ToSchema)]
struct DetectedAgent {
    /// What it would be called.
    handle: &'static str,
    /// What people call it.
    name: &'static str,
    /// `acp` or `exec`.
    kind: &'static str,
    /// For `exec`.
    profile: Option<&'static str>,
    /// Program and arguments.
    command: Vec<&'static str>,
    /// Whether its program is there.
    installed: bool,
    /// Where.
    program: Option<String>,
    version: Option<String>,
    /// What should be known before, or what is missing.
    note: Option<String>,
}

impl From<Vec<programs::Detected>> for DetectedAgents {
    fn from(detected: Vec<programs::Detected>) -> Self {
        Self { agents: detected.into_iter().map(DetectedAgent::from).collect() }
    }
}

impl From<programs::Detected> for DetectedAgent {
    fn from(way: programs::Detected) -> Self {
        let (kind, profile) = match way.way {
            Way::Acp => ("acp", None),
            Way::Exec(profile) => ("exec", Some(profile)),
        };
        Self {
            handle: way.handle,
            name: way.name,
            kind,
            profile,
            command: way.command,
            installed: way.program.is_some(),
            program: way.program.map(|path| path.to_string_lossy().into_owned()),
            version: way.version,
            note: way.note,
        }
    }
}
