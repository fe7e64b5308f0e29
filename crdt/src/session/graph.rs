//! The session's graph: what is in whose past, what the facts of a set of deps are, what a peer lacks. Past tests use
//! the ancestor clock, which is exact for an author whose records form a chain; for an author who forked they walk.

use std::collections::{BTreeMap, BTreeSet};

use super::Session;
use crate::facts::Facts;
use crate::id::{AttemptId, DeviceKey, RecordId};
use crate::payload::{Header, Payload};
use crate::record::Record;
use crate::rules::Past;
use crate::signed::{Signed, Verified};

/// The newest known record of each author, and how many there are. Authors known to have forked are left out.
pub type AuthorCounts = BTreeMap<DeviceKey, (u32, RecordId)>;

impl Session {
    /// Whether `a` is in the past of `b`, or `b` itself. False if either is unknown.
    #[must_use]
    pub fn is_in_past(&self, a: &RecordId, b: &RecordId) -> bool {
        let (Some(first), Some(last)) = (self.entries.get(a), self.entries.get(b)) else {
            return false;
        };
        if a == b {
            return true;
        }
        if first.facts.lamport >= last.facts.lamport {
            return false;
        }
        let author = &first.signed.record().author;
        if self.authors.get(author).is_some_and(|log| !log.forked) {
            return last
                .facts
                .clock
                .get(author)
                .is_some_and(|seen| *seen >= first.seq);
        }
        self.closure([*b], first.facts.lamport).contains(a)
    }

    /// The records from which `from` is made up, itself included, down to lamport `floor`.
    fn closure(&self, from: impl IntoIterator<Item = RecordId>, floor: u64) -> BTreeSet<RecordId> {
        let mut seen = BTreeSet::new();
        let mut todo: Vec<RecordId> = from.into_iter().collect();
        while let Some(id) = todo.pop() {
            let Some(entry) = self.entries.get(&id) else {
                continue;
            };
            if entry.facts.lamport >= floor && seen.insert(id) {
                todo.extend(&entry.signed.record().deps);
            }
        }
        seen
    }

