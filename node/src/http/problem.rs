//! Refusals as RFC 9457 problem documents: what happened, a stable code, and what to do about it. The codes and their
//! statuses are the machine's ([`Code::parts`]); the words for people are here.

use std::any::Any;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::machine::request::{Answer, Code, Rejection};

/// Media type of a problem document (RFC 9457).
const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// Why a request was refused. Every refusal leaves the store as it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(super) struct Problem {
    /// Names the kind of problem.
    #[serde(rename = "type")]
    #[schema(example = "urn:starling:problem:invalid_title")]
    kind: String,
    /// The kind of problem in words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// The stable code.
    #[schema(example = "invalid_title")]
    code: &'static str,
    /// What happened this time.
    detail: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'static str>,
}

impl Problem {
    /// A problem of the table.
    pub(super) fn new(code: Code, detail: impl Into<String>) -> Self {
        let (status, name) = code.parts();
        let (title, hint) = words(code);
        Self::build(name, title, status, detail.into(), hint)
    }

    /// A defect of ours: nothing that the caller can repair.
    pub(super) fn internal(detail: impl Into<String>) -> Self {
        let hint = Some("try again; if it stays, look at the node's output and report it");
        Self::build("internal", "Something broke in the node", 500, detail.into(), hint)
    }

    /// The loop answered something else than what was asked. Answers hold messages and tickets, so none is logged.
    pub(super) fn unexpected(answer: &Answer) -> Self {
        let kind = std::mem::discriminant(answer);
        tracing::error!(?kind, "the loop gave an answer of another kind");
        Self::internal("the node gave an answer of another kind")
    }

    /// The same with another status.
    pub(super) fn with_status(self, status: u16) -> Self {
        Self { status, ..self }
    }

    fn build(
        code: &'static str,
        title: &'static str,
        status: u16,
        detail: String,
        hint: Option<&'static str>,
    ) -> Self {
        Self { kind: format!("urn:starling:problem:{code}"), title, status, code, detail, hint }
    }
}

impl From<Rejection> for Problem {
    fn from(rejection: Rejection) -> Self {
        Self::new(rejection.code, rejection.detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, PROBLEM_JSON);
        match status {
            StatusCode::UNAUTHORIZED => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        response
    }
}

/// A handler panicked: that request fails, the node goes on.
pub(super) fn on_panic(panic: Box<dyn Any + Send + 'static>) -> Response {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    tracing::error!(text, "a request handler panicked");
    Problem::internal("the request could not be finished").into_response()
}

/// Title and hint of a code.
const fn words(code: Code) -> (&'static str, Option<&'static str>) {
    match code {
        Code::InvalidQuickSessionId => (
            "The session id is malformed",
            Some("use `qs-` and a ULID, or leave the id out to have one drawn"),
        ),
        Code::InvalidReference => {
            ("The reference is malformed", Some("write `session:<id>` or `session:<id>:L000001`"))
        }
        Code::MalformedJson => ("The body is not JSON", Some("send one JSON object")),
        Code::Unauthorized => (
            "The caller is not known",
            Some("send the token as `Authorization: Bearer`, or sign in with `starling open`"),
        ),
        Code::QuickSessionForbidden => {
            ("The caller may not do this", Some("only the session's creator and its agent write to it"))
        }
        Code::BadOrigin => {
            ("The request comes from another site", Some("use the page that this node serves"))
        }
        Code::BadHost => {
            ("The request names another host", Some("use the address that `starling status` prints"))
        }
        Code::QuickSessionNotFound => (
            "There is no such session",
            Some("see `starling session list`; it may not have arrived here yet"),
        ),
        Code::QuickSessionAgentNotFound => ("There is no such agent", Some("see `starling agent list`")),
        Code::NoSuchEndpoint => ("There is no such endpoint", Some("see `/openapi.json`")),
        Code::NotFound => ("There is no such thing", Some("list what there is, then try again")),
        Code::QuickSessionTitleRequired => {
            ("The session has no title yet", Some("call set_title first, then reply again"))
        }
        Code::QuickSessionIdCollision => {
            ("The session id is taken", Some("choose another id, or leave it out to have one drawn"))
        }
        Code::QuickSessionStaleAttempt => {
            ("The attempt is over", Some("stop this turn; the session goes on without it"))
        }
        Code::QuickSessionArchived => ("The session is archived", Some("unarchive it first")),
        Code::QuickSessionInvalidState => {
            ("The session is in no state for this", Some("look at the session again, then decide"))
        }
        Code::RequestIdReused => {
            ("The request id was used for another request", Some("use a new request id for a new request"))
        }
        Code::HomeInUse => {
            ("This home is in use", Some("join in another home: `starling --home DIR join TICKET`"))
        }
        Code::InviteExpired => ("The invitation has expired", Some("ask for a new one")),
        Code::InvalidTicket => {
            ("This is no ticket", Some("copy the whole line that `starling invite create` printed"))
        }
        Code::HandleTaken => ("The handle is taken", Some("choose another handle")),
        Code::PeerNotConnected => {
            ("The device is not connected", Some("see `/peers` for why; it is called again by itself"))
        }
        Code::BodyTooLarge => ("The body is too large", Some("send less than 256 KiB")),
        Code::NotJson => ("The content type is not JSON", Some("send `Content-Type: application/json`")),
        Code::InvalidTitle => {
            ("The title is not valid", Some("use 1 to 80 characters, without control characters"))
        }
        Code::InvalidMessage => {
            ("The message is not valid", Some("write 1 to 65,536 bytes that are not only white space"))
        }
        Code::InvalidHandle => {
            ("The handle is not valid", Some("use 1 to 39 of a-z, 0-9 and single hyphens, without `@`"))
        }
        Code::InvalidField => ("A field is not valid", Some("see `/openapi.json` for the fields")),
        Code::RateLimited => ("Too much at once", Some("wait a moment, then try again")),
        Code::StoreFailed => (
            "The store did not take it",
            Some("check free space and permissions of the home directory, then try again"),
        ),
        Code::ShuttingDown => ("The node is shutting down", Some("start it again with `starling up`")),
    }
}
