//! The shortest history that still fails. A seed's plan is written down step by step in a scenario that draws nothing by
//! chance; then steps, nodes and durations are taken away as long as a run of what is left fails under the same
//! invariant. What comes back is a scenario like any other: it is run with the same seed, and fails.

mod ddmin;
mod file;

use std::ops::ControlFlow;

use crate::campaign::{self, Checkers};
use crate::checker::Breach;
use crate::fault::Fault;
use crate::plan::{self, Planned, Step};
use crate::run::Options;
use crate::scenario::{Rates, Scenario, Work};

pub use ddmin::minimal;

/// Most runs of one shrinking: what is the shortest by then has to do.
pub const RUNS_MAX: u64 = 5_000;
/// A duration is not made shorter than this, ms.
const SHORTEST_MS: u64 = 100;

/// What is left.
#[derive(Debug, Clone)]
pub struct Shrunk {
    /// The scenario: every step is in `at`, and nothing is drawn.
    pub scenario: Scenario,
    /// How it fails.
    pub breach: Breach,
    /// Steps that there were at first.
    pub steps_before: usize,
    /// Runs that it took.
    pub runs: u64,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Runs until now.
    pub runs: u64,
    /// Steps of the shortest plan that fails.
    pub steps: usize,
    /// Nodes of the smallest world that fails.
    pub nodes: usize,
}

/// Why there is nothing to shrink.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ShrinkError {
    /// The seed does not fail.
    #[error("seed {0} does not fail: there is nothing to shrink")]
    Holds(u64),
    /// It fails, but under other invariants.
    #[error("seed {seed} does not fail under {wanted}, but under {found}")]
    Other {
        /// The seed.
        seed: u64,
        /// What was asked for.
        wanted: String,
        /// What there is.
        found: String,
    },
    /// The plan alone does not fail.
    #[error("seed {0} fails no more when its plan is written down: something besides the plan has a say")]
    Unsteady(u64),
}

/// Shrinks a seed of a scenario that fails; under `wanted`, or else under the first invariant that it breaks. `progress` is
/// told of each run, and may break off: then the shortest until then is what is left.
///
/// # Errors
/// [`ShrinkError`]: there is nothing to shrink.
pub fn shrink(
    scenario: &Scenario,
    seed: u64,
    wanted: Option<&str>,
    checkers: Checkers<'_>,
    progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Result<Shrunk, ShrinkError> {
    let first = campaign::one(scenario, seed, checkers, &Options::default());
    let wanted = match (first.failures.first(), wanted) {
        (None, _) => return Err(ShrinkError::Holds(seed)),
        (Some(breach), None) => breach.invariant.clone(),
        (Some(_), Some(wanted)) if first.failures.iter().any(|breach| breach.invariant == wanted) => {
            wanted.to_owned()
        }
        (Some(breach), Some(wanted)) => {
            let found = breach.invariant.clone();
            return Err(ShrinkError::Other { seed, wanted: wanted.to_owned(), found });
        }
    };
    let (best, steps_before) = (written_down(scenario, seed), first.plan.len());
    let breach = Breach { invariant: wanted.clone(), at_ms: 0, message: String::new() };
    let mut search = Search { best, breach, seed, wanted, checkers, progress, runs: 1, over: false };
    if !search.try_out(search.best.clone()) {
        return Err(ShrinkError::Unsteady(seed));
    }
    search.all();
    let Search { best, breach, runs, .. } = search;
    Ok(Shrunk { scenario: best, breach, steps_before, runs })
}

/// A scenario whose plan is that of a seed of another one, whatever it is run with.
#[must_use]
pub fn written_down(scenario: &Scenario, seed: u64) -> Scenario {
    let work = Work { seconds: scenario.work.seconds, deeds: 0, ..Work::default() };
    Scenario { at: plan::draw(scenario, seed), work, faults: Rates::default(), ..scenario.clone() }
}

struct Search<'a> {
    best: Scenario,
    breach: Breach,
    seed: u64,
    wanted: String,
    checkers: Checkers<'a>,
    progress: &'a mut dyn FnMut(Progress) -> ControlFlow<()>,
    runs: u64,
    over: bool,
}

