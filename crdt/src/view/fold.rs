//! The fold from counted records to a view. The agent's claims are the sequencer (Bayou's primary commit,
//! Terry et al., SOSP 1995): each claim of the winning chain numbers every message in its causal past that
//! has no number yet, in canonical order, and each reply takes the next number. Those lines are sealed
//! (INV-6). What no claim covers comes after them with provisional numbers.

use std::collections::{BTreeMap, BTreeSet};

use super::chain::Chain;
use super::{Archived, Author, Completed, Line, Processing, Status, View};
use crate::facts::{Facts, Live};
use crate::fault::{Fault, planted};
use crate::id::{AttemptId, RecordId};
use crate::payload::{Header, Payload};
use crate::roster::Standing;
use crate::session::{Entry, Session, body_of};
use crate::text::RequestId;

/// Folds a session under today's roster. `None` while nothing counts: before its first record, and when a revocation took
/// all of them away. A replica that never had those sees nothing either.
#[must_use]
pub fn fold(session: &Session, standing: &Standing) -> Option<View> {
    if session.is_empty() { None } else { fold_held(session, standing) }
}

/// As [`fold`], and of a session of which nothing counts too: without lines and with revision 0, for who keeps it until
/// that changes. Not to be shown.
#[must_use]
pub fn fold_held(session: &Session, standing: &Standing) -> Option<View> {
    let header = session.header()?;
    let facts = session.facts();
    let chain = Chain::winning(session, standing);
    let mut lines = Numbering::new(session);
    for entry in &chain.records {
        lines.follow(entry);
    }
    lines.add_provisional();
    Some(assemble(session, header, standing, &facts, &chain, lines))
}

fn assemble(
    session: &Session,
    header: &Header,
    standing: &Standing,
    facts: &Facts,
    chain: &Chain<'_>,
    lines: Numbering<'_>,
) -> View {
    let open: Vec<&Entry> = facts.open.iter().filter_map(|claim| session.entry(claim)).collect();
    let agent = standing.agent(&header.agent);
    let host = agent.map(|agent| agent.host);
    let running = open.iter().find(|claim| Some(claim.signed.record().author) == host).copied();
    let heads: Vec<RecordId> = session.heads().iter().copied().collect();
    let pending_inputs = session.inputs_beyond(&heads, &facts.covers).len();
    let last_failed = if running.is_some() { None } else { chain.last_failed() };
    let title = newest(session, &facts.titles, |payload| match payload {
        Payload::Title { title, .. } => Some(title),
        _ => None,
    });
    let settled = match (&last_failed, title.is_some()) {
        (Some(_), _) if pending_inputs == 0 => Status::Error,
        (_, false) => Status::NeedsTitle,
        (_, true) => Status::Active,
    };
    let archived = facts.archived.filter(|(_, archived)| *archived).map(|((_, id), _)| Archived {
        at_ms: session.entry(&id).map_or(0, |entry| entry.signed.record().at_ms),
        from: settled,
    });
    let status = match (archived.is_some(), running.is_some()) {
        (true, _) => Status::Archived,
        (false, true) => Status::Running,
        (false, false) => settled,
    };
    let processing =
        running.filter(|_| status == Status::Running).and_then(|claim| lines.processing(session, claim));
    let times = || session.entries().map(|entry| entry.signed.record().at_ms);
    View {
        key: session.key(),
        id: header.session,
        creator: header.creator,
        created_by: standing.member(&header.creator).map_or_else(unknown, |member| member.handle.clone()),
        agent: header.agent,
        agent_handle: agent.map_or_else(unknown, |agent| agent.handle.clone()),
        title: title.map(|(title, _)| title),
        status,
        created_at_ms: opened_at(session),
        updated_at_ms: times().max().unwrap_or(0),
        archived,
        summary: newest(session, &facts.summaries, |payload| match payload {
            Payload::Summary { summary, .. } => Some(summary),
            _ => None,
        }),
        processing,
        last_completed: lines.completed.clone(),
        last_failed,
        last_human: lines.last_human(),
        revision: session.len() as u64,
        pending_inputs,
        open_attempts: open
            .iter()
            .filter_map(|e| e.signed.record().payload.turn())
            .map(|turn| turn.attempt)
            .collect(),
        continues: continued(session),
        fork: chain.fork,
        tip: chain.records.last().map(|entry| entry.signed.id()),
        aside: session.aside() as u64,
        lines: lines.lines,
    }
}

