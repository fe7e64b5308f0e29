//! What is wrong with lines at the moment: blocks, in both directions or one, losses, and slowness. Troubles overlap; each
//! ends by itself. A connection over a blocked line waits it out, or dies of it.

use super::{ConnId, Network};

/// Names a trouble until it is over; a later one has a greater number.
pub type TroubleId = u64;

/// Something that is wrong with lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// Those in the list, which is sorted, and all others do not hear each other.
    Partition(Vec<usize>),
    /// What the first node sends does not reach the second.
    OneWay(usize, usize),
    /// A node hears nobody, and nobody hears it.
    Offline(usize),
    /// Gossip loses so many of 100 packets.
    Storm(u64),
    /// A node's lines carry no more than so many bytes a second.
    Slow(usize, u64),
}

impl Trouble {
    fn blocks(&self, from: usize, to: usize) -> bool {
        match self {
            Self::Partition(side) => side.binary_search(&from).is_ok() != side.binary_search(&to).is_ok(),
            Self::OneWay(one, other) => (from, to) == (*one, *other),
            Self::Offline(node) => [from, to].contains(node),
            Self::Storm(_) | Self::Slow(..) => false,
        }
    }
}

fn pair(a: usize, b: usize) -> (usize, usize) {
    (a.min(b), a.max(b))
}

impl Network {
    /// Whether what one node sends does not reach another.
    #[must_use]
    pub fn is_blocked(&self, from: usize, to: usize) -> bool {
        self.cut.contains(&pair(from, to)) || self.troubles.values().any(|trouble| trouble.blocks(from, to))
    }

    /// Whether packets pass between two nodes, both ways.
    #[must_use]
    pub fn is_open(&self, a: usize, b: usize) -> bool {
        !self.is_blocked(a, b) && !self.is_blocked(b, a)
    }

    /// Of 100 gossiped records that are sent now, how many are lost.
    #[must_use]
    pub fn loss_percent(&self) -> u64 {
        let storm = |trouble: &Trouble| match trouble {
            Trouble::Storm(percent) => Some(*percent),
            Trouble::Partition(_) | Trouble::OneWay(..) | Trouble::Offline(_) | Trouble::Slow(..) => None,
        };
        self.troubles.values().filter_map(storm).fold(self.gossip_loss_percent, u64::max)
    }

    /// What the line between two nodes carries now, bytes a second; 0 for no limit.
    #[must_use]
    pub fn rate(&self, from: usize, to: usize) -> u64 {
        let slowed = |trouble: &Trouble| match trouble {
            Trouble::Slow(node, rate) => [from, to].contains(node).then_some(*rate),
            Trouble::Partition(_) | Trouble::OneWay(..) | Trouble::Offline(_) | Trouble::Storm(_) => None,
        };
        let own = [from, to].into_iter().filter(|node| self.is_slow(*node)).map(|_| self.slow.1);
        let limits = own.chain([self.bytes_per_s]).chain(self.troubles.values().filter_map(slowed));
        limits.filter(|rate| *rate > 0).min().unwrap_or(0)
    }

    /// Whether a node's lines are slow. The share is dealt out evenly: of each hundred nodes exactly so many are.
    fn is_slow(&self, node: usize) -> bool {
        let (percent, _, first) = self.slow;
        let place = (node as u64 + first) % 100;
        (place + 1) * percent / 100 > place * percent / 100
    }

    /// Something goes wrong from now on. Returns its name and the connections that are blocked by it, each with its ends.
    pub fn begin(&mut self, trouble: Trouble) -> (TroubleId, Vec<(ConnId, [usize; 2])>) {
        self.last_trouble += 1;
        let id = self.last_trouble;
        self.troubles.insert(id, trouble);
        (id, self.newly_blocked(id))
    }

    /// Cuts the line between two nodes; otherwise as [`Network::begin`].
    pub fn cut(&mut self, a: usize, b: usize) -> (TroubleId, Vec<(ConnId, [usize; 2])>) {
        self.last_trouble += 1;
        self.cut.insert(pair(a, b));
        (self.last_trouble, self.newly_blocked(self.last_trouble))
    }

    fn newly_blocked(&mut self, by: TroubleId) -> Vec<(ConnId, [usize; 2])> {
        let is_hit = |ends: [usize; 2]| !self.is_open(ends[0], ends[1]);
        let free = self.conns.iter().filter(|(_, conn)| conn.blocked.is_none());
        let hit: Vec<_> = free.map(|(id, conn)| (*id, conn.ends)).filter(|(_, ends)| is_hit(*ends)).collect();
        for (id, _) in &hit {
            if let Some(conn) = self.conns.get_mut(id) {
                conn.blocked = Some(by);
            }
        }
        hit
    }

    /// Whether a connection still waits for the end of the block that began then.
    #[must_use]
    pub fn waits_out(&self, id: ConnId, trouble: TroubleId) -> bool {
        self.conns.get(&id).is_some_and(|conn| conn.blocked == Some(trouble))
    }

    /// A trouble is over. Returns the connections that hold something which can go on now, with the end that it goes to.
    pub fn end(&mut self, id: TroubleId) -> Vec<(ConnId, usize)> {
        self.troubles.remove(&id);
        self.unblock()
    }

    /// Takes the line between two nodes up again; otherwise as [`Network::end`].
    pub fn heal(&mut self, a: usize, b: usize) -> Vec<(ConnId, usize)> {
        self.cut.remove(&pair(a, b));
        self.unblock()
    }

    /// All troubles are over; otherwise as [`Network::end`].
    pub fn end_all(&mut self) -> Vec<(ConnId, usize)> {
        self.troubles.clear();
        self.cut.clear();
        self.unblock()
    }

    fn unblock(&mut self) -> Vec<(ConnId, usize)> {
        let blocked = self.conns.iter().filter(|(_, conn)| conn.blocked.is_some());
        let blocked: Vec<(ConnId, [usize; 2])> = blocked.map(|(id, conn)| (*id, conn.ends)).collect();
        let mut held = Vec::new();
        for (id, [a, b]) in blocked {
            let open = [(a, b), (b, a)].map(|(from, to)| (to, !self.is_blocked(from, to)));
            let Some(conn) = self.conns.get_mut(&id) else {
                continue;
            };
            if open.iter().all(|(_, open)| *open) {
                conn.blocked = None;
            }
            held.extend(
                open.into_iter().filter(|(to, open)| *open && conn.holds(*to)).map(|(to, _)| (id, to)),
            );
        }
        held
    }
}
