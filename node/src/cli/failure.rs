//! How a command ends: the exit statuses, and the one error type of the command line. A failure has a stable
//! code, what happened, and what to do; it knows whether it came from the node (then it keeps the node's own
//! problem document).

use std::io;

use serde_json::{Value, json};

use crate::config::{ConfigError, Home};
use crate::machine::request::Code;

/// Exit statuses. Scripts rely on the numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Ok = 0,
    /// It went wrong, here or in the node (5xx).
    Failed = 1,
    /// Wrong use or invalid input (400, 413, 415, 422).
    Usage = 2,
    /// No such thing (404).
    NotFound = 3,
    /// Not allowed (401, 403).
    NotAllowed = 4,
    /// In the way of something else (409).
    Conflict = 5,
    /// No node answers.
    NotRunning = 6,
    /// Took longer than `--timeout`.
    TimedOut = 7,
    /// Not yet, and waiting will not help.
    NotYet = 8,
    /// Interrupted by the user.
    Interrupted = 130,
}

impl Exit {
    /// The exit status that stands for an HTTP status.
    #[must_use]
    pub const fn of_http(status: u16) -> Self {
        match status {
            200..=299 => Self::Ok,
            400 | 413 | 415 | 422 => Self::Usage,
            404 => Self::NotFound,
            401 | 403 => Self::NotAllowed,
            409 => Self::Conflict,
            408 => Self::TimedOut,
            425 => Self::NotYet,
            _ => Self::Failed,
        }
    }

    /// The HTTP status that a failure of our own has in its problem document; 0 where none fits.
    const fn http(self) -> u16 {
        match self {
            Self::Usage => 400,
            Self::NotFound => 404,
            Self::NotAllowed => 403,
            Self::Conflict => 409,
            Self::NotRunning => 503,
            Self::TimedOut => 408,
            Self::NotYet => 425,
            Self::Failed => 500,
            Self::Ok | Self::Interrupted => 0,
        }
    }
}

/// Why a command did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("error[{code}]: {detail}")]
pub struct Failure {
    /// The process' exit status.
    pub exit: Exit,
    /// The stable code.
    pub code: String,
    /// What happened.
    pub detail: String,
    /// What to do.
    pub hint: Option<String>,
    /// The status in the problem document.
    status: u16,
    /// The node's own words. Boxed to keep results small.
    document: Option<Box<Value>>,
}

impl Failure {
    /// What the node would have refused too, and in the same way: the code settles exit and HTTP status.
    #[must_use]
    pub fn of(code: Code, detail: impl Into<String>) -> Self {
        let (status, name) = code.parts();
        Self { status, ..Self::new(Exit::of_http(status), name, detail) }
    }

    /// A failure of our own.
    #[must_use]
    pub fn new(exit: Exit, code: &str, detail: impl Into<String>) -> Self {
        Self {
            exit,
            code: code.to_owned(),
            detail: detail.into(),
            hint: hint_for(code).map(str::to_owned),
            status: exit.http(),
            document: None,
        }
    }

    /// Says what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The node refused: its status, and the body it sent (a problem document, as a rule). Its hint is for who
    /// calls the HTTP interface; ours, where there is one, is for who typed the command.
    #[must_use]
    pub fn refused(status: u16, body: &[u8]) -> Self {
        let document = serde_json::from_slice::<Value>(body).ok().filter(Value::is_object);
        let text = |key: &str| document.as_ref()?.get(key)?.as_str().map(str::to_owned);
        let code = text("code").unwrap_or_else(|| format!("http_{status}"));
        let detail = text("detail")
            .or_else(|| text("title"))
            .unwrap_or_else(|| format!("the node answered with HTTP status {status}"));
        let hint = hint_for(&code).map(str::to_owned).or_else(|| text("hint"));
        let exit = match Exit::of_http(status) {
            Exit::Ok => Exit::Failed,
            exit => exit,
        };
        Self { exit, code, detail, hint, status, document: document.map(Box::new) }
    }

    /// Nobody listens on the socket.
    #[must_use]
    pub fn not_running(why: &io::Error) -> Self {
        Self::new(Exit::NotRunning, "daemon_not_running", format!("no node is running in this home ({why})"))
    }

