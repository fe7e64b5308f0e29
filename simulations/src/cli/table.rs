//! Reports as tables for people: figures on the left, distributions with their percentiles below, failures last, each with
//! the commands that replay and shrink it.

use std::collections::BTreeMap;

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};
use starling_simulations::report::{Report, Spread};

use super::out::{BAD, BOLD, DIM, GOOD};
use super::target::quoted;

/// Seeds whose failures are shown; the JSON has all.
const SEEDS_SHOWN: usize = 10;
/// Columns of a table.
const WIDTH: u16 = 110;

/// A table without lines; the columns of `right` are aligned to the right.
pub(super) fn plain(header: &[&str], rows: impl IntoIterator<Item = Vec<String>>, right: &[usize]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_width(WIDTH).set_content_arrangement(ContentArrangement::Dynamic);
    if header.iter().any(|name| !name.is_empty()) {
        table.set_header(header.iter().map(Cell::new));
    }
    table.add_rows(rows);
    for column in right {
        if let Some(column) = table.column_mut(*column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned() + "\n").collect();
    lines.concat()
}

/// One report. `word` is what the user called the scenario, `nodes` the number of nodes if it is not the scenario's own.
pub(super) fn report(report: &Report, word: &str, nodes: Option<usize>) -> String {
    let mut text = headline(report);
    text.push_str(&figures(report));
    text.push('\n');
    text.push_str(&spreads(report));
    if !report.failures.is_empty() {
        text.push('\n');
        text.push_str(&failures(report, word, nodes));
    }
    text
}

/// What several reports come to.
pub(super) fn totals(reports: &[Report]) -> String {
    let mut faults: BTreeMap<String, u64> = BTreeMap::new();
    for (kind, count) in reports.iter().flat_map(|report| &report.faults) {
        *faults.entry(kind.clone()).or_default() += count;
    }
    let sum = |of: fn(&Report) -> f64| reports.iter().map(of).sum::<f64>();
    let seeds: u64 = reports.iter().map(|report| report.seeds).sum();
    let failed: usize = reports.iter().map(|report| report.failed_seeds().len()).sum();
    let (wall, nodes) = (sum(|report| report.wall_seconds), sum(|report| report.node_seconds));
    let rows = [
        ("seeds", format!("{seeds}, {failed} failed, {} seeds/s", short(seeds as f64 / wall.max(1e-9)))),
        ("faults", counts(&faults)),
        ("time", format!("{} of nodes in {}", lasting(nodes), lasting(wall))),
    ];
    let head = format!("\n{BOLD}all together{BOLD:#}: {}\n\n", counted(reports.len() as u64, "scenario"));
    head + &plain(&["", ""], rows.map(|(name, value)| vec![name.to_owned(), value]), &[])
}

fn counts(counts: &BTreeMap<String, u64>) -> String {
    let parts: Vec<String> = counts.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
    if parts.is_empty() { "none".to_owned() } else { parts.join(", ") }
}

fn headline(report: &Report) -> String {
    let Report { scenario, seeds, nodes, failures, .. } = report;
    let last = report.first_seed + seeds.saturating_sub(1);
    let range = if *seeds == 1 { String::new() } else { format!(" ({} to {last})", report.first_seed) };
    let verdict = match failures.len() {
        0 => format!("{GOOD}everything held{GOOD:#}"),
        _ => format!("{BAD}{} failed{BAD:#}", counted(report.failed_seeds().len() as u64, "seed")),
    };
    let ended = if report.interrupted { ", ended early" } else { "" };
    let (seeds, nodes) = (counted(*seeds, "seed"), counted(*nodes as u64, "node"));
    format!("{BOLD}{scenario}{BOLD:#}: {seeds}{range}, {nodes}{ended}: {verdict}\n\n")
}

fn figures(report: &Report) -> String {
    let Report { cost, .. } = report;
    let by_invariant: Vec<String> =
        report.by_invariant().into_iter().map(|(name, count)| format!("{name} {count}")).collect();
    let failed = if by_invariant.is_empty() { "none".to_owned() } else { by_invariant.join(", ") };
    let rows = [
        ("failures", failed),
        ("faults", counts(&report.faults)),
        ("deeds", format!("{}, refused: {}", report.deeds, counts(&report.refused))),
        (
            "speed",
            format!(
                "{} seeds/s, {} seeds/s a core ({})",
                short(report.seeds_per_second),
                short(report.seeds_per_core_second),
                counted(report.jobs as u64, "thread"),
            ),
        ),
        (
            "time",
            format!(
                "{} simulated ({} of nodes) in {}: {} times as fast",
                lasting(report.simulated_seconds),
                lasting(report.node_seconds),
                lasting(report.wall_seconds),
                short(report.simulated_per_wall),
            ),
        ),
        ("deliveries", format!("{} (a record that became durable on one more node)", cost.deliveries)),
        (
            "each",
            format!("{} messages, {}", short(cost.messages_per_delivery), bytes(cost.bytes_per_delivery)),
        ),
        (
            "gossip",
            format!(
                "{} messages, {}; {}",
                cost.gossip_messages,
                bytes(cost.gossip_bytes as f64),
                known(report)
            ),
        ),
        ("frames", format!("{} messages, {}", cost.frame_messages, bytes(cost.frame_bytes as f64))),
        ("trace hash", report.trace_hash.clone()),
    ];
    plain(&["", ""], rows.map(|(name, value)| vec![name.to_owned(), value]), &[])
}

fn known(report: &Report) -> String {
    format!("{} arrived known for each that was new", short(report.cost.redundancy))
}

/// A row of the distributions: its name, its samples, and how they are written.
type Measured<'a> = (&'a str, &'a Spread, &'a dyn Fn(f64) -> String);

