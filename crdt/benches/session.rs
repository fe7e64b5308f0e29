//! What one more record costs a session that holds 100, 1,000 or 4,000, part by part, and what it costs to build a
//! session of 1,000 anew. Figures for people: nothing is checked here. How to run it and which part is which:
//! CONTRIBUTING.md, "Benchmarks".
#![expect(clippy::unwrap_used, reason = "a benchmark stops when something is wrong")]

mod corpus;

use std::hint::black_box;
use std::time::Duration;

use corpus::{Corpus, Shape};
use criterion::measurement::{Measurement, WallTime};
use criterion::{BenchmarkId, Criterion, SamplingMode};
use starling_crdt::document::Document;
use starling_crdt::facts::Stamp;
use starling_crdt::id::RecordId;
use starling_crdt::payload::Payload;
use starling_crdt::session::{Entry, Session};
use starling_crdt::signed::{Received, Signed, Unverified, Verified};
use starling_crdt::view::fold;

const SIZES: [usize; 3] = [100, 1_000, 4_000];
const REPLAYED: usize = 1_000;
/// Records that come one after another before the session is built anew: few enough that it stays as long as is said, and
/// as many as a document hands to automerge together, so that each tail pays for one such call.
const TAIL: usize = 64;

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800))
        .configure_from_args();
    for shape in Shape::ALL {
        for size in SIZES {
            let corpus = Corpus::new(shape, size + TAIL);
            offers(&mut criterion, shape, &corpus, size);
            documents(&mut criterion, shape, &corpus, size);
            folds(&mut criterion, shape, &corpus, size);
        }
        replays(&mut criterion, shape, &Corpus::new(shape, REPLAYED));
    }
    criterion.final_summary();
}

/// Takes the corpus's tail record by record, in a state that holds all before it. Only these steps are timed; the figure
/// is the mean of the tail's records.
fn tail<S, O>(
    criterion: &mut Criterion,
    (name, size): (String, usize),
    build: impl Fn() -> S,
    step: impl Fn(&mut S, usize) -> O,
) {
    let mut group = criterion.benchmark_group(name);
    group.sampling_mode(SamplingMode::Flat);
    group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
        bencher.iter_custom(|rounds| {
            let mut total = WallTime.zero();
            for _ in 0..rounds {
                let mut state = build();
                let start = WallTime.start();
                for n in size..size + TAIL {
                    black_box(step(&mut state, n));
                }
                total = WallTime.add(&total, &WallTime.end(start));
            }
            total / TAIL as u32
        });
    });
    group.finish();
}

fn unverified(record: &Signed<Verified>) -> Signed<Unverified> {
    match Signed::decode(record.wire()).unwrap() {
        Received::Record(record) => record,
        Received::NeedsUpgrade { .. } => unreachable!("this version wrote it"),
    }
}

/// `offer/trusted`: rules, template and apply. `offer/signed`: the signature too.
fn offers(criterion: &mut Criterion, shape: Shape, corpus: &Corpus, size: usize) {
    let build = || corpus.session(size);
    let trusted = |session: &mut Session, n: usize| session.offer(corpus.records[n].clone(), &corpus.roster);
    tail(criterion, (format!("offer/trusted/{}", shape.name()), size), build, trusted);
    let received: Vec<_> = corpus.records.iter().map(unverified).collect();
    let signed = |session: &mut Session, n: usize| {
        session.offer(received[n].clone().verify().unwrap(), &corpus.roster)
    };
    tail(criterion, (format!("offer/signed/{}", shape.name()), size), build, signed);
}

/// What a document is told of a record, besides the record.
struct Place {
    id: RecordId,
    lamport: u64,
    preds: Vec<Stamp>,
}

fn places(session: &Session) -> Vec<Place> {
    let place = |entry: &Entry| {
        let record = entry.signed.record();
        let titles = session.facts_at(&record.deps).titles;
        let replaces = titles.iter().filter(|_| matches!(record.payload, Payload::Title { .. }));
        let preds = replaces.filter_map(|id| session.entry(id)).map(Entry::stamp).collect();
        Place { id: entry.signed.id(), lamport: entry.facts.lamport, preds }
    };
    session.entries().map(place).collect()
}

/// `document/template`: the change is made. `document/apply`: it is made, and added to automerge.
fn documents(criterion: &mut Criterion, shape: Shape, corpus: &Corpus, size: usize) {
    let whole = corpus.session(corpus.records.len());
    let places = places(&whole);
    let apply = |document: &mut Document, n: usize| {
        let Place { id, lamport, preds } = &places[n];
        document.apply(corpus.records[n].record(), *id, *lamport, preds);
    };
    let build = || {
        let mut document = Document::new(&corpus.key(), whole.header().unwrap());
        (0..size).for_each(|n| apply(&mut document, n));
        document
    };
    tail(criterion, (format!("document/apply/{}", shape.name()), size), build, apply);
    let template = |document: &mut Document, n: usize| {
        let Place { id, lamport, preds } = &places[n];
        document.hash_of(corpus.records[n].record(), *id, *lamport, preds)
    };
    tail(criterion, (format!("document/template/{}", shape.name()), size), build, template);
}

fn folds(criterion: &mut Criterion, shape: Shape, corpus: &Corpus, size: usize) {
    let session = corpus.session(size + 1);
    let mut group = criterion.benchmark_group(format!("fold/{}", shape.name()));
    group.bench_function(BenchmarkId::from_parameter(size), |bencher| {
        bencher.iter(|| fold(&session, corpus.roster.standing()));
    });
    group.finish();
}

/// `replay/trusted`: records that are in memory already. `replay/decoded`: from their bytes, without signatures.
fn replays(criterion: &mut Criterion, shape: Shape, corpus: &Corpus) {
    let mut group = criterion.benchmark_group("replay");
    group.sampling_mode(SamplingMode::Flat);
    group.bench_function(BenchmarkId::new("trusted", shape.name()), |bencher| {
        bencher.iter_with_large_drop(|| corpus.session(REPLAYED));
    });
    group.bench_function(BenchmarkId::new("decoded", shape.name()), |bencher| {
        bencher.iter_with_large_drop(|| {
            let mut session = Session::new(corpus.roster.workspace(), corpus.key());
            for record in &corpus.records {
                session.offer(unverified(record).trust(), &corpus.roster);
            }
            assert_eq!(session.len(), corpus.records.len());
            session
        });
    });
    group.finish();
}
