//! The proof by machine for sessions: random histories of five replicas with adversaries, in any order of arrival, held
//! against the invariants and against three independent oracles (a naive fold, automerge's own past, brute-force past
//! sets). Planted bugs (`faults`) show that these would notice. `STARLING_CASES` says how many histories of each kind are
//! run; with it a table of what was tried is printed.

mod adversary;
mod checks;
mod dice;
mod faults;
mod naive;
mod naive_view;
mod node;
mod people;
mod pool;
mod standing;
mod table;
mod world;

use std::cell::RefCell;
use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, any};
use proptest::test_runner::{TestCaseError, TestError, TestRunner};

use adversary::Kind;
use dice::Dice;
use node::{Node, Violation};
pub(crate) use pool::check_facts;
use table::Tally;
use world::World;

use crate::payload::{Cut, Payload};
use crate::testing::device;

/// Histories of each kind where `STARLING_CASES` does not say otherwise.
const CASES: u32 = 6;
/// Steps of a history.
const STEPS: std::ops::Range<usize> = 20..90;

/// Runs one history to its end, and all checks. The first choice is for the world, each other one for a step.
fn run(kind: Kind, choices: &[u32]) -> Result<Tally, Violation> {
    let first = choices.first().copied().map_or(0, u64::from);
    let mut dice = Dice::new(first);
    let mut world = World::new(kind, &mut dice);
    for choice in choices {
        world.step(u64::from(*choice))?;
    }
    if world.pool.records.is_empty() {
        return Ok(Tally::default());
    }
    for node in &world.nodes {
        checks::partial(&world, node)?;
    }
    let mut nodes = std::mem::take(&mut world.nodes);
    let late = settle(&world, &mut nodes, &mut dice)?;
    if kind == Kind::Honest {
        among_honest(&world, &late)?;
    }
    let tally = Tally::of(&world, &late);
    fall(&mut world, nodes, &mut dice)?;
    Ok(tally)
}

/// Everything reaches everybody, and one who comes last.
fn settle(world: &World, nodes: &mut [Node], dice: &mut Dice) -> Result<Node, Violation> {
    let mut late = new_node(world);
    world.flood(&mut late, dice)?;
    checks::whole(world, &late)?;
    for node in nodes.iter_mut() {
        world.flood(node, dice)?;
        checks::same(&late, node)?;
    }
    rebuilt(world, &late, dice)?;
    Ok(late)
}

/// Where all are honest and the roster stays, everything counts and the agent's chain is one.
fn among_honest(world: &World, node: &Node) -> Result<(), Violation> {
    let forked = node.view().is_some_and(|view| view.fork.is_some());
    pool::equal("among honest ones the agent's chain forks", &forked, &false)?;
    pool::equal("among honest ones counts", &node.session.len(), &world.pool.records.len())
}

/// INV-10: what was admitted gives the same replica again, in another order; what counts alone gives it but for what is
/// kept aside.
fn rebuilt(world: &World, from: &Node, dice: &mut Dice) -> Result<(), Violation> {
    let mut again = new_node(world);
    again.roster = from.roster.clone();
    let mut records: Vec<_> = from.session.admitted().map(|entry| entry.signed.clone()).collect();
    dice.shuffle(&mut records);
    for record in &records {
        again.take(record, &world.pool)?;
    }
    checks::again(from, &again)?;
    let mut spare = new_node(world);
    spare.roster = from.roster.clone();
    for entry in from.session.entries() {
        spare.take(&entry.signed, &world.pool)?;
    }
    checks::alike(from, &spare)
}

/// One more revocation, after everything: what counts shrinks, everywhere alike, also for one who comes after it.
fn fall(world: &mut World, mut nodes: Vec<Node>, dice: &mut Dice) -> Result<(), Violation> {
    let hit = if dice.one_in(2) { dice.pick(world.creators()) } else { Some(crate::testing::HOST) };
    let target = hit.filter(|seed| *seed != crate::testing::FOUNDER).unwrap_or(crate::testing::BOB);
    let by = nodes.iter().position(|node| node.seed == crate::testing::FOUNDER);
    let Some(by) = by else {
        return Ok(());
    };
    let kept = standing::cut(world, &nodes[by], device(target), dice).kept;
    let cut = Cut { device: device(target), kept };
    std::mem::swap(&mut world.nodes, &mut nodes);
    let done = standing::put(world, by, Payload::RevokeDevice { cut });
    std::mem::swap(&mut world.nodes, &mut nodes);
    done?;
    settle(world, &mut nodes, dice).map(drop)
}

fn new_node(world: &World) -> Node {
    Node::new(crate::testing::STRANGER, world.start.roster.clone(), world.key())
}

fn cases() -> Option<u32> {
    std::env::var("STARLING_CASES").ok()?.parse().ok()
}

/// Runs histories of one kind; a failing one is shrunk, and shown by its choices.
fn prove(kind: Kind) -> Tally {
    let config = ProptestConfig {
        cases: cases().unwrap_or(CASES),
        failure_persistence: None,
        max_shrink_iters: 2_000,
        ..ProptestConfig::default()
    };
    let total = RefCell::new(Tally::default());
    let outcome = TestRunner::new(config).run(&vec(any::<u32>(), STEPS), |choices| {
        let tally = run(kind, &choices).map_err(TestCaseError::fail)?;
        total.borrow_mut().add(&tally);
        Ok(())
    });
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(reason, choices)) => panic!("{kind:?}: {reason}\nchoices: {choices:?}"),
        Err(error) => panic!("{kind:?}: {error}"),
    }
    total.into_inner()
}

#[test]
fn every_history_holds_the_invariants() {
    let tallies: BTreeMap<Kind, Tally> = Kind::ALL.into_iter().map(|kind| (kind, prove(kind))).collect();
    if cases().is_some() {
        table::print(&tallies);
    }
    for (kind, tally) in &tallies {
        assert!(tally.admitted > 0, "{kind:?} wrote nothing");
        assert!(
            kind.is_honest() || !tally.refused.is_empty() || *kind == Kind::Repeater,
            "{kind:?} did no harm"
        );
    }
}
