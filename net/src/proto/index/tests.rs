//! Comparing two indexes finds exactly what differs, in few and small steps.

use super::*;
use crate::proto::message::{Message, encode};

fn key(n: u64) -> StreamKey {
    StreamKey::from_bytes(*blake3::hash(&n.to_be_bytes()).as_bytes())
}

fn index(items: impl IntoIterator<Item = (u64, u8)>) -> Index {
    let mut index = Index::default();
    for (n, digest) in items {
        index.set(key(n), [digest; 32]);
    }
    index
}

/// Compares `a` with `b` by talking; what `a`'s side found comes in `a`'s terms. Returns steps and bytes as well.
fn talk(a: &Index, b: &Index) -> (BTreeMap<StreamKey, Difference>, usize, usize) {
    let round = [7; 8];
    let mut found = BTreeMap::new();
    let (mut steps, mut bytes) = (0, 0);
    let mut ranges = a.opening(&round);
    while !ranges.is_empty() {
        bytes += encode(&Message::Index { round, ranges: ranges.clone(), last: true }).len();
        steps += 1;
        let to_b = steps % 2 == 1;
        let compared = if to_b { b } else { a }.compare(&ranges, &round);
        for (stream, difference) in compared.differing {
            let ours = match difference {
                Difference::OnlyOurs if to_b => Difference::OnlyTheirs,
                Difference::OnlyTheirs if to_b => Difference::OnlyOurs,
                same => same,
            };
            assert_eq!(found.insert(stream, ours), None, "each difference is found once");
        }
        ranges = compared.ranges;
    }
    (found, steps, bytes)
}

#[test]
fn the_root_is_a_function_of_the_items() {
    let mut a = index((0..500).map(|n| (n, 1)));
    let mut b = index((0..500).rev().map(|n| (n, 2)));
    assert_ne!(a.root(), b.root());
    for n in 0..500 {
        b.set(key(n), [1; 32]);
        assert_eq!(a.root() == b.root(), n == 499);
    }
    assert!(!a.set(key(3), [1; 32]));
    a.set(key(500), [1; 32]);
    assert_ne!(a.root(), b.root());
    assert_eq!(Index::default().root(), Index::default().root());
}

#[test]
fn what_is_forgotten_was_never_there() {
    let mut a = index((0..300).map(|n| (n, 1)));
    let mut b = index((0..600).map(|n| (n, 1)));
    assert_ne!(a.root(), b.root());
    for n in 300..600 {
        assert!(b.remove(&key(n)) && !b.remove(&key(n)));
    }
    assert_eq!(a.root(), b.root());
    assert!(!b.contains(&key(300)) && b.contains(&key(299)));
}

#[test]
fn what_differs_is_found_whatever_the_sizes() {
    for (in_a, in_b) in
        [(0, 0), (0, 1), (1, 0), (0, 5_000), (5_000, 0), (31, 33), (5_000, 40), (3_000, 3_000)]
    {
        let a = index((0..in_a).map(|n| (n, 1)));
        let b = index((0..in_b).map(|n| (n, if n % 97 == 3 { 2 } else { 1 })));
        let (found, ..) = talk(&a, &b);
        for n in 0..in_a.max(in_b) {
            let expected = match (n < in_a, n < in_b) {
                (true, false) => Some(Difference::OnlyOurs),
                (false, true) => Some(Difference::OnlyTheirs),
                _ if n % 97 == 3 => Some(Difference::Both),
                _ => None,
            };
            assert_eq!(found.get(&key(n)).copied(), expected, "{in_a} {in_b} {n}");
        }
    }
}

#[test]
fn one_of_ten_thousand_costs_three_messages_and_two_kilobytes() {
    let a = index((0..10_000).map(|n| (n, 1)));
    let b = index((0..10_000).map(|n| (n, if n == 4_711 { 2 } else { 1 })));
    let (found, steps, bytes) = talk(&a, &b);
    assert_eq!(found.into_iter().collect::<Vec<_>>(), [(key(4_711), Difference::Both)]);
    assert!(steps <= 3 && bytes < 1_700, "{steps} messages, {bytes} bytes");
}

#[test]
fn an_empty_replica_learns_and_teaches_with_few_bytes() {
    let a = index((0..10_000).map(|n| (n, 1)));
    let (found, steps, bytes) = talk(&a, &Index::default());
    assert_eq!((found.len(), steps), (10_000, 2));
    assert!(bytes < 1_000, "{bytes}");
    let (found, steps, bytes) = talk(&Index::default(), &a);
    assert_eq!((found.len(), steps), (10_000, 1));
    assert!(bytes < 100, "{bytes}");
}
