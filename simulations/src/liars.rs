//! Devices of the roster that break the rules, in a world: how a node becomes one, and how each lie of a plan is said.
//! What is said is made by `lies` from what the liar knows (`mouth`); here it is put on the wires, at the pace and to
//! the half of the peers that it is meant for. Liars never crash for good: they come back as liars.

mod bulk;
mod gate;
mod lies;
mod mouth;

use std::collections::BTreeMap;

use starling_crdt::id::{RecordId, StreamKey};
use starling_crdt::record::id_of;
use starling_crdt::signed::id_of_wire;
use starling_node::machine::input::NetEffect;

use crate::fault::Lie;
use crate::liar::{Liar, half_of};
use crate::network::{ConnId, Packet, Rumour};
use crate::node::Life;
use crate::world::{Event, World, address};
use mouth::{Dice, Mouth};

/// One thing that a liar says.
#[derive(Debug)]
enum Word {
    /// A record that it hands out from now on, and gossips, to one half of the peers or to all.
    Record { stream: StreamKey, wire: Vec<u8>, half: Option<bool> },
    /// Any bytes as gossip, to all neighbours.
    Gossip(Vec<u8>),
    /// Any bytes as gossip, so many ms from now, to one neighbour.
    Drip(u64, Vec<u8>),
    /// Any bytes as a frame, to one neighbour.
    Frame(Vec<u8>),
    /// It passes nothing on from now on, or does again.
    Silence,
}

impl World {
    /// From now on these computers break the rules when the plan says so.
    pub fn set_liars(&mut self, liars: std::ops::Range<usize>) {
        for node in liars {
            self.crash(node);
            self.possess(node);
        }
    }

    /// Puts a liar with its key and its records in the place of a node that does not run.
    pub fn possess(&mut self, node: usize) {
        let now = self.now_ms();
        let Some(sim) = self.nodes.get_mut(node) else { return };
        sim.liar = true;
        let opened = sim.open().and_then(|store| {
            let keys = store.streams()?.into_iter();
            let load = |key: [u8; 32]| {
                let rows = store.load_stream(key)?;
                Ok((StreamKey::from_bytes(key), rows.into_iter().map(|(_, wire)| wire).collect()))
            };
            keys.map(load).collect::<Result<BTreeMap<StreamKey, Vec<Vec<u8>>>, _>>()
        });
        let (Ok(streams), Some(workspace)) = (opened, sim.workspace) else { return };
        let liar = Liar::new(sim.me, workspace, streams, now);
        sim.allow = liar.roster().standing().admitted_devices().copied().collect();
        sim.life = Life::Liar(Box::new(liar));
        for other in 0..self.nodes.len() {
            let peer = self.key_of(other).filter(|_| other != node);
            if peer.is_some() {
                self.on_net_effect(node, NetEffect::Dial { peer, addresses: vec![address(other)] });
            }
        }
    }

    /// A liar does one of the things that it does; somebody honest does nothing.
    pub(crate) fn lie(&mut self, node: usize, lie: Lie) {
        let now = self.now_ms();
        let Some(sim) = self.nodes.get(node) else { return };
        let Life::Liar(liar) = &sim.life else { return };
        let mouth = Mouth::new(&sim.key, liar, now);
        let mut dice = Dice(&mut self.rng);
        let words = match lie {
            Lie::Equivocate => lies::equivocate(&mouth, &mut dice),
            Lie::Forge => lies::forge(&mouth, &mut dice),
            Lie::Replay => bulk::replay(&mouth, liar, &mut dice),
            Lie::BackDate => lies::back_date(&mouth, &mut dice),
            Lie::Omit => vec![Word::Silence],
            Lie::Flood => bulk::flood(&mouth, &mut dice),
            Lie::BreakGate => gate::break_gate(&mouth, &mut dice),
            Lie::Garbage => bulk::garbage(&mouth, liar, &mut dice),
        };
        self.trace.note(now, node, "lie", &[]);
        let mut turn = 0;
        for word in words {
            turn += 1;
            self.say_word(node, word, turn);
        }
    }

    fn say_word(&mut self, node: usize, word: Word, turn: usize) {
        let now = self.now_ms();
        match word {
            Word::Record { stream, wire, half } => {
                let said = match self.nodes.get_mut(node).map(|sim| &mut sim.life) {
                    Some(Life::Liar(liar)) => match half {
                        Some(half) => liar.forge_for(half, stream, wire.clone(), now),
                        None => liar.forge(stream, wire.clone(), now),
                    },
                    _ => return,
                };
                for effect in said {
                    self.on_net_effect(node, effect);
                }
                self.gossip_to(node, &wire, 0, |key_half, _| half.is_none_or(|half| half == key_half));
            }
            Word::Gossip(bytes) => self.gossip_to(node, &bytes, 0, |_, _| true),
            Word::Drip(after_ms, bytes) => {
                let count = self.net.neighbours(node).len().max(1);
                self.gossip_to(node, &bytes, after_ms, |_, at| at == turn % count);
            }
            Word::Frame(frame) => {
                let neighbours = self.net.neighbours(node);
                let to = neighbours.get(turn % neighbours.len().max(1));
                if let Some(peer) = to.and_then(|(_, other)| self.key_of(*other)) {
                    self.on_net_effect(node, NetEffect::Send { peer, frame });
                }
            }
            Word::Silence => {
                if let Some(Life::Liar(liar)) = self.nodes.get_mut(node).map(|sim| &mut sim.life) {
                    liar.turn_silent();
                }
            }
        }
    }

    /// Gossips bytes to those neighbours that are meant: by their half, and by their place among the neighbours.
    fn gossip_to(
        &mut self,
        node: usize,
        bytes: &[u8],
        after_ms: u64,
        is_meant: impl Fn(bool, usize) -> bool,
    ) {
        let id = gossip_id(bytes);
        if let Some(sim) = self.nodes.get_mut(node) {
            sim.heard.insert(id);
        }
        let neighbours: Vec<(ConnId, usize)> = self.net.neighbours(node);
        for (at, (conn, to)) in neighbours.into_iter().enumerate() {
            let Some(peer) = self.key_of(to) else { continue };
            if self.net.gossip && is_meant(half_of(&peer), at) {
                let arrives = self.net.arrival(&mut self.rng, self.now) + after_ms;
                self.metrics.gossip.add(bytes.len());
                let rumour = Rumour { id, data: bytes.into(), hops: 1, copy: false };
                self.at(arrives, to, Event::Packet(conn, node, Packet::Gossip(rumour)));
            }
        }
    }

    /// Gossips any bytes, as a liar does.
    pub fn gossip_from(&mut self, node: usize, data: &[u8]) {
        self.gossip_to(node, data, 0, |_, _| true);
    }

    /// Does something on the network in a node's name, as a liar does.
    pub fn liar_says(&mut self, node: usize, effect: NetEffect) {
        self.on_net_effect(node, effect);
    }
}

fn gossip_id(bytes: &[u8]) -> RecordId {
    id_of_wire(bytes).unwrap_or_else(|| id_of(bytes))
}
