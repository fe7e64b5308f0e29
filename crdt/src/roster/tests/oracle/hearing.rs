//! What is void, by definition: removals are heard from the most senior one down, each by asking again about everything
//! that it rests on. Exponential but for its memory of answers.

use std::collections::BTreeMap;

use super::Oracle;
use crate::id::RecordId;

/// Whether records hold when only the most senior removals have been heard.
pub(super) struct Hearing<'a> {
    oracle: &'a Oracle,
    removals: &'a [RecordId],
    memo: BTreeMap<(RecordId, usize), bool>,
}

impl<'a> Hearing<'a> {
    pub(super) fn new(oracle: &'a Oracle, removals: &'a [RecordId]) -> Self {
        Self { oracle, removals, memo: BTreeMap::new() }
    }

    /// Whether `id` holds, when of the removals the first `heard` have been heard.
    pub(super) fn holds(&mut self, id: RecordId, heard: usize) -> bool {
        if let Some(known) = self.memo.get(&(id, heard)) {
            return *known;
        }
        let hit = (0..heard).any(|n| {
            let removal = self.removals[n];
            self.oracle.unsays(&removal, &id) && self.holds(removal, n) && !self.is_settled(id, n)
        });
        let grounds = &self.oracle.known[&id].grounds;
        let holds =
            !hit && grounds.iter().all(|any| any.is_empty() || any.iter().any(|y| self.holds(*y, heard)));
        self.memo.insert((id, heard), holds);
        holds
    }

    /// Whether one of the removals up to the `n`th holds and rests on this.
    fn is_settled(&mut self, id: RecordId, n: usize) -> bool {
        (0..=n).any(|n| self.holds(self.removals[n], n) && self.rests(self.removals[n], id, n))
    }

    fn rests(&mut self, on: RecordId, id: RecordId, n: usize) -> bool {
        let grounds: Vec<RecordId> = self.oracle.known[&on].grounds.iter().flatten().copied().collect();
        on == id || grounds.into_iter().any(|y| self.holds(y, n) && self.rests(y, id, n))
    }
}
