//! `run`: seeds of one scenario, of one with several numbers of nodes, or of all.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::num::NonZeroUsize;
use std::ops::{ControlFlow, Range};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use indicatif::{ProgressBar, ProgressStyle};
use starling_simulations::report::{Report, plot};
use starling_simulations::run::{Options, Outcome};
use starling_simulations::{Scenario, campaign, scenarios};

use super::args::RunArgs;
use super::out::{Out, Refusal, note, write_file};
use super::{Verdict, checkers, table, target};

/// Most nodes of a scenario that `all` stands for: the large ones take as long as all others together.
const ALL_NODES_MAX: usize = 20;

/// One campaign: its scenario, and how the user named it.
struct Planned {
    scenario: Scenario,
    word: String,
    nodes: Option<usize>,
}

pub(super) fn run(args: &RunArgs, out: &mut Out) -> Result<Verdict, Refusal> {
    if args.scenario == "planted" {
        return super::planted::planted(args, out);
    }
    let planned = planned(args)?;
    let seeds = seeds(args);
    let jobs = args.jobs.unwrap_or_else(campaign::jobs_by_default);
    let stop = stop_by_hand();
    let mut reports = Vec::new();
    for one in &planned {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let report = campaign(&one.scenario, seeds.clone(), jobs, &stop);
        if !args.json {
            out.data(if reports.is_empty() { "" } else { "\n" })?;
            out.data(table::report(&report, &one.word, one.nodes))?;
            out.finish()?;
        }
        reports.push(report);
    }
    if !args.json && planned.len() > 1 && args.nodes.is_empty() {
        out.data(table::totals(&reports))?;
        out.finish()?;
    }
    match reports.as_slice() {
        [report] if args.json && planned.len() == 1 => out.json(report)?,
        all if args.json => out.json(&all)?,
        _ => {}
    }
    if let Some(path) = &args.plot {
        write_file(path, drawn(&reports)?)?;
    }
    if let (Some(path), Some(one), Some(report)) = (&args.trace, planned.first(), reports.first()) {
        let seed = report.failures.first().map_or(seeds.start, |failure| failure.seed);
        note(format_args!("the trace in {} is that of seed {seed}", path.display()));
        let options = Options { keep_trace: true, ..Options::default() };
        write_trace(path, &campaign::one(&one.scenario, seed, &checkers, &options))?;
    }
    Ok(verdict(&reports, stop.load(Ordering::Relaxed)))
}

fn planned(args: &RunArgs) -> Result<Vec<Planned>, Refusal> {
    let is_one = args.scenario != "all";
    if !is_one && (args.plot.is_some() || args.trace.is_some() || !args.nodes.is_empty()) {
        return Err(Refusal::new("--plot, --trace and --nodes are about one scenario")
            .hint("name one of those that `starling-sim list` prints"));
    }
    if is_one && args.nodes.len() > 1 && args.trace.is_some() {
        return Err(Refusal::new("--trace is about one number of nodes").hint("give --nodes a single number"));
    }
    if !is_one {
        let all = scenarios::all().into_iter().filter(|scenario| scenario.nodes.count <= ALL_NODES_MAX);
        let word = |scenario: Scenario| Planned { word: scenario.name.clone(), scenario, nodes: None };
        return Ok(all.map(word).collect());
    }
    let word = &args.scenario;
    let one = |nodes: Option<usize>| {
        let scenario = target::scenario(word, nodes)?;
        Ok(Planned { scenario, word: word.clone(), nodes })
    };
    if args.nodes.is_empty() {
        return Ok(vec![one(None)?]);
    }
    args.nodes.iter().map(|count| one(Some(*count))).collect()
}

/// One seed, a range, or as many as show something in seconds.
fn seeds(args: &RunArgs) -> Range<u64> {
    let one = args.seed.map(|seed| seed..seed.saturating_add(1));
    one.or_else(|| args.seeds.clone()).unwrap_or(0..20)
}

/// Set by the first Ctrl-C: seeds that run are finished. The second ends the process.
fn stop_by_hand() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&stop);
    let handler = move || {
        if seen.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
        note("\nwaits for the seeds that run; once more ends it at once");
    };
    if let Err(error) = ctrlc::set_handler(handler) {
        note(format_args!("Ctrl-C will end the run without a report: {error}"));
    }
    stop
}

fn campaign(scenario: &Scenario, seeds: Range<u64>, jobs: NonZeroUsize, stop: &AtomicBool) -> Report {
    let bar = progress_bar(scenario, &seeds);
    let failed = AtomicU64::new(0);
    let report = campaign::run(scenario, seeds, jobs, &checkers, &|outcome| {
        if !outcome.failures.is_empty() {
            bar.set_message(format!("{} failed", failed.fetch_add(1, Ordering::Relaxed) + 1));
        }
        bar.inc(1);
        if stop.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    bar.finish_and_clear();
    report
}

/// On standard error, and only if that is a terminal.
fn progress_bar(scenario: &Scenario, seeds: &Range<u64>) -> ProgressBar {
    let form = "{prefix} {wide_bar} {human_pos}/{human_len} seeds  {per_sec}  {eta} left  {msg}";
    let bar = ProgressBar::new(seeds.end - seeds.start).with_prefix(scenario.name.clone());
    match ProgressStyle::with_template(form) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

fn drawn(reports: &[Report]) -> Result<String, Refusal> {
    let drawn = match reports {
        [report] => plot::distributions(report),
        several => plot::against_nodes(several),
    };
    drawn.map_err(Refusal::new)
}

fn verdict(reports: &[Report], stopped: bool) -> Verdict {
    if reports.iter().any(|report| !report.failures.is_empty()) {
        Verdict::Failed
    } else if stopped {
        Verdict::Interrupted
    } else {
        Verdict::Held
    }
}

/// Writes a trace, one JSON object a line.
pub(super) fn write_trace(path: &Path, outcome: &Outcome) -> Result<(), Refusal> {
    let write = || {
        let mut file = BufWriter::new(File::create(path)?);
        for entry in &outcome.trace {
            serde_json::to_writer(&mut file, entry)?;
            file.write_all(b"\n")?;
        }
        file.flush()
    };
    write().map_err(|error| Refusal::new(format_args!("cannot write {}: {error}", path.display())))
}
