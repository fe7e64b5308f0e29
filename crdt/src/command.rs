//! What a caller may ask of a session, and the record that does it. People, agents and the node's own
//! dispatch come through here. [`decide`] answers before anything is signed or stored: the payload to write,
//! "already done", or why not. It checks what a verdict cannot (counts, repeated requests) and leaves the
//! verdict itself to `rules`.

use crate::facts::Facts;
use crate::fault::{Fault, planted};
use crate::id::{AttemptId, MemberId, RecordId, StreamKey};
use crate::limits::SESSION_RECORDS_MAX;
use crate::payload::{Payload, Turn};
use crate::session::{Session, body_of};
use crate::text::{Body, Reason, RequestId, Summary, Title};
use crate::view::{Status, View};

/// What a caller wants of a session that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// The creator writes.
    Message {
        /// The text.
        body: Body,
        /// The caller's name for this write.
        request_id: RequestId,
        /// The message that it answers.
        reply_to: Option<RecordId>,
    },
    /// The creator names the session.
    Title(Title),
    /// The creator closes it.
    Archive,
    /// The creator opens it again.
    Unarchive,
    /// The creator ends the running turn.
    Stop,
    /// The creator wants the failed turn tried again.
    Retry,
    /// The creator links it to the full session that it goes on from.
    Continue(StreamKey),
    /// The agent's host starts a turn.
    Claim(AttemptId),
    /// The agent names the session.
    SetTitle(AttemptId, Title),
    /// The agent answers.
    Reply(AttemptId, Body),
    /// The agent sums up.
    Summarize(AttemptId, Summary),
    /// The host ends a turn without answer.
    Fail(AttemptId, Reason),
}

/// What follows from a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Write this.
    Write(Payload),
    /// It is so already, by this record where there is one.
    Already(Option<RecordId>),
}

/// Why a command is refused. Nothing was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejected {
    /// Somebody else's session.
    #[error("only the session's creator may do that")]
    NotCreator,
    /// The title gate, in the words that an agent is told.
    #[error("call set_title first, then reply again")]
    TitleRequired,
    /// The attempt ended, or was never made.
    #[error("this turn is over; nothing more can be written in it")]
    StaleAttempt,
    /// Closed.
    #[error("the session is archived; unarchive it first")]
    Archived,
    /// The request id was used for another text.
    #[error("this request id was used for another message")]
    RequestIdReused,
    /// The answered message is not here.
    #[error("the message that it answers is not in this session")]
    UnknownReplyTo,
    /// No turn runs.
    #[error("no turn is running")]
    NothingRuns,
    /// No turn failed.
    #[error("the last turn did not fail")]
    NothingFailed,
    /// A claim without need.
    #[error("there is nothing to answer, or a turn is open")]
    NothingToClaim,
    /// A session goes on from one other.
    #[error("the session continues another one already")]
    ContinuesAnother,
    /// The cap.
    #[error("the session has {SESSION_RECORDS_MAX} records; continue in a new one")]
    Full,
}

/// Decides on a command. What it says to write goes on [`Session::write_deps`]. `me` is the member on whose
/// device it was given; commands of the agent's turn do not look at it.
///
/// # Errors
/// [`Rejected`] says why; the session is as it was.
pub fn decide(session: &Session, view: &View, me: MemberId, command: Command) -> Result<Decision, Rejected> {
    let facts = session.facts_at(&session.write_deps(view.tip));
    match command {
        Command::Message { body, request_id, reply_to } => {
            creator_only(view, me)?;
            message(session, view, body, request_id, reply_to)
        }
        Command::Title(title) => {
            creator_only(view, me)?;
            if view.title.as_ref() == Some(&title) {
                return Ok(Decision::Already(None));
            }
            not_archived(&facts)?;
            has_room(session)?;
            write(Payload::Title { title, turn: None })
        }
        Command::Archive => {
            creator_only(view, me)?;
            if facts.is_archived() { Ok(Decision::Already(None)) } else { write(Payload::Archive {}) }
        }
        Command::Unarchive => {
            creator_only(view, me)?;
            if facts.is_archived() { write(Payload::Unarchive {}) } else { Ok(Decision::Already(None)) }
        }
        Command::Stop => {
            creator_only(view, me)?;
            not_archived(&facts)?;
            let running = view.processing.as_ref().ok_or(Rejected::NothingRuns)?;
            if running.stop_requested {
                Ok(Decision::Already(None))
            } else {
                write(Payload::Stop { attempt: running.attempt })
            }
        }
        Command::Retry => retry(session, view, me, &facts),
        Command::Continue(previous) => {
            creator_only(view, me)?;
            not_archived(&facts)?;
            match view.continues {
                Some(known) if known == previous => Ok(Decision::Already(None)),
                Some(_) => Err(Rejected::ContinuesAnother),
                None => write(Payload::Continues { previous }),
            }
        }
        Command::Claim(attempt) => claim(session, view, &facts, attempt),
        Command::SetTitle(attempt, title) => {
            let turn = in_turn(session, view, &facts, attempt)?;
            not_archived(&facts)?;
            has_room(session)?;
            write(Payload::Title { title, turn: Some(turn) })
        }
        Command::Reply(attempt, body) => {
            let turn = in_turn(session, view, &facts, attempt)?;
            not_archived(&facts)?;
            titled(&facts)?;
            write(Payload::Reply { turn, body })
        }
        Command::Summarize(attempt, summary) => {
            let turn = in_turn(session, view, &facts, attempt)?;
            not_archived(&facts)?;
            titled(&facts)?;
            has_room(session)?;
            write(Payload::Summary { turn, summary })
        }
        Command::Fail(attempt, reason) => {
            let turn = in_turn(session, view, &facts, attempt)?;
            write(Payload::Failure { turn, reason })
        }
    }
}

