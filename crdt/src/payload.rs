//! What a record can say: one variant a kind. There is no delete, edit or reassign here: what cannot be said needs no
//! check. Texts are bounded by their types; counts are bounded in `record`. Who may say what is the business of `rules`
//! and `roster`.

mod kinds;

use minicbor::{Decode, Encode};

use crate::id::{
    AgentId, AttemptId, DeviceKey, Handle, MemberId, RecordId, SessionId, StreamKey, WorkspaceId,
};
use crate::text::{Body, Label, Reason, RequestId, Summary, Title};

/// Domain of the session key.
const SESSION_DOMAIN: &str = "starling/session/1";

/// In which capacity the author writes. A function of the payload; on the wire so that a verdict can be explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// The member who opened the session.
    Creator,
    /// The device that hosts the session's agent.
    Agent,
    /// A member, on the roster.
    Member,
}

impl Role {
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Creator => 1,
            Self::Agent => 2,
            Self::Member => 3,
        }
    }
}

/// What a member may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum MemberRole {
    /// Reads.
    #[n(0)]
    Guest,
    /// Own devices, own agents, sessions.
    #[n(1)]
    Member,
    /// Adds and removes members, hosts any agent.
    #[n(2)]
    Admin,
    /// Made the workspace.
    #[n(3)]
    Founder,
}

/// A session's identity: its key is the hash of this and the workspace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(array)]
pub struct Header {
    /// The name that the creator's client gave.
    #[n(0)]
    pub session: SessionId,
    /// The member who opens it, by the roster record that added them.
    #[n(1)]
    pub creator: MemberId,
    /// The agent it is bound to for life, by the roster record that first hosted it.
    #[n(2)]
    pub agent: AgentId,
}

impl Header {
    /// The session's key in `workspace`.
    #[must_use]
    pub fn key(&self, workspace: &WorkspaceId) -> StreamKey {
        let mut hasher = blake3::Hasher::new_derive_key(SESSION_DOMAIN);
        hasher.update(workspace.as_bytes());
        hasher.update(self.session.to_string().as_bytes());
        hasher.update(self.creator.as_bytes());
        hasher.update(self.agent.as_bytes());
        StreamKey::from_bytes(*hasher.finalize().as_bytes())
    }
}

/// Ties an agent's record to its attempt and to the agent's previous record of the session.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Turn {
    /// The attempt that this record belongs to.
    #[n(0)]
    pub attempt: AttemptId,
    /// The agent's previous record of this session; `None` for its first.
    #[n(1)]
    pub prev: Option<RecordId>,
}

/// What a revoked device had written, as far as the revoker holds it: those records stay counted.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Cut {
    /// The device.
    #[n(0)]
    pub device: DeviceKey,
    /// Its maximal records by stream, sorted by stream; empty keeps nothing.
    #[n(1)]
    pub kept: Vec<(StreamKey, Vec<RecordId>)>,
}

