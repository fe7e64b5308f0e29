//! Each scenario that comes with the harness, once: nothing is found, something happened, and the same seed is the same
//! history. Many seeds are the business of `starling-sim run`.

use starling_simulations::run::{Options, Outcome, run};
use starling_simulations::scenario::Scenario;
use starling_simulations::scenarios;

/// Beyond it a scenario is too long for a test.
const NODES_MAX: usize = 10;

fn small() -> impl Iterator<Item = Scenario> {
    scenarios::all().into_iter().filter(|scenario| scenario.nodes.count <= NODES_MAX)
}

fn once(scenario: &Scenario, seed: u64) -> Outcome {
    run(scenario, seed, Vec::new(), &Options::default())
}

#[test]
fn each_scenario_ends_well_and_its_people_were_busy() {
    for scenario in small() {
        let name = &scenario.name;
        let outcome = once(&scenario, 1);
        assert!(outcome.failures.is_empty(), "{name}: {:?}", outcome.failures);
        assert!(outcome.deeds * 3 >= scenario.work.deeds * 2, "{name}: only {} deeds", outcome.deeds);
        let refused: u64 = outcome.refused.values().sum();
        assert!(refused * 3 <= outcome.deeds, "{name}: refused {:?}", outcome.refused);
        assert!(!outcome.faults.is_empty(), "{name}: nothing went wrong");
        assert!(outcome.metrics.deliveries > 0, "{name}: nobody heard of anything");
    }
}

#[test]
fn the_same_seed_is_the_same_history() {
    for name in ["smoke", "byzantine", "agent-moves", "revocation"] {
        let scenario = scenarios::by_name(name).unwrap();
        let (one, two) = (once(&scenario, 2), once(&scenario, 2));
        assert_eq!(one.trace_hash, two.trace_hash, "{name}");
        assert_ne!(one.trace_hash, once(&scenario, 3).trace_hash, "{name}");
    }
}
