//! `starling agent-guard [--input-bytes N] [--memory-mb N] -- CMD...`: runs an agent and sees to it that no part of it outlives the node.
//!
//! The guard leads a process group of its own and the agent runs in it with the guard's stdin, stdout and stderr, so
//! the guard never touches a byte. Only a command that reads its input to the end gets a pipe of its own, which is filled
//! with the first N bytes of the guard's stdin and closed. Ending is one story, told here alone: when the node closes the agent's stdin, the
//! agent has a second, then gets SIGTERM, then two seconds, then SIGKILL. When the node is gone, however it died, the
//! kill comes at once. Both are noticed without an extra descriptor: the write end of stdin is held by the node alone,
//! so a hang-up on it means "closed or dead", and a new parent means "dead". On Linux the guard is also the
//! subreaper of everything below it, so what an agent put into a session of its own is found and ended too. Together they
//! may have a bounded amount of memory; beyond it all of them end.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::{Read, Write};
use std::process::{ChildStdin, Command, ExitCode, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus};
use tokio::signal::unix::{Signal as SignalStream, SignalKind, signal};
use tokio::time::{Instant, MissedTickBehavior};

/// The hidden command's name.
pub const GUARD_COMMAND: &str = "agent-guard";
/// From closed stdin to SIGTERM: time to save and leave.
pub const STDIN_GRACE: Duration = Duration::from_secs(1);
/// From SIGTERM to SIGKILL.
pub const TERM_GRACE: Duration = Duration::from_secs(2);
/// Bytes of an input that the guard hands on: many times the longest prompt.
pub const INPUT_BYTES_MAX: usize = 1_024 * 1_024;
/// How often the guard looks whether its node lives: two system calls each time.
const LIFE_CHECK: Duration = Duration::from_millis(100);
/// Between two rounds of killing what is left.
const KILL_PAUSE: Duration = Duration::from_millis(10);
/// Rounds of killing: two seconds, by when only a process stuck in the kernel is left, which nobody can end.
const KILL_ROUNDS_MAX: usize = 200;
/// Exit code when the command cannot be started, as in a shell.
pub const EXIT_NOT_STARTED: u8 = 127;

/// Exit code when the agent, and what it started, had more memory than it may.
pub const EXIT_OUT_OF_MEMORY: u8 = 125;
/// How often memory is looked at, in checks of life.
const MEMORY_CHECK: u32 = 20;

/// What a command is run with.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bounds {
    /// What it is to read of the guard's input, at most [`INPUT_BYTES_MAX`]; all of it, as it comes, if absent.
    pub input_bytes: Option<usize>,
    /// Megabytes of memory that it and all that it starts may hold together; any if absent. Linux only.
    pub memory_mb: Option<u32>,
}

/// `starling agent-guard [--input-bytes N] [--memory-mb N] -- CMD...`; `command` is what follows `--`. Ends with the
/// command's exit code, 128 + n when signal n ended it, [`EXIT_NOT_STARTED`] when it cannot be started,
/// [`EXIT_OUT_OF_MEMORY`] when it had too much memory. Makes its own runtime: call it outside of any.
pub fn guard_main(command: Vec<OsString>, bounds: Bounds) -> ExitCode {
    let node = rustix::process::getppid();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let code = match runtime {
        Ok(runtime) => runtime.block_on(guard(&command, bounds, node)),
        Err(error) => Err(error),
    };
    ExitCode::from(code.unwrap_or_else(|error| {
        let program = command.first().map(|program| program.display().to_string()).unwrap_or_default();
        eprintln!("starling: cannot start the agent `{program}`: {error}");
        EXIT_NOT_STARTED
    }))
}

async fn guard(command: &[OsString], bounds: Bounds, node: Option<Pid>) -> std::io::Result<u8> {
    let input = bounds.input_bytes.map(read_input).transpose()?;
    let mut guard = Guard::start(command, input, node)?;
    guard.memory_mb = bounds.memory_mb;
    let code = guard.run().await;
    end_descendants().await;
    Ok(code)
}

/// Why a watch ended.
enum Seen {
    /// The agent ended by itself.
    Exited(u8),
    /// The agent shall end, gently.
    EndWanted,
    /// The node is gone.
    NodeGone,
    /// The time is over.
    TimeOver,
    /// It has more memory than it may.
    TooLarge,
}

struct Guard {
    agent: Option<Pid>,
    node: Option<Pid>,
    memory_mb: Option<u32>,
    children: SignalStream,
    terminate: SignalStream,
}

