//! What is gathered while seeds run: sums and samples, in which the order of seeds leaves no mark.

use std::collections::BTreeMap;

use super::{Cost, Failure, SampleSet, ratio};
use crate::run::Outcome;

/// Sums over runs.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    pub(super) failures: BTreeMap<u64, Vec<Failure>>,
    pub(super) faults: BTreeMap<String, u64>,
    pub(super) refused: BTreeMap<String, u64>,
    pub(super) hashes: BTreeMap<u64, String>,
    pub(super) deeds: u64,
    pub(super) events: u64,
    pub(super) simulated_ms: u64,
    pub(super) node_ms: u64,
    pub(super) cost: Cost,
    pub(super) samples: SampleSet,
    redundant: u64,
    fresh: u64,
}

impl Tally {
    /// One more run.
    pub fn add(&mut self, outcome: Outcome) {
        let Outcome { seed, failures, metrics, .. } = outcome;
        let failures: Vec<Failure> = failures
            .into_iter()
            .map(|breach| Failure {
                seed,
                invariant: breach.invariant,
                at_ms: breach.at_ms,
                message: breach.message,
            })
            .collect();
        if !failures.is_empty() {
            self.failures.insert(seed, failures);
        }
        self.hashes.insert(seed, outcome.trace_hash);
        add_all(&mut self.faults, outcome.faults);
        add_all(&mut self.refused, outcome.refused);
        self.deeds += outcome.deeds;
        self.events += outcome.events;
        self.simulated_ms += outcome.simulated_ms;
        self.node_ms += outcome.simulated_ms * outcome.nodes as u64;
        self.redundant += metrics.redundant;
        self.fresh += metrics.fresh;
        let cost = &mut self.cost;
        cost.deliveries += metrics.deliveries;
        cost.gossip_messages += metrics.gossip.messages;
        cost.gossip_bytes += metrics.gossip.bytes;
        cost.frame_messages += metrics.frames.messages;
        cost.frame_bytes += metrics.frames.bytes;
        cost.commits += metrics.commits;
        cost.inputs += metrics.inputs;
        cost.redundancy = ratio(self.redundant as f64, self.fresh as f64);
        let samples = &mut self.samples;
        samples.convergence_ms.extend(metrics.converged_ms.into_iter().map(u64::from));
        samples.delivery_ms.extend(metrics.delivery_ms.into_iter().map(u64::from));
        samples.everywhere_ms.extend(metrics.everywhere_ms.into_iter().map(u64::from));
        samples.turn_ms.extend(metrics.turn_ms.into_iter().map(u64::from));
        samples.hops.extend(metrics.hops.into_iter().map(u64::from));
        samples.store_bytes.extend(metrics.store_bytes);
    }

    /// All of another thread.
    pub fn merge(&mut self, other: Self) {
        self.failures.extend(other.failures);
        self.hashes.extend(other.hashes);
        add_all(&mut self.faults, other.faults);
        add_all(&mut self.refused, other.refused);
        self.deeds += other.deeds;
        self.events += other.events;
        self.simulated_ms += other.simulated_ms;
        self.node_ms += other.node_ms;
        self.redundant += other.redundant;
        self.fresh += other.fresh;
        let (cost, more) = (&mut self.cost, other.cost);
        cost.deliveries += more.deliveries;
        cost.gossip_messages += more.gossip_messages;
        cost.gossip_bytes += more.gossip_bytes;
        cost.frame_messages += more.frame_messages;
        cost.frame_bytes += more.frame_bytes;
        cost.commits += more.commits;
        cost.inputs += more.inputs;
        cost.redundancy = ratio(self.redundant as f64, self.fresh as f64);
        let (samples, more) = (&mut self.samples, other.samples);
        samples.convergence_ms.merge(&more.convergence_ms);
        samples.delivery_ms.merge(&more.delivery_ms);
        samples.everywhere_ms.merge(&more.everywhere_ms);
        samples.turn_ms.merge(&more.turn_ms);
        samples.hops.merge(&more.hops);
        samples.store_bytes.merge(&more.store_bytes);
    }

    pub(super) fn seeds(&self) -> u64 {
        self.hashes.len() as u64
    }

    /// One hash over those of all seeds, in their order.
    pub(super) fn hash(hashes: &BTreeMap<u64, String>) -> String {
        let mut hasher = blake3::Hasher::new();
        for (seed, hash) in hashes {
            hasher.update(&seed.to_be_bytes()).update(hash.as_bytes());
        }
        hasher.finalize().to_hex().to_string()
    }
}

fn add_all(sums: &mut BTreeMap<String, u64>, more: BTreeMap<String, u64>) {
    for (kind, count) in more {
        *sums.entry(kind).or_default() += count;
    }
}
