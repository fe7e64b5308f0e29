//! `starling agent test`: an agent answers in a session of its own, on the same way as any other, and each step that it
//! takes is told. What failed is explained in plain words, from the reason in the failure's record. The session is
//! archived at the end, also when the time is over.

use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};
use starling_crdt::id::{Handle, SessionId};
use tokio::time::Instant;

use super::Context;
use super::client::events::Event;
use super::client::{Call, paths};
use super::explained::{Step, explained};
use super::failure::{Exit, Failure};
use super::model::{Agents, Capabilities, Detail, SessionBody};
use super::render::{self, clean, style, styled};
use crate::machine::request::Code;

/// How long an agent may take when nobody says otherwise: a first start by `npx` and a slow model.
const TIME: Duration = Duration::from_secs(300);
/// The session is read anew after this time even if nothing was heard.
const QUIET_MAX: Duration = Duration::from_secs(2);
/// What the agent is asked.
const QUESTION: &str = "This is a test of the connection. Please give this session the title \"Connection test\", \
    then reply with one short sentence. Change no files and run no commands.";

/// A step that was taken.
#[derive(Debug, Serialize)]
struct Taken {
    step: Step,
    /// Since the session was opened.
    ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// What came of it.
#[derive(Debug, Serialize)]
struct Report {
    handle: String,
    session: String,
    ok: bool,
    ms: u64,
    steps: Vec<Taken>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<Why>,
    #[serde(skip_serializing_if = "Option::is_none")]
    capabilities: Option<Capabilities>,
}

/// Why it failed.
#[derive(Debug, Serialize)]
struct Why {
    /// The step that it did not take.
    step: Step,
    reason: String,
    detail: String,
    meaning: &'static str,
    hint: String,
}

pub(super) async fn run(cx: &mut Context, handle: &Handle) -> Result<(), Failure> {
    check_host(cx, handle).await?;
    let session = SessionId::from_parts(cx.now_ms(), cx.random()?);
    let mut trial = Trial { handle: handle.clone(), session, begun: Instant::now(), taken: Vec::new() };
    let limit = cx.timeout.unwrap_or(TIME);
    let ended = tokio::time::timeout(limit, trial.attend(cx)).await;
    let archived = cx.client.ask(Call::post(paths::session_verb(session, "archive"), json!({}))).await;
    let failure = match ended {
        Ok(failure) => failure?,
        Err(_) => Some(trial.late(limit)),
    };
    archived?;
    let able = if failure.is_none() { capabilities(cx, handle).await? } else { None };
    trial.tell(cx, failure, able)
}

/// Only its own device can say much about an agent.
async fn check_host(cx: &Context, handle: &Handle) -> Result<(), Failure> {
    let agents = cx.client.ask(Call::get(paths::AGENTS)).await?.parse::<Agents>()?.agents;
    let Some(agent) = agents.iter().find(|agent| agent.handle == handle.as_str()) else {
        return Err(Failure::of(Code::QuickSessionAgentNotFound, format!("there is no agent @{handle}")));
    };
    if agent.here {
        return Ok(());
    }
    let detail = format!(
        "@{handle} runs on another device, {} ({}) of @{}",
        clean(&agent.host_label),
        clean(&agent.host),
        clean(&agent.owner)
    );
    Err(Failure::of(Code::QuickSessionInvalidState, detail).hint("run the test there"))
}

/// What the agent said that it can do.
async fn capabilities(cx: &Context, handle: &Handle) -> Result<Option<Capabilities>, Failure> {
    let agents = cx.client.ask(Call::get(paths::AGENTS)).await?.parse::<Agents>()?.agents;
    let tested = agents.into_iter().find(|agent| agent.handle == handle.as_str());
    Ok(tested.and_then(|agent| agent.capabilities))
}

struct Trial {
    handle: Handle,
    session: SessionId,
    begun: Instant,
    taken: Vec<Taken>,
}

impl Trial {
    /// Opens the session and watches it until the turn is over. Returns why it failed, if it did.
    async fn attend(&mut self, cx: &mut Context) -> Result<Option<Why>, Failure> {
        let mut events = cx.client.listen(None).await?;
        let body = json!({
            "session_id": self.session.to_string(), "agent_id": self.handle.as_str(), "first_message": QUESTION,
        });
        cx.client.ask(Call::post(paths::SESSIONS, body).repeatable()).await?;
        loop {
            let session = cx.client.ask(Call::get(paths::session(self.session))).await?;
            if let Some(ended) = self.look(cx, &session.parse::<SessionBody>()?.session)? {
                return Ok(ended);
            }
            match tokio::time::timeout(QUIET_MAX, events.next()).await {
                Ok(Ok(Some(event))) => self.heard(cx, &event)?,
                // The stream ended: it is only there to be quicker.
                Ok(Ok(None) | Err(_)) => tokio::time::sleep(QUIET_MAX).await,
                Err(_) => {}
            }
        }
    }

