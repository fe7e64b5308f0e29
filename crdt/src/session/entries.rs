//! The admitted records, in a dense list in the order of admission, with an index by id. The list is what folds walk;
//! a tree of values this large would be looked up for each step.

use std::collections::BTreeMap;

use super::Entry;
use crate::id::RecordId;

/// Append only.
#[derive(Debug, Default)]
pub(super) struct Entries {
    list: Vec<Entry>,
    positions: BTreeMap<RecordId, usize>,
}

impl Entries {
    pub(super) fn push(&mut self, id: RecordId, entry: Entry) {
        self.positions.insert(id, self.list.len());
        self.list.push(entry);
    }

    pub(super) fn get(&self, id: &RecordId) -> Option<&Entry> {
        self.list.get(*self.positions.get(id)?)
    }

    pub(super) fn at(&self, place: usize) -> Option<&Entry> {
        self.list.get(place)
    }

    pub(super) fn get_mut(&mut self, id: &RecordId) -> Option<&mut Entry> {
        self.list.get_mut(*self.positions.get(id)?)
    }

    pub(super) fn contains_key(&self, id: &RecordId) -> bool {
        self.positions.contains_key(id)
    }

    pub(super) fn iter(&self) -> std::slice::Iter<'_, Entry> {
        self.list.iter()
    }

    pub(super) fn iter_mut(&mut self) -> std::slice::IterMut<'_, Entry> {
        self.list.iter_mut()
    }

    pub(super) const fn len(&self) -> usize {
        self.list.len()
    }
}