    /// The home is locked: another node runs in it.
    #[must_use]
    pub fn already_running(home: &Home) -> Self {
        let by = home.read_endpoint().map_or_else(String::new, |there| format!(" (process {})", there.pid));
        let error = ConfigError::InUse(home.clone());
        Self::new(Exit::Conflict, "already_running", format!("{error}{by}")).hint(error.hint())
    }

    /// It took longer than it may.
    #[must_use]
    pub fn timed_out(what: &str) -> Self {
        Self::new(Exit::TimedOut, "timed_out", format!("{what} took too long"))
    }

    /// The user pressed Ctrl-C.
    #[must_use]
    pub fn interrupted() -> Self {
        Self::new(Exit::Interrupted, "interrupted", "interrupted")
    }

    /// The reader of our output went away: an end without a word, since nobody would read it.
    #[must_use]
    pub fn closed_output() -> Self {
        Self::new(Exit::Ok, "closed_output", "the output was closed")
    }

    /// This program was built without that part.
    #[must_use]
    pub fn not_built_in(what: &str) -> Self {
        Self::new(Exit::Failed, "not_built_in", format!("`{what}` is not built in"))
    }

    /// Whether there is anything to tell the user.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        matches!(self.exit, Exit::Ok | Exit::Interrupted)
    }

    /// The failure as an RFC 9457 problem document: the node's own, where there is one, else one of the same
    /// form. The hint is the one that people are shown.
    #[must_use]
    pub fn to_document(&self) -> Value {
        let mut document = self.document.as_deref().cloned().unwrap_or_else(|| {
            json!({
                "type": format!("urn:starling:problem:{}", self.code),
                "title": self.code.replace('_', " "),
                "status": self.status,
                "code": self.code,
                "detail": self.detail,
            })
        });
        if let (Some(fields), Some(hint)) = (document.as_object_mut(), &self.hint) {
            fields.insert("hint".to_owned(), json!(hint));
        }
        document
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        let (exit, code) = match &error {
            ConfigError::InUse(home) => return Self::already_running(home),
            ConfigError::Missing(_) => (Exit::NotFound, "not_found"),
            ConfigError::Exists(_) => (Exit::Conflict, "exists"),
            ConfigError::Readable { .. } | ConfigError::NotOurs(_) => {
                (Exit::NotAllowed, "unsafe_permissions")
            }
            ConfigError::Settings { .. } | ConfigError::KeyFormat(_) | ConfigError::TooLarge { .. } => {
                (Exit::Usage, "invalid_config")
            }
            ConfigError::NoHome | ConfigError::NotAFile(_) => (Exit::Usage, "invalid_home"),
            ConfigError::Io { .. } => (Exit::Failed, "io"),
        };
        let hint = error.hint();
        Self::new(exit, code, error.to_string()).hint(hint)
    }
}

