//! From a scenario and a seed to a plan: a list of steps with their times. The plan is drawn before anything runs, from a
//! stream of random numbers of its own, so that a step can be taken away without a change to the others (`shrink`).

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use serde::{Deserialize, Serialize};

use crate::agents::Behaviour;
use crate::fault::{Fault, Lie};
use crate::network::between;
use crate::scenario::{Rates, Scenario, Work};

/// Says that a plan's numbers are not those of the world that runs it.
const PLAN_STREAM: u64 = 1;
const HOUR_MS: u64 = 3_600_000;

/// A step and its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Planned {
    /// When, ms after the nodes know each other.
    pub at_ms: u64,
    /// What.
    #[serde(rename = "do")]
    pub step: Step,
}

/// What happens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// A person does something.
    Deed(Deed),
    /// Something goes wrong.
    Fault(Fault),
}

/// What people do. A session is named by how many were opened before it, modulo how many there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Deed {
    /// Opens a session.
    Create {
        /// On this node.
        node: usize,
        /// With this agent.
        agent: usize,
    },
    /// Writes a message.
    Say {
        /// The session.
        session: usize,
        /// On which of the creator's devices.
        device: usize,
    },
    /// Writes the last message of a session again, on another device, with the same request id.
    Repeat {
        /// The session.
        session: usize,
        /// On which of the creator's devices.
        device: usize,
    },
    /// Sets the title.
    Title {
        /// The session.
        session: usize,
        /// On which of the creator's devices.
        device: usize,
    },
    /// Archives a session, or takes it back.
    Archive {
        /// The session.
        session: usize,
        /// On which of the creator's devices.
        device: usize,
        /// Takes it back.
        back: bool,
    },
    /// Stops what runs.
    Stop {
        /// The session.
        session: usize,
        /// On which of the creator's devices.
        device: usize,
    },
    /// Retries what failed.
    Retry {
        /// The session.
        session: usize,
        /// On which of the creator's devices.
        device: usize,
    },
    /// Looks at a session.
    Look {
        /// The session.
        session: usize,
        /// On this node.
        node: usize,
    },
    /// Takes an agent to another computer.
    MoveAgent {
        /// The agent.
        agent: usize,
        /// To this node.
        node: usize,
        /// Without asking its host.
        force: bool,
    },
    /// Invites one more computer of the same member.
    Invite {
        /// Who invites.
        node: usize,
    },
    /// Revokes a device.
    Revoke {
        /// Whose word it is.
        by: usize,
        /// Which.
        node: usize,
        /// Whether what it wrote stays.
        keep: bool,
    },
}

/// Draws the plan of a seed.
#[must_use]
pub fn draw(scenario: &Scenario, seed: u64) -> Vec<Planned> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(PLAN_STREAM);
    let mut drawn = Draw { rng, scenario, plan: scenario.at.clone() };
    drawn.deeds();
    drawn.faults();
    drawn.plan.sort_by_key(|planned| planned.at_ms);
    drawn.plan
}

/// A kind of deed: its weight, and how one is drawn.
type Kind<'a, D> = (u64, &'a dyn Fn(&mut D) -> Step);

struct Draw<'a> {
    rng: ChaCha8Rng,
    scenario: &'a Scenario,
    plan: Vec<Planned>,
}

