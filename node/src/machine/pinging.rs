//! Round trips that clients ask for. One measurement serves all who wait for the same device; a device that goes away
//! meanwhile answers nobody, and they are told so. The transport keeps the time.

use std::collections::BTreeMap;

use starling_crdt::id::DeviceKey;

use super::Node;
use super::input::{Effect, NetEffect, Ticket};
use super::request::{Answer, Code, Rejection};

/// Clients that may wait for a round trip at the same time.
const PINGING_MAX: usize = 64;

/// Who waits for which device.
#[derive(Debug, Default)]
pub(super) struct Pings(BTreeMap<DeviceKey, Vec<Ticket>>);

impl Node {
    /// All who wait for peers; they are forgotten.
    pub(super) fn take_waiting(&mut self) -> Vec<Ticket> {
        let pinging = std::mem::take(&mut self.pings.0).into_values().flatten();
        std::mem::take(&mut self.waiters).into_iter().chain(pinging).collect()
    }

    pub(super) fn on_ping(&mut self, ticket: Ticket, device: DeviceKey) {
        if self.standing().member_of(&device).is_none() || device == self.me {
            let detail = "no other device of the workspace has this key";
            return self.answer(ticket, Err(Rejection::new(Code::NotFound, detail)));
        }
        if !self.peers.is_connected(&device) {
            let refusal = self.not_connected(&device);
            return self.answer(ticket, Err(refusal));
        }
        if self.pings.0.values().map(Vec::len).sum::<usize>() >= PINGING_MAX {
            let detail = "too many clients wait for round trips";
            return self.answer(ticket, Err(Rejection::new(Code::RateLimited, detail)));
        }
        let waiting = self.pings.0.entry(device).or_default();
        waiting.push(ticket);
        if waiting.len() == 1 {
            self.effects.push(Effect::Net(NetEffect::Ping { peer: device }));
        }
    }

    pub(super) fn on_pong(&mut self, peer: DeviceKey, result: Result<u64, String>) {
        if let Ok(micros) = result {
            self.peers.note_rtt(&peer, micros);
        }
        let answer = match result {
            Ok(rtt_micros) => Ok(Answer::Pong { device: peer, rtt_micros }),
            Err(error) => {
                let detail = format!("{} did not answer: {error}", self.label(&peer));
                Err(Rejection::new(Code::PeerNotConnected, detail))
            }
        };
        for ticket in self.pings.0.remove(&peer).unwrap_or_default() {
            self.answer(ticket, answer.clone());
        }
    }

    /// A device is gone: its answer will not come.
    pub(super) fn on_unreachable(&mut self, peer: DeviceKey) {
        for ticket in self.pings.0.remove(&peer).unwrap_or_default() {
            let refusal = self.not_connected(&peer);
            self.answer(ticket, Err(refusal));
        }
    }

    /// A client went away without waiting for its answer.
    pub(super) fn on_withdrawn(&mut self, ticket: Ticket) {
        self.waiters.retain(|waiter| *waiter != ticket);
        self.searches.withdraw(ticket);
        for waiting in self.pings.0.values_mut() {
            waiting.retain(|waiter| *waiter != ticket);
        }
    }

    fn not_connected(&self, device: &DeviceKey) -> Rejection {
        let name = self.label(device);
        let why = if self.proto.is_paused() { "; sync is paused on this node" } else { "" };
        Rejection::new(Code::PeerNotConnected, format!("{name} is not connected{why}"))
    }
}
