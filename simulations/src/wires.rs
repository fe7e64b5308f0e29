//! What nodes do on the network, and what reaches them from it: frames, gossip with its verdicts, dials, hang-ups. The
//! rules of who hears what are those of the real transport; `network` says when.

use starling_crdt::id::DeviceKey;
use starling_node::machine::input::{GossipVerdict, Input, NetEffect, NetInput};

use crate::network::{ConnId, Packet, Rumour, between};
use crate::node::Heard;
use crate::world::{Event, World, address, node_at};

/// How long a handshake waits for an answer, as in the product's transport.
const HANDSHAKE_MS: u64 = 10_000;

impl World {
    pub(crate) fn key_of(&self, node: usize) -> Option<DeviceKey> {
        self.nodes.get(node).map(|sim| sim.me)
    }

    pub(crate) fn node_of(&self, key: &DeviceKey) -> Option<usize> {
        self.keys.get(key).copied()
    }

    pub(crate) fn on_net_effect(&mut self, node: usize, effect: NetEffect) {
        match effect {
            NetEffect::Send { peer, frame } => {
                let Some(to) = self.node_of(&peer) else { return };
                if let Some(conn) = self.net.between(node, to) {
                    self.send(conn, node, to, Packet::Frame(frame));
                }
            }
            NetEffect::Publish { id, data } => {
                if let Some(sim) = self.nodes.get_mut(node) {
                    sim.heard.insert(id);
                }
                let neighbours = self.net.neighbours(node);
                let rumour = Rumour { id, data: data.into(), hops: 1, copy: false };
                self.spread(node, neighbours, &rumour);
            }
            NetEffect::Verdict { token, verdict } => {
                let heard = self.nodes.get_mut(node).and_then(|sim| sim.judged.remove(&token));
                if let (Some(heard), GossipVerdict::Accept) = (heard, verdict) {
                    let mut mesh = self.net.mesh(node);
                    mesh.retain(|(_, to)| *to != heard.from);
                    let hops = heard.hops.saturating_add(1);
                    let rumour = Rumour { id: heard.id, data: heard.bytes, hops, copy: false };
                    self.spread(node, mesh, &rumour);
                }
            }
            NetEffect::Allow { peers } => {
                if let Some(sim) = self.nodes.get_mut(node) {
                    sim.allow = peers;
                }
            }
            NetEffect::Dial { peer, addresses } => {
                let at = self.net.arrival(&mut self.rng, self.now);
                self.at(at, node, Event::Dial(peer, addresses));
            }
            // Only people ask for one, and there are none who do.
            NetEffect::Ping { .. } => {}
            NetEffect::Disconnect { peer } => self.hang_up(node, &peer),
        }
    }

    /// Gossip goes to those of these neighbours that are let in, in no order; some of it is lost, some arrives twice.
    fn spread(&mut self, node: usize, to: Vec<(ConnId, usize)>, rumour: &Rumour) {
        if !self.net.gossip {
            return;
        }
        let (loss, double) = (self.net.loss_percent(), self.net.gossip_duplicate_percent);
        for (conn, to) in to {
            let allowed =
                self.nodes.get(node).zip(self.key_of(to)).is_some_and(|(sim, key)| sim.allow.contains(&key));
            if !allowed {
                continue;
            }
            if loss > 0 && between(&mut self.rng, (0, 99)) < loss {
                self.metrics.gossip.add(rumour.data.len());
                continue;
            }
            self.send(conn, node, to, Packet::Gossip(rumour.clone()));
            if double > 0 && between(&mut self.rng, (0, 99)) < double {
                self.send(conn, node, to, Packet::Gossip(Rumour { copy: true, ..rumour.clone() }));
            }
        }
    }

    pub(crate) fn hang_up(&mut self, node: usize, peer: &DeviceKey) {
        let Some(to) = self.node_of(peer) else { return };
        while let Some(conn) = self.net.between(node, to) {
            self.send(conn, node, to, Packet::Close);
            self.net.let_go(conn, node);
            let now = self.now;
            self.at(now, node, Event::Net(NetInput::Disconnected { peer: *peer }));
        }
    }

    /// A packet has arrived at an end that takes it.
    pub(crate) fn deliver(&mut self, node: usize, conn: ConnId, from: usize, packet: Packet) {
        let Some(peer) = self.key_of(from) else { return };
        match packet {
            Packet::Close => self.closed(node, conn, from),
            Packet::Frame(bytes) => {
                self.trace.note(self.now, node, "frame", &bytes);
                self.feed(node, Input::Net(NetInput::Frame { peer, bytes }));
            }
            Packet::Gossip(rumour) => self.on_rumour(node, (from, peer), rumour),
        }
    }

    fn on_rumour(&mut self, node: usize, (from, peer): (usize, DeviceKey), rumour: Rumour) {
        let Rumour { id, data, hops, copy } = rumour;
        let Some(sim) = self.nodes.get_mut(node).filter(|sim| sim.allow.contains(&peer)) else {
            return;
        };
        let is_new = sim.heard.insert(id);
        if !is_new {
            self.metrics.redundant += 1;
            if !copy {
                return;
            }
        } else {
            self.metrics.fresh += 1;
            self.metrics.hops.push(hops);
        }
        let token = sim.judged.last_key_value().map_or(1, |(last, _)| last + 1);
        let token = token.max(sim.heard.len() as u64);
        let bytes = data.to_vec();
        sim.judged.insert(token, Heard { id, bytes: data, from, hops });
        self.trace.note(self.now, node, "gossip", id.as_bytes());
        self.feed(node, Input::Net(NetInput::Gossip { from: peer, token, bytes }));
    }

    pub(crate) fn on_dial(&mut self, node: usize, peer: Option<DeviceKey>, addresses: &[String]) {
        let reachable = |to: &usize| {
            let sim = self.nodes.get(*to);
            let is_wanted = sim.is_some_and(|sim| sim.is_awake() && peer.is_none_or(|peer| peer == sim.me));
            *to != node && is_wanted && self.net.is_open(node, *to)
        };
        let found = addresses.iter().filter_map(|address| node_at(address)).find(reachable);
        let Some(to) = found else {
            return self.on_no_answer(node, peer, addresses);
        };
        let (Some(me), Some(them)) = (self.key_of(node), self.key_of(to)) else {
            return;
        };
        // What either end still believes in is older than this connection.
        let stale: Vec<_> = [(node, to, them), (to, node, me)]
            .into_iter()
            .filter_map(|(end, other, key)| Some((self.net.between(end, other)?, end, key)))
            .collect();
        if self.net.connect(node, to).is_none() {
            return;
        }
        for (conn, end, key) in stale {
            self.net.let_go(conn, end);
            self.feed(end, Input::Net(NetInput::Disconnected { peer: key }));
        }
        for (end, peer, other, outbound) in [(to, me, node, false), (node, them, to, true)] {
            let address = address(other);
            let event = NetInput::Connected { peer, address, outbound };
            self.feed(end, Input::Net(event));
        }
    }

    /// Where nothing listens, that is said at once; where packets are lost, the handshake has its time.
    fn on_no_answer(&mut self, node: usize, peer: Option<DeviceKey>, addresses: &[String]) {
        let is_lost = |to: usize| !self.net.is_open(node, to);
        let lost = addresses.iter().filter_map(|address| node_at(address)).any(is_lost);
        let error = "nobody answers there".to_owned();
        let failed = NetInput::DialFailed { peer, error };
        if lost {
            return self.at(self.now + HANDSHAKE_MS, node, Event::Net(failed));
        }
        self.feed(node, Input::Net(failed));
    }
}
