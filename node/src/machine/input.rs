//! The machine's two doors: what goes in ([`Input`]) and what comes out ([`Effect`]), and what clients ask
//! and are told is in `request` and `info`. Plain data: no channel, no JSON, no socket. Whoever performs
//! an effect reports back through an input that names it.

use std::collections::BTreeSet;

use starling_crdt::id::{AttemptId, DeviceKey, Handle, RecordId, SessionId, StreamKey};

use super::activity::Doing;
use super::aside::Place;
use super::capabilities::Capabilities;
use super::context::Usage;
use super::export_plan::ExportPlan;
use super::info::{ExportState, Notice};
pub use super::profile::{AgentKind, AgentProfile};
use super::request::{Answer, Rejection, Request};
use super::search::Looked;
use super::ticket;
use crate::store::Batch;

/// Names a client's question until it is answered.
pub type Ticket = u64;
/// Numbers store batches, in the order in which they must become durable.
pub type BatchSeq = u64;

/// What happens to a node.
#[derive(Debug)]
pub enum Input {
    /// A client asks.
    Request {
        /// To be repeated in [`Effect::Answer`].
        ticket: Ticket,
        /// The question.
        request: Request,
    },
    /// A client went away without waiting for its answer.
    Withdrawn(Ticket),
    /// All batches up to this one are durable.
    Committed(BatchSeq),
    /// These batches were not stored, and nothing after them was tried.
    CommitFailed {
        /// The batches, in order.
        batches: Vec<BatchSeq>,
        /// Why.
        error: String,
    },
    /// A stream's records, as asked by [`Effect::Load`], in admission order.
    Loaded {
        /// The stream.
        stream: StreamKey,
        /// Signed records, or why they cannot be read.
        records: Result<Vec<Vec<u8>>, String>,
    },
    /// Held records, as asked by [`Effect::LoadAside`], each under its id; or why they cannot be read.
    AsideLoaded(Result<Vec<(RecordId, Vec<u8>)>, String>),
    /// Stored records were looked through, as asked by [`Effect::Search`].
    Searched {
        /// The question.
        ticket: Ticket,
        /// What was found, or why they cannot be read.
        looked: Result<Looked, String>,
    },
    /// Something of the network.
    Net(NetInput),
    /// A turn's process reported.
    Turn {
        /// The attempt.
        attempt: AttemptId,
        /// What happened.
        event: TurnInput,
    },
    /// The export plan was carried out, or not.
    Exported(Result<ExportState, String>),
    /// The push ended, well or not.
    Pushed(Result<(), String>),
    /// Time has passed. Sent at latest at the time of the last [`Effect::WakeAt`].
    Tick,
    /// The node is to stop: end turns, answer what is open.
    Shutdown,
}

/// What the transport reports.
#[derive(Debug)]
pub enum NetInput {
    /// An address of ours that others can dial.
    Listening {
        /// As a multiaddr, without the peer id.
        address: String,
    },
    /// An address of [`NetInput::Listening`] is gone.
    NotListening {
        /// The same multiaddr.
        address: String,
    },
    /// A peer's first connection is up.
    Connected {
        /// Its key, proved by the handshake.
        peer: DeviceKey,
        /// Its address as a multiaddr.
        address: String,
        /// Whether we dialled.
        outbound: bool,
    },
    /// Its last connection is gone.
    Disconnected {
        /// The peer.
        peer: DeviceKey,
    },
    /// A frame of the sync protocol.
    Frame {
        /// The sender.
        peer: DeviceKey,
        /// The frame.
        bytes: Vec<u8>,
    },
    /// A gossiped record, waiting for our verdict.
    Gossip {
        /// Who handed it to us.
        from: DeviceKey,
        /// To be repeated in [`NetEffect::Verdict`].
        token: u64,
        /// The signed record.
        bytes: Vec<u8>,
    },
    /// A peer was seen on the local network.
    Discovered {
        /// The peer.
        peer: DeviceKey,
        /// Its addresses.
        addresses: Vec<String>,
    },
    /// A ping came back.
    Rtt {
        /// The peer.
        peer: DeviceKey,
        /// Round trip in microseconds.
        micros: u64,
    },
    /// What came of [`NetEffect::Ping`]. None comes when the peer is gone meanwhile.
    Pong {
        /// The peer.
        peer: DeviceKey,
        /// Round trip in microseconds, or why there is none.
        result: Result<u64, String>,
    },
    /// A dial came to nothing.
    DialFailed {
        /// The peer, where the address named one.
        peer: Option<DeviceKey>,
        /// Why.
        error: String,
    },
}

/// What a turn's runner reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TurnInput {
    /// The agent's side of the session, once it is open and after each prompt.
    Context {
        /// How to resume it, if the agent can.
        token: Option<String>,
        /// How full it is, if the agent said so.
        usage: Option<Usage>,
    },
    /// What the agent said that it can do, when its side was opened.
    Capable(Capabilities),
    /// What the agent does, in short: for the creator's other devices. Clients of this one are told by the runner.
    Doing(Vec<Doing>),
    /// The agent asks for a permission; [`Effect::Permit`] answers it.
    Asked {
        /// The runner's number for it, never used twice in a run.
        request: u64,
        /// What for.
        title: String,
    },
    /// A permission request is over.
    Answered {
        /// Its number.
        request: u64,
        /// Whether it was allowed.
        allowed: bool,
    },
    /// The prompt ended. With text but without a reply, the text may become the reply.
    Finished {
        /// What the agent streamed.
        text: String,
    },
    /// The turn cannot go on.
    Failed {
        /// For the failure record.
        reason: String,
    },
    /// It ended because it was asked to.
    Cancelled,
}

