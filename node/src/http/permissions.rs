//! Permission requests of agents: what waits for an answer, and the answer. They live as long as their turn.

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ask::Ask;
use super::dto::rfc3339;
use super::extract::Input;
use super::parse;
use super::problem::Problem;
use crate::machine::activity::PermissionInfo;
use crate::machine::request::{Answer, Request};

/// Permission requests that wait.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Permissions {
    permissions: Vec<Permission>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Permission {
    session_id: String,
    attempt_id: String,
    /// The number by which it is answered.
    request: u64,
    agent_id: String,
    /// What for.
    title: String,
    /// The device that hosts the agent.
    host: String,
    /// Whether that is this one.
    here: bool,
    /// Whether it can be answered here; else only on its host.
    can_answer: bool,
    asked_at: String,
}

impl From<PermissionInfo> for Permission {
    fn from(info: PermissionInfo) -> Self {
        Self {
            session_id: info.session.to_string(),
            attempt_id: info.attempt.to_string(),
            request: info.request,
            agent_id: info.agent.to_string(),
            title: info.title,
            host: info.host.to_string(),
            here: info.here,
            can_answer: info.can_answer,
            asked_at: rfc3339(info.asked_at_ms),
        }
    }
}

/// Lists permission requests that wait for an answer, of agents hosted here and, where this is a device of the session's
/// creator, elsewhere.
#[utoipa::path(
    get, path = "/im/permissions", tag = "sessions", responses((status = 200, body = Permissions), Problem),
)]
pub(super) async fn list(State(ask): State<Ask>) -> Result<Json<Permissions>, Problem> {
    permissions_of(ask.ask(Request::Permissions).await?)
}

/// An answer to a permission request.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Word {
    /// Allow it, this once; else it is refused.
    allow: bool,
}

/// Answers a permission request. What came of it is an `activity` event: the host may have had an answer already.
#[utoipa::path(
    post, path = "/im/quick-sessions/{id}/permissions/{request}", tag = "sessions",
    params(("id" = String, Path), ("request" = u64, Path)), request_body = Word,
    responses((status = 200, body = Permissions), Problem),
)]
pub(super) async fn answer(
    State(ask): State<Ask>,
    Path((session, request)): Path<(String, String)>,
    Input(word): Input<Word>,
) -> Result<Json<Permissions>, Problem> {
    let session = parse::session_id(&session)?;
    let request = request.parse().map_err(|_| parse::field("request", "it is a number"))?;
    permissions_of(ask.ask(Request::Permit { session, request, allow: word.allow }).await?)
}

fn permissions_of(answer: Answer) -> Result<Json<Permissions>, Problem> {
    match answer {
        Answer::Permissions(waiting) => {
            Ok(Json(Permissions { permissions: waiting.into_iter().map(Permission::from).collect() }))
        }
        other => Err(Problem::unexpected(&other)),
    }
}
