//! What was tried how often, and what became of it.

use std::collections::BTreeMap;

use super::adversary::Kind;
use super::node::Node;
use super::world::World;

/// Counts of records at the end of histories.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    pub(super) histories: usize,
    pub(super) offered: usize,
    pub(super) admitted: usize,
    pub(super) refused: BTreeMap<String, usize>,
    pub(super) waiting: usize,
    pub(super) counted: usize,
    pub(super) aside: usize,
    pub(super) forked: usize,
    /// Roster records in the middle of the history.
    pub(super) roster: usize,
}

impl Tally {
    /// Of a replica that was given everything. Who was told of each record when it was written heard each refusal.
    pub(super) fn of(world: &World, node: &Node) -> Self {
        let (pool, judge) = (&world.pool, &world.all);
        let session = &node.session;
        let mut refused = BTreeMap::new();
        for refusal in judge.refused.values() {
            *refused.entry(format!("{refusal:?}")).or_insert(0) += 1;
        }
        Self {
            histories: 1,
            offered: pool.records.len(),
            admitted: session.admitted().count(),
            refused,
            waiting: session.waiting().0,
            counted: session.len(),
            aside: session.aside(),
            roster: world.roster.len(),
            forked: usize::from(node.view().is_some_and(|view| view.fork.is_some())),
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.histories += other.histories;
        self.offered += other.offered;
        self.admitted += other.admitted;
        self.waiting += other.waiting;
        self.counted += other.counted;
        self.aside += other.aside;
        self.forked += other.forked;
        self.roster += other.roster;
        for (reason, count) in &other.refused {
            *self.refused.entry(reason.clone()).or_insert(0) += count;
        }
    }
}

pub(super) fn print(tallies: &BTreeMap<Kind, Tally>) {
    let mut total = Tally::default();
    println!("adversary    histories  forked  roster records admitted refused waiting counted   aside");
    for (kind, tally) in tallies {
        line(&format!("{kind:?}"), tally);
        total.add(tally);
    }
    line("all", &total);
    for (reason, count) in &total.refused {
        println!("  refused as {reason}: {count}");
    }
}

fn line(name: &str, tally: &Tally) {
    let Tally { histories, forked, roster, offered, admitted, waiting, counted, aside, .. } = tally;
    let refused: usize = tally.refused.values().sum();
    println!(
        "{name:<12} {histories:>9} {forked:>7} {roster:>7} {offered:>7} {admitted:>8} {refused:>7} {waiting:>7} {counted:>7} {aside:>7}"
    );
}
