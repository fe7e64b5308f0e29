//! `shrink`: the shortest history that still fails, as a scenario file.

use std::ops::ControlFlow;

use indicatif::{ProgressBar, ProgressStyle};
use starling_simulations::shrink::{self, Progress, ShrinkError, Shrunk};

use super::args::ShrinkArgs;
use super::out::{Out, Refusal, note, write_file};
use super::target::quoted;
use super::{Verdict, checkers, target};

pub(super) fn shrink(args: &ShrinkArgs, out: &mut Out) -> Result<Verdict, Refusal> {
    let which = &args.which;
    let scenario = target::scenario(&which.scenario, which.nodes)?;
    // A panic is what some shrink: told once, with the result, not in each of a thousand runs.
    std::panic::set_hook(Box::new(|_| {}));
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
        bar.set_style(style);
    }
    let mut progress = |now: Progress| {
        bar.set_message(format!("{} runs: {} steps, {} nodes", now.runs, now.steps, now.nodes));
        bar.tick();
        ControlFlow::Continue(())
    };
    let wanted = args.invariant.as_deref();
    let shrunk = shrink::shrink(&scenario, which.seed, wanted, &checkers, &mut progress);
    bar.finish_and_clear();
    let shrunk = match shrunk {
        Ok(shrunk) => shrunk,
        Err(error @ ShrinkError::Holds(_)) => {
            return Err(Refusal::new(error).hint("`starling-sim run` names the seeds that fail"));
        }
        Err(error) => return Err(Refusal::new(error)),
    };
    let text = shrunk.to_toml(which.seed).map_err(Refusal::new)?;
    let Shrunk { scenario, breach, steps_before, runs } = &shrunk;
    let (steps, nodes) = (scenario.at.len(), scenario.nodes.count);
    note(format_args!("{steps} of {steps_before} steps and {nodes} nodes are enough, found in {runs} runs"));
    note(format_args!("{}: {}", breach.invariant, breach.message));
    let file = match &args.output {
        Some(path) => {
            write_file(path, &text)?;
            quoted(&path.to_string_lossy())
        }
        None => {
            out.data(&text)?;
            out.finish()?;
            "FILE".to_owned()
        }
    };
    note(format_args!("it fails again with: starling-sim run {file} --seed {}", which.seed));
    Ok(Verdict::Held)
}
