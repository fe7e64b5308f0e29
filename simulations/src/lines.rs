//! Packets on their way: put on a line, given out where they arrive, held where the line is blocked; and what becomes of
//! connections over lines that something is wrong with. `network` knows how long each step takes, `wires` what is said.

use starling_node::machine::input::{Input, NetInput};

use crate::network::{ConnId, Packet, Passage, Put, Trouble, TroubleId, between};
use crate::world::{Event, World};

/// How long a connection that hears nothing lives on, ms: until a QUIC connection has been silent for 15 s, of which up
/// to 5 s had passed before, or a ping over TCP was not answered.
const SILENT_MS: (u64, u64) = (5_000, 15_000);

impl World {
    /// Sends a packet over a connection.
    pub(crate) fn send(&mut self, conn: ConnId, from: usize, to: usize, packet: Packet) {
        match &packet {
            Packet::Frame(bytes) => self.metrics.frames.add(bytes.len()),
            Packet::Gossip(rumour) => self.metrics.gossip.add(rumour.data.len()),
            Packet::Close => {}
        }
        match self.net.put(conn, to, packet) {
            Put::Leaves(packet) => self.travel(conn, from, to, packet),
            Put::Starts(ms) => self.later(self.now + ms, to, Event::Line(conn)),
            Put::Waits | Put::Lost => {}
        }
    }

    /// A slow line towards `to` has sent what it was busy with.
    pub(crate) fn on_line(&mut self, to: usize, conn: ConnId) {
        let (sent, again) = self.net.serve(conn, to);
        if let Some(from) = self.net.other(conn, to) {
            for packet in sent {
                self.travel(conn, from, to, packet);
            }
        }
        if let Some(ms) = again {
            self.later(self.now + ms, to, Event::Line(conn));
        }
    }

    /// A packet leaves its line.
    fn travel(&mut self, conn: ConnId, from: usize, to: usize, packet: Packet) {
        let at = match &packet {
            Packet::Gossip(_) => self.net.arrival(&mut self.rng, self.now),
            Packet::Frame(_) | Packet::Close => {
                self.net.arrival_in_order(&mut self.rng, (conn, to), self.now)
            }
        };
        self.at(at, to, Event::Packet(conn, from, packet));
    }

    pub(crate) fn on_packet(&mut self, node: usize, conn: ConnId, from: usize, packet: Packet) {
        match self.net.passage(conn, from, node) {
            Passage::Open => self.deliver(node, conn, from, packet),
            Passage::Blocked => self.net.hold(conn, node, packet),
            Passage::Gone => {}
        }
    }

    /// Something goes wrong with the network, and is over after a while.
    pub fn trouble(&mut self, trouble: Trouble, for_ms: u64) {
        let (id, blocked) = self.net.begin(trouble);
        self.blocked(id, blocked);
        self.later(self.now + for_ms, 0, Event::Over(id));
    }

    /// Cuts the line between two nodes. What is sent stalls; their connections die if it stays cut for long.
    pub fn cut(&mut self, a: usize, b: usize) {
        let (id, blocked) = self.net.cut(a, b);
        self.blocked(id, blocked);
    }

    /// Takes the line up again. What died stays dead.
    pub fn heal(&mut self, a: usize, b: usize) {
        let held = self.net.heal(a, b);
        self.go_on(held);
    }

    /// Nothing is wrong with the network any more.
    pub(crate) fn calm_lines(&mut self) {
        let held = self.net.end_all();
        self.go_on(held);
    }

    pub(crate) fn on_over(&mut self, trouble: TroubleId) {
        let held = self.net.end(trouble);
        self.go_on(held);
    }

    fn blocked(&mut self, trouble: TroubleId, conns: Vec<(ConnId, [usize; 2])>) {
        for (conn, ends) in conns {
            for end in ends {
                let at = self.now + between(&mut self.rng, SILENT_MS);
                self.at(at, end, Event::Silent(conn, trouble));
            }
        }
    }

    fn go_on(&mut self, held: Vec<(ConnId, usize)>) {
        for (conn, to) in held {
            let at = self.net.arrival(&mut self.rng, self.now);
            self.at(at, to, Event::Held(conn));
        }
    }

    /// What was held on its way to a node arrives, all at once and in order.
    pub(crate) fn on_held(&mut self, to: usize, conn: ConnId) {
        let Some(from) = self.net.other(conn, to) else { return };
        for packet in self.net.take_held(conn, from, to) {
            if self.net.passage(conn, from, to) != Passage::Gone {
                self.deliver(to, conn, from, packet);
            }
        }
    }

    /// An end has heard nothing for so long that it closes the connection; the other end hears of it if it can.
    pub(crate) fn on_silent(&mut self, node: usize, conn: ConnId, trouble: TroubleId) {
        let other = self.net.other(conn, node).filter(|_| self.net.waits_out(conn, trouble));
        let Some(other) = other else { return };
        self.send(conn, node, other, Packet::Close);
        self.closed(node, conn, other);
    }

    /// An end learns that a connection is no more.
    pub(crate) fn closed(&mut self, node: usize, conn: ConnId, other: usize) {
        let Some(peer) = self.key_of(other) else { return };
        if self.net.let_go(conn, node) && self.net.between(node, other).is_none() {
            self.feed(node, Input::Net(NetInput::Disconnected { peer }));
        }
    }
}
