//! One run: people the world, let the plan happen with faults on (safety), switch faults off and wait until everyone is
//! equal (liveness), then ask every session once more. What comes back has all that the reports are made of.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::checker::{Breach, Checker};
use crate::desk::Desk;
use crate::ending;
use crate::logs;
use crate::metrics::Metrics;
use crate::plan::{self, Planned, Step};
use crate::population;
use crate::scenario::Scenario;
use crate::trace::Entry;
use crate::world::{EPOCH_MS, World};

/// How often the whole world is looked at while faults are on, ms of the world's time, but not more than [`LOOKS_MAX`]
/// times: a scenario of days is looked at as often as one of minutes.
const LOOK_MS: u64 = 5_000;
/// How often it is looked at in all.
const LOOKS_MAX: u64 = 200;

/// Good records that are remembered in a run: all nodes read and check the same ones.
const VERDICTS_MAX: usize = 1 << 17;

/// What to run besides the scenario and the seed.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Instead of the plan that the seed would give.
    pub plan: Option<Vec<Planned>>,
    /// Keeps a readable entry for each event.
    pub keep_trace: bool,
}

/// What a run showed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Outcome {
    /// Its seed.
    pub seed: u64,
    /// What did not hold.
    pub failures: Vec<Breach>,
    /// Steps of the plan that went wrong on purpose, by kind.
    pub faults: BTreeMap<String, u64>,
    /// Deeds that could be tried.
    pub deeds: u64,
    /// Refusals that people got, by code.
    pub refused: BTreeMap<String, u64>,
    /// What it cost.
    pub metrics: Metrics,
    /// Time in the world, ms.
    pub simulated_ms: u64,
    /// When the nodes knew each other and the plan began, ms from the world's beginning.
    pub began_ms: u64,
    /// When faults were over, ms from the world's beginning.
    pub calmed_ms: u64,
    /// Nodes at the end.
    pub nodes: usize,
    /// Inputs and effects.
    pub events: u64,
    /// One hash over all of them, each with its time and node.
    pub trace_hash: String,
    /// What was planned.
    pub plan: Vec<Planned>,
    /// The readable trace, if it was kept.
    #[serde(skip)]
    pub trace: Vec<Entry>,
}

/// Time in which nothing may become durable before the end is looked at, ms: turns that run and exports that gather are
/// over then.
const QUIET_MS: u64 = 2_000;

/// Runs one seed of a scenario under the project's invariants and the given checkers.
#[must_use]
pub fn run(scenario: &Scenario, seed: u64, checkers: Vec<Box<dyn Checker>>, options: &Options) -> Outcome {
    let plan = options.plan.clone().unwrap_or_else(|| plan::draw(scenario, seed));
    starling_crdt::verdicts::remember(VERDICTS_MAX);
    let mut world = World::new(seed);
    world.trace.keep = options.keep_trace;
    world.checkers.extend(checkers);
    let desk = Desk::default();
    let mut running =
        Running { scenario, world, desk, faults: BTreeMap::new(), deeds: 0, looks: 0, began: 0, calmed: 0 };
    let ((), errors) = logs::heard(|| running.go(&plan));
    starling_crdt::verdicts::remember(0);
    for error in errors {
        running.world.report("ERROR log", error);
    }
    running.outcome(seed, plan)
}

struct Running<'a> {
    scenario: &'a Scenario,
    world: World,
    desk: Desk,
    faults: BTreeMap<String, u64>,
    deeds: u64,
    looks: usize,
    began: u64,
    calmed: u64,
}

