//! The endpoints of a running turn: what its agent may do. The caller is known by the turn's secret alone, on TCP and on
//! the socket alike; whether attempt and secret belong together, and the attempt still runs, is the machine's verdict.

use axum::Json;
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use serde::Deserialize;
use starling_crdt::id::AttemptId;
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::App;
use super::ask::Ask;
use super::auth;
use super::dto;
use super::extract::{Input, PathText};
use super::parse;
use super::problem::Problem;
use super::sessions::changed;
use crate::machine::request::{Code, Request, TurnCall};

/// A title to set.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TurnTitle {
    /// 1 to 80 characters.
    title: String,
}

/// An answer to publish.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TurnReply {
    /// 1 to 65,536 bytes, not blank.
    body: String,
}

/// A summary to keep.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TurnSummary {
    /// 1 to 4,000 characters.
    summary: String,
}

/// Sets the title.
#[utoipa::path(
    post, path = "/turns/{attempt}/title", tag = "turns", params(("attempt" = String, Path)),
    request_body = TurnTitle, security(("turn" = [])),
    responses((status = 200, body = dto::Changed), Problem),
)]
pub(super) async fn title(
    State(ask): State<Ask>,
    turn: Turn,
    Input(new): Input<TurnTitle>,
) -> Result<Json<dto::Changed>, Problem> {
    let call = TurnCall::Title(parse::title(&new.title)?);
    turn.call(&ask, call).await
}

/// Publishes the answer.
#[utoipa::path(
    post, path = "/turns/{attempt}/reply", tag = "turns", params(("attempt" = String, Path)),
    request_body = TurnReply, security(("turn" = [])),
    responses((status = 200, body = dto::Changed), Problem),
)]
pub(super) async fn reply(
    State(ask): State<Ask>,
    turn: Turn,
    Input(new): Input<TurnReply>,
) -> Result<Json<dto::Changed>, Problem> {
    let call = TurnCall::Reply(parse::body("body", new.body)?);
    turn.call(&ask, call).await
}

/// Sums the session up.
#[utoipa::path(
    post, path = "/turns/{attempt}/summary", tag = "turns", params(("attempt" = String, Path)),
    request_body = TurnSummary, security(("turn" = [])),
    responses((status = 200, body = dto::Changed), Problem),
)]
pub(super) async fn summary(
    State(ask): State<Ask>,
    turn: Turn,
    Input(new): Input<TurnSummary>,
) -> Result<Json<dto::Changed>, Problem> {
    let call = TurnCall::Summarize(parse::summary(new.summary)?);
    turn.call(&ask, call).await
}

/// Which turn calls.
pub(super) struct Turn {
    secret: Zeroizing<String>,
    attempt: AttemptId,
}

impl FromRequestParts<App> for Turn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Some(secret) = auth::bearer(&parts.headers) else {
            let detail = "send the turn's secret as `Authorization: Bearer`";
            return Err(Problem::new(Code::Unauthorized, detail));
        };
        let secret = Zeroizing::new(secret.to_owned());
        let PathText(text) = PathText::from_request_parts(parts, app).await?;
        let attempt = parse::attempt_id(&text)?;
        Ok(Self { secret, attempt })
    }
}

impl Turn {
    async fn call(self, ask: &Ask, call: TurnCall) -> Result<Json<dto::Changed>, Problem> {
        let request = Request::Turn { attempt: self.attempt, secret: self.secret.to_string(), call };
        changed(ask.ask(request).await?, true)
    }
}
