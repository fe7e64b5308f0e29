//! Verdicts and what counts a second time, from the words of the data model. Quadratic, short, and without a line in
//! common with `rules`, `facts` and `session`; of the roster it asks only who stands, who hosts and what a cut keeps.
//! What it means is in `naive_view`.

use std::collections::BTreeSet;

use super::pool::{Pool, Set, has, is_claim, places};
use crate::id::{AttemptId, RecordId};
use crate::payload::{Header, MemberRole, Payload, Role, Turn};
use crate::record::Record;
use crate::roster::{Roster, Standing};
use crate::session::body_of;

/// What a record's verdict and the view have to be.
pub(super) struct Naive<'a> {
    pub(super) pool: &'a Pool,
    pub(super) roster: &'a Roster,
    pub(super) header: &'a Header,
    pub(super) admitted: Set,
}

impl<'a> Naive<'a> {
    pub(super) fn judge(pool: &'a Pool, roster: &'a Roster, header: &'a Header) -> Self {
        let mut naive = Self { pool, roster, header, admitted: 0 };
        for at in 0..pool.records.len() {
            if naive.is_admissible(pool.record(at)) {
                naive.admitted |= 1 << at;
            }
        }
        naive
    }

    fn is_admissible(&self, record: &Record) -> bool {
        let below = self.pool.below(&record.deps);
        let deps = self.pool.set(record.deps.iter().copied());
        let older = places(deps).flat_map(|at| &self.pool.record(at).roster);
        record.workspace == self.roster.workspace()
            && record.stream == self.header.key(&record.workspace)
            && record.payload.role() != Role::Member
            && record.deps.iter().all(|dep| self.pool.place(dep).is_some_and(|at| has(self.admitted, at)))
            && self.pool.maximal(deps) == deps
            && older.collect::<BTreeSet<_>>().is_subset(&self.roster_past(&record.roster).iter().collect())
            && self.roster.at(&record.roster).is_some_and(|then| self.may_write(record, &then))
            && self.fits(&record.payload, below)
    }

    fn roster_past(&self, heads: &[RecordId]) -> BTreeSet<RecordId> {
        let mut past: BTreeSet<RecordId> = heads.iter().copied().collect();
        let records: Vec<_> = self.roster.records().collect();
        for record in records.iter().rev().filter(|_| heads.iter().all(|head| self.roster.contains(head))) {
            if past.contains(&record.id()) {
                past.extend(&record.record().deps);
            }
        }
        past
    }

    fn may_write(&self, record: &Record, then: &Standing) -> bool {
        let member = then.member_of(&record.author);
        let creator =
            member.is_some_and(|(id, member)| id == self.header.creator && member.role != MemberRole::Guest);
        let agent = then.agent(&self.header.agent);
        match &record.payload {
            Payload::Open { .. } => creator && agent.is_some_and(|agent| !agent.retired),
            payload if payload.turn().is_none() => creator,
            payload => agent.is_some_and(|agent| {
                let ends = matches!(payload, Payload::Failure { .. });
                agent.host == record.author && member.is_some() && (ends || !agent.retired)
            }),
        }
    }

    fn fits(&self, payload: &Payload, below: Set) -> bool {
        let archived = self.pool.is_archived(below);
        let is_open = |attempt| places(self.pool.open(below)).any(|at| self.attempt(at) == Some(attempt));
        let follows = |turn: &Turn| {
            let tips = self.pool.ids(self.pool.tips(below));
            turn.prev.map_or(tips.is_empty(), |prev| tips.contains(&prev))
        };
        let any = |is: &dyn Fn(&Payload) -> bool| self.pool.of_kind(below, is) != 0;
        match payload {
            Payload::Open { .. } => true,
            Payload::Unarchive {} => archived,
            Payload::Failure { turn, .. } => is_open(turn.attempt) && follows(turn),
            _ if archived => false,
            Payload::Message { reply_to: Some(answered), .. } => {
                let line = self.pool.place(answered).filter(|at| has(below, *at));
                line.is_some_and(|at| body_of(self.pool.payload(at)).is_some())
            }
            Payload::Title { turn: Some(turn), .. } => is_open(turn.attempt) && follows(turn),
            Payload::Claim { turn } => {
                let used = |other: &Payload| {
                    is_claim(other) && other.turn().map(|t| t.attempt) == Some(turn.attempt)
                };
                self.pool.open(below) == 0 && !any(&used) && self.pool.inputs(below) != 0 && follows(turn)
            }
            Payload::Reply { turn, .. } | Payload::Summary { turn, .. } => {
                self.pool.is_titled(below) && is_open(turn.attempt) && follows(turn)
            }
            Payload::Stop { attempt } => is_open(*attempt),
            Payload::Retry { attempt } => {
                any(&|other| matches!(other, Payload::Failure { turn, .. } if turn.attempt == *attempt))
            }
            _ => true,
        }
    }

    pub(super) fn attempt(&self, at: usize) -> Option<AttemptId> {
        self.pool.payload(at).turn().map(|turn| turn.attempt)
    }

    /// Whether a record counts by itself.
    pub(super) fn counts_alone(&self, at: usize, today: &Standing) -> bool {
        let record = self.pool.record(at);
        today.stands(&record.author) || today.keeps(&record.author, &record.stream, &self.pool.id(at))
    }

    pub(super) fn counted(&self, today: &Standing) -> Set {
        let alone = places(self.admitted).filter(|at| self.counts_alone(*at, today));
        alone.fold(0, |counted, at| counted | self.pool.past(at))
    }
}
