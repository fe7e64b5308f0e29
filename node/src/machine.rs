//! The pure node: [`Node::handle`] takes an input and the time, and returns what is to be done. It decides what becomes
//! durable, what is said to whom and which turn runs; it never reads a clock, a random source, a file or a socket.
//!
//! One way through: a record, local or remote, is offered to its session, staged, and leaves in an [`Effect::Commit`];
//! all that others may see of it follows in `commit`, after [`Input::Committed`] (INV-3). In reading order: `input`,
//! `request` and `info` (the two doors), `rows` (what is stored), `task` and
//! `slots` (sessions in memory), `commit`, `writing` (what
//! callers do), `ingest` (what peers bring), `aside` (what is held for an upgrade), `showing` (what they are shown), `hosting` and `dispatch` (turns), `interrupted`, `moving`, `activity`, `relay`, `context`, `policy`, `peers`, `sync`, `delivery`, `invites`, `leaving`, `report`, `search`, `export_plan`, `segments`, `pushing`.

pub mod activity;
mod after;
mod aside;
pub mod capabilities;
mod code;
mod commit;
mod company;
pub mod context;
mod delivery;
mod depth;
mod dispatch;
pub mod exec;
pub mod export_meta;
pub mod export_plan;
pub mod export_text;
mod genesis;
mod hosting;
pub mod info;
mod ingest;
pub mod input;
mod interrupted;
mod invites;
pub mod joining;
mod leaving;
mod moving;
mod named;
mod passing;
mod peers;
mod pinging;
pub mod policy;
pub mod profile;
mod pushing;
mod recount;
mod relay;
mod replica;
mod report;
pub mod request;
mod requests;
pub mod restoring;
mod revoking;
pub mod rows;
pub mod search;
pub mod segments;
mod showing;
mod slots;
mod sync;
mod task;
pub mod ticket;
pub mod verifying;
mod writing;

use std::collections::{BTreeMap, VecDeque};

use ed25519_dalek::SigningKey;
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use starling_crdt::id::{AttemptId, DeviceKey, MemberId, SessionId, WorkspaceId};
use starling_crdt::roster::{Roster, Standing};
use starling_crdt::signed::device_key;
use starling_net::proto::{self, Proto};

use aside::Aside;
pub use aside::Place;
use commit::Commits;
use context::Contexts;
use delivery::Deliveries;
use export_plan::Exporter;
pub use genesis::{Founded, found};
use hosting::Hosting;
use ingest::Frames;
use input::{Effect, Input};
use invites::Invites;
pub use named::is_named;
use named::load_roster;
use passing::Passing;
use peers::Peers;
use pushing::Pusher;
use recount::Recount;
use relay::Asks;
use request::{Answer, Code, Rejection};
use rows::Stored;
use search::Searches;
use slots::Slots;

use crate::fault::{Fault, planted};

/// How often what follows from an input may itself be followed up before the shell is heard again.
const ROUNDS_MAX: usize = 8;

/// What a device is told that asks to write and lost its standing.
const LOST_STANDING: &str = "this device was removed from the workspace: what it has can be read, and nothing can be \
    written; ask an admin for an invitation, and join with it in a new home (`starling --home DIR join TICKET`)";

/// What a device is told that asks to write in a restored home.
const NOT_JOINED: &str = "this home was restored from an export, and its device is no member of the workspace yet: what \
    it has can be read, and nothing can be written; stop the node and join with a ticket (`starling --home DIR join TICKET`)";

/// What a node is made from.
pub struct Boot {
    /// The device's key.
    pub key: SigningKey,
    /// The workspace.
    pub workspace: WorkspaceId,
    /// 32 random bytes: the machine draws ids and secrets from them, so that a run can be repeated.
    pub seed: [u8; 32],
    /// The time, ms since 1970.
    pub now_ms: u64,
    /// What the store holds.
    pub stored: Stored,
    /// The export as it was found.
    pub export: info::ExportState,
    /// Paths of the export that may show something else than they did at the commit that the store remembers.
    pub strays: Vec<String>,
    /// Where it is pushed to, if anywhere.
    pub push: Option<info::PushState>,
}

/// A start cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BootError {
    /// The stored roster does not found this workspace.
    #[error("the store holds no roster of this workspace; restore it from the export, or join again")]
    NoRoster,
    /// This device is not on the roster.
    #[error("this device is not a member of the workspace; join it with a ticket")]
    NotMember,
}

