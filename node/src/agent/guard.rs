//! `starling agent-guard -- CMD...`: runs an agent and sees to it that it does not outlive the node.
use std::ffi::OsString;
use std::process::ExitCode;

/// The hidden command's name.
pub const GUARD_COMMAND: &str = "agent-guard";

/// `starling agent-guard -- CMD...`; `command` is what follows `--`. Makes its own runtime, so call it outside of any.
pub fn guard_main(_command: Vec<OsString>) -> ExitCode {
    ExitCode::FAILURE
}
