//! Sessions in memory. A session is cold (only its index row), loading, or open (its replica). What is to be done with
//! it is a [`Task`] in its own queue: tasks run in order, and one that shows something to somebody waits until
//! what was written before it is durable (INV-3). Cold sessions are loaded on demand, idle ones are closed again.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use starling_crdt::id::{DeviceKey, SessionId, StreamKey};
use starling_crdt::session::{Entry, Offer, Session};
use starling_crdt::signed::{Received, Signed, Unverified};
use starling_crdt::view::View;
use starling_net::proto::Have;

use super::Node;
use super::input::{BatchSeq, Effect, Ticket};
use super::replica::{Open, Replica};
use super::request::{Code, Rejection};
use super::rows::IndexRow;
use super::task::Task;
use crate::fault::{Fault, planted};

/// Replicas held open at once. An open session of a few hundred records takes about a megabyte.
const OPEN_MAX: usize = 256;
/// Tasks that may wait for one session: clients and peers beyond it are told to come again.
const TASKS_MAX: usize = 4_096;

#[derive(Debug, Default)]
pub(super) struct Slot {
    /// The committed row; `None` before the first commit.
    pub(super) row: Option<IndexRow>,
    replica: Replica,
    /// The newest batch with a change of this session that is not durable yet.
    pub(super) dirty: Option<BatchSeq>,
    queue: VecDeque<Task>,
    used: u64,
    /// The roster changed under it: it has to be counted anew, and its row made anew (`recount`).
    pub(super) stale: bool,
}

/// All sessions, by key.
#[derive(Debug, Default)]
pub(super) struct Slots {
    slots: BTreeMap<StreamKey, Slot>,
    by_id: BTreeMap<SessionId, BTreeSet<StreamKey>>,
    clock: u64,
    open: usize,
}

impl Slots {
    pub(super) fn get(&self, key: &StreamKey) -> Option<&Slot> {
        self.slots.get(key)
    }

    pub(super) fn get_mut(&mut self, key: &StreamKey) -> Option<&mut Slot> {
        self.slots.get_mut(key)
    }

    pub(super) fn slot(&mut self, key: StreamKey) -> &mut Slot {
        self.clock += 1;
        let slot = self.slots.entry(key).or_default();
        slot.used = self.clock;
        slot
    }

    /// Committed rows of the sessions that are shown, by key.
    pub(super) fn rows(&self) -> impl Iterator<Item = (&StreamKey, &IndexRow)> {
        let rows = self.slots.iter().filter_map(|(key, slot)| slot.row.as_ref().map(|row| (key, row)));
        rows.filter(|(_, row)| row.is_shown())
    }

    /// All sessions, also those of which nothing counts.
    pub(super) fn all(&self) -> impl Iterator<Item = (&StreamKey, &Slot)> {
        self.slots.iter()
    }

    /// The sessions that have this id: one, or several that collide. Those of which nothing counts are not among them.
    pub(super) fn called(&self, id: &SessionId) -> Vec<StreamKey> {
        let shown = |key: &&StreamKey| self.slots.get(key).is_some_and(Slot::is_shown);
        self.by_id.get(id).into_iter().flatten().filter(shown).copied().collect()
    }

    /// The same, with those of which nothing counts.
    pub(super) fn named(&self, id: &SessionId) -> Vec<StreamKey> {
        self.by_id.get(id).into_iter().flatten().copied().collect()
    }

