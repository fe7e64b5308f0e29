//! A turn's way to the daemon: one HTTP request over its Unix socket for each call, with the turn's secret.
//!
//! The three variables below are the whole configuration, so that any agent, and a person in a shell that an agent
//! opened, comes in by the same door. Nothing is kept between calls and nothing is tried again: whether a call may be
//! repeated is the daemon's knowledge. Answers are bounded in bytes and in time.

use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;

use futures::future::{Either, select};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::UnixStream;

use super::TurnSecret;

/// Names the daemon's Unix socket.
pub const ENV_SOCKET: &str = "STARLING_SOCKET";
/// Names the attempt that calls belong to.
pub const ENV_ATTEMPT: &str = "STARLING_ATTEMPT";
/// Holds the turn's secret.
pub const ENV_SECRET: &str = "STARLING_TURN_SECRET";
/// Bytes of an answer that are read: the daemon's are a few hundred.
const ANSWER_BYTES_MAX: usize = 64 * 1_024;
/// For one call: the daemon answers once the record is durable, which takes milliseconds.
const CALL_TIME_MAX: Duration = Duration::from_secs(30);

/// What an agent can do in its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TurnCall {
    /// Gives the session its title.
    Title,
    /// Publishes an answer.
    Reply,
    /// Sets the session's summary.
    Summary,
}

impl TurnCall {
    /// Path below the attempt, and the name of the one field of the body.
    const fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Title => ("title", "title"),
            Self::Reply => ("reply", "body"),
            Self::Summary => ("summary", "summary"),
        }
    }
}

/// Why a call did not go through. Its text is what the agent reads.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DoorError {
    /// A variable is missing or unusable.
    #[error("no_turn: {0} is not set or unusable; this only works inside an agent's turn")]
    NoTurn(&'static str),
    /// The daemon cannot be reached.
    #[error("daemon_unreachable: {0}; is `starling up` running?")]
    Unreachable(String),
    /// The daemon refused the call.
    #[error("{code}: {detail}")]
    Refused {
        /// The stable code of the problem.
        code: String,
        /// What to do about it.
        detail: String,
    },
}

/// The door of one turn.
#[derive(Debug, Clone)]
pub struct TurnDoor {
    socket: PathBuf,
    attempt: String,
    secret: TurnSecret,
}

impl TurnDoor {
    /// Reads the door from the environment.
    pub fn from_env() -> Result<Self, DoorError> {
        let read =
            |name| std::env::var(name).ok().filter(|value| !value.is_empty()).ok_or(DoorError::NoTurn(name));
        Self::new(PathBuf::from(read(ENV_SOCKET)?), read(ENV_ATTEMPT)?, TurnSecret::new(read(ENV_SECRET)?))
    }

    /// A door for `attempt`, whose id must be letters, digits and hyphens.
    pub fn new(socket: PathBuf, attempt: String, secret: TurnSecret) -> Result<Self, DoorError> {
        let id_like = !attempt.is_empty() && attempt.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        if !id_like {
            return Err(DoorError::NoTurn(ENV_ATTEMPT));
        }
        Ok(Self { socket, attempt, secret })
    }

    /// Makes one call. Returns the daemon's JSON answer as text.
    pub async fn call(&self, call: TurnCall, text: &str) -> Result<String, DoorError> {
        let request = self.request(call, text)?;
        let answered = tokio::time::timeout(CALL_TIME_MAX, self.exchange(request)).await;
        let late = || DoorError::Unreachable(format!("no answer within {} s", CALL_TIME_MAX.as_secs()));
        let (status, body) = answered.map_err(|_| late())?.map_err(|error| {
            DoorError::Unreachable(format!("{} does not answer: {error}", self.socket.display()))
        })?;
        if status.is_success() { Ok(body) } else { Err(refusal(status, &body)) }
    }

    fn request(&self, call: TurnCall, text: &str) -> Result<Request<Full<Bytes>>, DoorError> {
        let (path, field) = call.names();
        let body = serde_json::json!({ field: text }).to_string();
        Request::builder()
            .method(Method::POST)
            .uri(format!("/turns/{}/{path}", self.attempt))
            .header(HOST, "localhost")
            .header(AUTHORIZATION, format!("Bearer {}", self.secret.expose()))
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)))
            .map_err(|_| DoorError::NoTurn(ENV_SECRET))
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<(StatusCode, String), BoxError> {
        let stream = UnixStream::connect(&self.socket).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let answer = pin!(async move {
            let response = sender.send_request(request).await?;
            let status = response.status();
            let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await?.to_bytes();
            Ok((status, String::from_utf8_lossy(&body).into_owned()))
        });
        // The connection only moves while it is polled; it may end before the answer has been taken from it.
        match select(answer, pin!(connection)).await {
            Either::Left((answer, _)) => answer,
            Either::Right((_, answer)) => answer.await,
        }
    }
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

#[derive(Deserialize)]
struct Problem {
    code: String,
    #[serde(default)]
    detail: String,
    #[serde(default)]
    title: String,
}

fn refusal(status: StatusCode, body: &str) -> DoorError {
    match serde_json::from_str::<Problem>(body) {
        Ok(problem) => {
            let detail = if problem.detail.is_empty() { problem.title } else { problem.detail };
            // Some details already begin with the code, for agents that see nothing else.
            let detail =
                detail.strip_prefix(&format!("{}: ", problem.code)).map(str::to_owned).unwrap_or(detail);
            DoorError::Refused { code: problem.code, detail }
        }
        Err(_) => {
            DoorError::Refused { code: format!("http_{}", status.as_u16()), detail: "the call failed".into() }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_becomes_code_and_instruction() {
        let body =
            r#"{"code":"quick_session_title_required","detail":"call set_title first, then reply again"}"#;
        let text = refusal(StatusCode::CONFLICT, body).to_string();
        assert_eq!(text, "quick_session_title_required: call set_title first, then reply again");
        let twice = r#"{"code":"rate_limited","detail":"rate_limited: wait"}"#;
        assert_eq!(refusal(StatusCode::TOO_MANY_REQUESTS, twice).to_string(), "rate_limited: wait");
        assert_eq!(refusal(StatusCode::BAD_GATEWAY, "<html>").to_string(), "http_502: the call failed");
    }

    #[test]
    fn an_attempt_cannot_change_the_path() {
        let door = |attempt: &str| {
            TurnDoor::new(PathBuf::from("/s"), attempt.to_owned(), TurnSecret::new("x".to_owned()))
        };
        assert!(door("qa-01HZ").is_ok());
        for bad in ["", "../im", "qa/1", "qa 1", "qa%2f"] {
            assert!(door(bad).is_err(), "{bad}");
        }
    }

    #[tokio::test]
    async fn a_missing_daemon_is_said_plainly() {
        let door =
            TurnDoor::new("/nowhere/s.sock".into(), "qa-1".into(), TurnSecret::new("x".into())).unwrap();
        let error = door.call(TurnCall::Reply, "hi").await.unwrap_err();
        assert!(error.to_string().starts_with("daemon_unreachable: /nowhere/s.sock"), "{error}");
    }
}
