//! The endpoints of a person's sessions. Each parses its fields, asks the loop one thing, and renders the answer.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use starling_crdt::id::SessionId;
use utoipa::{IntoParams, ToSchema};

use super::ask::Ask;
use super::dto;
use super::extract::{Input, NoInput, Params, SessionPath};
use super::parse;
use super::problem::Problem;
use crate::machine::request::{Answer, Change, Code, Request};

/// A session to open.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewSession {
    /// `qs-` and a ULID; drawn here if absent.
    session_id: Option<String>,
    /// The agent's handle.
    #[schema(example = "scribe")]
    agent_id: String,
    /// 1 to 65,536 bytes, not blank.
    first_message: String,
    /// The same id makes a retry the same session. Default: the session id.
    request_id: Option<String>,
    /// The id of the session that it goes on from, which was full.
    continues: Option<String>,
    /// The agent hosted here that opens it in its turn: how many agents deep that may go is bounded.
    by_agent: Option<String>,
}

/// Opens a session.
#[utoipa::path(
    post, path = "/im/quick-sessions", tag = "sessions", request_body = NewSession,
    responses(
        (status = 201, body = dto::Created, description = "Opened"),
        (status = 200, body = dto::Created, description = "An identical create had opened it before"),
        Problem,
    ),
)]
pub(super) async fn create(
    State(ask): State<Ask>,
    Input(new): Input<NewSession>,
) -> Result<(StatusCode, Json<dto::Created>), Problem> {
    let request = Request::Create {
        session: new.session_id.as_deref().map(parse::session_id).transpose()?,
        agent: parse::handle("agent_id", &new.agent_id)?,
        body: parse::body("first_message", new.first_message)?,
        request_id: new.request_id.map(parse::request_id).transpose()?,
        continues: new.continues.as_deref().map(parse::session_id).transpose()?,
        by_agent: new.by_agent.map(|text| parse::handle("by_agent", &text)).transpose()?,
    };
    match ask.ask(request).await? {
        Answer::Created { view, new, delivery } => {
            let status = if new { StatusCode::CREATED } else { StatusCode::OK };
            Ok((status, Json(dto::Created::new(&view, &delivery))))
        }
        other => Err(Problem::unexpected(&other)),
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListParams {
    /// Archived ones instead of the others.
    #[serde(default)]
    #[param(required = false)]
    archived: bool,
    /// Only of this agent.
    agent_id: Option<String>,
    /// Items a page, 1 to 1,000; default 100.
    limit: Option<usize>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
    /// Only those whose id, title or messages have this text, of 1 to 200 characters; case does not matter. A page may be
    /// short or empty and still have a `next_cursor`, and has at most 100 items.
    q: Option<String>,
}

/// Lists sessions, newest first, or looks for a text in them.
#[utoipa::path(
    get, path = "/im/quick-sessions", tag = "sessions", params(ListParams),
    responses((status = 200, body = dto::Sessions), Problem),
)]
pub(super) async fn list(
    State(ask): State<Ask>,
    Params(params): Params<ListParams>,
) -> Result<Json<dto::Sessions>, Problem> {
    let (archived, agent) = (params.archived, params.agent_id.as_deref());
    let agent = agent.map(|text| parse::handle("agent_id", text)).transpose()?;
    let limit = parse::page_items(params.limit)?;
    let cursor = params.cursor.map(|text| parse::token("cursor", text)).transpose()?;
    let request = match params.q {
        Some(text) => Request::Search { text: parse::query("q", &text)?, archived, agent, limit, cursor },
        None => Request::List { archived, agent, limit, cursor },
    };
    match ask.ask(request).await? {
        Answer::Sessions { items, next_cursor } => Ok(Json(dto::Sessions::listed(&items, next_cursor))),
        Answer::Found { items, next_cursor } => Ok(Json(dto::Sessions::found(items, next_cursor))),
        other => Err(Problem::unexpected(&other)),
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ShowParams {
    /// Lines at most, 1 to 1,000: the newest, or with `since` the first after it. Default: all.
    limit: Option<usize>,
    /// Only lines after this line number.
    #[serde(default)]
    #[param(required = false)]
    since: u64,
}

/// Shows one session.
#[utoipa::path(
    get, path = "/im/quick-sessions/{id}", tag = "sessions", params(("id" = String, Path), ShowParams),
    responses((status = 200, body = dto::Shown), Problem),
)]
pub(super) async fn show(
    State(ask): State<Ask>,
    SessionPath(session): SessionPath,
    Params(params): Params<ShowParams>,
) -> Result<Json<dto::Shown>, Problem> {
    let limit = parse::bounded_limit(params.limit)?;
    match ask.ask(Request::Show { session }).await? {
        Answer::Session { view, continues, delivery } => {
            let detail = dto::Detail::part(&view, &delivery, params.since, limit).continuing(continues);
            Ok(Json(dto::Shown { session: detail }))
        }
        other => Err(Problem::unexpected(&other)),
    }
}

/// A message to write.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewMessage {
    /// 1 to 65,536 bytes, not blank.
    body: String,
    /// The same id makes a retry the same message; 1 to 128 bytes.
    request_id: String,
    /// The message that it answers.
    reply_to: Option<String>,
}

