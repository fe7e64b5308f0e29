//! What a replica keeps of records that it did not admit. A bounded [`Room`] for those whose past is not here yet: a
//! record waits for one missing id at a time and is offered again when that id comes; when the room is full, whoever has
//! most in it makes room for others, and anti-entropy brings what is dropped again in topological order. And the
//! [`Door`], a room that also remembers whom it turned away, so that dependants of a refused record fall without a new
//! check. Neither judges anything.

use std::collections::{BTreeMap, BTreeSet};

use crate::fault::{Fault, planted};
use crate::id::{MemberId, RecordId};
use crate::limits::{REFUSED_IDS_MAX, WAITING_BYTES_MAX, WAITING_RECORDS_MAX};
use crate::rules::Refusal;
use crate::signed::{Signed, Verified};

/// The records that wait, and the ids of those that were refused.
#[derive(Debug, Clone, Default)]
pub struct Door {
    room: Room,
    refused: BTreeMap<RecordId, Refusal>,
}

impl Door {
    /// Why this record, or one that it depends on, was refused before.
    #[must_use]
    pub fn refusal(&self, id: &RecordId, deps: &[RecordId]) -> Option<Refusal> {
        let forgiven = planted(Fault::RefusedDepForgiven);
        let by_dep = || !forgiven && deps.iter().any(|dep| self.refused.contains_key(dep));
        self.refused.get(id).copied().or_else(|| by_dep().then_some(Refusal::DependsOnRefused))
    }

    /// Remembers a refusal, and lets those that waited for the record fall with it. Past the bound nothing more is
    /// remembered: such a record is judged again when it comes again, and its dependants wait for what never comes.
    pub fn refuse(&mut self, id: RecordId, refusal: Refusal) {
        let dependants = self.room.release_all(id);
        self.room.remove(&id);
        let fallen = dependants.into_iter().map(|dependant| (dependant, Refusal::DependsOnRefused));
        for (id, refusal) in std::iter::once((id, refusal)).chain(fallen) {
            if self.refused.len() < REFUSED_IDS_MAX {
                self.refused.insert(id, refusal);
            }
        }
    }

    /// Keeps a record of `owner` until `missing` comes. False when the room is full.
    pub fn wait(&mut self, record: Signed<Verified>, missing: RecordId, owner: Owner) -> bool {
        self.room.put(record, missing, owner)
    }

    /// The room.
    #[must_use]
    pub const fn room(&self) -> &Room {
        &self.room
    }

    /// The room, to take from.
    pub const fn room_mut(&mut self) -> &mut Room {
        &mut self.room
    }
}

/// Whose a waiting record is: a member's, by whichever device, or one of all who are not on the roster.
pub type Owner = Option<MemberId>;

#[derive(Debug, Clone)]
struct Waiter {
    record: Signed<Verified>,
    missing: RecordId,
    owner: Owner,
}

/// Records that wait, by the id that they wait for.
#[derive(Debug, Clone, Default)]
pub struct Room {
    records: BTreeMap<RecordId, Waiter>,
    by_missing: BTreeMap<RecordId, BTreeSet<RecordId>>,
    by_owner: BTreeMap<Owner, BTreeSet<RecordId>>,
    bytes: usize,
}

impl Room {
    /// Keeps `record` until `missing` comes. When the room is full, it takes the place of one of whoever has most here;
    /// false if that is `owner`.
    pub fn put(&mut self, record: Signed<Verified>, missing: RecordId, owner: Owner) -> bool {
        let id = record.id();
        self.remove(&id);
        while self.records.len() >= WAITING_RECORDS_MAX
            || self.bytes + record.wire().len() > WAITING_BYTES_MAX
        {
            let own = self.by_owner.get(&owner).map_or(0, BTreeSet::len);
            let most = self.by_owner.values().max_by_key(|ids| ids.len());
            let Some(last) = most.filter(|ids| ids.len() > own + 1).and_then(|ids| ids.last().copied())
            else {
                return false;
            };
            self.remove(&last);
        }
        self.bytes += record.wire().len();
        self.by_missing.entry(missing).or_default().insert(id);
        self.by_owner.entry(owner).or_default().insert(id);
        self.records.insert(id, Waiter { record, missing, owner });
        true
    }

    /// Lets a record go: it came again by another way, and its past is here now.
    pub fn remove(&mut self, id: &RecordId) -> Option<Signed<Verified>> {
        let Waiter { record, missing, owner } = self.records.remove(id)?;
        self.bytes = self.bytes.saturating_sub(record.wire().len());
        drop_from(&mut self.by_missing, &missing, id);
        drop_from(&mut self.by_owner, &owner, id);
        Some(record)
    }

    /// Takes out what waited for `id`.
    pub fn release(&mut self, id: RecordId) -> Vec<Signed<Verified>> {
        let waiters = self.by_missing.get(&id).cloned().unwrap_or_default();
        let back = if planted(Fault::WaitingLost) { 1 } else { waiters.len() };
        waiters.iter().filter_map(|waiter| self.remove(waiter)).take(back).collect()
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

    /// Whether a record for which `matters` holds waits for `id`, by itself or through others that wait.
    pub fn is_wanted(&self, id: RecordId, matters: impl Fn(&Signed<Verified>) -> bool) -> bool {
        let mut todo = vec![id];
        let mut seen = BTreeSet::new();
        while let Some(next) = todo.pop() {
            for waiter in self.by_missing.get(&next).into_iter().flatten().filter(|id| seen.insert(**id)) {
                if self.records.get(waiter).is_some_and(|waiter| matters(&waiter.record)) {
                    return true;
                }
                todo.push(*waiter);
            }
        }
        false
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

fn drop_from<K: Ord>(sets: &mut BTreeMap<K, BTreeSet<RecordId>>, key: &K, id: &RecordId) {
    if let Some(ids) = sets.get_mut(key) {
        ids.remove(id);
        if ids.is_empty() {
            sets.remove(key);
        }
    }
}
