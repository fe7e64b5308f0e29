//! The rules between the fields of a session's meta.
//!
//! They restate the table of the export format, one function for each group of fields, independently of how
//! the view is folded: a meta that breaks one is a fault of ours, never of a peer. The first broken rule is
//! reported.

use super::{SessionMeta, Status};
use crate::machine::export_text::{TIME_MS_MAX, is_handler};

pub(super) const PREVIEW_CHARS_MAX: usize = 160;
const TITLE_CHARS_MAX: usize = 80;
const SUMMARY_CHARS_MAX: usize = 4_000;
const ULID_CHARS: usize = 26;

/// The rule that a session's meta breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {rule}")]
#[non_exhaustive]
pub struct MetaError {
    /// The field, or the first of the group.
    pub field: &'static str,
    /// The rule as the format has it.
    pub rule: &'static str,
}

/// Holds a meta against every rule of the format.
///
/// # Errors
/// `MetaError` with the first rule that is broken.
pub fn check(meta: &SessionMeta) -> Result<(), MetaError> {
    check_names(meta)?;
    check_title(meta)?;
    check_times(meta)?;
    check_archived(meta)?;
    check_summary(meta)?;
    check_error(meta)?;
    check_processing(meta)?;
    check_completed(meta)?;
    check_human(meta)?;
    let previewed = meta.last_message_preview.chars().count() <= PREVIEW_CHARS_MAX;
    require(previewed, "last_message_preview", "has at most 160 characters")?;
    require(meta.revision >= 1, "revision", "is 1 or more")
}

fn check_names(meta: &SessionMeta) -> Result<(), MetaError> {
    require(is_ulid(&meta.id, "qs-"), "id", "is qs- and 26 upper-case Crockford base32 characters")?;
    require(is_handler(&meta.agent_id), "agent_id", "is a handler")?;
    require(is_handler(&meta.created_by), "created_by", "is a handler")
}

fn check_title(meta: &SessionMeta) -> Result<(), MetaError> {
    if let Some(title) = &meta.title {
        let sound = (1..=TITLE_CHARS_MAX).contains(&title.chars().count()) && !title.trim().is_empty();
        require(sound, "title", "has 1 to 80 characters and is not blank")?;
    }
    match meta.status {
        Status::NeedsTitle => require(meta.title.is_none(), "title", "is absent while needs_title"),
        Status::Active => require(meta.title.is_some(), "title", "is present when active"),
        Status::Running | Status::Error | Status::Archived => Ok(()),
    }
}

fn check_times(meta: &SessionMeta) -> Result<(), MetaError> {
    let optional = [meta.archived_at_ms, meta.summary_updated_at_ms, meta.processing_started_at_ms];
    let mut all = optional.into_iter().flatten().chain([meta.created_at_ms, meta.updated_at_ms]);
    require(
        all.all(|time_ms| time_ms <= TIME_MS_MAX),
        "created_at",
        "and all times are not beyond the year 9999",
    )
}

fn check_archived(meta: &SessionMeta) -> Result<(), MetaError> {
    let archived = meta.status == Status::Archived;
    let both = meta.archived_at_ms.is_some() == archived && meta.archived_from.is_some() == archived;
    require(both, "archived_at", "and archived_from are there exactly when archived")?;
    match meta.archived_from {
        None | Some(Status::Error) => Ok(()),
        Some(Status::Active) => require(meta.title.is_some(), "archived_from", "is active only with a title"),
        Some(Status::NeedsTitle) => {
            require(meta.title.is_none(), "archived_from", "is needs_title only without a title")
        }
        Some(Status::Running | Status::Archived) => {
            require(false, "archived_from", "is active, needs_title or error")
        }
    }
}

fn check_summary(meta: &SessionMeta) -> Result<(), MetaError> {
    let both = meta.summary.is_some() == meta.summary_updated_at_ms.is_some();
    require(both, "summary", "and summary_updated_at are there both or neither")?;
    let sound = |summary: &String| summary.chars().count() <= SUMMARY_CHARS_MAX && !summary.trim().is_empty();
    let rule = "has 1 to 4,000 characters and is not blank";
    require(meta.summary.as_ref().is_none_or(sound), "summary", rule)
}

