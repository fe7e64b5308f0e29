//! The embedded agent: `starling agent demo`, a real ACP agent over stdio, without network and key.
//!
//! By default it answers each turn at once: a title made of the first message if there is none, then one reply. With a
//! script it plays the script's steps anew at each prompt, so that every path of a turn can be tested and shown. It uses
//! the same doors as any other agent: the MCP server that the session was opened with, and nothing of the node.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use agent_client_protocol::schema::ProtocolVersion;
use agent_client_protocol::v1::schema::{
    AgentCapabilities, CancelNotification, CloseSessionRequest, CloseSessionResponse, ContentBlock,
    Implementation, InitializeRequest, InitializeResponse, McpServer, McpServerStdio, NewSessionRequest,
    NewSessionResponse, PromptRequest, PromptResponse, SessionCapabilities, SessionCloseCapabilities,
    StopReason,
};
use agent_client_protocol::v1::{ConnectionTo, Responder};
use agent_client_protocol::{Agent, ByteStreams, Client, Error};
use tokio_util::compat::{TokioAsyncReadCompatExt, TokioAsyncWriteCompatExt};
use tokio_util::sync::CancellationToken;

use self::play::Stage;
use super::script::{self, Step};

mod play;
mod tools;

/// Sessions of one demo process: each turn opens one and closes it, so this is never reached by the node.
const SESSIONS_MAX: usize = 1_000;

/// `starling agent demo [--script FILE]`: serves ACP on stdin and stdout until stdin ends. A script that cannot be read
/// is an error at once, with its line. Makes its own runtime: call it outside of any.
pub fn demo_main(script: Option<PathBuf>) -> ExitCode {
    match serve(script) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("starling agent demo: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(script: Option<PathBuf>) -> Result<(), String> {
    let script = script.map(read_script).transpose()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("no runtime: {error}"))?;
    let served = runtime.block_on(Demo { script, sessions: Mutex::default() }.serve());
    runtime.shutdown_background();
    served.map_err(|error| format!("the connection broke: {}", error.message))
}

fn read_script(path: PathBuf) -> Result<Vec<Step>, String> {
    let about = |error: &dyn std::fmt::Display| format!("the script {}: {error}", path.display());
    let text = std::fs::read_to_string(&path).map_err(|error| about(&error))?;
    script::parse(&text).map_err(|error| about(&error))
}

struct Demo {
    script: Option<Vec<Step>>,
    sessions: Mutex<Sessions>,
}

#[derive(Default)]
struct Sessions {
    opened: u64,
    open: BTreeMap<String, DemoSession>,
}

#[derive(Clone)]
struct DemoSession {
    server: Option<McpServerStdio>,
    cancel: CancellationToken,
}

impl Demo {
    async fn serve(self) -> Result<(), Error> {
        let transport = ByteStreams::new(tokio::io::stdout().compat_write(), tokio::io::stdin().compat());
        let demo = Arc::new(self);
        let (opening, closing, prompted, cancelled) =
            (Arc::clone(&demo), Arc::clone(&demo), Arc::clone(&demo), Arc::clone(&demo));
        Agent
            .v1()
            .on_receive_request(
                async move |_request: InitializeRequest, responder, _client| {
                    responder.respond(capabilities())
                },
                agent_client_protocol::on_receive_request!(),
            )
            .on_receive_request(
                async move |request: NewSessionRequest, responder, _client| {
                    responder.respond_with_result(opening.open(request))
                },
                agent_client_protocol::on_receive_request!(),
            )
            .on_receive_request(
                async move |request: CloseSessionRequest, responder, _client| {
                    closing.close(&request.session_id.0);
                    responder.respond(CloseSessionResponse::new())
                },
                agent_client_protocol::on_receive_request!(),
            )
            .on_receive_request(
                async move |request: PromptRequest, responder, client: ConnectionTo<Client>| {
                    let demo = Arc::clone(&prompted);
                    // The dispatch loop must go on, or no cancellation is ever heard.
                    client.clone().spawn(async move { demo.prompt(request, responder, client).await })
                },
                agent_client_protocol::on_receive_request!(),
            )
            .on_receive_notification(
                async move |request: CancelNotification, _client| {
                    cancelled.cancel(&request.session_id.0);
                    Ok(())
                },
                agent_client_protocol::on_receive_notification!(),
            )
            .connect_to(transport)
            .await
    }

    fn open(&self, request: NewSessionRequest) -> Result<NewSessionResponse, Error> {
        let mut sessions = self.sessions();
        if sessions.open.len() >= SESSIONS_MAX {
            return Err(Error::internal_error().data("too many open sessions; close some"));
        }
        let server = request.mcp_servers.into_iter().find_map(|server| match server {
            McpServer::Stdio(server) => Some(server),
            _ => None,
        });
        sessions.opened += 1;
        let id = format!("demo-{}", sessions.opened);
        sessions.open.insert(id.clone(), DemoSession { server, cancel: CancellationToken::new() });
        Ok(NewSessionResponse::new(id))
    }

    fn close(&self, id: &str) {
        if let Some(session) = self.sessions().open.remove(id) {
            session.cancel.cancel();
        }
    }

    /// Stops the prompt that runs; a later prompt of the session gets a fresh token.
    fn cancel(&self, id: &str) {
        if let Some(session) = self.sessions().open.get_mut(id) {
            std::mem::take(&mut session.cancel).cancel();
        }
    }

    async fn prompt(
        &self,
        request: PromptRequest,
        responder: Responder<PromptResponse>,
        client: ConnectionTo<Client>,
    ) -> Result<(), Error> {
        let session = self.sessions().open.get(request.session_id.0.as_ref()).cloned();
        let Some(session) = session else {
            return responder.respond_with_error(Error::invalid_params().data("there is no such session"));
        };
        let stage = Stage::new(client, request.session_id.clone(), session.server);
        let prompt = text_of(&request);
        let played = tokio::select! {
            biased;
            () = session.cancel.cancelled() => Ok(StopReason::Cancelled),
            played = Box::pin(stage.play(self.script.as_deref(), &prompt)) => played,
        };
        responder.respond_with_result(played.map(PromptResponse::new))
    }

    fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn capabilities() -> InitializeResponse {
    let sessions = SessionCapabilities::new().close(SessionCloseCapabilities::new());
    InitializeResponse::new(ProtocolVersion::V1)
        .agent_capabilities(AgentCapabilities::new().session_capabilities(sessions))
        .agent_info(Implementation::new("starling-demo", env!("CARGO_PKG_VERSION")))
}

fn text_of(request: &PromptRequest) -> String {
    let texts = request.prompt.iter().filter_map(|block| match block {
        ContentBlock::Text(text) => Some(text.text.as_str()),
        _ => None,
    });
    texts.collect::<Vec<_>>().join("\n")
}
