//! One node: a home in a temporary folder and, while it is up, the process that runs it.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::http::Api;
use crate::processes::end_all_of;
use crate::run::{Outcome, Run, command, finish};
use crate::wait::{PATIENCE, try_wait_for, wait_for};

/// Ports of its own on loopback, picked at the first start.
const PLACES: [&str; 6] =
    ["--listen", "/ip4/127.0.0.1/udp/0/quic-v1", "--listen", "/ip4/127.0.0.1/tcp/0", "--http", "127.0.0.1:0"];
/// A node that is told to stop has ended by then.
const STOP_TIME: Duration = Duration::from_secs(10);

/// A home, and its node while it is up. Dropping it kills the node and removes the home.
#[derive(Debug)]
pub struct Node {
    dir: TempDir,
    child: Option<Child>,
    greeting: Value,
    env: Vec<(String, String)>,
}

impl Default for Node {
    fn default() -> Self {
        Self::new()
    }
}

impl Node {
    /// An empty home; nothing runs.
    ///
    /// # Panics
    /// When there is no room for it.
    #[must_use]
    pub fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("starling-").tempdir();
        Self { dir: dir.expect("a temporary folder"), child: None, greeting: Value::Null, env: Vec::new() }
    }

    /// A new workspace, founded by `handle`, without agents; its node is up.
    #[must_use]
    pub fn founded_by(handle: &str) -> Self {
        Self::founded_in(handle, Vec::new())
    }

    /// The same, where the node's environment has these variables too.
    #[must_use]
    pub fn founded_in(handle: &str, env: Vec<(String, String)>) -> Self {
        let mut node = Self::new();
        node.env = env;
        node.up_with(&["--handle", handle, "--no-demo-agent"], true);
        node
    }

    /// The home. Its path fits a socket's.
    #[must_use]
    pub fn home(&self) -> PathBuf {
        self.dir.path().join("home")
    }

    /// A file beside the home with this content, for scripts of the demo agent.
    ///
    /// # Panics
    /// When it cannot be written.
    #[must_use]
    pub fn file(&self, name: &str, content: &str) -> String {
        let path = self.dir.path().join(name);
        fs::write(&path, content).expect("the folder is ours");
        path.to_str().expect("a plain path").to_owned()
    }

    /// Starts the node, on ports of its own the first time and on the same ones later, and waits until it says where
    /// it is.
    pub fn up(&mut self) {
        let first = !self.home().join("config.toml").exists();
        self.up_with(&[], first);
    }

    /// The same with more options; `places` picks new ports.
    ///
    /// # Panics
    /// When it does not come up.
    pub fn up_with(&mut self, options: &[&str], places: bool) {
        let places: &[&str] = if places { &PLACES } else { &[] };
        let options = [&["--json", "--no-mdns"], places, options].concat();
        let lines = self.spawn_up(&options);
        let line = lines.recv_timeout(PATIENCE);
        let line = line.unwrap_or_else(|_| panic!("the node did not come up:\n{}", self.log()));
        self.greeting =
            serde_json::from_str(&line).unwrap_or_else(|error| panic!("greeting {line:?}: {error}"));
    }

    /// Starts `starling up` with these options and nothing else. Returns what it prints, line by line.
    ///
    /// # Panics
    /// When it is up already.
    pub fn spawn_up(&mut self, options: &[&str]) -> Receiver<String> {
        assert!(self.child.is_none(), "it is up already");
        let log = File::options().create(true).append(true).open(self.log_path());
        let mut child = self
            .command("up", options)
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log.expect("the folder is ours"))
            .spawn()
            .expect("the binary starts");
        let stdout = child.stdout.take().expect("it is piped");
        let (sender, lines) = channel();
        // Ends with the node; reads on when nobody listens, so that the node never waits.
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let _nobody_listens = sender.send(line);
            }
        });
        self.child = Some(child);
        lines
    }

    fn command(&self, verb: &str, options: &[&str]) -> Command {
        let mut command = command(["--home", self.home().to_str().expect("a plain path"), verb]);
        command.args(options);
        command
    }

    /// What the node said of itself when it came up.
    #[must_use]
    pub const fn greeting(&self) -> &Value {
        &self.greeting
    }

    /// This device's key.
    #[must_use]
    pub fn device(&self) -> String {
        self.greeting["device"].as_str().unwrap_or_default().to_owned()
    }

    /// Runs `starling --home HOME --json ARGS`.
    #[must_use]
    pub fn cli(&self, args: &[&str]) -> Outcome {
        self.run(args).end()
    }

    /// The same without `--json`: as people see it.
    #[must_use]
    pub fn plain(&self, args: &[&str]) -> Outcome {
        Run::new([&["--home", self.home().to_str().expect("a plain path")], args].concat()).end()
    }

    /// As [`Self::cli`], to be given an input first.
    #[must_use]
    pub fn run(&self, args: &[&str]) -> Run {
        let home = self.home();
        let home = home.to_str().expect("a plain path");
        Run::new([&["--home", home, "--json"], args].concat())
    }

    /// The node's HTTP interface, with the token of this start.
    ///
    /// # Panics
    /// When the home has no token: the node is not up.
    #[must_use]
    pub fn api(&self) -> Api {
        self.try_api().expect("the node is up")
    }

    /// The same, if the node has written its token.
    #[must_use]
    pub fn try_api(&self) -> Option<Api> {
        let token = fs::read_to_string(self.home().join("run/token")).ok()?;
        let base = self.greeting["http"].as_str()?;
        Some(Api::new(base, Some(token.trim().to_owned())))
    }

    /// `starling status`.
    #[must_use]
    pub fn status(&self) -> Value {
        self.cli(&["status"]).json()
    }

    /// Opens a session and returns its id.
    #[must_use]
    pub fn open(&self, agent: &str, message: &str) -> String {
        let created = self.cli(&["session", "new", "--agent", agent, "-m", message]).json();
        created["session"]["meta"]["id"].as_str().expect("an id").to_owned()
    }

    /// Writes a message; the answer.
    pub fn send(&self, id: &str, text: &str) -> Value {
        self.cli(&["session", "send", id, text]).json()
    }

    /// The session as `show` has it, without what a device says only for itself: where else the lines are. Null when it
    /// is not here.
    #[must_use]
    pub fn show(&self, id: &str) -> Value {
        let mut session = self.api().get(&format!("/im/quick-sessions/{id}")).body["session"].take();
        let entries = session.get_mut("entries").and_then(Value::as_array_mut);
        for entry in entries.into_iter().flatten().filter_map(Value::as_object_mut) {
            entry.remove("on_devices");
        }
        session.as_object_mut().map(|fields| fields.remove("devices"));
        session
    }

    /// Every session, by id, newest first: what `show` says of it.
    #[must_use]
    pub fn all_sessions(&self) -> Vec<Value> {
        let mut all = Vec::new();
        for archived in ["true", "false"] {
            let list = self.api().get(&format!("/im/quick-sessions?archived={archived}&limit=1000"));
            let items = list.body["sessions"].as_array().cloned().unwrap_or_default();
            all.extend(items.iter().filter_map(|item| item["id"].as_str()).map(|id| self.show(id)));
        }
        all.sort_by_key(|session| session["meta"]["id"].as_str().map(str::to_owned));
        all
    }

    /// Waits until a session shows what is wanted, and returns it.
    ///
    /// # Panics
    /// When it never does; shows how it is instead.
    #[track_caller]
    pub fn until(&self, id: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        self.until_within(PATIENCE, id, what, wanted)
    }

    /// The same, for what takes longer.
    ///
    /// # Panics
    /// When it never does; shows how it is instead.
    #[track_caller]
    pub fn until_within(
        &self,
        limit: Duration,
        id: &str,
        what: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> Value {
        let mut last = Value::Null;
        let found = try_wait_for(limit, || {
            last = self.show(id);
            wanted(&last).then(|| last.clone())
        });
        found.unwrap_or_else(|| panic!("{id} never was so: {what}; it is {last:#}"))
    }

    /// Waits until the session's agent has nothing more to do there.
    pub fn settled(&self, id: &str) -> Value {
        self.until(id, "answered, with all lines sealed", |session| {
            let sealed = |entry: &Value| entry["sealed"] == true;
            let entries = session["entries"].as_array().filter(|entries| !entries.is_empty());
            session["meta"]["status"] == "active" && entries.is_some_and(|entries| entries.iter().all(sealed))
        })
    }

    /// `git` in the export.
    #[must_use]
    pub fn git(&self, args: &[&str]) -> Outcome {
        let export = self.home().join("export.git");
        let mut git = Command::new("git");
        git.arg("--git-dir").arg(export).args(args);
        git.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        finish(git.spawn().expect("git is installed"), PATIENCE)
    }

    /// The tree that the export shows now.
    #[must_use]
    pub fn tree(&self) -> String {
        self.git(&["rev-parse", "HEAD^{tree}"]).ok().stdout.trim().to_owned()
    }

    /// The process id while it is up.
    ///
    /// # Panics
    /// When it is not.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("it is up").id()
    }

    /// `kill -9`; returns when the process is gone.
    ///
    /// # Panics
    /// When it is not up.
    pub fn kill9(&mut self) {
        let mut child = self.child.take().expect("it is up");
        child.kill().expect("it is our child");
        child.wait().expect("it is our child");
    }

    /// SIGTERM; returns how it ended.
    ///
    /// # Panics
    /// When it does not end in time.
    pub fn terminate(&mut self) -> ExitStatus {
        let pid = i32::try_from(self.pid()).ok().and_then(Pid::from_raw).expect("a process id");
        kill_process(pid, Signal::TERM).expect("it is our child");
        self.ended()
    }

    /// Waits for an end that was asked for; returns how it ended.
    ///
    /// # Panics
    /// When it does not end in time.
    pub fn ended(&mut self) -> ExitStatus {
        let child = self.child.as_mut().expect("it is up");
        let status = wait_for("the end of a node", STOP_TIME, || child.try_wait().expect("it is our child"));
        self.child = None;
        status
    }

    /// Stops it cleanly.
    ///
    /// # Panics
    /// When it does not end with exit status 0.
    pub fn stop(&mut self) {
        let status = self.terminate();
        assert_eq!(status.code(), Some(0), "{}", self.log());
    }

    /// What it has logged, over all its starts.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    fn log_path(&self) -> PathBuf {
        self.dir.path().join("log")
    }

    fn report(&self) {
        let status = self.try_api().and_then(|api| api.try_get("/status"));
        let status = status.map_or(json!("not up"), |answer| answer.body);
        eprintln!("--- node {} ---\n{status:#}\nlog:\n{}", name(&self.home()), self.log());
    }
}

fn name(home: &Path) -> String {
    home.display().to_string()
}

impl Drop for Node {
    fn drop(&mut self) {
        if thread::panicking() {
            self.report();
        }
        if let Some(mut child) = self.child.take() {
            let _ended = child.kill();
            let _reaped = child.wait();
        }
        end_all_of(&self.home());
    }
}
