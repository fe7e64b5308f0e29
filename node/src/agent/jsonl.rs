//! The driver for agents that are a command a turn: they read a prompt on stdin, print one JSON object a line, and end.
//!
//! One driver serves them all. What differs between programs is data: how the command line is completed, how our MCP
//! server is made known, and what the lines mean ([`Profile`]). The turn's door is in the command's environment, which no
//! other process of another user can read, and never in an argument. An exit code proves nothing here (some programs end
//! with 0 when they are interrupted, some try again for ever): a prompt is over when the program says so, when it is gone,
//! or when our limits say so. A session that cannot be resumed is begun anew in the same turn.

use std::path::PathBuf;
use std::sync::Arc;

use futures::future::BoxFuture;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use self::turn::JsonlTurn;
use super::process::{END_TIME_MAX, StderrTail};
use super::{AgentDriver, AgentSpec, FailReason, LiveTurn, TurnFailure, TurnRequest};
use crate::spawner::Spawner;

mod command;
mod profiles;
mod reading;
mod rules;
#[cfg(test)]
mod tests;
mod turn;

pub use profiles::{CLAUDE, CODEX, GEMINI, OPENCODE};
use rules::Rule;

/// A program that this driver can run: what it is told, and what it says.
#[derive(Debug)]
pub struct Profile {
    /// Its name, which is also that of its program.
    pub name: &'static str,
    /// Words after the user's own, for a session of its own. In all templates `{exe}` is our binary as a JSON string,
    /// and `{token}` the session to resume.
    begin: &'static [&'static str],
    /// Likewise, to resume a session.
    resume: &'static [&'static str],
    /// Variables of its environment.
    env: &'static [(&'static str, &'static str)],
    /// What its lines mean: the first rule that fits a line is the one.
    rules: &'static [Rule],
    /// Words by which it says that its user has to log in, in lower case.
    login: &'static [&'static str],
}

/// Drives one agent whose program is started anew for each prompt.
pub struct JsonlDriver {
    host: Arc<Host>,
}

/// What starting a process takes.
struct Host {
    profile: &'static Profile,
    spec: AgentSpec,
    exe: PathBuf,
    spawner: Spawner,
    stderr: StderrTail,
    closed: CancellationToken,
    /// Held while a process runs: two of one agent at a time would fight over its files.
    seat: Arc<Semaphore>,
}

impl JsonlDriver {
    /// A driver for `spec` that starts nothing yet. `exe` is our own binary, for the guard and the MCP server.
    pub fn new(profile: &'static Profile, spec: AgentSpec, exe: PathBuf, spawner: Spawner) -> Self {
        let (stderr, closed) = (StderrTail::default(), CancellationToken::new());
        let seat = Arc::new(Semaphore::new(1));
        Self { host: Arc::new(Host { profile, spec, exe, spawner, stderr, closed, seat }) }
    }

    fn open_turn(&self, request: TurnRequest) -> Result<Box<dyn LiveTurn>, TurnFailure> {
        let host = &self.host;
        tracing::debug!(agent = %host.spec.handle, session = %request.session_id, "a turn opens");
        if request.cancel.is_cancelled() {
            return Err(TurnFailure::new(FailReason::Cancelled, "stopped before the agent started"));
        }
        if host.closed.is_cancelled() {
            return Err(TurnFailure::new(FailReason::ShuttingDown, "the node is stopping"));
        }
        Ok(Box::new(JsonlTurn::new(Arc::clone(host), request)))
    }

    async fn end(&self) {
        self.host.closed.cancel();
        let _bounded_by_the_task_itself =
            tokio::time::timeout(END_TIME_MAX * 2, self.host.seat.acquire()).await;
    }
}

impl Drop for JsonlDriver {
    fn drop(&mut self) {
        self.host.closed.cancel();
    }
}

impl AgentDriver for JsonlDriver {
    fn open(&self, request: TurnRequest) -> BoxFuture<'_, Result<Box<dyn LiveTurn>, TurnFailure>> {
        Box::pin(async move { self.open_turn(request) })
    }

    fn shutdown(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.end())
    }

    fn stderr_tail(&self) -> String {
        self.host.stderr.text()
    }
}
