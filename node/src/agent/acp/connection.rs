//! One running agent: its process, the protocol connection to it, and who listens to which of its sessions.
//!
//! A single task owns the process from start to end. Whatever ends it (idleness, a stop, a crash, a broken stream), the
//! task closes stdin, sees the process gone, keeps how it ended, and only then raises `gone`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use agent_client_protocol::v1::ConnectionTo;
use agent_client_protocol::v1::schema::{
    RequestPermissionOutcome, RequestPermissionRequest, RequestPermissionResponse, SessionNotification,
};
use agent_client_protocol::{
    Agent, ByteStreams, Client, Error, ErrorCode, is_connection_terminated, is_incoming_transport_closed,
};
use tokio::process::{ChildStdin, ChildStdout};
use tokio::sync::{oneshot, watch};
use tokio_util::compat::{TokioAsyncReadCompatExt, TokioAsyncWriteCompatExt};
use tokio_util::sync::CancellationToken;

use super::Host;
use super::handshake::{Abilities, Shaken, shake_hands};
use super::listener::Listener;
use crate::agent::process::{AgentProcess, BoundedLines, END_TIME_MAX, Exit, LINE_BYTES_MAX};
use crate::agent::{FAILURE_DETAIL_CHARS_MAX, FailReason, Phase, TurnFailure};

/// A process that nobody uses is closed after this: real agents hold 140 to 450 MB each.
const IDLE_CLOSE: Duration = Duration::from_secs(300);

/// Logging in is between a person and the agent's own program: we have neither its windows nor its keys.
const HOW_TO_LOG_IN: &str = "log in with the agent's own program, as the user who runs `starling up`, or let it see the \
                             variable that holds its key (`starling agent add --env`); then retry";

/// A running agent. Shared by the driver and its turns.
pub(super) struct Connection {
    pub(super) agent: ConnectionTo<Agent>,
    /// Its program's name and version, as it says itself.
    pub(super) program: Option<String>,
    pub(super) abilities: Abilities,
    pub(super) listeners: Arc<Listeners>,
    pub(super) life: Arc<Life>,
    host: Arc<Host>,
}

/// Start, use and end of a process.
pub(super) struct Life {
    use_count: watch::Sender<Use>,
    /// Asks for the end.
    pub(super) stop: CancellationToken,
    /// Raised when the process is gone.
    pub(super) gone: CancellationToken,
    exit: Mutex<Option<Exit>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Use {
    /// This many turns are open.
    Open(usize),
    /// It is ending: no turn may begin.
    Closing,
}

/// Holds a process open for a turn.
pub(super) struct Lease(Arc<Life>);

impl Drop for Lease {
    fn drop(&mut self) {
        self.0.use_count.send_if_modified(|state| match state {
            Use::Open(count) => {
                *count = count.saturating_sub(1);
                true
            }
            Use::Closing => false,
        });
    }
}

impl Life {
    fn new() -> Self {
        Self {
            use_count: watch::Sender::new(Use::Open(0)),
            stop: CancellationToken::new(),
            gone: CancellationToken::new(),
            exit: Mutex::new(None),
        }
    }

    /// A lease, unless the process is ending.
    pub(super) fn lease(self: &Arc<Self>) -> Option<Lease> {
        let open = self.use_count.send_if_modified(|state| match state {
            Use::Open(count) => {
                *count += 1;
                true
            }
            Use::Closing => false,
        });
        open.then(|| Lease(Arc::clone(self)))
    }

    /// Returns once nobody has used the process for `time` and nobody can any more.
    async fn idle(&self, time: Duration) {
        let mut uses = self.use_count.subscribe();
        loop {
            // The sender is ours, so this cannot fail; what it borrows is given back at once.
            drop(uses.wait_for(|state| *state == Use::Open(0)).await);
            let used = tokio::time::timeout(time, uses.changed()).await;
            if used.is_err() && self.close(|state| state == Use::Open(0)) {
                return;
            }
        }
    }

    /// Lets no turn begin any more, if none is open.
    pub(super) fn close_if_idle(&self) -> bool {
        self.close(|state| state == Use::Open(0))
    }

    fn close(&self, when: impl Fn(Use) -> bool) -> bool {
        self.use_count.send_if_modified(|state| {
            let close = when(*state);
            if close {
                *state = Use::Closing;
            }
            close
        })
    }

    fn exit(&self) -> MutexGuard<'_, Option<Exit>> {
        self.exit.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who listens to which session of the agent.
#[derive(Default)]
pub(super) struct Listeners(Mutex<BTreeMap<String, Arc<Listener>>>);

impl Listeners {
    pub(super) fn insert(&self, session: &str, listener: Arc<Listener>) {
        self.map().insert(session.to_owned(), listener);
    }

