//! Every bug that can be planted is found within a few seeds, and nothing is found where none is planted. Without the
//! feature `planted` there is nothing to plant and nothing here: `cargo test --release -p starling-simulations --features
//! planted --test machine planted -- --nocapture` shows what was found by what.

use starling_simulations::planted::{BUGS, SEEDS_MAX, run_all};

#[test]
fn every_planted_bug_is_found_within_a_few_seeds() {
    let hunts = run_all(SEEDS_MAX, |hunt| {
        let found = hunt.seeds_taken.map_or("NOT FOUND".to_owned(), |seeds| format!("{seeds} seeds"));
        let by = hunt.breach.as_ref().map_or(String::new(), |found| {
            let message: String = found.message.chars().take(90).collect();
            format!("{}: {message}", found.invariant)
        });
        println!("{:<26} {:<9} {:<10} {by}", hunt.bug.name, hunt.bug.scenario, found);
        if let Some((seed, noise)) = &hunt.noise {
            println!("    seed {seed} is not clean without it: {noise:?}");
        }
    });
    assert_eq!(hunts.len(), BUGS.len());
    let missed: Vec<_> = hunts.iter().filter(|hunt| hunt.seeds_taken.is_none()).map(|h| h.bug.name).collect();
    assert!(missed.is_empty(), "not found in {SEEDS_MAX} seeds: {missed:?}");
}