    pub(super) fn name(&mut self, id: SessionId, key: StreamKey) {
        self.by_id.entry(id).or_default().insert(key);
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = &SessionId> {
        let shown = |key: &StreamKey| self.slots.get(key).is_some_and(Slot::is_shown);
        self.by_id.iter().filter(move |(_, keys)| keys.iter().any(shown)).map(|(id, _)| id)
    }

    /// Keys of the replicas that are open.
    pub(super) fn open_keys(&self) -> Vec<StreamKey> {
        let open = self.slots.iter().filter(|(_, slot)| matches!(slot.replica, Replica::Open(_)));
        open.map(|(key, _)| *key).collect()
    }

    /// Keys of the sessions that have something to do.
    pub(super) fn waiting_keys(&self) -> Vec<StreamKey> {
        let waiting = self.slots.iter().filter(|(_, slot)| !slot.queue.is_empty());
        waiting.map(|(key, _)| *key).collect()
    }

    /// Forgets a session that turned out to have no record.
    fn forget(&mut self, key: &StreamKey) {
        if self.slots.remove(key).is_some_and(|slot| matches!(slot.replica, Replica::Open(_))) {
            self.open = self.open.saturating_sub(1);
        }
    }

    /// Closes the replicas that were used least recently, beyond the bound. Those in which records wait come last: what
    /// waits will have to be brought again, but one record that waits for ever must not hold a session open for ever.
    pub(super) fn evict(&mut self) {
        if self.open <= OPEN_MAX {
            return;
        }
        let idle = |(key, slot): (&StreamKey, &Slot)| {
            let waits = slot.session()?.waiting().0 > 0;
            (slot.dirty.is_none() && slot.queue.is_empty()).then_some((waits, slot.used, *key))
        };
        let mut idle: Vec<_> = self.slots.iter().filter_map(idle).collect();
        idle.sort_unstable();
        for (_, _, key) in idle.into_iter().take(self.open - OPEN_MAX / 2) {
            if let Some(slot) = self.slots.get_mut(&key) {
                slot.replica = Replica::Cold;
                self.open -= 1;
            }
        }
    }
}

impl Slot {
    /// Whether anything of it counts.
    fn is_shown(&self) -> bool {
        let by_row = || self.row.as_ref().is_some_and(IndexRow::is_shown);
        self.session().map_or_else(by_row, |session| !session.is_empty())
    }

    /// The replica, if it is open.
    pub(super) fn session(&self) -> Option<&Session> {
        match &self.replica {
            Replica::Open(open) => Some(open.session()),
            Replica::Cold | Replica::Loading => None,
        }
    }

    /// The replica with what is known of it, if it is open.
    pub(super) fn open_mut(&mut self) -> Option<&mut Open> {
        match &mut self.replica {
            Replica::Open(open) => Some(open),
            Replica::Cold | Replica::Loading => None,
        }
    }

    pub(super) fn session_mut(&mut self) -> Option<&mut Session> {
        match &mut self.replica {
            Replica::Open(open) => Some(open.session_mut()),
            Replica::Cold | Replica::Loading => None,
        }
    }
}

impl Node {
    /// Takes over a row that was read from the store.
    pub(super) fn adopt_row(&mut self, key: StreamKey, row: IndexRow) {
        self.slots.name(row.id, key);
        if row.is_shown() {
            self.feed(starling_net::proto::Input::Changed { stream: key, digest: row.digest });
        }
        self.watch_row(key, &row);
        self.slots.slot(key).row = Some(row);
    }

    /// Does something with a session: now, or when it is loaded and what was written before is durable.
    pub(super) fn with_session(&mut self, key: StreamKey, task: Task) {
        let full = self.slots.slot(key).queue.len() >= TASKS_MAX;
        if full {
            self.fail_task(
                key,
                task,
                &Rejection::new(Code::RateLimited, "too much is waiting for this session; try again"),
            );
            return;
        }
        let queue = &mut self.slots.slot(key).queue;
        queue.push_back(task);
        debug_assert!(queue.len() <= TASKS_MAX, "INV-8: a session's queue is full");
        self.pump(key);
    }

