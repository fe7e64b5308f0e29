//! Shrinking finds the steps that a failure needs, and no others. The failure is one of the test's own making: nothing has
//! to be wrong with the nodes.

use std::ops::ControlFlow;

use starling_simulations::plan::Step;
use starling_simulations::shrink::{ShrinkError, Shrunk, shrink};
use starling_simulations::{Checker, Fault, Scenario, World, campaign};

/// Does not hold when the second and the third computer have both lost power.
struct NeverBoth;

impl Checker for NeverBoth {
    fn invariant(&self) -> &'static str {
        "never-both"
    }

    fn at_end(&mut self, world: &World) -> Option<String> {
        let crashed = |node: usize| world.nodes.get(node).is_some_and(|sim| sim.epoch > 0);
        (crashed(1) && crashed(2)).then(|| "both lost power".to_owned())
    }
}

fn never_both() -> Vec<Box<dyn Checker>> {
    vec![Box::new(NeverBoth)]
}

fn stormy() -> Scenario {
    let text = r#"
        name = "stormy"
        about = "Six computers that lose power all the time."
        nodes = { count = 6, people = 2, given = true }
        work = { seconds = 30, deeds = 6 }
        faults = { crash = 2000, storm = 300, lasts_s = [1, 4] }
    "#;
    Scenario::parse(text).unwrap()
}

/// A seed that the checker finds something in.
fn failing(scenario: &Scenario) -> u64 {
    let fails = |seed: &u64| {
        let outcome = campaign::one(scenario, *seed, &never_both, &Default::default());
        outcome.failures.iter().any(|breach| breach.invariant == "never-both")
    };
    (0..20).find(fails).expect("two of sixteen crashes hit these nodes")
}

#[test]
fn two_steps_of_many_are_left_and_fail_again_from_a_file() {
    let scenario = stormy();
    let seed = failing(&scenario);
    let shrunk = shrink(&scenario, seed, Some("never-both"), &never_both, &mut |_| ControlFlow::Continue(()));
    let Shrunk { scenario: left, steps_before, .. } = shrunk.clone().unwrap();
    assert!(steps_before > 12, "{steps_before}");
    let mut crashed: Vec<usize> = left
        .at
        .iter()
        .map(|planned| match planned.step {
            Step::Fault(Fault::Crash { node, .. }) => node,
            ref other => panic!("not needed: {other:?}"),
        })
        .collect();
    crashed.sort_unstable();
    assert_eq!(crashed, [1, 2]);
    assert_eq!(left.nodes.count, 3);
    let text = shrunk.unwrap().to_toml(seed).unwrap();
    let read = Scenario::parse(&text).unwrap();
    assert_eq!(read, left, "{text}");
    let again = campaign::one(&read, seed, &never_both, &Default::default());
    assert_eq!(again.failures[0].invariant, "never-both");
}

#[test]
fn what_holds_is_not_shrunk_and_another_invariant_is_not_taken_for_it() {
    let scenario = stormy();
    let seed = failing(&scenario);
    let mut on = |_| ControlFlow::Continue(());
    let other = shrink(&scenario, seed, Some("INV-1"), &never_both, &mut on).unwrap_err();
    assert!(matches!(other, ShrinkError::Other { .. }), "{other}");
    let holds = shrink(&scenario, seed, None, &Vec::new, &mut on).unwrap_err();
    assert_eq!(holds, ShrinkError::Holds(seed));
}

#[test]
fn a_panic_is_a_failure_of_the_seed_and_of_no_other() {
    struct Clumsy;
    impl Checker for Clumsy {
        fn invariant(&self) -> &'static str {
            "clumsy"
        }

        fn at_end(&mut self, world: &World) -> Option<String> {
            assert!(world.nodes.is_empty(), "stumbled");
            None
        }
    }
    let small = Scenario { faults: Default::default(), ..stormy().with_nodes(3).unwrap() };
    let jobs = std::num::NonZeroUsize::new(2).unwrap();
    let clumsy = || vec![Box::new(Clumsy) as Box<dyn Checker>];
    let report = campaign::run(&small, 0..3, jobs, &clumsy, &|_| ControlFlow::Continue(()));
    let found: Vec<(u64, &str)> =
        report.failures.iter().map(|failure| (failure.seed, failure.invariant.as_str())).collect();
    assert_eq!(found, [(0, "INV-9"), (1, "INV-9"), (2, "INV-9")]);
    assert!(report.failures[0].message.contains("stumbled"));
    let held = campaign::run(&small, 0..3, jobs, &Vec::new, &|_| ControlFlow::Break(()));
    assert!(held.interrupted && held.seeds < 3 && held.failures.is_empty());
}
