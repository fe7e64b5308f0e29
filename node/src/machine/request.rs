//! What a client asks ([`Request`]) and is told ([`Answer`], [`Rejection`]). Texts and ids are parsed before they get
//! here; JSON, status lines and sockets are the business of `http`. Every refusal leaves the store as it was.

use std::sync::Arc;

use starling_crdt::id::{AttemptId, DeviceKey, Handle, RecordId, SessionId};
use starling_crdt::text::{Body, RequestId, Summary, Title};
use starling_crdt::view::{Status, View};

use super::activity::PermissionInfo;
pub use super::code::Code;
use super::info::{
    AgentInfo, Delivery, ExportState, InviteInfo, Item, Match, MemberInfo, NodeStatus, PeerInfo, RevokedInfo,
    SyncInfo,
};
use super::input::AgentProfile;
use super::ticket::Ticket;

/// What a client asks. Texts and ids are parsed already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Open a session. Answer: [`Answer::Created`].
    Create {
        /// Its id; drawn here if absent.
        session: Option<SessionId>,
        /// The agent.
        agent: Handle,
        /// The first message.
        body: Body,
        /// Default: the session id.
        request_id: Option<RequestId>,
        /// The session that it goes on from.
        continues: Option<SessionId>,
        /// The agent hosted here that opens it in its turn.
        by_agent: Option<Handle>,
    },
    /// Write a message. Answer: [`Answer::Written`].
    Message {
        /// The session.
        session: SessionId,
        /// The message.
        body: Body,
        /// The caller's name for this write.
        request_id: RequestId,
        /// The message that it answers.
        reply_to: Option<RecordId>,
    },
    /// Something else that the creator does. Answer: [`Answer::Changed`].
    Change {
        /// The session.
        session: SessionId,
        /// What.
        change: Change,
    },
    /// A tool call of a running turn. Answer: [`Answer::Changed`].
    Turn {
        /// The attempt.
        attempt: AttemptId,
        /// The turn's secret.
        secret: String,
        /// What the agent does.
        call: TurnCall,
    },
    /// One page of the list, newest first. Answer: [`Answer::Sessions`].
    List {
        /// Archived ones instead of the others.
        archived: bool,
        /// Only of this agent.
        agent: Option<Handle>,
        /// Items a page, 1 to 1,000.
        limit: usize,
        /// Where the page before ended.
        cursor: Option<String>,
    },
    /// One page of the sessions whose id, title or messages have a text, newest first. Answer: [`Answer::Found`].
    Search {
        /// The text; case does not matter.
        text: String,
        /// Archived ones instead of the others.
        archived: bool,
        /// Only of this agent.
        agent: Option<Handle>,
        /// Items a page, at most 100.
        limit: usize,
        /// Where the page before ended.
        cursor: Option<String>,
    },
    /// One session. Answer: [`Answer::Session`].
    Show {
        /// The session.
        session: SessionId,
    },
    /// The ids that begin with this text. Answer: [`Answer::Ids`].
    Resolve {
        /// First characters of a session id.
        prefix: String,
    },
    /// Answer: [`Answer::Agents`].
    Agents,
    /// Permission requests that wait for an answer. Answer: [`Answer::Permissions`].
    Permissions,
    /// Answer a permission request. Answer: [`Answer::Permissions`], with that one.
    Permit {
        /// The session.
        session: SessionId,
        /// Its number.
        request: u64,
        /// Allow it, once.
        allow: bool,
    },
    /// Answer: [`Answer::Members`].
    Members,
    /// Answer: [`Answer::Peers`].
    Peers,
    /// Measure the round trip to a connected device now. Answer: [`Answer::Pong`].
    Ping {
        /// The device.
        device: DeviceKey,
    },
    /// Answer: [`Answer::Status`].
    Status,
    /// Answer: [`Answer::Sync`]. With `wait`, answered when every connected peer has what we have.
    Sync {
        /// Wait for it.
        wait: bool,
    },
    /// Cut or take up the exchange with peers. Answer: [`Answer::Sync`].
    Pause(bool),
    /// Make an invitation. Answer: [`Answer::Invited`].
    Invite {
        /// For whom; oneself if absent.
        handle: Option<Handle>,
        /// How long it is good, ms.
        expires_in_ms: u64,
    },
    /// Answer: [`Answer::Invites`].
    Invites,
    /// Withdraw an invitation, by the id that the list shows. Answer: [`Answer::Invites`].
    RevokeInvite(String),
    /// Remember an address and dial it. Answer: [`Answer::Peers`].
    AddPeer {
        /// A multiaddr, without the peer.
        address: String,
        /// The device that it is of, if the multiaddr named one.
        device: Option<DeviceKey>,
    },
    /// Host an agent here. Answer: [`Answer::Agents`].
    AddAgent {
        /// Its handle.
        handle: Handle,
        /// How it is run.
        profile: AgentProfile,
        /// Take it from a device that is gone.
        force: bool,
    },
    /// Let an agent that is hosted here go to another device. Answer: [`Answer::Agents`].
    HandOver {
        /// Its handle.
        handle: Handle,
        /// The device that is to host it.
        to: DeviceKey,
    },
    /// Retire an agent. Answer: [`Answer::Agents`].
    RemoveAgent {
        /// Its handle.
        handle: Handle,
    },
    /// Take a device's standing away. Answer: [`Answer::Revoked`].
    Revoke {
        /// The device.
        device: DeviceKey,
        /// Whether what it wrote, as far as it is held here, stays counted.
        keep: bool,
    },
    /// Remove a member and all its devices. Answer: [`Answer::Revoked`].
    RemoveMember {
        /// The member.
        handle: Handle,
        /// Whether what it wrote, as far as it is held here, stays counted.
        keep: bool,
    },
    /// Give this workspace up, which is unused, and join another one. Answer: [`Answer::Joining`].
    Join(Ticket),
    /// Bring the export up to date now. Answer: [`Answer::Exported`].
    Export,
}

