//! A bounded room for records whose past is not here yet. A record waits for one missing id at a time and is
//! offered again when that id comes. The room judges nothing; when it is full the record is dropped, and
//! anti-entropy brings it again in topological order.

use std::collections::{BTreeMap, BTreeSet};

use crate::id::RecordId;
use crate::signed::{Signed, Verified};

/// Records that wait, by the id that they wait for.
#[derive(Debug, Clone, Default)]
pub struct Room {
    records: BTreeMap<RecordId, (Signed<Verified>, RecordId)>,
    by_missing: BTreeMap<RecordId, BTreeSet<RecordId>>,
}

impl Room {
    /// Keeps `record` until `missing` comes. Returns false when the room holds `max` records already.
    pub fn put(&mut self, record: Signed<Verified>, missing: RecordId, max: usize) -> bool {
        if self.records.len() >= max && !self.records.contains_key(&record.id()) {
            return false;
        }
        self.remove(&record.id());
        self.by_missing.entry(missing).or_default().insert(record.id());
        self.records.insert(record.id(), (record, missing));
        true
    }

    /// Lets a record go: it came again by another way, and its past is here now.
    pub fn remove(&mut self, id: &RecordId) {
        let Some((_, missing)) = self.records.remove(id) else {
            return;
        };
        if let Some(waiters) = self.by_missing.get_mut(&missing) {
            waiters.remove(id);
            if waiters.is_empty() {
                self.by_missing.remove(&missing);
            }
        }
    }

    /// Takes out what waited for `id`.
    pub fn release(&mut self, id: RecordId) -> Vec<Signed<Verified>> {
        let waiters = self.by_missing.remove(&id).unwrap_or_default();
        waiters.iter().filter_map(|waiter| self.records.remove(waiter)).map(|(record, _)| record).collect()
    }

    /// Takes out what waited for `id`, and what waited for those, and so on.
    pub fn release_all(&mut self, id: RecordId) -> Vec<RecordId> {
        let mut released = Vec::new();
        let mut todo = vec![id];
        while let Some(next) = todo.pop() {
            let waiters = self.release(next);
            todo.extend(waiters.iter().map(Signed::id));
            released.extend(waiters.iter().map(Signed::id));
        }
        released
    }

    /// Ids that are waited for.
    pub fn missing(&self) -> impl Iterator<Item = RecordId> + '_ {
        self.by_missing.keys().copied()
    }

    /// How many records wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Whether this record waits here.
    #[must_use]
    pub fn contains(&self, id: &RecordId) -> bool {
        self.records.contains_key(id)
    }
}
