//! `replay`: one seed once more, with all that happens. The trace's hash is the same each time, on every machine.

use std::collections::BTreeMap;

use serde::Serialize;
use starling_simulations::report::plot;
use starling_simulations::run::{Options, Outcome};
use starling_simulations::{Breach, campaign};

use super::args::ReplayArgs;
use super::out::{BAD, BOLD, GOOD, Out, Refusal, write_file};
use super::run::write_trace;
use super::table::lasting;
use super::{Verdict, checkers, target};

/// What `--json` prints.
#[derive(Serialize)]
struct Replayed<'a> {
    scenario: &'a str,
    seed: u64,
    nodes: usize,
    trace_hash: &'a str,
    events: u64,
    failures: &'a [Breach],
    faults: &'a BTreeMap<String, u64>,
    deeds: u64,
    refused: &'a BTreeMap<String, u64>,
    simulated_seconds: f64,
}

pub(super) fn replay(args: &ReplayArgs, out: &mut Out) -> Result<Verdict, Refusal> {
    let which = &args.which;
    let scenario = target::scenario(&which.scenario, which.nodes)?;
    let keep_trace = !args.json || args.plot.is_some() || args.trace.is_some();
    let options = Options { keep_trace, ..Options::default() };
    let outcome = campaign::one(&scenario, which.seed, &checkers, &options);
    if args.json {
        out.json(&Replayed {
            scenario: &scenario.name,
            seed: outcome.seed,
            nodes: scenario.nodes.count,
            trace_hash: &outcome.trace_hash,
            events: outcome.events,
            failures: &outcome.failures,
            faults: &outcome.faults,
            deeds: outcome.deeds,
            refused: &outcome.refused,
            simulated_seconds: outcome.simulated_ms as f64 / 1_000.0,
        })?;
    } else {
        print(&outcome, out)?;
    }
    if let Some(path) = &args.plot {
        write_file(path, plot::timeline(&scenario, &outcome).map_err(Refusal::new)?)?;
    }
    if let Some(path) = &args.trace {
        write_trace(path, &outcome)?;
    }
    Ok(if outcome.failures.is_empty() { Verdict::Held } else { Verdict::Failed })
}

fn print(outcome: &Outcome, out: &mut Out) -> Result<(), Refusal> {
    out.data(format_args!("{BOLD}     time  node  what        detail{BOLD:#}\n"))?;
    for entry in &outcome.trace {
        out.data(format_args!("{entry}\n"))?;
    }
    out.data("\n")?;
    for Breach { invariant, at_ms, message } in &outcome.failures {
        let at = lasting(*at_ms as f64 / 1_000.0);
        out.data(format_args!("{BAD}{invariant}{BAD:#} after {at}: {message}\n"))?;
    }
    if outcome.failures.is_empty() {
        out.data(format_args!("{GOOD}everything held{GOOD:#}\n"))?;
    }
    out.data(format_args!("{} events, trace hash {}\n", outcome.events, outcome.trace_hash))?;
    out.finish()
}
