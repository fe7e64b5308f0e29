//! What nodes do on the network, and what reaches them from it: frames, gossip with its verdicts, dials, hang-ups. The
//! rules of who hears what are those of the real transport; `network` says when.

use starling_crdt::id::{DeviceKey, RecordId};
use starling_node::machine::input::{GossipVerdict, Input, NetEffect, NetInput};

use crate::network::{ConnId, between};
use crate::node::Heard;
use crate::world::{Event, Packet, World, address, node_at};

impl World {
    pub(crate) fn key_of(&self, node: usize) -> Option<DeviceKey> {
        self.nodes.get(node).map(|sim| sim.me)
    }

    pub(crate) fn node_of(&self, key: &DeviceKey) -> Option<usize> {
        self.nodes.iter().position(|sim| sim.me == *key)
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
                self.spread(node, None, id, &data);
            }
            NetEffect::Verdict { token, verdict } => {
                let heard = self.nodes.get_mut(node).and_then(|sim| sim.judged.remove(&token));
                if let (Some(heard), GossipVerdict::Accept) = (heard, verdict) {
                    self.spread(node, Some(heard.from), heard.id, &heard.bytes);
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
            NetEffect::Disconnect { peer } => self.hang_up(node, &peer),
        }
    }

    fn send(&mut self, conn: ConnId, from: usize, to: usize, packet: Packet) {
        if let Some(at) = self.net.send(&mut self.rng, conn, to, self.now) {
            self.at(at, to, Event::Packet(conn, from, packet));
        }
    }

    /// Gossip goes to the neighbours that are let in, in no order.
    fn spread(&mut self, node: usize, but: Option<usize>, id: RecordId, data: &[u8]) {
        if !self.net.gossip {
            return;
        }
        for (conn, to) in self.net.neighbours(node) {
            let allowed =
                self.nodes.get(node).zip(self.key_of(to)).is_some_and(|(sim, key)| sim.allow.contains(&key));
            let lost = between(&mut self.rng, (0, 99)) < self.net.gossip_loss_percent;
            if Some(to) != but && allowed && !lost {
                let at = self.net.arrival(&mut self.rng, self.now);
                self.at(at, to, Event::Packet(conn, node, Packet::Gossip(id, data.to_vec())));
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

    pub(crate) fn on_packet(&mut self, node: usize, conn: ConnId, from: usize, packet: Packet) {
        let Some(peer) = self.key_of(from) else { return };
        match packet {
            Packet::Close => {
                if self.net.let_go(conn, node) && self.net.between(node, from).is_none() {
                    self.feed(node, Input::Net(NetInput::Disconnected { peer }));
                }
            }
            Packet::Frame(bytes) if self.net.arrives(conn, node) => {
                self.trace.note(self.now, node, "frame", &bytes);
                self.feed(node, Input::Net(NetInput::Frame { peer, bytes }));
            }
            Packet::Gossip(id, bytes) if self.net.arrives(conn, node) => {
                let Some(sim) = self.nodes.get_mut(node) else {
                    return;
                };
                if !sim.allow.contains(&peer) || !sim.heard.insert(id) {
                    return;
                }
                let token = sim.judged.last_key_value().map_or(1, |(last, _)| last + 1);
                let token = token.max(sim.heard.len() as u64);
                sim.judged.insert(token, Heard { id, bytes: bytes.clone(), from });
                self.feed(node, Input::Net(NetInput::Gossip { from: peer, token, bytes }));
            }
            Packet::Frame(_) | Packet::Gossip(..) => {}
        }
    }

    pub(crate) fn on_dial(&mut self, node: usize, peer: Option<DeviceKey>, addresses: &[String]) {
        let reachable = |to: &usize| {
            let sim = self.nodes.get(*to);
            let is_wanted = sim.is_some_and(|sim| sim.is_awake() && peer.is_none_or(|peer| peer == sim.me));
            *to != node && is_wanted && self.net.is_open(node, *to)
        };
        let found = addresses.iter().filter_map(|address| node_at(address)).find(reachable);
        let Some(to) = found else {
            let error = "nobody answers there".to_owned();
            return self.feed(node, Input::Net(NetInput::DialFailed { peer, error }));
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
}
