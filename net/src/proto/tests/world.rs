//! Links between model nodes, in one thread and from one seed: frames arrive in order or the link is cut, answers of the
//! owners come late, and time jumps to the next timer when nothing moves. Every frame is checked against the bounds.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::model::{Node, WORKSPACE, device};
use crate::proto::limits::{BATCH_BYTES_MAX, FRAME_BYTES_MAX, STREAMS_AT_ONCE, WINDOW_FRAMES};
use crate::proto::message::{Message, Tail, decode};
use crate::proto::{DropReason, Input, Output};

pub(super) enum Item {
    Frame(Vec<u8>),
    Close,
}

/// One direction of a link.
#[derive(Default)]
struct Way {
    queue: VecDeque<Item>,
    unacked: BTreeSet<u64>,
    asked: BTreeSet<starling_crdt::id::StreamKey>,
}

impl Way {
    /// The other side was given an answer to what was sent this way.
    fn note_delivered(&mut self, answer: &[u8]) {
        match decode(answer) {
            Ok(Message::Ack { token }) => drop(self.unacked.remove(&token)),
            Ok(Message::Records { parts, .. }) => {
                for part in parts.iter().filter(|part| part.tail != Tail::Part) {
                    self.asked.remove(&part.stream);
                }
            }
            _ => {}
        }
    }
}

pub(super) struct World {
    pub(super) nodes: Vec<Node>,
    ways: BTreeMap<(usize, usize), Way>,
    pub(super) now_ms: u64,
    state: u64,
    /// Every frame that was sent: from, to, bytes on the link (with a length prefix), what.
    pub(super) sent: Vec<(usize, usize, usize, Message)>,
    pub(super) drops: Vec<(usize, usize, DropReason)>,
}

impl World {
    /// `n` nodes that are all on the roster of the first, and all know it.
    pub(super) fn new(n: usize, seed: u64) -> Self {
        let mut world = Self::strangers(n, seed);
        for other in 0..n {
            world.nodes[0].admit(device(other));
        }
        let roster = world.nodes[0].streams[&WORKSPACE.roster()].clone();
        for node in &mut world.nodes[1..] {
            node.streams.insert(WORKSPACE.roster(), roster.clone());
            node.announce(WORKSPACE.roster());
        }
        world
    }

    /// `n` nodes without a roster.
    pub(super) fn strangers(n: usize, seed: u64) -> Self {
        Self {
            nodes: (0..n).map(Node::new).collect(),
            ways: BTreeMap::new(),
            now_ms: 1_000,
            state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            sent: Vec::new(),
            drops: Vec::new(),
        }
    }