fn check_error(meta: &SessionMeta) -> Result<(), MetaError> {
    let not_blank = meta.error.as_ref().is_none_or(|error| !error.trim().is_empty());
    require(not_blank, "error", "is not blank")?;
    let failed = meta.last_failed_attempt_id.as_ref();
    require(
        failed.is_none_or(|id| is_ulid(id, "qa-")),
        "last_failed_attempt_id",
        "is qa- and 26 characters",
    )?;
    require(
        failed.is_none() || meta.error.is_some(),
        "last_failed_attempt_id",
        "is there only with an error",
    )?;
    match (meta.status, meta.archived_from) {
        (Status::Running, _) => require(meta.error.is_none(), "error", "is absent while running"),
        (Status::Error, _) | (Status::Archived, Some(Status::Error)) => {
            require(meta.error.is_some(), "error", "is there in error and when archived from it")
        }
        (Status::NeedsTitle | Status::Active | Status::Archived, _) => require(
            meta.error.is_none() || failed.is_some(),
            "error",
            "needs last_failed_attempt_id outside of error",
        ),
    }
}

fn check_processing(meta: &SessionMeta) -> Result<(), MetaError> {
    let running = meta.status == Status::Running;
    let parts = [
        meta.processing_input_line.is_some(),
        meta.processing_started_at_ms.is_some(),
        meta.attempt_id.is_some(),
    ];
    let rule = "and processing_started_at and attempt_id are there exactly when running";
    require(parts.iter().all(|there| *there == running), "processing_input_line", rule)?;
    let attempt = meta.attempt_id.as_ref().is_none_or(|id| is_ulid(id, "qa-"));
    require(attempt, "attempt_id", "is qa- and 26 upper-case Crockford base32 characters")?;
    let input = meta.processing_input_line.is_none_or(|line| is_input(line, meta));
    require(input, "processing_input_line", "is 1 to last_human_line")
}

fn check_completed(meta: &SessionMeta) -> Result<(), MetaError> {
    let group = (&meta.last_completed_attempt_id, meta.last_completed_input_line, meta.last_completed_line);
    match group {
        (None, None, None) => Ok(()),
        (Some(attempt), Some(input), Some(output)) => {
            require(is_ulid(attempt, "qa-"), "last_completed_attempt_id", "is qa- and 26 characters")?;
            require(input < output, "last_completed_line", "is below its input line")?;
            require(is_input(input, meta), "last_completed_input_line", "is 1 to last_human_line")
        }
        (Some(_) | None, _, _) => {
            require(false, "last_completed_attempt_id", "and its input line and line are there all or none")
        }
    }
}

fn check_human(meta: &SessionMeta) -> Result<(), MetaError> {
    require(meta.last_human_line != Some(0), "last_human_line", "is 1 or more")?;
    let line = meta.last_human_request_id.is_none() || meta.last_human_line.is_some();
    require(line, "last_human_request_id", "needs last_human_line")
}

fn is_input(line: u64, meta: &SessionMeta) -> bool {
    line >= 1 && meta.last_human_line.is_some_and(|last| line <= last)
}

fn is_ulid(text: &str, prefix: &str) -> bool {
    let crockford = |byte: u8| {
        byte.is_ascii_digit() || byte.is_ascii_uppercase() && !matches!(byte, b'I' | b'L' | b'O' | b'U')
    };
    text.strip_prefix(prefix).is_some_and(|ulid| ulid.len() == ULID_CHARS && ulid.bytes().all(crockford))
}

fn require(holds: bool, field: &'static str, rule: &'static str) -> Result<(), MetaError> {
    if holds { Ok(()) } else { Err(MetaError { field, rule }) }
}

#[cfg(test)]
mod tests;
