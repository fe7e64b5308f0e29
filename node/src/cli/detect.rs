//! `starling agent detect`: which known agents are on the PATH, and the command that hosts each. Looks at files and asks
//! programs for their version, for a few seconds at most; no node is asked and nothing is changed. What speaks the Agent
//! Client Protocol is hosted that way; where that takes a bridge, `npx` fetches it at the first start.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use futures::future::join_all;
use serde::Serialize;
use tokio::io::AsyncReadExt;
use tokio::process::Command;

use super::Context;
use super::failure::{Exit, Failure};
use super::render::{one_line, style, styled};

/// For a program to say its version. Some are slow to start; none may hold up the others.
const VERSION_TIME: Duration = Duration::from_secs(5);
/// Bytes of a version that are read.
const VERSION_BYTES_MAX: u64 = 4_096;
/// Columns of a version that are shown.
const VERSION_COLUMNS: usize = 40;

/// An agent that is known.
struct Known {
    /// What it is called, and by default its handle.
    name: &'static str,
    /// The program whose presence shows it.
    program: &'static str,
    /// Its words when it speaks ACP.
    acp: &'static [&'static str],
    /// Its profile when it is a command line agent.
    exec: Option<&'static str>,
}

const KNOWN: [Known; 9] = [
    known("claude", "claude-agent-acp", &["claude-agent-acp"], None),
    known("claude", "claude", &["npx", "-y", "@agentclientprotocol/claude-agent-acp"], Some("claude")),
    known("codex", "codex-acp", &["codex-acp"], None),
    known("codex", "codex", &["npx", "-y", "@agentclientprotocol/codex-acp"], Some("codex")),
    known("gemini", "gemini", &["gemini", "--acp"], None),
    known("opencode", "opencode", &["opencode", "acp"], Some("opencode")),
    known("goose", "goose", &["goose", "acp"], None),
    known("kimi", "kimi", &["kimi", "acp"], None),
    known("qwen", "qwen", &["qwen", "--acp"], None),
];

const fn known(
    name: &'static str,
    program: &'static str,
    acp: &'static [&'static str],
    exec: Option<&'static str>,
) -> Known {
    Known { name, program, acp, exec }
}

/// An agent that was found.
#[derive(Debug, Serialize)]
struct Found {
    name: &'static str,
    program: PathBuf,
    version: Option<String>,
    protocol: &'static str,
    /// The command that hosts it.
    add: String,
    /// Another way, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    or: Option<String>,
}

#[derive(Serialize)]
struct Report {
    agents: Vec<Found>,
}

pub(super) async fn run(cx: &mut Context) -> Result<(), Failure> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let agents = found_on(&path).await;
    if cx.out.json {
        let report = serde_json::to_vec(&Report { agents });
        return cx
            .out
            .document(&report.map_err(|error| Failure::new(Exit::Failed, "io", error.to_string()))?);
    }
    if agents.is_empty() {
        cx.out.note("no known agent is on the PATH; `starling agent add NAME --acp CMD...` hosts any other that speaks ACP");
    }
    let text: String = agents.iter().map(shown).collect();
    cx.out.data(&text)
}

fn shown(found: &Found) -> String {
    let version = one_line(found.version.as_deref().unwrap_or("says no version"), VERSION_COLUMNS);
    let name = styled(style::BOLD, found.name);
    let or = found.or.as_ref().map(|or| format!("  or: {or}\n")).unwrap_or_default();
    format!("{name}  {version}  ({})\n  {}\n{or}", one_line(&found.program.to_string_lossy(), 60), found.add)
}

async fn found_on(path: &OsStr) -> Vec<Found> {
    let npx = which(path, "npx").is_some();
    let here = KNOWN.iter().filter_map(|known| {
        let (protocol, add, or) = proposal(known, npx)?;
        Some((known.name, which(path, known.program)?, protocol, add, or))
    });
    join_all(here.map(async |(name, program, protocol, add, or)| {
        let version = version(&program).await;
        Found { name, program, version, protocol, add, or }
    }))
    .await
}

/// The protocol, the command that hosts it, and another one. Bridges are fetched by `npx`; without it there are none.
fn proposal(known: &Known, npx: bool) -> Option<(&'static str, String, Option<String>)> {
    let add = |how: &str, words: &str| format!("starling agent add {} --{how} {words}", known.name);
    let exec = known.exec.map(|profile| add("exec", profile));
    if npx || known.acp.first() != Some(&"npx") {
        return Some(("acp", add("acp", &known.acp.join(" ")), exec));
    }
    Some(("exec", exec?, None))
}

/// The program of this name: the first executable file in the directories of `path`.
fn which(path: &OsStr, name: &str) -> Option<PathBuf> {
    let executable = |file: &PathBuf| {
        file.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    };
    std::env::split_paths(path).filter(|dir| dir.is_absolute()).map(|dir| dir.join(name)).find(executable)
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
    Some(one_line(line, VERSION_COLUMNS))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn install(dir: &Path, name: &str, script: &str) {
        let file = dir.join(name);
        std::fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[tokio::test]
    async fn programs_on_the_path_are_found_with_version_and_command() {
        let dir = tempfile::tempdir().unwrap();
        install(dir.path(), "claude", "echo; echo '2.1.197 (Claude Code)'");
        install(dir.path(), "opencode", "echo broken >&2; exit 1");
        install(dir.path(), "gemini", "printf '\\033[31m0.61.0\\n'");
        std::fs::write(dir.path().join("codex"), "not executable").unwrap();
        let found = found_on(dir.path().as_os_str()).await;
        let lines: Vec<_> =
            found.iter().map(|it| (it.name, it.version.as_deref(), it.add.as_str())).collect();
        assert_eq!(
            lines,
            [
                ("claude", Some("2.1.197 (Claude Code)"), "starling agent add claude --exec claude"),
                ("gemini", Some("\u{241b}[31m0.61.0"), "starling agent add gemini --acp gemini --acp"),
                ("opencode", None, "starling agent add opencode --acp opencode acp"),
            ]
        );
        assert_eq!(found[2].or.as_deref(), Some("starling agent add opencode --exec opencode"));
    }

    #[tokio::test]
    async fn a_bridge_is_proposed_where_it_can_be_fetched_or_is_there() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["npx", "codex", "claude-agent-acp"] {
            install(dir.path(), name, "echo 1");
        }
        let found = found_on(dir.path().as_os_str()).await;
        let adds: Vec<_> = found.iter().map(|it| it.add.as_str()).collect();
        assert_eq!(
            adds,
            [
                "starling agent add claude --acp claude-agent-acp",
                "starling agent add codex --acp npx -y @agentclientprotocol/codex-acp"
            ]
        );
    }

    #[tokio::test]
    async fn a_program_that_never_says_its_version_holds_nobody_up() {
        let dir = tempfile::tempdir().unwrap();
        install(dir.path(), "goose", "exec sleep 600");
        install(dir.path(), "kimi", "while :; do printf x; done");
        let found = tokio::time::timeout(VERSION_TIME * 3, found_on(dir.path().as_os_str())).await.unwrap();
        assert_eq!(found.iter().map(|it| it.version.as_deref()).collect::<Vec<_>>(), [None, None]);
    }
}
