//! One turn on a running agent: opening its session, prompting, and stopping in time.
//!
//! A turn's door (socket, attempt, secret) is handed over as the environment of an MCP server, and ACP takes MCP servers
//! only when a session is opened. So the session is opened anew for each turn: resumed or loaded where the agent can,
//! otherwise a new one, for which the prompt carries the transcript. No secret outlives its turn, and none is in argv.

use std::sync::Arc;
use std::time::Duration;

use agent_client_protocol::v1::schema::{
    CancelNotification, CloseSessionRequest, ContentBlock, EnvVariable, LoadSessionRequest, McpServer,
    McpServerStdio, NewSessionRequest, PromptRequest, PromptResponse, ResumeSessionRequest, SessionId,
    StopReason as AcpStopReason, TextContent,
};
use agent_client_protocol::{Error, is_connection_terminated, is_incoming_transport_closed};
use futures::future::BoxFuture;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::connection::{Connection, Lease};
use super::listener::Listener;
use super::modes::Modes;
use crate::agent::door::{ENV_ATTEMPT, ENV_SECRET, ENV_SOCKET};
use crate::agent::mcp::SERVER_NAME;
use crate::agent::{
    Door, FailReason, LiveTurn, Phase, Prompt, StopReason, TurnEnd, TurnFailure, TurnLimits, TurnRequest,
};
use crate::machine::capabilities::Capabilities;

/// For an agent to answer a prompt that was cancelled, before its process is ended.
const CANCEL_GRACE: Duration = Duration::from_secs(3);
/// For an agent to close a session: a courtesy, so it gets little time.
const CLOSE_GRACE: Duration = Duration::from_secs(2);

/// An open turn.
pub(super) struct AcpTurn {
    connection: Arc<Connection>,
    session: SessionId,
    modes: Modes,
    resumed: bool,
    listener: Arc<Listener>,
    limits: TurnLimits,
    deadline: Instant,
    cancel: CancellationToken,
    state: State,
    _lease: Lease,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Prompts may come.
    Ready,
    /// A prompt is under way.
    Prompting,
    /// It failed or was stopped.
    Over,
}

/// Why we stopped a prompt.
#[derive(Debug, Clone, Copy)]
enum Stop {
    Cancelled,
    TimedOut(Phase),
}

impl AcpTurn {
    /// Opens the agent's side of the session.
    pub(super) async fn open(
        connection: Arc<Connection>,
        lease: Lease,
        request: TurnRequest,
        deadline: Instant,
    ) -> Result<Self, TurnFailure> {
        let cancelled = request.cancel.clone();
        let (session, modes) = tokio::select! {
            biased;
            () = cancelled.cancelled() => return Err(TurnFailure::new(FailReason::Cancelled, "stopped while it opened")),
            session = open_session(&connection, &request) => session?,
        };
        if let Some(mode) = connection.mode() {
            modes.set(&connection, &session, mode, request.limits.open_session).await?;
        }
        let resumed = request.resume.as_deref() == Some(&*session.0);
        let listener = Arc::new(Listener::new(request.events, request.desk, request.cancel.clone()));
        connection.listeners.insert(&session.0, Arc::clone(&listener));
        let (limits, cancel) = (request.limits, request.cancel);
        Ok(Self {
            connection,
            session,
            modes,
            resumed,
            listener,
            limits,
            deadline,
            cancel,
            state: State::Ready,
            _lease: lease,
        })
    }

    async fn run(&mut self, text: String) -> TurnEnd {
        if self.state != State::Ready {
            return failed(TurnFailure::new(FailReason::Protocol, "this turn is over"), String::new());
        }
        self.state = State::Prompting;
        let end = self.send(text).await;
        let goes_on = matches!(end, TurnEnd::Finished { .. });
        self.state = if goes_on { State::Ready } else { State::Over };
        end
    }

    async fn send(&self, text: String) -> TurnEnd {
        let blocks = vec![ContentBlock::Text(TextContent::new(text))];
        let request = PromptRequest::new(self.session.clone(), blocks);
        let mut answer = Box::pin(self.connection.agent.send_request(request).block_task());
        let stop = match self.watch(&mut answer).await {
            Ok(Ok(answer)) => {
                return TurnEnd::Finished {
                    text: self.listener.take_text(),
                    stop: stop_reason(answer.stop_reason),
                };
            }
            Ok(Err(error)) => {
                return failed(self.connection.failure(&error).await, self.listener.take_text());
            }
            Err(stop) => stop,
        };
        // However it was stopped, what it waits for is over.
        self.cancel.cancel();
        let _closed_already =
            self.connection.agent.send_notification(CancelNotification::new(self.session.clone()));
        if tokio::time::timeout(CANCEL_GRACE, answer).await.is_err() {
            self.connection.end().await;
        }
        match stop {
            Stop::Cancelled => TurnEnd::Cancelled,
            Stop::TimedOut(phase) => failed(self.timed_out(phase), self.listener.take_text()),
        }
    }

    /// Waits for the answer, unless the turn is cancelled, silent for too long or too long altogether.
    async fn watch(
        &self,
        answer: &mut (impl Future<Output = Result<PromptResponse, Error>> + Unpin),
    ) -> Result<Result<PromptResponse, Error>, Stop> {
        let mut signs_of_life = self.listener.signs_of_life();
        loop {
            tokio::select! {
                biased;
                () = self.cancel.cancelled() => return Err(Stop::Cancelled),
                answer = &mut *answer => return Ok(answer),
                () = tokio::time::sleep_until(self.deadline) => return Err(Stop::TimedOut(Phase::Wall)),
                heard = tokio::time::timeout(self.limits.silence, signs_of_life.changed()) => {
                    if heard.is_err() && !self.listener.is_asking() {
                        return Err(Stop::TimedOut(Phase::Silence));
                    }
                }
            }
        }
    }

