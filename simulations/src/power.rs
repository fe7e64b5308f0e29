//! What befalls a computer as a whole: its power goes, its node's process ends and is started again, its disk is full or
//! lost, it sleeps and wakes. What a node does about a disk that failed is what the shell does: everything that waited
//! has failed, the process ends and says why, and whoever watches over it starts it again after a while.

use starling_crdt::id::RecordId;
use starling_node::machine::input::{BatchSeq, Input};
use starling_node::store::{Batch, StoreError};

use crate::network::{ConnId, Packet};
use crate::node::{Life, SimNode, Wake};
use crate::world::{Due, Event, World};

/// How long whoever watches over a node's process waits before it starts it again, ms.
const RESTART_MS: (u64, u64) = (1_000, 10_000);
/// When a neighbour that does not answer pings any more is given up: the transport's ping, two in a row.
const SILENCE_MS: (u64, u64) = (10_000, 30_000);
/// How long one that slept takes to find out that a connection is gone.
const FIND_OUT_MS: (u64, u64) = (50, 20_000);
/// Of so many starts after a crash one is cut short by another one.
const CUT_ONE_IN: u64 = 8;

/// Records that an honest disk has to have after a power cut.
#[derive(Debug, Clone, Default)]
pub struct Promised {
    /// Of the last commit that was reported: all of them.
    pub whole: Vec<RecordId>,
    /// Of the commit that ran when power went: all or none.
    pub open: Vec<RecordId>,
}

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

fn ids(batches: &[Batch]) -> impl Iterator<Item = RecordId> {
    batches.iter().flat_map(|batch| &batch.records).map(|row| RecordId::from_bytes(row.id))
}

impl SimNode {
    /// Lets the commit that runs, if one does, go on to its end, noting each operation.
    fn finish_commit(&mut self) {
        let (Some(last), Some(store)) = (self.writing, &self.store) else {
            return;
        };
        let group: Vec<Batch> = self.pending.range(..=last).map(|(_, batch)| batch.clone()).collect();
        let open = ids(&group).filter(|id| !self.holds(id)).collect();
        self.disk.note();
        // Nobody hears of it, whatever comes of it.
        let _unheard = store.commit(&group);
        self.promised.open = open;
    }
}

impl World {
    /// Cuts a computer's power, at any moment of the commit that runs.
    pub(crate) fn cut_power(&mut self, node: usize) {
        let Some(sim) = self.nodes.get_mut(node) else {
            return;
        };
        sim.finish_commit();
        let loss = sim.disk.cut_power(&mut self.rng);
        sim.crash();
        let detail = [loss.kept, loss.torn, loss.lost].map(u64::to_be_bytes).concat();
        self.trace.note(self.now, node, "crash", &detail);
    }

    /// After a crash: mostly the node starts, sometimes power goes again before it has.
    pub(crate) fn on_start(&mut self, node: usize) {
        if self.cuts_at_start && self.draw(1, CUT_ONE_IN) == 1 {
            self.cut_at_start(node);
        }
        self.start(node);
    }

    /// Opens the store of a node that is down, repairing it, and cuts the power at any moment of that.
    fn cut_at_start(&mut self, node: usize) {
        let is_down = |sim: &&mut SimNode| matches!(sim.life, Life::Down) && sim.workspace.is_some();
        let Some(sim) = self.nodes.get_mut(node).filter(is_down) else {
            return;
        };
        sim.disk.note();
        // What is wrong with it will be seen at the next start.
        let _unheard = sim.open().map(drop);
        sim.store = None;
        let loss = sim.disk.cut_power(&mut self.rng);
        let detail = [loss.kept, loss.torn, loss.lost].map(u64::to_be_bytes).concat();
        self.trace.note(self.now, node, "cut at start", &detail);
    }

    /// A store cannot be opened. On an honest disk that is a breach, unless there is no room.
    pub(crate) fn cannot_open(&mut self, node: usize, error: &StoreError) {
        let Some(sim) = self.nodes.get_mut(node) else {
            return;
        };
        sim.store = None;
        if sim.lied() {
            return self.ruin(node);
        }
        if sim.disk.is_full() && matches!(error, StoreError::Full(_)) {
            return self.start_again(node);
        }
        self.report("INV-3", format!("#{node} cannot open its store: {error}"));
    }

