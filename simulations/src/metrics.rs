//! What a run cost and how long things took: messages and bytes by kind, when each record became durable where, how long
//! turns took. Plain sums and samples, so that those of many seeds add up; percentiles are made in the report.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use starling_crdt::id::{AttemptId, RecordId};

/// Messages and their bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Count {
    /// How many.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Count {
    /// One more message.
    pub const fn add(&mut self, bytes: usize) {
        self.messages += 1;
        self.bytes += bytes as u64;
    }

    const fn merge(&mut self, other: &Self) {
        self.messages += other.messages;
        self.bytes += other.bytes;
    }
}

/// Where a record has got to.
#[derive(Debug, Clone, Copy)]
struct Way {
    born_ms: u64,
    nodes: usize,
}

/// What is measured in one run; those of several runs are merged.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Metrics {
    /// Gossip that was sent.
    pub gossip: Count,
    /// Frames of the sync protocol that were sent.
    pub frames: Count,
    /// Gossip that arrived where the record was known already.
    pub redundant: u64,
    /// Gossip that arrived and was new.
    pub fresh: u64,
    /// Records that were written.
    pub records: u64,
    /// Records that became durable on a node other than the first: deliveries.
    pub deliveries: u64,
    /// How long each delivery took, from the first commit anywhere, ms.
    pub delivery_ms: Vec<u32>,
    /// From a record's first commit until it is durable on every node that there is, ms.
    pub everywhere_ms: Vec<u32>,
    /// Links of the overlay that a gossiped record had crossed when it was new to a node.
    pub hops: Vec<u8>,
    /// From a turn's start to its end, ms.
    pub turn_ms: Vec<u32>,
    /// From the end of faults until everyone was equal, ms: one sample a run.
    pub converged_ms: Vec<u32>,
    /// Size of a node's store at the end, bytes.
    pub store_bytes: Vec<u64>,
    /// Computers whose disks lied and lost their stores.
    pub ruined: u64,
    /// Commits.
    pub commits: u64,
    /// Inputs that machines were given.
    pub inputs: u64,
    #[serde(skip)]
    ways: BTreeMap<RecordId, Way>,
    #[serde(skip)]
    turns: BTreeMap<AttemptId, u64>,
}

fn sample(ms: u64) -> u32 {
    u32::try_from(ms).unwrap_or(u32::MAX)
}

impl Metrics {
    /// A record is durable on one more of `nodes` nodes.
    pub fn durable(&mut self, id: RecordId, now_ms: u64, nodes: usize) {
        let way = self.ways.entry(id).or_insert_with(|| {
            self.records += 1;
            Way { born_ms: now_ms, nodes: 0 }
        });
        way.nodes += 1;
        if way.nodes > 1 {
            self.deliveries += 1;
            self.delivery_ms.push(sample(now_ms - way.born_ms));
        }
        if way.nodes == nodes && nodes > 1 {
            self.everywhere_ms.push(sample(now_ms - way.born_ms));
        }
    }

    /// A turn began.
    pub fn turn_began(&mut self, attempt: AttemptId, now_ms: u64) {
        self.turns.insert(attempt, now_ms);
    }

    /// A turn ended.
    pub fn turn_ended(&mut self, attempt: &AttemptId, now_ms: u64) {
        if let Some(began) = self.turns.remove(attempt) {
            self.turn_ms.push(sample(now_ms - began));
        }
    }

    /// Everyone was equal so long after the end of faults.
    pub fn converged(&mut self, ms: u64) {
        self.converged_ms.push(sample(ms));
    }

    /// Adds another run's.
    pub fn merge(&mut self, other: Self) {
        self.gossip.merge(&other.gossip);
        self.frames.merge(&other.frames);
        self.redundant += other.redundant;
        self.fresh += other.fresh;
        self.records += other.records;
        self.deliveries += other.deliveries;
        self.delivery_ms.extend(other.delivery_ms);
        self.everywhere_ms.extend(other.everywhere_ms);
        self.hops.extend(other.hops);
        self.turn_ms.extend(other.turn_ms);
        self.converged_ms.extend(other.converged_ms);
        self.store_bytes.extend(other.store_bytes);
        self.ruined += other.ruined;
        self.commits += other.commits;
        self.inputs += other.inputs;
    }
}
