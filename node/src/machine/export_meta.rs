//! The YAML files of the export: a session's meta, a user's meta, and the mark of the workspace.
//!
//! Fields stand in the order of the structs, unset ones are left out. Every string is quoted by the library:
//! a YAML 1.1 reader would take `yes`, `1:30` or `0123` for something else, and whether a word is safe must
//! not depend on a list of such words. `check` holds the rules of a session's meta together; it decides
//! nothing about how a session came there.

use serde::{Deserialize, Serialize};

mod rules;
#[cfg(test)]
mod tests;

pub use rules::{MetaError, check};

/// The version of the export's layout that this program writes.
pub const FORMAT: u64 = 1;

/// Where a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Waits for its title.
    NeedsTitle,
    /// The agent is at work.
    Running,
    /// Has a title and rests.
    Active,
    /// The last attempt failed.
    Error,
    /// Closed by its creator.
    Archived,
}

/// `session.meta.yaml`. Times are milliseconds since 1970, written as whole seconds (`YYYYMMDDTHHMMSSZ`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionMeta {
    /// `qs-` and a ULID.
    pub id: String,
    /// 1 to 80 characters; absent while it is needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The agent's handler.
    pub agent_id: String,
    /// The creator's handler.
    pub created_by: String,
    /// Where the session stands.
    pub status: Status,
    /// When it was opened.
    #[serde(rename = "created_at", with = "moment")]
    pub created_at_ms: u64,
    /// When it last changed.
    #[serde(rename = "updated_at", with = "moment")]
    pub updated_at_ms: u64,
    /// When it was archived.
    #[serde(
        rename = "archived_at",
        with = "moment::optional",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub archived_at_ms: Option<u64>,
    /// Where it stood before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archived_from: Option<Status>,
    /// 1 to 4,000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// When the summary was written.
    #[serde(
        rename = "summary_updated_at",
        with = "moment::optional",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub summary_updated_at_ms: Option<u64>,
    /// The first 160 characters of the last message (`preview`).
    pub last_message_preview: String,
    /// Why the last attempt failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The newest line that the running attempt was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processing_input_line: Option<u64>,
    /// When the running attempt began.
    #[serde(
        rename = "processing_started_at",
        with = "moment::optional",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub processing_started_at_ms: Option<u64>,
    /// The running attempt, `qa-` and a ULID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt_id: Option<String>,
    /// The last attempt that ended with a reply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_completed_attempt_id: Option<String>,
    /// What it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_completed_input_line: Option<u64>,
    /// Its reply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_completed_line: Option<u64>,
    /// The attempt that `error` speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_failed_attempt_id: Option<String>,
    /// The request id of the creator's last message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_human_request_id: Option<String>,
    /// The creator's last message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_human_line: Option<u64>,
    /// Grows with every change.
    pub revision: u64,
}

/// What a user is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserKind {
    /// A person.
    Human,
    /// An agent that a node hosts.
    Agent,
}

/// `users/<handler>.meta.yaml`: always all five fields, as GitIM's readers want the first three.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserMeta {
    /// The name that is shown.
    pub display_name: String,
    /// What the user does.
    pub role: String,
    /// A few words about the user; may be empty.
    pub introduction: String,
    /// What the user can be asked for.
    pub labels: Vec<String>,
    /// A person or an agent.
    pub kind: UserKind,
}

/// `starling.yaml`: how to read the rest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkspaceMeta {
    /// `FORMAT`.
    pub format: u64,
    /// The workspace's id.
    pub workspace: String,
}

/// The file could not be written or read as YAML.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum YamlError {
    /// The serializer refused; it has no reason to for these structs.
    #[error("cannot write YAML: {0}")]
    Write(String),
    /// Not YAML, or not these fields.
    #[error("cannot read YAML: {0}")]
    Read(String),
    /// Longer than any file that is written here.
    #[error("the file is longer than {FILE_BYTES_MAX} bytes")]
    TooLong,
}

/// Summary, error and preview are 5,160 characters at most, each of up to six bytes when escaped; the rest is
/// short.
pub const FILE_BYTES_MAX: usize = 256 * 1024;

/// One of the files as bytes, ending with a line feed.
///
/// # Errors
/// `YamlError::Write` when the library refuses a value.
pub fn render(meta: &impl Serialize) -> Result<String, YamlError> {
    let options = serde_saphyr::ser_options! { quote_all: true };
    serde_saphyr::to_string_with_options(meta, options).map_err(|error| YamlError::Write(error.to_string()))
}

/// A file that `render` wrote, strictly: an unknown, repeated or missing field is an error.
///
/// # Errors
/// `YamlError::Read` and `TooLong`.
pub fn parse<Meta: serde::de::DeserializeOwned>(text: &str) -> Result<Meta, YamlError> {
    if text.len() > FILE_BYTES_MAX {
        return Err(YamlError::TooLong);
    }
    serde_saphyr::from_str(text).map_err(|error| YamlError::Read(error.to_string()))
}

/// The first 160 characters of a message, as `last_message_preview` has them.
#[must_use]
pub fn preview(body: &str) -> String {
    super::export_text::normalise(body).chars().take(rules::PREVIEW_CHARS_MAX).collect()
}

/// Milliseconds as the export's text of whole seconds.
mod moment {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use crate::machine::export_text::{export_time, parse_export_time};

    pub(super) fn serialize<S: Serializer>(time_ms: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&export_time(*time_ms))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        let text = String::deserialize(deserializer)?;
        parse_export_time(&text).ok_or_else(|| D::Error::custom("a time must be YYYYMMDDTHHMMSSZ"))
    }

    pub(super) mod optional {
        use serde::{Deserializer, Serializer};

        #[expect(clippy::ref_option, reason = "the signature is serde's")]
        pub(in super::super) fn serialize<S: Serializer>(
            time: &Option<u64>,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            match time {
                Some(time_ms) => super::serialize(time_ms, serializer),
                None => serializer.serialize_none(),
            }
        }

        pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Option<u64>, D::Error> {
            super::deserialize(deserializer).map(Some)
        }
    }
}
