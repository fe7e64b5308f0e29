//! Agents that set off agents: how deep that goes. A session that an agent opened in a turn carries its depth in the request
//! id of its first message, which is signed and replicated like the rest, so that every host knows it: 1 for one that an
//! agent opened in a person's session, and so on. Beyond a few levels no more are opened here, and what another device
//! opened all the same starts no turn here. A number of turns an hour (`policy`) stops what still goes round.

use starling_crdt::payload::Payload;
use starling_crdt::session::Session;
use starling_crdt::text::RequestId;

use super::Node;
use super::request::{Code, Rejection};
use starling_crdt::id::Handle;

/// Levels of agents that set off agents: a plan, its parts, and their parts.
pub(super) const DEPTH_MAX: u32 = 3;
/// How such a request id begins; its depth follows.
const PREFIX: &str = "by-agent:";

impl Node {
    /// The request id of a session that an agent hosted here opens in its turn.
    pub(super) fn request_id_by(
        &self,
        agent: &Handle,
        request_id: &RequestId,
    ) -> Result<RequestId, Rejection> {
        let found = self.standing().agent_called(agent).map(|(id, _)| *id);
        let depth = found.and_then(|id| self.hosting.depth_of(&id)).unwrap_or(0) + 1;
        if depth > DEPTH_MAX {
            let detail = format!(
                "@{agent} works in a session that is {DEPTH_MAX} agents deep already; answer there instead of opening one more"
            );
            return Err(Rejection::new(Code::QuickSessionForbidden, detail));
        }
        RequestId::new(format!("{PREFIX}{depth}:{}", request_id.as_str()))
            .map_err(|error| Rejection::new(Code::InvalidField, error.to_string()))
    }
}

/// How many agents deep a session is; 0 for a person's.
pub(super) fn depth_of(session: &Session) -> u32 {
    let depth = |payload: &Payload| match payload {
        Payload::Open { request_id, .. } => {
            let (depth, _) = request_id.as_str().strip_prefix(PREFIX)?.split_once(':')?;
            depth.parse().ok()
        }
        _ => None,
    };
    session.entries().filter_map(|entry| depth(&entry.signed.record().payload)).max().unwrap_or(0)
}
