//! Opening a session of 1,000 records that is in the store: the store's part alone, and all of it as a node does it when
//! a session is first asked for: read from redb, decode, admit without a look at signatures, and fold the view. Figures
//! for people: nothing is checked here. How to run it: CONTRIBUTING.md, "Benchmarks".
#![expect(clippy::unwrap_used, reason = "a benchmark stops when something is wrong")]

#[path = "../../crdt/benches/corpus/mod.rs"]
mod corpus;

use std::time::Duration;

use corpus::{Corpus, Shape};
use criterion::{BenchmarkId, Criterion, SamplingMode};
use starling_crdt::session::Session;
use starling_crdt::signed::{Received, Signed, Unverified};
use starling_crdt::view::fold;
use starling_node::store::{Batch, RecordRow, Store};

const RECORDS: usize = 1_000;

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    for shape in Shape::ALL {
        replays(&mut criterion, shape);
    }
    criterion.final_summary();
}

fn replays(criterion: &mut Criterion, shape: Shape) {
    let corpus = Corpus::new(shape, RECORDS);
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("store.redb")).unwrap();
    store.commit(&[batch(&corpus)]).unwrap();
    assert_eq!(replay(&store, &corpus).heads(), corpus.session(RECORDS).heads());
    let mut group = criterion.benchmark_group("store");
    group.sampling_mode(SamplingMode::Flat);
    group.bench_function(BenchmarkId::new("read", shape.name()), |bencher| {
        bencher.iter(|| store.load_stream(*corpus.key().as_bytes()).unwrap());
    });
    group.bench_function(BenchmarkId::new("replay", shape.name()), |bencher| {
        bencher.iter_with_large_drop(|| replay(&store, &corpus));
    });
    group.bench_function(BenchmarkId::new("replay and fold", shape.name()), |bencher| {
        bencher.iter_with_large_drop(|| fold(&replay(&store, &corpus), corpus.roster.standing()));
    });
    group.finish();
}

fn batch(corpus: &Corpus) -> Batch {
    let rows = corpus.records.iter().take(RECORDS).enumerate();
    let records = rows.map(|(position, record)| RecordRow {
        stream: *corpus.key().as_bytes(),
        position: position as u64,
        id: *record.id().as_bytes(),
        wire: record.wire().to_vec(),
        outbox: false,
    });
    Batch { records: records.collect(), ..Batch::default() }
}

fn replay(store: &Store, corpus: &Corpus) -> Session {
    let mut session = Session::new(corpus.roster.workspace(), corpus.key());
    for (_, wire) in store.load_stream(*corpus.key().as_bytes()).unwrap() {
        if let Received::Record(record) = Signed::<Unverified>::decode(&wire).unwrap() {
            session.offer(record.trust(), &corpus.roster);
        }
    }
    session
}
