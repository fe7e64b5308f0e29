//! The small language in which profiles say what a line means: conditions on the fields of a JSON object, and what to do
//! with it. Paths are JSON pointers (RFC 6901). What no rule fits means nothing, so that programs may grow.

use std::borrow::Cow;

use serde_json::Value;

use crate::agent::StopReason;

/// What a line, or a part of one, means.
#[derive(Debug)]
pub(super) struct Rule {
    /// All of these hold: at the path is this text (or number, or truth value); an empty text means that there is nothing.
    pub(super) when: &'static [(&'static str, &'static str)],
    /// Then this is what happened.
    pub(super) then: &'static [Act],
}

/// Something that happened.
#[derive(Debug)]
pub(super) enum Act {
    /// The session has this id: the token to resume it.
    Token(&'static str),
    /// A whole message: shown, and a part of the final text.
    Message(&'static str),
    /// A piece of a message, likewise.
    Piece(&'static str),
    /// A piece of a message that will come again as a whole: only shown.
    Live(&'static str),
    /// A message that was shown in pieces: only a part of the final text.
    Kept(&'static str),
    /// Reasoning.
    Thought(&'static str),
    /// A tool call began or changed.
    Tool {
        /// Where its id is.
        id: &'static str,
        /// Where its name is, in parts.
        title: &'static [&'static str],
        /// How it stands.
        status: Status,
    },
    /// The plan.
    Plan {
        /// Where the list of its steps is.
        steps: &'static str,
        /// Where a step's text is.
        text: &'static str,
        /// Where a step says whether it is done.
        done: &'static str,
    },
    /// Tokens in the context: the sum of these.
    Used(&'static [&'static str]),
    /// Size of the context window: the largest of what the members of an object say.
    Size {
        /// The object.
        of: &'static str,
        /// The number in each of its members.
        each: &'static str,
    },
    /// Each element of a list means something by itself.
    Each(&'static str, &'static [Rule]),
    /// The program goes on, though it said that it had ended.
    GoesOn,
    /// The prompt is done.
    Done(StopReason),
    /// The prompt failed; the first text that there is says why.
    Failed(&'static [&'static str]),
    /// The prompt failed, because the user has to log in first.
    LoginWanted(&'static [&'static str]),
    /// A complaint: no sign of life, and the reason should the program end without a word.
    Complaint(&'static [&'static str]),
}

/// How a tool call stands.
#[derive(Debug)]
pub(super) enum Status {
    /// It is this.
    Is(&'static str),
    /// The program says it here.
    At(&'static str),
}

/// The first rule that fits.
pub(super) fn fitting(rules: &'static [Rule], value: &Value) -> Option<&'static Rule> {
    rules.iter().find(|rule| rule.when.iter().all(|(path, text)| holds(value, path, text)))
}

fn holds(value: &Value, path: &str, text: &str) -> bool {
    text_at(value, path).map_or(text.is_empty(), |found| found == text)
}

/// The text, number or truth value at a path.
pub(super) fn text_at<'a>(value: &'a Value, path: &str) -> Option<Cow<'a, str>> {
    match value.pointer(path)? {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        Value::Bool(truth) => Some(Cow::Borrowed(if *truth { "true" } else { "false" })),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The first text at any of these paths that is not blank.
pub(super) fn first_text(value: &Value, paths: &[&str]) -> Option<String> {
    let found = paths.iter().filter_map(|path| text_at(value, path));
    found.map(Cow::into_owned).find(|text| !text.trim().is_empty())
}

/// A status in our words.
pub(super) fn status_word(word: &str) -> &'static str {
    match word {
        "pending" => "pending",
        "completed" | "success" => "completed",
        "failed" | "error" | "declined" => "failed",
        _ => "in_progress",
    }
}
