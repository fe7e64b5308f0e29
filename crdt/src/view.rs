//! What a session means: status, title, lines. The view is a pure fold over the counted records (`fold`) and is never
//! stored or merged; any two replicas with the same records and roster have equal views. Status is derived, so that no
//! combination of fields can contradict itself.

mod chain;
mod fold;

use crate::id::{AgentId, AttemptId, Handle, MemberId, RecordId, SessionId, StreamKey};
use crate::text::{Body, Reason, RequestId, Summary, Title};

pub use fold::{fold, fold_held};

use crate::session::Entry;

impl Fork {
    fn of(first: &Entry, second: &Entry) -> Self {
        let taken_over = first.signed.record().author != second.signed.record().author;
        Self { first: first.signed.id(), second: second.signed.id(), taken_over }
    }
}

/// Where a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// No title yet: the agent may not write.
    NeedsTitle,
    /// The agent works on a claimed input.
    Running,
    /// Titled, and nothing is wrong.
    Active,
    /// The last attempt failed and nothing new was asked since.
    Error,
    /// Closed by its creator.
    Archived,
}

impl Status {
    /// The name in JSON and in the export.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NeedsTitle => "needs_title",
            Self::Running => "running",
            Self::Active => "active",
            Self::Error => "error",
            Self::Archived => "archived",
        }
    }
}

/// Who wrote a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Author {
    /// The session's creator.
    Creator,
    /// The session's agent.
    Agent,
}

/// One message or reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The record that it comes from.
    pub message_id: RecordId,
    /// From 1, without gaps.
    pub number: u64,
    /// Whether the number can never move again.
    pub sealed: bool,
    /// Whether it is an answer on a branch of the agent's chain that lost: shown, and never built upon.
    pub lost: bool,
    /// The line it answers, 0 for none: a reply's is the highest line that its claim covered.
    pub point_to: u64,
    /// Who wrote it.
    pub author: Author,
    /// The author's clock, ms since 1970.
    pub at_ms: u64,
    /// The text.
    pub body: Body,
}

/// A turn that runs now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Processing {
    /// The attempt.
    pub attempt: AttemptId,
    /// The highest line that it answers.
    pub input_line: u64,
    /// When it was claimed, by the host's clock, ms.
    pub started_at_ms: u64,
    /// The claim's record.
    pub claim: RecordId,
    /// Whether the creator asked for it to stop.
    pub stop_requested: bool,
}

/// The newest answered turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completed {
    /// The attempt.
    pub attempt: AttemptId,
    /// The highest line that it answered.
    pub input_line: u64,
    /// The line of its reply.
    pub line: u64,
}

/// The newest failed turn, if no later one was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// The attempt.
    pub attempt: AttemptId,
    /// Why.
    pub reason: Reason,
}

/// When and from what a session was archived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Archived {
    /// By the creator's clock, ms.
    pub at_ms: u64,
    /// The status that it would have otherwise: active, needs_title or error.
    pub from: Status,
}

/// One session as a person sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// The session's key.
    pub key: StreamKey,
    /// Its id.
    pub id: SessionId,
    /// Who opened it.
    pub creator: MemberId,
    /// The creator's handle as shown.
    pub created_by: Handle,
    /// The agent it is bound to.
    pub agent: AgentId,
    /// The agent's handle as shown.
    pub agent_handle: Handle,
    /// The title, once there is one.
    pub title: Option<Title>,
    /// Where it stands.
    pub status: Status,
    /// Earliest time of a root, ms.
    pub created_at_ms: u64,
    /// Latest time of any record, ms.
    pub updated_at_ms: u64,
    /// Set exactly when archived.
    pub archived: Option<Archived>,
    /// The newest summary, and its time in ms.
    pub summary: Option<(Summary, u64)>,
    /// Set exactly when a turn runs and the session is not archived.
    pub processing: Option<Processing>,
    /// The newest answered turn.
    pub last_completed: Option<Completed>,
    /// The newest failed turn, if no later one was answered; absent while a turn runs.
    pub last_failed: Option<Failed>,
    /// Line and request id of the creator's last message.
    pub last_human: (u64, RequestId),
    /// All lines in order.
    pub lines: Vec<Line>,
    /// Number of counted records.
    pub revision: u64,
    /// Inputs (messages, retries) that no claim covers yet: while there are some, the agent has something to do.
    pub pending_inputs: usize,
    /// Open claims, whoever made them: a host that starts ends those that it does not run.
    pub open_attempts: Vec<AttemptId>,
    /// The full session that this one goes on from: the first link in canonical order.
    pub continues: Option<StreamKey>,
    /// The agent's chain forked.
    pub fork: Option<Fork>,
    /// The newest record of the agent, on the branch that won: what its next one names as `prev`.
    pub tip: Option<RecordId>,
    /// Records that are here and do not count: their author lost its standing, and nothing that counts depends on them.
    pub aside: u64,
}

/// The first place where the agent's chain forks. The two signed records are the proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fork {
    /// The earlier of them in canonical order.
    pub first: RecordId,
    /// The later.
    pub second: RecordId,
    /// Whether they are by different hosts: the agent was taken over by force. Else one host wrote both: it was
    /// restored from a backup, or lies.
    pub taken_over: bool,
}

impl View {
    /// Whether the agent has something to do: an uncovered input, nobody at work, not archived.
    #[must_use]
    pub fn is_actionable(&self) -> bool {
        self.pending_inputs > 0 && self.open_attempts.is_empty() && self.archived.is_none()
    }

    /// First characters of the last line, for lists.
    #[must_use]
    pub fn preview(&self) -> String {
        let body = self.lines.last().map_or("", |line| line.body.as_str());
        body.chars().take(crate::limits::PREVIEW_CHARS_MAX).collect()
    }

    /// The handle of a line's author.
    #[must_use]
    pub fn handle_of(&self, author: Author) -> &Handle {
        match author {
            Author::Creator => &self.created_by,
            Author::Agent => &self.agent_handle,
        }
    }
}

#[cfg(test)]
mod tests;
