//! One run of a program that ends by itself, within a time, and what came of it.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::binary::starling;
use crate::wait::wait_for;

/// No command of ours takes longer, unless it is told to wait.
const LIMIT: Duration = Duration::from_secs(60);

/// How a program ended.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Its exit status; -1 when a signal ended it.
    pub code: i32,
    /// What it wrote on standard output.
    pub stdout: String,
    /// What it wrote on standard error.
    pub stderr: String,
}

impl Outcome {
    /// The same, if it went well.
    ///
    /// # Panics
    /// On any other exit status than 0.
    #[track_caller]
    #[must_use]
    pub fn ok(self) -> Self {
        assert_eq!(self.code, 0, "{self:?}");
        self
    }

    /// The JSON document on standard output of a run that went well.
    ///
    /// # Panics
    /// When it failed, or wrote something else.
    #[track_caller]
    #[must_use]
    pub fn json(self) -> Value {
        let ok = self.ok();
        serde_json::from_str(&ok.stdout).unwrap_or_else(|error| panic!("no JSON: {error}: {ok:?}"))
    }

    /// Checks a refusal: the exit status, and the code of the problem document on standard error (with `--json`).
    ///
    /// # Panics
    /// When it ended otherwise.
    #[track_caller]
    pub fn fails(&self, exit: i32, code: &str) {
        let problem: Value = serde_json::from_str(self.stderr.trim()).unwrap_or_default();
        assert_eq!((self.code, problem["code"].as_str()), (exit, Some(code)), "{self:?}");
        assert!(self.stdout.is_empty(), "a failure prints no data: {self:?}");
    }
}

/// A command line of the binary under test.
#[derive(Debug)]
pub struct Run {
    command: Command,
    input: Vec<u8>,
    limit: Duration,
}

impl Run {
    /// `starling ARGS`, in an environment without settings of Starling.
    pub fn new(args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        Self { command: command(args), input: Vec::new(), limit: LIMIT }
    }

    /// What it reads on standard input.
    #[must_use]
    pub fn input(mut self, input: impl Into<Vec<u8>>) -> Self {
        self.input = input.into();
        self
    }

    /// A variable of its environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Runs it to its end.
    ///
    /// # Panics
    /// When it does not end in time.
    #[must_use]
    pub fn end(mut self) -> Outcome {
        self.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.command.spawn().expect("the binary starts");
        let mut stdin = child.stdin.take().expect("it is piped");
        let input = std::mem::take(&mut self.input);
        // A program that does not read what it is given has its reasons.
        let writer = thread::spawn(move || drop(stdin.write_all(&input)));
        let outcome = finish(child, self.limit);
        writer.join().expect("it cannot panic");
        outcome
    }
}

/// The binary under test with these arguments.
pub(crate) fn command(args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
    let mut command = Command::new(starling());
    command.args(args).env("NO_COLOR", "1");
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("STARLING_")) {
            command.env_remove(name);
        }
    }
    command
}

/// Reads all that a child with piped outputs says, and waits for its end.
///
/// # Panics
/// When it does not end within `limit`; it is killed then.
pub(crate) fn finish(mut child: Child, limit: Duration) -> Outcome {
    let stdout = slurp(child.stdout.take());
    let stderr = slurp(child.stderr.take());
    let mut guard = Reaped(child);
    let status = wait_for("the end of a command", limit, || guard.0.try_wait().expect("it is our child"));
    Outcome {
        code: status.code().unwrap_or(-1),
        stdout: stdout.join().expect("it cannot panic"),
        stderr: stderr.join().expect("it cannot panic"),
    }
}

/// A child that does not outlive us.
struct Reaped(Child);

impl Drop for Reaped {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
    }
}

fn slurp(source: Option<impl Read + Send + 'static>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut source) = source {
            let _broken = source.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}
