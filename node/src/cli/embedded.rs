//! Verbs that are programs of their own behind one name: an agent, a tool server, a guard. Each makes its own
//! runtime and gives its own exit status. The parts that they call are joined here, in one place.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::agent;
use crate::agent::guard::Bounds;

/// `starling agent demo [--script FILE]`.
#[must_use]
pub fn agent_demo(script: Option<PathBuf>) -> ExitCode {
    agent::demo::demo_main(script)
}

/// `starling mcp`.
#[must_use]
pub fn mcp() -> ExitCode {
    agent::mcp::mcp_main()
}

/// `starling agent-guard [--input-bytes N] [--memory-mb N] -- CMD...`.
#[must_use]
pub fn agent_guard(command: Vec<OsString>, bounds: Bounds) -> ExitCode {
    agent::guard::guard_main(command, bounds)
}
