//! The simulated network: which connections there are, and how long what is sent over them takes. It moves nothing itself:
//! it says when what arrives, and the world's queue does the rest (`wires`, `lines`).
//!
//! A connection is a stream in each direction: frames arrive in the order in which they were sent, and none is lost while
//! it lives. Gossip shares its bandwidth, and may be lost, doubled and overtaken. A line that is blocked stalls both,
//! and gives them out when it is open again; a connection that hears nothing for long enough dies at either end, as
//! those of the real transport do. A connection takes one latency to make and has no congestion control: a line sends at
//! its full rate at once. Whom gossip goes on to is chosen in `mesh`, what goes wrong with lines is in `trouble`.

mod mesh;
mod packet;
mod trouble;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

use crate::scenario::{Latency, Lines};
pub(crate) use packet::{Packet, Rumour};
pub use trouble::{Trouble, TroubleId};

/// Names a connection.
pub type ConnId = u64;

/// Gossip that may wait for one slow line before more is dropped, as in the real transport.
const GOSSIP_QUEUED_MAX: usize = 256;
/// A slow line is looked at so often, ms: a change of its rate counts from then on.
const SLICE_MS: u64 = 1_000;

/// One direction of a connection.
#[derive(Debug, Default)]
struct Way {
    /// When the last frame arrives: no later one overtakes it.
    last_ms: u64,
    /// What waits for the line, the one that is on it first.
    waiting: VecDeque<Packet>,
    /// Bytes of the first that are still to be sent.
    left: u64,
    /// What the line is busy with until it is looked at again, bytes.
    slice: u64,
    /// What arrived while the line was blocked.
    held: Vec<Packet>,
}

/// One connection, as each of its two ends sees it.
#[derive(Debug)]
struct Conn {
    ends: [usize; 2],
    /// Whether each end believes in it.
    up: [bool; 2],
    /// Towards each end.
    ways: [Way; 2],
    /// Which block of its line it waits out.
    blocked: Option<TroubleId>,
}

impl Conn {
    fn side(&self, end: usize) -> Option<usize> {
        self.ends.iter().position(|one| *one == end)
    }

    /// Who is at the other end.
    fn other(&self, end: usize) -> Option<usize> {
        self.ends.get(1 - self.side(end)?).copied()
    }

    fn is_up(&self, end: usize) -> bool {
        self.side(end).is_some_and(|side| self.up.get(side) == Some(&true))
    }

    /// Whether something that arrived earlier is still held: nothing overtakes it.
    fn holds(&self, end: usize) -> bool {
        let way = self.side(end).and_then(|side| self.ways.get(side));
        way.is_some_and(|way| !way.held.is_empty())
    }

    fn towards(&mut self, end: usize) -> Option<&mut Way> {
        let side = self.side(end)?;
        self.ways.get_mut(side)
    }
}

/// What became of a packet that was put on a line.
#[derive(Debug)]
pub(crate) enum Put {
    /// There is no such connection, or no room: it is lost.
    Lost,
    /// It is on its way.
    Leaves(Packet),
    /// It waits behind others.
    Waits,
    /// It is the first on a slow line, which has to be looked at after so long, ms.
    Starts(u64),
}

/// Whether what arrives at an end is taken there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Passage {
    /// The end does not believe in the connection.
    Gone,
    /// The line is blocked, or was, and what it held comes first.
    Blocked,
    /// It is taken.
    Open,
}

/// All connections, and how the lines between nodes are.
#[derive(Debug)]
pub struct Network {
    conns: BTreeMap<ConnId, Conn>,
    /// By node and neighbour: the connections that the node believes in, oldest first.
    believed: Vec<BTreeMap<usize, Vec<ConnId>>>,
    next: ConnId,
    cut: BTreeSet<(usize, usize)>,
    troubles: BTreeMap<TroubleId, Trouble>,
    last_trouble: TroubleId,
    /// How long a packet is on its way.
    pub latency: Latency,
    /// Whether gossip works at all.
    pub gossip: bool,
    /// Of 100 gossiped records that arrive, how many are lost.
    pub gossip_loss_percent: u64,
    /// Of 100 gossiped records that arrive, how many do so twice.
    pub gossip_duplicate_percent: u64,
    /// Bytes that a line carries a second in each direction; 0 for no limit.
    pub bytes_per_s: u64,
    /// Of 100 nodes, how many have slow lines; what these carry a second; and which of each hundred comes first.
    slow: (u64, u64, u64),
}