/// One node.
pub struct Node {
    key: SigningKey,
    me: DeviceKey,
    rng: ChaCha12Rng,
    now: u64,
    started_at_ms: u64,
    roster: Roster,
    roster_len: u64,
    slots: Slots,
    commits: Commits,
    frames: Frames,
    proto: Proto,
    peers: Peers,
    deliveries: Deliveries,
    invites: Invites,
    hosting: Hosting,
    contexts: Contexts,
    searches: Searches,
    asks: Asks,
    passing: Passing,
    exporter: Exporter,
    pusher: Option<Pusher>,
    recount: Recount,
    aside: Aside,
    stopping: bool,
    effects: Vec<Effect>,
    wakes: BTreeMap<&'static str, u64>,
    said: VecDeque<proto::Output>,
    saying: bool,
    waiters: Vec<input::Ticket>,
    pings: pinging::Pings,
    roster_reads: Vec<showing::RosterRead>,
    /// When what a failed commit left undone is tried again.
    retry_ms: Option<u64>,
    stopped: bool,
}

impl Node {
    /// Starts from what is stored. Returns the node and the first effects.
    ///
    /// # Errors
    /// [`BootError`]: the roster is missing or does not admit this device.
    pub fn start(boot: Boot) -> Result<(Self, Vec<Effect>), BootError> {
        let me = device_key(&boot.key);
        let roster = load_roster(boot.workspace, &boot.stored.roster)?;
        // A device that lost its standing may go on reading, and one whose home was restored may begin with it.
        if !boot.stored.restored && !is_named(&roster, &me) {
            return Err(BootError::NotMember);
        }
        let mut rng = ChaCha12Rng::from_seed(boot.seed);
        let config = proto::Config::new(me, boot.workspace, rng.next_u64());
        let mut node = Self {
            key: boot.key,
            me,
            rng,
            now: boot.now_ms,
            started_at_ms: boot.now_ms,
            aside: Aside::load(&boot.stored.aside, roster.key()),
            roster_len: roster.records().count() as u64,
            roster,
            slots: Slots::default(),
            commits: Commits::default(),
            frames: Frames::default(),
            proto: Proto::new(config),
            peers: Peers::load(&boot.stored.peers),
            deliveries: Deliveries::default(),
            invites: Invites::load(&boot.stored.invites),
            hosting: Hosting::load(&boot.stored.profiles),
            searches: Searches::default(),
            asks: Asks::default(),
            passing: Passing::default(),
            contexts: Contexts::load(&boot.stored.contexts),
            exporter: Exporter::new(boot.export, boot.stored.exported.clone()),
            pusher: boot.push.map(Pusher::new),
            recount: Recount::default(),
            stopping: false,
            effects: Vec::new(),
            wakes: BTreeMap::new(),
            said: VecDeque::new(),
            saying: false,
            waiters: Vec::new(),
            pings: pinging::Pings::default(),
            roster_reads: Vec::new(),
            retry_ms: None,
            stopped: false,
        };
        node.boot(boot.stored, &boot.strays);
        let effects = node.finish();
        Ok((node, effects))
    }

    fn boot(&mut self, stored: Stored, strays: &[String]) {
        let rows: BTreeMap<_, _> = stored.index.iter().map(|(key, row)| (*key, row.as_slice())).collect();
        // A disk that lied may have left what nobody wrote: the list is what the records come to, and nothing else. Peers
        // are not asked for what a row says is here.
        let orphans = rows.keys().filter(|key| stored.streams.binary_search_by_key(key, |(k, _)| k).is_err());
        orphans.for_each(|key| self.commits.stage_unindexed(key));
        for (key, records) in stored.streams {
            if key == self.roster.key() {
                continue;
            }
            let row = rows.get(&key).and_then(|row| rows::decode::<rows::IndexRow>(row));
            match row.filter(|row| row.records == records) {
                Some(row) => self.adopt_row(key, row),
                // Its row is made when it is counted.
                None => drop(self.slots.slot(key)),
            }
        }
        if !planted(Fault::RecountNotResumed) {
            self.recount.look();
        }
        self.renamed();
        self.announce_roster();
        for key in stored.export_queue.into_iter().filter(|_| !planted(Fault::ExportQueueLost)) {
            self.exporter.mark(key, None);
            self.mark_collisions(key);
        }
        self.exporter.mark_roster();
        if self.exporter.state().commit.is_none() {
            let all: Vec<_> = self.slots.rows().map(|(key, _)| *key).collect();
            // Many commits may be needed: should the node be stopped between them, the store knows what is left.
            self.commits.stage_export(&all);
            all.into_iter().for_each(|key| self.exporter.mark(key, None));
        }
        self.gather_strays(strays);
        self.commits.outbox = stored.outbox.into_iter().collect();
        self.host_agents();
        if stored.paused {
            self.pause(true);
        }
        self.redial(true);
        self.offer_held();
    }

