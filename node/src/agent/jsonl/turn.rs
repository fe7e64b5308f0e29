//! One turn: each prompt is one process, started, given its input, read to its end, and seen gone.
//!
//! The process is run by a task of its own, so that it ends well even when nobody waits for the prompt any more. What a
//! program says counts; its exit code is told to people and decides nothing.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{ChildStdin, ChildStdout};
use tokio::sync::{OwnedSemaphorePermit, oneshot, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::reading::{End, Reading};
use super::{Host, command};
use crate::agent::guard::INPUT_BYTES_MAX;
use crate::agent::process::{AgentProcess, BoundedLines, Exit, Given, LINE_BYTES_MAX};
use crate::agent::prompt::cut;
use crate::agent::{
    AgentSpec, FAILURE_DETAIL_CHARS_MAX, FailReason, LiveTurn, Phase, Prompt, TurnEnd, TurnFailure,
    TurnRequest,
};

/// For a program to save its session and leave after it said that it is done.
const LEAVE_TIME: Duration = Duration::from_secs(5);

/// An open turn.
pub(super) struct JsonlTurn {
    host: Arc<Host>,
    request: TurnRequest,
    deadline: Instant,
    token: Option<String>,
    /// The prompts of this turn, for an agent that knows nothing: a session that is begun anew has to hear all of them.
    said: Vec<String>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Prompts may come.
    Ready,
    /// It failed or was stopped, or is about to.
    Over,
}

/// Why we stopped a prompt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    Cancelled,
    ShuttingDown,
    TimedOut(Phase),
}

/// What came of one process.
struct Outcome {
    end: TurnEnd,
    token: Option<String>,
    /// Whether the agent did anything at all.
    worked: bool,
}

impl Outcome {
    fn failed(reason: FailReason, detail: &str) -> Self {
        let failure = TurnFailure::new(reason, detail);
        Self { end: TurnEnd::Failed { failure, text: String::new() }, token: None, worked: false }
    }

    /// Whether a session could not be resumed: it failed before the agent did anything.
    fn is_token_lost(&self) -> bool {
        let TurnEnd::Failed { failure, .. } = &self.end else {
            return false;
        };
        !self.worked && matches!(failure.reason, FailReason::Crashed | FailReason::Refused)
    }
}

impl JsonlTurn {
    pub(super) fn new(host: Arc<Host>, request: TurnRequest) -> Self {
        let deadline = Instant::now() + request.limits.wall;
        let token = request.resume.clone().filter(|token| command::usable(token));
        Self { host, request, deadline, token, said: Vec::new(), state: State::Ready }
    }

    async fn run(&mut self, prompt: Prompt) -> TurnEnd {
        if self.state != State::Ready {
            return Outcome::failed(FailReason::Protocol, "this turn is over").end;
        }
        self.state = State::Over;
        self.said.push(prompt.afresh);
        let mut outcome = match self.token.take() {
            Some(token) => self.once(prompt.resumed, Some(token)).await,
            None => self.once(self.said.join("\n\n"), None).await,
        };
        if outcome.1 && outcome.0.is_token_lost() {
            tracing::info!(agent = %self.host.spec.handle, "the session cannot be resumed; a new one is begun");
            outcome = self.once(self.said.join("\n\n"), None).await;
        }
        self.token = outcome.0.token;
        if matches!(outcome.0.end, TurnEnd::Finished { .. }) {
            self.state = State::Ready;
        }
        outcome.0.end
    }

    /// Runs one process to its end. Also returns whether it was to resume a session.
    async fn once(&self, input: String, token: Option<String>) -> (Outcome, bool) {
        let resumes = token.is_some();
        let seat = tokio::select! {
            biased;
            () = self.request.cancel.cancelled() => None,
            () = self.host.closed.cancelled() => None,
            seat = Arc::clone(&self.host.seat).acquire_owned() => seat.ok(),
        };
        let Some(seat) = seat else {
            let outcome = if self.request.cancel.is_cancelled() {
                Outcome { end: TurnEnd::Cancelled, token: None, worked: false }
            } else {
                Outcome::failed(FailReason::ShuttingDown, "the node is stopping")
            };
            return (outcome, resumes);
        };
        let abandoned = CancellationToken::new();
        let _abandons = abandoned.clone().drop_guard();
        let job = self.job(input, token, abandoned);
        let (done, outcome) = oneshot::channel();
        self.host.spawner.spawn("agent-command", async move {
            let _nobody_waits = done.send(job.run(seat).await);
        });
        let lost = || Outcome::failed(FailReason::Crashed, "the command's task ended");
        (outcome.await.unwrap_or_else(|_| lost()), resumes)
    }

