//! The world: one clock, one queue of events, one seed. Each step takes the next event, gives it to its node, and has
//! the effects carried out (`effects`), which puts new events into the queue. Nothing here depends on anything but the
//! seed and what the caller does.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use ed25519_dalek::SigningKey;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use starling_crdt::id::{AttemptId, DeviceKey, RecordId, StreamKey};
use starling_node::machine::Place;
use starling_node::machine::info::ExportState;
use starling_node::machine::input::{BatchSeq, Input, NetInput, Ticket, TurnInput};
use starling_node::machine::request::{Answer, Rejection, Request};
use starling_node::store::StoreError;

use crate::checker::{Breach, Checker, Found};
use crate::counted::Memo;
use crate::ledger::Ledger;
use crate::metrics::Metrics;
use crate::network::{ConnId, Network, Packet, TroubleId, between};
use crate::node::{SimNode, Wake};
use crate::panics::quiet;
use crate::survey::Shown;
use crate::trace::Trace;

/// When every world begins, ms since 1970.
pub const EPOCH_MS: u64 = 1_750_000_000_000;
/// Events at one time without the clock moving: more is a loop.
const SAME_TIME_MAX: u64 = 200_000;

/// What is to happen.
#[derive(Debug)]
pub(crate) enum Event {
    Wake,
    DiskDone(BatchSeq),
    Load(StreamKey),
    LoadAside(Vec<Place>),
    Search(Ticket, Vec<StreamKey>, String),
    Packet(ConnId, usize, Packet),
    /// A line has sent what it was busy with.
    Line(ConnId),
    /// What a blocked line held arrives.
    Held(ConnId),
    /// Nothing was heard over a connection for too long, if it is still blocked as it was then.
    Silent(ConnId, TroubleId),
    /// Something is no longer wrong with the network.
    Over(TroubleId),
    Dial(Option<DeviceKey>, Vec<String>),
    Act(AttemptId),
    Turn(AttemptId, TurnInput),
    Exported(Result<ExportState, String>),
    Net(NetInput),
    /// What came while it slept.
    Given(Box<Input>),
    /// A neighbour's pings are not answered: it sleeps, since then.
    Asleep(ConnId, usize, u64),
    /// It was to sleep until now.
    Awake,
    /// Its disk was to be full until now.
    Room,
    Start,
}

/// An event and whom it is for.
#[derive(Debug)]
pub(crate) struct Due {
    pub(crate) node: usize,
    /// The start that it is meant for; `None` for any.
    pub(crate) epoch: Option<u64>,
    pub(crate) event: Event,
}

/// Random crashes, while switched on.
#[derive(Debug, Clone, Copy)]
pub struct Crashes {
    /// One event in so many ends in a crash of its node.
    pub one_in: u64,
    /// How long a crashed node stays away, ms.
    pub away_ms: (u64, u64),
}

/// A whole world.
pub struct World {
    /// The computers.
    pub nodes: Vec<SimNode>,
    /// The lines between them.
    pub net: Network,
    /// What makes two runs comparable.
    pub trace: Trace,
    /// Answers to requests, by ticket.
    pub answers: BTreeMap<Ticket, Result<Answer, Rejection>>,
    /// What did not hold.
    pub failures: Vec<Breach>,
    /// Who watches.
    pub checkers: Vec<Box<dyn Checker>>,
    /// What is durable where.
    pub ledger: Ledger,
    /// Sessions as they were shown in the end.
    pub shown: Vec<Shown>,
    /// What it costs, and how long it takes.
    pub metrics: Metrics,
    /// Messages that a client was told are stored, and by whom.
    pub acked: Vec<(usize, RecordId)>,
    /// Shortest and longest time of a commit, ms.
    pub disk_ms: (u64, u64),
    /// Random crashes.
    pub crashes: Option<Crashes>,
    /// Whether power may go once more while a node starts after a crash.
    pub cuts_at_start: bool,
    /// How far the clock of a new computer may be off, either way, ms.
    pub(crate) skew_ms: u64,
    /// Questions whose answers only checkers look at.
    pub(crate) peeks: BTreeSet<Ticket>,
    /// Tickets of agents: the turn that goes on when they are answered.
    pub(crate) calls: BTreeMap<Ticket, (usize, AttemptId)>,
    /// Joins that were refused: the computer, the code, and the reason.
    pub refused_joins: Vec<(usize, String, String)>,
    /// What agents were refused.
    pub refusals: Vec<Rejection>,
    /// What nodes were found to count.
    pub(crate) counts: RefCell<Memo>,
    /// Whose key it is.
    pub(crate) keys: BTreeMap<DeviceKey, usize>,
    pub(crate) rng: ChaCha8Rng,
    pub(crate) now: u64,
    queue: BTreeMap<(u64, u64), Due>,
    order: u64,
    next_ticket: Ticket,
    same_time: u64,
}