    fn timed_out(&self, phase: Phase) -> TurnFailure {
        let text = match phase {
            Phase::Silence => format!("nothing was heard for {} s", self.limits.silence.as_secs_f32()),
            Phase::Wall | Phase::Initialize | Phase::OpenSession => {
                format!("the turn took longer than {} s", self.limits.wall.as_secs_f32())
            }
        };
        TurnFailure::new(FailReason::TimedOut(phase), text)
    }
}

impl Drop for AcpTurn {
    fn drop(&mut self) {
        if self.state == State::Prompting {
            let cancel = CancelNotification::new(self.session.clone());
            let _closed_already = self.connection.agent.send_notification(cancel);
        }
        self.connection.listeners.remove(&self.session.0);
    }
}

impl LiveTurn for AcpTurn {
    fn prompt(&mut self, prompt: Prompt) -> BoxFuture<'_, TurnEnd> {
        let text = if self.resumed { prompt.resumed } else { prompt.afresh };
        Box::pin(self.run(text))
    }

    fn resume_token(&self) -> Option<String> {
        let abilities = self.connection.abilities;
        (abilities.resume || abilities.load).then(|| self.session.0.to_string())
    }

    fn capabilities(&self) -> Option<Capabilities> {
        Some(Capabilities {
            program: self.connection.program.clone(),
            resumes: self.resume_token().is_some(),
            modes: self.modes.offered.clone(),
        })
    }

    fn close(self: Box<Self>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            if self.connection.abilities.close && !self.connection.life.stop.is_cancelled() {
                let request = CloseSessionRequest::new(self.session.clone());
                let closed = self.connection.agent.send_request(request).block_task();
                let _a_courtesy = tokio::time::timeout(CLOSE_GRACE, closed).await;
            }
        })
    }
}

/// Resumes or loads the session if there is a token and the agent can, else opens a new one. A token that is of no use
/// is a lost token, not a failure.
async fn open_session(
    connection: &Connection,
    request: &TurnRequest,
) -> Result<(SessionId, Modes), TurnFailure> {
    let limit = request.limits.open_session;
    let late = || {
        let text = format!("no session within {} s", limit.as_secs_f32());
        TurnFailure::new(FailReason::TimedOut(Phase::OpenSession), text)
    };
    let servers = vec![our_server(&request.door)];
    if let Some(token) = &request.resume {
        let resumed = tokio::time::timeout(limit, resume(connection, token, servers.clone())).await;
        match resumed.map_err(|_| late())? {
            Ok(Some(modes)) => return Ok((SessionId::new(token.as_str()), modes)),
            Err(error) if is_incoming_transport_closed(&error) || is_connection_terminated(&error) => {
                return Err(connection.failure(&error).await);
            }
            Ok(None) | Err(_) => {}
        }
    }
    let new = NewSessionRequest::new(connection.cwd()).mcp_servers(servers);
    let opened = tokio::time::timeout(limit, connection.agent.send_request(new).block_task()).await;
    match opened.map_err(|_| late())? {
        Ok(answer) => Ok((answer.session_id, Modes::of(answer.modes, answer.config_options))),
        Err(error) => Err(connection.failure(&error).await),
    }
}

/// `None` when the agent can do neither. Replayed updates of a load go nowhere: nobody listens yet.
async fn resume(
    connection: &Connection,
    token: &str,
    servers: Vec<McpServer>,
) -> Result<Option<Modes>, Error> {
    let id = SessionId::new(token);
    let (agent, abilities, cwd) = (&connection.agent, connection.abilities, connection.cwd());
    if abilities.resume {
        let request = ResumeSessionRequest::new(id, cwd).mcp_servers(servers);
        let answer = agent.send_request(request).block_task().await?;
        Ok(Some(Modes::of(answer.modes, answer.config_options)))
    } else if abilities.load {
        let request = LoadSessionRequest::new(id, cwd).mcp_servers(servers);
        let answer = agent.send_request(request).block_task().await?;
        Ok(Some(Modes::of(answer.modes, answer.config_options)))
    } else {
        Ok(None)
    }
}

fn our_server(door: &Door) -> McpServer {
    let env = vec![
        EnvVariable::new(ENV_SOCKET, door.socket.display().to_string()),
        EnvVariable::new(ENV_ATTEMPT, door.attempt_id.clone()),
        EnvVariable::new(ENV_SECRET, door.secret.expose()),
    ];
    McpServer::Stdio(McpServerStdio::new(SERVER_NAME, &door.exe).args(vec!["mcp".to_owned()]).env(env))
}

fn failed(failure: TurnFailure, text: String) -> TurnEnd {
    TurnEnd::Failed { failure, text }
}

fn stop_reason(reason: AcpStopReason) -> StopReason {
    match reason {
        AcpStopReason::MaxTokens => StopReason::MaxTokens,
        AcpStopReason::MaxTurnRequests => StopReason::MaxRequests,
        AcpStopReason::Refusal => StopReason::Refusal,
        AcpStopReason::Cancelled => StopReason::Cancelled,
        // The protocol grows: a reason that we do not know is still an end.
        _ => StopReason::EndTurn,
    }
}