    /// The joined facts of `deps`.
    #[must_use]
    pub fn facts_at<'a>(&self, deps: impl IntoIterator<Item = &'a RecordId>) -> Facts {
        let sides: Vec<_> = deps.into_iter().filter_map(|dep| self.entries.get(dep)).collect();
        let facts: Vec<_> = sides.iter().map(|entry| &entry.facts).collect();
        Facts::join(&facts, |side, element| {
            sides
                .get(side)
                .is_some_and(|entry| self.is_in_past(element, &entry.signed.id()))
        })
    }

    /// The facts of everything that is here.
    #[must_use]
    pub fn facts(&self) -> Facts {
        self.facts_at(&self.heads)
    }

    /// The maximal writes of the register that `record` writes, in its past: what its write replaces.
    pub(super) fn register_preds(&self, record: &Record) -> Vec<(u64, RecordId)> {
        let facts = self.facts_at(&record.deps);
        let writes = match record.payload {
            Payload::Title { .. } => facts.titles,
            Payload::Summary { .. } => facts.summaries,
            Payload::Archive {} | Payload::Unarchive {} => facts.archives,
            _ => return Vec::new(),
        };
        writes
            .iter()
            .filter_map(|id| self.entries.get(id))
            .map(super::Entry::stamp)
            .collect()
    }

    /// The facts after `record`, from those of its past.
    pub(super) fn advance(&self, past: Facts, record: &Record, id: RecordId, seq: u32) -> Facts {
        let mut facts = past;
        facts.lamport = if record.deps.is_empty() {
            crate::document::HEADER_OPS
        } else {
            facts.max_op
        } + 1;
        facts.max_op = facts.lamport + crate::document::op_count(&record.payload) - 1;
        facts.clock.insert(record.author, seq);
        if let Some(turn) = record.payload.turn() {
            if let Some(prev) = turn.prev {
                facts.tips.remove(&prev);
            }
            facts.tips.insert(id);
        }
        let stamp = (facts.lamport, id);
        match &record.payload {
            Payload::Open { .. } | Payload::Message { .. } | Payload::Retry { .. } => {
                facts.inputs.insert(id);
            }
            Payload::Title { .. } => {
                facts.titled = true;
                facts.titles = [id].into();
            }
            Payload::Summary { .. } => facts.summaries = [id].into(),
            Payload::Claim { .. } => {
                facts.inputs.clear();
                facts.open.insert(id);
            }
            Payload::Reply { turn, .. } | Payload::Failure { turn, .. } => {
                let claims = self.claims.get(&turn.attempt).map_or(&[][..], Vec::as_slice);
                facts.open.retain(|claim| !claims.contains(claim));
            }
            Payload::Archive {} | Payload::Unarchive {} => {
                facts.archived = Some((stamp, matches!(record.payload, Payload::Archive {})));
                facts.archives = [id].into();
            }
            _ => {}
        }
        facts
    }

    /// Whether an input counts in the past `facts`: not a repetition of one that a claim covers there.
    #[must_use]
    pub fn is_countable(&self, input: &RecordId, facts: &Facts, in_past: impl Fn(&RecordId) -> bool) -> bool {
        let Some(entry) = self.entries.get(input) else {
            return false;
        };
        let same = match &entry.signed.record().payload {
            Payload::Open { request_id, .. } | Payload::Message { request_id, .. } => {
                self.requests.get(request_id)
            }
            Payload::Retry { attempt } => self.retries.get(attempt),
            _ => None,
        };
        let body = |id: &RecordId| {
            self.entries
                .get(id)
                .and_then(|e| body_of(&e.signed.record().payload).cloned())
        };
        let covered = |other: &RecordId| {
            other != input && in_past(other) && !facts.inputs.contains(other) && body(other) == body(input)
        };
        !same.is_some_and(|others| others.iter().any(covered))
    }

    /// Our newest record of each author, for a peer to compare with. Authors who forked are left out.
    #[must_use]
    pub fn author_counts(&self) -> AuthorCounts {
        let linear = self.authors.iter().filter(|(_, log)| !log.forked);
        linear
            .filter_map(|(author, log)| log.last.map(|last| (*author, (log.count, last))))
            .collect()
    }

    /// What a peer lacks that has `heads` and, of each author, `counts`: in topological order. Exact where its heads are
    /// known here; where they are not, an author's chain is skipped as far as the peer is ahead on it, unless it forked.
    #[must_use]
    pub fn missing_for(&self, heads: &[RecordId], counts: &AuthorCounts) -> Vec<&Signed<Verified>> {
        let known_tips = heads
            .iter()
            .copied()
            .chain(counts.values().map(|(_, last)| *last));
        let has = self.closure(known_tips, 0);
        let ahead = |record: &Record, seq: u32| {
            let (Some(log), Some((count, last))) =
                (self.authors.get(&record.author), counts.get(&record.author))
            else {
                return false;
            };
            !log.forked && !self.entries.contains_key(last) && log.count < *count && seq <= *count
        };
        let lacking = self
            .entries()
            .filter(|e| !has.contains(&e.signed.id()) && !ahead(e.signed.record(), e.seq));
        lacking.map(|entry| &entry.signed).collect()
    }

    /// The messages that carry this request id.
    #[must_use]
    pub fn records_of_request(&self, request: &crate::text::RequestId) -> &[RecordId] {
        self.requests.get(request).map_or(&[], Vec::as_slice)
    }

    /// The claims of an attempt.
    #[must_use]
    pub fn claims_of(&self, attempt: &AttemptId) -> &[RecordId] {
        self.claims.get(attempt).map_or(&[], Vec::as_slice)
    }
}

/// The text of a message or reply.
#[must_use]
pub const fn body_of(payload: &Payload) -> Option<&crate::text::Body> {
    match payload {
        Payload::Open { body, .. } | Payload::Message { body, .. } | Payload::Reply { body, .. } => {
            Some(body)
        }
        _ => None,
    }
}

/// The past of a record that is being judged.
pub(super) struct PastOf<'a> {
    session: &'a Session,
    deps: &'a [RecordId],
    facts: Facts,
}

impl<'a> PastOf<'a> {
    pub(super) fn new(session: &'a Session, deps: &'a [RecordId]) -> Self {
        Self {
            session,
            deps,
            facts: session.facts_at(deps),
        }
    }

    pub(super) fn into_facts(self) -> Facts {
        self.facts
    }

    fn contains(&self, id: &RecordId) -> bool {
        self.deps.iter().any(|dep| self.session.is_in_past(id, dep))
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
        self.session
            .entries
            .get(id)
            .filter(|_| self.contains(id))
            .map(|entry| entry.signed.record())
    }

    fn claims(&self, attempt: &AttemptId) -> Vec<RecordId> {
        let claims = self.session.claims_of(attempt);
        claims
            .iter()
            .copied()
            .filter(|claim| self.contains(claim))
            .collect()
    }

    fn has_failed(&self, attempt: &AttemptId) -> bool {
        let failures = self.session.failures.get(attempt).map_or(&[][..], Vec::as_slice);
        failures.iter().any(|failure| self.contains(failure))
    }

    fn is_countable(&self, input: &RecordId) -> bool {
        self.session
            .is_countable(input, &self.facts, |id| self.contains(id))
    }
}
