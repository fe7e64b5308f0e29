//! The export's tree is a function of the replicated records (INV-2), said of random histories: several sessions, some with
//! one id, archived, forked, with hostile texts, under a roster that revokes, removes and renames. The real machine gets
//! their records in orders of its own, in batches of every size, twice, with power cuts in between, and once from the
//! records in another node's tree. All trees must be equal byte by byte, and threads must be read, by the strict parser, as
//! the lines of the view. `STARLING_CASES` asks for more histories.

mod dice;
mod history;
mod replica;

use std::collections::{BTreeMap, BTreeSet};

use starling_crdt::id::StreamKey;
use starling_crdt::session::Session;
use starling_crdt::view::{View, fold_held};
use starling_node::machine::export_meta::{self, SessionMeta};
use starling_node::machine::export_text::{
    ThreadEntry, export_time, normalise, parse_export_time, parse_thread,
};

use starling_node::machine::segments::RECORDS_FOLDER;

use dice::Dice;
use history::History;
use replica::Replica;

/// Histories where `STARLING_CASES` does not say otherwise.
const CASES: u64 = 16;
/// Nodes of each history, besides the one that is restored.
const NODES: u64 = 3;

type Files = BTreeMap<String, Vec<u8>>;

/// What the histories were, so that none of it is missing.
#[derive(Debug, Default)]
struct Tally {
    records: usize,
    sessions: usize,
    lines: usize,
    replies: usize,
    archived: usize,
    collisions: usize,
    forks: usize,
    fallen: usize,
    hidden: usize,
    renamed: usize,
    largest: usize,
    cuts: usize,
    segments: usize,
}

impl Tally {
    fn add(&mut self, history: &History, views: &[View]) {
        self.records += history.records.len();
        self.sessions += views.len();
        for view in views {
            self.lines += view.lines.len();
            self.replies += view.lines.iter().filter(|line| line.point_to > 0).count();
            self.archived += usize::from(view.archived.is_some());
            self.collisions += usize::from(collides(views, view));
            let names = [&view.created_by, &view.agent_handle].map(ToString::to_string);
            self.renamed += usize::from(names.iter().any(|name| name.contains('-')));
            self.forks += usize::from(view.fork.is_some());
            self.largest =
                view.lines.iter().map(|line| line.body.as_str().len()).fold(self.largest, usize::max);
        }
        self.fallen += history.fallen();
        self.hidden += history.sessions().count() - views.len();
    }
}

/// The sessions as the data model has them, made without the machine.
fn views(history: &History) -> Vec<View> {
    let standing = history.roster.standing();
    let view = |key: StreamKey| {
        let mut session = Session::new(history.roster.workspace(), key);
        for record in history.records.iter().filter(|record| record.stream() == key) {
            session.offer(record.clone(), &history.roster);
        }
        fold_held(&session, standing).filter(|view| view.revision > 0)
    };
    history.sessions().filter_map(view).collect()
}

fn collides(views: &[View], view: &View) -> bool {
    views.iter().any(|other| other.id == view.id && other.key != view.key)
}

fn folder(views: &[View], view: &View) -> String {
    match (collides(views, view), view.archived.is_some()) {
        (true, _) => format!("collisions/{}/{}", view.id, view.key),
        (false, true) => format!("archive/quick-sessions/{}", view.id),
        (false, false) => format!("quick-sessions/{}", view.id),
    }
}

fn seconds(time_ms: u64) -> u64 {
    parse_export_time(&export_time(time_ms)).unwrap()
}

/// Each session has its two files where it belongs, which say what the view says, and nothing else is there.
fn shows(files: &Files, views: &[View]) {
    let mut left: BTreeSet<&str> = files.keys().map(String::as_str).collect();
    left.retain(|path| {
        !path.starts_with(".starling/") && !path.starts_with("users/") && *path != "starling.yaml"
    });
    for view in views {
        let [thread, meta] = ["discussion.thread", "session.meta.yaml"].map(|name| {
            let path = format!("{}/{name}", folder(views, view));
            assert!(left.remove(path.as_str()), "there is no {path}: {left:?}");
            String::from_utf8(files[&path].clone()).unwrap()
        });
        let entry = |line: &starling_crdt::view::Line| ThreadEntry {
            line: line.number,
            point_to: line.point_to,
            author: view.handle_of(line.author).to_string(),
            time_ms: seconds(line.at_ms),
            body: normalise(line.body.as_str()),
        };
        assert_eq!(parse_thread(&thread).unwrap(), view.lines.iter().map(entry).collect::<Vec<_>>());
        let meta: SessionMeta = export_meta::parse(&meta).unwrap();
        export_meta::check(&meta).unwrap();
        let title = view.title.as_ref().map(ToString::to_string);
        let summary = view.summary.as_ref().map(|(summary, _)| summary.to_string());
        assert_eq!((meta.title, meta.summary, meta.revision), (title, summary, view.revision));
        assert_eq!((meta.id, meta.last_message_preview), (view.id.to_string(), view.preview()));
    }
    assert!(left.is_empty(), "nothing makes {left:?}");
}

fn same(is: &Files, should: &Files, whose: &str) {
    let paths: BTreeSet<&String> = is.keys().chain(should.keys()).collect();
    let differs = |path: &&&String| is.get(**path) != should.get(**path);
    if let Some(path) = paths.iter().find(differs) {
        let text = |files: &Files| files.get(*path).map(|bytes| String::from_utf8_lossy(bytes).into_owned());
        panic!("{path} of {whose} is\n{:?}\nand another node has\n{:?}", text(is), text(should));
    }
}

fn run(seed: u64, tally: &mut Tally) {
    let mut dice = Dice::new(seed);
    let history = History::grown(seed % 16 == 5, &mut dice);
    let views = views(&history);
    tally.add(&history, &views);
    let mut first: Option<Files> = None;
    for node in 0..NODES {
        let mut replica = Replica::founded(&history.records[0]);
        tally.cuts += replica.receive(&history, &mut dice.fork(node));
        let files = replica.files();
        shows(files, &views);
        same(files, first.get_or_insert_with(|| files.clone()), &format!("node {node}"));
    }
    let first = first.unwrap();
    tally.segments +=
        first.keys().filter(|path| path.starts_with(RECORDS_FOLDER) && path.ends_with("/1")).count();
    let mut restored = Replica::restored(&first);
    restored.settle();
    same(restored.files(), &first, "the restored node");
}

#[test]
fn the_tree_is_a_function_of_the_records() {
    let cases = std::env::var("STARLING_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(CASES);
    let mut tally = Tally::default();
    for seed in 0..cases {
        let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(seed, &mut tally)));
        assert!(done.is_ok(), "history {seed}");
    }
    println!("{cases} histories: {tally:?}");
    let Tally {
        replies, archived, collisions, forks, fallen, hidden, renamed, largest, cuts, segments, ..
    } = tally;
    let each = [replies, archived, collisions, forks, fallen, hidden, renamed, cuts, segments];
    assert!(cases < CASES || each.iter().all(|count| *count > 0) && largest > 60_000, "{tally:?}");
}
