//! Every record of a history with its whole past, as sets and by definition: no clocks, joins or carried facts. What the
//! checkers hold the replicas against.

use std::collections::{BTreeMap, BTreeSet};

use crate::facts::{Facts, Live, Stamp};
use crate::id::RecordId;
use crate::payload::Payload;
use crate::record::Record;
use crate::session::{Session, body_of};
use crate::signed::{Signed, Verified};

/// Places in a pool, as bits.
pub(super) type Set = u128;

/// Records that a pool has room for.
pub(super) const POOL_MAX: usize = 128;

pub(super) const fn has(set: Set, at: usize) -> bool {
    set >> at & 1 == 1
}

/// The places of a set, which is a topological order.
pub(super) fn places(set: Set) -> impl Iterator<Item = usize> {
    (0..POOL_MAX - usize::try_from(set.leading_zeros()).unwrap()).filter(move |at| has(set, *at))
}

/// Records, each after its deps.
#[derive(Debug, Clone, Default)]
pub(super) struct Pool {
    pub(super) records: Vec<Signed<Verified>>,
    at: BTreeMap<RecordId, usize>,
    /// Each record's past, itself included.
    past: Vec<Set>,
    lamport: Vec<u64>,
    max_op: Vec<u64>,
}

impl Pool {
    pub(super) fn of<'a>(records: impl IntoIterator<Item = &'a Signed<Verified>>) -> Self {
        let mut pool = Self::default();
        records.into_iter().for_each(|record| pool.push(record.clone()));
        pool
    }

    pub(super) fn push(&mut self, signed: Signed<Verified>) {
        let at = self.records.len();
        if self.at.contains_key(&signed.id()) {
            return;
        }
        assert!(at < POOL_MAX, "a history has at most {POOL_MAX} records");
        let below = self.below(&signed.record().deps);
        // Six ops of the header come before all.
        let before = places(below).map(|at| self.max_op[at]).max().unwrap_or(6);
        let ops = if matches!(signed.record().payload, Payload::Reply { .. }) { 2 } else { 1 };
        self.past.push(below | 1 << at);
        self.lamport.push(before + 1);
        self.max_op.push(before + ops);
        self.at.insert(signed.id(), at);
        self.records.push(signed);
    }

    pub(super) fn all(&self) -> Set {
        (0..self.records.len()).fold(0, |set, at| set | 1 << at)
    }

    pub(super) fn place(&self, id: &RecordId) -> Option<usize> {
        self.at.get(id).copied()
    }

    pub(super) fn id(&self, at: usize) -> RecordId {
        self.records[at].id()
    }

    pub(super) fn record(&self, at: usize) -> &Record {
        self.records[at].record()
    }

    pub(super) fn payload(&self, at: usize) -> &Payload {
        &self.record(at).payload
    }

    pub(super) fn stamp(&self, at: usize) -> Stamp {
        (self.lamport[at], self.id(at))
    }

    pub(super) fn set(&self, ids: impl IntoIterator<Item = RecordId>) -> Set {
        ids.into_iter().filter_map(|id| self.place(&id)).fold(0, |set, at| set | 1 << at)
    }

    pub(super) fn ids(&self, set: Set) -> BTreeSet<RecordId> {
        places(set).map(|at| self.id(at)).collect()
    }

    /// The past of a record, itself included.
    pub(super) fn past(&self, at: usize) -> Set {
        self.past[at]
    }

    /// Everything at or below `ids`.
    pub(super) fn below(&self, ids: &[RecordId]) -> Set {
        places(self.set(ids.iter().copied())).fold(0, |set, at| set | self.past[at])
    }

    /// Those that are in no other's past.
    pub(super) fn maximal(&self, set: Set) -> Set {
        let covered = places(set).fold(0, |covered, at| covered | (self.past[at] & !(1 << at)));
        set & !covered
    }

    pub(super) fn of_kind(&self, set: Set, is: impl Fn(&Payload) -> bool) -> Set {
        places(set).filter(|at| is(self.payload(*at))).fold(0, |found, at| found | 1 << at)
    }

    /// The newest of a kind by (lamport, id).
    pub(super) fn newest(&self, set: Set, is: impl Fn(&Payload) -> bool) -> Option<usize> {
        places(self.of_kind(set, is)).max_by_key(|at| self.stamp(*at))
    }

    pub(super) fn is_titled(&self, set: Set) -> bool {
        self.of_kind(set, |payload| matches!(payload, Payload::Title { .. })) != 0
    }

    pub(super) fn is_archived(&self, set: Set) -> bool {
        let latest = self.newest(set, is_archival);
        latest.is_some_and(|at| matches!(self.payload(at), Payload::Archive {}))
    }

    /// Claims of `set` that no reply or failure of `set` ended.
    pub(super) fn open(&self, set: Set) -> Set {
        let attempt = |at: usize| self.payload(at).turn().map(|turn| turn.attempt);
        let ends =
            self.of_kind(set, |payload| matches!(payload, Payload::Reply { .. } | Payload::Failure { .. }));
        let ended =
            |claim| places(ends).any(|end| has(self.past[end], claim) && attempt(end) == attempt(claim));
        let claims = self.of_kind(set, is_claim);
        places(claims).filter(|claim| !ended(*claim)).fold(0, |open, at| open | 1 << at)
    }

    /// Records of the agent that no other of `set` names as `prev`.
    pub(super) fn tips(&self, set: Set) -> Set {
        let agents = self.of_kind(set, |payload| payload.turn().is_some());
        let named = places(agents).filter_map(|at| self.payload(at).turn()?.prev);
        agents & !self.set(named)
    }

    /// Messages and retries of `set` that no claim of it covers and that repeat none that one covers.
    pub(super) fn inputs(&self, set: Set) -> Set {
        let asking = self.of_kind(set, |payload| asks(payload).is_some());
        let claimed = places(self.of_kind(set, is_claim)).fold(0, |covered, at| covered | self.past[at]);
        let answered: BTreeSet<_> = places(asking & claimed).map(|at| asks(self.payload(at))).collect();
        let new = |at: &usize| !answered.contains(&asks(self.payload(*at)));
        places(asking & !claimed).filter(new).fold(0, |inputs, at| inputs | 1 << at)
    }

    /// The facts of a past.
    pub(super) fn facts(&self, set: Set) -> Facts {
        let maximal = |is: fn(&Payload) -> bool| self.live(self.maximal(self.of_kind(set, is)));
        let latest = self.newest(set, is_archival);
        Facts {
            titled: self.is_titled(set),
            archived: latest.map(|at| (self.stamp(at), self.is_archived(set))),
            tips: self.live(self.tips(set)),
            covers: maximal(is_claim),
            open: self.live(self.open(set)),
            titles: maximal(|payload| matches!(payload, Payload::Title { .. })),
            summaries: maximal(|payload| matches!(payload, Payload::Summary { .. })),
            archives: maximal(is_archival),
            lamport: places(set).map(|at| self.lamport[at]).max().unwrap_or(0),
            max_op: places(set).map(|at| self.max_op[at]).max().unwrap_or(0),
        }
    }

    fn live(&self, set: Set) -> Live {
        self.ids(set).into_iter().collect()
    }
}

