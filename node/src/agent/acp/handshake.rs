//! The first words with an agent: which version of the protocol it speaks, what it is, and what it can do with sessions.

use agent_client_protocol::Agent;
use agent_client_protocol::schema::ProtocolVersion;
use agent_client_protocol::v1::ConnectionTo;
use agent_client_protocol::v1::schema::{Implementation, InitializeRequest};
use tokio::sync::oneshot;

use super::connection::failure_of;
use crate::agent::{FailReason, TurnFailure};

/// What an agent can do with sessions.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Abilities {
    pub(super) resume: bool,
    pub(super) load: bool,
    pub(super) close: bool,
}

/// An agent that has said what it is.
pub(super) struct Shaken {
    pub(super) agent: ConnectionTo<Agent>,
    pub(super) program: Option<String>,
    pub(super) abilities: Abilities,
}

/// Waits for the connection and says hello.
pub(super) async fn shake_hands(
    connected: oneshot::Receiver<ConnectionTo<Agent>>,
) -> Result<Shaken, TurnFailure> {
    let gone = || TurnFailure::new(FailReason::Crashed, "the agent");
    let agent = connected.await.map_err(|_| gone())?;
    let us = Implementation::new("starling", env!("CARGO_PKG_VERSION"));
    let request = InitializeRequest::new(ProtocolVersion::V1).client_info(us);
    let answer = agent.send_request(request).block_task().await.map_err(|error| failure_of(&error))?;
    if answer.protocol_version != ProtocolVersion::V1 {
        let text = format!("the agent speaks protocol version {} and not 1", answer.protocol_version);
        return Err(TurnFailure::new(FailReason::Protocol, text));
    }
    let sessions = answer.agent_capabilities.session_capabilities;
    let abilities = Abilities {
        resume: sessions.resume.is_some(),
        load: answer.agent_capabilities.load_session,
        close: sessions.close.is_some(),
    };
    let program = answer.agent_info.map(|info| {
        let name = info.title.unwrap_or(info.name);
        format!("{name} {}", info.version).trim().to_owned()
    });
    Ok(Shaken { agent, program, abilities })
}