    pub(super) fn random(&mut self, below: u64) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        (self.state >> 11) % below
    }

    pub(super) fn is_linked(&self, a: usize, b: usize) -> bool {
        self.ways.contains_key(&(a, b)) || self.ways.contains_key(&(b, a))
    }

    /// Makes a link; `a` calls.
    pub(super) fn connect(&mut self, a: usize, b: usize) {
        assert!(!self.is_linked(a, b));
        self.flush(a);
        self.flush(b);
        self.ways.insert((a, b), Way::default());
        self.ways.insert((b, a), Way::default());
        self.input(a, Input::Connected { peer: device(b), outbound: true });
        self.input(b, Input::Connected { peer: device(a), outbound: false });
    }

    /// Cuts a link with all that is on it.
    pub(super) fn cut(&mut self, a: usize, b: usize) {
        self.ways.remove(&(a, b));
        self.ways.remove(&(b, a));
        self.input(a, Input::Disconnected { peer: device(b) });
        self.input(b, Input::Disconnected { peer: device(a) });
    }

    pub(super) fn input(&mut self, n: usize, input: Input) {
        let outputs = self.nodes[n].proto.handle(input, self.now_ms);
        for output in outputs {
            match output {
                Output::Send { peer, bytes } => self.send(n, index(peer), bytes),
                Output::Drop { peer, reason } => self.drop_link(n, index(peer), reason),
                other => self.nodes[n].answer(other),
            }
        }
    }

    fn send(&mut self, from: usize, to: usize, bytes: Vec<u8>) {
        assert!(bytes.len() <= FRAME_BYTES_MAX);
        let message = decode(&bytes).expect("machines send good frames only");
        let Some(way) = self.ways.get_mut(&(from, to)) else {
            return;
        };
        match &message {
            Message::Records { token, parts } => {
                way.unacked.insert(*token);
                assert!(way.unacked.len() <= WINDOW_FRAMES, "the window is never exceeded");
                let bytes: usize = parts.iter().flat_map(|part| &part.records).map(Vec::len).sum();
                assert!(bytes <= BATCH_BYTES_MAX);
            }
            Message::Have { stream, .. } => {
                way.asked.insert(*stream);
                assert!(way.asked.len() <= STREAMS_AT_ONCE, "no more streams are asked for at once");
            }
            _ => {}
        }
        self.sent.push((from, to, bytes.len() + 4, message));
        way.queue.push_back(Item::Frame(bytes));
    }

    fn drop_link(&mut self, from: usize, to: usize, reason: DropReason) {
        self.drops.push((from, to, reason));
        self.ways.remove(&(to, from));
        if let Some(way) = self.ways.get_mut(&(from, to)) {
            way.queue.push_back(Item::Close);
        }
    }

    /// Gives a node's machine all answers that it waits for.
    pub(super) fn flush(&mut self, n: usize) {
        while let Some(input) = self.nodes[n].todo.pop_front() {
            self.input(n, input);
        }
    }

    fn deliver(&mut self, from: usize, to: usize) {
        let Some(item) = self.ways.get_mut(&(from, to)).and_then(|way| way.queue.pop_front()) else {
            return;
        };
        let Item::Frame(bytes) = item else {
            self.ways.remove(&(from, to));
            self.ways.remove(&(to, from));
            return self.input(to, Input::Disconnected { peer: device(from) });
        };
        if let Some(back) = self.ways.get_mut(&(to, from)) {
            back.note_delivered(&bytes);
        }
        self.input(to, Input::Frame { peer: device(from), bytes });
    }

    /// Puts bytes on a link that no machine has said.
    pub(super) fn forge(&mut self, from: usize, to: usize, bytes: Vec<u8>) {
        self.input(to, Input::Frame { peer: device(from), bytes });
    }

    /// One random thing happens. Returns false if nothing could.
    pub(super) fn step(&mut self) -> bool {
        let ready: Vec<_> =
            self.ways.iter().filter(|(_, way)| !way.queue.is_empty()).map(|(ends, _)| *ends).collect();
        let owing: Vec<_> = (0..self.nodes.len()).filter(|n| !self.nodes[*n].todo.is_empty()).collect();
        let choices = (ready.len() + owing.len()) as u64;
        if choices == 0 {
            return false;
        }
        self.now_ms += self.random(3);
        self.ring();
        let at = self.random(choices) as usize;
        if let Some((from, to)) = ready.get(at) {
            self.deliver(*from, *to);
        } else if let Some(input) = self.nodes[owing[at - ready.len()]].todo.pop_front() {
            self.input(owing[at - ready.len()], input);
        }
        true
    }

    fn ring(&mut self) {
        for n in 0..self.nodes.len() {
            if self.nodes[n].wake_at_ms.is_some_and(|at| at <= self.now_ms) {
                self.nodes[n].wake_at_ms = None;
                self.input(n, Input::Tick);
            }
        }
    }

    /// Runs until `until_ms`, jumping over time in which nothing happens.
    pub(super) fn run_until(&mut self, until_ms: u64) {
        loop {
            while self.now_ms <= until_ms && self.step() {}
            let next = self.nodes.iter().filter_map(|node| node.wake_at_ms).min();
            match next {
                Some(at) if at <= until_ms && self.now_ms <= until_ms => self.now_ms = self.now_ms.max(at),
                _ => break,
            }
            self.ring();
        }
        self.now_ms = self.now_ms.max(until_ms);
    }

    pub(super) fn run_for(&mut self, ms: u64) {
        self.run_until(self.now_ms + ms);
    }

    pub(super) fn all_equal(&self) -> bool {
        self.nodes.iter().all(|node| node.streams == self.nodes[0].streams)
    }

    /// What was sent since `mark`, in order, without bytes.
    pub(super) fn since(&self, mark: usize) -> &[(usize, usize, usize, Message)] {
        &self.sent[mark..]
    }
}

fn index(key: starling_crdt::id::DeviceKey) -> usize {
    usize::from(key.as_bytes()[0]) - 1
}
