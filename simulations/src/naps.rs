//! Sleep: a computer sees and does nothing, what comes for it is kept, and its neighbours give it up when it does not answer
//! their pings. When it wakes it sees what came meanwhile, and what time it is. Clocks themselves are in `clock`.

use crate::network::{ConnId, Packet};
use crate::node::{SimNode, Wake};
use crate::world::{Due, Event, World};

/// When a neighbour that does not answer pings any more is given up: the transport's ping, two in a row.
const SILENCE_MS: (u64, u64) = (10_000, 30_000);
/// How long one that slept takes to find out that a connection is gone.
const FIND_OUT_MS: (u64, u64) = (50, 20_000);

/// A computer sleeps.
#[derive(Debug)]
pub struct Nap {
    since_ms: u64,
    until_ms: u64,
    /// What will reach it when it wakes.
    kept: Vec<Due>,
    /// Connections that were given up meanwhile, and by whom.
    gone: Vec<(ConnId, usize)>,
}

impl Nap {
    pub(crate) fn keep(&mut self, node: usize, epoch: u64, event: Event) {
        self.kept.push(Due { node, epoch: Some(epoch), event });
    }
}

impl World {
    /// A computer sleeps: it sees and does nothing. Its neighbours find out after a while.
    pub fn sleep(&mut self, node: usize, for_ms: u64) {
        let (now, until_ms) = (self.now, self.now + for_ms);
        let Some(sim) = self.nodes.get_mut(node).filter(|sim| sim.is_up()) else {
            return;
        };
        if let Some(nap) = &mut sim.nap {
            nap.until_ms = nap.until_ms.max(until_ms);
            return self.at(until_ms, node, Event::Awake);
        }
        sim.nap = Some(Nap { since_ms: now, until_ms, kept: Vec::new(), gone: Vec::new() });
        self.trace.note(now, node, "sleep", &for_ms.to_be_bytes());
        self.at(until_ms, node, Event::Awake);
        for (conn, other) in self.net.neighbours(node) {
            let notices = now + self.draw(SILENCE_MS.0, SILENCE_MS.1);
            self.at(notices, other, Event::Asleep(conn, node, now));
        }
    }

    /// A node gives up a neighbour that sleeps; what it sent it last has not arrived.
    pub(crate) fn on_asleep(&mut self, node: usize, conn: ConnId, sleeper: usize, since_ms: u64) {
        let sim = self.nodes.get_mut(sleeper);
        let Some(nap) = sim.and_then(|sim| sim.nap.as_mut()).filter(|nap| nap.since_ms == since_ms) else {
            return;
        };
        nap.gone.push((conn, node));
        nap.kept.retain(|due| !matches!(due.event, Event::Packet(of, ..) if of == conn));
        self.on_packet(node, conn, sleeper, Packet::Close);
    }

    pub(crate) fn on_awake(&mut self, node: usize) {
        let now = self.now;
        let is_over = |sim: &SimNode| sim.nap.as_ref().is_some_and(|nap| nap.until_ms <= now);
        if self.nodes.get(node).is_some_and(is_over) {
            self.wake_up(node);
        }
    }

    /// Wakes a computer that sleeps: it sees what came meanwhile, and what time it is.
    pub(crate) fn wake_up(&mut self, node: usize) {
        let now = self.now;
        let Some(sim) = self.nodes.get_mut(node) else {
            return;
        };
        let Some(nap) = sim.nap.take() else { return };
        sim.clock.slept(now - nap.since_ms);
        self.trace.note(now, node, "awake", &[]);
        for (conn, other) in nap.gone {
            let at = now + self.draw(FIND_OUT_MS.0, FIND_OUT_MS.1);
            self.at(at, node, Event::Packet(conn, other, Packet::Close));
        }
        for due in nap.kept {
            self.handle_due(due);
        }
    }

    /// Lets the machine tick now if its clock has jumped past the time at which it wanted to.
    pub(crate) fn wake_early(&mut self, node: usize) {
        let now = self.now;
        let Some(sim) = self.nodes.get_mut(node) else {
            return;
        };
        let Some(wake) = sim.wake.filter(|wake| wake.due_ms > now) else {
            return;
        };
        if sim.clock.now(now) >= wake.at_ms {
            sim.wake = Some(Wake { due_ms: now, ..wake });
            self.at(now, node, Event::Wake);
        }
    }
}
