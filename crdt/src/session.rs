//! One replica of a session: it takes records in any order, admits those whose past is here and whose verdict
//! is good, and keeps the graph, the facts and the automerge mirror. It never stores, sends or signs; nothing
//! it admits is ever taken back. Order of use: [`Session::new`], then [`Session::offer`] for each verified
//! record, and `view::fold` to see.

mod graph;
mod past;

pub use graph::{AuthorCounts, body_of};

use std::collections::{BTreeMap, BTreeSet};

use crate::document::Document;
use crate::facts::{Facts, Stamp};
use crate::id::{AttemptId, DeviceKey, RecordId, StreamKey, WorkspaceId};
use crate::limits::{REFUSED_IDS_MAX, WAITING_RECORDS_MAX};
use crate::payload::{Header, Payload};
use crate::record::Record;
use crate::roster::Roster;
use crate::rules::{Refusal, judge};
use crate::signed::{Signed, Verified};
use crate::text::RequestId;
use crate::waiting::Room;

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
    /// The room for waiting records is full; it will have to come again.
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
}

impl Entry {
    /// The record's place in the canonical order.
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        (self.facts.lamport, self.signed.id())
    }
}

#[derive(Debug, Clone, Default)]
struct AuthorLog {
    count: u32,
    last: Option<RecordId>,
    forked: bool,
}

