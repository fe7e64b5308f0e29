//! The verdict on a session's record, from its causal past alone. Because the past is the same on every replica, so is
//! the verdict, in any order of arrival: every rule here is invariant-confluent (Bailis et al., "Coordination avoidance
//! in database systems", VLDB 2015). What causality cannot enforce (uniqueness, counts, "nothing after") is not judged
//! here but chosen by the view or checked by the writer.
//!
//! INV-1, the title gate: [`judge`] admits a reply or summary only if a title is in its causal past.

use crate::facts::Facts;
use crate::fault::{Fault, planted};
use crate::id::{AttemptId, DeviceKey, RecordId};
use crate::payload::{Header, MemberRole, Payload, Role, Turn};
use crate::record::Record;
use crate::roster::Standing;

/// Why a record is refused, everywhere and for ever. Its dependants are refused with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Of another workspace or session.
    #[error("it belongs to another session")]
    Stranger,
    /// One of its deps is in the past of another.
    #[error("its deps are not an antichain")]
    DepsNotAntichain,
    /// Its roster heads do not dominate those of its deps.
    #[error("its roster heads are older than those of its deps")]
    RosterWentBack,
    /// A dep was refused.
    #[error("it depends on a refused record")]
    DependsOnRefused,
    /// The author is no device that may write so.
    #[error("its author may not write as {0:?}")]
    NotAllowed(Role),
    /// The title gate.
    #[error("the session has no title in its past: an agent may not write yet")]
    TitleRequired,
    /// The session is archived in its past.
    #[error("the session is archived in its past")]
    Archived,
    /// Unarchive without archive.
    #[error("the session is not archived in its past")]
    NotArchived,
    /// The attempt is not open in its past.
    #[error("its attempt is not open in its past")]
    AttemptNotOpen,
    /// The attempt did not fail in its past.
    #[error("its attempt did not fail in its past")]
    AttemptNotFailed,
    /// The attempt's name is in use.
    #[error("its attempt was claimed before")]
    AttemptReused,
    /// A claim while another is open.
    #[error("another claim is open in its past")]
    ClaimOpen,
    /// A claim without anything to answer.
    #[error("no message or retry in its past waits for a claim")]
    NothingToClaim,
    /// `prev` is not the newest agent record of its past.
    #[error("prev is not the newest record of the agent in its past")]
    WrongPrev,
    /// The answered message is not in its past.
    #[error("it answers a message that is not in its past")]
    UnknownReplyTo,
    /// A roster record in a session.
    #[error("not a session's record")]
    WrongKind,
}

/// What the rules may ask about a record's causal past. Implemented by the replica over its graph.
pub trait Past {
    /// The joined facts of the deps.
    fn facts(&self) -> &Facts;
    /// The session's identity. `None` before its first record.
    fn header(&self) -> Option<&Header>;
    /// A record, if it is in the past.
    fn record(&self, id: &RecordId) -> Option<&Record>;
    /// The claims of `attempt` in the past.
    fn claims(&self, attempt: &AttemptId) -> Vec<RecordId>;
    /// Whether `attempt` has a failure in the past.
    fn has_failed(&self, attempt: &AttemptId) -> bool;
    /// Whether a message or retry waits for a claim: covered by none in the past, and no repetition of one that is.
    fn has_input(&self) -> bool;
}

/// Judges one record.
///
/// # Errors
/// [`Refusal`]: the same on every replica.
pub fn judge(record: &Record, past: &impl Past, standing: &Standing) -> Result<(), Refusal> {
    match &record.payload {
        Payload::Open { header, .. } => may_create(&record.author, header, standing),
        payload => {
            let header = past.header().ok_or(Refusal::Stranger)?;
            may_write(&record.author, payload, header, standing)?;
            judge_in_past(payload, past)
        }
    }
}

fn may_create(author: &DeviceKey, header: &Header, standing: &Standing) -> Result<(), Refusal> {
    let agent_exists = standing.agent(&header.agent).is_some_and(|agent| !agent.retired);
    if is_creator(author, header, standing) && agent_exists {
        Ok(())
    } else {
        Err(Refusal::NotAllowed(Role::Creator))
    }
}

