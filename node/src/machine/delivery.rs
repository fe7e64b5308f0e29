//! On how many other devices a record is known to be. A device has a record if it wrote it, or wrote one that depends on
//! it; and if it was *in step* with us (it told that it has all that we have, in the same words of the sync machine) at
//! or after the moment when the record became durable here. For the second the node counts its own commits: each record
//! gets the count of its commit, each device the count at which it was last in step. The counts are not stored: what was
//! here when the node started is on a device once that one is in step, and until then only as far as its own records say.
//!
//! So an answer may lag, or name fewer devices than have the record; it names none that has not said that it has it.

use std::collections::{BTreeMap, VecDeque};

use starling_crdt::id::{DeviceKey, RecordId, StreamKey};
use starling_crdt::session::Session;
use starling_crdt::view::View;

use super::Node;
use super::info::{Delivery, Notice};
use super::input::Effect;

/// Records whose commit is remembered. Older ones are taken for as new as the newest that was forgotten.
const RECORDS_MAX: usize = 8_192;
/// Devices whose records are looked at for what they depend on: the bits of a set. Of more, the first ones by key.
const AUTHORS_MAX: usize = u128::BITS as usize;
/// Clients hear of peers at most this often, ms: each time they read what is shown to them anew.
const NOTICE_MS: u64 = 500;

/// What is known of the whereabouts of records.
#[derive(Debug, Default)]
pub(super) struct Deliveries {
    /// Commits that are told to peers.
    commits: u64,
    records: BTreeMap<RecordId, u64>,
    order: VecDeque<RecordId>,
    /// The commit of records that are not remembered: none of theirs was later.
    floor: u64,
    /// Sessions in which something counts that did not before: their records are taken for as new as that.
    recounted: BTreeMap<StreamKey, u64>,
    /// The commit at which a device was last in step.
    in_step: BTreeMap<DeviceKey, u64>,
    /// Something is to be told of peers.
    news: bool,
    told_at_ms: u64,
}

impl Deliveries {
    /// What is durable now, and about to be told to peers: until [`Deliveries::told`] nobody is in step with it.
    pub(super) fn durable<'a>(
        &mut self,
        changes: impl Iterator<Item = &'a RecordId>,
        recounted: impl Iterator<Item = &'a StreamKey>,
    ) {
        let next = self.commits + 1;
        for id in changes {
            if self.records.insert(*id, next).is_none() {
                self.order.push_back(*id);
            }
        }
        self.recounted.extend(recounted.map(|key| (*key, next)));
        while self.order.len() > RECORDS_MAX {
            let Some(oldest) = self.order.pop_front() else { break };
            self.floor = self.floor.max(self.records.remove(&oldest).unwrap_or_default());
        }
    }

    /// The sync machine knows of all that is durable.
    pub(super) const fn told(&mut self) {
        self.commits += 1;
    }

    /// The commit of a record that is durable, or a later one.
    fn commit_of(&self, key: &StreamKey, id: &RecordId) -> u64 {
        let commit = self.records.get(id).copied().unwrap_or(self.floor);
        commit.max(self.recounted.get(key).copied().unwrap_or_default())
    }

    fn has(&self, device: &DeviceKey, commit: u64) -> bool {
        self.in_step.get(device).is_some_and(|at| *at >= commit)
    }

    /// Peers came, went or caught up: clients are to hear of it.
    pub(super) const fn peers_changed(&mut self) {
        self.news = true;
    }
}

impl Node {
    /// The devices that could have a record too: all others of the workspace in good standing.
    fn others(&self) -> impl Iterator<Item = &DeviceKey> {
        self.standing().admitted_devices().filter(|device| **device != self.me)
    }

    /// For a session that was just made or found: nothing is claimed yet of its records.
    pub(super) fn undelivered(&self) -> Delivery {
        Delivery { devices: self.others().count(), on: Vec::new() }
    }

