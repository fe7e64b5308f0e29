//! Agents that nobody here wrote, where `tests/agents/install` puts them: `target/agents`, or the folder that
//! `STARLING_AGENTS` names. They are too large, and too slow to build, to be asked of everybody: without them a test says
//! loudly that it was skipped. Where `CI` is set, all of them have to be there.

use std::io::Write;
use std::path::{Path, PathBuf};

/// A program that speaks the Agent Client Protocol, at the version that `tests/agents/install` pins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// The example of the protocol's own TypeScript library: streams, calls tools, asks for a permission. Never calls ours.
    Example,
    /// The chat robot of 1966: makes the one tool call that it is told to make, by an MCP client of its own.
    Eliza,
    /// A coding agent of the field, which asks a model over HTTP.
    OpenCode,
}

impl Program {
    /// Its command line; `None` when it is not installed, after having said so.
    ///
    /// # Panics
    /// When it is not installed and `CI` is set.
    #[must_use]
    pub fn command(self) -> Option<Vec<String>> {
        let file = self.files().into_iter().map(|file| folder().join(file)).find(|file| file.exists());
        let Some(file) = file else {
            skipped(&format!("{self:?} is not in {}: run `tests/agents/install`", folder().display()));
            return None;
        };
        let file = file.to_str().expect("a plain path").to_owned();
        Some(match self {
            Self::Example => vec!["node".to_owned(), file],
            Self::Eliza => vec![file, "--deterministic".to_owned(), "acp".to_owned()],
            Self::OpenCode => vec![file, "acp".to_owned()],
        })
    }

    /// Where it may be, below the folder.
    fn files(self) -> Vec<&'static str> {
        match self {
            Self::Example => vec!["npm/node_modules/@agentclientprotocol/sdk/dist/examples/agent.js"],
            Self::Eliza => vec!["bin/elizacp"],
            Self::OpenCode => vec![
                "npm/node_modules/opencode-linux-x64-baseline/bin/opencode",
                "npm/node_modules/opencode-linux-arm64/bin/opencode",
            ],
        }
    }
}

/// Says that a test cannot be run here, and why.
///
/// # Panics
/// When `CI` is set: there everything is there.
pub(crate) fn skipped(why: &str) {
    assert!(std::env::var_os("CI").is_none(), "{why}");
    // Not `eprintln!`: that is not shown of a test that passes.
    let _no_stderr = writeln!(std::io::stderr(), "SKIPPED: {why}");
}

fn folder() -> PathBuf {
    let named = std::env::var_os("STARLING_AGENTS").map(PathBuf::from);
    named.unwrap_or_else(|| {
        let exe = std::env::current_exe().expect("we are somewhere");
        exe.ancestors().nth(3).unwrap_or_else(|| Path::new(".")).join("agents")
    })
}
