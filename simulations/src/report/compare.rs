//! Two reports side by side, figure by figure. It judges nothing: whether more is better depends on the figure and on
//! who reads it.

use super::{Report, Spread};

/// A figure of two reports.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Change {
    /// What it is, with its unit.
    pub what: &'static str,
    /// In the first report.
    pub before: f64,
    /// In the second.
    pub after: f64,
    /// The change in percent of the first; nothing when that is 0.
    pub percent: Option<f64>,
}

impl Change {
    fn new(what: &'static str, before: f64, after: f64) -> Self {
        let percent = (before != 0.0).then(|| (after - before) / before * 100.0);
        Self { what, before, after, percent }
    }
}

type Figure = (&'static str, fn(&Report) -> f64);
type Names = [&'static str; 4];

/// Single figures.
const FIGURES: [Figure; 10] = [
    ("seeds", |report| report.seeds as f64),
    ("failures", |report| report.failures.len() as f64),
    ("faults", |report| report.faults.values().sum::<u64>() as f64),
    ("seeds_per_core_second", |report| report.seeds_per_core_second),
    ("simulated_per_wall", |report| report.simulated_per_wall),
    ("events", |report| report.events as f64),
    ("deliveries", |report| report.cost.deliveries as f64),
    ("messages_per_delivery", |report| report.cost.messages_per_delivery),
    ("bytes_per_delivery", |report| report.cost.bytes_per_delivery),
    ("redundancy", |report| report.cost.redundancy),
];

/// Figures that have percentiles.
const SPREADS: [(Names, fn(&Report) -> &Spread); 6] = [
    (["convergence_ms p50", "convergence_ms p90", "convergence_ms p99", "convergence_ms max"], |report| {
        &report.convergence_ms
    }),
    (["delivery_ms p50", "delivery_ms p90", "delivery_ms p99", "delivery_ms max"], |report| {
        &report.delivery_ms
    }),
    (["everywhere_ms p50", "everywhere_ms p90", "everywhere_ms p99", "everywhere_ms max"], |report| {
        &report.everywhere_ms
    }),
    (["turn_ms p50", "turn_ms p90", "turn_ms p99", "turn_ms max"], |report| &report.turn_ms),
    (["hops p50", "hops p90", "hops p99", "hops max"], |report| &report.hops),
    (["store_bytes p50", "store_bytes p90", "store_bytes p99", "store_bytes max"], |report| {
        &report.store_bytes
    }),
];

/// All figures of two reports; those that neither has are left out.
#[must_use]
pub fn changes(before: &Report, after: &Report) -> Vec<Change> {
    let single = FIGURES.iter().map(|(what, of)| Change::new(what, of(before), of(after)));
    let spread = SPREADS.iter().filter(|(_, of)| of(before).count + of(after).count > 0);
    let spread = spread.flat_map(|(names, of)| {
        let both = percentiles(of(before)).into_iter().zip(percentiles(of(after)));
        names.iter().zip(both).map(|(what, (before, after))| Change::new(what, before as f64, after as f64))
    });
    single.chain(spread).collect()
}

const fn percentiles(spread: &Spread) -> [u64; 4] {
    [spread.p50, spread.p90, spread.p99, spread.max]
}
