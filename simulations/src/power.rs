//! What befalls a computer as a whole: its power goes, its node's process ends and is started again, its disk is full or
//! lost. What a node does about a disk that failed is what the shell does: everything that waited
//! has failed, the process ends and says why, and whoever watches over it starts it again after a while.

use rand_chacha::rand_core::Rng;
use starling_crdt::id::RecordId;
use starling_node::machine::input::{BatchSeq, Effect, Input, NetInput};
use starling_node::machine::{BootError, Node};
use starling_node::store::{Batch, StoreError};

use crate::network::{Packet, between};
use crate::node::{Life, SimNode};
use crate::panics::caught;
use crate::panics::quiet;
use crate::world::{Crashes, Event, World, address};

/// How long whoever watches over a node's process waits before it starts it again, ms.
const RESTART_MS: (u64, u64) = (1_000, 10_000);
/// How long after a loss of power the others notice, ms: at once, where something answers for the dead node, or when their
/// connection has been silent for too long.
const NOTICED_MS: (u64, u64) = (1, 15_000);
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
        let _unheard = quiet(|| store.commit(&group));
        self.promised.open = open;
    }
}

impl World {
    pub(crate) fn maybe_crash(&mut self, node: usize) {
        let Some(Crashes { one_in, away_ms }) = self.crashes else {
            return;
        };
        let is_node = self.nodes.get(node).is_some_and(|sim| matches!(sim.life, Life::Up(_)));
        if is_node && self.draw(1, one_in) == 1 {
            let away = between(&mut self.rng, away_ms);
            self.crash_for(node, away);
        }
    }

    /// Pulls the plug, at any moment of the commit that runs. Of what was not synced the disk keeps what chance lets it.
    pub fn crash(&mut self, node: usize) {
        self.cut_power(node);
        for (conn, other) in self.net.vanish(node) {
            let notices = self.now + between(&mut self.rng, NOTICED_MS);
            self.at(notices, other, Event::Packet(conn, node, Packet::Close));
        }
    }

    /// The same, and it starts again after a while.
    pub fn crash_for(&mut self, node: usize, away_ms: u64) {
        self.crash(node);
        self.later(self.now + away_ms, node, Event::Start);
    }

    /// Starts the node from its disk, if it is down.
    pub fn start(&mut self, node: usize) {
        let mut seed = [0; 32];
        self.rng.fill_bytes(&mut seed);
        self.trace.note(self.now, node, "start", &[]);
        let Some(sim) = self.nodes.get_mut(node).filter(|sim| matches!(sim.life, Life::Down)) else {
            return;
        };
        if let Some(ticket) = sim.invitation.clone() {
            let seed = self.draw(0, u64::MAX - 1);
            return self.start_joining(node, ticket, seed);
        }
        if sim.liar {
            return self.possess(node);
        }
        sim.clock.restart(self.now);
        let now = sim.clock.now(self.now);
        let boot = match sim.open().map(drop).and_then(|()| sim.boot(seed, now)) {
            Ok(Some(boot)) => boot,
            // It was not let in.
            Ok(None) => return,
            Err(error) => return self.cannot_open(node, &error),
        };
        self.check_promise(node);
        let Some(sim) = self.nodes.get_mut(node) else { return };
        sim.count_durable();
        let started: Result<Result<(Node, Vec<Effect>), BootError>, String> = caught(|| Node::start(boot));
        match started {
            Ok(Ok((machine, effects))) => {
                sim.life = Life::Up(Box::new(machine));
                if !self.read_disk(node) {
                    return;
                }
                self.ask_checkers(|checker, world| checker.on_start(world, node));
                self.perform(node, effects);
                let address = address(node);
                self.feed(node, Input::Net(NetInput::Listening { address }));
            }
            Ok(Err(_)) if sim.lied() => self.ruin(node),
            Ok(Err(error)) => self.breach(format!("#{node} cannot start: {error}")),
            Err(what) => self.panicked(node, &what),
        }
    }

    /// Asks a node to stop in good order, and waits until it says that it may be.
    pub fn shut_down(&mut self, node: usize) -> bool {
        self.feed(node, Input::Shutdown);
        let is_stopped = |world: &Self| world.nodes.get(node).is_some_and(|sim| sim.stopped);
        let stopped = self.run_until(60_000, is_stopped);
        self.close(node);
        self.crash(node);
        stopped
    }

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

    /// Gives up the computers whose disk lied and left a store that does not match its own checksums, as whoever looks after
    /// them does when `starling verify` tells of it. Asked only when something does not come about: what a node makes of
    /// such a store is watched until then. Returns whether there were any.
    pub(crate) fn give_up_damaged(&mut self) -> bool {
        let all = self.nodes.iter().enumerate();
        let damaged: Vec<usize> = all.filter(|(_, sim)| sim.is_damaged()).map(|(node, _)| node).collect();
        damaged.iter().for_each(|node| self.ruin(*node));
        !damaged.is_empty()
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
}
