//! What can be asked about an agent's process: its newest words on stderr. Processes are the shell's, so it says here where
//! those words are; they are bounded at their source, and shown only by the device that hosts the agent.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Json;
use axum::extract::State;
use starling_crdt::id::Handle;

use super::ask::Ask;
use super::dto;
use super::extract::PathText;
use super::parse;
use super::problem::Problem;
use crate::machine::request::{Answer, Code, Request};
use crate::programs;

type Source = Arc<dyn Fn() -> String + Send + Sync>;

/// Where the agents' words on stderr are. Clones share it.
#[derive(Clone, Default)]
pub struct AgentLogs(Arc<Mutex<BTreeMap<Handle, Source>>>);

impl AgentLogs {
    /// From now on `source` knows what this agent said.
    pub fn insert(&self, agent: Handle, source: impl Fn() -> String + Send + Sync + 'static) {
        self.map().insert(agent, Arc::new(source));
    }

    /// The agent is hosted here no more.
    pub fn remove(&self, agent: &Handle) {
        self.map().remove(agent);
    }

    /// What it said; empty when it has not run.
    fn text(&self, agent: &Handle) -> String {
        let source = self.map().get(agent).cloned();
        source.map(|source| source()).unwrap_or_default()
    }

    fn map(&self) -> MutexGuard<'_, BTreeMap<Handle, Source>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lists the agents that are known, and whether they are installed here, with the command that hosts each. Asks each
/// program for its version, for at most 5 s.
#[utoipa::path(
    get, path = "/im/agents/detected", tag = "workspace",
    responses((status = 200, body = dto::DetectedAgents), Problem),
)]
pub(super) async fn detected() -> Json<dto::DetectedAgents> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    Json(programs::detected(&path).await.into())
}

/// Shows the newest output on an agent's stderr, on the device that hosts it.
#[utoipa::path(
    get, path = "/im/agents/{handle}/logs", tag = "workspace", params(("handle" = String, Path)),
    responses((status = 200, body = dto::AgentLog), Problem),
)]
pub(super) async fn logs(
    State(ask): State<Ask>,
    State(logs): State<AgentLogs>,
    PathText(text): PathText,
) -> Result<Json<dto::AgentLog>, Problem> {
    let handle = parse::handle("handle", &text)?;
    let agents = match ask.ask(Request::Agents).await? {
        Answer::Agents(agents) => agents,
        other => return Err(Problem::unexpected(&other)),
    };
    let Some(agent) = agents.into_iter().find(|agent| agent.handle == handle) else {
        return Err(Problem::new(Code::QuickSessionAgentNotFound, format!("there is no agent @{handle}")));
    };
    if !agent.here {
        let detail = format!(
            "@{handle} runs on another device, {} ({}) of @{}; ask there",
            agent.host_label, agent.host, agent.owner
        );
        return Err(Problem::new(Code::QuickSessionInvalidState, detail));
    }
    let stderr = logs.text(&handle);
    Ok(Json(dto::AgentLog { handle: handle.to_string(), stderr }))
}
