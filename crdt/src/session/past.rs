//! The past of a set of records: what the rules may ask before a verdict, and which inputs no claim covers
//! there. Every answer is a function of that past alone, whatever else the replica holds.

use std::collections::{BTreeMap, BTreeSet};

use fixedbitset::FixedBitSet;

use super::{Entry, Session, body_of};
use crate::facts::{Facts, Live, Side, Stamp};
use crate::fault::{Fault, planted};
use crate::id::{AttemptId, RecordId};
use crate::payload::{Header, Payload};
use crate::record::Record;
use crate::rules::Past;
use crate::text::{Body, RequestId};

/// Several records, what each has in its past, and what all have.
pub(super) struct Pasts<'a> {
    session: &'a Session,
    sides: Vec<&'a Entry>,
    places: FixedBitSet,
}

impl<'a> Pasts<'a> {
    pub(super) fn of<'b>(session: &'a Session, ids: impl IntoIterator<Item = &'b RecordId>) -> Self {
        let sides: Vec<&Entry> = ids.into_iter().filter_map(|id| session.entries.get(id)).collect();
        let mut places = FixedBitSet::with_capacity(session.entries.len());
        sides.iter().for_each(|side| places.union_with(&side.past));
        Self { session, sides, places }
    }

    pub(super) fn sides(&self) -> impl Iterator<Item = &'a Entry> {
        self.sides.iter().copied()
    }

    /// What holds in all of them together.
    pub(super) fn facts(&self) -> Facts {
        let sides = self.sides().map(|entry| Side { facts: &entry.facts, past: &entry.past });
        let place = |id: &RecordId| self.session.entries.get(id).map(|entry| entry.at);
        Facts::join(&sides.collect::<Vec<_>>(), place)
    }

    /// Whether a record is in the past of one of them, or one of them.
    pub(super) fn have(&self, entry: &Entry) -> bool {
        self.places.contains(entry.at)
    }

    /// Whether `id` is in the past of one of the records, or one of them.
    pub(super) fn contains(&self, id: &RecordId) -> bool {
        self.session.entries.get(id).is_some_and(|entry| self.have(entry))
    }

    /// Whether `id` is in the past of one of the records other than itself.
    pub(super) fn covers(&self, id: &RecordId) -> bool {
        let entry = self.session.entries.get(id);
        let mut others = self.sides.iter().filter(|side| side.signed.id() != *id);
        entry.is_some_and(|entry| others.any(|side| side.has_seen(entry)))
    }
}

/// The past of a record that is being judged.
pub(super) struct PastOf<'a> {
    session: &'a Session,
    pasts: Pasts<'a>,
    facts: Facts,
}

impl<'a> PastOf<'a> {
    pub(super) fn new(session: &'a Session, deps: &[RecordId]) -> Self {
        let pasts = Pasts::of(session, deps);
        let mut facts = pasts.facts();
        facts.titled |= planted(Fault::GateByState) && session.facts().titled;
        Self { session, pasts, facts }
    }

    pub(super) const fn pasts(&self) -> &Pasts<'a> {
        &self.pasts
    }

    /// The facts, and the places of all that is in it.
    pub(super) fn into_parts(self) -> (Facts, FixedBitSet) {
        (self.facts, self.pasts.places)
    }
}

impl Past for PastOf<'_> {
    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn header(&self) -> Option<&Header> {
        self.session.header()
    }

    fn record(&self, id: &RecordId) -> Option<&Record> {
        let entry = self.session.entries.get(id)?;
        self.pasts.contains(id).then(|| entry.signed.record())
    }

    fn claims(&self, attempt: &AttemptId) -> Vec<RecordId> {
        let claims = self.session.claims_of(attempt).iter().copied();
        claims.filter(|claim| self.pasts.contains(claim)).collect()
    }

    fn has_failed(&self, attempt: &AttemptId) -> bool {
        let failures = self.session.failures.get(attempt).map_or(&[][..], Vec::as_slice);
        failures.iter().any(|failure| self.pasts.contains(failure))
    }

    fn has_input(&self) -> bool {
        !self.session.inputs_of(&self.pasts, &self.facts.covers).is_empty()
    }
}

