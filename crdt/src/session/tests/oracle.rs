//! The same facts by brute force: from whole past sets and from the definitions, without joins, clocks or
//! lamports that were carried along. Slow, short and independent of the code that it checks.

use std::collections::{BTreeMap, BTreeSet};

use crate::facts::{Facts, Live};
use crate::id::RecordId;
use crate::payload::Payload;
use crate::record::Record;
use crate::session::{Session, body_of};

pub(super) type Set = BTreeSet<RecordId>;

/// A session's records with their pasts.
pub(super) struct Oracle {
    pub(super) records: BTreeMap<RecordId, Record>,
    pub(super) past: BTreeMap<RecordId, Set>,
    lamport: BTreeMap<RecordId, u64>,
    max_op: BTreeMap<RecordId, u64>,
}

impl Oracle {
    pub(super) fn of(session: &Session) -> Self {
        let mut oracle = Self {
            records: BTreeMap::new(),
            past: BTreeMap::new(),
            lamport: BTreeMap::new(),
            max_op: BTreeMap::new(),
        };
        for entry in session.entries() {
            oracle.add(entry.signed.id(), entry.signed.record());
        }
        oracle
    }

    fn add(&mut self, id: RecordId, record: &Record) {
        let mut past = self.past_of(&record.deps);
        // Six ops of the header come before all.
        let before = past.iter().map(|id| self.max_op[id]).max().unwrap_or(6);
        let ops = if matches!(record.payload, Payload::Reply { .. }) { 2 } else { 1 };
        past.insert(id);
        self.past.insert(id, past);
        self.lamport.insert(id, before + 1);
        self.max_op.insert(id, before + ops);
        self.records.insert(id, record.clone());
    }

    /// Everything at or below `deps`.
    pub(super) fn past_of(&self, deps: &[RecordId]) -> Set {
        deps.iter().flat_map(|dep| self.past[dep].iter().copied()).collect()
    }

    pub(super) fn is_in_past(&self, a: &RecordId, b: &RecordId) -> bool {
        self.past.get(b).is_some_and(|past| past.contains(a))
    }

    fn of_kind<'a>(
        &'a self,
        set: &'a Set,
        is: impl Fn(&Payload) -> bool + 'a,
    ) -> impl Iterator<Item = RecordId> {
        set.iter().copied().filter(move |id| is(&self.records[id].payload))
    }

    /// Those of a kind that are in no other's past.
    fn maximal(&self, set: &Set, is: impl Fn(&Payload) -> bool) -> Live {
        let all: Set = self.of_kind(set, is).collect();
        let covered = |id: &RecordId| all.iter().any(|other| other != id && self.is_in_past(id, other));
        all.iter().copied().filter(|id| !covered(id)).collect()
    }

    /// The facts of a past, but for the clock.
    pub(super) fn facts(&self, set: &Set) -> Facts {
        let archives = |p: &Payload| matches!(p, Payload::Archive {} | Payload::Unarchive {});
        let latest = self.of_kind(set, archives).map(|id| (self.lamport[&id], id)).max();
        let agents: Set = self.of_kind(set, |p| p.turn().is_some()).collect();
        let prevs: Set = agents.iter().filter_map(|id| self.records[id].payload.turn()?.prev).collect();
        Facts {
            titled: self.of_kind(set, |p| matches!(p, Payload::Title { .. })).next().is_some(),
            archived: latest
                .map(|stamp| (stamp, matches!(self.records[&stamp.1].payload, Payload::Archive {}))),
            tips: agents.difference(&prevs).copied().collect(),
            covers: self.maximal(set, |p| matches!(p, Payload::Claim { .. })),
            open: self.open(set),
            titles: self.maximal(set, |p| matches!(p, Payload::Title { .. })),
            summaries: self.maximal(set, |p| matches!(p, Payload::Summary { .. })),
            archives: self.maximal(set, archives),
            clock: crate::facts::Clock::default(),
            lamport: set.iter().map(|id| self.lamport[id]).max().unwrap_or(0),
            max_op: set.iter().map(|id| self.max_op[id]).max().unwrap_or(0),
        }
    }

    fn open(&self, set: &Set) -> Live {
        let ends = |p: &Payload| matches!(p, Payload::Reply { .. } | Payload::Failure { .. });
        let ended = |claim: &RecordId| {
            let attempt = self.records[claim].payload.turn().map(|turn| turn.attempt);
            self.of_kind(set, ends).any(|end| {
                self.is_in_past(claim, &end)
                    && self.records[&end].payload.turn().map(|turn| turn.attempt) == attempt
            })
        };
        self.of_kind(set, |p| matches!(p, Payload::Claim { .. })).filter(|claim| !ended(claim)).collect()
    }

    /// Inputs that no claim covers and that repeat none that one covers.
    pub(super) fn inputs(&self, set: &Set) -> Set {
        let claims: Set = self.of_kind(set, |p| matches!(p, Payload::Claim { .. })).collect();
        let is_input =
            |p: &Payload| matches!(p, Payload::Open { .. } | Payload::Message { .. } | Payload::Retry { .. });
        let (covered, open): (Set, Set) =
            self.of_kind(set, is_input).partition(|id| claims.iter().any(|claim| self.is_in_past(id, claim)));
        let asks = |id: &RecordId| asks(&self.records[id].payload);
        let answered: BTreeSet<_> = covered.iter().map(asks).collect();
        open.into_iter().filter(|id| !answered.contains(&asks(id))).collect()
    }
}

/// What makes two inputs the same one.
fn asks(payload: &Payload) -> String {
    match payload {
        Payload::Open { request_id, .. } | Payload::Message { request_id, .. } => {
            format!("message {request_id} {:?}", body_of(payload))
        }
        Payload::Retry { attempt } => format!("retry {attempt}"),
        other => panic!("{other:?} is no input"),
    }
}

/// Holds the whole session against the definitions.
pub(super) fn check(session: &Session) {
    let oracle = Oracle::of(session);
    for entry in session.entries() {
        let id = entry.signed.id();
        let mut facts = entry.facts.clone();
        facts.clock = crate::facts::Clock::default();
        assert_eq!(facts, oracle.facts(&oracle.past[&id]), "facts of {id}");
        for other in oracle.records.keys() {
            assert_eq!(session.is_in_past(other, &id), oracle.is_in_past(other, &id));
        }
    }
    let heads: Vec<RecordId> = session.heads().iter().copied().collect();
    let all = oracle.past_of(&heads);
    assert_eq!(all.len(), session.len(), "the heads cover everything");
    let mut facts = session.facts();
    facts.clock = crate::facts::Clock::default();
    assert_eq!(facts, oracle.facts(&all), "facts of the heads");
    let inputs: Set = session.inputs(&heads).into_iter().collect();
    assert_eq!(inputs, oracle.inputs(&all), "inputs at the heads");
    title_gate(&oracle);
}

/// INV-1 by brute force: every reply and summary has a title in its past.
fn title_gate(oracle: &Oracle) {
    for (id, record) in &oracle.records {
        if matches!(record.payload, Payload::Reply { .. } | Payload::Summary { .. }) {
            let titles = |p: &Payload| matches!(p, Payload::Title { .. });
            assert!(oracle.of_kind(&oracle.past[id], titles).next().is_some(), "INV-1: {id}");
        }
    }
}