impl Search<'_> {
    fn all(&mut self) {
        self.steps();
        self.nodes();
        self.durations();
        self.steps();
        self.end();
    }

    /// Runs a candidate; if it fails in the same way, it is the best one now.
    fn try_out(&mut self, candidate: Scenario) -> bool {
        if self.over || self.runs >= RUNS_MAX || candidate.check().is_err() {
            return false;
        }
        self.runs += 1;
        let outcome = campaign::one(&candidate, self.seed, self.checkers, &Options::default());
        let found = outcome.failures.into_iter().find(|breach| breach.invariant == self.wanted);
        let fails = found.is_some();
        if let Some(breach) = found {
            self.breach = breach;
            self.best = candidate;
        }
        let now = Progress { runs: self.runs, steps: self.best.at.len(), nodes: self.best.nodes.count };
        self.over = (self.progress)(now).is_break();
        fails
    }

    fn steps(&mut self) {
        let base = self.best.clone();
        let _shortest =
            minimal(base.at.clone(), |part| self.try_out(Scenario { at: part.to_vec(), ..base.clone() }));
    }

    /// Half of the nodes, as long as it fails; then one less, as long as it fails.
    fn nodes(&mut self) {
        let fewer: [fn(usize) -> usize; 2] = [|count| count / 2, |count| count.saturating_sub(1)];
        for next in fewer {
            while let Ok(candidate) = self.best.with_nodes(next(self.best.nodes.count)) {
                if !self.try_out(candidate) {
                    break;
                }
            }
        }
    }

    /// Each fault for half the time, as long as it fails.
    fn durations(&mut self) {
        for at in 0..self.best.at.len() {
            loop {
                let mut candidate = self.best.clone();
                let Some(lasts) = candidate.at.get_mut(at).and_then(duration) else { break };
                if *lasts < SHORTEST_MS * 2 {
                    break;
                }
                *lasts /= 2;
                if !self.try_out(candidate) {
                    break;
                }
            }
        }
    }

    /// No more time than the steps need.
    fn end(&mut self) {
        let last = self.best.at.iter().map(|planned| planned.at_ms).max().unwrap_or(0);
        let seconds = last.div_ceil(1_000).max(1);
        if seconds < self.best.work.seconds {
            let work = Work { seconds, ..self.best.work };
            self.try_out(Scenario { work, ..self.best.clone() });
        }
    }
}

/// How long a step's fault lasts, if it does.
fn duration(planned: &mut Planned) -> Option<&mut u64> {
    match &mut planned.step {
        Step::Deed(_) => None,
        Step::Fault(fault) => match fault {
            Fault::Crash { away_ms, .. } => Some(away_ms),
            Fault::Partition { for_ms, .. }
            | Fault::OneWay { for_ms, .. }
            | Fault::Offline { for_ms, .. }
            | Fault::Storm { for_ms, .. }
            | Fault::Slow { for_ms, .. }
            | Fault::DiskFull { for_ms, .. }
            | Fault::Sleep { for_ms, .. } => Some(for_ms),
            Fault::DiskError { .. }
            | Fault::LyingSync { .. }
            | Fault::ClockJump { .. }
            | Fault::Mood { .. }
            | Fault::Lie { .. } => None,
        },
    }
}

impl Shrunk {
    /// The scenario as a file: what is as it would be anyway is left out, and the story is told at the top.
    ///
    /// # Errors
    /// The writer's own; there is no scenario that is known to cause one.
    pub fn to_toml(&self, seed: u64) -> Result<String, toml::ser::Error> {
        let Self { scenario, breach, steps_before, .. } = self;
        let story = format!(
            "# Seed {seed} of {}: {} of {steps_before} steps are enough to fail.\n# {}: {}\n\n",
            scenario.name,
            scenario.at.len(),
            breach.invariant,
            breach.message.replace(char::is_control, " "),
        );
        Ok(story + &scenario.to_toml()?)
    }
}
