//! Records of later versions. A record that this version does not understand is held as it came, in a table of its own,
//! and offered again at the start of a version that does: as if a peer had brought it, signature and all. They are read
//! in slices, the roster's first, one slice after the other: a start does not wait for them, and few are in memory.
//!
//! A held record leaves the table in the batch that stores it as part of its stream, whichever way it came, or when it
//! turns out to be none. One that waits for its past, or is still of a later version, stays for the next start.

use std::collections::{BTreeMap, VecDeque};

use starling_crdt::id::{RecordId, StreamKey};
use starling_crdt::signed::{Received, Signed, Unverified, Verified};

use super::Node;
use super::ingest::Origin;
use super::input::Effect;
use super::task::Task;

/// Records of later versions that are held for an upgrade. Anybody on the roster can send such: nothing of them can be
/// checked here.
const HELD_MAX: usize = 10_000;
/// Held records that are read and offered at a time: 8 MB of the largest.
const SLICE: usize = 64;

/// Where a held record is: the stream that it names, and its id.
pub type Place = (StreamKey, RecordId);

/// What is held, and what of it has yet to be looked at.
#[derive(Debug, Default)]
pub(super) struct Aside {
    held: BTreeMap<RecordId, StreamKey>,
    todo: VecDeque<Place>,
    /// Parts of the slice in work: what is being read, then each stream's records.
    parts: usize,
}

impl Aside {
    /// What the store holds; all of it is to be offered, the roster's first.
    pub(super) fn load(stored: &[Place], roster: StreamKey) -> Self {
        let held = stored.iter().map(|(stream, id)| (*id, *stream)).collect();
        let mut aside = Self { held, ..Self::default() };
        aside.start_over(roster);
        aside
    }

    fn start_over(&mut self, roster: StreamKey) {
        let places = self.held.iter().map(|(id, stream)| (*stream, *id));
        let (first, then): (Vec<_>, Vec<_>) = places.partition(|(stream, _)| *stream == roster);
        self.todo = first.into_iter().chain(then).collect();
    }
}

impl Node {
    /// Holds a record of a later version, once, if there is room.
    pub(super) fn hold(&mut self, stream: StreamKey, id: RecordId, wire: Vec<u8>) {
        if self.aside.held.len() < HELD_MAX && !self.aside.held.contains_key(&id) {
            self.aside.held.insert(id, stream);
            self.commits.stage_aside(stream, id, wire);
        }
    }

    /// A record has its place in a stream, or never will: it need not be held any more.
    pub(super) fn release(&mut self, id: &RecordId) {
        if let Some(stream) = self.aside.held.remove(id) {
            self.commits.stage_released(stream, *id);
        }
    }

    /// Reads the next slice of what is held, unless one is in work.
    pub(super) fn offer_held(&mut self) {
        if self.aside.parts > 0 || self.aside.todo.is_empty() || self.stopping {
            return;
        }
        let count = self.aside.todo.len().min(SLICE);
        let places = self.aside.todo.drain(..count).collect();
        self.aside.parts = 1;
        self.effects.push(Effect::LoadAside { places });
    }

    /// A slice was read: what this version understands is offered.
    pub(super) fn on_aside_loaded(&mut self, records: Result<Vec<(RecordId, Vec<u8>)>, String>) {
        // What cannot be read stays as it is for the next start.
        let records = records.unwrap_or_default();
        let mut streams: BTreeMap<StreamKey, Vec<Signed<Verified>>> = BTreeMap::new();
        for (id, wire) in records {
            match Signed::<Unverified>::decode(&wire) {
                Ok(Received::NeedsUpgrade { .. }) => {}
                Ok(Received::Record(record)) => match record.verify() {
                    Ok(record) if record.id() == id => {
                        streams.entry(record.stream()).or_default().push(record);
                    }
                    Ok(_) | Err(_) => self.release(&id),
                },
                Err(_) => self.release(&id),
            }
        }
        let roster = streams.remove(&self.roster.key()).unwrap_or_default();
        self.offer_roster(roster);
        self.aside.parts += streams.len();
        for (stream, records) in streams {
            self.with_session(stream, Task::Offer { records, origin: Origin::Aside });
        }
        self.commits.finish_aside();
    }

    /// Parts of a slice are durable, or need not be: after the last one comes the next slice.
    pub(super) fn aside_parts_done(&mut self, parts: usize) {
        self.aside.parts = self.aside.parts.saturating_sub(parts);
        if parts > 0 {
            self.offer_held();
        }
    }

    /// A commit failed: these are not held, or still are. Sessions lost what waited in them for its past, so all that is
    /// held is offered again, when what failed is retried.
    pub(super) fn aside_failed(&mut self, parts: usize, held: Vec<Place>, released: Vec<Place>) {
        for (_, id) in held {
            self.aside.held.remove(&id);
        }
        self.aside.held.extend(released.into_iter().map(|(stream, id)| (id, stream)));
        self.aside.parts = self.aside.parts.saturating_sub(parts);
        self.aside.start_over(self.roster.key());
    }
}
