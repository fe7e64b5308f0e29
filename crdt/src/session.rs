//! One replica of a session: it takes records in any order, admits those whose past is here and whose verdict is good,
//! and keeps the graph, the facts and the automerge mirror. It never stores, sends or signs.
//!
//! Admitted is for ever: a verdict looks at the record's past alone. *Counted* is a part of it that can shrink
//! (`counted`): what everybody sees, compares and passes on. Whatever here says "records" or "heads" without more means
//! the counted ones. Order of use: [`Session::new`], then [`Session::offer`] for each verified record,
//! [`Session::recount`] when the roster changed, and `view::fold` to see.

mod counted;
mod entries;
mod graph;
mod past;

pub use graph::{AuthorCounts, body_of};

use std::collections::{BTreeMap, BTreeSet};

use fixedbitset::FixedBitSet;

use crate::document::Document;
use crate::facts::{Facts, Stamp};
use crate::fault::{Fault, planted};
use crate::id::{AttemptId, DeviceKey, RecordId, StreamKey, WorkspaceId};
use crate::limits::ASIDE_RECORDS_MAX;
use crate::payload::{Header, Payload};
use crate::record::Record;
use crate::roster::{Roster, Standing};
use crate::rules::{Refusal, judge};
use crate::signed::{Signed, Verified};
use crate::text::RequestId;
use crate::waiting::Door;
use entries::Entries;

/// What became of an offered record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Offer {
    /// Admitted, together with those that had waited for it, in topological order.
    Admitted(Vec<Signed<Verified>>),
    /// Its past, or its roster records, are not here: `missing` names one of them.
    Waiting {
        /// A dep or roster head that is unknown.
        missing: RecordId,
    },
    /// The room for waiting records, or for those that do not count, is full; it will have to come again.
    NoRoom,
    /// It breaks a rule, or depends on one that does.
    Refused(Refusal),
    /// It is here already.
    Known,
}

/// An admitted record with what is known of its past.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The record.
    pub signed: Signed<Verified>,
    /// What holds in its past, itself included.
    pub facts: Facts,
    /// How many records of its author are in its past, itself included.
    pub seq: u32,
    /// The agent's epoch at its roster heads, for a record of the agent; else 0.
    pub epoch: u32,
    /// Its place in the order of admission.
    at: usize,
    /// The places of its past, itself included: exact whoever forked, and small beside what automerge keeps.
    past: FixedBitSet,
    counted: bool,
}

impl Entry {
    /// Whether it counts: its author, or one of a record that depends on it, is in good standing, or a cut keeps it.
    #[must_use]
    pub const fn is_counted(&self) -> bool {
        self.counted
    }

    /// Whether `other`, of the same replica, is in its past, or is it.
    #[must_use]
    pub fn has_seen(&self, other: &Self) -> bool {
        self.past.contains(other.at)
    }

    /// The record's place in the canonical order.
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        (self.facts.lamport, self.signed.id())
    }
}

#[derive(Debug, Clone, Default)]
struct AuthorLog {
    /// Places of its records.
    places: Vec<usize>,
    /// Its newest record.
    last: Option<RecordId>,
    forked: bool,
}

impl AuthorLog {
    fn count(&self) -> u32 {
        u32::try_from(self.places.len()).unwrap_or(u32::MAX)
    }
}

/// What is known of the past of a record that may be admitted.
struct Admissible {
    facts: Facts,
    /// The places of its past.
    past: FixedBitSet,
    epoch: u32,
}

/// One replica of a session.
#[derive(Debug)]
pub struct Session {
    workspace: WorkspaceId,
    key: StreamKey,
    header: Option<Header>,
    /// All that were admitted, in a topological order.
    entries: Entries,
    /// Maximal counted records.
    heads: BTreeSet<RecordId>,
    /// How many are admitted and do not count.
    aside: usize,
    authors: BTreeMap<DeviceKey, AuthorLog>,
    claims: BTreeMap<AttemptId, Vec<RecordId>>,
    failures: BTreeMap<AttemptId, Vec<RecordId>>,
    retries: BTreeMap<AttemptId, Vec<RecordId>>,
    requests: BTreeMap<RequestId, Vec<RecordId>>,
    door: Door,
    document: Option<Document>,
}