    /// Runs what can run of a session's queue.
    pub(super) fn pump(&mut self, key: StreamKey) {
        loop {
            let slot = self.slots.slot(key);
            let Some(front) = slot.queue.front() else { break };
            match &slot.replica {
                Replica::Loading => return,
                Replica::Cold => {
                    slot.replica = Replica::Loading;
                    self.effects.push(Effect::Load { stream: key });
                    return;
                }
                Replica::Open(_) if slot.stale => {
                    self.settle_count(key);
                    continue;
                }
                Replica::Open(_)
                    if front.reads()
                        && !planted(Fault::ReadsDoNotWait)
                        && (slot.dirty.is_some()
                            || self.commits.is_staged(&key)
                            || self.commits.is_roster_dirty()) =>
                {
                    return;
                }
                Replica::Open(_) => {}
            }
            let Some(task) = self.slots.slot(key).queue.pop_front() else {
                break;
            };
            self.run_task(key, task);
        }
        self.drop_if_empty(key);
    }

    fn drop_if_empty(&mut self, key: StreamKey) {
        let Some(slot) = self.slots.get(&key) else { return };
        let empty = slot.session().is_some_and(|session| session.header().is_none());
        if empty && slot.row.is_none() && slot.dirty.is_none() && slot.queue.is_empty() {
            self.slots.forget(&key);
        }
    }

    fn run_task(&mut self, key: StreamKey, task: Task) {
        debug_assert!(
            !task.reads() || self.slots.get(&key).is_none_or(|slot| slot.dirty.is_none()),
            "INV-3: a session is shown with changes that are not durable"
        );
        match task {
            Task::Create { ticket, header, body, request_id, continues } => {
                self.create(key, ticket, header, body, request_id, continues)
            }
            Task::Message { ticket, body, request_id, reply_to } => {
                self.message(key, ticket, body, request_id, reply_to)
            }
            Task::Change { ticket, change } => self.change(key, ticket, change),
            Task::Call { ticket, attempt, call } => self.tool_call(key, ticket, attempt, call),
            Task::Show { ticket } => self.show(key, ticket),
            Task::Offer { records, origin } => self.offer_all(key, records, origin),
            Task::Search { ticket } => self.search_session(key, ticket),
            Task::Describe { peer } => self.describe(key, peer),
            Task::Collect { peer, theirs, bytes_max } => self.collect(key, peer, &theirs, bytes_max),
            Task::Claim => self.claim(key),
            Task::Recover => self.recover(key),
            Task::Turn { attempt, event } => self.end_turn(key, attempt, event),
            Task::Recount => self.counted(key),
            Task::Export => self.export_session(key),
        }
    }

    /// A task that cannot be done is told so to whoever waits for it.
    fn fail_task(&mut self, key: StreamKey, task: Task, rejection: &Rejection) {
        if let Some(ticket) = task.ticket() {
            self.answer(ticket, Err(rejection.clone()));
        }
        match task {
            Task::Offer { origin, .. } => self.settle_offer(origin, &Offer::NoRoom, 0, None),
            Task::Search { ticket } => self.session_searched(key, ticket, None),
            Task::Describe { peer } => self.described(key, peer, Have::default()),
            Task::Collect { peer, .. } => self.collected(key, peer, Vec::new(), false),
            Task::Export => self.exporter.skip(key),
            Task::Claim => self.claimed(key),
            Task::Recount => self.counted(key),
            Task::Turn { attempt, .. } => self.forget_turn(attempt),
            Task::Create { .. }
            | Task::Message { .. }
            | Task::Change { .. }
            | Task::Call { .. }
            | Task::Show { .. }
            | Task::Recover => {}
        }
    }

    pub(super) fn on_loaded(&mut self, key: StreamKey, records: Result<Vec<Vec<u8>>, String>) {
        let records = match records {
            Ok(records) => records,
            Err(error) => return self.on_unreadable(key, &error),
        };
        let mut session = Session::new(self.roster.workspace(), key);
        for wire in &records {
            if let Ok(Received::Record(record)) = Signed::<Unverified>::decode(wire) {
                session.restore(record.trust(), &self.roster);
            }
        }
        if session.len() + session.aside() != records.len() {
            return self.on_unreadable(key, "its stored records do not fit together");
        }
        self.slots.open += 1;
        let is_settled = self.has_settled_row(&key);
        let slot = self.slots.slot(key);
        slot.replica = Replica::Open(Box::new(Open::new(session)));
        // A disk that lied lost records, or their places: the row is made anew, and peers bring what it spoke of.
        slot.stale |= is_settled && slot.row.as_ref().is_some_and(|row| row.records != records.len() as u64);
        debug_assert!(
            !self.has_settled_row(&key)
                || self.slots.get(&key).and_then(|s| s.row.clone()) == self.row_of(&key),
            "INV-10: the stored row of {key} is not what its records come to"
        );
        self.pump(key);
    }