    fn job(&self, input: String, token: Option<String>, abandoned: CancellationToken) -> Job {
        let host = Arc::clone(&self.host);
        let (profile, exe) = (host.profile, &host.exe);
        let words = command::words(profile, &host.spec.command, exe, token.as_deref());
        let env = command::env(profile, &self.request.door, exe);
        let mut reading = Reading::new(profile.rules, self.request.events.clone());
        reading.token = token;
        Job {
            spec: AgentSpec { command: words, ..host.spec.clone() },
            env,
            input: cut(&input, INPUT_BYTES_MAX).to_owned(),
            reading,
            deadline: self.deadline,
            silence: self.request.limits.silence,
            wall: self.request.limits.wall,
            cancel: self.request.cancel.clone(),
            abandoned,
            host,
        }
    }
}

impl LiveTurn for JsonlTurn {
    fn prompt(&mut self, prompt: Prompt) -> BoxFuture<'_, TurnEnd> {
        Box::pin(self.run(prompt))
    }

    fn resume_token(&self) -> Option<String> {
        self.token.clone()
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async {})
    }
}

/// One process and what it is for.
struct Job {
    host: Arc<Host>,
    spec: AgentSpec,
    env: Vec<(String, std::ffi::OsString)>,
    input: String,
    reading: Reading,
    deadline: Instant,
    silence: Duration,
    wall: Duration,
    cancel: CancellationToken,
    abandoned: CancellationToken,
}

impl Job {
    async fn run(mut self, _seat: OwnedSemaphorePermit) -> Outcome {
        let given = Given { env: std::mem::take(&mut self.env), input_bytes: Some(self.input.len()) };
        let host = &self.host;
        let started = AgentProcess::start_with(&self.spec, given, &host.exe, &host.stderr, &host.spawner);
        let (mut process, mut stdin, stdout) = match started {
            Ok(started) => started,
            Err(error) => return Outcome::failed(FailReason::SpawnFailed, &error.to_string()),
        };
        let stopped = self.converse(&mut stdin, stdout).await;
        // The guard begins to count, if the command is still there.
        drop(stdin);
        let exit = process.end().await;
        tracing::debug!(agent = %self.spec.handle, %exit, "the agent's command is gone");
        self.outcome(stopped, exit)
    }

