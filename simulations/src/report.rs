//! What a campaign showed: failures, faults, and what it cost, as one value that is printed as a table, written as JSON,
//! read again and compared. Numbers with a fraction are here and nowhere else in the simulations: nothing is decided by
//! them.

mod compare;
pub mod plot;
mod samples;
mod tally;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::scenario::Scenario;

pub use compare::{Change, changes};
pub use samples::{Samples, Spread};
pub use tally::Tally;

/// A breach, and the seed that shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// Which invariant.
    pub invariant: String,
    /// When, ms from the world's beginning.
    pub at_ms: u64,
    /// What is wrong.
    pub message: String,
}

/// What a campaign showed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The scenario's name.
    pub scenario: String,
    /// The first seed.
    pub first_seed: u64,
    /// How many seeds were run.
    pub seeds: u64,
    /// Whether it was ended before its last seed.
    pub interrupted: bool,
    /// Computers at the beginning.
    pub nodes: usize,
    /// What did not hold, by seed and then by time.
    pub failures: Vec<Failure>,
    /// What went wrong on purpose, by kind.
    pub faults: BTreeMap<String, u64>,
    /// What people could try.
    pub deeds: u64,
    /// What people were refused, by code.
    pub refused: BTreeMap<String, u64>,
    /// Inputs and effects of all nodes.
    pub events: u64,
    /// One hash over the trace hashes of all seeds in their order.
    pub trace_hash: String,
    /// Time in the worlds.
    pub simulated_seconds: f64,
    /// The same times the number of nodes.
    pub node_seconds: f64,
    /// Time on the wall.
    pub wall_seconds: f64,
    /// Threads.
    pub jobs: usize,
    /// Seeds in a second of the wall's time.
    pub seeds_per_second: f64,
    /// The same for each thread.
    pub seeds_per_core_second: f64,
    /// Time in the worlds for each second on the wall.
    pub simulated_per_wall: f64,
    /// What it cost.
    pub cost: Cost,
    /// From the end of faults until everyone is equal, ms.
    pub convergence_ms: Spread,
    /// From a record's first commit until it is durable on one more node, ms.
    pub delivery_ms: Spread,
    /// From a record's first commit until it is durable on every node, ms.
    pub everywhere_ms: Spread,
    /// From a turn's start to its end, ms.
    pub turn_ms: Spread,
    /// Links of the overlay that gossip crossed until it was new to a node.
    pub hops: Spread,
    /// A node's store at the end, bytes.
    pub store_bytes: Spread,
    /// What plots are drawn from. It is not written: a report that was read has none.
    #[serde(skip)]
    pub samples: SampleSet,
}

/// What a campaign cost.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Times that a record became durable on a node other than the first.
    pub deliveries: u64,
    /// Gossip that was sent.
    pub gossip_messages: u64,
    /// Its bytes.
    pub gossip_bytes: u64,
    /// Frames of the sync protocol that were sent.
    pub frame_messages: u64,
    /// Their bytes.
    pub frame_bytes: u64,
    /// Gossip and frames, for each delivery.
    pub messages_per_delivery: f64,
    /// Bytes of both, for each delivery.
    pub bytes_per_delivery: f64,
    /// Gossip that arrived and was known, for each that was new.
    pub redundancy: f64,
    /// Commits.
    pub commits: u64,
    /// Inputs of machines.
    pub inputs: u64,
}

/// The samples of a report, each with how often it was seen.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SampleSet {
    /// Of [`Report::convergence_ms`].
    pub convergence_ms: Samples,
    /// Of [`Report::delivery_ms`].
    pub delivery_ms: Samples,
    /// Of [`Report::everywhere_ms`].
    pub everywhere_ms: Samples,
    /// Of [`Report::turn_ms`].
    pub turn_ms: Samples,
    /// Of [`Report::hops`].
    pub hops: Samples,
    /// Of [`Report::store_bytes`].
    pub store_bytes: Samples,
}

impl Report {
    /// The report of what was gathered in a time.
    #[must_use]
    pub fn new(
        scenario: &Scenario,
        seeds: &Range<u64>,
        jobs: NonZeroUsize,
        tally: Tally,
        wall: Duration,
    ) -> Self {
        let run = tally.seeds();
        let wall_seconds = wall.as_secs_f64();
        let simulated_seconds = tally.simulated_ms as f64 / 1_000.0;
        let seeds_per_second = ratio(run as f64, wall_seconds);
        let samples = tally.samples;
        Self {
            scenario: scenario.name.clone(),
            first_seed: seeds.start,
            seeds: run,
            interrupted: run < seeds.end.saturating_sub(seeds.start),
            nodes: scenario.nodes.count,
            trace_hash: Tally::hash(&tally.hashes),
            failures: tally.failures.into_values().flatten().collect(),
            faults: tally.faults,
            deeds: tally.deeds,
            refused: tally.refused,
            events: tally.events,
            simulated_seconds,
            node_seconds: tally.node_ms as f64 / 1_000.0,
            wall_seconds,
            jobs: jobs.get(),
            seeds_per_second,
            seeds_per_core_second: seeds_per_second / jobs.get() as f64,
            simulated_per_wall: ratio(simulated_seconds, wall_seconds),
            cost: tally.cost.finished(),
            convergence_ms: samples.convergence_ms.spread(),
            delivery_ms: samples.delivery_ms.spread(),
            everywhere_ms: samples.everywhere_ms.spread(),
            turn_ms: samples.turn_ms.spread(),
            hops: samples.hops.spread(),
            store_bytes: samples.store_bytes.spread(),
            samples,
        }
    }

    /// How many failures there are of each invariant.
    #[must_use]
    pub fn by_invariant(&self) -> BTreeMap<&str, u64> {
        let mut counts = BTreeMap::new();
        for failure in &self.failures {
            *counts.entry(failure.invariant.as_str()).or_default() += 1;
        }
        counts
    }

    /// The first failure of each seed that failed, in the order of seeds.
    #[must_use]
    pub fn failed_seeds(&self) -> Vec<&Failure> {
        let mut first: Vec<&Failure> = Vec::new();
        for failure in &self.failures {
            if first.last().is_none_or(|last| last.seed != failure.seed) {
                first.push(failure);
            }
        }
        first
    }
}

impl Cost {
    fn finished(mut self) -> Self {
        let messages = self.gossip_messages + self.frame_messages;
        let bytes = self.gossip_bytes + self.frame_bytes;
        self.messages_per_delivery = ratio(messages as f64, self.deliveries as f64);
        self.bytes_per_delivery = ratio(bytes as f64, self.deliveries as f64);
        self
    }
}

/// A share, and 0 of nothing.
fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}
