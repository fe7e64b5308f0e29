//! Checks, log lines and round trips as JSON.

use serde::Serialize;
use utoipa::ToSchema;

use super::rfc3339;
use crate::{doctor, logs};

/// What is well with this node, and what is not.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Checks {
    checks: Vec<Check>,
}

#[derive(Debug, Serialize, ToSchema)]
struct Check {
    /// Stable: one word, or `agent:HANDLE`.
    id: String,
    /// What was looked at.
    title: String,
    /// `ok`, `warn` (it works, and somebody should know) or `fail`.
    state: &'static str,
    /// What was seen.
    detail: String,
    /// What to do about it.
    hint: Option<String>,
}

impl From<Vec<doctor::Check>> for Checks {
    fn from(checks: Vec<doctor::Check>) -> Self {
        let check = |it: doctor::Check| Check {
            id: it.id,
            title: it.title,
            state: it.state.as_str(),
            detail: it.detail,
            hint: it.hint,
        };
        Self { checks: checks.into_iter().map(check).collect() }
    }
}

/// Lines of the node's log.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct LogLines {
    lines: Vec<LogLine>,
    /// What to give as `since` next.
    next: u64,
}

#[derive(Debug, Serialize, ToSchema)]
struct LogLine {
    number: u64,
    at: String,
    /// `error`, `warn`, `info`, `debug` or `trace`.
    level: &'static str,
    /// The module that said it.
    target: String,
    text: String,
}

impl From<(Vec<logs::Line>, u64)> for LogLines {
    fn from((lines, next): (Vec<logs::Line>, u64)) -> Self {
        let line = |it: logs::Line| LogLine {
            number: it.number,
            at: rfc3339(it.at_ms),
            level: it.level,
            target: it.target,
            text: it.text,
        };
        Self { lines: lines.into_iter().map(line).collect(), next }
    }
}

/// A round trip to a device.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Pong {
    pub(in crate::http) device: String,
    /// Microseconds.
    pub(in crate::http) rtt_micros: u64,
}