    /// Any activity of the turn shows that process and protocol work.
    fn heard(&mut self, cx: &mut Context, event: &Event) -> Result<(), Failure> {
        let data: Value = serde_json::from_str(&event.data).unwrap_or_default();
        let ours = ["session", "session_id", "id"]
            .iter()
            .any(|key| data.get(key).and_then(Value::as_str) == Some(self.session.to_string().as_str()));
        if event.kind == "activity" && ours { self.take(cx, Step::Protocol, None) } else { Ok(()) }
    }

    /// Looks at the session: `None` while the turn goes on, else why it failed, if it did.
    fn look(&mut self, cx: &mut Context, session: &Detail) -> Result<Option<Option<Why>>, Failure> {
        let meta = &session.meta;
        if meta.status == "running" {
            self.take(cx, Step::Claimed, None)?;
        }
        if let Some(title) = &meta.title {
            self.take(cx, Step::Title, Some(title.clone()))?;
        }
        let reply = session.entries.iter().find(|entry| entry.author == self.handle.as_str());
        if let Some(reply) = reply {
            self.take(cx, Step::Reply, Some(reply.body.clone()))?;
        }
        match meta.status.as_str() {
            "error" => {
                let why = self.failed(meta.error.as_deref().unwrap_or_default());
                if why.step > Step::Process {
                    self.take(cx, Step::Process, None)?;
                }
                Ok(Some(Some(why)))
            }
            "archived" => Ok(Some(Some(self.failed("archived")))),
            "running" => Ok(None),
            _ if reply.is_some() => {
                self.take(cx, Step::End, None)?;
                Ok(Some(None))
            }
            _ => Ok(None),
        }
    }

    /// A step was taken, and with it all before it.
    fn take(&mut self, cx: &mut Context, step: Step, detail: Option<String>) -> Result<(), Failure> {
        let ms = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let last = self.taken.last().map(|taken| taken.step);
        for each in Step::ALL.into_iter().filter(|each| Some(*each) > last && *each <= step) {
            let detail = detail.clone().filter(|_| each == step);
            if !cx.out.json {
                cx.out.data(&line(each, ms, detail.as_deref()))?;
            }
            self.taken.push(Taken { step: each, ms, detail });
        }
        Ok(())
    }

    fn failed(&self, error: &str) -> Why {
        let (reason, detail) = error.split_once(": ").unwrap_or((error, ""));
        let (step, meaning, hint) = explained(reason);
        let hint = hint.replace("HANDLE", self.handle.as_str());
        Why { step, reason: reason.to_owned(), detail: detail.to_owned(), meaning, hint }
    }

    fn late(&self, limit: Duration) -> Why {
        let last = self.taken.last().map(|taken| taken.step);
        let step = Step::ALL.into_iter().find(|step| Some(*step) > last).unwrap_or(Step::End);
        let (meaning, hint) = if step == Step::Claimed {
            ("the agent is busy in another session, or may not answer you", "see `starling agent list`")
        } else {
            ("it did not answer in time", "allow more with `--timeout 10m`, or see `starling agent logs`")
        };
        let (detail, hint) = (format!("{} s are over", limit.as_secs()), hint.to_owned());
        Why { step, reason: "timed_out".to_owned(), detail, meaning, hint }
    }

    /// Prints what came of it, and fails where the agent failed.
    fn tell(
        self,
        cx: &mut Context,
        failure: Option<Why>,
        capabilities: Option<Capabilities>,
    ) -> Result<(), Failure> {
        let ms = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let verdict = failure.as_ref().map(|why| {
            let exit = if why.reason == "timed_out" { Exit::TimedOut } else { Exit::Failed };
            let detail = if why.detail.is_empty() { String::new() } else { format!(" ({})", why.detail) };
            let text =
                format!("@{} failed at \"{}\": {}{detail}", self.handle, why.step.words(), why.meaning);
            Failure::new(exit, "agent_test_failed", text).hint(why.hint.as_str())
        });
        if cx.out.json {
            let report = Report {
                handle: self.handle.to_string(),
                session: self.session.to_string(),
                ok: failure.is_none(),
                ms,
                steps: self.taken,
                failure,
                capabilities,
            };
            let json = serde_json::to_vec(&report);
            cx.out.document(&json.map_err(|error| Failure::new(Exit::Failed, "io", error.to_string()))?)?;
        } else if let Some(why) = &failure {
            let reason = clean(&why.reason);
            cx.out.data(&format!("{}  {}: {reason}\n", styled(style::BAD, "✗"), why.step.words()))?;
        } else {
            if let Some(able) = &capabilities {
                cx.out.data(&styled(style::DIM, &format!("   {}\n", render::node::capabilities(able))))?;
            }
            cx.out.note(&format!("@{} works; the test's session is archived", self.handle));
        }
        verdict.map_or(Ok(()), Err)
    }
}

fn line(step: Step, ms: u64, detail: Option<&str>) -> String {
    let detail = detail.map(|text| format!(": {}", render::one_line(text, 60))).unwrap_or_default();
    let time = styled(style::DIM, &format!("{}.{:03} s", ms / 1_000, ms % 1_000));
    format!("{}  {}{detail}  {time}\n", styled(style::GOOD, "✓"), step.words())
}