/// What a node wants done.
#[derive(Debug)]
pub enum Effect {
    /// Make this durable, in order, then report [`Input::Committed`].
    Commit {
        /// Its number.
        seq: BatchSeq,
        /// What to write, in one transaction.
        batch: Batch,
    },
    /// Read a stream's records, then report [`Input::Loaded`].
    Load {
        /// The stream.
        stream: StreamKey,
    },
    /// Read records that are held for an upgrade, then report [`Input::AsideLoaded`].
    LoadAside {
        /// Where they are; one that is not there is left out.
        places: Vec<Place>,
    },
    /// Look through the stored messages of these sessions for a text, in this order and for a bounded time, then report
    /// [`Input::Searched`].
    Search {
        /// The question.
        ticket: Ticket,
        /// Where.
        streams: Vec<StreamKey>,
        /// For what, as [`super::search::mentions`] wants it.
        text: String,
    },
    /// Tell a client.
    Answer {
        /// The question's ticket.
        ticket: Ticket,
        /// The answer.
        answer: Result<Answer, Rejection>,
    },
    /// Do something on the network.
    Net(NetEffect),
    /// Start a turn of a hosted agent, then report [`Input::Turn`].
    RunTurn(TurnOrder),
    /// Ask the agent of a running turn once more for the title.
    AskForTitle {
        /// The attempt.
        attempt: AttemptId,
    },
    /// The turn is over: its process may serve the next one.
    CloseTurn {
        /// The attempt.
        attempt: AttemptId,
    },
    /// End a running turn; it reports [`TurnInput::Cancelled`].
    CancelTurn {
        /// The attempt.
        attempt: AttemptId,
    },
    /// Answer a permission request of a running turn; one that is over already is nobody's any more.
    Permit {
        /// Its number, from [`TurnInput::Asked`].
        request: u64,
        /// Whether to allow it, once.
        allow: bool,
    },
    /// Start or stop hosting an agent on this device.
    Host {
        /// The agent's handle.
        agent: Handle,
        /// How it is run; `None` ends it.
        profile: Option<AgentProfile>,
    },
    /// Bring the git export up to date, then report [`Input::Exported`].
    Export(ExportPlan),
    /// Push this commit of the export to the device's branch on the remote, then report [`Input::Pushed`].
    Push {
        /// The commit, hexadecimal.
        commit: String,
    },
    /// Tell every client that listens.
    Notify(Notice),
    /// Come back with [`Input::Tick`] at this time, ms. A later one replaces it.
    WakeAt(u64),
    /// Keep this invitation, then answer the question that brought it; after [`Effect::Stopped`] join that workspace and
    /// begin anew.
    Rejoin {
        /// The question. Answer: [`Answer::Joining`].
        ticket: Ticket,
        /// The invitation.
        invitation: ticket::Ticket,
    },
    /// Everything is answered and stored: the shell may stop.
    Stopped,
    /// What is in memory can no longer be trusted to be on disk: the shell stops, and a new start reads the store.
    Fatal(String),
}

/// What the transport is asked to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NetEffect {
    /// Send a frame.
    Send {
        /// To whom.
        peer: DeviceKey,
        /// What.
        frame: Vec<u8>,
    },
    /// Publish a durable record by gossip.
    Publish {
        /// Its id: the message id.
        id: RecordId,
        /// The signed record.
        data: Vec<u8>,
    },
    /// Judge a gossiped record.
    Verdict {
        /// From [`NetInput::Gossip`].
        token: u64,
        /// What to do with it.
        verdict: GossipVerdict,
    },
    /// Only these devices take part in gossip. Others may still connect: a handshake follows.
    Allow {
        /// All of them.
        peers: BTreeSet<DeviceKey>,
    },
    /// Connect.
    Dial {
        /// To whom, if known.
        peer: Option<DeviceKey>,
        /// Where.
        addresses: Vec<String>,
    },
    /// Measure the round trip to a connected peer, then report [`NetInput::Pong`].
    Ping {
        /// The peer.
        peer: DeviceKey,
    },
    /// Cut all connections to a peer.
    Disconnect {
        /// The peer.
        peer: DeviceKey,
    },
}

/// What becomes of a gossiped record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GossipVerdict {
    /// Forward it: it is valid and durable here.
    Accept,
    /// Drop it without blame.
    Ignore,
    /// Drop it and lower the sender's score.
    Reject,
}

/// All that the runner of a turn needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnOrder {
    /// The agent's handle.
    pub agent: Handle,
    /// How it is run.
    pub profile: AgentProfile,
    /// The session.
    pub session: SessionId,
    /// The attempt.
    pub attempt: AttemptId,
    /// Opens the turn's doors, for this attempt only.
    pub secret: String,
    /// How to resume the agent's side of the session, if that is known.
    pub resume: Option<String>,
    /// How often that side was begun anew.
    pub generation: u64,
    /// What the agent is told.
    pub context: TurnContext,
}

/// What the agent is told about the session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnContext {
    /// The session's reference.
    pub reference: String,
    /// Who opened it.
    pub creator: Handle,
    /// The title, if it has one.
    pub title: Option<String>,
    /// The summary, if it has one.
    pub summary: Option<String>,
    /// The newest lines, oldest first: number, author, text.
    pub transcript: Vec<(u64, Handle, String)>,
    /// Lines from this number on are new to the agent.
    pub new_from: u64,
    /// Whether to ask for a summary: the agent's context is nearly full.
    pub ask_summary: bool,
}