/// Members and agents are known before any session that names them; a name for what cannot be.
fn unknown() -> crate::id::Handle {
    crate::id::Handle::fit("unknown").unwrap_or_else(|| unreachable!("`unknown` is a handle"))
}

fn opened_at(session: &Session) -> u64 {
    let opens = session.entries().filter(|e| matches!(e.signed.record().payload, Payload::Open { .. }));
    opens.map(|entry| entry.signed.record().at_ms).min().unwrap_or(0)
}

fn continued(session: &Session) -> Option<crate::id::StreamKey> {
    let link = |entry: &Entry| match &entry.signed.record().payload {
        Payload::Continues { previous } => Some((entry.stamp(), *previous)),
        _ => None,
    };
    session.entries().filter_map(link).min().map(|(_, previous)| previous)
}

/// The newest of a register's maximal writes by canonical order, and its time: what automerge shows too.
fn newest<'a, T: Clone + 'a>(
    session: &'a Session,
    writes: &Live,
    pick: impl Fn(&'a Payload) -> Option<&'a T>,
) -> Option<(T, u64)> {
    let entries = writes.iter().filter_map(|id| session.entry(id));
    let record = entries.max_by_key(|entry| entry.stamp())?.signed.record();
    pick(&record.payload).map(|value| (value.clone(), record.at_ms))
}

/// Gives numbers to lines.
struct Numbering<'a> {
    session: &'a Session,
    /// Messages and replies without a number, in canonical order.
    left: Vec<&'a Entry>,
    lines: Vec<Line>,
    line_of: BTreeMap<RecordId, u64>,
    shown: BTreeMap<RequestId, Vec<RecordId>>,
    /// The highest line of the creator that each attempt's claim covered.
    inputs: BTreeMap<AttemptId, u64>,
    on_chain: BTreeSet<RecordId>,
    completed: Option<Completed>,
    human: Option<(u64, RequestId)>,
}

impl<'a> Numbering<'a> {
    fn new(session: &'a Session) -> Self {
        let is_line = |entry: &&Entry| body_of(&entry.signed.record().payload).is_some();
        let mut left: Vec<&Entry> = session.entries().filter(is_line).collect();
        left.sort_by_key(|entry| entry.stamp());
        Self {
            session,
            left,
            lines: Vec::new(),
            line_of: BTreeMap::new(),
            shown: BTreeMap::new(),
            inputs: BTreeMap::new(),
            on_chain: BTreeSet::new(),
            completed: None,
            human: None,
        }
    }

    /// The next record of the winning chain.
    fn follow(&mut self, entry: &'a Entry) {
        let id = entry.signed.id();
        match &entry.signed.record().payload {
            Payload::Claim { turn } => {
                let later = self.left.partition_point(|line| line.stamp() < entry.stamp());
                let rest = self.left.split_off(later);
                let (covered, left): (Vec<&Entry>, _) = std::mem::take(&mut self.left)
                    .into_iter()
                    .partition(|line| entry.has_seen(line) || planted(Fault::SealsByStamp));
                self.left = left;
                self.left.extend(rest);
                for line in covered {
                    self.place(line, true);
                }
                self.inputs.insert(turn.attempt, self.human_line());
            }
            Payload::Reply { turn, .. } => {
                let at = self.left.binary_search_by_key(&entry.stamp(), |line| line.stamp()).ok();
                if let Some(at) = at.filter(|_| !planted(Fault::LineSealedTwice)) {
                    self.left.remove(at);
                }
                self.on_chain.insert(id);
                self.place(entry, true);
                let (input_line, line) = (self.input_of(&turn.attempt), self.lines.len() as u64);
                self.completed = Some(Completed { attempt: turn.attempt, input_line, line });
            }
            _ => {}
        }
    }

