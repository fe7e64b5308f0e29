//! A daemon that records calls and keeps the title gate, a driver on tokio, and a view of the machine's processes.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Json;
use axum::extract::{Path as UrlPath, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use starling_node::agent::acp::AcpDriver;
use starling_node::agent::jsonl::{JsonlDriver, Profile};
use starling_node::agent::prompt::{PromptContext, PromptLine, build};
use starling_node::agent::{
    AgentDriver, AgentSpec, Door, LiveTurn, Prompt, TURN_EVENTS_MAX, TurnEnd, TurnEvent, TurnFailure,
    TurnLimits, TurnRequest, TurnSecret,
};
use starling_node::spawner::{Spawn, Spawner, Task};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// The longest wait of any test: process starts are slow on a busy machine.
pub(crate) const WAIT: Duration = Duration::from_secs(30);
pub(crate) const SECRET: &str = "s3cret-of-this-turn-only";
pub(crate) const ATTEMPT: &str = "qa-01JZZZZZZZZZZZZZZZZZZZZZZZ";

pub(crate) fn exe() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_starling"))
}

/// Ends a test that hangs.
pub(crate) async fn within<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(WAIT, work).await.expect("took too long")
}

/// Waits until `condition` holds.
pub(crate) async fn until(what: &str, condition: impl Fn() -> bool) {
    let polled = tokio::time::timeout(WAIT, async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    assert!(polled.await.is_ok(), "never happened: {what}");
}

struct OnTokio;

impl Spawn for OnTokio {
    fn spawn(&self, _name: &'static str, task: Task) {
        tokio::spawn(task);
    }

    fn spawn_blocking(&self, _name: &'static str, work: Box<dyn FnOnce() + Send>) {
        tokio::task::spawn_blocking(work);
    }
}

/// A daemon that records what it is told.
#[derive(Clone, Default)]
pub(crate) struct Daemon(Arc<Mutex<Recorded>>);

#[derive(Default)]
struct Recorded {
    has_title: bool,
    calls: Vec<(String, Value)>,
}

impl Daemon {
    fn start(socket: &Path) -> Self {
        let daemon = Self::default();
        let router = axum::Router::new()
            .route("/turns/{attempt}/{call}", axum::routing::post(Self::call))
            .with_state(daemon.clone());
        let listener = tokio::net::UnixListener::bind(socket).unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        daemon
    }

    async fn call(
        State(daemon): State<Self>,
        UrlPath((attempt, call)): UrlPath<(String, String)>,
        headers: HeaderMap,
        Json(body): Json<Value>,
    ) -> Response {
        let bearer = headers.get("authorization").map(|value| value.as_bytes());
        if attempt != ATTEMPT || bearer != Some(format!("Bearer {SECRET}").as_bytes()) {
            return problem(StatusCode::UNAUTHORIZED, "unauthorized", "wrong attempt or secret");
        }
        let mut recorded = daemon.0.lock().unwrap();
        if call == "reply" && !recorded.has_title {
            let detail = "call set_title first, then reply again";
            return problem(StatusCode::CONFLICT, "quick_session_title_required", detail);
        }
        recorded.has_title |= call == "title";
        recorded.calls.push((call, body));
        Json(json!({ "session_id": "qs-1", "status": "ok", "revision": 1 })).into_response()
    }

    /// Every accepted call: path and body.
    pub(crate) fn calls(&self) -> Vec<(String, Value)> {
        self.0.lock().unwrap().calls.clone()
    }
}

fn problem(status: StatusCode, code: &str, detail: &str) -> Response {
    let body = json!({ "type": "about:blank", "status": status.as_u16(), "code": code, "detail": detail });
    (status, [("content-type", "application/problem+json")], body.to_string()).into_response()
}

/// A home for one test: a daemon, and an agent's driver.
pub(crate) struct Bench {
    pub(crate) dir: TempDir,
    pub(crate) daemon: Daemon,
    pub(crate) driver: Box<dyn AgentDriver>,
    pub(crate) limits: TurnLimits,
    pub(crate) cancel: CancellationToken,
}

impl Bench {
    /// The demo agent with its default behaviour.
    pub(crate) fn demo() -> Self {
        Self::with(|dir| AgentSpec::demo("scribe", &exe(), None, dir.to_owned()))
    }

    /// The demo agent with a script.
    pub(crate) fn script(script: &str) -> Self {
        Self::with(|dir| {
            let file = dir.join("demo.script");
            std::fs::write(&file, script).unwrap();
            AgentSpec::demo("scribe", &exe(), Some(&file), dir.to_owned())
        })
    }

    /// Any command.
    pub(crate) fn command(command: &[&str]) -> Self {
        let command = command.iter().map(|word| (*word).to_owned()).collect();
        Self::with(|dir| AgentSpec { command, ..AgentSpec::demo("scribe", &exe(), None, dir.to_owned()) })
    }

    /// Any command, with a mode that its sessions are to be in.
    pub(crate) fn in_mode(mode: &str, command: &[&str]) -> Self {
        let command = command.iter().map(|word| (*word).to_owned()).collect();
        let mode = Some(mode.to_owned());
        Self::with(|dir| AgentSpec {
            command,
            mode,
            ..AgentSpec::demo("scribe", &exe(), None, dir.to_owned())
        })
    }

    fn with(spec: impl FnOnce(&Path) -> AgentSpec) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let daemon = Daemon::start(&dir.path().join("s.sock"));
        let driver = AcpDriver::new(spec(dir.path()), exe(), Spawner::new(OnTokio));
        Self::driven(dir, daemon, Box::new(driver))
    }

    /// A command line agent: a shell script, run with the arguments of the profile.
    pub(crate) fn jsonl(profile: &'static Profile, script: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let daemon = Daemon::start(&dir.path().join("s.sock"));
        let command = ["sh", "-c", script, "agent"].map(str::to_owned).to_vec();
        let spec = AgentSpec { command, ..AgentSpec::demo("scribe", &exe(), None, dir.path().to_owned()) };
        let driver = JsonlDriver::new(profile, spec, exe(), Spawner::new(OnTokio));
        Self::driven(dir, daemon, Box::new(driver))
    }

    fn driven(dir: TempDir, daemon: Daemon, driver: Box<dyn AgentDriver>) -> Self {
        let limits = TurnLimits { silence: WAIT, initialize: WAIT, open_session: WAIT, wall: WAIT };
        Self { dir, daemon, driver, limits, cancel: CancellationToken::new() }
    }

    pub(crate) fn request(&self) -> (TurnRequest, mpsc::Receiver<TurnEvent>) {
        let (events, received) = mpsc::channel(TURN_EVENTS_MAX);
        let door = Door {
            socket: self.dir.path().join("s.sock"),
            attempt_id: ATTEMPT.to_owned(),
            secret: TurnSecret::new(SECRET.to_owned()),
            exe: exe(),
        };
        let request = TurnRequest {
            session_id: "qs-1".to_owned(),
            resume: None,
            door,
            limits: self.limits,
            events,
            desk: None,
            cancel: self.cancel.clone(),
        };
        (request, received)
    }

    pub(crate) async fn open(&self) -> Result<(Box<dyn LiveTurn>, mpsc::Receiver<TurnEvent>), TurnFailure> {
        let (request, events) = self.request();
        Ok((within(self.driver.open(request)).await?, events))
    }

    /// One whole turn.
    pub(crate) async fn turn(&self) -> (TurnEnd, Vec<TurnEvent>) {
        let (mut turn, mut events) = self.open().await.unwrap();
        let end = within(turn.prompt(prompt(None))).await;
        within(turn.close()).await;
        let mut seen = Vec::new();
        while let Ok(event) = events.try_recv() {
            seen.push(event);
        }
        (end, seen)
    }

    /// The agent's processes.
    pub(crate) fn processes(&self) -> Vec<(i32, String)> {
        processes_in(self.dir.path())
    }

    /// Stops the agent and checks that nothing of it is left.
    pub(crate) async fn finish(self) {
        within(self.driver.shutdown()).await;
        assert!(self.processes().is_empty(), "{:?}", self.processes());
    }
}