impl Guard {
    fn start(command: &[OsString], input: Option<Vec<u8>>, node: Option<Pid>) -> std::io::Result<Self> {
        let (program, arguments) =
            command.split_first().ok_or_else(|| std::io::Error::other("no command was given"))?;
        lead_a_group()?;
        let children = signal(SignalKind::child())?;
        let terminate = signal(SignalKind::terminate())?;
        become_subreaper()?;
        // Dropping std's handle leaves the child alone; `reap` waits for it together with the orphans.
        let stdin = if input.is_some() { Stdio::piped() } else { Stdio::inherit() };
        let mut child = Command::new(program).args(arguments).stdin(stdin).spawn()?;
        if let (Some(input), Some(pipe)) = (input, child.stdin.take()) {
            feed(pipe, input);
        }
        let agent = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        Ok(Self { agent, node, memory_mb: None, children, terminate })
    }

    /// Returns the agent's exit code, with the agent itself gone or about to be killed.
    async fn run(&mut self) -> u8 {
        match self.watch(None).await {
            Seen::Exited(code) => return code,
            Seen::NodeGone => return exit_code_of(Signal::KILL),
            Seen::TooLarge => return EXIT_OUT_OF_MEMORY,
            Seen::EndWanted | Seen::TimeOver => {}
        }
        if let Some(code) = self.grace(STDIN_GRACE).await {
            return code;
        }
        // The guard is in the group too; its own handler swallows the signal.
        let _already_gone = rustix::process::kill_current_process_group(Signal::TERM);
        self.grace(TERM_GRACE).await.unwrap_or_else(|| exit_code_of(Signal::KILL))
    }

    /// Waits for the agent to leave. `None` when the time is over, `Some(137)` when the node died meanwhile.
    async fn grace(&mut self, time: Duration) -> Option<u8> {
        match self.watch(Some(Instant::now() + time)).await {
            Seen::Exited(code) => Some(code),
            Seen::NodeGone => Some(exit_code_of(Signal::KILL)),
            Seen::EndWanted | Seen::TimeOver | Seen::TooLarge => None,
        }
    }

    /// Watches the agent and the node until something is seen. Within a deadline the wish to end is known already.
    async fn watch(&mut self, deadline: Option<Instant>) -> Seen {
        let mut check = tokio::time::interval(LIFE_CHECK);
        check.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut checks: u32 = 0;
        loop {
            let end_wanted = tokio::select! {
                biased;
                _ = self.children.recv() => false,
                _ = self.terminate.recv() => true,
                _ = check.tick() => input_closed(),
            };
            if let Some(code) = self.reap() {
                return Seen::Exited(code);
            }
            if rustix::process::getppid() != self.node {
                return Seen::NodeGone;
            }
            checks = checks.wrapping_add(1);
            if deadline.is_none() && checks.is_multiple_of(MEMORY_CHECK) && self.is_too_large() {
                return Seen::TooLarge;
            }
            match deadline {
                None if end_wanted => return Seen::EndWanted,
                Some(deadline) if Instant::now() >= deadline => return Seen::TimeOver,
                None | Some(_) => {}
            }
        }
    }

    /// Whether all that is below the guard has more memory than it may; says so on stderr.
    fn is_too_large(&self) -> bool {
        let Some(most) = self.memory_mb else { return false };
        let bytes = memory_below(rustix::process::getpid()).unwrap_or(0);
        let large = bytes > u64::from(most) * 1_024 * 1_024;
        if large {
            let mb = bytes / (1_024 * 1_024);
            eprintln!(
                "starling: the agent and what it started have {mb} MB of memory; {most} MB are allowed"
            );
        }
        large
    }

    /// Reaps whatever ended, adopted orphans included; the agent's exit code when it was among them.
    fn reap(&self) -> Option<u8> {
        let mut code = None;
        while let Ok(Some((pid, status))) = rustix::process::wait(WaitOptions::NOHANG) {
            if Some(pid) == self.agent {
                code = Some(exit_code(status));
            }
        }
        code
    }
}

/// The agent's whole input. The node writes it at once; when it dies or changes its mind, the end of stdin comes too early.
fn read_input(bytes: usize) -> std::io::Result<Vec<u8>> {
    let mut input = vec![0; bytes.min(INPUT_BYTES_MAX)];
    std::io::stdin().lock().read_exact(&mut input)?;
    Ok(input)
}

/// Fills the agent's pipe, and closes it. The thread ends with the agent, or with us: a command that does not read is
/// watched all the same.
#[expect(clippy::disallowed_methods, reason = "the guard is a program of its own, without a shell")]
fn feed(mut pipe: ChildStdin, input: Vec<u8>) {
    std::thread::spawn(move || drop(pipe.write_all(&input)));
}

