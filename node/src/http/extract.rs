//! From the bytes of a request to typed input, strictly: unknown fields, a wrong content type, and too much of anything
//! are refused before a handler runs. What the fields mean is `parse`'s part.

use std::fmt::Display;
use std::time::Duration;

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use futures::StreamExt;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::error::Category;
use starling_crdt::id::SessionId;

use super::App;
use super::auth::Caller;
use super::parse;
use super::problem::Problem;
use crate::machine::request::Code;

/// Bytes of a request's body: the largest message, escaped as JSON, and room.
pub(super) const REQUEST_BYTES_MAX: usize = 256 * 1024;
/// Bytes of a body too large that are read and dropped, so that its sender gets to see the answer.
const DRAIN_BYTES_MAX: usize = 4 * 1024 * 1024;
/// How long a body may take to arrive; clients are on this machine.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// The `{id}` of a session's path.
pub(super) struct SessionPath(pub(super) SessionId);

impl FromRequestParts<App> for SessionPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let text = path_text(parts, app).await.unwrap_or_default();
        parse::session_id(&text).map(Self)
    }
}

/// The only variable of a path, if it is UTF-8.
pub(super) struct PathText(pub(super) String);

impl FromRequestParts<App> for PathText {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let text = path_text(parts, app).await;
        text.map(Self).ok_or_else(|| Problem::new(Code::InvalidField, "the path is not UTF-8"))
    }
}

async fn path_text(parts: &mut Parts, app: &App) -> Option<String> {
    let path = Path::<String>::from_request_parts(parts, app).await;
    path.ok().map(|Path(text)| text)
}

/// The query, without unknown or malformed parameters.
pub(super) struct Params<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<App> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let query: Result<Query<T>, QueryRejection> = Query::from_request_parts(parts, app).await;
        query.map(|Query(params)| Self(params)).map_err(|e| Problem::new(Code::InvalidField, e.body_text()))
    }
}

/// A JSON body.
pub(super) struct Input<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<App> for Input<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &App) -> Result<Self, Problem> {
        check_json_type(request.headers())?;
        let bytes = read_bounded(request.into_body()).await?;
        parse_object(&bytes).map(Self)
    }
}

/// The body of a write that needs none: empty, or an empty object.
pub(super) struct NoInput;

impl FromRequest<App> for NoInput {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        MaybeInput::from_request(request, app).await.map(|MaybeInput(Nothing {})| Self)
    }
}

/// The body of a write that may do without: empty, or an object. A JSON content type is asked for all the same from a
/// caller with a cookie, because other sites can make a browser send writes without one.
pub(super) struct MaybeInput<T>(pub(super) T);

impl<T: DeserializeOwned + Default> FromRequest<App> for MaybeInput<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &App) -> Result<Self, Problem> {
        let by_cookie = request.extensions().get() == Some(&Caller::Cookie);
        let has_type = request.headers().contains_key(header::CONTENT_TYPE);
        if by_cookie || has_type {
            check_json_type(request.headers())?;
        }
        let bytes = read_bounded(request.into_body()).await?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        if !has_type {
            return Err(Problem::new(Code::NotJson, "the body has no content type"));
        }
        parse_object(&bytes).map(Self)
    }
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

fn check_json_type(headers: &HeaderMap) -> Result<(), Problem> {
    let text = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
    let essence = text.unwrap_or_default().split(';').next().unwrap_or_default();
    if essence.trim().eq_ignore_ascii_case("application/json") {
        Ok(())
    } else {
        let got = text.map_or_else(|| "there is none".to_owned(), |t| format!("it is `{t}`"));
        Err(Problem::new(Code::NotJson, format!("the content type must be JSON; {got}")))
    }
}

/// One JSON object. Text that is no JSON is malformed; JSON that does not fit is told by its field.
fn parse_object<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let malformed = |e: &dyn Display| Problem::new(Code::MalformedJson, e.to_string());
    let text = std::str::from_utf8(bytes).map_err(|e| malformed(&e))?;
    serde_json::from_str::<IgnoredAny>(text).map_err(|e| malformed(&e))?;
    if !text.trim_start().starts_with('{') {
        return Err(Problem::new(Code::InvalidField, "the body must be an object"));
    }
    let mut json = serde_json::Deserializer::from_str(text);
    serde_path_to_error::deserialize(&mut json).map_err(|e| match e.inner().classify() {
        Category::Data => Problem::new(Code::InvalidField, e.to_string()),
        Category::Syntax | Category::Eof | Category::Io => malformed(e.inner()),
    })
}

async fn read_bounded(body: Body) -> Result<Vec<u8>, Problem> {
    let read = tokio::time::timeout(BODY_TIMEOUT, drain(body)).await;
    let (bytes, seen) =
        read.map_err(|_| Problem::new(Code::MalformedJson, "the body did not arrive in time"))??;
    if seen > REQUEST_BYTES_MAX {
        let detail = format!("the body has more than {REQUEST_BYTES_MAX} bytes");
        return Err(Problem::new(Code::BodyTooLarge, detail));
    }
    Ok(bytes)
}

/// The body up to its bound, and how many bytes were seen.
async fn drain(body: Body) -> Result<(Vec<u8>, usize), Problem> {
    let mut chunks = body.into_data_stream();
    let (mut bytes, mut seen) = (Vec::new(), 0_usize);
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| Problem::new(Code::MalformedJson, "the body broke off"))?;
        seen = seen.saturating_add(chunk.len());
        if seen <= REQUEST_BYTES_MAX {
            bytes.extend_from_slice(&chunk);
        } else if seen > DRAIN_BYTES_MAX {
            break;
        }
    }
    Ok((bytes, seen))
}