impl Draw<'_> {
    fn number(&mut self, low: u64, high: u64) -> u64 {
        between(&mut self.rng, (low, high))
    }

    fn index(&mut self, count: usize) -> usize {
        usize::try_from(self.number(0, count.saturating_sub(1) as u64)).unwrap_or_default()
    }

    fn percent(&mut self, share: u64) -> bool {
        self.number(1, 100) <= share
    }

    fn lasting(&mut self, (low, high): (u64, u64)) -> u64 {
        self.number(low.max(1) * 1_000, high.max(1) * 1_000)
    }

    fn push(&mut self, step: Step) {
        let at_ms = self.number(0, self.scenario.work.seconds * 1_000);
        self.plan.push(Planned { at_ms, step });
    }

    fn deeds(&mut self) {
        let work = self.scenario.work;
        if work.deeds > 0 && work.create > 0 {
            // There has to be a session before anything can be done in one.
            let step = Step::Deed(self.create());
            self.plan.push(Planned { at_ms: 0, step });
        }
        for _ in 1..work.deeds {
            if let Some(step) = self.deed(work) {
                self.push(step);
            }
        }
    }

    fn create(&mut self) -> Deed {
        let honest: Vec<usize> = self.scenario.nodes.honest().collect();
        let node = honest.get(self.index(honest.len())).copied().unwrap_or_default();
        Deed::Create { node, agent: self.index(self.scenario.nodes.agents) }
    }

    fn deed(&mut self, work: Work) -> Option<Step> {
        let (count, agents) = (self.scenario.nodes.count, self.scenario.nodes.agents);
        let (session, device) = (self.index(1 << 16), self.index(1 << 16));
        let node = self.index(count);
        let kinds: [Kind<'_, Self>; 12] = [
            (work.create, &|draw| Step::Deed(draw.create())),
            (work.say, &|_| Step::Deed(Deed::Say { session, device })),
            (work.repeat, &|_| Step::Deed(Deed::Repeat { session, device })),
            (work.title, &|_| Step::Deed(Deed::Title { session, device })),
            (work.archive, &|draw| {
                let back = draw.percent(50);
                Step::Deed(Deed::Archive { session, device, back })
            }),
            (work.stop, &|_| Step::Deed(Deed::Stop { session, device })),
            (work.retry, &|_| Step::Deed(Deed::Retry { session, device })),
            (work.mood, &|draw| {
                let mood = draw.index(Behaviour::ALL.len());
                let mood = Behaviour::ALL.get(mood).copied().unwrap_or_default();
                Step::Fault(Fault::Mood { node, mood })
            }),
            (work.move_agent, &|draw| {
                let (agent, force) = (draw.index(agents), draw.percent(30));
                Step::Deed(Deed::MoveAgent { agent, node, force })
            }),
            (work.invite, &|_| Step::Deed(Deed::Invite { node })),
            (work.revoke, &|draw| {
                let keep = draw.percent(50);
                Step::Deed(Deed::Revoke { by: 0, node, keep })
            }),
            (work.look, &|_| Step::Deed(Deed::Look { session, node })),
        ];
        let total: u64 = kinds.iter().map(|(weight, _)| weight).sum();
        let mut left = self.number(1, total.max(1));
        for (weight, make) in kinds {
            if left <= weight {
                return Some(make(self));
            }
            left -= weight;
        }
        None
    }

    /// How often something with this rate happens in the scenario's time: the whole part always, the rest by chance.
    fn times(&mut self, per_hour: u64) -> u64 {
        let exact = per_hour * self.scenario.work.seconds * 1_000;
        exact / HOUR_MS + u64::from(self.number(0, HOUR_MS - 1) < exact % HOUR_MS)
    }

    fn faults(&mut self) {
        let rates = self.scenario.faults;
        for (rate, make) in KINDS {
            for _ in 0..self.times(rate(&rates)) {
                let fault = make(self, &rates);
                self.push(Step::Fault(fault));
            }
        }
    }

    fn node(&mut self) -> usize {
        self.index(self.scenario.nodes.count)
    }
}

type Rate = fn(&Rates) -> u64;
type Make = fn(&mut Draw<'_>, &Rates) -> Fault;

/// Each fault: its rate, and how one is drawn.
const KINDS: [(Rate, Make); 12] = [
    (
        |rates| rates.crash,
        |draw, rates| Fault::Crash { node: draw.node(), away_ms: draw.lasting(rates.lasts_s) },
    ),
    (
        |rates| rates.partition,
        |draw, rates| {
            let count = draw.scenario.nodes.count;
            let side = (0..count).filter(|_| draw.percent(50)).collect();
            Fault::Partition { side, for_ms: draw.lasting(rates.lasts_s) }
        },
    ),
    (
        |rates| rates.one_way,
        |draw, rates| {
            let (from, to) = (draw.node(), draw.node());
            Fault::OneWay { from, to, for_ms: draw.lasting(rates.lasts_s) }
        },
    ),
    (
        |rates| rates.offline,
        |draw, rates| Fault::Offline { node: draw.node(), for_ms: draw.lasting(rates.offline_s) },
    ),
    (
        |rates| rates.storm,
        |draw, rates| Fault::Storm {
            loss_percent: draw.number(50, 100),
            for_ms: draw.lasting(rates.lasts_s),
        },
    ),
    (
        |rates| rates.slow,
        |draw, rates| Fault::Slow {
            node: draw.node(),
            bytes_per_s: draw.number(500, 20_000),
            for_ms: draw.lasting(rates.lasts_s),
        },
    ),
    (|rates| rates.disk_error, |draw, _| Fault::DiskError { node: draw.node() }),
    (
        |rates| rates.disk_full,
        |draw, rates| Fault::DiskFull { node: draw.node(), for_ms: draw.lasting(rates.lasts_s) },
    ),
    (|rates| rates.lying_sync, |draw, _| Fault::LyingSync { node: draw.node() }),
    (
        |rates| rates.clock_jump,
        |draw, _| {
            let by = i64::try_from(draw.number(0, 7_200_000)).unwrap_or_default() - 3_600_000;
            Fault::ClockJump { node: draw.node(), by_ms: by }
        },
    ),
    (
        |rates| rates.sleep,
        |draw, rates| Fault::Sleep { node: draw.node(), for_ms: draw.lasting(rates.lasts_s) },
    ),
    (
        |rates| rates.lie,
        |draw, _| {
            let liars = draw.scenario.nodes.liars();
            let node = liars.start + draw.index(liars.len());
            let lie = draw.index(Lie::ALL.len());
            Fault::Lie { node, lie: Lie::ALL.get(lie).copied().unwrap_or(Lie::Omit) }
        },
    ),
];
