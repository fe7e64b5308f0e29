//! What an open session holds in memory, as the allocator counts it: bytes and allocations for sessions of 100, 1,000 and
//! 4,000 records in three shapes, without the records' own bytes, and how much of it is the automerge document.
//! `cargo run --release -p starling-crdt --example memory`. Figures for people: nothing is checked here.
#![expect(clippy::unwrap_used, reason = "a measurement stops when something is wrong")]

#[path = "../benches/corpus/mod.rs"]
mod corpus;

use std::alloc::System;

use corpus::{Corpus, Shape};
use starling_crdt::signed::{Received, Signed, Unverified};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const SIZES: [usize; 3] = [100, 1_000, 4_000];

fn main() {
    println!("shape         records   records' own    session      a record   of it automerge   allocations");
    for shape in Shape::ALL {
        for size in SIZES {
            measure(shape, &Corpus::new(shape, size), size);
        }
    }
}

fn measure(shape: Shape, corpus: &Corpus, size: usize) {
    let (_records, own) =
        held(|| corpus.records.iter().take(size).map(|r| decoded(r.wire())).collect::<Vec<_>>());
    let (session, all) = held(|| corpus.session(size));
    let (_document, automerge) = held(|| session.document().cloned());
    let kib = |bytes: isize| format!("{} KiB", bytes / 1024);
    println!(
        "{:<12} {size:>8} {:>14} {:>10} {:>12} {:>17} {:>13}",
        shape.name(),
        kib(own.bytes),
        kib(all.bytes),
        format!("{} B", all.bytes / size as isize),
        kib(automerge.bytes),
        all.allocations,
    );
}

fn decoded(wire: &[u8]) -> Signed<Unverified> {
    match Signed::decode(wire).unwrap() {
        Received::Record(record) => record,
        Received::NeedsUpgrade { .. } => unreachable!("this version wrote it"),
    }
}

/// What the allocator gave for something that is still there.
struct Held {
    bytes: isize,
    allocations: usize,
}

fn held<T>(make: impl FnOnce() -> T) -> (T, Held) {
    let region = Region::new(ALLOCATOR);
    let made = make();
    let change = region.change();
    let bytes = change.bytes_allocated as isize - change.bytes_deallocated as isize;
    (made, Held { bytes, allocations: change.allocations - change.deallocations })
}