/// Writes a message.
#[utoipa::path(
    post, path = "/im/quick-sessions/{id}/messages", tag = "sessions", params(("id" = String, Path)),
    request_body = NewMessage, responses((status = 201, body = dto::Written), Problem),
)]
pub(super) async fn write(
    State(ask): State<Ask>,
    SessionPath(session): SessionPath,
    Input(new): Input<NewMessage>,
) -> Result<(StatusCode, Json<dto::Written>), Problem> {
    let reply_to = new.reply_to.as_deref();
    let request = Request::Message {
        session,
        body: parse::body("body", new.body)?,
        request_id: parse::request_id(new.request_id)?,
        reply_to: reply_to.map(|text| parse::message_id("reply_to", text)).transpose()?,
    };
    match ask.ask(request).await? {
        Answer::Written { session, message_id, line_number, status, revision } => {
            let written = dto::Written {
                session_id: session.to_string(),
                message_id: message_id.to_string(),
                line_number,
                status: status.as_str(),
                revision,
                reference: dto::Written::reference(session, line_number),
            };
            Ok((StatusCode::CREATED, Json(written)))
        }
        other => Err(Problem::unexpected(&other)),
    }
}

/// A title to set.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewTitle {
    /// 1 to 80 characters.
    title: String,
    /// The title is refused unless this attempt runs.
    attempt_id: Option<String>,
}

/// Sets the title.
#[utoipa::path(
    post, path = "/im/quick-sessions/{id}/title", tag = "sessions", params(("id" = String, Path)),
    request_body = NewTitle, responses((status = 200, body = dto::Changed), Problem),
)]
pub(super) async fn title(
    State(ask): State<Ask>,
    SessionPath(session): SessionPath,
    Input(new): Input<NewTitle>,
) -> Result<Json<dto::Changed>, Problem> {
    let title = parse::title(&new.title)?;
    if let Some(text) = new.attempt_id {
        check_attempt(&ask, session, &text).await?;
    }
    let change = Change::Title(title);
    changed(ask.ask(Request::Change { session, change }).await?, true)
}

/// A creator may name the attempt that the title is meant for: then it must be the one that runs.
async fn check_attempt(ask: &Ask, session: SessionId, text: &str) -> Result<(), Problem> {
    let attempt = parse::attempt_id(text)?;
    let view = match ask.ask(Request::Show { session }).await? {
        Answer::Session { view, .. } => view,
        other => return Err(Problem::unexpected(&other)),
    };
    if view.processing.as_ref().is_some_and(|turn| turn.attempt == attempt) {
        return Ok(());
    }
    let detail = format!("the attempt {attempt} does not run");
    Err(Problem::new(Code::QuickSessionStaleAttempt, detail))
}

/// Closes the session; a running turn is stopped.
#[utoipa::path(
    post, path = "/im/quick-sessions/{id}/archive", tag = "sessions", params(("id" = String, Path)),
    responses((status = 200, body = dto::Changed), Problem),
)]
pub(super) async fn archive(
    State(ask): State<Ask>,
    SessionPath(session): SessionPath,
    _: NoInput,
) -> Result<Json<dto::Changed>, Problem> {
    change(&ask, session, Change::Archive).await
}

/// Opens the session again.
#[utoipa::path(
    post, path = "/im/quick-sessions/{id}/unarchive", tag = "sessions", params(("id" = String, Path)),
    responses((status = 200, body = dto::Changed), Problem),
)]
pub(super) async fn unarchive(
    State(ask): State<Ask>,
    SessionPath(session): SessionPath,
    _: NoInput,
) -> Result<Json<dto::Changed>, Problem> {
    change(&ask, session, Change::Unarchive).await
}

/// Ends the running turn.
#[utoipa::path(
    post, path = "/im/quick-sessions/{id}/stop", tag = "sessions", params(("id" = String, Path)),
    responses((status = 200, body = dto::Changed), Problem),
)]
pub(super) async fn stop(
    State(ask): State<Ask>,
    SessionPath(session): SessionPath,
    _: NoInput,
) -> Result<Json<dto::Changed>, Problem> {
    change(&ask, session, Change::Stop).await
}

/// Has a failed turn tried again.
#[utoipa::path(
    post, path = "/im/quick-sessions/{id}/retry", tag = "sessions", params(("id" = String, Path)),
    responses((status = 200, body = dto::Changed), Problem),
)]
pub(super) async fn retry(
    State(ask): State<Ask>,
    SessionPath(session): SessionPath,
    _: NoInput,
) -> Result<Json<dto::Changed>, Problem> {
    change(&ask, session, Change::Retry).await
}

async fn change(ask: &Ask, session: SessionId, change: Change) -> Result<Json<dto::Changed>, Problem> {
    changed(ask.ask(Request::Change { session, change }).await?, false)
}

/// Renders a change; with its title where the title was the subject.
pub(super) fn changed(answer: Answer, with_title: bool) -> Result<Json<dto::Changed>, Problem> {
    match answer {
        Answer::Changed { session, title, status, revision } => Ok(Json(dto::Changed {
            session_id: session.to_string(),
            title: title.filter(|_| with_title).map(|title| title.to_string()),
            status: status.as_str(),
            revision,
        })),
        other => Err(Problem::unexpected(&other)),
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ResolveParams {
    /// First characters of a session id.
    prefix: String,
}

/// The session ids that begin with a text.
#[utoipa::path(
    get, path = "/resolve", tag = "sessions", params(ResolveParams),
    responses((status = 200, body = dto::Ids), Problem),
)]
pub(super) async fn resolve(
    State(ask): State<Ask>,
    Params(params): Params<ResolveParams>,
) -> Result<Json<dto::Ids>, Problem> {
    let prefix = parse::token("prefix", params.prefix)?;
    match ask.ask(Request::Resolve { prefix }).await? {
        Answer::Ids(ids) => Ok(Json(dto::Ids { ids: ids.iter().map(ToString::to_string).collect() })),
        other => Err(Problem::unexpected(&other)),
    }
}
