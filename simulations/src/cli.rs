//! The command line of `starling-sim`. Data goes to standard output, and with `--json` nothing but one document does;
//! progress, hints and refusals go to standard error. Exit status: 0 when everything held, 1 when something did not, 2
//! when a command could not be carried out.

mod args;
mod compare;
mod list;
mod out;
mod planted;
mod replay;
mod run;
mod shrink;
mod table;
mod target;

use std::process::ExitCode;

use clap::Parser;
use starling_simulations::Checker;

use args::{Args, Verb};
use out::Out;

/// What a command found.
#[derive(Debug, Clone, Copy)]
enum Verdict {
    /// Everything held.
    Held,
    /// Something did not.
    Failed,
    /// It was ended before its end, and until then everything held.
    Interrupted,
    /// What another build of this program ended with.
    #[cfg(not(feature = "planted"))]
    Other(ExitCode),
}

/// Runs the program with the arguments of the process.
pub(crate) fn main() -> ExitCode {
    let args = Args::parse();
    let mut out = Out::of_process();
    let done = match args.verb {
        Verb::Run(args) => run::run(&args, &mut out),
        Verb::Replay(args) => replay::replay(&args, &mut out),
        Verb::Shrink(args) => shrink::shrink(&args, &mut out),
        Verb::List(args) => list::list(&args, &mut out),
        Verb::Compare(args) => compare::compare(&args, &mut out),
    };
    match done {
        Ok(Verdict::Held) => ExitCode::SUCCESS,
        Ok(Verdict::Failed) => ExitCode::from(1),
        Ok(Verdict::Interrupted) => ExitCode::from(130),
        #[cfg(not(feature = "planted"))]
        Ok(Verdict::Other(code)) => code,
        Err(refusal) => {
            out.refusal(&refusal);
            ExitCode::from(2)
        }
    }
}

/// Who watches each run, beside the project's own invariants.
fn checkers() -> Vec<Box<dyn Checker>> {
    Vec::new()
}
