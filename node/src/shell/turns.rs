//! Turns of hosted agents: one driver an agent, one task a turn. A turn's task opens it, prompts, reports how that ended,
//! and waits to be told whether to ask for the title or to close. What the agent does meanwhile is shown to listeners.

use std::collections::BTreeMap;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use starling_crdt::id::{AttemptId, Handle};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::desk::Desk;
use super::showing::Showing;
use crate::agent::acp::AcpDriver;
use crate::agent::jsonl::{self, JsonlDriver};
use crate::agent::prompt::{self, PromptContext, PromptLine};
use crate::agent::{
    AgentDriver, AgentSpec, Door, PlanStep, Prompt, TURN_EVENTS_MAX, TurnEnd, TurnEvent, TurnLimits,
    TurnRequest, TurnSecret,
};
use crate::http::{AgentLogs, Events};
use crate::machine::activity::{Activity, Asking, Doing, Progress, Step};
use crate::machine::exec::ExecProfile;
use crate::machine::input::{AgentKind, AgentProfile, Input, TurnContext, TurnInput, TurnOrder};
use crate::machine::policy::{AgentPolicy, Permissions};
use crate::spawner::Spawner;

/// Agents whose processes may live at once on this device, as far as they are idle.
const LIVE_MAX: usize = 8;

/// What may be said of a turn before it is heard.
const REPORTS_MAX: usize = 16;

/// What a turn's task can be told.
enum Word {
    AskForTitle,
}

struct Running {
    agent: Handle,
    cancel: CancellationToken,
    words: mpsc::Sender<Word>,
}

/// The agents of this node and their turns.
pub(super) struct Turns {
    spawner: Spawner,
    inputs: mpsc::Sender<Input>,
    events: Events,
    logs: AgentLogs,
    exe: PathBuf,
    socket: PathBuf,
    scratch: PathBuf,
    drivers: BTreeMap<Handle, Arc<dyn AgentDriver>>,
    running: BTreeMap<AttemptId, Running>,
    /// Hosted agents, those whose turn came last at the end.
    used: Vec<Handle>,
    desk: Arc<Desk>,
}

/// Where agents find what they need.
pub(super) struct Places {
    /// Our own binary: the demo agent, the guard and the MCP shim are in it.
    pub(super) exe: PathBuf,
    /// The daemon's socket.
    pub(super) socket: PathBuf,
    /// Below it each agent without a directory of its own gets one.
    pub(super) scratch: PathBuf,
}

impl Turns {
    pub(super) fn new(
        places: Places,
        spawner: Spawner,
        inputs: mpsc::Sender<Input>,
        events: Events,
        logs: AgentLogs,
    ) -> Self {
        let Places { exe, socket, scratch } = places;
        Self {
            spawner,
            inputs,
            events,
            logs,
            exe,
            socket,
            scratch,
            drivers: BTreeMap::new(),
            running: BTreeMap::new(),
            used: Vec::new(),
            desk: Arc::default(),
        }
    }

    /// Starts or stops hosting an agent. A new profile replaces the process of the old one.
    pub(super) fn host(&mut self, agent: Handle, profile: Option<AgentProfile>) {
        if let Some(old) = self.drivers.remove(&agent) {
            self.spawner.spawn("agent-shutdown", async move { old.shutdown().await });
        }
        let Some(profile) = profile else { return self.logs.remove(&agent) };
        tracing::info!(%agent, "hosted here");
        let driver = self.driver(&agent, profile);
        let source = Arc::clone(&driver);
        self.logs.insert(agent.clone(), move || source.stderr_tail());
        self.drivers.insert(agent, driver);
    }

    fn driver(&self, agent: &Handle, profile: AgentProfile) -> Arc<dyn AgentDriver> {
        let exec = match &profile.kind {
            AgentKind::Exec { profile, .. } => Some(*profile),
            AgentKind::Demo { .. } | AgentKind::Acp { .. } => None,
        };
        let spec = self.spec(agent, profile);
        let (exe, spawner) = (self.exe.clone(), self.spawner.clone());
        match exec {
            Some(program) => Arc::new(JsonlDriver::new(jsonl_profile(program), spec, exe, spawner)),
            None => Arc::new(AcpDriver::new(spec, exe, spawner)),
        }
    }

