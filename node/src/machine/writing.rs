//! What callers do to sessions: people through the interface, agents through their turn's door, and the node's own
//! dispatch. Each becomes a command; `crdt::command::decide` says which record, if any; the record is signed, offered
//! like any other, and staged. Answers wait until it is durable.

use starling_crdt::command::{Command, Decision, Rejected, decide};
use starling_crdt::id::{AttemptId, Handle, MemberId, RecordId, SessionId, StreamKey};
use starling_crdt::payload::{Header, Payload};
use starling_crdt::record::Record;
use starling_crdt::session::Offer;
use starling_crdt::signed::Signed;
use starling_crdt::text::{Body, RequestId};
use starling_crdt::view::View;

use super::Node;
use super::input::Ticket;
use super::request::{Answer, Change, Code, Rejection, TurnCall};
use super::task::Task;
use crate::fault::{Fault, planted};

/// A session that somebody wants to open.
pub(super) struct Opening {
    pub(super) session: Option<SessionId>,
    pub(super) agent: Handle,
    pub(super) body: Body,
    pub(super) request_id: Option<RequestId>,
    pub(super) continues: Option<SessionId>,
    pub(super) by_agent: Option<Handle>,
}

type Prepared = (StreamKey, Header, Body, RequestId, Option<StreamKey>);

/// What a command did.
pub(super) enum Done {
    /// It wrote this record.
    Wrote(RecordId),
    /// It was so already, by this record where there is one.
    Already(Option<RecordId>),
}

impl Node {
    /// Opens a session: the id may be given, the agent must be there.
    pub(super) fn on_create(&mut self, ticket: Ticket, opening: Opening) {
        match self.prepare(opening) {
            Ok((key, header, body, request_id, continues)) => {
                self.with_session(key, Task::Create { ticket, header, body, request_id, continues });
            }
            Err(rejection) => self.answer(ticket, Err(rejection)),
        }
    }

    fn prepare(&mut self, opening: Opening) -> Result<Prepared, Rejection> {
        let Opening { session, agent, body, request_id, continues, by_agent } = opening;
        let creator = self.my_member()?;
        let found = self.standing().agent_called(&agent).map(|(id, _)| *id);
        let missing =
            || Rejection::new(Code::QuickSessionAgentNotFound, format!("no agent is called {agent}"));
        let agent = found.ok_or_else(missing)?;
        let continues = continues.map(|session| self.find(&session)).transpose()?;
        let session = session.unwrap_or_else(|| self.draw_session_id());
        let header = Header { session, creator, agent };
        let key = header.key(&self.roster.workspace());
        if continues == Some(key) {
            return Err(Rejection::new(Code::InvalidField, "a session cannot continue itself"));
        }
        // A session id is a request id too: it names the first message unless the caller names it otherwise.
        let fallback = RequestId::new(session.to_string());
        let request_id = request_id.map_or(fallback, Ok);
        let request_id = request_id.map_err(|error| Rejection::new(Code::InvalidField, error.to_string()))?;
        let request_id = match &by_agent {
            Some(opener) => self.request_id_by(opener, &request_id)?,
            None => request_id,
        };
        Ok((key, header, body, request_id, continues))
    }

    pub(super) fn create(
        &mut self,
        key: StreamKey,
        ticket: Ticket,
        header: Header,
        body: Body,
        request_id: RequestId,
        continues: Option<StreamKey>,
    ) {
        let opened = self.open(key, header, body, request_id).and_then(|new| {
            // In the same commit: nobody sees the one without the other.
            if let Some(previous) = continues {
                self.command(key, Command::Continue(previous))?;
            }
            Ok(new)
        });
        match (opened, self.view(&key)) {
            (Ok(new), Some(view)) => {
                let delivery = self.undelivered();
                self.commits.answer(ticket, Answer::Created { view, new, delivery });
            }
            (Ok(_), None) => self.answer(ticket, Err(not_found())),
            (Err(rejection), _) => self.answer(ticket, Err(rejection)),
        }
    }

