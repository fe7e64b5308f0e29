//! Many seeds of one scenario, on as many threads as wanted. A seed is run by one thread from its beginning to its end and
//! shares nothing with the others, and what is gathered does not depend on the order in which seeds end: the report of a
//! campaign is the same with one thread and with sixteen, but for the time that it took.

use std::any::Any;
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::ops::{ControlFlow, Range};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use crate::checker::{Breach, Checker};
use crate::metrics::Metrics;
use crate::plan;
use crate::report::{Report, Tally};
use crate::run::{self, Options, Outcome};
use crate::scenario::Scenario;

/// Makes the checkers of one run.
pub type Checkers<'a> = &'a (dyn Fn() -> Vec<Box<dyn Checker>> + Sync);

/// Runs the seeds of a range and reports on them. After each seed `progress` is told its outcome, on the thread that ran
/// it; when it breaks, seeds that have begun are finished and no other is begun.
///
/// ```
/// use std::ops::ControlFlow;
/// use starling_simulations::{campaign, scenarios};
///
/// let smoke = scenarios::by_name("smoke").ok_or("no such scenario")?;
/// let jobs = std::num::NonZeroUsize::MIN;
/// let report = campaign::run(&smoke, 0..2, jobs, &Vec::new, &|_| ControlFlow::Continue(()));
/// assert_eq!((report.seeds, report.failures.len()), (2, 0));
/// # Ok::<(), &str>(())
/// ```
#[must_use]
pub fn run(
    scenario: &Scenario,
    seeds: Range<u64>,
    jobs: NonZeroUsize,
    checkers: Checkers<'_>,
    progress: &(dyn Fn(&Outcome) -> ControlFlow<()> + Sync),
) -> Report {
    let began = stopwatch();
    let (next, stopped) = (AtomicU64::new(seeds.start), AtomicBool::new(false));
    let work = || {
        let mut tally = Tally::default();
        while !stopped.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                break;
            }
            let outcome = one(scenario, seed, checkers, &Options::default());
            if progress(&outcome).is_break() {
                stopped.store(true, Ordering::Relaxed);
            }
            tally.add(outcome);
        }
        tally
    };
    let mut tally = Tally::default();
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..jobs.get()).map(|_| scope.spawn(work)).collect();
        for worker in workers {
            // Only `progress` can panic here: a run's panic is its outcome.
            tally.merge(worker.join().unwrap_or_else(|cause| resume_unwind(cause)));
        }
    });
    Report::new(scenario, &seeds, jobs, tally, began.elapsed())
}

/// Runs one seed. A panic is a failure of INV-9, and the rest of the outcome is empty then.
#[must_use]
pub fn one(scenario: &Scenario, seed: u64, checkers: Checkers<'_>, options: &Options) -> Outcome {
    let ran = catch_unwind(AssertUnwindSafe(|| run::run(scenario, seed, checkers(), options)));
    ran.unwrap_or_else(|cause| panicked(scenario, seed, options, cause.as_ref()))
}

fn panicked(scenario: &Scenario, seed: u64, options: &Options, cause: &(dyn Any + Send)) -> Outcome {
    let text = cause.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| cause.downcast_ref::<&str>().copied()).unwrap_or("no words");
    let message = format!("a panic: {text}");
    Outcome {
        seed,
        failures: vec![Breach { invariant: "INV-9".to_owned(), at_ms: 0, message }],
        faults: BTreeMap::new(),
        deeds: 0,
        refused: BTreeMap::new(),
        metrics: Metrics::default(),
        simulated_ms: 0,
        began_ms: 0,
        calmed_ms: 0,
        nodes: scenario.nodes.count,
        events: 0,
        trace_hash: String::new(),
        plan: options.plan.clone().unwrap_or_else(|| plan::draw(scenario, seed)),
        trace: Vec::new(),
    }
}

/// The time that people wait; no run sees it.
#[expect(clippy::disallowed_methods, reason = "a report says how long its runs took")]
fn stopwatch() -> Instant {
    Instant::now()
}

/// All cores.
#[must_use]
pub fn jobs_by_default() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}
