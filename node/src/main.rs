//! The binary `starling`.

use std::path::PathBuf;
use std::process::ExitCode;

use starling_node::agent::{demo, guard, mcp};

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args_os().skip(1).collect();
    let words: Vec<_> = args.iter().map(|arg| arg.to_str().unwrap_or_default()).collect();
    match words.as_slice() {
        ["agent", "demo"] => demo::demo_main(None),
        ["agent", "demo", "--script", file] => demo::demo_main(Some(PathBuf::from(file))),
        ["mcp"] => mcp::mcp_main(),
        [guard::GUARD_COMMAND, "--", ..] => guard::guard_main(args.into_iter().skip(2).collect()),
        _ => ExitCode::from(2),
    }
}
