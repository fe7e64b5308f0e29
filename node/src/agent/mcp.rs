//! `starling mcp`: a stateless shim that forwards an agent's tool calls to the daemon.
use std::process::ExitCode;

/// `starling mcp`: serves MCP on stdin and stdout until stdin ends. Makes its own runtime, so call it outside of any.
pub fn mcp_main() -> ExitCode {
    ExitCode::FAILURE
}