    /// What no claim covers yet comes last. INV-6: what is sealed stands before it, whatever that is.
    fn add_provisional(&mut self) {
        for line in std::mem::take(&mut self.left) {
            self.place(line, false);
        }
        let sealed_first = self.lines.is_sorted_by_key(|line| !line.sealed);
        debug_assert!(
            sealed_first || planted(Fault::LineSealedTwice),
            "INV-6: a sealed line is pushed by one that is not"
        );
    }

    /// Gives an entry the next number, unless it repeats a request that has one.
    fn place(&mut self, entry: &Entry, sealed: bool) {
        let (id, record) = (entry.signed.id(), entry.signed.record());
        let Some(body) = body_of(&record.payload) else {
            return;
        };
        let number = self.lines.len() as u64 + 1;
        let (author, wanted) = match &record.payload {
            Payload::Open { request_id, .. } | Payload::Message { request_id, .. } => {
                if let Some(same) = self.repeated(request_id, id) {
                    self.line_of.insert(id, same);
                    return;
                }
                self.shown.entry(request_id.clone()).or_default().push(id);
                self.human = Some((number, request_id.clone()));
                (Author::Creator, self.answered_by(&record.payload))
            }
            payload => (Author::Agent, payload.turn().map_or(0, |turn| self.input_of(&turn.attempt))),
        };
        self.line_of.insert(id, number);
        let point_to = if wanted < number { wanted } else { 0 };
        debug_assert!(
            author == Author::Creator || self.is_titled(&id),
            "INV-1: an agent's line without a title"
        );
        self.lines.push(Line {
            message_id: id,
            number,
            sealed,
            lost: author == Author::Agent && !self.on_chain.contains(&id),
            point_to,
            author,
            at_ms: record.at_ms,
            body: body.clone(),
        });
    }

    fn is_titled(&self, id: &RecordId) -> bool {
        self.session.entry(id).is_some_and(|entry| entry.facts.titled)
    }

    fn repeated(&self, request: &RequestId, id: RecordId) -> Option<u64> {
        let body = |id: &RecordId| self.session.entry(id).and_then(|e| body_of(&e.signed.record().payload));
        let shown = self.shown.get(request).filter(|_| !planted(Fault::RepetitionShown));
        let same = shown?.iter().find(|other| body(other) == body(&id))?;
        self.line_of.get(same).copied()
    }

    fn answered_by(&self, payload: &Payload) -> u64 {
        match payload {
            Payload::Message { reply_to: Some(answered), .. } => {
                self.line_of.get(answered).copied().unwrap_or(0)
            }
            _ => 0,
        }
    }

    fn input_of(&self, attempt: &AttemptId) -> u64 {
        self.inputs.get(attempt).copied().unwrap_or(0)
    }

    /// The highest line of the creator so far.
    fn human_line(&self) -> u64 {
        self.human.as_ref().map_or(0, |(line, _)| *line)
    }

    fn last_human(&self) -> (u64, RequestId) {
        let fallback = || RequestId::new("none").unwrap_or_else(|_| unreachable!("`none` is a request id"));
        self.human.clone().unwrap_or_else(|| (0, fallback()))
    }

    /// The highest line of the creator in a claim's past. A claim on the losing branch of a fork numbered nothing, but
    /// what it answers has its number by the winning one.
    fn input_seen_by(&self, claim: &Entry) -> u64 {
        let claim = claim.signed.id();
        let seen = |line: &&Line| self.session.is_in_past(&line.message_id, &claim);
        let human = self.lines.iter().filter(|line| line.author == Author::Creator);
        human.filter(seen).map(|line| line.number).max().unwrap_or(1)
    }

    fn processing(&self, session: &Session, claim: &Entry) -> Option<Processing> {
        let attempt = claim.signed.record().payload.turn()?.attempt;
        let stops = |entry: &Entry| matches!(entry.signed.record().payload, Payload::Stop { attempt: a } if a == attempt);
        Some(Processing {
            attempt,
            input_line: self.input_seen_by(claim),
            started_at_ms: claim.signed.record().at_ms,
            claim: claim.signed.id(),
            stop_requested: session.entries().any(stops),
        })
    }
}
