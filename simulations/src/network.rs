//! The simulated network: connections between nodes with latency, ordered in each direction, that can be cut; and a
//! gossip overlay that loses and reorders. It moves nothing itself: it says when what arrives, and the world's queue
//! does the rest.

use std::collections::{BTreeMap, BTreeSet};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

/// Names a connection.
pub type ConnId = u64;

/// One connection, as each of its two ends sees it.
#[derive(Debug)]
struct Conn {
    ends: [usize; 2],
    up: [bool; 2],
    /// When the last packet towards each end arrives: nothing overtakes it.
    last_ms: [u64; 2],
    /// Nothing arrives any more; the ends will notice.
    dead: bool,
}

/// All connections, and how the lines between nodes are.
#[derive(Debug)]
pub struct Network {
    conns: BTreeMap<ConnId, Conn>,
    next: ConnId,
    cut: BTreeSet<(usize, usize)>,
    /// Shortest and longest time of a packet, ms.
    pub latency_ms: (u64, u64),
    /// Whether gossip works at all.
    pub gossip: bool,
    /// Of 100 gossiped records that arrive, how many are lost.
    pub gossip_loss_percent: u64,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            conns: BTreeMap::new(),
            next: 0,
            cut: BTreeSet::new(),
            latency_ms: (1, 40),
            gossip: true,
            gossip_loss_percent: 0,
        }
    }
}

/// A number from `low` to `high`.
pub fn between(rng: &mut ChaCha8Rng, (low, high): (u64, u64)) -> u64 {
    low + rng.next_u64() % (high.saturating_sub(low) + 1)
}

impl Network {
    /// The time at which something without order arrives.
    pub fn arrival(&self, rng: &mut ChaCha8Rng, now_ms: u64) -> u64 {
        now_ms + between(rng, self.latency_ms)
    }

    /// Whether packets pass between two nodes.
    #[must_use]
    pub fn is_open(&self, a: usize, b: usize) -> bool {
        !self.cut.contains(&(a.min(b), a.max(b)))
    }

    /// Cuts the line between two nodes. Returns the connections that died of it, with both ends.
    pub fn cut(&mut self, a: usize, b: usize) -> Vec<(ConnId, [usize; 2])> {
        self.cut.insert((a.min(b), a.max(b)));
        let hit = self.conns.iter_mut().filter(|(_, conn)| conn.ends == [a, b] || conn.ends == [b, a]);
        hit.map(|(id, conn)| {
            conn.dead = true;
            (*id, conn.ends)
        })
        .collect()
    }

    /// Takes the line up again. What died stays dead.
    pub fn heal(&mut self, a: usize, b: usize) {
        self.cut.remove(&(a.min(b), a.max(b)));
    }

    /// A node is gone. Returns the connections whose other end will notice.
    pub fn vanish(&mut self, node: usize) -> Vec<(ConnId, usize)> {
        let mut others = Vec::new();
        for (id, conn) in &mut self.conns {
            let Some(side) = conn.ends.iter().position(|end| *end == node) else {
                continue;
            };
            conn.dead = true;
            set(&mut conn.up, side, false);
            if let (Some(true), Some(other)) = (conn.up.get(1 - side), conn.ends.get(1 - side)) {
                others.push((*id, *other));
            }
        }
        self.conns.retain(|_, conn| conn.up.contains(&true));
        others
    }

    /// A new connection, if there is none that both ends believe in. `None` if there is.
    pub fn connect(&mut self, from: usize, to: usize) -> Option<ConnId> {
        let lives = |conn: &Conn| !conn.dead && conn.up == [true, true];
        let is_there = self
            .conns
            .values()
            .any(|conn| lives(conn) && conn.ends.contains(&from) && conn.ends.contains(&to));
        if is_there {
            return None;
        }
        self.next += 1;
        self.conns
            .insert(self.next, Conn { ends: [from, to], up: [true, true], last_ms: [0, 0], dead: false });
        Some(self.next)
    }

    /// The newest connection that `node` believes to have with `other`.
    #[must_use]
    pub fn between(&self, node: usize, other: usize) -> Option<ConnId> {
        let mut known = self.conns.iter().rev().filter(|(_, conn)| {
            let side = conn.ends.iter().position(|end| *end == node);
            conn.ends.contains(&other) && side.is_some_and(|side| conn.up.get(side) == Some(&true))
        });
        known.next().map(|(id, _)| *id)
    }

    /// Whom `node` believes to be connected to.
    #[must_use]
    pub fn neighbours(&self, node: usize) -> Vec<(ConnId, usize)> {
        let of = |(id, conn): (&ConnId, &Conn)| {
            let side = conn.ends.iter().position(|end| *end == node)?;
            (conn.up.get(side) == Some(&true)).then_some(())?;
            Some((*id, *conn.ends.get(1 - side)?))
        };
        self.conns.iter().filter_map(of).collect()
    }

    /// When a packet that is sent now arrives at `to`, behind all sent before it.
    pub fn send(&mut self, rng: &mut ChaCha8Rng, id: ConnId, to: usize, now_ms: u64) -> Option<u64> {
        let at = self.arrival(rng, now_ms);
        let conn = self.conns.get_mut(&id)?;
        let side = conn.ends.iter().position(|end| *end == to)?;
        let last = conn.last_ms.get_mut(side)?;
        *last = at.max(*last);
        Some(*last)
    }

    /// Whether what was sent over a connection arrives at `to`.
    #[must_use]
    pub fn arrives(&self, id: ConnId, to: usize) -> bool {
        self.conns.get(&id).is_some_and(|conn| {
            let side = conn.ends.iter().position(|end| *end == to);
            !conn.dead && side.is_some_and(|side| conn.up.get(side) == Some(&true))
        })
    }

    /// One end lets go, or learns that the other one has. Returns whether it had believed in it.
    pub fn let_go(&mut self, id: ConnId, end: usize) -> bool {
        let Some(conn) = self.conns.get_mut(&id) else {
            return false;
        };
        let Some(side) = conn.ends.iter().position(|one| *one == end) else {
            return false;
        };
        let was = conn.up.get(side) == Some(&true);
        set(&mut conn.up, side, false);
        if !conn.up.contains(&true) {
            self.conns.remove(&id);
        }
        was
    }
}

fn set(up: &mut [bool; 2], side: usize, value: bool) {
    if let Some(slot) = up.get_mut(side) {
        *slot = value;
    }
}