    /// Opens a session, unless the very same one is there. Returns whether it is new.
    fn open(
        &mut self,
        key: StreamKey,
        header: Header,
        body: Body,
        request_id: RequestId,
    ) -> Result<bool, Rejection> {
        if let Some(session) = self.session(&key).filter(|session| !session.is_empty()) {
            let same = session.entries().any(|entry| match &entry.signed.record().payload {
                Payload::Open { body: b, request_id: r, .. } => *b == body && *r == request_id,
                _ => false,
            });
            return if same { Ok(false) } else { Err(collision(&header.session)) };
        }
        if self.slots.called(&header.session).iter().any(|other| *other != key) {
            return Err(collision(&header.session));
        }
        self.write(key, Payload::Open { header, body, request_id }, None).map(|_| true)
    }

    pub(super) fn message(
        &mut self,
        key: StreamKey,
        ticket: Ticket,
        body: Body,
        request_id: RequestId,
        reply_to: Option<RecordId>,
    ) {
        let done = self.command(key, Command::Message { body, request_id, reply_to });
        let written = done.and_then(|done| match done {
            Done::Wrote(id) | Done::Already(Some(id)) => Ok(id),
            Done::Already(None) => Err(Rejection::new(Code::QuickSessionInvalidState, "nothing was written")),
        });
        let answer = written.and_then(|id| self.written(&key, id).ok_or_else(not_found));
        self.answer_when_durable(ticket, answer);
    }

    fn written(&mut self, key: &StreamKey, id: RecordId) -> Option<Answer> {
        let view = self.view(key)?;
        let session = self.session(key)?;
        let body = |id: &RecordId| {
            session.entry(id).and_then(|e| starling_crdt::session::body_of(&e.signed.record().payload))
        };
        // A repetition is shown once, under whichever record got there first.
        let line = view.lines.iter().find(|line| line.message_id == id);
        let line = line.or_else(|| view.lines.iter().find(|line| Some(&line.body) == body(&id)))?;
        Some(Answer::Written {
            session: view.id,
            message_id: id,
            line_number: line.number,
            status: view.status,
            revision: view.revision,
        })
    }

    pub(super) fn change(&mut self, key: StreamKey, ticket: Ticket, change: Change) {
        let command = match change {
            Change::Title(title) => Command::Title(title),
            Change::Archive => Command::Archive,
            Change::Unarchive => Command::Unarchive,
            Change::Stop => Command::Stop,
            Change::Retry => Command::Retry,
        };
        let done = self.command(key, command);
        let answer = done.and_then(|_| self.changed(&key).ok_or_else(not_found));
        self.answer_when_durable(ticket, answer);
    }

    pub(super) fn tool_call(&mut self, key: StreamKey, ticket: Ticket, attempt: AttemptId, call: TurnCall) {
        let sums_up = matches!(call, TurnCall::Summarize(_));
        let command = match call {
            TurnCall::Title(title) => Command::SetTitle(attempt, title),
            TurnCall::Reply(body) => Command::Reply(attempt, body),
            TurnCall::Summarize(summary) => Command::Summarize(attempt, summary),
        };
        let done = self.command(key, command);
        if sums_up && done.is_ok() {
            self.summed_up(key, attempt);
        }
        let answer = done.and_then(|_| self.changed(&key).ok_or_else(not_found));
        self.answer_when_durable(ticket, answer);
    }

    fn changed(&mut self, key: &StreamKey) -> Option<Answer> {
        let view = self.view(key)?;
        Some(Answer::Changed {
            session: view.id,
            title: view.title.clone(),
            status: view.status,
            revision: view.revision,
        })
    }

