//! Fields of a request as the types of the data model. Each refusal says which field, which limit, and by how much.

use std::fmt::Display;

use starling_crdt::id::{AttemptId, DeviceKey, Handle, RecordId, SessionId};
use starling_crdt::text::{Body, RequestId, Summary, Title};

use super::problem::Problem;
use crate::machine::request::Code;

/// Items a page when the caller names no number.
const PAGE_ITEMS: usize = 100;
/// Items a page may have: as the machine's list allows.
pub(super) const PAGE_ITEMS_MAX: usize = 1_000;
/// Bytes of a cursor, an invitation's id, a prefix: all are short texts of our own making.
const TOKEN_BYTES_MAX: usize = 256;

/// Characters of a text to look for: a sentence.
const QUERY_CHARS_MAX: usize = 200;

/// A field that is not what it should be.
pub(super) fn field(name: &str, reason: impl Display) -> Problem {
    Problem::new(Code::InvalidField, format!("`{name}`: {reason}"))
}

pub(super) fn session_id(text: &str) -> Result<SessionId, Problem> {
    text.parse::<SessionId>().map_err(|e| Problem::new(Code::InvalidQuickSessionId, e.to_string()))
}

pub(super) fn handle(name: &str, text: &str) -> Result<Handle, Problem> {
    text.parse::<Handle>().map_err(|e| Problem::new(Code::InvalidHandle, format!("`{name}`: {e}")))
}

/// A device key, in full.
pub(super) fn device(name: &str, text: &str) -> Result<DeviceKey, Problem> {
    text.parse::<DeviceKey>().map_err(|e| field(name, e))
}

pub(super) fn title(text: &str) -> Result<Title, Problem> {
    Title::trimmed(text).map_err(|e| Problem::new(Code::InvalidTitle, format!("the title is refused: {e}")))
}

pub(super) fn body(name: &str, text: String) -> Result<Body, Problem> {
    Body::new(text).map_err(|e| Problem::new(Code::InvalidMessage, format!("`{name}` is refused: {e}")))
}

pub(super) fn summary(text: String) -> Result<Summary, Problem> {
    Summary::new(text).map_err(|e| field("summary", e))
}

pub(super) fn request_id(text: String) -> Result<RequestId, Problem> {
    RequestId::new(text).map_err(|e| field("request_id", e))
}

pub(super) fn message_id(name: &str, text: &str) -> Result<RecordId, Problem> {
    text.parse::<RecordId>().map_err(|e| field(name, e))
}

pub(super) fn attempt_id(text: &str) -> Result<AttemptId, Problem> {
    text.parse::<AttemptId>().map_err(|e| field("attempt_id", e))
}

/// A number of items a page, with its default.
pub(super) fn page_items(limit: Option<usize>) -> Result<usize, Problem> {
    bounded_limit(limit).map(|limit| limit.unwrap_or(PAGE_ITEMS))
}

/// A number of items, if there is one.
pub(super) fn bounded_limit(limit: Option<usize>) -> Result<Option<usize>, Problem> {
    match limit {
        Some(items) if !(1..=PAGE_ITEMS_MAX).contains(&items) => {
            Err(field("limit", format!("it is {items}; 1 to {PAGE_ITEMS_MAX} are allowed")))
        }
        within => Ok(within),
    }
}

/// A short text: not empty, bounded, printable.
pub(super) fn token(name: &str, text: String) -> Result<String, Problem> {
    short_text(name, text, TOKEN_BYTES_MAX)
}

/// A text to look for, trimmed.
pub(super) fn query(name: &str, text: &str) -> Result<String, Problem> {
    let text = text.trim();
    let chars = text.chars().count();
    if !(1..=QUERY_CHARS_MAX).contains(&chars) {
        return Err(field(name, format!("it has {chars} characters; 1 to {QUERY_CHARS_MAX} are allowed")));
    }
    if text.chars().any(char::is_control) {
        return Err(field(name, "it contains a control character"));
    }
    Ok(text.to_owned())
}

/// A text of 1 to `bytes_max` bytes without control characters.
pub(super) fn short_text(name: &str, text: String, bytes_max: usize) -> Result<String, Problem> {
    if text.trim().is_empty() {
        return Err(field(name, "it is blank"));
    }
    if text.len() > bytes_max {
        return Err(field(name, format!("it has {} bytes; {bytes_max} are allowed", text.len())));
    }
    if text.chars().any(char::is_control) {
        return Err(field(name, "it contains a control character"));
    }
    Ok(text)
}
