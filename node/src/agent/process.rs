//! An agent's process: how it is started, which environment it sees, how it ends, and what it says on stderr.
//!
//! The agent runs below the guard, in a process group of its own, with an environment that is built from nothing.
//! There is no kill on drop, on purpose: a guard whose stdin closes ends everything below it, which a SIGKILL to the
//! guard alone would prevent.

use std::collections::{BTreeSet, VecDeque};
use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::pin::Pin;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use process_wrap::tokio::{ChildWrapper, CommandWrap, ProcessGroup};
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};
use tokio::process::{ChildStderr, ChildStdin, ChildStdout};
use tokio_util::sync::CancellationToken;

use super::AgentSpec;
use super::guard::{EXIT_NOT_STARTED, EXIT_OUT_OF_MEMORY, GUARD_COMMAND, STDIN_GRACE, TERM_GRACE};
use crate::spawner::Spawner;

/// Environment variables that every agent may see: what a program needs to find its files, its tools and its user.
pub const ENV_NAMES: [&str; 7] = ["HOME", "LANG", "PATH", "SHELL", "TERM", "TMPDIR", "USER"];
/// Likewise, by prefix.
pub const ENV_PREFIXES: [&str; 2] = ["LC_", "XDG_"];
/// Tells what an agent runs, such as our own command line, in whose name it does.
pub const ENV_AGENT: &str = "STARLING_AGENT";
/// Bytes of stderr that are kept: the last screens, enough to see why an agent died.
pub const STDERR_BYTES_MAX: usize = 16 * 1_024;
/// Bytes of one line on the agent's stdout: whole files travel in tool results, but not the whole memory.
pub const LINE_BYTES_MAX: usize = 16 * 1_024 * 1_024;
/// For the guard to do its work after stdin was closed, its rounds of killing included.
pub const END_TIME_MAX: Duration = Duration::from_secs(STDIN_GRACE.as_secs() + TERM_GRACE.as_secs() + 3);
/// For the last words on stderr to arrive after the process is gone.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Our own environment reduced to what an agent may see: [`ENV_NAMES`], [`ENV_PREFIXES`] and its own `names`.
pub fn allowed_env(names: &BTreeSet<String>) -> Vec<(OsString, OsString)> {
    let allowed = |name: &str| {
        ENV_NAMES.contains(&name) || ENV_PREFIXES.iter().any(|p| name.starts_with(p)) || names.contains(name)
    };
    std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(allowed)).collect()
}

/// What a command that serves one turn is given, besides its arguments.
#[derive(Default)]
pub struct Given {
    /// Variables of its environment beyond the allowed ones. Here a turn's secret may stand: never in an argument.
    pub env: Vec<(String, OsString)>,
    /// Bytes of its input, when it reads that to the end: what is first written to the process's stdin. The rest of stdin
    /// is the guard's: closing it ends the process.
    pub input_bytes: Option<usize>,
}

/// An agent's process, guard included. Its stdin and stdout are handed out by [`AgentProcess::start`].
pub struct AgentProcess {
    child: Box<dyn ChildWrapper>,
    stderr_read: CancellationToken,
}

impl AgentProcess {
    /// Starts `spec` below the guard; `exe` is our own binary. What it says on stderr goes to `stderr`.
    pub fn start(
        spec: &AgentSpec,
        exe: &Path,
        stderr: &StderrTail,
        spawner: &Spawner,
    ) -> io::Result<(Self, ChildStdin, ChildStdout)> {
        Self::start_with(spec, Given::default(), exe, stderr, spawner)
    }

    /// The same for a command that serves one turn.
    pub fn start_with(
        spec: &AgentSpec,
        given: Given,
        exe: &Path,
        stderr: &StderrTail,
        spawner: &Spawner,
    ) -> io::Result<(Self, ChildStdin, ChildStdout)> {
        if !spec.cwd.is_dir() {
            return Err(io::Error::other(format!("the directory {} does not exist", spec.cwd.display())));
        }
        let mut command = CommandWrap::with_new(exe, |command| {
            command.arg(GUARD_COMMAND);
            if let Some(bytes) = given.input_bytes {
                command.arg("--input-bytes").arg(bytes.to_string());
            }
            if spec.memory_mb > 0 {
                command.arg("--memory-mb").arg(spec.memory_mb.to_string());
            }
            command.arg("--").args(&spec.command);
            command.current_dir(&spec.cwd).env_clear().envs(allowed_env(&spec.env)).envs(given.env);
            command.env(ENV_AGENT, &spec.handle);
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        });
        let mut child = command.wrap(ProcessGroup::leader()).spawn()?;
        let no_pipe = || io::Error::other("the process has no pipes");
        let stdin = child.stdin().take().ok_or_else(no_pipe)?;
        let stdout = child.stdout().take().ok_or_else(no_pipe)?;
        let pipe = child.stderr().take().ok_or_else(no_pipe)?;
        let stderr_read = CancellationToken::new();
        let done = stderr_read.clone().drop_guard();
        let stderr = stderr.clone();
        stderr.clear();
        spawner.spawn("agent-stderr", async move {
            stderr.fill_from(pipe).await;
            drop(done);
        });
        Ok((Self { child, stderr_read }, stdin, stdout))
    }

