//! Convergence over random histories (INV-2), the title gate by brute force (INV-1), and sealed lines
//! (INV-6). Honest writers go through `command::decide`; hostile ones write whatever can be encoded, on
//! whatever deps.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, any, proptest};

use super::oracle;
use crate::command::{Command, Decision, decide};
use crate::id::{AttemptId, RecordId};
use crate::payload::Payload;
use crate::session::{Offer, Session};
use crate::signed::{Signed, Verified};
use crate::testing::{
    BOB, FOUNDER, HOST, PHONE, Replica, STRANGER, agent_title, attempt, body, claim, failure, message,
    message_as, reply, request, summary, title, turn,
};
use crate::text::{Reason, Summary, Title};
use crate::view::{Line, View};

/// A number from a seed and a place: the same for the same two (SplitMix64).
fn scramble(seed: u64, at: usize) -> u64 {
    let mut x = seed.wrapping_add((at as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Whoever sits at the `at`-th replica. The agent's host writes at its own only; the last ones read.
const SEEDS: [u8; 5] = [HOST, FOUNDER, PHONE, BOB, BOB];

fn is_sealed(line: &&Line) -> bool {
    line.sealed
}

/// What was sealed stays where it was, with the same author and text.
fn check_sealed(before: &View, after: &View) {
    let was: Vec<&Line> = before.lines.iter().filter(is_sealed).collect();
    let is: Vec<&Line> = after.lines.iter().filter(is_sealed).collect();
    assert_eq!(was, is[..was.len()]);
    for (at, line) in after.lines.iter().enumerate() {
        assert_eq!(line.number, at as u64 + 1, "dense, from 1");
        assert!(line.point_to < line.number);
        assert_eq!(line.sealed, at < is.len(), "sealed lines come first");
    }
}

/// What the `at`-th replica's person or agent might do; `None` for a reader.
fn command(at: usize, action: u8, step: usize) -> Option<Command> {
    let n = u8::try_from(step).unwrap();
    let text = format!("m{step}");
    let message =
        |id: &str, text: &str| Command::Message { body: body(text), request_id: request(id), reply_to: None };
    if SEEDS[at] == HOST {
        return Some(match action % 8 {
            0 | 1 => Command::Claim(attempt(n)),
            2 => Command::SetTitle(attempt(n), Title::new(text).unwrap()),
            3..=5 => Command::Reply(attempt(n), body(&text)),
            6 => Command::Summarize(attempt(n), Summary::new(text).unwrap()),
            _ => Command::Fail(attempt(n), Reason::cut("failed")),
        });
    }
    (at < 3).then(|| match action % 20 {
        0..=8 => message(&text, &text),
        9 | 10 => message("twice", "the same"),
        11 | 12 => Command::Title(Title::new(text).unwrap()),
        13 => Command::Archive,
        14 | 15 => Command::Unarchive,
        16 => Command::Stop,
        _ => Command::Retry,
    })
}

/// The attempt that is open, in place of the one that the step would name.
fn in_open_turn(view: &View, command: Command) -> Command {
    let Some(open) = view.open_attempts.first().copied() else {
        return command;
    };
    match command {
        Command::SetTitle(_, title) => Command::SetTitle(open, title),
        Command::Reply(_, body) => Command::Reply(open, body),
        Command::Summarize(_, summary) => Command::Summarize(open, summary),
        Command::Fail(_, reason) => Command::Fail(open, reason),
        other => other,
    }
}

/// One step: somebody writes if the command is allowed, or takes some of what another has.
fn step(replicas: &mut [Replica], at: usize, action: u8, step: usize) {
    let before = replicas[at].view();
    match command(at, action, step) {
        Some(command) if action < 170 => {
            let command = in_open_turn(&before, command);
            let me = replicas[at].workspace.founder;
            if let Ok(Decision::Write(payload)) = decide(&replicas[at].session, &before, me, command) {
                replicas[at].put(SEEDS[at], payload);
            }
        }
        _ => {
            let from = usize::from(action) % replicas.len();
            let (heads, counts) = (replicas[at].heads(), replicas[at].session.author_counts());
            let lacking = replicas[from].session.missing_for(&heads, &counts);
            let some = lacking.len().min(1 + usize::from(action) % 5);
            let records: Vec<_> = lacking.into_iter().take(some).cloned().collect();
            for record in &records {
                let offer = replicas[at].take(record);
                assert!(matches!(offer, Offer::Admitted(_)), "topological and honest: {offer:?}");
            }
        }
    }
    check_sealed(&before, &replicas[at].view());
}

/// Gives `records` to a new replica in the order of `seed`, some of them twice.
fn delivered(like: &Replica, records: &[Signed<Verified>], seed: u64) -> Replica {
    let mut order: Vec<usize> = (0..records.len()).chain((0..records.len()).step_by(3)).collect();
    let mut place = 0;
    order.sort_by_cached_key(|_| {
        place += 1;
        scramble(seed, place)
    });
    let mut replica = Replica::empty(like.workspace.clone());
    let mut admitted = BTreeSet::new();
    for at in order {
        if let Offer::Admitted(more) = replica.take(&records[at]) {
            for record in more {
                assert!(admitted.insert(record.id()), "each is admitted once");
            }
        }
    }
    assert_eq!(admitted.len(), replica.session.len());
    replica
}

fn same(left: &Replica, right: &Replica) {
    assert_eq!(left.session.heads(), right.session.heads());
    assert_eq!(left.session.len(), right.session.len());
    assert_eq!(left.session.author_counts(), right.session.author_counts());
    assert_eq!(left.view(), right.view());
    let automerge = |replica: &Replica| replica.session.document().unwrap().heads();
    assert_eq!(automerge(left), automerge(right));
    assert_eq!(left.session.facts(), right.session.facts());
}

/// Automerge, which knows nothing of facts or views, says the same.
fn check_mirror(replica: &Replica) {
    let document = replica.session.document().unwrap();
    let title = replica.view().title;
    assert_eq!(document.title(), title.map(|title| title.as_str().to_owned()));
    assert_eq!(document.heads().len(), replica.session.heads().len());
    let lines = replica.records().iter().filter(|r| crate::rules::is_line(&r.record().payload)).count();
    assert_eq!(document.thread_len(), lines);
}

/// Where a hostile record is to stand: on the heads, on one old record, or on anything.
fn hostile_deps(world: &Replica, all: &[RecordId], seed: u64) -> Vec<RecordId> {
    let pick = |n: usize| scramble(seed, 200 + n);
    let from = |n: usize| all[usize::try_from(pick(n) % all.len() as u64).unwrap()];
    let recent = || all[all.len() - 1 - usize::try_from(pick(7) % all.len().min(5) as u64).unwrap()];
    match pick(3) % 12 {
        0 => vec![from(4)],
        1 => vec![from(4), from(5), from(6)],
        2..=4 => vec![recent()],
        _ => world.heads(),
    }
}

/// Any payload, with names that fit the past of `deps` more often than not.
fn hostile_payload(world: &Replica, deps: &[RecordId], all: &[RecordId], seed: u64, at: usize) -> Payload {
    let pick = |n: usize| scramble(seed, n);
    let some_id = |n: usize| all[usize::try_from(pick(n) % all.len() as u64).unwrap()];
    let session = &world.session;
    let facts = session.facts_at(deps);
    let open = facts.open.iter().next().and_then(|claim| session.entry(claim)?.signed.record().payload.turn());
    let (wild, text) = (pick(1) % 10, format!("{at}"));
    let fresh = u8::try_from(if wild == 0 { pick(2) % 4 } else { at as u64 }).unwrap();
    let prev = match wild {
        1 => Some(some_id(3)),
        2 => None,
        _ => facts.tips.iter().nth(usize::from(pick(4).is_multiple_of(2) && facts.tips.len() > 1)).copied(),
    };
    let mut inside = turn(fresh, prev);
    if let Some(open) = open {
        inside.attempt = open.attempt;
    }
    match pick(5) % 24 {
        0..=3 => message(&text),
        4 => message_as("twice", "the same"),
        5 => crate::testing::answer_to(&text, some_id(5)),
        6 => title(&text),
        7 | 8 => agent_title(&text)(inside),
        9..=12 => claim(turn(fresh, prev)),
        13..=16 => reply(&text)(inside),
        17 => summary(&text)(inside),
        18 | 19 => failure(&text)(inside),
        20 if facts.is_archived() || wild < 3 => Payload::Unarchive {},
        20 => Payload::Archive {},
        21 if facts.is_archived() => Payload::Unarchive {},
        21 => Payload::Stop { attempt: inside.attempt },
        _ => Payload::Retry { attempt: ended(session, seed).unwrap_or(inside.attempt) },
    }
}

/// An attempt that failed somewhere.
fn ended(session: &Session, seed: u64) -> Option<AttemptId> {
    let payloads = session.entries().map(|entry| &entry.signed.record().payload);
    let failed: Vec<AttemptId> = payloads
        .filter(|payload| matches!(payload, Payload::Failure { .. }))
        .filter_map(|payload| Some(payload.turn()?.attempt))
        .collect();
    let count = u64::try_from(failed.len()).unwrap().max(1);
    failed.get(usize::try_from(seed % count).unwrap()).copied()
}

/// One record by an adversary, or by an honest device that forks.
fn hostile(world: &Replica, pool: &[Signed<Verified>], seed: u64, at: usize) -> Signed<Verified> {
    let pick = |n: usize| scramble(seed, 100 + n);
    if pick(1).is_multiple_of(16) {
        return world.workspace.open_by(if at.is_multiple_of(2) { PHONE } else { HOST });
    }
    let all: Vec<RecordId> = pool.iter().map(Signed::id).collect();
    let deps = hostile_deps(world, &all, seed);
    let payload = hostile_payload(world, &deps, &all, seed, at);
    let author = match pick(2) % 24 {
        0 => STRANGER,
        1 => BOB,
        _ if payload.turn().is_some() => HOST,
        2..=9 => PHONE,
        _ => FOUNDER,
    };
    world.workspace.record(author, &deps, payload)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn honest_replicas_converge_and_sealed_lines_stay(
        count in 3..6_usize,
        steps in vec((0..5_usize, any::<u8>()), 20..90),
        seed in any::<u64>(),
    ) {
        let first = Replica::opened();
        let mut replicas: Vec<Replica> = (0..count).map(|_| first.fork()).collect();
        for (n, (at, action)) in steps.into_iter().enumerate() {
            step(&mut replicas, at % count, action, n);
        }
        let records: Vec<_> = replicas.iter().flat_map(Replica::records).collect();
        let late = delivered(&first, &records, seed);
        for replica in &mut replicas {
            let before = replica.view();
            let rest = delivered(&first, &records, seed ^ before.revision);
            replica.pull(&rest);
            check_sealed(&before, &replica.view());
            same(replica, &late);
        }
        oracle::check(&late.session);
        check_mirror(&late);
        assert_eq!(late.view().fork, None);
        for record in late.records() {
            assert!(records.contains(&record));
        }
    }

    #[test]
    fn replicas_converge_whatever_is_written(seeds in vec(any::<u64>(), 20..80), orders in vec(any::<u64>(), 3)) {
        let mut world = Replica::opened();
        let mut pool = world.records();
        for (at, seed) in seeds.into_iter().enumerate() {
            let record = hostile(&world, &pool, seed, at);
            // Some arrive where the others write, some only in the end.
            if seed % 8 != 0 {
                world.take(&record);
            }
            pool.push(record);
        }
        let replicas: Vec<_> = orders.iter().map(|order| delivered(&world, &pool, *order)).collect();
        oracle::check(&replicas[0].session);
        check_mirror(&replicas[0]);
        for other in &replicas[1..] {
            same(&replicas[0], other);
        }
        for record in &pool {
            let admitted = |replica: &Replica| replica.session.entry(&record.id()).is_some();
            assert!(replicas.iter().all(|replica| admitted(replica) == admitted(&replicas[0])));
        }
    }
}
