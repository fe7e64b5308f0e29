//! The endpoints of a node's health: its checks, and its newest log lines.

use std::ffi::OsString;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use super::App;
use super::ask::Ask;
use super::dto;
use super::extract::Params;
use super::problem::Problem;
use crate::doctor::{self, Failed};
use crate::machine::info::AgentInfo;
use crate::machine::request::{Answer, Request};
use starling_crdt::view::Status;

/// Agents of this device whose last turn is looked at.
const AGENTS_MAX: usize = 64;

/// Checks this node and its home, and says what to do about what is not well.
#[utoipa::path(get, path = "/doctor", tag = "device", responses((status = 200, body = dto::Checks), Problem))]
pub(super) async fn check(State(app): State<App>) -> Result<Json<dto::Checks>, Problem> {
    let shared = app.shared();
    let status = match shared.ask.ask(Request::Status).await? {
        Answer::Status(status) => status,
        other => return Err(Problem::unexpected(&other)),
    };
    let agents = match shared.ask.ask(Request::Agents).await? {
        Answer::Agents(agents) => agents,
        other => return Err(Problem::unexpected(&other)),
    };
    let mut failed = Vec::new();
    for agent in agents.iter().filter(|agent| agent.here).take(AGENTS_MAX) {
        failed.extend(last_failure(&shared.ask, agent).await?);
    }
    let path: OsString = std::env::var_os("PATH").unwrap_or_default();
    let web = app.web_address();
    let mut checks = doctor::of_node(&status, &agents, &failed, web.as_deref(), &path);
    checks.extend(doctor::of_home(&shared.home, (shared.now_ms)()));
    Ok(Json(checks.into()))
}

/// Why an agent's last turn failed, if it did: that of the session that changed last.
async fn last_failure(ask: &Ask, agent: &AgentInfo) -> Result<Option<Failed>, Problem> {
    let handle = agent.handle.clone();
    let newest = Request::List { archived: false, agent: Some(handle), limit: 1, cursor: None };
    let Answer::Sessions { items, .. } = ask.ask(newest).await? else { return Ok(None) };
    let Some(item) = items.into_iter().find(|item| item.status == Status::Error) else { return Ok(None) };
    // It may be gone since, or be called like another one: then nothing is known of it.
    let Ok(Answer::Session { view, .. }) = ask.ask(Request::Show { session: item.id }).await else {
        return Ok(None);
    };
    let reason = view.last_failed.as_ref().map_or("unknown", |failed| failed.reason.as_str()).to_owned();
    Ok(Some(Failed { agent: agent.handle.clone(), session: item.id, reason }))
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct LogParams {
    /// Only lines with a greater number; default: all that are kept.
    #[serde(default)]
    #[param(required = false)]
    since: u64,
}

/// Shows the newest lines of this node's log: at most 1,000, of this start.
#[utoipa::path(
    get, path = "/logs", tag = "device", params(LogParams),
    responses((status = 200, body = dto::LogLines), Problem),
)]
pub(super) async fn logs(
    State(app): State<App>,
    Params(LogParams { since }): Params<LogParams>,
) -> Json<dto::LogLines> {
    Json(app.shared().log.since(since).into())
}