fn is_creator(author: &DeviceKey, header: &Header, standing: &Standing) -> bool {
    standing
        .member_of(author)
        .is_some_and(|(id, member)| id == header.creator && member.role >= MemberRole::Member)
}

fn may_write(
    author: &DeviceKey,
    payload: &Payload,
    header: &Header,
    standing: &Standing,
) -> Result<(), Refusal> {
    let role = payload.role();
    let allowed = match role {
        Role::Creator => is_creator(author, header, standing),
        Role::Agent => standing.agent(&header.agent).is_some_and(|agent| {
            agent.host == *author
                && standing.member_of(author).is_some()
                && (!agent.retired || matches!(payload, Payload::Failure { .. }))
        }),
        Role::Member => return Err(Refusal::WrongKind),
    };
    if allowed || planted(Fault::RoleIgnored) { Ok(()) } else { Err(Refusal::NotAllowed(role)) }
}

fn judge_in_past(payload: &Payload, past: &impl Past) -> Result<(), Refusal> {
    let facts = past.facts();
    let archived = facts.is_archived();
    match payload {
        Payload::Archive {} => check(!archived, Refusal::Archived),
        Payload::Unarchive {} => check(archived, Refusal::NotArchived),
        Payload::Failure { turn, .. } => in_turn(turn, past),
        _ if archived => Err(Refusal::Archived),
        Payload::Message { reply_to, .. } => {
            let known = reply_to.is_none_or(|id| past.record(&id).is_some_and(|r| is_line(&r.payload)));
            check(known, Refusal::UnknownReplyTo)
        }
        Payload::Title { turn, .. } => turn.as_ref().map_or(Ok(()), |turn| in_turn(turn, past)),
        Payload::Claim { turn } => claim(turn, past),
        Payload::Reply { turn, .. } | Payload::Summary { turn, .. } => {
            check(facts.titled || planted(Fault::GateOff), Refusal::TitleRequired)?; // INV-1
            in_turn(turn, past)
        }
        Payload::Stop { attempt } => {
            check(past.claims(attempt).iter().any(|c| facts.open.contains(c)), Refusal::AttemptNotOpen)
        }
        Payload::Retry { attempt } => check(past.has_failed(attempt), Refusal::AttemptNotFailed),
        Payload::Continues { .. } => Ok(()),
        Payload::Open { .. }
        | Payload::Found { .. }
        | Payload::AddMember { .. }
        | Payload::AddDevice { .. }
        | Payload::ChangeRole { .. }
        | Payload::RevokeDevice { .. }
        | Payload::RemoveMember { .. }
        | Payload::HostAgent { .. }
        | Payload::Handover { .. }
        | Payload::MoveAgent { .. }
        | Payload::RetireAgent { .. }
        | Payload::Merge {} => Err(Refusal::WrongKind),
    }
}

/// Whether a payload shows as a line of the session.
#[must_use]
pub const fn is_line(payload: &Payload) -> bool {
    matches!(payload, Payload::Open { .. } | Payload::Message { .. } | Payload::Reply { .. })
}

fn claim(turn: &Turn, past: &impl Past) -> Result<(), Refusal> {
    let facts = past.facts();
    check(facts.open.is_empty() || planted(Fault::OpenClaimIgnored), Refusal::ClaimOpen)?;
    check(past.claims(&turn.attempt).is_empty(), Refusal::AttemptReused)?;
    check(past.has_input(), Refusal::NothingToClaim)?;
    follows(turn, facts)
}

fn in_turn(turn: &Turn, past: &impl Past) -> Result<(), Refusal> {
    let facts = past.facts();
    check(past.claims(&turn.attempt).iter().any(|c| facts.open.contains(c)), Refusal::AttemptNotOpen)?;
    follows(turn, facts)
}

fn follows(turn: &Turn, facts: &Facts) -> Result<(), Refusal> {
    let newest = turn.prev.map_or(facts.tips.is_empty(), |prev| facts.tips.contains(&prev));
    check(newest || planted(Fault::PrevNotChecked), Refusal::WrongPrev)
}

const fn check(holds: bool, refusal: Refusal) -> Result<(), Refusal> {
    if holds { Ok(()) } else { Err(refusal) }
}
