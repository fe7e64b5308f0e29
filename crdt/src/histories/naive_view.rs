//! The view a second time, from the words of the data model: the agent's chain, numbers, what is sealed, status. Shares
//! no line with `view`.

use std::collections::BTreeSet;

use super::naive::Naive;
use super::pool::{Set, has, is_claim, places};
use crate::id::{AttemptId, RecordId};
use crate::payload::Payload;
use crate::roster::Standing;
use crate::session::body_of;
use crate::view::{Author, Status, View};

impl Naive<'_> {
    /// The agent's records in order, and whether they forked.
    fn chain(&self, counted: Set, today: &Standing) -> (Vec<usize>, bool) {
        let agents = self.pool.of_kind(counted, |payload| payload.turn().is_some());
        let prev = |at: usize| self.pool.payload(at).turn().and_then(|turn| turn.prev);
        let weight = |root: usize| {
            let mut branch: Set = 1 << root;
            for at in places(agents) {
                branch |=
                    Set::from(prev(at).is_some_and(|id| has(branch, self.pool.place(&id).unwrap()))) << at;
            }
            let stands = places(branch).filter(|at| today.stands(&self.pool.record(*at).author));
            let epoch = stands.map(|at| {
                let then = self.roster.at(&self.pool.record(at).roster).unwrap();
                then.agent(&self.header.agent).unwrap().epoch
            });
            let claim = self.pool.newest(branch & !(1 << root), is_claim).map(|at| self.pool.stamp(at));
            (epoch.max(), claim, self.pool.stamp(root))
        };
        let (mut chain, mut forked) = (Vec::new(), false);
        loop {
            let after = chain.last().map(|at| self.pool.id(*at));
            let next: Vec<usize> = places(agents).filter(|at| prev(*at) == after).collect();
            forked |= next.len() > 1;
            match next.into_iter().max_by_key(|at| weight(*at)) {
                Some(at) => chain.push(at),
                None => return (chain, forked),
            }
        }
    }

    /// Places of lines in the order of their numbers, and how many of them are sealed.
    fn lines(&self, counted: Set, chain: &[usize]) -> (Vec<usize>, usize) {
        let all = self.pool.of_kind(counted, |payload| body_of(payload).is_some());
        let mut left: Vec<usize> = places(all).collect();
        left.sort_by_key(|at| self.pool.stamp(*at));
        let mut lines: Vec<usize> = Vec::new();
        let mut number = |wanted: &dyn Fn(usize) -> bool| {
            let mut shown: BTreeSet<_> = lines.iter().map(|at| self.shown_as(*at)).collect();
            lines.extend(left.iter().copied().filter(|at| wanted(*at) && shown.insert(self.shown_as(*at))));
            left.retain(|at| !wanted(*at));
            lines.len()
        };
        let mut sealed = 0;
        for link in chain {
            sealed = match self.pool.payload(*link) {
                Payload::Claim { .. } => number(&|at| has(self.pool.past(*link), at)),
                Payload::Reply { .. } => number(&|at| at == *link),
                _ => sealed,
            };
        }
        number(&|_| true);
        (lines, sealed)
    }

    /// Two records with the same name here are one line.
    fn shown_as(&self, at: usize) -> String {
        let text = body_of(self.pool.payload(at)).unwrap().as_str();
        match self.pool.payload(at) {
            Payload::Open { request_id, .. } | Payload::Message { request_id, .. } => {
                format!("{request_id} {text}")
            }
            _ => self.pool.id(at).to_string(),
        }
    }

    pub(super) fn essentials(&self, today: &Standing) -> Essentials {
        let counted = self.counted(today);
        let (chain, forked) = self.chain(counted, today);
        let (order, sealed) = self.lines(counted, &chain);
        let newest = |is: fn(&Payload) -> bool| {
            let at = self.pool.newest(counted, is)?;
            match self.pool.payload(at) {
                Payload::Title { title, .. } => Some(title.as_str().to_owned()),
                Payload::Summary { summary, .. } => Some(summary.as_str().to_owned()),
                _ => None,
            }
        };
        let title = newest(|payload| matches!(payload, Payload::Title { .. }));
        let open = self.pool.open(counted);
        let host = today.agent(&self.header.agent).map(|agent| agent.host);
        let running = places(open).any(|at| Some(self.pool.record(at).author) == host);
        let ended =
            |at: &&usize| matches!(self.pool.payload(**at), Payload::Reply { .. } | Payload::Failure { .. });
        let last = chain.iter().rev().find(ended).map(|at| self.pool.payload(*at));
        let pending = self.pool.inputs(counted).count_ones() as usize;
        let status = match (self.pool.is_archived(counted), running, last, &title) {
            (true, ..) => Status::Archived,
            (_, true, ..) => Status::Running,
            (_, _, Some(Payload::Failure { .. }), _) if pending == 0 => Status::Error,
            (_, _, _, None) => Status::NeedsTitle,
            _ => Status::Active,
        };
        let lines = order.iter().enumerate().map(|(number, at)| {
            let agent = self.pool.payload(*at).turn().is_some();
            let author = if agent { Author::Agent } else { Author::Creator };
            let text = body_of(self.pool.payload(*at)).unwrap().as_str().to_owned();
            let lost = agent && !chain.contains(at);
            (number as u64 + 1, self.pool.id(*at), number < sealed, lost, author, text)
        });
        Essentials {
            lines: lines.collect(),
            summary: newest(|payload| matches!(payload, Payload::Summary { .. })),
            tip: chain.last().map(|at| self.pool.id(*at)),
            open: places(open).filter_map(|at| self.attempt(at)).collect(),
            revision: u64::from(counted.count_ones()),
            title,
            status,
            pending,
            forked,
        }
    }
}

/// What of a view is told twice.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Essentials {
    status: Status,
    title: Option<String>,
    summary: Option<String>,
    /// Number, record, sealed, lost, author, text.
    lines: Vec<(u64, RecordId, bool, bool, Author, String)>,
    pending: usize,
    tip: Option<RecordId>,
    open: BTreeSet<AttemptId>,
    forked: bool,
    revision: u64,
}

impl Essentials {
    pub(super) fn of(view: &View) -> Self {
        let line = |line: &crate::view::Line| {
            let text = line.body.as_str().to_owned();
            (line.number, line.message_id, line.sealed, line.lost, line.author, text)
        };
        Self {
            status: view.status,
            title: view.title.as_ref().map(|title| title.as_str().to_owned()),
            summary: view.summary.as_ref().map(|(summary, _)| summary.as_str().to_owned()),
            lines: view.lines.iter().map(line).collect(),
            pending: view.pending_inputs,
            tip: view.tip,
            open: view.open_attempts.iter().copied().collect(),
            forked: view.fork.is_some(),
            revision: view.revision,
        }
    }
}