/// What a record says. The index of a variant is the record's kind on the wire; 64 and 66 are reserved for `import` and
/// `erase`.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Payload {
    /// Opens a session with its first message.
    #[n(1)]
    Open {
        /// Who the session is.
        #[n(0)]
        header: Header,
        /// The first message.
        #[n(1)]
        body: Body,
        /// The caller's name for this write.
        #[n(2)]
        request_id: RequestId,
    },
    /// The creator writes.
    #[n(2)]
    Message {
        /// The message.
        #[n(0)]
        body: Body,
        /// The caller's name for this write.
        #[n(1)]
        request_id: RequestId,
        /// A message in this record's past that it answers.
        #[n(2)]
        reply_to: Option<RecordId>,
    },
    /// Gives the session a title. With a turn it is the agent's, without it the creator's.
    #[n(3)]
    Title {
        /// The title.
        #[n(0)]
        title: Title,
        /// The agent's attempt.
        #[n(1)]
        turn: Option<Turn>,
    },
    /// The agent's host takes the uncovered messages of its past, and numbers them.
    #[n(4)]
    Claim {
        /// A new attempt.
        #[n(0)]
        turn: Turn,
    },
    /// The agent answers; ends the attempt.
    #[n(5)]
    Reply {
        /// The attempt that it ends.
        #[n(0)]
        turn: Turn,
        /// The answer.
        #[n(1)]
        body: Body,
    },
    /// The agent sums the session up.
    #[n(6)]
    Summary {
        /// The attempt.
        #[n(0)]
        turn: Turn,
        /// The summary.
        #[n(1)]
        summary: Summary,
    },
    /// The attempt failed; ends it.
    #[n(7)]
    Failure {
        /// The attempt that it ends.
        #[n(0)]
        turn: Turn,
        /// Why.
        #[n(1)]
        reason: Reason,
    },
    /// The creator closes the session.
    #[n(8)]
    Archive {},
    /// The creator opens it again.
    #[n(9)]
    Unarchive {},
    /// The creator wants the running attempt to end.
    #[n(10)]
    Stop {
        /// The attempt.
        #[n(0)]
        attempt: AttemptId,
    },
    /// The creator wants a failed attempt's input answered after all.
    #[n(11)]
    Retry {
        /// The failed attempt.
        #[n(0)]
        attempt: AttemptId,
    },
    /// Links the session to the one that went before, which was full.
    #[n(65)]
    Continues {
        /// The session that went before.
        #[n(0)]
        previous: StreamKey,
    },
    /// Founds the workspace. Its author is the first device of the founder.
    #[n(32)]
    Found {
        /// The founder's handle.
        #[n(0)]
        handle: Handle,
        /// The device's label.
        #[n(1)]
        label: Label,
        /// A key, kept offline, that can admit a new founder device.
        #[n(2)]
        recovery: Option<DeviceKey>,
    },
    /// Adds a member.
    #[n(33)]
    AddMember {
        /// Its handle.
        #[n(0)]
        handle: Handle,
        /// Its role; never founder.
        #[n(1)]
        role: MemberRole,
    },
    /// Adds a device to a member.
    #[n(34)]
    AddDevice {
        /// The member.
        #[n(0)]
        member: MemberId,
        /// The device's key.
        #[n(1)]
        device: DeviceKey,
        /// The device's label.
        #[n(2)]
        label: Label,
    },
    /// Changes a member's role.
    #[n(35)]
    ChangeRole {
        /// The member.
        #[n(0)]
        member: MemberId,
        /// The new role; never founder.
        #[n(1)]
        role: MemberRole,
    },
    /// Takes a device's standing away.
    #[n(36)]
    RevokeDevice {
        /// The device, and what stays counted of it.
        #[n(0)]
        cut: Cut,
    },
    /// Removes a member and all its devices.
    #[n(37)]
    RemoveMember {
        /// The member.
        #[n(0)]
        member: MemberId,
        /// What stays counted, by device.
        #[n(1)]
        cuts: Vec<Cut>,
    },
    /// Hosts a new agent (epoch 1) on a device.
    #[n(38)]
    HostAgent {
        /// The agent's handle.
        #[n(0)]
        handle: Handle,
        /// The device that hosts it.
        #[n(1)]
        device: DeviceKey,
    },
    /// The host lets an agent go, with a digest of all tips of its chains.
    #[n(39)]
    Handover {
        /// The agent.
        #[n(0)]
        agent: AgentId,
        /// The device that is to host it.
        #[n(1)]
        to: DeviceKey,
        /// Digest of the list of (session, tip).
        #[n(2)]
        tips: RecordId,
    },
    /// A device hosts an existing agent from now on: it accepts a handover, or takes over by force.
    #[n(40)]
    MoveAgent {
        /// The agent.
        #[n(0)]
        agent: AgentId,
        /// The new host.
        #[n(1)]
        device: DeviceKey,
        /// One more than the epoch before.
        #[n(2)]
        epoch: u32,
        /// The handover that it accepts; `None` is a take-over by force.
        #[n(3)]
        handover: Option<RecordId>,
    },
    /// Ends an agent.
    #[n(41)]
    RetireAgent {
        /// The agent.
        #[n(0)]
        agent: AgentId,
    },
    /// Changes nothing and joins the roster's heads, so that a record has few to name.
    #[n(42)]
    Merge {},
}
