//! What a session means, told once more and as simply as can be: a fold over records, written from the words of the data
//! model, that shares no line with the rules, facts, session and view under test. Quadratic and slow, for comparison only.
//!
//! For honest histories and revocations. Left out: verdicts (what is on a disk is taken as admitted), which branch of a
//! forked agent's chain wins (then no lines are compared), summaries, times, and who answers which line.

pub mod roster;

use std::collections::{BTreeMap, BTreeSet};

use fixedbitset::FixedBitSet;
use starling_crdt::id::{AttemptId, RecordId, StreamKey};
use starling_crdt::payload::Payload;
use starling_crdt::record::Record;
use starling_crdt::view::Status;

use crate::ledger::body;
use roster::Standing;

/// One line: record, sealed or not, by the agent or not, and its text. Its number is its place, from 1.
pub type Line = (RecordId, bool, bool, String);

/// A session as far as it is told twice.
#[derive(Debug)]
pub struct Model {
    /// Records that count.
    pub counted: BTreeSet<RecordId>,
    /// Where it stands; means nothing where the agent's chain forked.
    pub status: Status,
    /// The newest title.
    pub title: Option<String>,
    /// All lines in order; `None` where the agent's chain forked.
    pub lines: Option<Vec<Line>>,
    /// Inputs that wait for a claim.
    pub pending: usize,
    /// Attempts that have not ended.
    pub open: BTreeSet<AttemptId>,
}

/// Records with their pasts.
struct Graph<'a> {
    records: Vec<(RecordId, &'a Record)>,
    past: Vec<FixedBitSet>,
    lamport: Vec<u64>,
    counted: FixedBitSet,
}

/// What makes two inputs, or two lines of the creator, the same one.
fn asks(payload: &Payload) -> Option<String> {
    match payload {
        Payload::Open { request_id: id, body, .. } | Payload::Message { request_id: id, body, .. } => {
            Some(format!("say {id} {}", body.as_str()))
        }
        Payload::Retry { attempt } => Some(format!("retry {attempt}")),
        _ => None,
    }
}

const fn is_end(payload: &Payload) -> bool {
    matches!(payload, Payload::Reply { .. } | Payload::Failure { .. })
}