impl Default for Network {
    fn default() -> Self {
        Self {
            conns: BTreeMap::new(),
            believed: Vec::new(),
            next: 0,
            cut: BTreeSet::new(),
            troubles: BTreeMap::new(),
            last_trouble: 0,
            latency: Latency::Uniform(1, 40),
            gossip: true,
            gossip_loss_percent: 0,
            gossip_duplicate_percent: 0,
            bytes_per_s: 0,
            slow: (0, 0, 0),
        }
    }
}

/// A number from `low` to `high`.
pub fn between(rng: &mut ChaCha8Rng, (low, high): (u64, u64)) -> u64 {
    low + rng.next_u64() % (high.saturating_sub(low) + 1)
}

impl Latency {
    /// How long one packet takes, ms. A tail is straight between its three points and half of the first, below which
    /// no packet comes.
    pub fn draw(self, rng: &mut ChaCha8Rng) -> u64 {
        match self {
            Self::Uniform(low, high) => between(rng, (low, high)),
            Self::Tailed(half, most, all) => match between(rng, (0, 99)) {
                0..50 => between(rng, (half / 2, half)),
                50..99 => between(rng, (half, most)),
                _ => between(rng, (most, all)),
            },
        }
    }
}

impl Network {
    /// How the lines are from now on; `first` says which of each hundred nodes is the first slow one.
    pub fn set_lines(&mut self, lines: &Lines, first: u64) {
        self.latency = lines.latency;
        self.gossip = lines.gossip;
        self.gossip_loss_percent = lines.loss_percent;
        self.gossip_duplicate_percent = lines.duplicate_percent;
        self.bytes_per_s = lines.bytes_per_s;
        self.slow = (lines.slow_percent, lines.slow_bytes_per_s, first);
    }

    /// A new connection, if there is none that both ends believe in. `None` if there is.
    pub fn connect(&mut self, from: usize, to: usize) -> Option<ConnId> {
        let lives = |id: &ConnId| self.conns.get(id).is_some_and(|conn| conn.up == [true, true]);
        if self.of(from, to).iter().any(lives) {
            return None;
        }
        self.next += 1;
        let id = self.next;
        self.conns
            .insert(id, Conn { ends: [from, to], up: [true, true], ways: Default::default(), blocked: None });
        let nodes = from.max(to) + 1;
        if self.believed.len() < nodes {
            self.believed.resize_with(nodes, BTreeMap::new);
        }
        for (end, other) in [(from, to), (to, from)] {
            if let Some(known) = self.believed.get_mut(end) {
                known.entry(other).or_default().push(id);
            }
        }
        Some(id)
    }

    fn of(&self, node: usize, other: usize) -> &[ConnId] {
        self.believed.get(node).and_then(|known| known.get(&other)).map_or(&[], Vec::as_slice)
    }

    /// The newest connection that `node` believes to have with `other`.
    #[must_use]
    pub fn between(&self, node: usize, other: usize) -> Option<ConnId> {
        self.of(node, other).last().copied()
    }

    /// Whom `node` believes to be connected to, and by which connection.
    #[must_use]
    pub fn neighbours(&self, node: usize) -> Vec<(ConnId, usize)> {
        let known = self.believed.get(node).into_iter().flatten();
        known.filter_map(|(other, conns)| Some((*conns.last()?, *other))).collect()
    }

    /// Who is at the other end of a connection.
    #[must_use]
    pub fn other(&self, id: ConnId, end: usize) -> Option<usize> {
        self.conns.get(&id)?.other(end)
    }

