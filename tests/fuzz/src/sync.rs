//! A sync machine with an owner that answers all it asks at once, and a peer that says what the input says. What the
//! machine says is checked: it keeps its bounds, and another machine can read it. Records are opaque to both.

use std::collections::{BTreeSet, VecDeque};

use starling_crdt::id::{DeviceKey, RecordId, StreamKey, WorkspaceId};
use starling_net::proto::limits::FRAME_BYTES_MAX;
use starling_net::proto::{Config, DropReason, Have, Input, Output, Place, Proto, RefusalCode, Verdict};

use crate::choices::Choices;
use crate::device;

/// Frames that an input says at most.
pub const FRAMES_MAX: usize = 64;
/// Answers to one input at most: what one frame starts must come to an end.
const ANSWERS_MAX: usize = 1_024;
/// Bytes that one input can make the machine send: as many frames as its window has, and as many questions.
const SENT_BYTES_MAX: usize = 8 * FRAME_BYTES_MAX;
/// Sessions of each side.
const SESSIONS: u8 = 6;

const WORKSPACE: WorkspaceId = WorkspaceId::from_bytes([0xee; 32]);

/// How the machine and the peer stand when the input begins to speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// A caller that is not on the roster.
    Stranger,
    /// A member that has called, and has said nothing yet.
    Member,
    /// A member that has been let in, and has let us in.
    Open,
    /// The device that gave us an invite.
    Inviter,
}

impl Start {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Stranger, Self::Member, Self::Open, Self::Inviter];
}

/// The machine, its owner and the time.
#[derive(Debug)]
pub struct Node {
    proto: Proto,
    peer: DeviceKey,
    now_ms: u64,
    /// Whether the peer has been dropped.
    pub dropped: Option<DropReason>,
    /// Frames for the peer, in order.
    pub sent: VecDeque<Vec<u8>>,
}

impl Node {
    /// Device `me` with a roster and sessions; half of the sessions differ from those of the other device. `calls` says
    /// which side made the connection to device `peer`.
    #[must_use]
    pub fn new(me: usize, peer: usize, start: Start, calls: bool) -> Self {
        let proto = Proto::new(Config::new(device(me), WORKSPACE, 7));
        let peer = device(peer);
        let mut node = Self { proto, peer, now_ms: 1_000, dropped: None, sent: VecDeque::new() };
        let allowed = match start {
            Start::Member | Start::Open => BTreeSet::from([peer, device(me)]),
            Start::Stranger | Start::Inviter => BTreeSet::from([device(me)]),
        };
        node.input(roster(allowed));
        for n in 0..SESSIONS {
            let of = if n % 2 == 0 { 9 } else { me as u8 };
            node.input(Input::Changed { stream: StreamKey::from_bytes([n * 40; 32]), digest: [of; 32] });
        }
        if start == Start::Inviter {
            node.input(Input::Join { peer, secret: [5; 32], label: "phone".to_owned() });
        }
        node.input(Input::Connected { peer, outbound: calls });
        node
    }

