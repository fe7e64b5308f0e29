//! `starling agent detect`: which known agents are on the PATH, and the command that hosts each; no node is asked and
//! nothing is changed. What is known of agents is in [`programs`].

use std::path::PathBuf;

use serde::Serialize;

use super::Context;
use super::failure::{Exit, Failure};
use super::render::{one_line, style, styled};
use crate::programs::{self, Detected, Way};

/// Columns of a version that are shown.
const VERSION_COLUMNS: usize = 40;

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
    let agents = found(programs::detected(&path).await);
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

/// One for each program that is there: the first of its ways, and the other one.
fn found(ways: Vec<Detected>) -> Vec<Found> {
    let mut found: Vec<Found> = Vec::new();
    for way in ways {
        let (add, protocol) = command(&way);
        let Some(program) = way.program else { continue };
        match found.last_mut().filter(|last| last.program == program) {
            Some(last) => last.or = Some(add),
            None => {
                let version = way.version.map(|version| one_line(&version, VERSION_COLUMNS));
                found.push(Found { name: way.handle, program, version, protocol, add, or: None });
            }
        }
    }
    found
}

/// What is typed to host it, and the name of its protocol.
fn command(way: &Detected) -> (String, &'static str) {
    match way.way {
        Way::Acp => (format!("starling agent add {} --acp {}", way.handle, way.command.join(" ")), "acp"),
        Way::Exec(profile) => (format!("starling agent add {} --exec {profile}", way.handle), "exec"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::ffi::OsStr;

    use crate::programs::tests::install;

    async fn found_on(path: &OsStr) -> Vec<Found> {
        found(programs::detected(path).await)
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
}
