//! Which admitted records count: the causal closure of (records whose author is in good standing today) and (the cuts
//! that revocations name). A function of the records and the roster, so replicas with the same two agree, in any order
//! of arrival. Verdicts do not ask for it; the view, the document, digests, gossip and the export cover nothing else.
//!
//! The closure is downward: with a record its whole past counts. So a counted record has the same facts in the counted
//! part as in the whole (facts look at the past alone), and INV-1 holds for the part because it holds for the whole.

use std::collections::BTreeSet;

use super::{ASIDE_RECORDS_MAX, BTreeMap, Document, Session, Standing};
use crate::fault::{Fault, planted};
use crate::id::RecordId;
use crate::signed::{Signed, Verified};

impl Session {
    /// Whether a record counts by itself, not for what depends on it.
    fn counts_alone(&self, signed: &Signed<Verified>, standing: &Standing) -> bool {
        let author = &signed.record().author;
        standing.stands(author)
            || standing.keeps(author, &self.key, &signed.id()) && !planted(Fault::CutIgnored)
    }

    /// Whether there is room for a record: always if it counts, or if one that does waits for it.
    pub(super) fn has_room_for(&self, signed: &Signed<Verified>, standing: &Standing) -> bool {
        self.aside < ASIDE_RECORDS_MAX
            || self.counts_alone(signed, standing)
            || self.door.room().is_wanted(signed.id(), |waiter| self.counts_alone(waiter, standing))
    }

    /// Counts a record that was just admitted, if it counts: with its past.
    pub(super) fn count(&mut self, signed: &Signed<Verified>, standing: &Standing) {
        if self.counts_alone(signed, standing) {
            let mut found: BTreeMap<usize, RecordId> = BTreeMap::new();
            let mut todo = vec![signed.id()];
            while let Some(entry) = todo.pop().and_then(|id| self.entries.get(&id)) {
                let new = !entry.counted && found.insert(entry.at, entry.signed.id()).is_none();
                if new && !planted(Fault::ClosureMissing) {
                    todo.extend(&entry.signed.record().deps);
                }
            }
            self.count_in_order(found.into_values());
        }
    }

    fn count_in_order(&mut self, ids: impl Iterator<Item = RecordId>) {
        for id in ids {
            let Some(entry) = self.entries.get_mut(&id) else {
                continue;
            };
            entry.counted = true;
            let signed = entry.signed.clone();
            for dep in &signed.record().deps {
                self.heads.remove(dep);
            }
            self.heads.insert(id);
            self.aside = self.aside.saturating_sub(1);
            self.mirror(&signed);
        }
    }

    fn mirror(&mut self, signed: &Signed<Verified>) {
        let (id, record) = (signed.id(), signed.record());
        let preds = self.register_preds(record);
        let lamport = self.entries.get(&id).map_or(0, |entry| entry.facts.lamport);
        if self.document.is_none() {
            self.document = self.header.as_ref().map(|header| Document::new(&self.key, header));
        }
        if let Some(document) = &mut self.document {
            document.apply(record, id, lamport, &preds);
        }
    }

    /// Counts anew under a changed roster. Returns whether anything changed; where records ceased to count, the
    /// automerge document is built anew from those that are left.
    pub fn recount(&mut self, standing: &Standing) -> bool {
        let counted = self.closure_of_standing(standing);
        if self.entries().any(|entry| !counted.contains(&entry.signed.id())) {
            self.entries.iter_mut().for_each(|entry| entry.counted = false);
            self.aside = self.entries.len();
            self.heads.clear();
            self.document = self.document.take().filter(|_| planted(Fault::RecountKeepsDocument));
        } else if self.len() == counted.len() {
            return false;
        }
        let uncounted = self.admitted().filter(|entry| !entry.counted).map(|entry| entry.signed.id());
        let added: Vec<RecordId> = uncounted.filter(|id| counted.contains(id)).collect();
        self.count_in_order(added.into_iter());
        debug_assert!(
            self.document.as_ref().map_or(0, |document| document.heads().len()) == self.heads.len()
                || planted(Fault::RecountKeepsDocument)
                || planted(Fault::ClosureMissing),
            "INV-2: the document has other heads than the records"
        );
        true
    }

    /// What counts under `standing`, found from nothing: newest first, so that a record comes after all that depend on
    /// it.
    #[must_use]
    pub fn closure_of_standing(&self, standing: &Standing) -> BTreeSet<RecordId> {
        let mut counted = BTreeSet::new();
        let mut wanted: BTreeSet<RecordId> = BTreeSet::new();
        for entry in self.entries.iter().rev() {
            if wanted.remove(&entry.signed.id()) || self.counts_alone(&entry.signed, standing) {
                wanted.extend(&entry.signed.record().deps);
                counted.insert(entry.signed.id());
            }
        }
        counted
    }
}
