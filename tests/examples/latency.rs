//! How long people wait, measured over real sockets between two real nodes, beside what the disk alone takes:
//! `cargo run --release -p starling-tests --example latency [MESSAGES]`.
//!
//! Three rows, median and 95th percentile: the disk's own `fdatasync` of a page (measured before, between and after);
//! from the answer to `POST` on A until the message is readable over HTTP on B (asked for at once after B's event); and
//! from a question's `POST` on A until the demo agent's answer on B is readable on A. Nothing is asserted here.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a measurement is its own shell, and stops when something is wrong"
)]

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use starling_tests::{Events, Node, PATIENCE, Pair, pair, pairless};

/// Messages unless told otherwise.
const MESSAGES: usize = 200;
/// Syncs of each sample of the disk.
const SYNCS: usize = 100;
/// What a database writes at least: one page.
const PAGE: usize = 4_096;

fn main() {
    let messages =
        std::env::args().nth(1).map_or(MESSAGES, |text| text.parse().expect("a number of messages"));
    let mut disk = fdatasyncs(&std::env::temp_dir());
    let live = live(messages);
    disk.extend(fdatasyncs(&std::env::temp_dir()));
    let questions = questions(messages);
    disk.extend(fdatasyncs(&std::env::temp_dir()));
    println!("{:<44}{:>12}{:>12}{:>8}", "", "median ms", "p95 ms", "n");
    row("fdatasync of one page", disk);
    row("POST on A answered -> readable on B", live);
    row("question on A -> answer of B's agent on A", questions);
}

fn row(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1_000.0;
    println!("{what:<44}{:>12.2}{:>12.2}{:>8}", at(50), at(95), times.len());
}

/// What the disk takes by itself.
fn fdatasyncs(folder: &Path) -> Vec<Duration> {
    let mut file: File = tempfile::tempfile_in(folder).expect("room for a file");
    file.write_all(&[0; PAGE]).expect("room for a page");
    file.sync_all().expect("a disk");
    let mut sync = |byte: u8| {
        file.seek(SeekFrom::Start(0)).expect("a file");
        file.write_all(&[byte; PAGE]).expect("a disk");
        let begun = Instant::now();
        file.sync_data().expect("a disk");
        begun.elapsed()
    };
    (0..SYNCS).map(|n| sync(n.to_le_bytes()[0])).collect()
}

fn post(node: &Node, path: &str, body: &Value) -> Value {
    let answer = node.api().post(path, body);
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.body
}

/// Waits for events of a session until `seen` is.
fn until(node: &Node, events: &Events, id: &str, seen: impl Fn(&Value) -> bool) {
    while !seen(&node.show(id)) {
        events.until("news of the session", PATIENCE, |event| {
            event.kind == "session" && event.data["id"] == id
        });
    }
}

/// Messages without an agent that would answer: only what travels is measured.
fn live(messages: usize) -> Vec<Duration> {
    let Pair { a, b } = pairless();
    let script = a.file("script", "set_title Latency\nreply ok\n");
    let _added = a.cli(&["agent", "add", "coder", "--demo", "--script", &script, "--allow", "nobody"]).ok();
    let id = a.open("coder", "first");
    let events = b.api().listen();
    until(&b, &events, &id, |session| !session.is_null());
    let measure = |number: usize| {
        let body = json!({ "body": format!("message {number} {}", "x".repeat(180)), "request_id": format!("r-{number}") });
        let written = post(&a, &format!("/im/quick-sessions/{id}/messages"), &body);
        let begun = Instant::now();
        until(&b, &events, &id, |session| {
            let entries = session["entries"].as_array().into_iter().flatten();
            entries.rev().any(|entry| entry["message_id"] == written["message_id"])
        });
        begun.elapsed()
    };
    (0..messages).map(measure).collect()
}

/// New sessions, each with one question.
fn questions(messages: usize) -> Vec<Duration> {
    let Pair { a, b: _b } = pair();
    let events = a.api().listen();
    let measure = |number: usize| {
        let begun = Instant::now();
        let body = json!({ "agent_id": "coder", "first_message": format!("question {number}") });
        let id = post(&a, "/im/quick-sessions", &body)["session"]["meta"]["id"]
            .as_str()
            .expect("an id")
            .to_owned();
        until(&a, &events, &id, |session| {
            session["entries"].as_array().is_some_and(|entries| entries.len() == 2)
        });
        begun.elapsed()
    };
    (0..messages).map(measure).collect()
}