    fn spec(&self, agent: &Handle, profile: AgentProfile) -> AgentSpec {
        let scratch = || {
            let dir = self.scratch.join(agent.as_str());
            // Not as the umask says: what an agent makes there is nobody else's.
            if let Err(error) = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&dir) {
                tracing::warn!(%error, dir = %dir.display(), "no directory for the agent");
            }
            dir
        };
        let cwd = profile.cwd.map_or_else(scratch, PathBuf::from);
        match profile.kind {
            AgentKind::Demo { script } => AgentSpec {
                memory_mb: profile.policy.memory_mb,
                ..AgentSpec::demo(agent.as_str(), &self.exe, script.map(PathBuf::from).as_deref(), cwd)
            },
            AgentKind::Acp { command } | AgentKind::Exec { command, .. } => AgentSpec {
                handle: agent.to_string(),
                command,
                cwd,
                env: profile.env.into_iter().collect(),
                memory_mb: profile.policy.memory_mb,
                mode: profile.mode,
            },
        }
    }

    /// Real agents hold 140 to 450 MB each: of many that were used, those rest that have been idle for longest.
    fn make_room(&mut self, agent: &Handle) {
        self.used.retain(|other| other != agent && self.drivers.contains_key(other));
        let live: Vec<&Handle> =
            self.used.iter().filter(|other| self.drivers.get(*other).is_some_and(|d| d.is_live())).collect();
        let is_idle = |other: &&&Handle| self.running.values().all(|running| running.agent != ***other);
        let surplus = (live.len() + 1).saturating_sub(LIVE_MAX);
        for other in live.iter().filter(is_idle).take(surplus) {
            if let Some(driver) = self.drivers.get(*other).map(Arc::clone) {
                self.spawner.spawn("agent-rest", async move { driver.rest().await });
            }
        }
        self.used.push(agent.clone());
    }

    /// Starts a turn.
    pub(super) fn run(&mut self, order: TurnOrder) {
        if !self.drivers.contains_key(&order.agent) {
            self.host(order.agent.clone(), Some(order.profile.clone()));
        }
        let Some(driver) = self.drivers.get(&order.agent).map(Arc::clone) else {
            return;
        };
        self.make_room(&order.agent);
        tracing::info!(agent = %order.agent, session = %order.session, attempt = %order.attempt, "a turn begins");
        let cancel = CancellationToken::new();
        let (words, hears) = mpsc::channel(1);
        let agent = order.agent.clone();
        self.running.insert(order.attempt, Running { agent, cancel: cancel.clone(), words });
        let (events, activity) = mpsc::channel(TURN_EVENTS_MAX);
        let may_ask = order.profile.policy.permissions != Permissions::Refuse;
        let (reports, reported) = mpsc::channel(REPORTS_MAX);
        self.show(&order, activity, reported);
        let request = TurnRequest {
            session_id: order.session.to_string(),
            resume: order.resume,
            door: Door {
                socket: self.socket.clone(),
                attempt_id: order.attempt.to_string(),
                secret: TurnSecret::new(order.secret),
                exe: self.exe.clone(),
            },
            limits: limits_of(&order.profile.policy),
            events,
            desk: may_ask.then(|| self.desk.for_turn(reports.clone(), cancel.clone())),
            cancel,
        };
        let prompt = prompt_of(&order.agent, order.context);
        let turn = Turn { driver, reports, hears };
        self.spawner.spawn("turn", turn.run(request, prompt));
    }

    fn show(
        &self,
        order: &TurnOrder,
        activity: mpsc::Receiver<TurnEvent>,
        reports: mpsc::Receiver<TurnInput>,
    ) {
        let showing = Showing {
            activity: Activity {
                session: order.session,
                attempt: order.attempt,
                generation: order.generation,
                from: None,
                doing: Doing::Text { text: String::new() },
            },
            events: self.events.clone(),
            inputs: self.inputs.clone(),
            usage: None,
            reports,
        };
        self.spawner.spawn("activity", showing.run(activity));
    }

    pub(super) fn ask_for_title(&self, attempt: &AttemptId) {
        if let Some(running) = self.running.get(attempt) {
            let _busy = running.words.try_send(Word::AskForTitle);
        }
    }

    pub(super) fn cancel(&self, attempt: &AttemptId) {
        if let Some(running) = self.running.get(attempt) {
            running.cancel.cancel();
        }
    }

    pub(super) fn permit(&self, request: u64, allow: bool) {
        self.desk.answer(request, allow);
    }

    /// The turn is over: its task ends when nobody can speak to it any more.
    pub(super) fn close(&mut self, attempt: &AttemptId) {
        self.running.remove(attempt);
    }

    /// Ends all agents and waits until their processes are gone.
    pub(super) async fn shutdown(&mut self) {
        self.running.clear();
        let drivers = std::mem::take(&mut self.drivers);
        futures::future::join_all(drivers.values().map(|driver| driver.shutdown())).await;
    }
}

