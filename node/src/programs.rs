//! Programs on this device: where a name leads to on a PATH, and which known agents are there, with the commands that host
//! them. Looks at files and asks programs for their version, for a few seconds at most; changes nothing. What speaks the
//! Agent Client Protocol is hosted that way; where that takes a bridge, `npx` fetches it at the first start.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use futures::future::join_all;
use tokio::io::AsyncReadExt;
use tokio::process::Command;

/// For a program to say its version. Some are slow to start; none may hold up the others.
const VERSION_TIME: Duration = Duration::from_secs(5);
/// Bytes of a version that are read.
const VERSION_BYTES_MAX: u64 = 4_096;
/// Characters of a version that are kept.
const VERSION_CHARS_MAX: usize = 64;

/// An agent that is known.
struct Known {
    /// Its handle, where nobody wants another.
    handle: &'static str,
    /// What people call it.
    name: &'static str,
    /// The program whose presence shows it.
    program: &'static str,
    /// Its words when it speaks ACP.
    acp: &'static [&'static str],
    /// Its profile when it is a command line agent.
    exec: Option<&'static str>,
}

const KNOWN: [Known; 9] = [
    known("claude", "Claude Code", "claude-agent-acp", &["claude-agent-acp"], None),
    known(
        "claude",
        "Claude Code",
        "claude",
        &["npx", "-y", "@agentclientprotocol/claude-agent-acp"],
        Some("claude"),
    ),
    known("codex", "Codex", "codex-acp", &["codex-acp"], None),
    known("codex", "Codex", "codex", &["npx", "-y", "@agentclientprotocol/codex-acp"], Some("codex")),
    known("gemini", "Gemini CLI", "gemini", &["gemini", "--acp"], None),
    known("opencode", "OpenCode", "opencode", &["opencode", "acp"], Some("opencode")),
    known("goose", "Goose", "goose", &["goose", "acp"], None),
    known("kimi", "Kimi CLI", "kimi", &["kimi", "acp"], None),
    known("qwen", "Qwen Code", "qwen", &["qwen", "--acp"], None),
];

const fn known(
    handle: &'static str,
    name: &'static str,
    program: &'static str,
    acp: &'static [&'static str],
    exec: Option<&'static str>,
) -> Known {
    Known { handle, name, program, acp, exec }
}

/// How an agent is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// By the Agent Client Protocol.
    Acp,
    /// Started anew for each prompt, in the manner of this profile.
    Exec(&'static str),
}

/// One way to host a known agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Detected {
    /// Its handle, where nobody wants another.
    pub(crate) handle: &'static str,
    /// What people call it.
    pub(crate) name: &'static str,
    pub(crate) way: Way,
    /// Program and arguments.
    pub(crate) command: Vec<&'static str>,
    /// The program that shows that it is installed; `None` when it is not.
    pub(crate) program: Option<PathBuf>,
    /// The first line that its program says of its version.
    pub(crate) version: Option<String>,
    /// What should be known before it is hosted so.
    pub(crate) note: Option<String>,
}

/// Every way to host a known agent that is installed in the directories of `path`, the better one first; and one for each
/// known agent that is not.
pub(crate) async fn detected(path: &OsStr) -> Vec<Detected> {
    let npx = which(path, "npx").is_some();
    let found = join_all(KNOWN.iter().map(async |known| {
        let program = which(path, known.program)?;
        let version = version(&program).await;
        Some((known, program, version))
    }))
    .await;
    let installed: Vec<_> = found.into_iter().flatten().collect();
    let mut all: Vec<Detected> = installed
        .iter()
        .flat_map(|(known, program, version)| known.ways(npx, program, version.as_deref()))
        .collect();
    for known in &KNOWN {
        if !all.iter().any(|there| there.handle == known.handle) {
            all.push(known.missing());
        }
    }
    all
}

impl Known {
    fn way(&self, way: Way, command: Vec<&'static str>) -> Detected {
        let Self { handle, name, .. } = *self;
        Detected { handle, name, way, command, program: None, version: None, note: None }
    }

    /// Bridges are fetched by `npx`; without it there are none.
    fn ways(&self, npx: bool, program: &Path, version: Option<&str>) -> Vec<Detected> {
        let bridge = self.acp.first() == Some(&"npx");
        let acp = (npx || !bridge).then(|| Detected {
            note: bridge.then(|| "npx fetches the bridge to ACP at the first start".to_owned()),
            ..self.way(Way::Acp, self.acp.to_vec())
        });
        let exec = self.exec.map(|profile| self.way(Way::Exec(profile), vec![self.program]));
        let here =
            |way| Detected { program: Some(program.to_owned()), version: version.map(str::to_owned), ..way };
        acp.into_iter().chain(exec).map(here).collect()
    }

    fn missing(&self) -> Detected {
        let note = Some(format!("there is no `{}` on the PATH", self.program));
        Detected { note, ..self.way(Way::Acp, self.acp.to_vec()) }
    }
}