impl Running<'_> {
    fn go(&mut self, plan: &[Planned]) {
        if let Err(why) = population::settle(&mut self.world, self.scenario) {
            return self.world.report("setup", why);
        }
        let begin = self.world.now_ms();
        self.began = begin;
        self.world.trace.remark(begin, None, "begin", || "the nodes know each other".to_owned());
        let every = LOOK_MS.max(self.scenario.work.seconds * 1_000 / LOOKS_MAX);
        let mut look = begin + every;
        for planned in plan {
            let due = begin + planned.at_ms;
            while look < due {
                self.world.run_to(look);
                self.world.look();
                self.desk.collect(&mut self.world);
                self.looks += 1;
                self.world.peek(self.looks);
                look += every;
            }
            self.world.run_to(due);
            self.step(&planned.step);
        }
        self.world.run_to(begin + self.scenario.work.seconds * 1_000);
        self.world.look();
        self.settle();
    }

    fn step(&mut self, step: &Step) {
        let now = self.world.now_ms();
        match step {
            Step::Deed(deed) => {
                self.world.trace.remark(now, None, "deed", || format!("{deed:?}"));
                self.deeds += u64::from(self.desk.act(&mut self.world, &self.scenario.nodes, deed));
            }
            Step::Fault(fault) => {
                self.world.trace.remark(now, None, "fault", || format!("{fault:?}"));
                *self.faults.entry(fault.kind().to_owned()).or_default() += 1;
                self.world.apply(fault);
            }
        }
    }

    /// Faults are over.
    fn settle(&mut self) {
        let bound = self.scenario.end.bound_s * 1_000;
        self.world.calm();
        self.world.end_hung_turns();
        self.desk.collect(&mut self.world);
        let since = self.world.now_ms();
        self.calmed = since;
        self.world.trace.remark(since, None, "calm", || "faults are over".to_owned());
        let ruined = self.world.metrics.ruined;
        match self.world.become_equal(bound) {
            Ok(()) => {
                let took = self.world.now_ms() - since;
                if ruined == self.world.metrics.ruined {
                    self.world.metrics.converged(took);
                }
                let now = self.world.now_ms();
                self.world.trace.remark(now, None, "equal", || format!("{took} ms after the end of faults"));
            }
            Err(difference) => self.world.report("INV-2", format!("after {bound} ms: {difference}")),
        }
        if self.scenario.end.ask_all {
            ending::ask_all(&mut self.world, &mut self.desk, &self.scenario.nodes, bound);
        }
        self.desk.collect(&mut self.world);
        self.rest(bound);
        self.world.check_end();
    }

    /// Waits until everyone is equal, nothing becomes durable any more, and all sessions are shown. People are asleep: only
    /// turns that were under way can still change anything, and computers that were on their way in. One that has arrived
    /// has yet to become equal, too.
    fn rest(&mut self, bound: u64) {
        let end = self.world.now_ms() + bound;
        loop {
            let left = end.saturating_sub(self.world.now_ms());
            if let Err(difference) = self.world.become_equal(left) {
                self.world.report("INV-2", format!("after the last answers and {bound} ms: {difference}"));
            }
            let before = (self.world.metrics.commits, self.world.honest());
            self.world.run_for(QUIET_MS);
            self.world.survey();
            let is_quiet = before == (self.world.metrics.commits, self.world.honest());
            if is_quiet || self.world.now_ms() >= end {
                return;
            }
        }
    }

    fn outcome(self, seed: u64, plan: Vec<Planned>) -> Outcome {
        let Self { world, desk, faults, deeds, began, calmed, .. } = self;
        let mut metrics = world.metrics;
        metrics.inputs = world.nodes.iter().map(|sim| sim.inputs).sum();
        metrics.store_bytes.extend(world.nodes.iter().map(|sim| sim.disk.used_bytes() as u64));
        Outcome {
            seed,
            failures: world.failures,
            faults,
            deeds,
            refused: desk.refused.into_iter().map(|(code, count)| (code.to_owned(), count)).collect(),
            metrics,
            simulated_ms: world.now - EPOCH_MS,
            began_ms: began.saturating_sub(EPOCH_MS),
            calmed_ms: calmed.saturating_sub(EPOCH_MS),
            nodes: world.nodes.len(),
            events: world.trace.events(),
            trace_hash: world.trace.hash(),
            plan,
            trace: world.trace.into_entries(),
        }
    }
}