impl World {
    /// An empty world.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            nodes: Vec::new(),
            net: Network::default(),
            trace: Trace::default(),
            answers: BTreeMap::new(),
            failures: Vec::new(),
            checkers: crate::invariants::all(),
            ledger: Ledger::default(),
            shown: Vec::new(),
            metrics: Metrics::default(),
            acked: Vec::new(),
            disk_ms: (1, 8),
            crashes: None,
            cuts_at_start: true,
            skew_ms: 0,
            peeks: BTreeSet::new(),
            calls: BTreeMap::new(),
            refused_joins: Vec::new(),
            refusals: Vec::new(),
            counts: RefCell::default(),
            keys: BTreeMap::new(),
            rng: ChaCha8Rng::seed_from_u64(seed),
            now: EPOCH_MS,
            queue: BTreeMap::new(),
            order: 0,
            next_ticket: 0,
            same_time: 0,
        }
    }

    /// The time, ms since 1970.
    #[must_use]
    pub const fn now_ms(&self) -> u64 {
        self.now
    }

    /// A random number from `low` to `high`.
    pub fn draw(&mut self, low: u64, high: u64) -> u64 {
        between(&mut self.rng, (low, high))
    }

    /// A new computer, on which nothing runs.
    pub fn add_computer(&mut self) -> usize {
        let mut secret = [0; 32];
        self.rng.fill_bytes(&mut secret);
        let sim = SimNode::new(SigningKey::from_bytes(&secret));
        self.keys.insert(sim.me, self.nodes.len());
        self.nodes.push(sim);
        let node = self.nodes.len() - 1;
        self.set_clock(node);
        if let Some(key) = self.key_of(node) {
            self.trace.call(key, node);
        }
        node
    }

    pub(crate) fn breach(&mut self, what: String) {
        self.report("world", what);
    }

    /// Notes that something does not hold.
    pub fn report(&mut self, invariant: &str, message: String) {
        let at_ms = self.now - EPOCH_MS;
        self.failures.push(Breach { invariant: invariant.to_owned(), at_ms, message });
    }

    /// Shows the world to all who watch it.
    pub(crate) fn ask_checkers(&mut self, mut ask: impl FnMut(&mut dyn Checker, &Self) -> Found) {
        let mut checkers = std::mem::take(&mut self.checkers);
        for checker in &mut checkers {
            if let Some(message) = ask(checker.as_mut(), self) {
                self.report(checker.invariant(), message);
            }
        }
        self.checkers = checkers;
    }

    /// Lets everyone who watches look at the whole world, while faults are on.
    pub fn look(&mut self) {
        self.ask_checkers(|checker, world| checker.on_look(world));
    }

    /// The same, when faults are over.
    pub fn check_end(&mut self) {
        self.ask_checkers(|checker, world| checker.at_end(world));
    }

    /// Puts an event into the queue, for the start of the node that runs now.
    pub(crate) fn at(&mut self, time: u64, node: usize, event: Event) {
        let epoch = self.nodes.get(node).map(|node| node.epoch);
        self.push(time, Due { node, epoch, event });
    }

    /// The same for any start, or none.
    pub(crate) fn later(&mut self, time: u64, node: usize, event: Event) {
        self.push(time, Due { node, epoch: None, event });
    }

    fn push(&mut self, time: u64, due: Due) {
        self.order += 1;
        self.queue.insert((time.max(self.now), self.order), due);
    }

    /// Takes the next event before `end_ms`. Returns whether there was one.
    pub fn step(&mut self, end_ms: u64) -> bool {
        let Some(entry) = self.queue.first_entry() else {
            return false;
        };
        let (time, _) = *entry.key();
        if time > end_ms {
            return false;
        }
        let due = entry.remove();
        self.same_time = if time == self.now { self.same_time + 1 } else { 0 };
        if self.same_time > SAME_TIME_MAX {
            self.breach(format!("the clock stands still: {:?}", due.event));
            self.queue.clear();
            return false;
        }
        self.now = time;
        self.handle_due(due);
        true
    }

    /// Lets an event happen, unless it was meant for an earlier start; one that sleeps will see it when it wakes.
    pub(crate) fn handle_due(&mut self, due: Due) {
        let Due { node, epoch, event } = due;
        if let Event::Over(trouble) = event {
            // The network's own: no node's.
            return self.on_over(trouble);
        }
        let Some(sim) = self.nodes.get_mut(node) else { return };
        if epoch.is_some_and(|epoch| epoch != sim.epoch) {
            return;
        }
        let passes = matches!(event, Event::Awake | Event::Room | Event::Start | Event::Line(_));
        if let Some(nap) = sim.nap.as_mut().filter(|_| !passes) {
            return nap.keep(node, sim.epoch, event);
        }
        self.happen(node, event);
        self.maybe_crash(node);
    }

    /// Lets time pass.
    pub fn run_for(&mut self, ms: u64) {
        let end = self.now + ms;
        while self.step(end) {}
        self.now = end;
    }

    /// Lets time pass until then.
    pub fn run_to(&mut self, time_ms: u64) {
        while self.step(time_ms) {}
        self.now = self.now.max(time_ms);
    }

    /// Lets time pass until something holds, at most for `ms_max`. Returns whether it does.
    pub fn run_until(&mut self, ms_max: u64, mut holds: impl FnMut(&Self) -> bool) -> bool {
        let end = self.now + ms_max;
        loop {
            if holds(self) {
                return true;
            }
            if !self.step(end) {
                self.now = end;
                return holds(self);
            }
        }
    }

    fn happen(&mut self, node: usize, event: Event) {
        match event {
            Event::Wake => self.on_wake(node),
            Event::DiskDone(last) => self.on_disk_done(node, last),
            Event::Load(stream) => self.on_load(node, stream),
            Event::LoadAside(places) => self.on_load_aside(node, &places),
            Event::Search(ticket, streams, text) => self.on_search(node, ticket, &streams, &text),
            Event::Packet(conn, from, packet) => self.on_packet(node, conn, from, packet),
            Event::Line(conn) => self.on_line(node, conn),
            Event::Held(conn) => self.on_held(node, conn),
            Event::Silent(conn, trouble) => self.on_silent(node, conn, trouble),
            Event::Over(trouble) => self.on_over(trouble),
            Event::Dial(peer, addresses) => self.on_dial(node, peer, &addresses),
            Event::Act(attempt) => self.act(node, attempt),
            Event::Turn(attempt, event) => self.feed(node, Input::Turn { attempt, event }),
            Event::Exported(result) => self.feed(node, Input::Exported(result)),
            Event::Net(event) => self.feed(node, Input::Net(event)),
            Event::Given(input) => self.feed(node, *input),
            Event::Asleep(conn, sleeper, since) => self.on_asleep(node, conn, sleeper, since),
            Event::Awake => self.on_awake(node),
            Event::Room => self.on_room(node),
            Event::Start => self.on_start(node),
        }
    }

    fn on_wake(&mut self, node: usize) {
        let now = self.now;
        let Some(sim) = self.nodes.get_mut(node) else {
            return;
        };
        let Some(Wake { at_ms, .. }) = sim.wake.filter(|wake| wake.due_ms <= now) else {
            return;
        };
        if at_ms <= sim.clock.now(now) {
            sim.wake = None;
            return self.feed(node, Input::Tick);
        }
        // The clock was set back meanwhile, and the computer slept.
        let due_ms = sim.clock.when(at_ms, now);
        sim.wake = Some(Wake { at_ms, due_ms });
        self.at(due_ms, node, Event::Wake);
    }

    /// Notes in the ledger what is on a disk. Returns whether the node goes on with it: one that a lying disk damaged so
    /// that not all can be read is given up, as the store's own words advise. On an honest disk that is a breach.
    pub(crate) fn read_disk(&mut self, node: usize) -> bool {
        let Some(sim) = self.nodes.get(node) else { return false };
        let (roster, lied) = (sim.workspace.map(|workspace| workspace.roster()), sim.lied());
        let reload = |store| quiet(|| self.ledger.reload(node, store, roster, lied));
        match sim.store.as_ref().map(reload) {
            Some(Err(StoreError::Corrupt(_))) if lied => {
                self.ruin(node);
                return false;
            }
            Some(Err(error)) => self.breach(format!("#{node}: its disk cannot be read: {error}")),
            Some(Ok(())) | None => {}
        }
        true
    }

    /// Asks a node something. The answer will be in `answers`.
    pub fn request(&mut self, node: usize, request: Request) -> Ticket {
        let ticket = self.draw_ticket();
        self.ask_with(node, ticket, request);
        ticket
    }

    pub(crate) fn ask_with(&mut self, node: usize, ticket: Ticket, request: Request) {
        self.feed(node, Input::Request { ticket, request });
    }

    pub(crate) const fn draw_ticket(&mut self) -> Ticket {
        self.next_ticket += 1;
        self.next_ticket
    }
}

/// Where a node can be dialled.
#[must_use]
pub fn address(node: usize) -> String {
    format!("sim:{node}/quic")
}

/// The node that is at an address.
pub(crate) fn node_at(address: &str) -> Option<usize> {
    address.strip_prefix("sim:")?.strip_suffix("/quic")?.parse().ok()
}