    pub(super) fn remove(&self, session: &str) {
        self.map().remove(session);
    }

    fn get(&self, session: &str) -> Option<Arc<Listener>> {
        self.map().get(session).cloned()
    }

    fn map(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Listener>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Connection {
    /// The last user is gone: nobody can open a turn on this process any more.
    fn drop(&mut self) {
        self.life.stop.cancel();
    }
}

impl Connection {
    /// Starts the agent and shakes hands with it. On failure the process is gone when this returns.
    pub(super) async fn start(
        host: Arc<Host>,
        limit: Duration,
        cancel: &CancellationToken,
    ) -> Result<Self, TurnFailure> {
        let started = AgentProcess::start(&host.spec, &host.exe, &host.stderr, &host.spawner);
        let (process, stdin, stdout) =
            started.map_err(|error| TurnFailure::new(FailReason::SpawnFailed, error.to_string()))?;
        let life = Arc::new(Life::new());
        let listeners = Arc::new(Listeners::default());
        let (ready, connected) = oneshot::channel();
        // A caller that goes away in the middle of the handshake must not leave a process behind.
        let abandoned = life.stop.clone().drop_guard();
        let run = run(process, stdin, stdout, Arc::clone(&listeners), Arc::clone(&life), ready);
        host.spawner.spawn("agent-process", run);
        let shaken = tokio::select! {
            biased;
            () = cancel.cancelled() => Err(TurnFailure::new(FailReason::Cancelled, "stopped while the agent started")),
            () = host.closed.cancelled() => Err(TurnFailure::new(FailReason::ShuttingDown, "the node is stopping")),
            shaken = tokio::time::timeout(limit, shake_hands(connected)) => shaken.unwrap_or_else(|_| {
                let text = format!("no answer to initialize within {} s", limit.as_secs_f32());
                Err(TurnFailure::new(FailReason::TimedOut(Phase::Initialize), text))
            }),
        };
        match shaken {
            Ok(Shaken { agent, program, abilities }) => {
                abandoned.disarm();
                Ok(Self { agent, program, abilities, listeners, life, host })
            }
            Err(failure) => {
                life.stop.cancel();
                life.gone.cancelled().await;
                Err(explain(failure, &life, &host))
            }
        }
    }

    /// What an error of a request means. Waits for the process to be gone if the connection is.
    pub(super) async fn failure(&self, error: &Error) -> TurnFailure {
        let failure = failure_of(error);
        if failure.reason == FailReason::Crashed {
            self.end().await;
        }
        explain(failure, &self.life, &self.host)
    }

    /// Ends the process, and with it every turn on it; returns when it is gone.
    pub(super) async fn end(&self) {
        self.life.stop.cancel();
        let _bounded_by_the_task_itself =
            tokio::time::timeout(END_TIME_MAX * 2, self.life.gone.cancelled()).await;
    }

    /// The mode that its sessions are to be in.
    pub(super) fn mode(&self) -> Option<&str> {
        self.host.spec.mode.as_deref()
    }

    /// The agent's working directory.
    pub(super) fn cwd(&self) -> &std::path::Path {
        &self.host.spec.cwd
    }
}

/// The process's task.
async fn run(
    mut process: AgentProcess,
    stdin: ChildStdin,
    stdout: ChildStdout,
    listeners: Arc<Listeners>,
    life: Arc<Life>,
    ready: oneshot::Sender<ConnectionTo<Agent>>,
) {
    let _gone = life.gone.clone().drop_guard();
    {
        // Dropping the connection at the end of this block closes stdin: the guard begins to count.
        let connection = Box::pin(connect(stdin, stdout, listeners, ready));
        tokio::select! {
            biased;
            () = life.stop.cancelled() => {}
            _ = process.wait() => {}
            () = life.idle(IDLE_CLOSE) => {}
            _ = connection => {}
        }
    }
    life.close(|_| true);
    let exit = process.end().await;
    tracing::info!(%exit, "the agent's process is gone");
    *life.exit() = Some(exit);
}

async fn connect(
    stdin: ChildStdin,
    stdout: ChildStdout,
    listeners: Arc<Listeners>,
    ready: oneshot::Sender<ConnectionTo<Agent>>,
) -> Result<(), Error> {
    let lines = BoundedLines::new(stdout, LINE_BYTES_MAX);
    let transport = ByteStreams::new(stdin.compat_write(), lines.compat());
    let for_updates = Arc::clone(&listeners);
    Client
        .v1()
        .on_receive_notification(
            async move |update: SessionNotification, _connection| {
                if let Some(listener) = for_updates.get(&update.session_id.0) {
                    listener.update(update.update);
                }
                Ok(())
            },
            agent_client_protocol::on_receive_notification!(),
        )
        .on_receive_request(
            async move |request: RequestPermissionRequest, responder, connection: ConnectionTo<Agent>| {
                let Some(listener) = listeners.get(&request.session_id.0) else {
                    let nobody = RequestPermissionOutcome::Cancelled;
                    return responder.respond(RequestPermissionResponse::new(nobody));
                };
                let call = listener.heed(&request);
                connection.spawn(async move {
                    let outcome = listener.decide(&request, call).await;
                    responder.respond(RequestPermissionResponse::new(outcome))
                })
            },
            agent_client_protocol::on_receive_request!(),
        )
        .connect_with(transport, async move |agent: ConnectionTo<Agent>| {
            let _starter_went_away = ready.send(agent.clone());
            agent.incoming_closed().await;
            Ok(())
        })
        .await
}

pub(super) fn failure_of(error: &Error) -> TurnFailure {
    if is_incoming_transport_closed(error) || is_connection_terminated(error) {
        return TurnFailure::new(FailReason::Crashed, "the agent");
    }
    let reason = match error.code {
        ErrorCode::AUTH_REQUIRED => FailReason::LoginRequired,
        ErrorCode::PARSE_ERROR | ErrorCode::INVALID_REQUEST | ErrorCode::METHOD_NOT_FOUND => {
            FailReason::Protocol
        }
        _ => FailReason::Refused,
    };
    let data = error.data.as_ref().and_then(|data| match data {
        serde_json::Value::String(text) => Some(format!(" ({text})")),
        // Structures of what the agent would offer to a program with windows.
        _ if reason == FailReason::LoginRequired => None,
        data => Some(format!(" ({data})")),
    });
    let detail = format!("{}{}", error.message.trim_end_matches('.'), data.unwrap_or_default());
    match reason {
        FailReason::LoginRequired => TurnFailure::new(reason, format!("{detail}; {HOW_TO_LOG_IN}")),
        _ => TurnFailure::new(reason, detail),
    }
}

/// Adds how the process ended, and its last words, to a failure that has to do with the process.
fn explain(failure: TurnFailure, life: &Life, host: &Host) -> TurnFailure {
    let exit = *life.exit();
    let (reason, what) = match (failure.reason, exit) {
        (FailReason::Crashed, Some(exit)) if exit.not_started() => (FailReason::SpawnFailed, String::new()),
        (FailReason::Crashed, Some(exit)) if exit.out_of_memory() => (FailReason::OutOfMemory, String::new()),
        (FailReason::Crashed, Some(exit)) => (FailReason::Crashed, format!("the agent's process {exit}")),
        (FailReason::Crashed, None) => (FailReason::Crashed, "the agent closed the connection".to_owned()),
        (FailReason::TimedOut(_), _) => (failure.reason, failure.detail),
        _ => return failure,
    };
    let stderr = host.stderr.text();
    let kept = stderr.trim().chars().rev().take(FAILURE_DETAIL_CHARS_MAX / 2);
    let last_words: String = kept.collect::<Vec<_>>().into_iter().rev().collect();
    let separator = if what.is_empty() || last_words.is_empty() { "" } else { "; stderr: " };
    TurnFailure::new(reason, format!("{what}{separator}{last_words}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(30);
    const LONG: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn a_process_in_use_is_never_idle_and_an_idle_one_takes_no_turn() {
        let life = Arc::new(Life::new());
        let (first, second) = (life.lease().unwrap(), life.lease().unwrap());
        drop(first);
        assert!(tokio::time::timeout(SHORT * 4, life.idle(SHORT)).await.is_err());
        drop(second);
        tokio::time::timeout(LONG, life.idle(SHORT)).await.unwrap();
        assert!(life.lease().is_none());
    }

    #[test]
    fn errors_of_the_agent_keep_their_words() {
        let failure = failure_of(&Error::new(-32000, "log in").data("run `agent login`"));
        assert_eq!(failure.reason, FailReason::LoginRequired);
        assert_eq!(failure.detail, format!("log in (run `agent login`); {HOW_TO_LOG_IN}"));
        let offers = serde_json::json!({ "authMethods": [{ "id": "key" }] });
        let failure = failure_of(&Error::new(-32000, "No key.").data(offers));
        assert_eq!(failure.detail, format!("No key; {HOW_TO_LOG_IN}"));
        assert_eq!(failure_of(&Error::method_not_found()).reason, FailReason::Protocol);
        assert_eq!(failure_of(&Error::internal_error()).reason, FailReason::Refused);
    }
}