    /// A node's store is lost for good.
    pub(crate) fn ruin(&mut self, node: usize) {
        self.trace.note(self.now, node, "ruined", &[]);
        self.crash(node);
        if let Some(sim) = self.nodes.get_mut(node) {
            sim.life = Life::Ruined;
            self.metrics.ruined += 1;
        }
    }

    /// Notes what was reported as durable.
    pub(crate) fn promise(&mut self, node: usize, batches: &[Batch]) {
        if let Some(sim) = self.nodes.get_mut(node) {
            sim.promised.whole.clear();
            sim.promised.whole.extend(ids(batches));
        }
    }

    /// What was reported is there, and what was not is there in whole or not at all.
    pub(crate) fn check_promise(&mut self, node: usize) {
        let Some(sim) = self.nodes.get_mut(node).filter(|sim| !sim.lied()) else {
            return;
        };
        let Promised { whole, open } = &sim.promised;
        let lost = whole.iter().find(|id| !sim.holds(id)).copied();
        let held = open.iter().filter(|id| sim.holds(id)).count();
        let is_torn = held > 0 && held < open.len();
        let of = open.len();
        sim.promised.open.clear();
        if let Some(id) = lost {
            self.report("INV-3", format!("#{node} lost {id}, which it had reported as stored"));
        }
        if is_torn {
            self.report("INV-3", format!("#{node} holds {held} of the {of} records of one commit"));
        }
    }

    /// What the shell does when the disk has failed: the group has failed, and so has each batch behind it; the machine
    /// says so to everyone who waits, and the process ends.
    pub(crate) fn commit_failed(&mut self, node: usize, group: Vec<BatchSeq>, error: &StoreError) {
        let Some(sim) = self.nodes.get_mut(node) else {
            return;
        };
        if sim.lied() && !matches!(error, StoreError::Full(_) | StoreError::Io(_)) {
            return self.ruin(node);
        }
        if !error.must_reopen() {
            self.breach(format!("#{node}: a batch was refused: {error}"));
            return self.exit(node);
        }
        sim.failed_commits += 1;
        let queued: Vec<BatchSeq> = std::mem::take(&mut sim.pending).into_keys().collect();
        let error = error.to_string();
        self.feed(node, Input::CommitFailed { batches: group, error: error.clone() });
        for seq in queued {
            self.feed(node, Input::CommitFailed { batches: vec![seq], error: error.clone() });
        }
        self.exit(node);
    }

    /// A node's process ends in good order, and is started again after a while. What it wrote is with the operating
    /// system, synced or not.
    pub(crate) fn exit(&mut self, node: usize) {
        let Some(sim) = self.nodes.get(node).filter(|sim| sim.is_up()) else {
            return;
        };
        self.trace.note(self.now, node, "exit", &sim.epoch.to_be_bytes());
        for (_, other) in self.net.neighbours(node) {
            if let Some(peer) = self.key_of(other) {
                self.hang_up(node, &peer);
            }
        }
        if let Some(sim) = self.nodes.get_mut(node) {
            sim.crash();
        }
        self.start_again(node);
    }

    fn start_again(&mut self, node: usize) {
        let at = self.now + self.draw(RESTART_MS.0, RESTART_MS.1);
        self.later(at, node, Event::Start);
    }

    /// Closes a store as a node that stops in good order does.
    pub(crate) fn close(&mut self, node: usize) {
        let closed = self.nodes.get(node).and_then(|sim| Some(sim.store.as_ref()?.close()));
        if let Some(Err(error)) = closed {
            self.breach(format!("#{node} cannot close its store: {error}"));
        }
    }

    /// Fills a disk for a while.
    pub(crate) fn fill_disk(&mut self, node: usize, for_ms: u64) {
        let until = self.now + for_ms;
        let Some(sim) = self.nodes.get_mut(node) else {
            return;
        };
        sim.disk.fill(true);
        sim.room_ms = sim.room_ms.max(until);
        self.later(until, node, Event::Room);
    }

    pub(crate) fn on_room(&mut self, node: usize) {
        let now = self.now;
        if let Some(sim) = self.nodes.get_mut(node).filter(|sim| sim.room_ms <= now) {
            sim.disk.fill(false);
        }
    }

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
