//! The causal facts of a record: what holds in its past and after it. A join-semilattice, propagated along
//! the DAG: a record's facts are the join of its deps' facts, advanced by the record itself. They are a
//! function of the causal past alone, so every replica computes the same ones, in any order of arrival
//! (Kleppmann, "Making CRDTs Byzantine fault tolerant", PaPoC 2022).
//!
//! A [`Live`] set holds elements that were added and not yet removed in the past. Joining two keeps an
//! element that one side lacks only if that side has never seen it: otherwise that side had removed it (the
//! observed-remove set of Bieniusa et al., 2012). "Has seen" is asked of the caller, who knows the graph.

mod live;

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

impl Facts {
    /// The join of several pasts. `sees(side, element)` tells whether `element` is in the past of the
    /// `side`-th.
    #[must_use]
    pub fn join(sides: &[&Self], sees: impl Fn(usize, &RecordId) -> bool) -> Self {
        let live = |field: fn(&Self) -> &Live| join_live(sides, field, &sees);
        let asked = if planted(Fault::GateFromFirstDep) { 1 } else { sides.len() };
        Self {
            titled: sides.iter().take(asked).any(|side| side.titled),
            archived: sides.iter().filter_map(|side| side.archived).max(),
            tips: live(|f| &f.tips),
            covers: live(|f| &f.covers),
            open: live(|f| &f.open),
            titles: live(|f| &f.titles),
            summaries: live(|f| &f.summaries),
            archives: live(|f| &f.archives),
            lamport: sides.iter().map(|side| side.lamport).max().unwrap_or(0),
            max_op: sides.iter().map(|side| side.max_op).max().unwrap_or(0),
        }
    }

    /// Whether the session is archived in this past.
    #[must_use]
    pub fn is_archived(&self) -> bool {
        self.archived.is_some_and(|(_, archived)| archived)
    }
}

fn join_live(sides: &[&Facts], field: fn(&Facts) -> &Live, sees: &impl Fn(usize, &RecordId) -> bool) -> Live {
    if let [only] = sides {
        return field(only).clone();
    }
    let mut joined = Live::default();
    for element in sides.iter().flat_map(|side| field(side)) {
        let removed = |(i, side): (usize, &&Facts)| !field(side).contains(element) && sees(i, element);
        if !joined.contains(element) && !sides.iter().enumerate().any(removed) {
            joined.insert(*element);
        }
    }
    joined
}

#[cfg(test)]
mod tests;
