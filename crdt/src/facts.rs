//! The causal facts of a record: what holds in its past and after it. A join-semilattice, propagated along
//! the DAG: a record's facts are the join of its deps' facts, advanced by the record itself. They are a
//! function of the causal past alone, so every replica computes the same ones, in any order of arrival
//! (Kleppmann, "Making CRDTs Byzantine fault tolerant", PaPoC 2022).
//!
//! A [`Live`] set holds elements that were added and not yet removed in the past. Joining two keeps an
//! element that one side lacks only if that side has never seen it: otherwise that side had removed it (the
//! observed-remove set of Bieniusa et al., 2012). What a side has seen is its past, a set of places that the caller gives.

mod live;

use fixedbitset::FixedBitSet;

use crate::fault::{Fault, planted};
use crate::id::RecordId;

pub use live::Live;

/// A place in the canonical order: (lamport, id).
pub type Stamp = (u64, RecordId);

/// What holds in a record's causal past, itself included.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// A valid title is in the past: the title gate. Monotone: once true, true for every record that depends
    /// on it.
    pub titled: bool,
    /// The latest archive or unarchive by canonical order, and whether it archived.
    pub archived: Option<(Stamp, bool)>,
    /// Maximal records of the agent's chain.
    pub tips: Live,
    /// Maximal claims: they cover whatever is in their past. Inputs are found from here (`Session::inputs`),
    /// not carried: a set of them in each record would cost the square of a long unanswered session.
    pub covers: Live,
    /// Claims without reply or failure.
    pub open: Live,
    /// Maximal writes of the title register.
    pub titles: Live,
    /// Maximal writes of the summary register.
    pub summaries: Live,
    /// Maximal writes of the archived register.
    pub archives: Live,
    /// The record's own place: the `start_op` of its automerge change.
    pub lamport: u64,
    /// The highest automerge op of the past, itself included.
    pub max_op: u64,
}

/// One of several pasts: what holds in it, and the places of its records.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// What holds there.
    pub facts: &'a Facts,
    /// The places of the records in it.
    pub past: &'a FixedBitSet,
}

impl Facts {
    /// The join of several pasts. `place` is an element's place in them.
    #[must_use]
    pub fn join(sides: &[Side<'_>], place: impl Fn(&RecordId) -> Option<usize>) -> Self {
        let live = |field: fn(&Self) -> &Live| join_live(sides, field, &place);
        let facts = || sides.iter().map(|side| side.facts);
        let asked = if planted(Fault::GateFromFirstDep) { 1 } else { sides.len() };
        Self {
            titled: facts().take(asked).any(|side| side.titled),
            archived: facts().filter_map(|side| side.archived).max(),
            tips: live(|f| &f.tips),
            covers: live(|f| &f.covers),
            open: live(|f| &f.open),
            titles: live(|f| &f.titles),
            summaries: live(|f| &f.summaries),
            archives: live(|f| &f.archives),
            lamport: facts().map(|side| side.lamport).max().unwrap_or(0),
            max_op: facts().map(|side| side.max_op).max().unwrap_or(0),
        }
    }

    /// Whether the session is archived in this past.
    #[must_use]
    pub fn is_archived(&self) -> bool {
        self.archived.is_some_and(|(_, archived)| archived)
    }
}

/// Removed is what one side has in its past and not among its own: gathered for all elements at once, so that thousands of
/// concurrent heads cost no more than their number.
fn join_live(
    sides: &[Side<'_>],
    field: fn(&Facts) -> &Live,
    place: &impl Fn(&RecordId) -> Option<usize>,
) -> Live {
    let Some((first, others)) = sides.split_first() else {
        return Live::default();
    };
    if others.iter().all(|other| field(other.facts) == field(first.facts)) {
        return field(first.facts).clone();
    }
    let mut removed = FixedBitSet::new();
    for side in sides {
        let mut gone = side.past.clone();
        for at in field(side.facts).iter().filter_map(place).filter(|at| *at < side.past.len()) {
            gone.set(at, false);
        }
        removed.union_with(&gone);
    }
    let stays = |id: &&RecordId| place(id).is_none_or(|at| !removed.contains(at));
    sides.iter().flat_map(|side| field(side.facts)).filter(stays).copied().collect()
}

#[cfg(test)]
mod tests;
