//! Counting anew when the roster changes (INV-5). What counts of a session, and so its view, row, digest and export, is a
//! function of its records and of a part of the roster: whether its authors stand, and what cuts keep of them. A row
//! carries the digest of that part (`rows`). After a change of the roster the digest of each row is looked at; where it
//! is another one the session is *stale*. A stale session that is open is settled before anything else is done with it,
//! and all stale ones are settled in slices, a few at a time, so that ten thousand of them do not keep the loop from its
//! other work.
//!
//! A crash in the middle needs no care: rows that were not made anew still carry the old digest, and the next start
//! finds them by it. The same way makes rows that are missing.

use std::collections::BTreeSet;

use starling_crdt::id::StreamKey;
use starling_crdt::session::Session;

use super::Node;
use super::task::Task;

/// Sessions that are counted in one go, or loaded to be counted, at the same time.
const SLICE: usize = 16;
/// Pause between slices, ms: the loop looks at its other inputs.
const PAUSE_MS: u64 = 1;

/// What has yet to be counted anew.
#[derive(Debug, Default)]
pub(super) struct Recount {
    /// The roster changed since rows were looked at.
    due: bool,
    queue: BTreeSet<StreamKey>,
    loading: BTreeSet<StreamKey>,
}

impl Recount {
    /// The roster changed, or rows may be missing or were not stored.
    pub(super) const fn look(&mut self) {
        self.due = true;
    }
}

impl Node {
    /// Finds what is stale, and counts a slice of it.
    pub(super) fn recount(&mut self) {
        if std::mem::take(&mut self.recount.due) {
            self.find_stale();
        }
        for _ in 0..SLICE {
            if self.recount.loading.len() >= SLICE {
                return;
            }
            let Some(key) = self.recount.queue.pop_first() else {
                return;
            };
            self.recount.loading.insert(key);
            self.with_session(key, Task::Recount);
        }
        if self.recount.loading.is_empty() && !self.recount.queue.is_empty() {
            let at = self.now + PAUSE_MS;
            self.wake("recount", at);
        }
    }

    /// Marks what the roster of today makes something else of. A session with changes on their way is marked in any
    /// case: its stored row does not speak of them.
    fn find_stale(&mut self) {
        let standing = self.roster.standing().clone();
        let in_flight = |key: &StreamKey, dirty: bool| dirty || self.commits.is_staged(key);
        let is_stale = |key: &StreamKey, slot: &super::slots::Slot| match &slot.row {
            Some(row) => in_flight(key, slot.dirty.is_some()) || !row.is_current(key, &standing),
            None => true,
        };
        let stale: Vec<StreamKey> =
            self.slots.all().filter(|(key, slot)| is_stale(key, slot)).map(|(key, _)| *key).collect();
        for key in stale {
            if let Some(slot) = self.slots.get_mut(&key) {
                slot.stale = true;
            }
            self.recount.queue.insert(key);
        }
    }

    /// Counts an open session anew if it is stale, and stages its row. One that is not open was counted under the roster
    /// of its time when it is opened; its row is made then.
    pub(super) fn settle_count(&mut self, key: StreamKey) {
        let standing = self.roster.standing().clone();
        let Some(slot) = self.slots.get_mut(&key).filter(|slot| slot.stale) else {
            return;
        };
        let Some(session) = slot.session_mut() else {
            return;
        };
        session.recount(&standing);
        debug_assert!(
            session.closure_of_standing(&standing).len() == session.len(),
            "INV-5: what counts is not the closure of what stands"
        );
        let named = session.header().map(|header| header.session);
        slot.stale = false;
        self.recount.queue.remove(&key);
        if let Some(id) = named {
            self.slots.name(id, key);
            self.commits.stage_recounted(key);
        }
    }

    /// A session that was opened to be counted is settled, or cannot be read.
    pub(super) fn counted(&mut self, key: StreamKey) {
        self.recount.loading.remove(&key);
    }

    /// Whether a session has a stored row that is to be trusted: nothing is on its way, and the roster is the same.
    pub(super) fn has_settled_row(&self, key: &StreamKey) -> bool {
        let settled = |slot: &super::slots::Slot| slot.row.is_some() && slot.dirty.is_none() && !slot.stale;
        !self.recount.due && !self.commits.is_staged(key) && self.slots.get(key).is_some_and(settled)
    }

    /// Whether a session has records of which none counts.
    pub(super) fn is_hidden(&self, key: &StreamKey) -> bool {
        let session = self.slots.get(key).and_then(|slot| slot.session());
        session.is_some_and(|session: &Session| session.is_empty() && session.header().is_some())
    }
}
