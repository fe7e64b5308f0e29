//! The embedded agent: a real ACP agent over stdio, without network and key.
use std::path::PathBuf;
use std::process::ExitCode;

/// `starling agent demo [--script FILE]`: serves ACP on stdin and stdout until stdin ends. Makes its own runtime, so
/// call it outside of any.
pub fn demo_main(_script: Option<PathBuf>) -> ExitCode {
    ExitCode::FAILURE
}
