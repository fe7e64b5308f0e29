//! One push of the export, by the user's own git program: its keys, agents and credential helpers work, and every
//! address that it knows. It pushes one commit to a branch that belongs to this device alone, so that nodes which push to
//! one remote never meet on a branch. It decides nothing: when to push, and when again, is `machine::pushing`'s.

use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use process_wrap::tokio::{ChildWrapper, CommandWrap, KillOnDrop, ProcessGroup};
use starling_crdt::id::DeviceKey;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio_util::sync::CancellationToken;

use crate::config::Remote;

/// A first push of a large export over a slow line takes minutes; one that hangs must end some time.
pub const TIME_MAX: Duration = Duration::from_secs(600);
/// Hexadecimal digits of the device's key in the name of its branch.
const DEVICE_DIGITS: usize = 16;
/// Bytes of git's own words that are kept: the last ones say why.
const WORDS_BYTES_MAX: usize = 4_096;
/// Characters of an error: git's first lines name the cause, its advice comes after.
const ERROR_CHARS_MAX: usize = 400;
/// For git's last words to arrive after it has ended; what it started may hold the pipe.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// Variables that would lead git to another repository than the export.
const STRANGE: [&str; 7] = [
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_NAMESPACE",
];

/// Why a push failed, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PushError {
    /// There is no git program, or it cannot be started.
    #[error("the git program cannot be started ({0}): install git, or correct PATH")]
    NoGit(io::Error),
    /// Git refused, or the remote did.
    #[error("{0}")]
    Refused(String),
    /// Git was still at work when its time was over, and was ended.
    #[error("git push took longer than {} s and was ended", .0.as_secs())]
    TimedOut(Duration),
    /// It was told to stop.
    #[error("the push was stopped")]
    Stopped,
}

/// What is pushed where.
#[derive(Debug, Clone)]
pub struct Order {
    /// The export.
    pub export: PathBuf,
    /// Where a relative remote counts from; `None`: where this process is.
    pub from: Option<PathBuf>,
    /// The other repository.
    pub remote: Remote,
    /// The device's branch there.
    pub branch: String,
    /// The commit, hexadecimal.
    pub commit: String,
}

/// The branch of a device on any remote: nobody else writes to it.
#[must_use]
pub fn branch(device: &DeviceKey) -> String {
    format!("starling/{}", device.to_string().chars().take(DEVICE_DIGITS).collect::<String>())
}

/// Pushes, and returns when the remote has it. The branch is overwritten: an export that was made anew has another
/// history and the same tree. Dropping the future ends git.
///
/// # Errors
/// [`PushError`]; nothing but the device's branch can have changed at the remote.
pub async fn push(order: &Order, time_max: Duration, stop: &CancellationToken) -> Result<(), PushError> {
    let mut child = command(order).spawn().map_err(PushError::NoGit)?;
    let words = child.stderr().take();
    let reading = async {
        match words {
            Some(pipe) => last_words(pipe).await,
            None => Vec::new(),
        }
    };
    tokio::pin!(reading);
    let mut said = None;
    let status = {
        let late = tokio::time::sleep(time_max);
        tokio::pin!(late);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break Err(PushError::Stopped),
                () = &mut late => break Err(PushError::TimedOut(time_max)),
                words = &mut reading, if said.is_none() => said = Some(words),
                status = child.wait() => break status.map_err(PushError::NoGit),
            }
        }
    };
    let status = match status {
        Ok(status) => status,
        Err(error) => {
            end(child).await;
            return Err(error);
        }
    };
    if status.success() {
        return Ok(());
    }
    if said.is_none() {
        said = tokio::time::timeout(LAST_WORDS, reading).await.ok();
    }
    let why = told(&said.unwrap_or_default(), &order.remote);
    Err(PushError::Refused(if why.is_empty() { format!("git push ended with {status}") } else { why }))
}

/// In a group of its own, so that ssh and helpers end with it; without a terminal to ask questions on.
fn command(order: &Order) -> CommandWrap {
    let mut command = CommandWrap::with_new("git", |command| {
        command.arg("--git-dir").arg(&order.export);
        command.args(["push", "--quiet", "--no-verify", "--no-follow-tags", "--"]);
        command.arg(order.remote.as_str()).arg(format!("+{}:refs/heads/{}", order.commit, order.branch));
        for name in STRANGE {
            command.env_remove(name);
        }
        command.env("GIT_TERMINAL_PROMPT", "0").env("LC_ALL", "C");
        if let Some(from) = &order.from {
            command.current_dir(from);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    });
    command.wrap(KillOnDrop).wrap(ProcessGroup::leader());
    command
}

/// Ends git and all that it started.
async fn end(mut child: Box<dyn ChildWrapper>) {
    let _already_gone = child.start_kill();
    let _reaped = child.wait().await;
}

/// Reads to the end and keeps the last of it.
async fn last_words(mut pipe: impl AsyncRead + Unpin) -> Vec<u8> {
    let (mut words, mut part) = (Vec::new(), [0; 1_024]);
    while let Ok(read @ 1..) = pipe.read(&mut part).await {
        words.extend(part.iter().take(read));
        let over = words.len().saturating_sub(WORDS_BYTES_MAX);
        words.drain(..over);
    }
    words
}

/// Git's words on one line: without its advice, without control characters, without passwords.
fn told(words: &[u8], remote: &Remote) -> String {
    let words = String::from_utf8_lossy(words).replace(remote.as_str(), &remote.shown());
    let lines = words.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("hint:"));
    let line = lines.collect::<Vec<_>>().join("; ");
    line.chars().filter(|c| !c.is_control()).take(ERROR_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests;
