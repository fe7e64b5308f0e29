//! The agent's records, which name each other by `prev`: one chain, or, where a host was restored, lied or was replaced by
//! force, a tree of which one branch wins. All are kept; which one wins is a function of the counted records and of who
//! stands.

use std::collections::BTreeMap;

use super::{Failed, Fork};
use crate::facts::Stamp;
use crate::fault::{Fault, planted};
use crate::id::RecordId;
use crate::payload::Payload;
use crate::roster::Standing;
use crate::session::{Entry, Session};

/// The agent's records in the order of `prev`, one branch of them.
pub(super) struct Chain<'a> {
    pub(super) records: Vec<&'a Entry>,
    pub(super) fork: Option<Fork>,
}

/// What a branch of the agent's chain has to say for itself: compared field by field, the greatest wins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Weight {
    /// Whether a record of it is by a device in good standing, and the highest epoch of those.
    host: (bool, u32),
    /// The newest claim that comes after its first record.
    claim: Option<Stamp>,
}

impl Weight {
    fn with(self, other: Self) -> Self {
        Self { host: self.host.max(other.host), claim: self.claim.max(other.claim) }
    }
}

impl<'a> Chain<'a> {
    /// Where the chain forks, the branch of the host in standing with the highest epoch wins; within it the one that a
    /// later claim names, then the higher (lamport, id).
    pub(super) fn winning(session: &'a Session, standing: &Standing) -> Self {
        let mut next: BTreeMap<Option<RecordId>, Vec<&Entry>> = BTreeMap::new();
        for entry in session.entries() {
            if let Some(turn) = entry.signed.record().payload.turn() {
                next.entry(turn.prev).or_default().push(entry);
            }
        }
        // The order of arrival differs between replicas: the proof of a fork must not.
        for branches in next.values_mut() {
            branches.sort_by_key(|entry| entry.stamp());
        }
        let weights = Self::weights(&next, standing);
        let mut chain = Self { records: Vec::new(), fork: None };
        let mut at = None;
        while let Some(branches) = next.get(&at) {
            if let [first, second, ..] = branches.as_slice() {
                chain.fork.get_or_insert_with(|| Fork::of(first, second));
            }
            let key = |entry: &&&Entry| (weights.get(&entry.signed.id()).copied(), entry.stamp());
            let lightest = branches.iter().min_by_key(key).filter(|_| planted(Fault::LosingBranchWins));
            let Some(winner) = lightest.or_else(|| branches.iter().max_by_key(key)) else {
                break;
            };
            chain.records.push(winner);
            at = Some(winner.signed.id());
        }
        chain
    }

    /// For each agent record the weight of the branch that begins with it. A record's `prev` is in its past, so going
    /// down from the newest lamport sees successors first.
    fn weights(
        next: &BTreeMap<Option<RecordId>, Vec<&'a Entry>>,
        standing: &Standing,
    ) -> BTreeMap<RecordId, Weight> {
        let mut entries: Vec<&Entry> = next.values().flatten().copied().collect();
        entries.sort_by_key(|entry| std::cmp::Reverse(entry.stamp()));
        let mut weights: BTreeMap<RecordId, Weight> = BTreeMap::new();
        for entry in entries {
            let record = entry.signed.record();
            let stands = standing.stands(&record.author);
            let epoch = if planted(Fault::EpochIgnored) { 0 } else { entry.epoch };
            let host = if stands { (true, epoch) } else { (false, 0) };
            let weight = weights.entry(entry.signed.id()).or_default();
            *weight = weight.with(Weight { host, claim: None });
            let is_claim = matches!(record.payload, Payload::Claim { .. });
            let onward = weight.with(Weight { host, claim: is_claim.then(|| entry.stamp()) });
            if let Some(prev) = record.payload.turn().and_then(|turn| turn.prev) {
                let before = weights.entry(prev).or_default();
                *before = before.with(onward);
            }
        }
        weights
    }

    /// The last attempt that ended, if it failed.
    pub(super) fn last_failed(&self) -> Option<Failed> {
        let ended = self.records.iter().rev().map(|entry| &entry.signed.record().payload);
        let last =
            ended.into_iter().find(|p| matches!(p, Payload::Reply { .. } | Payload::Failure { .. }))?;
        match last {
            Payload::Failure { turn, reason } => {
                Some(Failed { attempt: turn.attempt, reason: reason.clone() })
            }
            _ => None,
        }
    }
}