impl Session {
    /// An empty replica.
    #[must_use]
    pub fn new(workspace: WorkspaceId, key: StreamKey) -> Self {
        Self {
            workspace,
            key,
            header: None,
            entries: Entries::default(),
            heads: BTreeSet::new(),
            aside: 0,
            authors: BTreeMap::new(),
            claims: BTreeMap::new(),
            failures: BTreeMap::new(),
            retries: BTreeMap::new(),
            requests: BTreeMap::new(),
            door: Door::default(),
            document: None,
        }
    }

    /// Offers a verified record. Returns what was admitted by it; a second offer of the same record changes
    /// nothing.
    pub fn offer(&mut self, record: Signed<Verified>, roster: &Roster) -> Offer {
        match self.offer_one(record, roster, false) {
            Offer::Admitted(first) => Offer::Admitted(self.release(first, roster)),
            other => other,
        }
    }

    /// Takes back a record that was admitted before and stored: as [`Session::offer`], but it has its place whether it
    /// counts today or not.
    pub fn restore(&mut self, record: Signed<Verified>, roster: &Roster) -> Offer {
        self.offer_one(record, roster, true)
    }

    /// Offers again what waited for a roster record. Returns what was admitted.
    pub fn roster_grew(&mut self, id: RecordId, roster: &Roster) -> Vec<Signed<Verified>> {
        let mut admitted = Vec::new();
        for record in self.door.room_mut().release(id) {
            if let Offer::Admitted(more) = self.offer(record, roster) {
                admitted.extend(more);
            }
        }
        admitted
    }

    /// Offers what waited for records that were just admitted, until nothing moves.
    fn release(&mut self, mut admitted: Vec<Signed<Verified>>, roster: &Roster) -> Vec<Signed<Verified>> {
        let mut next = 0;
        while let Some(id) = admitted.get(next).map(Signed::id) {
            next += 1;
            for record in self.door.room_mut().release(id) {
                if let Offer::Admitted(more) = self.offer_one(record, roster, false) {
                    admitted.extend(more);
                }
            }
        }
        admitted
    }

    fn offer_one(&mut self, signed: Signed<Verified>, roster: &Roster, stored: bool) -> Offer {
        let id = signed.id();
        if self.entries.contains_key(&id) {
            return Offer::Known;
        }
        let record = signed.record();
        if signed.stream() != self.key || record.workspace != self.workspace || record.is_roster() {
            return Offer::Refused(Refusal::Stranger);
        }
        if let Some(refusal) = self.door.refusal(&id, &record.deps) {
            self.door.refuse(id, refusal);
            return Offer::Refused(refusal);
        }
        let mut missing_dep = record.deps.iter().find(|dep| !self.entries.contains_key(dep));
        missing_dep = missing_dep.filter(|dep| !self.forgiven(dep));
        let missing_roster = record.roster.iter().find(|head| !roster.contains(head));
        if let Some(missing) = missing_dep.or(missing_roster).copied() {
            let owner = roster.standing().device(&signed.record().author).map(|device| device.member);
            let kept = self.door.wait(signed, missing, owner);
            return if kept { Offer::Waiting { missing } } else { Offer::NoRoom };
        }
        self.door.room_mut().remove(&id);
        if !stored && !self.has_room_for(&signed, roster.standing()) {
            return Offer::NoRoom;
        }
        match self.verdict(record, roster) {
            Ok(verdict) => {
                self.admit(signed.clone(), verdict);
                self.count(&signed, roster.standing());
                Offer::Admitted(vec![signed])
            }
            Err(refusal) => {
                self.door.refuse(id, refusal);
                Offer::Refused(refusal)
            }
        }
    }

    /// Planted bugs only: a dep that is not here and is not asked for either.
    fn forgiven(&self, dep: &RecordId) -> bool {
        planted(Fault::DepsNotAwaited)
            || planted(Fault::RefusedDepForgiven) && self.door.refusal(dep, &[]).is_some()
    }

    /// The verdict and, if it is good, the facts of the past and the agent's epoch. A function of the record's past alone.
    fn verdict(&self, record: &Record, roster: &Roster) -> Result<Admissible, Refusal> {
        let past = past::PastOf::new(self, &record.deps);
        self.check_deps(record, roster, past.pasts())?;
        let standing = roster.at(&record.roster).ok_or(Refusal::Stranger)?;
        judge(record, &past, &standing)?;
        let agent = self.header.as_ref().filter(|_| record.payload.turn().is_some());
        let epoch = agent.and_then(|header| standing.agent(&header.agent)).map_or(0, |agent| agent.epoch);
        let (facts, past) = past.into_parts();
        Ok(Admissible { facts, past, epoch })
    }

