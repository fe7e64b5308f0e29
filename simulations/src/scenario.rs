//! A scenario: who there is, how the network, the disks and the clocks are, what people do, and what goes wrong how often.
//! It is data, read from TOML; with a seed it becomes a plan (`plan`), and a plan is what is run, shown and shrunk.
//!
//! Rates are whole numbers, and nothing here is a floating-point number: one seed must mean the same plan everywhere.

use serde::{Deserialize, Serialize};

/// Most nodes of a scenario: beyond it memory, not the clock, ends a run.
pub const NODES_MAX: usize = 20_000;

/// What is run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Its name: letters, digits and hyphens.
    pub name: String,
    /// One sentence on what it is about.
    pub about: String,
    /// Who there is.
    pub nodes: Nodes,
    /// The lines between nodes.
    #[serde(default)]
    pub network: Lines,
    /// Their disks.
    #[serde(default)]
    pub disk: Disks,
    /// Their clocks.
    #[serde(default)]
    pub clocks: Clocks,
    /// What people do.
    #[serde(default)]
    pub work: Work,
    /// What goes wrong by chance.
    #[serde(default)]
    pub faults: Rates,
    /// What is planned by hand, beside what is drawn.
    #[serde(default)]
    pub at: Vec<crate::plan::Planned>,
    /// When faults are over.
    #[serde(default)]
    pub end: End,
}

/// Who there is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nodes {
    /// Computers, each with a device's key.
    pub count: usize,
    /// Members; computers are dealt out to them in turn, and the first belongs to the founder.
    #[serde(default = "one")]
    pub people: usize,
    /// Agents; the last computers host them, one each.
    #[serde(default = "one")]
    pub agents: usize,
    /// Neighbours that a computer knows at the start; 0 for all others.
    #[serde(default)]
    pub degree: usize,
    /// Whether the roster is on every disk from the start, instead of each computer redeeming an invitation.
    #[serde(default)]
    pub given: bool,
    /// The last so many computers that host no agent break the rules.
    #[serde(default)]
    pub liars: usize,
}

/// The lines between nodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Lines {
    /// How long a packet is on its way.
    pub latency: Latency,
    /// Whether there is gossip; anti-entropy always is.
    pub gossip: bool,
    /// Gossip: how many of 100 packets are lost.
    pub loss_percent: u64,
    /// Gossip: how many of 100 packets arrive twice.
    pub duplicate_percent: u64,
    /// Bytes that a line carries a second in each direction; 0 for no limit.
    pub bytes_per_s: u64,
    /// Devices whose lines are slow: of 100, how many.
    pub slow_percent: u64,
    /// What a slow device's lines carry a second, bytes.
    pub slow_bytes_per_s: u64,
}

/// How long a packet is on its way, ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Latency {
    /// Anything from the first to the second, equally likely.
    Uniform(u64, u64),
    /// Half of the packets take up to the first, one in a hundred takes longer than the second, none longer than the third.
    Tailed(u64, u64, u64),
}

/// Disks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Disks {
    /// Shortest and longest time of a commit, ms.
    pub commit_ms: (u64, u64),
}

/// Clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Clocks {
    /// How far a clock may be off at the start, either way, ms.
    pub skew_ms: u64,
}

/// What people do: so many deeds, spread over the time, of kinds drawn by weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Work {
    /// How long it goes on, s. Faults happen in the same time.
    pub seconds: u64,
    /// How many deeds there are.
    pub deeds: u64,
    /// Weight: opens a session.
    pub create: u64,
    /// Weight: writes a message.
    pub say: u64,
    /// Weight: writes the same message once more on another device, with the same request id.
    pub repeat: u64,
    /// Weight: sets the title.
    pub title: u64,
    /// Weight: archives or unarchives.
    pub archive: u64,
    /// Weight: stops what runs.
    pub stop: u64,
    /// Weight: retries what failed.
    pub retry: u64,
    /// Weight: changes how a node's agent behaves.
    pub mood: u64,
    /// Weight: takes an agent to another computer.
    pub move_agent: u64,
    /// Weight: invites one more computer.
    pub invite: u64,
    /// Weight: revokes a device that is neither the first nor an agent's host.
    pub revoke: u64,
    /// Weight: a session is looked at, as a page would.
    pub look: u64,
}

/// How often each fault happens, times an hour of the scenario's time, in the whole world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rates {
    /// A node loses power and comes back; unsynced writes are kept or lost by chance, some torn.
    pub crash: u64,
    /// The network falls into two.
    pub partition: u64,
    /// What one node sends does not reach another one.
    pub one_way: u64,
    /// A node's network is gone for a long time: a device in a train.
    pub offline: u64,
    /// Gossip loses most for a while.
    pub storm: u64,
    /// A node's line is slow for a while.
    pub slow: u64,
    /// A write or a sync fails.
    pub disk_error: u64,
    /// The disk is full for a while.
    pub disk_full: u64,
    /// From now on a disk only says that it synced, until its next crash.
    pub lying_sync: u64,
    /// A clock jumps.
    pub clock_jump: u64,
    /// A computer sleeps: it sees and does nothing, and time goes on.
    pub sleep: u64,
    /// A liar does something.
    pub lie: u64,
    /// A partition, crash or storm lasts between these, s.
    pub lasts_s: (u64, u64),
    /// A device is offline between these, s.
    pub offline_s: (u64, u64),
}