    /// Takes in what happened and says what to do, in order. `now_ms` is wall time; should it run backwards, the latest
    /// time seen is kept.
    pub fn handle(&mut self, input: Input, now_ms: u64) -> Vec<Effect> {
        self.now = self.now.max(now_ms);
        match input {
            Input::Request { ticket, request } => self.on_request(ticket, request),
            Input::Withdrawn(ticket) => self.on_withdrawn(ticket),
            Input::Committed(seq) => self.on_committed(seq),
            Input::CommitFailed { batches, error } => self.on_commit_failed(&batches, &error),
            Input::Loaded { stream, records } => self.on_loaded(stream, records),
            Input::AsideLoaded(records) => self.on_aside_loaded(records),
            Input::Searched { ticket, looked } => self.on_searched(ticket, looked),
            Input::Net(event) => self.on_net(event),
            Input::Turn { attempt, event } => self.on_turn(attempt, event),
            Input::Exported(result) => self.on_exported(result),
            Input::Pushed(result) => self.on_pushed(result),
            Input::Tick => self.on_tick(),
            Input::Shutdown => self.on_shutdown(),
        }
        self.finish()
    }

    /// What every input ends with: turns that can start, an export that is due, the commit, and when to come back.
    fn finish(&mut self) -> Vec<Effect> {
        self.recount();
        self.call_hosts();
        for _ in 0..ROUNDS_MAX {
            self.dispatch();
            self.plan_export();
            self.flush();
            if self.commits.is_clean() {
                break;
            }
        }
        self.plan_push();
        self.note_deliveries();
        self.slots.evict();
        self.stop_if_idle();
        if let Some(at) = self.wakes.values().min() {
            self.effects.push(Effect::WakeAt(*at));
        }
        std::mem::take(&mut self.effects)
    }

    fn on_tick(&mut self) {
        let now = self.now;
        self.wakes.retain(|_, at| *at > now);
        self.feed(proto::Input::Tick);
        self.redial(false);
        self.seek();
        if self.retry_ms.take_if(|at| *at <= now).is_some() {
            self.retry();
        }
    }

    /// A commit failed a while ago: what was fetched then, and turns that could not start or end, are taken up again.
    fn retry(&mut self) {
        self.feed(proto::Input::SyncNow);
        let rows: Vec<_> = self.slots.rows().map(|(key, row)| (*key, row.clone())).collect();
        for (key, row) in rows {
            self.watch_row(key, &row);
        }
        self.offer_held();
    }

    fn on_shutdown(&mut self) {
        self.stopping = true;
        self.cancel_all_turns();
        for ticket in self.take_waiting() {
            self.answer(ticket, Err(Rejection::new(Code::ShuttingDown, "the node is stopping")));
        }
    }

    /// Says once that the shell may stop: turns have ended, everything is durable, and the export shows it.
    fn stop_if_idle(&mut self) {
        let is_due = self.stopping && !self.stopped;
        if is_due && self.hosting.is_quiet() && self.commits.is_idle() && self.exporter.is_settled() {
            self.stopped = true;
            self.effects.push(Effect::Stopped);
        }
    }

    /// Asks to be woken at `at`; each `reason` has one time.
    fn wake(&mut self, reason: &'static str, at: u64) {
        self.wakes.insert(reason, at);
    }

    fn answer(&mut self, ticket: input::Ticket, answer: Result<Answer, Rejection>) {
        self.effects.push(Effect::Answer { ticket, answer });
    }

    fn standing(&self) -> &Standing {
        self.roster.standing()
    }

    /// The member whose device this is. A revoked device has none.
    fn my_member(&self) -> Result<MemberId, Rejection> {
        let found = self.standing().member_of(&self.me).map(|(id, _)| id);
        let why = || if is_named(&self.roster, &self.me) { LOST_STANDING } else { NOT_JOINED };
        found.ok_or_else(|| Rejection::new(Code::QuickSessionForbidden, why()))
    }

    fn random<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.rng.fill_bytes(&mut bytes);
        bytes
    }

    fn draw_session_id(&mut self) -> SessionId {
        let random = u128::from_be_bytes(self.random());
        SessionId::from_parts(self.now, random)
    }

    fn draw_attempt_id(&mut self) -> AttemptId {
        let random = u128::from_be_bytes(self.random());
        AttemptId::from_parts(self.now, random)
    }
}