pub(super) const fn is_claim(payload: &Payload) -> bool {
    matches!(payload, Payload::Claim { .. })
}

const fn is_archival(payload: &Payload) -> bool {
    matches!(payload, Payload::Archive {} | Payload::Unarchive {})
}

/// What makes two inputs the same one; `None` for what asks for nothing.
fn asks(payload: &Payload) -> Option<String> {
    match payload {
        Payload::Open { request_id, .. } | Payload::Message { request_id, .. } => {
            Some(format!("message {request_id} {}", body_of(payload)?.as_str()))
        }
        Payload::Retry { attempt } => Some(format!("retry {attempt}")),
        _ => None,
    }
}

/// Holds what a session says of its graph and its facts against the definitions.
pub(crate) fn check_facts(session: &Session) -> Result<(), String> {
    let pool = Pool::of(session.admitted().map(|entry| &entry.signed));
    for (at, entry) in session.admitted().enumerate() {
        let id = entry.signed.id();
        equal("facts of a record", &entry.facts, &pool.facts(pool.past(at)))?;
        for (before, other) in pool.records.iter().enumerate() {
            let in_past = session.is_in_past(&other.id(), &id);
            equal("is_in_past", &in_past, &has(pool.past(at), before))?;
        }
    }
    let heads: Vec<RecordId> = session.heads().iter().copied().collect();
    let counted = pool.set(session.entries().map(|entry| entry.signed.id()));
    equal("what the heads cover", &pool.ids(pool.below(&heads)), &pool.ids(counted))?;
    equal("heads", session.heads(), &pool.ids(pool.maximal(counted)))?;
    equal("facts of the heads", &session.facts(), &pool.facts(counted))?;
    equal("inputs", &session.inputs(&heads), &pool.ids(pool.inputs(counted)))
}

/// A violation, if the two differ.
pub(super) fn equal<T: PartialEq + std::fmt::Debug>(what: &str, is: &T, should: &T) -> Result<(), String> {
    if is == should { Ok(()) } else { Err(format!("{what}: is {is:?}, should be {should:?}")) }
}