fn spreads(report: &Report) -> String {
    let ms = |value: f64| lasting(value / 1_000.0);
    let rows: [Measured<'_>; 6] = [
        ("convergence", &report.convergence_ms, &ms),
        ("delivery to a node", &report.delivery_ms, &ms),
        ("delivery to all", &report.everywhere_ms, &ms),
        ("turn", &report.turn_ms, &ms),
        ("hops", &report.hops, &short),
        ("store", &report.store_bytes, &bytes),
    ];
    let rows = rows.map(|(name, spread, show)| {
        let mut row = vec![name.to_owned(), spread.count.to_string()];
        if spread.count == 0 {
            row.extend(std::iter::repeat_n("-".to_owned(), 5));
            return row;
        }
        let Spread { mean, p50, p90, p99, max, .. } = *spread;
        row.push(show(mean));
        row.extend([p50, p90, p99, max].map(|value| show(value as f64)));
        row
    });
    plain(&["", "samples", "mean", "p50", "p90", "p99", "max"], rows, &[1, 2, 3, 4, 5, 6])
}

fn failures(report: &Report, word: &str, nodes: Option<usize>) -> String {
    let failed = report.failed_seeds();
    let nodes = nodes.map(|count| format!(" --nodes {count}")).unwrap_or_default();
    let mut text = String::new();
    for failure in failed.iter().take(SEEDS_SHOWN) {
        let at = lasting(failure.at_ms as f64 / 1_000.0);
        let (seed, word) = (failure.seed, quoted(word));
        text.push_str(&format!(
            "{BAD}seed {seed}: {}{BAD:#} after {at}: {}\n",
            failure.invariant, failure.message
        ));
        for verb in ["replay", "shrink"] {
            text.push_str(&format!("  {DIM}starling-sim {verb} {seed} {word}{nodes}{DIM:#}\n"));
        }
    }
    let more = failed.len().saturating_sub(SEEDS_SHOWN);
    if more > 0 {
        text.push_str(&format!("and {} more\n", counted(more as u64, "seed")));
    }
    text
}

fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// About three digits.
pub(super) fn short(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        v if v < 10.0 => format!("{value:.2}"),
        v if v < 100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

/// A time in the unit that suits it.
pub(super) fn lasting(seconds: f64) -> String {
    match seconds {
        s if s < 1.0 => format!("{:.0} ms", s * 1_000.0),
        s if s < 120.0 => format!("{s:.1} s"),
        s if s < 7_200.0 => format!("{:.1} min", s / 60.0),
        s => format!("{:.1} h", s / 3_600.0),
    }
}

/// Bytes in the unit that suits them.
pub(super) fn bytes(bytes: f64) -> String {
    match bytes {
        b if b < 1_000.0 => format!("{} B", short(b)),
        b if b < 1_000_000.0 => format!("{} kB", short(b / 1_000.0)),
        b if b < 1_000_000_000.0 => format!("{} MB", short(b / 1_000_000.0)),
        b => format!("{} GB", short(b / 1_000_000_000.0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_the_unit_that_suits_them() {
        assert_eq!([0.0, 0.5, 12.34, 250.0].map(short), ["0", "0.50", "12.3", "250"]);
        assert_eq!([0.25, 1.0, 300.0, 9_000.0].map(lasting), ["250 ms", "1.0 s", "5.0 min", "2.5 h"]);
        assert_eq!([12.0, 1_234.0, 5.6e7].map(bytes), ["12.0 B", "1.23 kB", "56.0 MB"]);
    }
}