    fn check_deps(&self, record: &Record, roster: &Roster, pasts: &past::Pasts<'_>) -> Result<(), Refusal> {
        for dep in &record.deps {
            if pasts.covers(dep) && !planted(Fault::AntichainNotChecked) {
                return Err(Refusal::DepsNotAntichain);
            }
            let known = self.entries.get(dep).map_or(&[][..], |entry| &entry.signed.record().roster);
            if !roster.dominates(&record.roster, known) && !planted(Fault::RosterMayGoBack) {
                return Err(Refusal::RosterWentBack);
            }
        }
        Ok(())
    }

    fn admit(&mut self, signed: Signed<Verified>, admissible: Admissible) {
        let Admissible { facts, mut past, epoch } = admissible;
        let (id, record) = (signed.id(), signed.record());
        let deps_are_here = record.deps.iter().all(|dep| self.entries.contains_key(dep));
        debug_assert!(
            deps_are_here || planted(Fault::DepsNotAwaited) || planted(Fault::RefusedDepForgiven),
            "INV-4: a record is admitted before its deps"
        );
        if let Payload::Open { header, .. } = &record.payload {
            self.header.get_or_insert_with(|| header.clone());
        }
        let at = self.entries.len();
        let seq = self.log_author(&record.author, id, &past);
        past.grow_and_insert(at);
        let facts = self.advance(facts, record, id);
        self.index(&record.payload, id);
        self.entries.push(id, Entry { signed, facts, seq, epoch, at, past, counted: false });
        self.aside += 1;
    }

    /// Adds a record with this past to its author's. Returns its number among them.
    fn log_author(&mut self, author: &DeviceKey, id: RecordId, past: &FixedBitSet) -> u32 {
        let log = self.authors.entry(*author).or_default();
        let seen = log.places.iter().rev().filter(|at| past.contains(**at));
        let mut seen = seen.filter_map(|at| self.entries.at(*at)).map(|entry| entry.seq);
        let seen = if log.forked { seen.max() } else { seen.next() }.unwrap_or(0);
        log.forked |= seen != log.count();
        log.places.push(self.entries.len());
        log.last = Some(id);
        seen + 1
    }

    fn index(&mut self, payload: &Payload, id: RecordId) {
        match payload {
            Payload::Open { request_id, .. } | Payload::Message { request_id, .. } => {
                self.requests.entry(request_id.clone()).or_default().push(id);
            }
            Payload::Claim { turn } => self.claims.entry(turn.attempt).or_default().push(id),
            Payload::Failure { turn, .. } => self.failures.entry(turn.attempt).or_default().push(id),
            Payload::Retry { attempt } => self.retries.entry(*attempt).or_default().push(id),
            _ => {}
        }
    }

    /// The session's key.
    #[must_use]
    pub const fn key(&self) -> StreamKey {
        self.key
    }

    /// Who the session is; `None` before its first record.
    #[must_use]
    pub const fn header(&self) -> Option<&Header> {
        self.header.as_ref()
    }

    /// The maximal records, sorted.
    #[must_use]
    pub const fn heads(&self) -> &BTreeSet<RecordId> {
        &self.heads
    }

    /// An admitted record, counted or not.
    #[must_use]
    pub fn entry(&self, id: &RecordId) -> Option<&Entry> {
        self.entries.get(id)
    }

    /// All counted records in the order of their admission, which is topological.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.admitted().filter(|entry| entry.counted || planted(Fault::UncountedShown))
    }

    /// All admitted records in the order of their admission, which is topological.
    pub fn admitted(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// How many records count.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len() - self.aside
    }

    /// Whether nothing counts.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many records are admitted and do not count.
    #[must_use]
    pub const fn aside(&self) -> usize {
        self.aside
    }

    /// Records that wait for their past, and one id that is missing.
    #[must_use]
    pub fn waiting(&self) -> (usize, Option<RecordId>) {
        (self.door.room().len(), self.door.room().missing().next())
    }

    /// The automerge mirror; `None` before the first record.
    #[must_use]
    pub const fn document(&self) -> Option<&Document> {
        self.document.as_ref()
    }
}

#[cfg(test)]
mod tests;