const fn write(payload: Payload) -> Result<Decision, Rejected> {
    Ok(Decision::Write(payload))
}

fn message(
    session: &Session,
    view: &View,
    body: Body,
    request_id: RequestId,
    reply_to: Option<RecordId>,
) -> Result<Decision, Rejected> {
    let before: Vec<RecordId> = session.records_of_request(&request_id).collect();
    let same =
        |id: &&RecordId| session.entry(id).and_then(|e| body_of(&e.signed.record().payload)) == Some(&body);
    let same: Vec<RecordId> = before.iter().filter(same).copied().collect();
    if let Some(id) = shown(view, &same) {
        return Ok(Decision::Already(Some(id)));
    }
    if !before.is_empty() {
        return Err(Rejected::RequestIdReused);
    }
    if view.status == Status::Archived {
        return Err(Rejected::Archived);
    }
    let counted = |id: RecordId| session.entry(&id).filter(|entry| entry.is_counted());
    let is_line = |id| counted(id).is_some_and(|entry| body_of(&entry.signed.record().payload).is_some());
    if reply_to.is_some_and(|id| !is_line(id)) {
        return Err(Rejected::UnknownReplyTo);
    }
    has_room(session)?;
    write(Payload::Message { body, request_id, reply_to })
}

/// Of the records of one request the one that is shown as a line.
fn shown(view: &View, same: &[RecordId]) -> Option<RecordId> {
    let line = view.lines.iter().find(|line| same.contains(&line.message_id));
    line.map(|line| line.message_id).or_else(|| same.first().copied())
}

fn retry(session: &Session, view: &View, me: MemberId, facts: &Facts) -> Result<Decision, Rejected> {
    creator_only(view, me)?;
    not_archived(facts)?;
    if view.pending_inputs > 0 || view.processing.is_some() {
        return Ok(Decision::Already(None));
    }
    let failed = view.last_failed.as_ref().ok_or(Rejected::NothingFailed)?;
    has_room(session)?;
    write(Payload::Retry { attempt: failed.attempt })
}

fn claim(session: &Session, view: &View, facts: &Facts, attempt: AttemptId) -> Result<Decision, Rejected> {
    not_archived(facts)?;
    let claims = session.claims_of(&attempt);
    if let Some(open) = claims.iter().find(|claim| facts.open.contains(claim)) {
        return Ok(Decision::Already(Some(*open)));
    }
    if !claims.is_empty() {
        return Err(Rejected::StaleAttempt);
    }
    has_room(session)?;
    if !view.is_actionable() {
        return Err(Rejected::NothingToClaim);
    }
    write(Payload::Claim { turn: Turn { attempt, prev: view.tip } })
}

/// The turn of an attempt that is open, with the agent's newest record as `prev`.
fn in_turn(session: &Session, view: &View, facts: &Facts, attempt: AttemptId) -> Result<Turn, Rejected> {
    let open = session.claims_of(&attempt).iter().any(|claim| facts.open.contains(claim));
    if open { Ok(Turn { attempt, prev: view.tip }) } else { Err(Rejected::StaleAttempt) }
}

fn creator_only(view: &View, me: MemberId) -> Result<(), Rejected> {
    if view.creator == me { Ok(()) } else { Err(Rejected::NotCreator) }
}

fn not_archived(facts: &Facts) -> Result<(), Rejected> {
    if facts.is_archived() { Err(Rejected::Archived) } else { Ok(()) }
}

fn titled(facts: &Facts) -> Result<(), Rejected> {
    if facts.titled || planted(Fault::GateOff) { Ok(()) } else { Err(Rejected::TitleRequired) }
}

/// The cap binds what asks for more work; what ends a turn or archives is always possible.
fn has_room(session: &Session) -> Result<(), Rejected> {
    if session.len() < SESSION_RECORDS_MAX { Ok(()) } else { Err(Rejected::Full) }
}

#[cfg(test)]
mod tests;