/// What to do about a code, where there is one thing to do.
fn hint_for(code: &str) -> Option<&'static str> {
    Some(match code {
        "daemon_not_running" => "`starling up` starts it",
        "timed_out" => "try again, or allow more with `--timeout 1m`",
        "unauthorized" => {
            "inside a turn, use the variables that the turn was given; otherwise use the Unix socket"
        }
        "quick_session_forbidden" => {
            "only the session's creator writes in it; `starling status` says whether this device still may"
        }
        "quick_session_not_found" => {
            "`starling session list` shows the sessions; `--archived` the closed ones"
        }
        "quick_session_agent_not_found" => "`starling agent list` shows the agents",
        "quick_session_title_required" => "`starling session title ID TITLE` first, then reply again",
        "quick_session_id_collision" => "leave `--id` out: an id is drawn for you",
        "quick_session_stale_attempt" => "this turn is over: stop here",
        "quick_session_archived" => "`starling session unarchive ID` opens it again",
        "quick_session_invalid_state" => "`starling session show ID` says where it stands",
        "request_id_reused" => "use another `--request-id`: this one names a different message",
        "invalid_quick_session_id" => {
            "`starling session list` shows the ids; a reference or a unique prefix will do"
        }
        "invalid_reference" => "for example session:qs-01JZZZZZZZZZZZZZZZZZZZZZZZ:L000001",
        "invalid_title" => "1 to 80 characters on one line",
        "invalid_message" => "1 to 65,536 bytes of UTF-8, not only white space",
        "invalid_handle" => "for example alice or build-bot",
        "invalid_field" => "`--help` after the command tells what each of its words may be",
        "no_such_endpoint" | "malformed_json" | "not_json" => {
            "client and node are of different versions: restart the node"
        }
        "store_failed" => "nothing was changed; check the disk, then try again",
        "peer_not_connected" => "`starling doctor` says why; it is called again by itself",
        "shutting_down" => "wait for it to end, then `starling up`",
        "rate_limited" => "wait a moment, then try again",
        "not_built_in" => "use a build with this feature",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_statuses_have_the_documented_exit_codes() {
        for (status, exit) in [
            (200, 0),
            (201, 0),
            (400, 2),
            (413, 2),
            (415, 2),
            (422, 2),
            (404, 3),
            (401, 4),
            (403, 4),
            (409, 5),
            (429, 1),
            (500, 1),
            (503, 1),
        ] {
            assert_eq!(Exit::of_http(status) as u8, exit, "{status}");
        }
        assert_eq!(Exit::NotRunning as u8, 6);
        assert_eq!(Exit::TimedOut as u8, 7);
        assert_eq!(Exit::NotYet as u8, 8);
        assert_eq!(Exit::Interrupted as u8, 130);
    }

    #[test]
    fn a_refusal_keeps_the_nodes_own_words() {
        let (status, code) = Code::QuickSessionArchived.parts();
        let mut body = json!({"code": code, "status": status, "detail": "it is archived", "type": "x"});
        let failure = Failure::refused(status, body.to_string().as_bytes());
        assert_eq!(failure.to_string(), "error[quick_session_archived]: it is archived");
        assert_eq!(failure.exit, Exit::Conflict);
        assert!(failure.hint.as_deref().unwrap().contains("unarchive"));
        body["hint"] = json!(failure.hint);
        assert_eq!(failure.to_document(), body);
    }

    #[test]
    fn hints_are_for_who_typed_the_command() {
        let (status, code) = Code::InvalidField.parts();
        let told = json!({"code": code, "detail": "d", "hint": "see `/openapi.json` for the fields"});
        let failure = Failure::refused(status, told.to_string().as_bytes());
        assert!(failure.hint.as_deref().unwrap().contains("--help"), "{failure:?}");
        assert!(!failure.to_document().to_string().contains("openapi"));
        let told = json!({"code": "unheard_of", "detail": "d", "hint": "look there"});
        let failure = Failure::refused(409, told.to_string().as_bytes());
        assert_eq!(failure.hint.as_deref(), Some("look there"));
    }

    #[test]
    fn what_the_node_would_refuse_has_the_nodes_status_and_type() {
        for (code, status, exit) in [
            (Code::InvalidTitle, 422, Exit::Usage),
            (Code::InvalidMessage, 422, Exit::Usage),
            (Code::InvalidReference, 400, Exit::Usage),
            (Code::QuickSessionNotFound, 404, Exit::NotFound),
            (Code::Unauthorized, 401, Exit::NotAllowed),
        ] {
            let failure = Failure::of(code, "x");
            assert_eq!(failure.exit, exit, "{failure}");
            let document = failure.to_document();
            assert_eq!(document["status"], status, "{document}");
            assert_eq!(document["type"], format!("urn:starling:problem:{}", code.parts().1));
        }
    }

    #[test]
    fn a_body_that_is_no_problem_document_is_no_problem() {
        let failure = Failure::refused(502, b"<html>");
        assert_eq!(failure.exit, Exit::Failed);
        assert_eq!(failure.code, "http_502");
        assert_eq!(Failure::refused(302, b"").exit, Exit::Failed);
    }

    #[test]
    fn our_own_failures_are_problem_documents_too() {
        let document = Failure::timed_out("the call").to_document();
        assert_eq!(document["code"], "timed_out");
        assert_eq!(document["status"], 408);
        assert_eq!(document["type"], "urn:starling:problem:timed_out");
        assert!(document["hint"].as_str().unwrap().contains("--timeout"));
    }
}
