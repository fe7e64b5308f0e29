//! The endpoints of invitations: making, listing and withdrawing them, and taking one up. A ticket is read here; whether it
//! can be taken is the machine's question, and redeeming it the shell's.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::ask::Ask;
use super::dto;
use super::extract::{Input, NoInput, PathText};
use super::parse;
use super::problem::Problem;
use crate::machine::request::{Answer, Code, Request};
use crate::machine::ticket::BadTicket;

/// How long an invitation is good when nobody says otherwise.
const INVITE_SECONDS: u64 = 24 * 60 * 60;
/// How long an invitation may be good: it is a key to the workspace, so it must run out within a month.
const INVITE_SECONDS_MAX: u64 = 30 * 24 * 60 * 60;

/// An invitation to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewInvite {
    /// For whom; for a further device of oneself if absent.
    handle: Option<String>,
    /// How long it is good; default a day, at most 30.
    expires_in_seconds: Option<u64>,
}

/// Makes an invitation.
#[utoipa::path(
    post, path = "/invites", tag = "workspace", request_body = NewInvite,
    responses((status = 201, body = dto::Invited), Problem),
)]
pub(super) async fn create(
    State(ask): State<Ask>,
    Input(new): Input<NewInvite>,
) -> Result<(StatusCode, Json<dto::Invited>), Problem> {
    let handle = new.handle.as_deref();
    let seconds = new.expires_in_seconds.unwrap_or(INVITE_SECONDS);
    if !(1..=INVITE_SECONDS_MAX).contains(&seconds) {
        let reason = format!("it is {seconds}; 1 to {INVITE_SECONDS_MAX} are allowed");
        return Err(parse::field("expires_in_seconds", reason));
    }
    let request = Request::Invite {
        handle: handle.map(|text| parse::handle("handle", text)).transpose()?,
        expires_in_ms: seconds * 1_000,
    };
    match ask.ask(request).await? {
        Answer::Invited { ticket, id, handle, expires_at_ms } => {
            let invited = dto::Invited {
                qr: super::qr::rows(&ticket),
                ticket,
                id,
                handle: handle.to_string(),
                expires_at: dto::rfc3339(expires_at_ms),
            };
            Ok((StatusCode::CREATED, Json(invited)))
        }
        other => Err(Problem::unexpected(&other)),
    }
}

/// A ticket, as `starling invite create` prints it.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Redeemed {
    ticket: String,
}

/// That the node is on its way.
#[derive(Serialize, ToSchema)]
pub(super) struct Joining {
    #[schema(example = "joining")]
    status: &'static str,
}

/// Joins the workspace of a ticket, for which this node's own, unused one is given up. The node stops and meets the
/// inviter, which may take a minute; then it answers again at the same address, with the same token, as a member. If it
/// came to nothing, it goes on as it was and `join_error` of its status says why.
#[utoipa::path(
    post, path = "/join", tag = "workspace", request_body = Redeemed,
    responses((status = 202, body = Joining), Problem),
)]
pub(super) async fn join(
    State(ask): State<Ask>,
    Input(Redeemed { ticket }): Input<Redeemed>,
) -> Result<(StatusCode, Json<Joining>), Problem> {
    let ticket = ticket.parse().map_err(|e: BadTicket| Problem::new(Code::InvalidTicket, e.to_string()))?;
    match ask.ask(Request::Join(ticket)).await? {
        Answer::Joining => Ok((StatusCode::ACCEPTED, Json(Joining { status: "joining" }))),
        other => Err(Problem::unexpected(&other)),
    }
}

/// Lists open invitations.
#[utoipa::path(get, path = "/invites", tag = "workspace", responses((status = 200, body = dto::Invites), Problem))]
pub(super) async fn list(State(ask): State<Ask>) -> Result<Json<dto::Invites>, Problem> {
    invites_of(ask.ask(Request::Invites).await?)
}

/// Withdraws an invitation.
#[utoipa::path(
    delete, path = "/invites/{id}", tag = "workspace", params(("id" = String, Path)),
    responses((status = 200, body = dto::Invites), Problem),
)]
pub(super) async fn revoke(
    State(ask): State<Ask>,
    PathText(text): PathText,
    _: NoInput,
) -> Result<Json<dto::Invites>, Problem> {
    let id = parse::token("id", text)?;
    invites_of(ask.ask(Request::RevokeInvite(id)).await?)
}

fn invites_of(answer: Answer) -> Result<Json<dto::Invites>, Problem> {
    match answer {
        Answer::Invites(invites) => Ok(Json(invites.into())),
        other => Err(Problem::unexpected(&other)),
    }
}
