//! Verbs that are programs of their own behind one name: an agent, a tool server, a guard. Each makes its own
//! runtime and gives its own exit status. The parts that they call are joined here, in one place.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use super::failure::Failure;
use super::report;

/// `starling agent demo [--script FILE]`.
#[must_use]
pub fn agent_demo(_script: Option<PathBuf>) -> ExitCode {
    missing("agent demo")
}

/// `starling mcp`.
#[must_use]
pub fn mcp() -> ExitCode {
    missing("mcp")
}

/// `starling agent-guard -- CMD...`.
#[must_use]
pub fn agent_guard(_command: Vec<OsString>) -> ExitCode {
    missing("agent-guard")
}

fn missing(what: &str) -> ExitCode {
    ExitCode::from(report(&Failure::not_built_in(what), false))
}