    /// How many connections there are that at least one end believes in.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.conns.len()
    }

    /// One end lets go, or learns that the other one has. Returns whether it had believed in it.
    pub fn let_go(&mut self, id: ConnId, end: usize) -> bool {
        let Some(conn) = self.conns.get_mut(&id).filter(|conn| conn.is_up(end)) else {
            return false;
        };
        let other = conn.other(end);
        if let Some(up) = conn.side(end).and_then(|side| conn.up.get_mut(side)) {
            *up = false;
        }
        if !conn.up.contains(&true) {
            self.conns.remove(&id);
        }
        if let (Some(known), Some(other)) = (self.believed.get_mut(end), other) {
            if let Some(conns) = known.get_mut(&other) {
                conns.retain(|one| *one != id);
            }
            known.retain(|_, conns| !conns.is_empty());
        }
        true
    }

    /// A node is gone, and what it had not sent yet. Returns the connections whose other end will notice.
    pub fn vanish(&mut self, node: usize) -> Vec<(ConnId, usize)> {
        let of = self.believed.get(node).into_iter().flatten();
        let all: Vec<(ConnId, usize)> =
            of.flat_map(|(other, conns)| conns.iter().map(|id| (*id, *other))).collect();
        for (id, other) in &all {
            if let Some(way) = self.conns.get_mut(id).and_then(|conn| conn.towards(*other)) {
                way.waiting.clear();
            }
            self.let_go(*id, node);
        }
        all.into_iter().filter(|(id, _)| self.conns.contains_key(id)).collect()
    }

    /// When something that leaves now and has no order arrives.
    pub fn arrival(&self, rng: &mut ChaCha8Rng, now_ms: u64) -> u64 {
        now_ms + self.latency.draw(rng)
    }

    /// When a frame that leaves now arrives at `to`, behind all that left before it.
    pub(crate) fn arrival_in_order(
        &mut self,
        rng: &mut ChaCha8Rng,
        (id, to): (ConnId, usize),
        now_ms: u64,
    ) -> u64 {
        let at = self.arrival(rng, now_ms);
        let Some(way) = self.conns.get_mut(&id).and_then(|conn| conn.towards(to)) else {
            return at;
        };
        way.last_ms = way.last_ms.max(at);
        way.last_ms
    }

    /// Puts a packet on the line towards `to`.
    pub(crate) fn put(&mut self, id: ConnId, to: usize, packet: Packet) -> Put {
        let Some(from) = self.conns.get(&id).and_then(|conn| conn.other(to)) else {
            return Put::Lost;
        };
        let rate = self.rate(from, to);
        let Some(way) = self.conns.get_mut(&id).and_then(|conn| conn.towards(to)) else {
            return Put::Lost;
        };
        let is_idle = way.waiting.is_empty();
        if is_idle && rate == 0 {
            return Put::Leaves(packet);
        }
        if matches!(packet, Packet::Gossip(_)) && way.waiting.len() >= GOSSIP_QUEUED_MAX {
            return Put::Lost;
        }
        let bytes = packet.bytes();
        way.waiting.push_back(packet);
        if is_idle {
            way.left = bytes;
            return Put::Starts(way.begin_slice(rate));
        }
        Put::Waits
    }

    /// The line towards `to` has sent what it was busy with. Returns what left it, and when to look again, ms.
    pub(crate) fn serve(&mut self, id: ConnId, to: usize) -> (Vec<Packet>, Option<u64>) {
        let from = self.conns.get(&id).and_then(|conn| conn.other(to));
        let rate = from.map_or(0, |from| self.rate(from, to));
        let Some(way) = self.conns.get_mut(&id).and_then(|conn| conn.towards(to)) else {
            return (Vec::new(), None);
        };
        if rate == 0 {
            return (way.waiting.drain(..).collect(), None);
        }
        way.left = way.left.saturating_sub(way.slice);
        let mut sent = Vec::new();
        if way.left == 0 {
            sent.extend(way.waiting.pop_front());
            way.left = way.waiting.front().map_or(0, Packet::bytes);
        }
        let again = (!way.waiting.is_empty()).then(|| way.begin_slice(rate));
        (sent, again)
    }

    /// Whether what arrives now over a connection is taken.
    pub(crate) fn passage(&self, id: ConnId, from: usize, to: usize) -> Passage {
        match self.conns.get(&id) {
            Some(conn) if conn.is_up(to) => match conn.holds(to) || self.is_blocked(from, to) {
                true => Passage::Blocked,
                false => Passage::Open,
            },
            _ => Passage::Gone,
        }
    }

    /// Keeps what arrived at a blocked line until it is open again.
    pub(crate) fn hold(&mut self, id: ConnId, to: usize, packet: Packet) {
        if let Some(way) = self.conns.get_mut(&id).and_then(|conn| conn.towards(to)) {
            way.held.push(packet);
        }
    }

    /// What was held, if the line is open.
    pub(crate) fn take_held(&mut self, id: ConnId, from: usize, to: usize) -> Vec<Packet> {
        if self.is_blocked(from, to) {
            return Vec::new();
        }
        let way = self.conns.get_mut(&id).and_then(|conn| conn.towards(to));
        way.map(|way| std::mem::take(&mut way.held)).unwrap_or_default()
    }
}

impl Way {
    /// Sends as much of the first packet as goes into a slice of time. Returns how long that takes, ms.
    fn begin_slice(&mut self, bytes_per_s: u64) -> u64 {
        let most = (bytes_per_s * SLICE_MS / 1_000).max(1);
        self.slice = self.left.min(most);
        (self.slice * 1_000).div_ceil(bytes_per_s.max(1))
    }
}

#[cfg(test)]
mod tests;