    /// Hands the input over and reads until the program is done or gone, or has to be stopped.
    async fn converse(
        &mut self,
        stdin: &mut ChildStdin,
        stdout: ChildStdout,
    ) -> Result<Option<Stop>, std::io::Error> {
        let heard = watch::Sender::new(());
        let signs_of_life = heard.subscribe();
        let input = self.input.as_bytes();
        let reading = &mut self.reading;
        let work = async {
            // A guard that could not start reads nothing; how it ended says more than a broken pipe.
            let _broken = stdin.write_all(input).await;
            read(stdout, reading, &heard).await
        };
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Ok(Some(Stop::Cancelled)),
            () = self.abandoned.cancelled() => Ok(Some(Stop::Cancelled)),
            () = self.host.closed.cancelled() => Ok(Some(Stop::ShuttingDown)),
            ended = work => ended.map(|()| None),
            () = tokio::time::sleep_until(self.deadline) => Ok(Some(Stop::TimedOut(Phase::Wall))),
            () = silence(signs_of_life, self.silence) => Ok(Some(Stop::TimedOut(Phase::Silence))),
        }
    }

    fn outcome(mut self, stopped: Result<Option<Stop>, std::io::Error>, exit: Exit) -> Outcome {
        let text = self.reading.take_text();
        let said = self.reading.end.take();
        let end = match (stopped, said) {
            (Ok(Some(Stop::Cancelled)), _) => TurnEnd::Cancelled,
            (_, Some(End::Done(stop))) => TurnEnd::Finished { text, stop },
            (_, Some(End::Failed(why))) => {
                TurnEnd::Failed { failure: self.failure(FailReason::Refused, &why, exit), text }
            }
            (_, Some(End::LoginWanted(why))) => {
                TurnEnd::Failed { failure: TurnFailure::new(FailReason::LoginRequired, why), text }
            }
            (Ok(Some(stop)), None) => TurnEnd::Failed { failure: self.stopped(stop), text },
            (Err(error), None) => {
                let failure = TurnFailure::new(FailReason::Protocol, error.to_string());
                TurnEnd::Failed { failure, text }
            }
            (Ok(None), None) => TurnEnd::Failed { failure: self.gone(exit), text },
        };
        Outcome { end, token: self.reading.token.take(), worked: self.reading.worked }
    }

    fn stopped(&self, stop: Stop) -> TurnFailure {
        let (reason, what) = match stop {
            Stop::Cancelled => (FailReason::Cancelled, "stopped".to_owned()),
            Stop::ShuttingDown => (FailReason::ShuttingDown, "the node is stopping".to_owned()),
            Stop::TimedOut(Phase::Silence) => (
                FailReason::TimedOut(Phase::Silence),
                format!("nothing was heard for {} s", self.silence.as_secs_f32()),
            ),
            Stop::TimedOut(phase) => (
                FailReason::TimedOut(phase),
                format!("the turn took longer than {} s", self.wall.as_secs_f32()),
            ),
        };
        let timed_out = matches!(stop, Stop::TimedOut(_));
        let complaint = self.reading.complaint.as_deref().filter(|_| timed_out);
        TurnFailure::new(
            reason,
            complaint.map_or(what.clone(), |complaint| format!("{what}; it said: {complaint}")),
        )
    }

    /// The program is gone and never said how its prompt ended.
    fn gone(&self, exit: Exit) -> TurnFailure {
        if exit.not_started() {
            return TurnFailure::new(FailReason::SpawnFailed, self.last_words());
        }
        let complaint = self.reading.complaint.clone().unwrap_or_default();
        self.failure(FailReason::Crashed, &complaint, exit)
    }

    /// A failure in the program's own words, as far as there are any.
    fn failure(&self, reason: FailReason, why: &str, exit: Exit) -> TurnFailure {
        let last_words = self.last_words();
        let all = format!("{why}\n{last_words}").to_lowercase();
        if self.host.profile.login.iter().any(|phrase| all.contains(phrase)) {
            let why = if why.is_empty() { &last_words } else { why };
            return TurnFailure::new(FailReason::LoginRequired, why);
        }
        let mut parts = Vec::new();
        if reason == FailReason::Crashed {
            parts.push(format!("the agent's process {exit} without saying that it was done"));
        }
        parts.extend((!why.is_empty()).then(|| why.to_owned()));
        if (reason == FailReason::Crashed || why.is_empty()) && !last_words.is_empty() {
            parts.push(format!("stderr: {last_words}"));
        }
        TurnFailure::new(reason, parts.join("; "))
    }

    /// The end of what it said on stderr, without colours.
    fn last_words(&self) -> String {
        let stderr = anstream::adapter::strip_str(&self.host.stderr.text()).to_string();
        let count = stderr.trim().chars().count();
        let skipped = count.saturating_sub(FAILURE_DETAIL_CHARS_MAX / 2);
        stderr.trim().chars().skip(skipped).collect()
    }
}

/// Reads lines until there are no more, or the program has said that it is done and had its time to leave.
async fn read(stdout: ChildStdout, reading: &mut Reading, heard: &watch::Sender<()>) -> std::io::Result<()> {
    let mut lines = BufReader::new(BoundedLines::new(stdout, LINE_BYTES_MAX));
    let mut line = Vec::new();
    let mut leave = None;
    loop {
        line.clear();
        let next = lines.read_until(b'\n', &mut line);
        let count = match leave {
            None => next.await?,
            Some(at) => match tokio::time::timeout_at(at, next).await {
                Ok(read) => read?,
                Err(_) => return Ok(()),
            },
        };
        if count == 0 {
            return Ok(());
        }
        if reading.line(&line) {
            heard.send_replace(());
        }
        leave = reading.end.as_ref().map(|_| leave.unwrap_or_else(|| Instant::now() + LEAVE_TIME));
    }
}

/// Returns when there was no sign of life for `time`.
async fn silence(mut signs_of_life: watch::Receiver<()>, time: Duration) {
    while let Ok(heard) = tokio::time::timeout(time, signs_of_life.changed()).await {
        if heard.is_err() {
            // The reader is gone, and its end is seen elsewhere.
            return std::future::pending().await;
        }
    }
}