/// What an input asks for: two that ask for the same are one.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Ask<'a> {
    Message(&'a RequestId),
    Retry(AttemptId),
}

impl<'a> Ask<'a> {
    fn of(payload: &'a Payload) -> Option<Self> {
        match payload {
            Payload::Open { request_id, .. } | Payload::Message { request_id, .. } => {
                Some(Self::Message(request_id))
            }
            Payload::Retry { attempt } => Some(Self::Retry(*attempt)),
            _ => None,
        }
    }
}

impl Session {
    /// Messages and retries in the past of `deps` (these included) that no claim there covers and that repeat
    /// none that one covers: what the agent still has to answer.
    #[must_use]
    pub fn inputs(&self, deps: &[RecordId]) -> BTreeSet<RecordId> {
        let pasts = Pasts::of(self, deps);
        self.inputs_of(&pasts, &pasts.facts().covers)
    }

    /// The same, for who knows the maximal claims in the past of `deps` already.
    #[must_use]
    pub fn inputs_beyond(&self, deps: &[RecordId], covers: &Live) -> BTreeSet<RecordId> {
        self.inputs_of(&Pasts::of(self, deps), covers)
    }

    fn inputs_of(&self, pasts: &Pasts<'_>, covers: &Live) -> BTreeSet<RecordId> {
        let uncovered = self.uncovered(pasts, covers);
        let mut answered: BTreeMap<Ask<'_>, BTreeSet<Option<&Body>>> = BTreeMap::new();
        let mut inputs = BTreeSet::new();
        for entry in uncovered.iter().filter_map(|id| self.entries.get(id)) {
            let payload = &entry.signed.record().payload;
            let (Some(ask), Some(key)) = (Ask::of(payload), Ask::of(payload)) else {
                continue;
            };
            let bodies = answered.entry(key).or_insert_with(|| {
                let covered = |id: &&RecordId| !uncovered.contains(*id) && pasts.contains(id);
                let same = self.asking(&ask).iter().filter(covered);
                same.map(|id| self.body(id)).collect()
            });
            if !bodies.contains(&body_of(payload)) {
                inputs.insert(entry.signed.id());
            }
        }
        inputs
    }

    fn asking(&self, ask: &Ask<'_>) -> &[RecordId] {
        let found = match ask {
            Ask::Message(request) => self.requests.get(*request),
            Ask::Retry(attempt) => self.retries.get(attempt),
        };
        found.map_or(&[], Vec::as_slice)
    }

    fn body(&self, id: &RecordId) -> Option<&Body> {
        body_of(&self.entries.get(id)?.signed.record().payload)
    }

    /// Records in `pasts` that are in the past of none of `covers`. Goes from the newest stamp down, so that
    /// a record is reached after all that depend on it, and stops when only covered ones are left.
    fn uncovered(&self, pasts: &Pasts<'_>, covers: &Live) -> BTreeSet<RecordId> {
        let mut todo: BTreeMap<Stamp, bool> = BTreeMap::new();
        let mut live: BTreeSet<Stamp> = BTreeSet::new();
        let mut found = BTreeSet::new();
        let reach = |todo: &mut BTreeMap<Stamp, bool>, live: &mut BTreeSet<Stamp>, entry: &Entry, covered| {
            let mark = todo.entry(entry.stamp()).or_insert(false);
            *mark |= covered || covers.contains(&entry.signed.id());
            if *mark {
                live.remove(&entry.stamp());
            } else {
                live.insert(entry.stamp());
            }
        };
        for entry in pasts.sides() {
            reach(&mut todo, &mut live, entry, false);
        }
        while !live.is_empty() {
            let Some((stamp, covered)) = todo.pop_last() else {
                break;
            };
            if live.remove(&stamp) {
                found.insert(stamp.1);
            }
            let deps = self.entries.get(&stamp.1).map_or(&[][..], |entry| &entry.signed.record().deps);
            for entry in deps.iter().filter_map(|dep| self.entries.get(dep)) {
                reach(&mut todo, &mut live, entry, covered);
            }
        }
        found
    }
}
