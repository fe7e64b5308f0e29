//! The small collection that facts are made of, as a sorted list: a record's facts have a handful of elements, and a
//! session keeps them for each of its records, so a tree of its own for each would be most of a session's memory.

use crate::id::RecordId;

/// Elements added and not yet removed in a causal past, sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Live(Vec<RecordId>);

impl Live {
    /// Whether `id` is one of them.
    #[must_use]
    pub fn contains(&self, id: &RecordId) -> bool {
        self.0.binary_search(id).is_ok()
    }

    /// Adds one. Returns whether it was new.
    pub fn insert(&mut self, id: RecordId) -> bool {
        let Err(at) = self.0.binary_search(&id) else {
            return false;
        };
        self.0.reserve_exact(1);
        self.0.insert(at, id);
        true
    }

    /// Takes one out. Returns whether it was there.
    pub fn remove(&mut self, id: &RecordId) -> bool {
        self.0.binary_search(id).map(|at| self.0.remove(at)).is_ok()
    }

    /// Keeps those for which `keep` holds.
    pub fn retain(&mut self, keep: impl FnMut(&RecordId) -> bool) {
        self.0.retain(keep);
    }

    /// All of them, sorted.
    pub fn iter(&self) -> std::slice::Iter<'_, RecordId> {
        self.0.iter()
    }

    /// How many.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<const N: usize> From<[RecordId; N]> for Live {
    fn from(ids: [RecordId; N]) -> Self {
        ids.into_iter().collect()
    }
}

impl FromIterator<RecordId> for Live {
    fn from_iter<I: IntoIterator<Item = RecordId>>(ids: I) -> Self {
        let mut ids: Vec<RecordId> = ids.into_iter().collect();
        ids.sort_unstable();
        ids.dedup();
        Self(ids)
    }
}

impl<'a> IntoIterator for &'a Live {
    type Item = &'a RecordId;
    type IntoIter = std::slice::Iter<'a, RecordId>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