/// When faults are over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct End {
    /// Everyone has to be equal after so long, s.
    pub bound_s: u64,
    /// Whether every session is asked once more, and has to be answered.
    pub ask_all: bool,
}

impl Nodes {
    /// The computers that host an agent.
    #[must_use]
    pub const fn hosts(&self) -> std::ops::Range<usize> {
        self.count.saturating_sub(self.agents)..self.count
    }

    /// The computers that break the rules.
    #[must_use]
    pub const fn liars(&self) -> std::ops::Range<usize> {
        let end = self.count.saturating_sub(self.agents);
        end.saturating_sub(self.liars)..end
    }

    /// The honest computers.
    pub fn honest(&self) -> impl Iterator<Item = usize> {
        let liars = self.liars();
        (0..self.count).filter(move |node| !liars.contains(node))
    }

    /// Whose computer this is: the founder is number 0.
    #[must_use]
    pub const fn person(&self, node: usize) -> usize {
        node % self.people
    }
}

const fn one() -> usize {
    1
}

impl Default for Lines {
    fn default() -> Self {
        Self {
            latency: Latency::Uniform(1, 40),
            gossip: true,
            loss_percent: 0,
            duplicate_percent: 0,
            bytes_per_s: 0,
            slow_percent: 0,
            slow_bytes_per_s: 16_000,
        }
    }
}

impl Default for Disks {
    fn default() -> Self {
        Self { commit_ms: (1, 8) }
    }
}

impl Default for Work {
    fn default() -> Self {
        Self {
            seconds: 60,
            deeds: 20,
            create: 3,
            say: 6,
            repeat: 0,
            title: 0,
            archive: 0,
            stop: 0,
            retry: 0,
            mood: 0,
            move_agent: 0,
            invite: 0,
            revoke: 0,
            look: 0,
        }
    }
}

impl Default for End {
    fn default() -> Self {
        Self { bound_s: 300, ask_all: true }
    }
}

/// A scenario that cannot be run, and why.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScenarioError {
    /// It is not TOML, or not of this form.
    #[error("{0}")]
    Form(#[from] toml::de::Error),
    /// It says what cannot be.
    #[error("{field}: {why}")]
    Value {
        /// Where.
        field: &'static str,
        /// What is wrong, and what would be right.
        why: String,
    },
}

impl Scenario {
    /// Reads a scenario from TOML and checks it.
    ///
    /// # Errors
    /// [`ScenarioError`], with the line or the field.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        let scenario: Self = toml::from_str(text)?;
        scenario.check()?;
        Ok(scenario)
    }

    /// The same with another number of nodes.
    ///
    /// # Errors
    /// [`ScenarioError::Value`]: too few for its people, agents and liars, or too many.
    pub fn with_nodes(&self, count: usize) -> Result<Self, ScenarioError> {
        let scenario = Self { nodes: Nodes { count, ..self.nodes.clone() }, ..self.clone() };
        scenario.check()?;
        Ok(scenario)
    }

    /// Whether it can be run.
    ///
    /// # Errors
    /// [`ScenarioError::Value`] with the first field that says what cannot be.
    pub fn check(&self) -> Result<(), ScenarioError> {
        let Self { nodes, network, disk, work, faults, end, .. } = self;
        let latency = match network.latency {
            Latency::Uniform(low, high) => low <= high && high <= 3_600_000,
            Latency::Tailed(half, most, all) => half <= most && most <= all && all <= 3_600_000,
        };
        let is_name = !self.name.is_empty()
            && self.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        let percent = [network.loss_percent, network.duplicate_percent, network.slow_percent];
        let rules: [(&'static str, bool, &str); 13] = [
            ("name", is_name, "use letters a-z, digits and hyphens"),
            ("nodes.count", (1..=NODES_MAX).contains(&nodes.count), "use 1 to 20000"),
            (
                "nodes.people",
                (1..=nodes.count.min(500)).contains(&nodes.people),
                "use 1 to count, at most 500",
            ),
            ("nodes.agents", (1..=nodes.count.min(50)).contains(&nodes.agents), "use 1 to count, at most 50"),
            (
                "nodes.liars",
                nodes.liars + nodes.agents < nodes.count.max(2),
                "leave at least one honest node without an agent",
            ),
            ("network.latency", latency, "give times in ms from short to long, at most an hour"),
            ("network", percent.iter().all(|percent| *percent <= 100), "a share is 0 to 100 percent"),
            (
                "disk.commit_ms",
                disk.commit_ms.0 <= disk.commit_ms.1 && disk.commit_ms.1 <= 60_000,
                "use [shortest, longest], at most 60000",
            ),
            ("work.seconds", (1..=30 * 86_400).contains(&work.seconds), "use 1 s to 30 days"),
            ("work.deeds", work.deeds <= 1_000_000, "use at most 1000000"),
            ("faults.lasts_s", faults.lasts_s.0 <= faults.lasts_s.1, "use [shortest, longest]"),
            ("faults.offline_s", faults.offline_s.0 <= faults.offline_s.1, "use [shortest, longest]"),
            ("end.bound_s", (1..=86_400).contains(&end.bound_s), "use 1 s to a day"),
        ];
        match rules.into_iter().find(|(_, holds, _)| !holds) {
            Some((field, _, why)) => Err(ScenarioError::Value { field, why: why.to_owned() }),
            None => Ok(()),
        }
    }
}
