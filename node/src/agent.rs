//! Hosting agents: the seam between a turn and the process that runs it.
//!
//! A turn is opened, prompted once or more, and closed; what happens on the way comes out as bounded [`TurnEvent`]s.
//! Nothing here decides about sessions: claims, titles and replies are records, and records are made by the machine.
//! [`acp`] is the only module that knows the Agent Client Protocol, [`jsonl`] the only one that knows the output of
//! command line agents; [`demo`] is an agent of our own that speaks it,
//! [`mcp`] is the shim through which any agent reaches the daemon, [`guard`] keeps agents from outliving the node.

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use crate::machine::capabilities::Capabilities;

pub mod acp;
pub mod demo;
pub mod door;
pub mod guard;
pub mod jsonl;
pub mod mcp;
pub mod process;
pub mod prompt;
mod said;
pub mod script;

/// Bytes of final text that a turn may hand back: what one message may hold.
pub const FINAL_TEXT_BYTES_MAX: usize = 65_536;
/// Bytes of text in one event: enough for any chunk that an agent streams, small enough to queue many.
pub const EVENT_TEXT_BYTES_MAX: usize = 8_192;
/// Characters of a failure's detail: it is shown in a list and kept in a record.
pub const FAILURE_DETAIL_CHARS_MAX: usize = 1_000;
/// A good capacity for a turn's event channel: some seconds of streaming for a reader that is busy.
pub const TURN_EVENTS_MAX: usize = 256;

/// An agent as its host configured it: what to run, where, and which environment it may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentSpec {
    /// The agent's handle, without `@`.
    pub handle: String,
    /// Program and arguments. No text of any message ever gets in here.
    pub command: Vec<String>,
    /// The directory the agent works in; it must exist.
    pub cwd: PathBuf,
    /// Names of environment variables that this agent may see besides [`process::ENV_NAMES`].
    pub env: BTreeSet<String>,
    /// Megabytes of memory that it and what it starts may have together; 0 for any.
    pub memory_mb: u32,
    /// The mode that its sessions are put into, by its id; as the agent likes if absent.
    pub mode: Option<String>,
}

impl AgentSpec {
    /// The embedded agent: `exe agent demo [--script FILE]`.
    pub fn demo(handle: &str, exe: &std::path::Path, script: Option<&std::path::Path>, cwd: PathBuf) -> Self {
        let mut command = vec![exe.display().to_string(), "agent".to_owned(), "demo".to_owned()];
        if let Some(script) = script {
            command.extend(["--script".to_owned(), script.display().to_string()]);
        }
        Self { handle: handle.to_owned(), command, cwd, env: BTreeSet::new(), memory_mb: 0, mode: None }
    }
}

/// A turn's secret: wiped when dropped, never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct TurnSecret(Zeroizing<String>);

impl TurnSecret {
    /// Wraps a secret; use visible ASCII, since it travels in a header and in an environment variable.
    pub fn new(secret: String) -> Self {
        Self(Zeroizing::new(secret))
    }

    /// The secret itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for TurnSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TurnSecret(..)")
    }
}

/// The way back to the daemon that a turn's agent is given.
#[derive(Debug, Clone)]
pub struct Door {
    /// The daemon's Unix socket.
    pub socket: PathBuf,
    /// The attempt (`qa-...`) that the agent's calls belong to.
    pub attempt_id: String,
    /// What authorises those calls, for this turn only.
    pub secret: TurnSecret,
    /// Our own binary, run as `exe mcp`.
    pub exe: PathBuf,
}

/// How long the phases of a turn may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TurnLimits {
    /// From starting the process to its answer to `initialize`.
    pub initialize: Duration,
    /// For opening (or resuming) the agent's session.
    pub open_session: Duration,
    /// Without any sign from the agent while it works on a prompt.
    pub silence: Duration,
    /// For the whole turn, follow-up prompts included.
    pub wall: Duration,
}

