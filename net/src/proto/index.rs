//! The sorted items (session, digest of its counted heads) and what peers compare of them: one root over all, and
//! digests over ranges of keys. Two nodes find where they differ by splitting differing ranges until these are small
//! enough to list (range-based set reconciliation, Meyer, SRDS 2023). Ranges are hashed, not summed, and each round has
//! its own salt, so a peer cannot craft items that cancel or collide; the root alone says "equal", at full length.

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Included, Unbounded};

use starling_crdt::id::StreamKey;

use super::limits::SPLIT;
use super::message::{Bound, Range, RangeState, Short};
use crate::fault::{Fault, planted};

const BUCKET_DOMAIN: &str = "starling/index-bucket/1";
const ROOT_DOMAIN: &str = "starling/index-root/1";
const RANGE_DOMAIN: &str = "starling/index-range/1";

/// All sessions of this replica. Keeps a digest for each first byte of a key, so that one change costs a 256th of all.
#[derive(Debug, Default)]
pub(super) struct Index {
    items: BTreeMap<StreamKey, [u8; 32]>,
    buckets: BTreeMap<u8, Option<[u8; 32]>>,
    root: Option<[u8; 32]>,
}

/// How two replicas differ in one session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Difference {
    /// Only we have it.
    OnlyOurs,
    /// Only the peer has it.
    OnlyTheirs,
    /// Both have it, in different states.
    Both,
}

/// The outcome of comparing one frame of ranges with our items.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Compared {
    /// What to say in return; empty if nothing.
    pub(super) ranges: Vec<Range>,
    /// The sessions that are known to differ now.
    pub(super) differing: Vec<(StreamKey, Difference)>,
}

impl Index {
    /// Notes the state of a session. Returns whether it is new.
    pub(super) fn set(&mut self, stream: StreamKey, digest: [u8; 32]) -> bool {
        if self.items.insert(stream, digest) == Some(digest) {
            return false;
        }
        self.buckets.insert(first_byte(&stream), None);
        self.root.take_if(|_| !planted(Fault::RootKept));
        true
    }

    /// Forgets a session of which nothing counts any more. Returns whether it was known.
    pub(super) fn remove(&mut self, stream: &StreamKey) -> bool {
        let known = self.items.remove(stream).is_some();
        if known {
            let first = first_byte(stream);
            // An index that never knew it has no such bucket either, and the roots must be equal.
            let left = bucket(&self.items, first).next().is_some();
            if left {
                self.buckets.insert(first, None)
            } else {
                self.buckets.remove(&first)
            };
            self.root = None;
        }
        known
    }

    /// How many sessions there are.
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether the session is known here.
    pub(super) fn contains(&self, stream: &StreamKey) -> bool {
        self.items.contains_key(stream)
    }

    /// The digest over all items: the same for the same items.
    pub(super) fn root(&mut self) -> [u8; 32] {
        if let Some(root) = self.root {
            return root;
        }
        let items = &self.items;
        let mut hasher = blake3::Hasher::new_derive_key(ROOT_DOMAIN);
        for (first, cached) in &mut self.buckets {
            let digest = *cached.get_or_insert_with(|| bucket_digest(items, *first));
            hasher.update(&[*first]).update(&digest);
        }
        let root = *hasher.finalize().as_bytes();
        self.root = Some(root);
        root
    }

    /// The first ranges of a round: everything, split.
    pub(super) fn opening(&self, round: &Short) -> Vec<Range> {
        let mut ranges = Vec::new();
        self.split([0; 32], Bound(None), round, &mut ranges);
        ranges
    }

    /// Compares what a peer says of ranges with what we have there.
    pub(super) fn compare(&self, ranges: &[Range], round: &Short) -> Compared {
        let mut compared = Compared::default();
        let mut lower = [0; 32];
        for Range { upto, what } in ranges {
            match what {
                RangeState::Skip => push(&mut compared.ranges, *upto, RangeState::Skip),
                RangeState::Digest(theirs) if *theirs == self.range_digest(lower, *upto, round) => {
                    push(&mut compared.ranges, *upto, RangeState::Skip);
                }
                RangeState::Digest(_) => self.split(lower, *upto, round, &mut compared.ranges),
                RangeState::Items(theirs) => {
                    self.differences(lower, *upto, theirs, round, &mut compared.differing);
                    push(&mut compared.ranges, *upto, RangeState::Skip);
                }
            }
            lower = upto.0.unwrap_or([0xff; 32]);
        }
        if compared.ranges.last().is_some_and(|range| range.what == RangeState::Skip) {
            compared.ranges.pop();
        }
        compared
    }

