//! The hunt: seed by seed a scenario is run with a bug in place, until a checker, the bound on convergence or a panic of
//! the code gives it away. A seed in which something is wrong without the bug as well proves nothing, and is left out.

use std::any::Any;
use std::collections::BTreeMap;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::Serialize;

use super::{BUGS, Bug};
use crate::checker::Breach;
use crate::run;
use crate::scenario::Scenario;

/// How a hunt ended.
#[derive(Debug, Clone, Serialize)]
pub struct Hunt {
    /// The bug.
    pub bug: &'static Bug,
    /// How many seeds it took; `None` if it was not found.
    pub seeds_taken: Option<u64>,
    /// The seed that gave it away.
    pub seed: Option<u64>,
    /// What was noticed first in that seed.
    pub breach: Option<Breach>,
    /// The first seed, if any, in which something is wrong without the bug too, and what. Such seeds do not count.
    pub noise: Option<(u64, Breach)>,
}

/// Hunts, and remembers which seeds are clean without any bug.
#[derive(Debug, Default)]
pub struct Hunter {
    clean: BTreeMap<(&'static str, u64), Option<Breach>>,
}

impl Hunter {
    /// Hunts one bug over these seeds.
    pub fn hunt(&mut self, bug: &'static Bug, seeds: Range<u64>) -> Hunt {
        let mut hunt = Hunt { bug, seeds_taken: None, seed: None, breach: None, noise: None };
        let scenario = match bug.scenario() {
            Ok(scenario) => scenario,
            Err(error) => {
                let breach =
                    Breach { invariant: "scenario".to_owned(), at_ms: 0, message: error.to_string() };
                return Hunt { noise: Some((seeds.start, breach)), ..hunt };
            }
        };
        for (seed, taken) in seeds.zip(1..) {
            let Some(breach) = with_bug(bug, &scenario, seed) else {
                continue;
            };
            let without = self.clean.entry((bug.scenario, seed));
            if let Some(noise) = without.or_insert_with(|| first_breach(&scenario, seed)) {
                hunt.noise.get_or_insert_with(|| (seed, noise.clone()));
                continue;
            }
            return Hunt { seeds_taken: Some(taken), seed: Some(seed), breach: Some(breach), ..hunt };
        }
        hunt
    }
}

/// Hunts one bug over these seeds.
#[must_use]
pub fn hunt(bug: &'static Bug, seeds: Range<u64>) -> Hunt {
    Hunter::default().hunt(bug, seeds)
}

/// Hunts all bugs, each over the seeds from 0 to below `seeds_max`, and tells of each hunt when it ends.
pub fn run_all(seeds_max: u64, mut progress: impl FnMut(&Hunt)) -> Vec<Hunt> {
    let mut hunter = Hunter::default();
    let hunts = BUGS.iter().map(|bug| hunter.hunt(bug, 0..seeds_max));
    hunts.inspect(|hunt| progress(hunt)).collect()
}

fn with_bug(bug: &Bug, scenario: &Scenario, seed: u64) -> Option<Breach> {
    let mut found = None;
    (bug.plant)(&mut || found = first_breach(scenario, seed));
    found
}

/// What is noticed first in a seed. A panic of the code under test is noticed like any other breach.
fn first_breach(scenario: &Scenario, seed: u64) -> Option<Breach> {
    let run = || run::run(scenario, seed, Vec::new(), &run::Options::default());
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(outcome) => outcome.failures.into_iter().next(),
        Err(panic) => {
            Some(Breach { invariant: "panic".to_owned(), at_ms: 0, message: text_of(panic.as_ref()) })
        }
    }
}

fn text_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it panicked").to_owned()
}