/// Why a command cannot be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Lack {
    /// The command has no words.
    Empty,
    /// No directory of the PATH has it.
    NotOnPath(String),
    /// There is no such file.
    NoFile(PathBuf),
    /// There is a file, and nobody may execute it.
    NotExecutable(PathBuf),
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => write!(f, "it has no command"),
            Self::NotOnPath(name) => write!(f, "there is no program `{name}` on the PATH"),
            Self::NoFile(path) => write!(f, "there is no {}", path.display()),
            Self::NotExecutable(path) => write!(f, "{} is not executable", path.display()),
        }
    }
}

/// The file that a command's first word leads to, as the system would find it: by the directories of `path`, or, where it
/// has a slash, from `cwd`.
///
/// # Errors
/// [`Lack`]: it cannot be started.
pub(crate) fn find(command: &[impl AsRef<str>], cwd: Option<&Path>, path: &OsStr) -> Result<PathBuf, Lack> {
    let name = command.first().map(AsRef::as_ref).filter(|name| !name.is_empty()).ok_or(Lack::Empty)?;
    if !name.contains('/') {
        return which(path, name).ok_or_else(|| Lack::NotOnPath(name.to_owned()));
    }
    let file = cwd.map_or_else(|| PathBuf::from(name), |cwd| cwd.join(name));
    match (file.is_file(), is_executable(&file)) {
        (true, true) => Ok(file),
        (true, false) => Err(Lack::NotExecutable(file)),
        (false, _) => Err(Lack::NoFile(file)),
    }
}

/// The program of this name: the first executable file in the directories of `path`.
pub(crate) fn which(path: &OsStr, name: &str) -> Option<PathBuf> {
    let directories = std::env::split_paths(path).filter(|dir| dir.is_absolute());
    directories.map(|dir| dir.join(name)).find(|file| is_executable(file))
}

fn is_executable(file: &Path) -> bool {
    file.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// The first line of `--version` that has a digit in it, if it comes in time.
async fn version(program: &Path) -> Option<String> {
    let mut command = Command::new(program);
    command.arg("--version").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.kill_on_drop(true).spawn().ok()?;
    let stdout = child.stdout.take()?;
    let mut bytes = Vec::new();
    let read = async { stdout.take(VERSION_BYTES_MAX).read_to_end(&mut bytes).await };
    tokio::time::timeout(VERSION_TIME, read).await.ok()?.ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let line = text.lines().find(|line| line.chars().any(|c| c.is_ascii_digit()))?;
    Some(line.trim().chars().take(VERSION_CHARS_MAX).collect())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn install(dir: &Path, name: &str, script: &str) {
        let file = dir.join(name);
        std::fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Handle, way and whether it is installed.
    async fn ways(dir: &Path) -> Vec<(&'static str, Way, bool)> {
        let all = detected(dir.as_os_str()).await;
        all.iter().map(|one| (one.handle, one.way, one.program.is_some())).collect()
    }

    #[tokio::test]
    async fn what_is_installed_comes_first_and_nothing_known_is_left_out() {
        let dir = tempfile::tempdir().unwrap();
        install(dir.path(), "opencode", "echo 1.2");
        let found = ways(dir.path()).await;
        assert_eq!(
            found,
            [
                ("opencode", Way::Acp, true),
                ("opencode", Way::Exec("opencode"), true),
                ("claude", Way::Acp, false),
                ("codex", Way::Acp, false),
                ("gemini", Way::Acp, false),
                ("goose", Way::Acp, false),
                ("kimi", Way::Acp, false),
                ("qwen", Way::Acp, false),
            ]
        );
        let missing = detected(dir.path().as_os_str()).await;
        assert_eq!(missing[2].note.as_deref(), Some("there is no `claude-agent-acp` on the PATH"));
        assert_eq!(missing[0].version.as_deref(), Some("1.2"));
    }

    #[tokio::test]
    async fn a_program_that_never_says_its_version_holds_nobody_up() {
        let dir = tempfile::tempdir().unwrap();
        install(dir.path(), "goose", "exec sleep 600");
        install(dir.path(), "kimi", "while :; do printf x; done");
        let all = detected(dir.path().as_os_str());
        let all = tokio::time::timeout(VERSION_TIME * 3, all).await.unwrap();
        let silent: Vec<_> = all.iter().filter(|one| one.program.is_some()).map(|one| &one.version).collect();
        assert_eq!(silent, [&None, &None]);
    }

    #[test]
    fn a_command_leads_where_the_system_would_look() {
        let dir = tempfile::tempdir().unwrap();
        install(dir.path(), "there", "");
        std::fs::write(dir.path().join("plain"), "").unwrap();
        let path = dir.path().as_os_str();
        let find = |name: &str| find(&[name], Some(dir.path()), path);
        assert_eq!(find("there"), Ok(dir.path().join("there")));
        assert_eq!(find("./there"), Ok(dir.path().join("./there")));
        assert_eq!(find("plain"), Err(Lack::NotOnPath("plain".to_owned())));
        assert_eq!(find("./plain"), Err(Lack::NotExecutable(dir.path().join("./plain"))));
        assert_eq!(find("/no/such/file"), Err(Lack::NoFile("/no/such/file".into())));
        assert_eq!(find(""), Err(Lack::Empty));
    }
}