struct Turn {
    driver: Arc<dyn AgentDriver>,
    reports: mpsc::Sender<TurnInput>,
    hears: mpsc::Receiver<Word>,
}

impl Turn {
    async fn run(mut self, request: TurnRequest, mut prompt: PromptContext) {
        let mut live = match self.driver.open(request).await {
            Ok(live) => live,
            Err(failure) => {
                return self.report(TurnInput::Failed { reason: failure.to_string() }).await;
            }
        };
        // Should the node die in the middle, the agent's side can still be found again.
        self.report_context(live.resume_token()).await;
        if let Some(capabilities) = live.capabilities() {
            self.report(TurnInput::Capable(capabilities)).await;
        }
        let afresh = prompt::build(&prompt);
        prompt.keep_new();
        let end = live.prompt(Prompt { afresh, resumed: prompt::build(&prompt) }).await;
        self.report_context(live.resume_token()).await;
        self.report(input_of(end)).await;
        while let Some(Word::AskForTitle) = self.hears.recv().await {
            let end = live.prompt(prompt::title_follow_up().to_owned().into()).await;
            self.report_context(live.resume_token()).await;
            self.report(input_of(end)).await;
        }
        live.close().await;
    }

    /// How the agent's side is resumed; how full it is is known where its activity is shown.
    async fn report_context(&self, token: Option<String>) {
        self.report(TurnInput::Context { token, usage: None }).await;
    }

    async fn report(&self, event: TurnInput) {
        let _stopping = self.reports.send(event).await;
    }
}

fn limits_of(policy: &AgentPolicy) -> TurnLimits {
    TurnLimits {
        silence: Duration::from_secs(policy.silence_seconds.into()),
        wall: Duration::from_secs(policy.turn_seconds.into()),
        ..TurnLimits::default()
    }
}

fn jsonl_profile(program: ExecProfile) -> &'static jsonl::Profile {
    match program {
        ExecProfile::Claude => &jsonl::CLAUDE,
        ExecProfile::Codex => &jsonl::CODEX,
        ExecProfile::Gemini => &jsonl::GEMINI,
        ExecProfile::Opencode => &jsonl::OPENCODE,
    }
}

fn input_of(end: TurnEnd) -> TurnInput {
    match end {
        TurnEnd::Finished { text, .. } => TurnInput::Finished { text },
        TurnEnd::Failed { failure, .. } => TurnInput::Failed { reason: failure.to_string() },
        TurnEnd::Cancelled => TurnInput::Cancelled,
    }
}

fn prompt_of(agent: &Handle, context: TurnContext) -> PromptContext {
    let line =
        |(line, author, body): (u64, Handle, String)| PromptLine { line, author: author.to_string(), body };
    PromptContext {
        agent: agent.to_string(),
        session_ref: context.reference,
        title: context.title,
        summary: context.summary,
        transcript: context.transcript.into_iter().map(line).collect(),
        new_from: context.new_from,
        ask_summary: context.ask_summary,
    }
}

pub(super) fn doing(event: TurnEvent) -> Doing {
    match event {
        TurnEvent::Text(text) => Doing::Text { text },
        TurnEvent::Thought(text) => Doing::Thought { text },
        TurnEvent::ToolCall { id, title, status } => Doing::Tool { id, title, status: progress(status) },
        TurnEvent::Plan(steps) => {
            let step = |step: PlanStep| Step { text: step.text, status: progress(step.status) };
            Doing::Plan { steps: steps.into_iter().map(step).collect() }
        }
        TurnEvent::Usage { used, size } => Doing::Usage { used, size },
        TurnEvent::Permission { title, allowed } => {
            let state = if allowed { Asking::Allowed } else { Asking::Refused };
            Doing::Permission { request: 0, title, state, can_answer: false, nonce: 0 }
        }
    }
}

fn progress(status: &str) -> Progress {
    match status {
        "pending" => Progress::Pending,
        "completed" => Progress::Completed,
        "failed" => Progress::Failed,
        _ => Progress::InProgress,
    }
}