pub(crate) fn prompt(title: Option<&str>) -> Prompt {
    let line = PromptLine { line: 1, author: "alice".to_owned(), body: "Plan the trip\nto Rome".to_owned() };
    build(&PromptContext {
        agent: "scribe".to_owned(),
        session_ref: "session:qs-1".to_owned(),
        title: title.map(str::to_owned),
        transcript: vec![line],
        new_from: 1,
        ..PromptContext::default()
    })
    .into()
}

pub(crate) fn text_of(end: &TurnEnd) -> &str {
    match end {
        TurnEnd::Finished { text, .. } => text,
        other => panic!("not finished: {other:?}"),
    }
}

pub(crate) fn failure_of(end: TurnEnd) -> TurnFailure {
    match end {
        TurnEnd::Failed { failure, .. } => failure,
        other => panic!("not failed: {other:?}"),
    }
}

/// Living processes whose arguments contain `mark`: pid and arguments.
pub(crate) fn processes_with(mark: &str) -> Vec<(i32, String)> {
    processes().filter(|(_, arguments)| arguments.contains(mark)).collect()
}

/// Living processes that work in `dir`: all of an agent's do.
pub(crate) fn processes_in(dir: &Path) -> Vec<(i32, String)> {
    let works_there = |pid| std::fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == dir);
    processes().filter(|(pid, _)| works_there(*pid)).collect()
}

fn processes() -> impl Iterator<Item = (i32, String)> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(|pid: i32| {
        let arguments = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        Some((pid, String::from_utf8_lossy(&arguments).replace('\0', " ")))
    })
}