    /// A refusal goes out at once; what was written, or was there before, when it is durable.
    fn answer_when_durable(&mut self, ticket: Ticket, answer: Result<Answer, Rejection>) {
        match answer {
            Ok(answer) if planted(Fault::AnswerBeforeCommit) => self.answer(ticket, Ok(answer)),
            Ok(answer) => self.commits.answer(ticket, answer),
            Err(rejection) => self.answer(ticket, Err(rejection)),
        }
    }

    /// Carries out a command on an open session.
    pub(super) fn command(&mut self, key: StreamKey, command: Command) -> Result<Done, Rejection> {
        let me: MemberId = self.my_member()?;
        let (decision, tip) = {
            let view = self.view(&key).ok_or_else(not_found)?;
            let session = self.session(&key).ok_or_else(not_found)?;
            (decide(session, &view, me, command).map_err(|why| rejection_in(&view, why))?, view.tip)
        };
        match decision {
            Decision::Write(payload) => self.write(key, payload, tip).map(Done::Wrote),
            Decision::Already(id) => Ok(Done::Already(id)),
        }
    }

    /// Signs a record, offers it and stages it. The verdict is the same one that every other replica will come to. `tip`
    /// is the agent's newest record.
    pub(super) fn write(
        &mut self,
        key: StreamKey,
        payload: Payload,
        tip: Option<RecordId>,
    ) -> Result<RecordId, Rejection> {
        // The turn of what asked for it may have come only after a revocation.
        self.my_member()?;
        self.merge_heads()?;
        let opens = matches!(payload, Payload::Open { .. });
        let session = self.slots.get(&key).and_then(|slot| slot.session()).ok_or_else(not_found)?;
        let record = Record {
            workspace: self.roster.workspace(),
            stream: key,
            author: self.me,
            roster: self.roster.write_heads(&self.me),
            deps: if opens { Vec::new() } else { session.write_deps(tip) },
            at_ms: self.now,
            payload,
        };
        let invalid = |why: String| Rejection::new(Code::QuickSessionInvalidState, why);
        let signed = Signed::sign(record, &self.key).map_err(|error| invalid(error.to_string()))?;
        let id = signed.id();
        let session = self.slots.get_mut(&key).and_then(|slot| slot.session_mut()).ok_or_else(not_found)?;
        match session.offer(signed, &self.roster) {
            Offer::Admitted(admitted) => {
                self.stage_session(key, &admitted, true);
                Ok(id)
            }
            Offer::Refused(refusal) => Err(invalid(refusal.to_string())),
            Offer::Known | Offer::Waiting { .. } | Offer::NoRoom => {
                Err(invalid("the record was not admitted".into()))
            }
        }
    }
}

fn collision(session: &SessionId) -> Rejection {
    let detail = format!("{session} is another session already; use a new id");
    Rejection::new(Code::QuickSessionIdCollision, detail)
}

/// The session is not here.
pub(super) fn not_found() -> Rejection {
    Rejection::new(Code::QuickSessionNotFound, "there is no such session on this node")
}

/// A command's refusal; of a session that is full, with the command that goes on from it.
fn rejection_in(view: &View, rejected: Rejected) -> Rejection {
    let mut rejection = rejection_of(rejected);
    if rejected == Rejected::Full {
        rejection.detail.push_str(&format!(
            ": `starling session new --agent {} --continues {} -m TEXT`",
            view.agent_handle, view.id
        ));
    }
    rejection
}

/// A command's refusal in the interface's codes.
fn rejection_of(rejected: Rejected) -> Rejection {
    let code = match rejected {
        Rejected::NotCreator => Code::QuickSessionForbidden,
        Rejected::TitleRequired => Code::QuickSessionTitleRequired,
        Rejected::StaleAttempt => Code::QuickSessionStaleAttempt,
        Rejected::Archived => Code::QuickSessionArchived,
        Rejected::RequestIdReused => Code::RequestIdReused,
        Rejected::UnknownReplyTo => Code::InvalidField,
        _ => Code::QuickSessionInvalidState,
    };
    Rejection::new(code, rejected.to_string())
}