    fn within(&self, lower: [u8; 32], upto: Bound) -> impl Iterator<Item = (&StreamKey, &[u8; 32])> + Clone {
        let end = upto.0.map_or(Unbounded, |upto| Excluded(StreamKey::from_bytes(upto)));
        self.items.range((Included(StreamKey::from_bytes(lower)), end))
    }

    fn range_digest(&self, lower: [u8; 32], upto: Bound, round: &Short) -> Short {
        digest_of(self.within(lower, upto), round)
    }

    /// Says what we have in a range that differs: its items if they are few, else the digests of its parts.
    fn split(&self, lower: [u8; 32], upto: Bound, round: &Short, ranges: &mut Vec<Range>) {
        let count = self.within(lower, upto).count();
        if count <= SPLIT {
            let items = self.within(lower, upto);
            let items = items.map(|item| (*item.0, digest_of(std::iter::once(item), round)));
            push(ranges, upto, RangeState::Items(items.collect()));
            return;
        }
        let size = count.div_ceil(SPLIT);
        let mut items = self.within(lower, upto);
        loop {
            let part = items.clone().take(size);
            let Some(last) = items.by_ref().take(size).last() else {
                return;
            };
            let end = items.clone().next().map_or(upto, |(next, _)| between(last.0, next));
            push(ranges, end, RangeState::Digest(digest_of(part, round)));
        }
    }

    fn differences(
        &self,
        lower: [u8; 32],
        upto: Bound,
        theirs: &[(StreamKey, Short)],
        round: &Short,
        differing: &mut Vec<(StreamKey, Difference)>,
    ) {
        let mut ours: BTreeMap<StreamKey, &[u8; 32]> =
            self.within(lower, upto).map(|(stream, digest)| (*stream, digest)).collect();
        for (stream, short) in theirs {
            match ours.remove(stream) {
                None => differing.push((*stream, Difference::OnlyTheirs)),
                Some(digest) if digest_of(std::iter::once((stream, digest)), round) != *short => {
                    differing.push((*stream, Difference::Both));
                }
                Some(_) => {}
            }
        }
        let skipped = usize::from(planted(Fault::StreamSkipped));
        differing.extend(ours.into_keys().skip(skipped).map(|stream| (stream, Difference::OnlyOurs)));
    }
}

/// Adds a range, as one with the range before where both say nothing, or both list few items.
fn push(ranges: &mut Vec<Range>, upto: Bound, what: RangeState) {
    if let Some(last) = ranges.last_mut() {
        match (&mut last.what, &what) {
            (RangeState::Skip, RangeState::Skip) => {
                last.upto = upto;
                return;
            }
            (RangeState::Items(before), RangeState::Items(items)) if before.len() + items.len() <= SPLIT => {
                before.extend_from_slice(items);
                last.upto = upto;
                return;
            }
            (RangeState::Skip | RangeState::Digest(_) | RangeState::Items(_), _) => {}
        }
    }
    ranges.push(Range { upto, what });
}

fn first_byte(stream: &StreamKey) -> u8 {
    let [first, ..] = *stream.as_bytes();
    first
}

fn bucket(items: &BTreeMap<StreamKey, [u8; 32]>, first: u8) -> impl Iterator<Item = (&StreamKey, &[u8; 32])> {
    let (mut from, mut to) = ([0; 32], [0xff; 32]);
    from[0] = first;
    to[0] = first;
    items.range(StreamKey::from_bytes(from)..=StreamKey::from_bytes(to))
}

fn bucket_digest(items: &BTreeMap<StreamKey, [u8; 32]>, first: u8) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key(BUCKET_DOMAIN);
    for (stream, digest) in bucket(items, first) {
        hasher.update(stream.as_bytes()).update(digest);
    }
    *hasher.finalize().as_bytes()
}

fn digest_of<'a>(items: impl Iterator<Item = (&'a StreamKey, &'a [u8; 32])>, round: &Short) -> Short {
    let mut hasher = blake3::Hasher::new_derive_key(RANGE_DOMAIN);
    hasher.update(round);
    for (stream, digest) in items {
        hasher.update(stream.as_bytes()).update(digest);
    }
    let mut short = Short::default();
    hasher.finalize_xof().fill(&mut short);
    short
}

/// The shortest prefix of `next` that is above `last`: the end of a range between two neighbours.
fn between(last: &StreamKey, next: &StreamKey) -> Bound {
    let (last, next) = (last.as_bytes(), next.as_bytes());
    let same = last.iter().zip(next).take_while(|(a, b)| a == b).count();
    let mut bound = [0; 32];
    for (to, from) in bound.iter_mut().zip(next).take(same + 1) {
        *to = *from;
    }
    Bound(Some(bound))
}

#[cfg(test)]
mod tests;