impl Default for TurnLimits {
    fn default() -> Self {
        Self {
            // A cold `npx` start of a real agent takes some 20 s.
            initialize: Duration::from_secs(60),
            open_session: Duration::from_secs(60),
            // Models think for minutes without a token; providers that are down retry for ever.
            silence: Duration::from_secs(300),
            wall: Duration::from_secs(3_600),
        }
    }
}

/// What it takes to open a turn.
pub struct TurnRequest {
    /// The quick session the turn belongs to, for logs.
    pub session_id: String,
    /// The token of an earlier turn's [`LiveTurn::resume_token`]: a hint, a stale one never fails the turn.
    pub resume: Option<String>,
    /// The way back to the daemon.
    pub door: Door,
    /// Time-outs.
    pub limits: TurnLimits,
    /// Where activity goes. It is best effort: what does not fit the channel is dropped, the turn never waits.
    pub events: mpsc::Sender<TurnEvent>,
    /// Who answers its permission requests; nobody, and all are refused at once.
    pub desk: Option<Arc<dyn PermissionDesk>>,
    /// Cancelling it stops the turn: `session/cancel` first, the process if that does not help.
    pub cancel: CancellationToken,
}

/// Where an agent's permission requests go that are not for the tools of its turn.
pub trait PermissionDesk: Send + Sync {
    /// Asks whoever may answer, and waits: true allows it, once. Ends by itself in bounded time, or when the turn does.
    fn ask(&self, title: String) -> BoxFuture<'static, bool>;
}

/// What an agent is told. Whether it knows what was said before is seen by its driver, and may turn out in the middle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prompt {
    /// For one that knows nothing of the session.
    pub afresh: String,
    /// For one whose own side of the session goes on.
    pub resumed: String,
}

impl From<String> for Prompt {
    /// The same for both.
    fn from(text: String) -> Self {
        Self { afresh: text.clone(), resumed: text }
    }
}

/// Something that an agent did. Shown live, never stored as a message.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TurnEvent {
    /// Streamed text, at most [`EVENT_TEXT_BYTES_MAX`] bytes.
    Text(String),
    /// Streamed reasoning, bounded likewise.
    Thought(String),
    /// A tool call began or changed.
    ToolCall {
        /// The agent's own id of the call.
        id: String,
        /// A line for people; empty in an update that does not change it.
        title: String,
        /// `pending`, `in_progress`, `completed` or `failed`.
        status: &'static str,
    },
    /// The agent's plan: its steps and whether each is done.
    Plan(Vec<PlanStep>),
    /// How full the agent's context window is, in tokens.
    Usage {
        /// Tokens in use.
        used: u64,
        /// Tokens there are.
        size: u64,
    },
    /// The agent asked for a permission.
    Permission {
        /// What for.
        title: String,
        /// What it was told.
        allowed: bool,
    },
}

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanStep {
    /// A line for people.
    pub text: String,
    /// `pending`, `in_progress` or `completed`.
    pub status: &'static str,
}

/// How a prompt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TurnEnd {
    /// The agent said that it is done.
    Finished {
        /// The final streamed text (after the last tool call that was followed by text), at most
        /// [`FINAL_TEXT_BYTES_MAX`] bytes; empty when there was none.
        text: String,
        /// Why it stopped.
        stop: StopReason,
    },
    /// The turn cannot go on.
    Failed {
        /// What went wrong, and how.
        failure: TurnFailure,
        /// The text until then, bounded likewise: for the diagnostics.
        text: String,
    },
    /// The turn was stopped from our side.
    Cancelled,
}

/// Why an agent ended a prompt by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// It is done.
    EndTurn,
    /// It ran out of tokens.
    MaxTokens,
    /// It made as many requests as it may in a turn.
    MaxRequests,
    /// It refused to go on.
    Refusal,
    /// It says that it was cancelled, though we did not ask for it.
    Cancelled,
}

