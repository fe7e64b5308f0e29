//! The binary `starling`: understands the arguments, hands over to the shell, the command line or an embedded program,
//! and exits with the status that the command line promises.

use std::ffi::OsString;
use std::process::ExitCode;

use starling_node::cli::{self, Exit, Failure, Invocation, embedded};
use starling_node::shell;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    if cli::complete(&arguments) {
        return ExitCode::SUCCESS;
    }
    let json = cli::wants_json(&arguments);
    let ended = match cli::parse(arguments, &mut std::io::stdin()) {
        Ok(Invocation::Up(options)) => block_on(shell::up(options)),
        Ok(Invocation::Join(options)) => block_on(shell::join(options)),
        Ok(Invocation::Restore(options)) => shell::restore(&options),
        Ok(Invocation::Verify(options)) => shell::verify(&options),
        Ok(Invocation::Verb(command)) => block_on(cli::run(*command, shell::ambient())),
        Ok(Invocation::Text(text)) => cli::print(&text),
        Ok(Invocation::AgentDemo { script }) => return embedded::agent_demo(script),
        Ok(Invocation::Mcp) => return embedded::mcp(),
        Ok(Invocation::AgentGuard { command, bounds }) => {
            return embedded::agent_guard(command, bounds);
        }
        Err(failure) => Err(failure),
    };
    ended.map_or_else(|failure| cli::report(&failure, json).into(), |()| ExitCode::SUCCESS)
}

fn block_on(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime =
        runtime.map_err(|error| Failure::new(Exit::Failed, "io", format!("no runtime: {error}")))?;
    let ended = runtime.block_on(work);
    // A blocking call that hangs must not keep the process: whatever has to end well has ended by now.
    runtime.shutdown_background();
    ended
}
