//! Following a session: events tell that something changed, the session itself is then read anew, so that a
//! missed or unknown event costs nothing. Each line is printed once, known by its message id, since line
//! numbers may still move.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;
use starling_crdt::id::SessionId;

use super::activity::{self, Shown};
use super::client::events::{Event, Events};
use super::client::{Answer, Call, paths};
use super::explained::advice;
use super::failure::{Exit, Failure};
use super::model::{Detail, Entry, SessionBody};
use super::render::{clean, style, styled};
use super::{Context, render};
use crate::machine::request::Code;

/// Between two attempts to listen to a node that ended the stream.
const LISTEN_PAUSE: Duration = Duration::from_millis(500);
/// The session is read anew after this time even if nothing was heard.
const QUIET_MAX: Duration = Duration::from_secs(20);

/// Prints all lines of a session, then new ones as they come. Ends only by interruption or failure.
pub(super) async fn session(cx: &mut Context, id: SessionId) -> Result<(), Failure> {
    Follower::new(cx, id, false).run(cx).await
}

/// Prints the lines that come after `known`, until the agent has answered.
///
/// # Errors
/// [`Exit::Failed`] when the turn fails instead.
pub(super) async fn answer(cx: &mut Context, id: SessionId, known: &[Entry]) -> Result<(), Failure> {
    let mut follower = Follower::new(cx, id, true);
    follower.seen.extend(known.iter().map(|entry| entry.message_id.clone()));
    follower.run(cx).await
}

struct Follower {
    id: SessionId,
    /// Ends with the agent's answer.
    until_answer: bool,
    /// Message ids that were printed: at most a session's records.
    seen: BTreeSet<String>,
    /// The status that was told last.
    status: String,
    shown: Shown,
}

impl Follower {
    fn new(cx: &Context, id: SessionId, until_answer: bool) -> Self {
        let shown = Shown::new(&cx.out);
        Self { id, until_answer, seen: BTreeSet::new(), status: String::new(), shown }
    }

    async fn run(mut self, cx: &mut Context) -> Result<(), Failure> {
        let mut last: Option<String> = None;
        loop {
            // Listen first, read then: what happens in between is heard.
            let mut events = cx.client.listen(last.as_deref()).await?;
            if self.read(cx).await? {
                return Ok(());
            }
            if last.is_none() {
                self.shown.catch_up(cx, self.id).await?;
            }
            while self.heard(cx, &mut events).await? {
                if self.read(cx).await? {
                    return Ok(());
                }
            }
            last = events.last_id().map(str::to_owned);
            tokio::time::sleep(LISTEN_PAUSE).await;
        }
    }

    /// Waits for a reason to read the session anew; false when the stream ended.
    async fn heard(&mut self, cx: &mut Context, events: &mut Events) -> Result<bool, Failure> {
        loop {
            let next = tokio::select! {
                next = tokio::time::timeout(QUIET_MAX, events.next()) => next,
                typed = self.shown.typed() => {
                    self.shown.answer(cx, self.id, &typed).await?;
                    continue;
                }
            };
            let Ok(next) = next else { return Ok(true) };
            match next? {
                None => return Ok(false),
                Some(event) if event.kind == "activity" => self.show(cx, &event),
                Some(event) if self.concerns(&event) => return Ok(true),
                Some(_) => {}
            }
        }
    }

    fn show(&mut self, cx: &mut Context, event: &Event) {
        let ours = activity::read(&event.data).filter(|doing| doing.session_id == self.id.to_string());
        if let Some(doing) = ours {
            self.shown.show(&mut cx.out, doing);
        }
    }

    /// Whether the session may have changed: its own events, and those that name none and are not known to be
    /// others.
    fn concerns(&self, event: &Event) -> bool {
        match event.kind.as_str() {
            "session" => {
                let data: Value = serde_json::from_str(&event.data).unwrap_or_default();
                let id = data.get("id").and_then(Value::as_str);
                id.is_none_or(|id| id == self.id.to_string())
            }
            "activity" | "peers" | "roster" => false,
            _ => true,
        }
    }

    /// Reads the session and prints what is new; true when that was all that was wanted.
    async fn read(&mut self, cx: &mut Context) -> Result<bool, Failure> {
        let answer = cx.client.ask(Call::get(paths::session(self.id))).await?;
        let body: SessionBody = answer.parse()?;
        let answered = self.print_new(cx, &answer, &body.session)?;
        self.tell_status(cx, &body.session);
        if self.until_answer && !answered {
            return check_failed(&body.session);
        }
        Ok(self.until_answer && answered)
    }

    fn print_new(&mut self, cx: &mut Context, answer: &Answer, session: &Detail) -> Result<bool, Failure> {
        let mut raw: Vec<Value> = Vec::new();
        if cx.out.json {
            let document: Value = answer.parse()?;
            let entries = document.pointer("/session/entries").and_then(Value::as_array);
            raw = entries.cloned().unwrap_or_default();
        }
        let mut answered = false;
        for (at, entry) in session.entries.iter().enumerate() {
            if !self.seen.insert(entry.message_id.clone()) {
                continue;
            }
            self.shown.end_line(&mut cx.out);
            answered |= entry.author == session.meta.agent_id;
            let line = match raw.get(at) {
                Some(raw) => format!("{raw}\n"),
                None => render::session::entry(entry, &session.meta.agent_id, cx.now_ms()),
            };
            cx.out.data(&line)?;
        }
        Ok(answered)
    }

    fn tell_status(&mut self, cx: &mut Context, session: &Detail) {
        if self.status == session.meta.status {
            return;
        }
        session.meta.status.clone_into(&mut self.status);
        let agent = clean(&session.meta.agent_id);
        match self.status.as_str() {
            "running" => cx.out.note(&styled(style::BUSY, &format!("◐ @{agent} is working"))),
            "archived" => cx.out.note("▪ archived"),
            "error" if !self.until_answer => {
                let why = clean(session.meta.error.as_deref().unwrap_or("unknown"));
                cx.out.note(&styled(style::BAD, &format!("✗ {why}")));
                cx.out.note(&advice(&why, &agent, &session.meta.id));
            }
            _ => {}
        }
    }
}

/// A turn that failed, and a session that was closed, bring no answer.
fn check_failed(session: &Detail) -> Result<bool, Failure> {
    match session.meta.status.as_str() {
        "error" => {
            let error = session.meta.error.as_deref().unwrap_or("the reason is unknown");
            let hint = advice(error, &session.meta.agent_id, &session.meta.id);
            Err(Failure::new(Exit::Failed, "turn_failed", format!("the turn failed: {error}")).hint(hint))
        }
        "archived" => Err(Failure::of(Code::QuickSessionArchived, "it was archived unanswered")),
        _ => Ok(false),
    }
}