fn exit_code(status: WaitStatus) -> u8 {
    let code = status.exit_status().or_else(|| status.terminating_signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
}

fn exit_code_of(signal: Signal) -> u8 {
    u8::try_from(128 + signal.as_raw()).unwrap_or(u8::MAX)
}

/// Whether nobody can write to our stdin any more. Never reads: the bytes are the agent's.
fn input_closed() -> bool {
    let stdin = std::io::stdin();
    let mut fds = [PollFd::new(&stdin, PollFlags::empty())];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    let polled = rustix::event::poll(&mut fds, Some(&now));
    polled.is_ok() && fds.iter().any(|fd| fd.revents().contains(PollFlags::HUP))
}

/// Group signals must reach the agent's family and nobody else, whoever started the guard and wherever.
fn lead_a_group() -> std::io::Result<()> {
    let us = rustix::process::getpid();
    if rustix::process::getpgid(None)? != us {
        rustix::process::setpgid(None, None)?;
    }
    Ok(())
}

#[cfg(target_os = "linux")]
fn become_subreaper() -> std::io::Result<()> {
    Ok(rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?)
}

#[cfg(not(target_os = "linux"))]
fn become_subreaper() -> std::io::Result<()> {
    Ok(())
}

/// Kills all that is left below the guard. Killing a child hands us its children, so rounds end with none left.
async fn end_descendants() {
    for _ in 0..KILL_ROUNDS_MAX {
        let Some(children) = children_of(rustix::process::getpid()) else {
            // Without /proc only the group is known, and the guard is in it: this is its own end too.
            let _never_returns = rustix::process::kill_current_process_group(Signal::KILL);
            return;
        };
        if children.is_empty() {
            return;
        }
        for child in children {
            let _already_gone = rustix::process::kill_process(child, Signal::KILL);
        }
        tokio::time::sleep(KILL_PAUSE).await;
        while let Ok(Some(_)) = rustix::process::wait(WaitOptions::NOHANG) {}
    }
}

/// Bytes of memory that all descendants of a process have resident, pages that they share counted for each; `None` where
/// there is no `/proc` to ask.
fn memory_below(root: Pid) -> Option<u64> {
    let mut others: Vec<(i32, i32, u64)> = Vec::new();
    for entry in std::fs::read_dir("/proc").ok()?.flatten() {
        let pid = entry.file_name().to_str().and_then(|name| name.parse::<i32>().ok());
        let status = pid.and_then(|_| std::fs::read_to_string(entry.path().join("status")).ok());
        let number = |status: &str, field: &str| field_in_status(status, field);
        let read = |status: String| {
            let parent = i32::try_from(number(&status, "PPid:")?).ok()?;
            Some((pid?, parent, number(&status, "VmRSS:").unwrap_or(0)))
        };
        others.extend(status.and_then(read));
    }
    let mut below = BTreeSet::from([root.as_raw_nonzero().get()]);
    let mut kilobytes: u64 = 0;
    // Each round finds the children of those found before.
    loop {
        let (found, rest): (Vec<_>, Vec<_>) =
            others.into_iter().partition(|(_, parent, _)| below.contains(parent));
        if found.is_empty() {
            return Some(kilobytes.saturating_mul(1_024));
        }
        kilobytes = found.iter().fold(kilobytes, |sum, (.., kilobytes)| sum.saturating_add(*kilobytes));
        below.extend(found.iter().map(|(pid, ..)| *pid));
        others = rest;
    }
}

/// The processes whose parent is `parent`; `None` where there is no `/proc` to ask.
fn children_of(parent: Pid) -> Option<Vec<Pid>> {
    let parent = parent.as_raw_nonzero().get().to_string();
    let mut children = Vec::new();
    for entry in std::fs::read_dir("/proc").ok()?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else {
            continue;
        };
        if parent_in_stat(&stat) == Some(parent.as_str()) {
            children.extend(Pid::from_raw(pid));
        }
    }
    // An empty /proc is no /proc: our own entry must be there.
    std::path::Path::new("/proc/self/stat").exists().then_some(children)
}

/// The parent in a `/proc/PID/stat` line: `PID (name) STATE PARENT ...`, where the name may hold anything.
fn parent_in_stat(stat: &str) -> Option<&str> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)
}

/// A number in `/proc/PID/status` (proc_pid_status(5)): `Field: 12 kB`.
fn field_in_status(status: &str, field: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_where_the_system_writes_it() {
        let status = "Name:\tx\nPPid:\t12\nVmPeak:\t  900 kB\nVmRSS:\t  640 kB\n";
        assert_eq!(field_in_status(status, "PPid:"), Some(12));
        assert_eq!(field_in_status(status, "VmRSS:"), Some(640));
        assert_eq!(field_in_status("Name:\tkthread\n", "VmRSS:"), None);
    }

    #[test]
    fn a_process_name_cannot_fake_its_parent() {
        assert_eq!(parent_in_stat("12 (sh) S 7 12 12 0"), Some("7"));
        assert_eq!(parent_in_stat("12 (x) S 1 (y)) S 7 12"), Some("7"));
        assert_eq!(parent_in_stat("nonsense"), None);
    }

    #[test]
    fn our_own_children_are_found() {
        let mut child = Command::new("sleep").arg("30").spawn().unwrap();
        let id = Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
        let found = children_of(rustix::process::getpid());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(found.unwrap().contains(&id));
    }
}
