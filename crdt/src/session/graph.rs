//! The session's graph: what is in whose past, what the facts of a set of deps are, what a peer lacks. Each record has
//! its past as a set of places, so that no author, however it forks, makes a question cost a walk.

use std::collections::BTreeMap;

use super::past::Pasts;
use super::{Entry, Session};
use crate::facts::{Facts, Live, Stamp};
use crate::fault::{Fault, planted};
use crate::id::{AttemptId, DeviceKey, RecordId};
use crate::limits::DEPS_MAX;
use crate::payload::Payload;
use crate::record::Record;
use crate::signed::{Signed, Verified};

/// The newest known record of each author, and how many there are. Authors known to have forked are left out.
pub type AuthorCounts = BTreeMap<DeviceKey, (u32, RecordId)>;

impl Session {
    /// Whether `a` is in the past of `b`, or `b` itself. False if either is unknown.
    #[must_use]
    pub fn is_in_past(&self, a: &RecordId, b: &RecordId) -> bool {
        let (first, last) = (self.entries.get(a), self.entries.get(b));
        first.zip(last).is_some_and(|(first, last)| last.has_seen(first))
    }

    /// The joined facts of `deps`.
    #[must_use]
    pub fn facts_at<'a>(&self, deps: impl IntoIterator<Item = &'a RecordId>) -> Facts {
        Pasts::of(self, deps).facts()
    }

    /// The facts of everything that is here.
    #[must_use]
    pub fn facts(&self) -> Facts {
        self.facts_at(&self.heads)
    }

    /// The deps of a new record: the heads, sorted. Should there be more than a record may name (an author who forked can
    /// make any number), those with `tip` in their past and then the newest; what is left out is merged by the records
    /// that follow. `tip` is what the record will have to go on from: the agent's newest record, as the view has it.
    #[must_use]
    pub fn write_deps(&self, tip: Option<RecordId>) -> Vec<RecordId> {
        let mut heads: Vec<RecordId> = self.heads.iter().copied().collect();
        if heads.len() > DEPS_MAX {
            heads.sort_by_cached_key(|head| {
                let has_tip = tip.is_some_and(|tip| self.is_in_past(&tip, head));
                std::cmp::Reverse((has_tip, self.entries.get(head).map(Entry::stamp)))
            });
            heads.truncate(DEPS_MAX);
            heads.sort_unstable();
        }
        heads
    }

    /// The maximal writes of the register that `record` writes, in its past: what its write replaces.
    pub(super) fn register_preds(&self, record: &Record) -> Vec<Stamp> {
        let register: fn(Facts) -> Live = match record.payload {
            Payload::Title { .. } => |past| past.titles,
            Payload::Summary { .. } => |past| past.summaries,
            Payload::Archive {} | Payload::Unarchive {} => |past| past.archives,
            _ => return Vec::new(),
        };
        let writes = register(self.facts_at(&record.deps));
        writes.iter().filter_map(|id| self.entries.get(id)).map(Entry::stamp).collect()
    }

    /// The facts after `record`, from those of its past.
    pub(super) fn advance(&self, past: Facts, record: &Record, id: RecordId) -> Facts {
        let mut facts = past;
        facts.lamport = if record.deps.is_empty() { crate::document::HEADER_OPS } else { facts.max_op } + 1;
        facts.max_op = facts.lamport + crate::document::op_count(&record.payload) - 1;
        if let Some(turn) = record.payload.turn() {
            if let Some(prev) = turn.prev {
                facts.tips.remove(&prev);
            }
            facts.tips.insert(id);
        }
        let stamp = (facts.lamport, id);
        match &record.payload {
            Payload::Title { .. } => {
                facts.titled = true;
                facts.titles = [id].into();
            }
            Payload::Summary { .. } => facts.summaries = [id].into(),
            Payload::Claim { .. } => {
                facts.covers = [id].into();
                facts.open.insert(id);
            }
            Payload::Reply { turn, .. } | Payload::Failure { turn, .. } => {
                let claims = self.claims.get(&turn.attempt).map_or(&[][..], Vec::as_slice);
                facts.open.retain(|claim| !claims.contains(claim));
            }
            Payload::Archive {} | Payload::Unarchive {} => {
                let arrival = (self.entries.len() as u64, id);
                let stamp = if planted(Fault::ArchiveByArrival) { arrival } else { stamp };
                facts.archived = Some((stamp, matches!(record.payload, Payload::Archive {})));
                facts.archives = [id].into();
            }
            _ => {}
        }
        facts
    }

    /// Our newest record of each author, for a peer to compare with. Authors who forked are left out.
    #[must_use]
    pub fn author_counts(&self) -> AuthorCounts {
        let linear = self.authors.iter().filter(|(_, log)| !log.forked);
        let mut counts: AuthorCounts =
            linear.filter_map(|(author, log)| log.last.map(|last| (*author, (log.count(), last)))).collect();
        if self.aside > 0 {
            // What counts of a chain is its beginning.
            counts.retain(|author, count| {
                self.newest_counted(author).inspect(|newest| *count = *newest).is_some()
            });
        }
        counts
    }

    fn newest_counted(&self, author: &DeviceKey) -> Option<(u32, RecordId)> {
        let own = self.entries().filter(|entry| entry.signed.record().author == *author);
        own.map(|entry| (entry.seq, entry.signed.id())).max()
    }

    /// What a peer lacks that has `heads` and, of each author, `counts`: in topological order. Exact where
    /// its heads are known here; where they are not, an author's chain is skipped as far as the peer is ahead
    /// on it, unless it forked.
    #[must_use]
    pub fn missing_for(&self, heads: &[RecordId], counts: &AuthorCounts) -> Vec<&Signed<Verified>> {
        let has = Pasts::of(self, heads.iter().chain(counts.values().map(|(_, last)| last)));
        let ahead = |record: &Record, seq: u32| {
            let (Some(log), Some((count, last))) =
                (self.authors.get(&record.author), counts.get(&record.author))
            else {
                return false;
            };
            !log.forked && !self.entries.contains_key(last) && log.count() < *count && seq <= *count
        };
        let lacking = self.entries().filter(|e| !has.have(e) && !ahead(e.signed.record(), e.seq));
        lacking.map(|entry| &entry.signed).collect()
    }

    /// The messages that carry this request id.
    pub fn records_of_request(&self, request: &crate::text::RequestId) -> impl Iterator<Item = RecordId> {
        let found = self.requests.get(request).map_or(&[][..], Vec::as_slice).iter().copied();
        found.filter(|id| self.entries.get(id).is_some_and(Entry::is_counted))
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
