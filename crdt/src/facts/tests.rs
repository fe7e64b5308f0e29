//! The laws of the join. A point of the lattice is the facts of a causal past together with that past: joining points
//! joins both. Points are made as records make them, by joining earlier ones and advancing; a law is checked for all
//! pairs and triples of such a history.

use std::collections::BTreeSet;

use fixedbitset::FixedBitSet;
use proptest::prelude::{ProptestConfig, Strategy, prop_assert_eq, proptest};

use super::*;

fn id(n: u8) -> RecordId {
    RecordId::from_bytes([n; 32])
}

fn place(id: &RecordId) -> usize {
    usize::from(id.as_bytes()[0])
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Point {
    facts: Facts,
    past: BTreeSet<RecordId>,
}

fn join(points: &[&Point]) -> Point {
    let pasts: Vec<FixedBitSet> = points.iter().map(|point| point.past.iter().map(place).collect()).collect();
    let sides = points.iter().zip(&pasts).map(|(point, past)| Side { facts: &point.facts, past });
    Point {
        facts: Facts::join(&sides.collect::<Vec<_>>(), |id| Some(place(id))),
        past: points.iter().flat_map(|point| point.past.iter().copied()).collect(),
    }
}

/// What a record does to the facts of its past: it adds itself to some sets and empties or thins others.
#[derive(Debug, Clone, Copy)]
enum Step {
    Title,
    Archive(bool),
    Claim,
    /// Ends the claims that `pick` chooses.
    End {
        pick: u8,
    },
    /// Goes on from one tip of the agent's chain.
    Agent {
        pick: u8,
    },
}

impl Step {
    fn advance(self, past: Point, id: RecordId) -> Point {
        let Point { mut facts, mut past } = past;
        past.insert(id);
        facts.lamport = facts.max_op + 1;
        facts.max_op = facts.lamport;
        match self {
            Self::Title => {
                facts.titled = true;
                facts.titles = [id].into();
            }
            Self::Archive(archived) => {
                facts.archived = Some(((facts.lamport, id), archived));
                facts.archives = [id].into();
            }
            Self::Claim => {
                facts.covers = [id].into();
                facts.open.insert(id);
            }
            Self::End { pick } => facts.open.retain(|open| open.as_bytes()[0] % 4 != pick % 4),
            Self::Agent { pick } => {
                let tip = facts.tips.iter().nth(usize::from(pick) % facts.tips.len().max(1)).copied();
                if let Some(tip) = tip {
                    facts.tips.remove(&tip);
                }
                facts.tips.insert(id);
            }
        }
        Point { facts, past }
    }
}

fn step() -> impl Strategy<Value = Step> {
    (0..6_u8, 0..8_u8).prop_map(|(kind, pick)| match kind {
        0 => Step::Title,
        1 => Step::Archive(pick % 2 == 0),
        2 => Step::Claim,
        3 => Step::End { pick },
        _ => Step::Agent { pick },
    })
}

/// Points of a history: each step goes on from the join of up to three earlier points. An author's records form a chain,
/// as those of honest authors do.
fn history() -> impl Strategy<Value = Vec<Point>> {
    let steps = proptest::collection::vec((step(), 0..4_u8, 0..64_usize, 0..64_usize), 2..11);
    steps.prop_map(|steps| {
        let mut points = vec![Point::default()];
        let mut last = [0; 4];
        for (n, (step, author, first, second)) in steps.into_iter().enumerate() {
            let of = |at: usize| &points[at % points.len()];
            let past = join(&[&points[last[usize::from(author)]], of(first), of(second)]);
            last[usize::from(author)] = points.len();
            let id = id(u8::try_from(n + 1).unwrap());
            points.push(step.advance(past, id));
        }
        points
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn the_join_is_that_of_a_semilattice(points in history()) {
        for a in &points {
            prop_assert_eq!(&join(&[a, a]), a, "idempotent");
            for b in &points {
                let ab = join(&[a, b]);
                prop_assert_eq!(&ab, &join(&[b, a]), "commutative");
                prop_assert_eq!(&join(&[&ab, a]), &ab, "an upper bound");
                if a.past.is_subset(&b.past) {
                    prop_assert_eq!(&ab, b, "facts grow with the past");
                }
                for c in &points {
                    let left = join(&[&ab, c]);
                    prop_assert_eq!(&left, &join(&[a, &join(&[b, c])]), "associative");
                    prop_assert_eq!(&left, &join(&[a, b, c]), "of many at once");
                }
            }
        }
    }
}

/// A past of these records, of which some claims are open.
fn with_open(past: &[u8], open: &[u8]) -> Point {
    let ids = |list: &[u8]| list.iter().map(|n| id(*n)).collect::<BTreeSet<_>>();
    let open = ids(open).into_iter().collect();
    Point { facts: Facts { open, ..Facts::default() }, past: ids(past) }
}

#[test]
fn what_one_side_removed_stays_removed() {
    let (left, right) = (with_open(&[1, 2, 3], &[2]), with_open(&[1], &[1]));
    assert_eq!(join(&[&left, &right]).facts.open, Live::from([id(2)]));
}

#[test]
fn what_one_side_never_saw_is_kept() {
    let (left, right) = (with_open(&[2], &[2]), with_open(&[1], &[1]));
    assert_eq!(join(&[&left, &right]).facts.open, Live::from([id(1), id(2)]));
}

#[test]
fn the_gate_is_an_or() {
    let mut titled = Point::default();
    assert!(!join(&[&titled]).facts.titled);
    titled.facts.titled = true;
    assert!(join(&[&Point::default(), &titled]).facts.titled);
}