    /// One broken session never stops another (INV-9): its tasks fail, the rest goes on.
    fn on_unreadable(&mut self, key: StreamKey, error: &str) {
        let slot = self.slots.slot(key);
        slot.replica = Replica::Cold;
        let tasks = std::mem::take(&mut slot.queue);
        let rejection = Rejection::new(Code::StoreFailed, format!("this session cannot be read: {error}"));
        for task in tasks {
            self.fail_task(key, task, &rejection);
        }
    }

    /// Forgets a replica whose changes were not stored: the store has the truth.
    pub(super) fn reload(&mut self, key: StreamKey) {
        let slot = self.slots.slot(key);
        slot.dirty = None;
        if matches!(slot.replica, Replica::Open(_)) {
            slot.replica = Replica::Cold;
            self.slots.open = self.slots.open.saturating_sub(1);
        }
        self.pump(key);
    }

    /// The view of a session, if it is open and something of it counts. It is folded once for each of its states.
    pub(super) fn view(&mut self, key: &StreamKey) -> Option<Arc<View>> {
        let view = self.view_held(key)?;
        self.session(key).is_some_and(|session| !session.is_empty()).then_some(view)
    }

    /// A session, if it is open.
    pub(super) fn session(&self, key: &StreamKey) -> Option<&Session> {
        self.slots.get(key)?.session()
    }

    fn view_held(&mut self, key: &StreamKey) -> Option<Arc<View>> {
        match &mut self.slots.get_mut(key)?.replica {
            Replica::Open(open) => open.view(self.roster.standing()),
            Replica::Cold | Replica::Loading => None,
        }
    }

    /// The row of an open session that has a record, whether anything of it counts or not.
    pub(super) fn row_of(&mut self, key: &StreamKey) -> Option<IndexRow> {
        let view = self.view_held(key)?;
        Some(IndexRow::of(self.session(key)?, &view, self.standing()))
    }

    fn show(&mut self, key: StreamKey, ticket: Ticket) {
        let answer = self.view(&key).map(|view| {
            let before = view.continues.and_then(|previous| self.slots.get(&previous)?.row.as_ref());
            let delivery =
                self.session(&key).map(|session| self.delivery(session, &view)).unwrap_or_default();
            super::Answer::Session { continues: before.map(|row| row.id), view, delivery }
        });
        self.answer(
            ticket,
            answer.ok_or_else(|| Rejection::new(Code::QuickSessionNotFound, "there is no such session")),
        );
    }

    fn describe(&mut self, key: StreamKey, peer: DeviceKey) {
        let have =
            self.slots.get(&key).and_then(Slot::session).map(super::showing::have_of).unwrap_or_default();
        self.described(key, peer, have);
    }

    fn collect(&mut self, key: StreamKey, peer: DeviceKey, theirs: &Have, bytes_max: usize) {
        let Some(session) = self.slots.get(&key).and_then(Slot::session) else {
            return self.collected(key, peer, Vec::new(), false);
        };
        let missing = session.missing_for(&theirs.heads, &super::showing::counts_of(theirs));
        debug_assert!(
            missing.iter().all(|record| session.entry(&record.id()).is_some_and(Entry::is_counted)),
            "INV-5: a peer would be sent what does not count"
        );
        let (records, more) = super::showing::fill(missing.into_iter(), bytes_max);
        self.collected(key, peer, records, more);
    }
}

#[cfg(test)]
mod tests;