    /// The process id of the guard, which is also its process group.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Waits for the end. Dropping the future loses nothing.
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }

    /// Waits for the end after stdin was closed (drop it first), and kills the group if the guard failed to. Returns
    /// when the process is gone, after [`END_TIME_MAX`] at the latest.
    pub async fn end(&mut self) -> Exit {
        let ended = tokio::time::timeout(END_TIME_MAX, self.child.wait()).await;
        let status = ended.ok().and_then(Result::ok);
        if status.is_none_or(|status| status.signal().is_some()) {
            // The guard was killed, or hangs: what it guarded is still in its group.
            let _already_gone = self.child.start_kill();
        }
        let _no_last_words = tokio::time::timeout(LAST_WORDS, self.stderr_read.cancelled()).await;
        Exit(status.and_then(|status| status.code()))
    }
}

/// How a process ended: the guard's exit code, or nothing when the guard itself was killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit(pub Option<i32>);

impl Exit {
    /// Whether it had more memory than it may.
    pub fn out_of_memory(self) -> bool {
        self.0 == Some(i32::from(EXIT_OUT_OF_MEMORY))
    }

    /// Whether the command could not even be started.
    pub fn not_started(self) -> bool {
        self.0 == Some(i32::from(EXIT_NOT_STARTED))
    }
}

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(code) if code > 128 => write!(f, "ended by signal {}", code - 128),
            Some(code) => write!(f, "exited with code {code}"),
            None => f.write_str("was killed"),
        }
    }
}

/// The newest output on stderr, at most [`STDERR_BYTES_MAX`] bytes. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct StderrTail(Arc<Mutex<VecDeque<u8>>>);

impl StderrTail {
    /// What is kept, as text.
    pub fn text(&self) -> String {
        let bytes: Vec<u8> = self.bytes().iter().copied().collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn clear(&self) {
        self.bytes().clear();
    }

    async fn fill_from(&self, mut pipe: ChildStderr) {
        let mut buffer = [0; 1_024];
        while let Ok(count @ 1..) = pipe.read(&mut buffer).await {
            self.push(buffer.get(..count).unwrap_or_default());
        }
    }

    fn push(&self, new: &[u8]) {
        let mut bytes = self.bytes();
        bytes.extend(new);
        let excess = bytes.len().saturating_sub(STDERR_BYTES_MAX);
        bytes.drain(..excess);
    }

    fn bytes(&self) -> MutexGuard<'_, VecDeque<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Passes bytes through and fails when a line grows beyond `line_bytes_max`: the protocol library reads whole lines.
pub struct BoundedLines<R> {
    inner: R,
    line_bytes: usize,
    line_bytes_max: usize,
}

impl<R> BoundedLines<R> {
    /// Bounds the lines of `inner`.
    pub fn new(inner: R, line_bytes_max: usize) -> Self {
        Self { inner, line_bytes: 0, line_bytes_max }
    }
}

impl<R: AsyncRead + Unpin> AsyncRead for BoundedLines<R> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.inner).poll_read(cx, buf))?;
        let new = buf.filled().get(before..).unwrap_or_default();
        this.line_bytes = match new.iter().rposition(|byte| *byte == b'\n') {
            Some(last) => new.len() - last - 1,
            None => this.line_bytes + new.len(),
        };
        if this.line_bytes > this.line_bytes_max {
            // An error hands over no bytes: that is the contract of `AsyncRead`.
            buf.set_filled(before);
            let text = format!("a line is longer than {} bytes", this.line_bytes_max);
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, text)));
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_is_an_allow_list() {
        let names = |own: &[&str]| -> Vec<String> {
            let own = own.iter().map(|name| (*name).to_owned()).collect();
            allowed_env(&own).into_iter().map(|(name, _)| name.to_string_lossy().into_owned()).collect()
        };
        assert!(names(&[]).contains(&"PATH".to_owned()));
        assert!(!names(&[]).iter().any(|name| name.starts_with("CARGO")));
        assert!(names(&["CARGO_PKG_NAME"]).contains(&"CARGO_PKG_NAME".to_owned()));
    }

    #[test]
    fn only_the_end_of_stderr_is_kept() {
        let tail = StderrTail::default();
        tail.push(&[b'a'; STDERR_BYTES_MAX]);
        tail.push(b"the end");
        assert_eq!(tail.text().len(), STDERR_BYTES_MAX);
        assert!(tail.text().ends_with("aathe end"));
    }

    #[tokio::test]
    async fn a_long_line_is_an_error_and_many_short_ones_are_not() {
        let short = b"0123456\n".repeat(100);
        let mut out = Vec::new();
        BoundedLines::new(short.as_slice(), 10).read_to_end(&mut out).await.unwrap();
        assert_eq!(out, short);
        let long = [b"ok\n".as_slice(), &[b'x'; 11]].concat();
        let error = BoundedLines::new(long.as_slice(), 10).read_to_end(&mut Vec::new()).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn an_exit_reads_well() {
        assert_eq!(Exit(Some(137)).to_string(), "ended by signal 9");
        assert_eq!(Exit(Some(3)).to_string(), "exited with code 3");
        assert!(Exit(Some(127)).not_started());
    }
}