    /// Where the lines of a session are known to be. All of them are durable.
    pub(super) fn delivery(&self, session: &Session, view: &View) -> Delivery {
        let others: Vec<DeviceKey> = self.others().copied().collect();
        let holders = holders(session, &others);
        let on = view.lines.iter().map(|line| {
            let commit = self.deliveries.commit_of(&view.key, &line.message_id);
            let held = holders.get(&line.message_id).copied().unwrap_or_default();
            let has = |(place, device): &(usize, &DeviceKey)| {
                bit(*place) & held != 0 || self.deliveries.has(device, commit)
            };
            others.iter().enumerate().filter(has).count()
        });
        Delivery { devices: others.len(), on: on.collect() }
    }

    /// Notes who is in step, and tells clients what is new of peers, but not too often. Comes last, when the sync machine
    /// has heard of everything.
    pub(super) fn note_deliveries(&mut self) {
        let commits = self.deliveries.commits;
        for device in self.proto.in_step() {
            if self.deliveries.in_step.insert(device, commits) != Some(commits) {
                self.deliveries.news = true;
            }
        }
        if !self.deliveries.news {
            return;
        }
        let at = self.deliveries.told_at_ms.saturating_add(NOTICE_MS);
        if self.now < at {
            return self.wake("peers", at);
        }
        self.deliveries.news = false;
        self.deliveries.told_at_ms = self.now;
        self.effects.push(Effect::Notify(Notice::Peers));
    }
}

/// The place of a device in a set; none for one beyond the bits.
fn bit(place: usize) -> u128 {
    if place < AUTHORS_MAX { 1 << place } else { 0 }
}

/// For each record, the devices that wrote it, or one that depends on it.
fn holders(session: &Session, devices: &[DeviceKey]) -> BTreeMap<RecordId, u128> {
    let places: BTreeMap<_, _> =
        devices.iter().zip(0..).map(|(device, place)| (device, bit(place))).collect();
    let entries: Vec<_> = session.admitted().collect();
    let mut held: BTreeMap<RecordId, u128> = BTreeMap::new();
    // From the newest on, so that a record comes after all that depend on it.
    for entry in entries.into_iter().rev() {
        let record = entry.signed.record();
        let own = places.get(&record.author).copied().unwrap_or_default();
        let set = held.entry(entry.signed.id()).or_default();
        *set |= own;
        let set = *set;
        for dep in record.deps.iter().filter(|_| set != 0) {
            *held.entry(*dep).or_default() |= set;
        }
    }
    held
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u64) -> RecordId {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        RecordId::from_bytes(bytes)
    }

    const KEY: StreamKey = StreamKey::from_bytes([1; 32]);
    const DEVICE: DeviceKey = DeviceKey::from_bytes([2; 32]);

    #[test]
    fn a_device_has_what_was_told_when_it_was_in_step_and_nothing_later() {
        let mut known = Deliveries::default();
        assert!(!known.has(&DEVICE, known.commit_of(&KEY, &id(1))), "it was never in step");
        known.in_step.insert(DEVICE, known.commits);
        assert!(known.has(&DEVICE, known.commit_of(&KEY, &id(1))), "what was here before is on it");
        known.durable([id(2)].iter(), [].iter());
        known.in_step.insert(DEVICE, known.commits);
        assert!(!known.has(&DEVICE, known.commit_of(&KEY, &id(2))), "it was not told of this one");
        known.told();
        assert!(!known.has(&DEVICE, known.commit_of(&KEY, &id(2))));
        known.in_step.insert(DEVICE, known.commits);
        assert!(known.has(&DEVICE, known.commit_of(&KEY, &id(2))));
        known.durable([].iter(), [KEY].iter());
        known.told();
        assert!(!known.has(&DEVICE, known.commit_of(&KEY, &id(2))), "something else counts now");
    }

    #[test]
    fn what_is_forgotten_is_taken_for_newer_than_it_is() {
        let mut known = Deliveries::default();
        known.in_step.insert(DEVICE, 1);
        for number in 0..=RECORDS_MAX as u64 {
            known.durable([id(number)].iter(), [].iter());
            known.told();
        }
        assert_eq!((known.records.len(), known.floor), (RECORDS_MAX, 1));
        known.durable([id(u64::MAX)].iter(), [].iter());
        assert_eq!(known.commit_of(&KEY, &id(0)), 2, "it was the first");
        assert!(!known.has(&DEVICE, known.commit_of(&KEY, &id(0))));
    }
}