/// One replica of a session.
#[derive(Debug)]
pub struct Session {
    workspace: WorkspaceId,
    key: StreamKey,
    header: Option<Header>,
    entries: BTreeMap<RecordId, Entry>,
    order: Vec<RecordId>,
    heads: BTreeSet<RecordId>,
    authors: BTreeMap<DeviceKey, AuthorLog>,
    claims: BTreeMap<AttemptId, Vec<RecordId>>,
    failures: BTreeMap<AttemptId, Vec<RecordId>>,
    retries: BTreeMap<AttemptId, Vec<RecordId>>,
    requests: BTreeMap<RequestId, Vec<RecordId>>,
    room: Room,
    refused: BTreeMap<RecordId, Refusal>,
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
            entries: BTreeMap::new(),
            order: Vec::new(),
            heads: BTreeSet::new(),
            authors: BTreeMap::new(),
            claims: BTreeMap::new(),
            failures: BTreeMap::new(),
            retries: BTreeMap::new(),
            requests: BTreeMap::new(),
            room: Room::default(),
            refused: BTreeMap::new(),
            document: None,
        }
    }

    /// Offers a verified record. Returns what was admitted by it; a second offer of the same record changes
    /// nothing.
    pub fn offer(&mut self, record: Signed<Verified>, roster: &Roster) -> Offer {
        match self.offer_one(record, roster) {
            Offer::Admitted(first) => Offer::Admitted(self.release(first, roster)),
            other => other,
        }
    }

    /// Offers again what waited for a roster record. Returns what was admitted.
    pub fn roster_grew(&mut self, id: RecordId, roster: &Roster) -> Vec<Signed<Verified>> {
        let mut admitted = Vec::new();
        for record in self.room.release(id) {
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
            for record in self.room.release(id) {
                if let Offer::Admitted(more) = self.offer_one(record, roster) {
                    admitted.extend(more);
                }
            }
        }
        admitted
    }

    fn offer_one(&mut self, signed: Signed<Verified>, roster: &Roster) -> Offer {
        let id = signed.id();
        if self.entries.contains_key(&id) {
            return Offer::Known;
        }
        if let Some(refusal) = self.refused.get(&id) {
            return Offer::Refused(*refusal);
        }
        let record = signed.record();
        if signed.stream() != self.key || record.workspace != self.workspace || record.is_roster() {
            return Offer::Refused(Refusal::Stranger);
        }
        if record.deps.iter().any(|dep| self.refused.contains_key(dep)) {
            return self.refuse(id, Refusal::DependsOnRefused);
        }
        let missing_dep = record.deps.iter().find(|dep| !self.entries.contains_key(dep));
        let missing_roster = record.roster.iter().find(|head| !roster.contains(head));
        if let Some(missing) = missing_dep.or(missing_roster).copied() {
            let kept = self.room.put(signed, missing, WAITING_RECORDS_MAX);
            return if kept { Offer::Waiting { missing } } else { Offer::NoRoom };
        }
        self.room.remove(&id);
        match self.verdict(record, roster) {
            Ok(facts) => {
                self.admit(signed.clone(), facts);
                Offer::Admitted(vec![signed])
            }
            Err(refusal) => self.refuse(id, refusal),
        }
    }

    /// The verdict and, if it is good, the facts of the past. A function of the record's past alone.
    fn verdict(&self, record: &Record, roster: &Roster) -> Result<Facts, Refusal> {
        self.check_deps(record, roster)?;
        let standing = roster.at(&record.roster).ok_or(Refusal::Stranger)?;
        let past = past::PastOf::new(self, &record.deps);
        judge(record, &past, &standing)?;
        Ok(past.into_facts())
    }

    fn check_deps(&self, record: &Record, roster: &Roster) -> Result<(), Refusal> {
        let pasts = past::Pasts::of(self, &record.deps);
        for dep in &record.deps {
            if pasts.covers(dep) {
                return Err(Refusal::DepsNotAntichain);
            }
            let known = self.entries.get(dep).map_or(&[][..], |entry| &entry.signed.record().roster);
            if !roster.dominates(&record.roster, known) {
                return Err(Refusal::RosterWentBack);
            }
        }
        Ok(())
    }

    /// Remembers a refusal, and lets those that waited for the record fall with it. Past the bound nothing
    /// more is remembered: such a record is judged again when it comes again, and its dependants wait for
    /// what never comes.
    fn refuse(&mut self, id: RecordId, refusal: Refusal) -> Offer {
        let dependants = self.room.release_all(id);
        let fallen = dependants.into_iter().map(|dependant| (dependant, Refusal::DependsOnRefused));
        for (id, refusal) in std::iter::once((id, refusal)).chain(fallen) {
            if self.refused.len() < REFUSED_IDS_MAX {
                self.refused.insert(id, refusal);
            }
        }
        Offer::Refused(refusal)
    }

    fn admit(&mut self, signed: Signed<Verified>, past: Facts) {
        let (id, record) = (signed.id(), signed.record());
        if let Payload::Open { header, .. } = &record.payload {
            self.header.get_or_insert_with(|| header.clone());
        }
        let seq = self.log_author(&record.author, id, &past);
        let preds = self.register_preds(record, &past);
        let facts = self.advance(past, record, id, seq);
        self.mirror(record, id, facts.lamport, &preds);
        self.index(&record.payload, id);
        for dep in &record.deps {
            self.heads.remove(dep);
        }
        self.heads.insert(id);
        self.order.push(id);
        self.entries.insert(id, Entry { signed, facts, seq });
    }

    fn log_author(&mut self, author: &DeviceKey, id: RecordId, past: &Facts) -> u32 {
        let seen = past.clock.get(author).copied().unwrap_or(0);
        let log = self.authors.entry(*author).or_default();
        log.forked |= seen != log.count;
        log.count += 1;
        log.last = Some(id);
        seen + 1
    }

    fn mirror(&mut self, record: &Record, id: RecordId, lamport: u64, preds: &[Stamp]) {
        if self.document.is_none() {
            self.document = self.header.as_ref().map(|header| Document::new(&self.key, header));
        }
        if let Some(document) = &mut self.document {
            document.apply(record, id, lamport, preds);
        }
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

    /// An admitted record.
    #[must_use]
    pub fn entry(&self, id: &RecordId) -> Option<&Entry> {
        self.entries.get(id)
    }

    /// All admitted records in the order of their admission, which is topological.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.order.iter().filter_map(|id| self.entries.get(id))
    }

    /// How many records are admitted.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is admitted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Records that wait for their past, and one id that is missing.
    #[must_use]
    pub fn waiting(&self) -> (usize, Option<RecordId>) {
        (self.room.len(), self.room.missing().next())
    }

    /// The automerge mirror; `None` before the first record.
    #[must_use]
    pub const fn document(&self) -> Option<&Document> {
        self.document.as_ref()
    }
}

#[cfg(test)]
mod tests;