/// What a creator does besides writing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Sets the title.
    Title(Title),
    /// Closes the session.
    Archive,
    /// Opens it again.
    Unarchive,
    /// Ends the running turn.
    Stop,
    /// Has a failed turn tried again.
    Retry,
}

/// What an agent does in a turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TurnCall {
    /// Sets the title.
    Title(Title),
    /// Answers.
    Reply(Body),
    /// Sums up.
    Summarize(Summary),
}

/// What a client is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The session, and whether this very call made it (201) or an identical one had before (200).
    Created {
        /// The session as it is now.
        view: Arc<View>,
        /// Made by this call.
        new: bool,
        /// Where it is known to be: nowhere else yet.
        delivery: Delivery,
    },
    /// A message was written, or had been by an identical call.
    Written {
        /// The session.
        session: SessionId,
        /// The record.
        message_id: RecordId,
        /// Its line, provisional until the agent takes it.
        line_number: u64,
        /// Where the session stands.
        status: Status,
        /// Number of records.
        revision: u64,
    },
    /// A session was changed, or was so already.
    Changed {
        /// The session.
        session: SessionId,
        /// Its title.
        title: Option<Title>,
        /// Where it stands.
        status: Status,
        /// Number of records.
        revision: u64,
    },
    /// A page of the list.
    Sessions {
        /// Newest first.
        items: Vec<Item>,
        /// Where the next page begins.
        next_cursor: Option<String>,
    },
    /// A page of what was found. It may be short or empty and not be the last: the work for one page is bounded.
    Found {
        /// Newest first, each with the line that has the text; `None` where only its id or title has.
        items: Vec<(Item, Option<Match>)>,
        /// Where the next page begins.
        next_cursor: Option<String>,
    },
    /// One session.
    Session {
        /// As it is now.
        view: Arc<View>,
        /// The session that it goes on from, if that one is known here.
        continues: Option<SessionId>,
        /// Where its lines are known to be.
        delivery: Delivery,
    },
    /// Ids.
    Ids(Vec<SessionId>),
    /// The workspace's agents.
    Agents(Vec<AgentInfo>),
    /// Permission requests.
    Permissions(Vec<PermissionInfo>),
    /// The workspace's members.
    Members(Vec<MemberInfo>),
    /// Peers that are known.
    Peers(Vec<PeerInfo>),
    /// The round trip to a device.
    Pong {
        /// The device.
        device: DeviceKey,
        /// Microseconds.
        rtt_micros: u64,
    },
    /// The node.
    Status(Box<NodeStatus>),
    /// The exchange with peers.
    Sync(SyncInfo),
    /// An invitation.
    Invited {
        /// The ticket's text.
        ticket: String,
        /// What the list calls it.
        id: String,
        /// For whom.
        handle: Handle,
        /// Until when, ms.
        expires_at_ms: u64,
    },
    /// What lost its standing.
    Revoked(RevokedInfo),
    /// The node stops, and begins anew once it has joined.
    Joining,
    /// Open invitations.
    Invites(Vec<InviteInfo>),
    /// The export's state.
    Exported(ExportState),
}

/// Why a request was refused. The store is as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// The stable code.
    pub code: Code,
    /// What happened, in words.
    pub detail: String,
}

impl Rejection {
    /// A refusal with its reason in words.
    #[must_use]
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }
}
