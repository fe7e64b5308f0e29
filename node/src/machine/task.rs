//! What can be done with a session: the items of its queue (`slots`). Data only; what each does is told where it is done.

use starling_crdt::id::{AttemptId, DeviceKey, RecordId, StreamKey};
use starling_crdt::payload::Header;
use starling_crdt::signed::{Signed, Verified};
use starling_crdt::text::{Body, RequestId};
use starling_net::proto::Have;

use super::ingest::Origin;
use super::input::{Ticket, TurnInput};
use super::request::{Change, TurnCall};

/// Something to do with a session.
#[derive(Debug)]
pub(super) enum Task {
    /// Open it with its first message.
    Create { ticket: Ticket, header: Header, body: Body, request_id: RequestId, continues: Option<StreamKey> },
    /// A message of its creator.
    Message { ticket: Ticket, body: Body, request_id: RequestId, reply_to: Option<RecordId> },
    /// Another act of its creator.
    Change { ticket: Ticket, change: Change },
    /// An agent's tool call.
    Call { ticket: Ticket, attempt: AttemptId, call: TurnCall },
    /// Show it to a client.
    Show { ticket: Ticket },
    /// Records of a peer.
    Offer { records: Vec<Signed<Verified>>, origin: Origin },
    /// Look for a text in it, for a question that is worked on.
    Search { ticket: Ticket },
    /// Tell a peer what we have.
    Describe { peer: DeviceKey },
    /// Send a peer what it lacks.
    Collect { peer: DeviceKey, theirs: Have, bytes_max: usize },
    /// Start a turn if there is something to answer.
    Claim,
    /// End the claims of turns that nobody runs.
    Recover,
    /// A turn's process reported.
    Turn { attempt: AttemptId, event: TurnInput },
    /// Have it counted, and its index row made, anew: `pump` does that to whatever it opens; this only opens it.
    Recount,
    /// Show it in the export.
    Export,
}

impl Task {
    /// Whether it shows the session to somebody, and so waits for what was written before it.
    pub(super) const fn reads(&self) -> bool {
        match self {
            Self::Show { .. }
            | Self::Search { .. }
            | Self::Describe { .. }
            | Self::Collect { .. }
            | Self::Export => true,
            Self::Create { .. }
            | Self::Message { .. }
            | Self::Change { .. }
            | Self::Call { .. }
            | Self::Offer { .. }
            | Self::Claim
            | Self::Recover
            | Self::Turn { .. }
            | Self::Recount => false,
        }
    }

    pub(super) const fn ticket(&self) -> Option<Ticket> {
        match self {
            Self::Create { ticket, .. }
            | Self::Message { ticket, .. }
            | Self::Change { ticket, .. }
            | Self::Call { ticket, .. }
            | Self::Show { ticket } => Some(*ticket),
            _ => None,
        }
    }
}