    /// Whether both sides have let each other in.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.proto.peers().iter().all(|peer| peer.accepted)
    }

    /// The peer says `frame`.
    pub fn hear(&mut self, frame: &[u8]) {
        self.now_ms += 40;
        self.input(Input::Frame { peer: self.peer, bytes: frame.to_vec() });
    }

    /// Time passes.
    pub fn wait(&mut self, ms: u64) {
        self.now_ms += ms;
        self.input(Input::Tick);
    }

    fn input(&mut self, input: Input) {
        let (mut todo, mut answers, mut bytes_sent) = (VecDeque::from([input]), 0, 0);
        while let Some(input) = todo.pop_front() {
            answers += 1;
            assert!(answers < ANSWERS_MAX, "one input is followed by answers without end");
            for output in self.proto.handle(input, self.now_ms) {
                match output {
                    Output::Send { bytes, .. } => {
                        assert!(bytes.len() <= FRAME_BYTES_MAX, "a frame of {} bytes", bytes.len());
                        bytes_sent += bytes.len();
                        self.sent.push_back(bytes);
                    }
                    Output::Drop { reason, .. } => self.dropped = Some(reason),
                    other => todo.extend(self.answers(other)),
                }
            }
        }
        assert!(bytes_sent < SENT_BYTES_MAX, "one input makes us send {bytes_sent} bytes");
        assert!(self.proto.peers().len() <= 1);
        if self.dropped.is_some() {
            assert!(self.proto.peers().is_empty(), "dropped, and still there");
        }
    }

    fn answers(&self, output: Output) -> Vec<Input> {
        match output {
            Output::Records { peer, token, batches } => {
                let missing = batches.iter().map(|batch| batch.stream).find(|key| key.as_bytes()[1] == 0xaa);
                let new = batches.iter().map(|batch| batch.records.len()).sum();
                vec![Input::Processed { peer, token, new, missing }]
            }
            Output::Describe { peer, stream } => vec![Input::Described { peer, stream, have: have() }],
            Output::Collect { peer, stream, theirs, .. } => {
                let more = theirs.heads.len() == 2;
                vec![Input::Collected { peer, stream, records: vec![vec![7; 150]; 2], more }]
            }
            Output::Seek { peer } => {
                let places = vec![Place { device: device(1), addresses: vec!["/memory/7".to_owned(); 9] }];
                vec![Input::Places { peer, places }]
            }
            Output::Proof { peer, records } => {
                let good = records.first().is_some_and(|record| record.len() > 2);
                vec![Input::Admission { peer, verdict: if good { accept() } else { refuse() } }]
            }
            Output::JoinRequest { peer, secret, .. } => {
                let good = secret == [5; 32];
                vec![Input::Admission { peer, verdict: if good { accept() } else { refuse() } }]
            }
            Output::Welcome { peer, .. } => {
                let everybody = BTreeSet::from([device(0), device(1)]);
                vec![roster(everybody), Input::Admission { peer, verdict: accept() }]
            }
            _ => Vec::new(),
        }
    }
}

fn roster(allowed: BTreeSet<DeviceKey>) -> Input {
    let digest = [allowed.len() as u8; 32];
    Input::RosterChanged { allowed, proof: vec![vec![1; 200], vec![2; 200]], digest }
}

fn have() -> Have {
    let id = RecordId::from_bytes([6; 32]);
    Have { heads: vec![id], counts: vec![(device(0), 3, id)] }
}

fn accept() -> Verdict {
    Verdict::Accept { records: vec![vec![3; 200], vec![4; 200]] }
}

fn refuse() -> Verdict {
    Verdict::Refuse { code: RefusalCode::NotMember, detail: "no".to_owned(), records: vec![vec![9; 100]] }
}

/// Whether `frame` is one, in whatever place: a machine of its own reads it as the first word of a peer.
#[must_use]
pub fn is_frame(frame: &[u8]) -> bool {
    let mut reader = Node::new(2, 3, Start::Member, false);
    reader.hear(frame);
    match reader.dropped {
        Some(DropReason::Broken(why)) => {
            !why.starts_with("malformed frame") && !why.contains("not canonical") && !why.contains("at most")
        }
        _ => true,
    }
}

/// Two honest machines meet. Returns what each has said to the other, in order: the caller, then the called one.
#[must_use]
pub fn meeting(start: Start) -> [Vec<Vec<u8>>; 2] {
    let called = if start == Start::Inviter { Start::Stranger } else { start };
    let mut nodes = [Node::new(1, 0, start, true), Node::new(0, 1, called, false)];
    let mut said = [Vec::new(), Vec::new()];
    // Long enough for a second round, in which all is equal.
    for _ in 0..200 {
        let mut silent = true;
        for (from, to) in [(0, 1), (1, 0)] {
            while let Some(frame) = nodes[from].sent.pop_front() {
                nodes[to].hear(&frame);
                said[from].push(frame);
                silent = false;
            }
        }
        if silent {
            nodes.iter_mut().for_each(|node| node.wait(500));
        }
    }
    said
}

/// Plays an input: a byte for the start, then frames, each behind its length. A frame without bytes lets a second pass.
/// Returns the machine.
#[must_use]
pub fn play(input: &[u8], opening: &[Vec<u8>]) -> Node {
    let mut choices = Choices::new(input);
    let start = Start::ALL[choices.below(Start::ALL.len())];
    let mut node = Node::new(0, 1, start, start == Start::Inviter);
    if start == Start::Open {
        opening.iter().for_each(|frame| node.hear(frame));
    }
    for _ in 0..FRAMES_MAX {
        if choices.is_empty() || node.dropped.is_some() {
            break;
        }
        match choices.bytes() {
            [] => node.wait(1_000),
            frame => node.hear(frame),
        }
    }
    node
}
