//! The words of the command line, as clap reads them. What a verb does is told in the modules beside this one.

use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// Many nodes in one thread, from one seed: runs scenarios, and replays and shrinks what fails.
#[derive(Debug, Parser)]
#[command(
    name = "starling-sim",
    bin_name = "starling-sim",
    version,
    disable_help_subcommand = true,
    after_help = "Exit status: 0 when everything held, 1 when something did not, 2 when a command could not be \
                  carried out.\n\nExamples:\n  starling-sim list\n  starling-sim run smoke --seeds 0..1000\n  \
                  starling-sim run hundred-nodes --nodes 10,20,50,100 --seeds 0..3 --plot cost.svg\n  \
                  starling-sim replay 7 smoke --plot timeline.svg"
)]
pub(super) struct Args {
    #[command(subcommand)]
    pub(super) verb: Verb,
}

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Run seeds of a scenario and report on them
    #[command(
        after_help = "Examples:\n  starling-sim run smoke\n  starling-sim run my.toml --seed 7 --trace out.jsonl\n  \
                      starling-sim run all --seeds 0..100 --json > report.json"
    )]
    Run(RunArgs),
    /// Run one seed again, and print everything that happens
    #[command(
        after_help = "Examples:\n  starling-sim replay 7 smoke\n  starling-sim replay 7 smoke --json\n  \
                      starling-sim replay 7 smoke --plot timeline.svg"
    )]
    Replay(ReplayArgs),
    /// Find the shortest history that still fails, and print it as a scenario file
    #[command(after_help = "Example:\n  starling-sim shrink 7 smoke -o shortest.toml")]
    Shrink(ShrinkArgs),
    /// The scenarios that come with the program
    #[command(after_help = "Example:\n  starling-sim list")]
    List(ListArgs),
    /// Two reports side by side
    #[command(after_help = "Example:\n  starling-sim run smoke --json > before.json\n  \
                      starling-sim run smoke --json > after.json\n  starling-sim compare before.json after.json")]
    Compare(CompareArgs),
}

#[derive(Debug, clap::Args)]
pub(super) struct RunArgs {
    /// A name that `list` prints, a scenario file, `all` (each of up to 20 nodes), or `planted` (bugs that must be found)
    pub(super) scenario: String,
    /// Run this seed alone
    #[arg(long, value_name = "N", conflicts_with = "seeds")]
    pub(super) seed: Option<u64>,
    /// Run the seeds from A to B, without B [default: 0..20]
    #[arg(long, value_name = "A..B", value_parser = seeds)]
    pub(super) seeds: Option<Range<u64>>,
    /// Other numbers of nodes; with several, one report for each
    #[arg(long, value_name = "N", value_delimiter = ',')]
    pub(super) nodes: Vec<usize>,
    /// Threads [default: one for each core]
    #[arg(long, short, value_name = "N")]
    pub(super) jobs: Option<NonZeroUsize>,
    /// Print the report as JSON; several reports are an array
    #[arg(long)]
    pub(super) json: bool,
    /// Draw the report: distributions and costs, or with several numbers of nodes the cost against them
    #[arg(long, value_name = "OUT.svg")]
    pub(super) plot: Option<PathBuf>,
    /// Write the trace of the first seed that fails, or else of the first seed: one JSON object a line
    #[arg(long, value_name = "OUT.jsonl")]
    pub(super) trace: Option<PathBuf>,
}

/// Which run is meant.
#[derive(Debug, clap::Args)]
pub(super) struct Which {
    /// The seed
    pub(super) seed: u64,
    /// A name that `list` prints, or a scenario file
    pub(super) scenario: String,
    /// Another number of nodes
    #[arg(long, value_name = "N")]
    pub(super) nodes: Option<usize>,
}

#[derive(Debug, clap::Args)]
pub(super) struct ReplayArgs {
    #[command(flatten)]
    pub(super) which: Which,
    /// Print failures, faults and the trace's hash as JSON, instead of the trace
    #[arg(long)]
    pub(super) json: bool,
    /// Draw the timeline: a lane for each node
    #[arg(long, value_name = "OUT.svg")]
    pub(super) plot: Option<PathBuf>,
    /// Write the trace: one JSON object a line
    #[arg(long, value_name = "OUT.jsonl")]
    pub(super) trace: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(super) struct ShrinkArgs {
    #[command(flatten)]
    pub(super) which: Which,
    /// The invariant that has to stay broken [default: the first that is]
    #[arg(long, value_name = "NAME")]
    pub(super) invariant: Option<String>,
    /// Write the scenario there instead of to standard output
    #[arg(long, short, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(super) struct ListArgs {
    /// Print the list as JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct CompareArgs {
    /// A report that `run --json` printed
    #[arg(value_name = "A.json")]
    pub(super) before: PathBuf,
    /// Another one
    #[arg(value_name = "B.json")]
    pub(super) after: PathBuf,
    /// Print the comparison as JSON
    #[arg(long)]
    pub(super) json: bool,
}

fn seeds(text: &str) -> Result<Range<u64>, String> {
    let (from, to) = text.split_once("..").ok_or("write a range as 0..20")?;
    let number =
        |text: &str| text.parse::<u64>().map_err(|_| format!("{text:?} is not a number: write 0..20"));
    let (from, to) = (number(from)?, number(to)?);
    if from >= to {
        return Err(format!(
            "no seed is in it, as {to} is left out: write {from}..{}",
            from.saturating_add(1)
        ));
    }
    Ok(from..to)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_words_fit_together() {
        Args::command().debug_assert();
    }

    #[test]
    fn a_range_leaves_its_end_out() {
        assert_eq!(seeds("3..5").unwrap(), 3..5);
        for wrong in ["", "3", "3..", "..3", "5..5", "5..3", "a..b", "3..=5", "-1..2"] {
            assert!(seeds(wrong).is_err(), "{wrong}");
        }
    }
}
