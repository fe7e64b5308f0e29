//! `compare`: two reports side by side, or two sets of them, matched by scenario and number of nodes.

use std::path::Path;

use serde::{Deserialize, Serialize};
use starling_simulations::report::{Change, Report, changes};

use super::args::CompareArgs;
use super::out::{BAD, BOLD, Out, Refusal, note, read_file};
use super::table::short;
use super::{Verdict, table};

/// What `run --json` prints.
#[derive(Deserialize)]
#[serde(untagged)]
enum Document {
    One(Box<Report>),
    Several(Vec<Report>),
}

/// What `--json` prints: one for each pair.
#[derive(Serialize)]
struct Compared {
    scenario: String,
    nodes: usize,
    changes: Vec<Change>,
}

pub(super) fn compare(args: &CompareArgs, out: &mut Out) -> Result<Verdict, Refusal> {
    let (before, after) = (read(&args.before)?, read(&args.after)?);
    let mut compared = Vec::new();
    for report in &after {
        let same = |other: &&Report| other.scenario == report.scenario && other.nodes == report.nodes;
        match before.iter().find(same).or(only(&before).filter(|_| after.len() == 1)) {
            Some(other) => compared.push(Compared {
                scenario: report.scenario.clone(),
                nodes: report.nodes,
                changes: changes(other, report),
            }),
            None => note(format_args!(
                "{} has no {}, {} nodes",
                args.before.display(),
                report.scenario,
                report.nodes
            )),
        }
    }
    if compared.is_empty() {
        return Err(
            Refusal::new("the reports have no scenario in common").hint("compare runs of one scenario")
        );
    }
    if args.json {
        out.json(&compared)?;
    } else {
        for one in &compared {
            out.data(shown(one))?;
        }
    }
    let failures: usize = after.iter().map(|report| report.failures.len()).sum();
    if failures > 0 {
        note(format_args!("{BAD}{} has failures: {failures}{BAD:#}", args.after.display()));
    }
    out.finish()?;
    Ok(if failures == 0 { Verdict::Held } else { Verdict::Failed })
}

fn only(reports: &[Report]) -> Option<&Report> {
    reports.first().filter(|_| reports.len() == 1)
}

fn read(path: &Path) -> Result<Vec<Report>, Refusal> {
    let document: Document = serde_json::from_str(&read_file(path)?).map_err(|error| {
        Refusal::new(format_args!("{} is not a report: {error}", path.display()))
            .hint("make one with `starling-sim run SCENARIO --json`")
    })?;
    Ok(match document {
        Document::One(report) => vec![*report],
        Document::Several(reports) => reports,
    })
}

fn shown(compared: &Compared) -> String {
    let rows = compared.changes.iter().map(|change| {
        let percent = match change.percent {
            Some(percent) if percent.abs() < 0.05 => "=".to_owned(),
            Some(percent) => format!("{percent:+.1} %"),
            None if change.after == 0.0 => "=".to_owned(),
            None => "new".to_owned(),
        };
        vec![change.what.to_owned(), short(change.before), short(change.after), percent]
    });
    let table = table::plain(&["", "before", "after", "change"], rows, &[1, 2, 3]);
    format!("{BOLD}{}{BOLD:#}, {} nodes\n\n{table}\n", compared.scenario, compared.nodes)
}