/// A failed turn.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}: {detail}")]
pub struct TurnFailure {
    /// What went wrong.
    pub reason: FailReason,
    /// How, for people; at most [`FAILURE_DETAIL_CHARS_MAX`] characters.
    pub detail: String,
}

impl TurnFailure {
    /// Makes a failure; the detail is cut to its bound, control characters become spaces.
    pub fn new(reason: FailReason, detail: impl AsRef<str>) -> Self {
        let detail = detail.as_ref().trim().chars().take(FAILURE_DETAIL_CHARS_MAX);
        Self { reason, detail: detail.map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect() }
    }
}

/// What can go wrong in a turn. Its `Display` is a stable word for records (`crashed`, `timed_out_silence`, ...).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FailReason {
    /// The process could not be started: check the agent's command and directory.
    SpawnFailed,
    /// The process ended in the middle of the turn.
    Crashed,
    /// A phase took longer than its limit.
    TimedOut(Phase),
    /// The agent broke the protocol, or speaks another version.
    Protocol,
    /// The agent answered with an error.
    Refused,
    /// It, and what it started, had more memory than it may.
    OutOfMemory,
    /// The agent wants its user to log in first.
    LoginRequired,
    /// The turn was stopped before its first prompt.
    Cancelled,
    /// The driver is shutting down.
    ShuttingDown,
}

/// The phases of a turn that have a limit: see [`TurnLimits`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Starting the process.
    Initialize,
    /// Opening the agent's session.
    OpenSession,
    /// Nothing was heard.
    Silence,
    /// The turn as a whole.
    Wall,
}

impl fmt::Display for FailReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SpawnFailed => "spawn_failed",
            Self::Crashed => "crashed",
            Self::TimedOut(Phase::Initialize) => "timed_out_initialize",
            Self::TimedOut(Phase::OpenSession) => "timed_out_open_session",
            Self::TimedOut(Phase::Silence) => "timed_out_silence",
            Self::TimedOut(Phase::Wall) => "timed_out_wall",
            Self::Protocol => "protocol",
            Self::Refused => "refused",
            Self::OutOfMemory => "out_of_memory",
            Self::LoginRequired => "login_required",
            Self::Cancelled => "cancelled",
            Self::ShuttingDown => "shutting_down",
        })
    }
}

/// Runs the turns of one agent. One process serves all of its sessions; it is started at the first need.
pub trait AgentDriver: Send + Sync {
    /// Opens a turn: starts the agent if need be, and opens its side of the session with the turn's door.
    fn open(&self, request: TurnRequest) -> BoxFuture<'_, Result<Box<dyn LiveTurn>, TurnFailure>>;
    /// Whether it has a process now.
    fn is_live(&self) -> bool {
        false
    }
    /// Ends the agent's process if no turn uses it: the next turn starts it again.
    fn rest(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
    /// Ends the agent's process and returns when it is gone. Running turns fail, later ones too.
    fn shutdown(&self) -> BoxFuture<'_, ()>;
    /// The newest output on the agent's stderr, bounded, for `agent logs`.
    fn stderr_tail(&self) -> String;
}

/// A turn that is open. Dropping it instead of calling [`LiveTurn::close`] cancels what is still running.
pub trait LiveTurn: Send {
    /// Prompts the agent and waits for its end. After `Finished` it may be called again in the same turn (to ask for
    /// a missing title); after anything else every further call fails.
    fn prompt(&mut self, prompt: Prompt) -> BoxFuture<'_, TurnEnd>;
    /// What to pass as [`TurnRequest::resume`] next time, when the agent can resume its sessions.
    fn resume_token(&self) -> Option<String>;
    /// What the agent said that it can do; `None` for programs that say nothing of it.
    fn capabilities(&self) -> Option<Capabilities> {
        None
    }
    /// Closes the turn; its door is of no use to the agent from now on. The process stays for the next turn.
    fn close(self: Box<Self>) -> BoxFuture<'static, ()>;
}