impl<'a> Graph<'a> {
    fn new(records: &[(RecordId, &'a Record)], key: &StreamKey, today: &Standing) -> Self {
        let (mut past, mut lamport) = (Vec::<FixedBitSet>::new(), Vec::new());
        let mut counted = FixedBitSet::with_capacity(records.len());
        let (mut place, mut last_op) = (BTreeMap::new(), Vec::new());
        for (at, (id, record)) in records.iter().enumerate() {
            let deps: Vec<usize> = record.deps.iter().filter_map(|dep| place.get(dep).copied()).collect();
            let mut below = FixedBitSet::with_capacity(records.len());
            below.insert(at);
            deps.iter().filter_map(|dep| past.get(*dep)).for_each(|dep| below.union_with(dep));
            // Six ops of the header come before all.
            let time = 1 + deps.iter().filter_map(|dep| last_op.get(*dep)).max().unwrap_or(&6);
            last_op.push(time + u64::from(matches!(record.payload, Payload::Reply { .. })));
            if today.stands(&record.author) || today.keeps(&record.author, key, id) {
                counted.union_with(&below);
            }
            past.push(below);
            lamport.push(time);
            place.insert(*id, at);
        }
        Self { records: records.to_vec(), past, lamport, counted }
    }

    fn payload(&self, at: usize) -> Option<&'a Payload> {
        self.records.get(at).map(|(_, record)| &record.payload)
    }

    fn stamp(&self, at: usize) -> Option<(u64, RecordId)> {
        Some((*self.lamport.get(at)?, self.records.get(at)?.0))
    }

    fn sees(&self, at: usize, other: usize) -> bool {
        self.past.get(at).is_some_and(|past| past.contains(other))
    }

    /// Counted records of a kind, in canonical order.
    fn of_kind(&self, is: impl Fn(&Payload) -> bool) -> Vec<usize> {
        let mut found: Vec<usize> =
            self.counted.ones().filter(|at| self.payload(*at).is_some_and(&is)).collect();
        found.sort_by_key(|at| self.stamp(*at));
        found
    }

    fn newest<T>(&self, pick: impl Fn(&'a Payload) -> Option<T>) -> Option<T> {
        self.of_kind(|_| true).into_iter().rev().filter_map(|at| self.payload(at)).find_map(pick)
    }

    /// Inputs that no claim has seen, and that repeat none that one has.
    fn pending(&self) -> usize {
        let claims = self.of_kind(|payload| matches!(payload, Payload::Claim { .. }));
        let inputs = self.of_kind(|payload| asks(payload).is_some());
        let (seen, new): (Vec<usize>, Vec<usize>) =
            inputs.into_iter().partition(|at| claims.iter().any(|claim| self.sees(*claim, *at)));
        let name = |at: &usize| self.payload(*at).and_then(asks);
        let seen: BTreeSet<_> = seen.iter().map(name).collect();
        new.iter().filter(|at| !seen.contains(&name(at))).count()
    }

    /// Claims that no reply or failure has ended.
    fn open(&self) -> Vec<usize> {
        let ends = self.of_kind(is_end);
        let attempt = |at: usize| Some(self.payload(at)?.turn()?.attempt);
        let ended = |claim| ends.iter().any(|end| self.sees(*end, claim) && attempt(*end) == attempt(claim));
        let claims = self.of_kind(|payload| matches!(payload, Payload::Claim { .. })).into_iter();
        claims.filter(|claim| !ended(*claim)).collect()
    }

    /// The agent's records, each naming the one before; `None` if two name the same.
    fn chain(&self) -> Option<Vec<usize>> {
        let agents = self.of_kind(|payload| payload.turn().is_some());
        let prev = |at: usize| self.payload(at).and_then(Payload::turn).and_then(|turn| turn.prev);
        let names: BTreeSet<_> = agents.iter().map(|at| prev(*at)).collect();
        (names.len() == agents.len()).then_some(agents)
    }

    /// Each claim numbers what it has seen, each reply itself; the rest follows, unsealed.
    fn lines(&self, chain: &[usize]) -> Vec<Line> {
        let mut left = self.of_kind(|payload| body(payload).is_some());
        let (mut lines, mut shown): (Vec<Line>, BTreeSet<String>) = (Vec::new(), BTreeSet::new());
        let mut number = |sealed: bool, wanted: &dyn Fn(usize) -> bool| {
            for at in left.iter().filter(|at| wanted(**at)) {
                let Some((id, record)) = self.records.get(*at) else { continue };
                let new = asks(&record.payload).is_none_or(|name| shown.insert(name));
                let text = body(&record.payload).filter(|_| new).map(|body| body.as_str().to_owned());
                lines.extend(text.map(|text| (*id, sealed, record.payload.turn().is_some(), text)));
            }
            left.retain(|at| !wanted(*at));
        };
        for link in chain {
            match self.payload(*link) {
                Some(Payload::Claim { .. }) => number(true, &|at| self.sees(*link, at)),
                Some(Payload::Reply { .. }) => number(true, &|at| at == *link),
                _ => {}
            }
        }
        number(false, &|_| true);
        lines
    }
}

impl Model {
    /// Folds the records of one session, each after its deps, under today's roster. `None` if the first does not open it.
    #[must_use]
    pub fn of(records: &[(RecordId, &Record)], key: &StreamKey, today: &Standing) -> Option<Self> {
        let Payload::Open { header, .. } = &records.first()?.1.payload else { return None };
        let graph = Graph::new(records, key, today);
        let title = graph.newest(|payload| match payload {
            Payload::Title { title, .. } => Some(title.as_str().to_owned()),
            _ => None,
        });
        let archived = graph.newest(|payload| match payload {
            Payload::Archive {} => Some(true),
            Payload::Unarchive {} => Some(false),
            _ => None,
        });
        let (open, pending, chain) = (graph.open(), graph.pending(), graph.chain());
        let author = |at: &usize| graph.records.get(*at).map(|(_, record)| record.author);
        let running =
            open.iter().any(|claim| author(claim).is_some() && author(claim) == today.host(&header.agent));
        let mut turns = chain.iter().flatten().rev().filter_map(|at| graph.payload(*at));
        let failed = matches!(turns.find(|payload| is_end(payload)), Some(Payload::Failure { .. }));
        let status = match (archived, running, failed && pending == 0, &title) {
            (Some(true), ..) => Status::Archived,
            (_, true, ..) => Status::Running,
            (_, _, true, _) => Status::Error,
            (.., None) => Status::NeedsTitle,
            _ => Status::Active,
        };
        Some(Self {
            counted: graph.counted.ones().filter_map(|at| Some(graph.records.get(at)?.0)).collect(),
            lines: chain.map(|chain| graph.lines(&chain)),
            open: open.iter().filter_map(|at| Some(graph.payload(*at)?.turn()?.attempt)).collect(),
            status,
            title,
            pending,
        })
    }
}
