//! Peers that have let each other in: what they say, how much of it, and that they end up equal.

use std::collections::BTreeSet;

use super::model::{WORKSPACE, device, session};
use super::world::World;
use super::{kind, kinds};
use crate::proto::message::{Message, encode};
use crate::proto::{Input, Output};

/// Random writes, cuts and reconnects; then a time of peace in which all must meet.
fn converges(seed: u64) {
    let n = 2 + (seed % 4) as usize;
    let mut world = World::new(n, seed);
    for _ in 0..400 {
        let (a, b) = (world.random(n as u64) as usize, world.random(n as u64) as usize);
        match world.random(12) {
            0..3 => {
                let stream = session(world.random(40));
                let size = if world.random(30) == 0 { 60_000 } else { world.random(400) as usize };
                world.nodes[a].write(stream, &vec![7; size]);
            }
            3 if a != b && world.is_linked(a, b) => world.cut(a, b),
            4..6 if a != b && !world.is_linked(a, b) => world.connect(a, b),
            _ => {
                for _ in 0..world.random(30) {
                    world.step();
                }
            }
        }
    }
    for a in 0..n {
        let b = (a + 1) % n;
        if a != b && !world.is_linked(a, b) {
            world.connect(a, b);
        }
    }
    world.run_for(60_000);
    assert!(world.all_equal(), "seed {seed}: replicas differ");
    assert!(world.nodes.iter().all(|node| node.proto.all_in_step()), "seed {seed}: not in step");
    assert_eq!(world.drops, [], "seed {seed}: honest peers are not dropped");
}

#[test]
fn replicas_converge_whatever_is_cut_and_when() {
    for seed in 0..150 {
        converges(seed);
    }
}

#[test]
fn one_direction_of_a_first_catch_up_moves_all() {
    for (from, to) in [(0, 1), (1, 0)] {
        let mut world = World::new(2, 5);
        for n in 0..1_000 {
            for _ in 0..5 {
                world.nodes[from].write(session(n), &[3; 150]);
            }
        }
        world.connect(from, to);
        world.run_for(5_000);
        assert!(world.all_equal());
        let frames = kinds(&world, 0);
        let records = frames.iter().filter(|kind| **kind == "records").count();
        assert!(records <= 8, "{records} frames for 1.1 MB in 1,000 sessions");
        let bytes: usize = world.since(0).iter().map(|(_, _, bytes, _)| bytes).sum();
        assert!(bytes < 5_000 * 218 * 6 / 5, "{bytes} bytes");
    }
}

#[test]
fn a_long_session_comes_in_portions() {
    let mut world = World::new(2, 1);
    for _ in 0..60 {
        world.nodes[0].write(session(1), &[1; 60_000]);
    }
    world.connect(1, 0);
    world.run_for(10_000);
    assert!(world.all_equal() && world.nodes[1].proto.all_in_step());
    let status = &world.nodes[1].proto.peers()[0];
    assert_eq!((status.received_records, status.pending_streams), (60, 0));
    let rounds = kinds(&world, 0).iter().filter(|kind| **kind == "index").count();
    assert!(rounds <= 2, "each portion asks for the next one, without a new comparison: {rounds}");
}

/// The world checks the window at every frame; here many large answers are ready before the first one is acknowledged.
#[test]
fn large_answers_wait_for_the_window() {
    let mut world = World::new(2, 1);
    for n in 0..40 {
        for _ in 0..7 {
            world.nodes[0].write(session(n), &[1; 60_000]);
        }
    }
    world.connect(1, 0);
    world.run_for(10_000);
    assert!(world.all_equal() && world.nodes[1].proto.all_in_step());
}

#[test]
fn nothing_changed_costs_one_small_frame_each_way() {
    let mut world = World::new(2, 3);
    for n in 0..2_000 {
        world.nodes[0].write(session(n), b"x");
    }
    world.nodes[1].streams = world.nodes[0].streams.clone();
    for n in 0..2_000 {
        world.nodes[1].announce(session(n));
    }
    world.connect(0, 1);
    world.run_for(1_000);
    assert!(world.nodes[0].proto.all_in_step() && world.nodes[1].proto.all_in_step());
    let expected = ["accepted", "accepted", "hello", "hello", "summary", "summary"];
    let mut said = kinds(&world, 0);
    said.sort_unstable();
    assert_eq!(said, expected);
    assert!(world.since(0).iter().map(|(_, _, bytes, _)| bytes).sum::<usize>() < 500);
    let mark = world.sent.len();
    world.run_for(180_000);
    let quiet = world.since(mark);
    assert!((6..=12).contains(&quiet.len()), "an interval of 30 to 60 s: {}", quiet.len());
    assert!(quiet.iter().all(|(_, _, bytes, message)| *bytes < 100 && kind(message) == "summary"));
}

#[test]
fn one_of_ten_thousand_sessions_is_found_with_two_kilobytes() {
    for writer in [0, 1] {
        let mut world = World::new(2, 3);
        for n in 0..10_000 {
            world.nodes[0].write(session(n), b"x");
        }
        world.nodes[1].streams = world.nodes[0].streams.clone();
        for n in 0..10_000 {
            world.nodes[1].announce(session(n));
        }
        world.nodes[writer].write(session(77), &[1; 200]);
        world.connect(0, 1);
        world.run_for(3_000);
        assert!(world.all_equal() && world.nodes.iter().all(|node| node.proto.all_in_step()));
        let sent = world.since(0).iter().filter(|(.., message)| kind(message) != "records");
        let bytes: usize = sent.map(|(_, _, bytes, _)| bytes).sum();
        assert!(bytes < 2_500, "{bytes} bytes, handshake and last summaries included");
    }
}

#[test]
fn a_change_is_told_soon_and_fetched() {
    let mut world = World::new(2, 9);
    world.connect(0, 1);
    world.run_for(1_000);
    for writer in [0, 1] {
        world.nodes[writer].write(session(1), b"hello");
        let start = world.now_ms;
        while !world.all_equal() {
            world.run_for(10);
            assert!(world.now_ms < start + 1_000);
        }
        world.run_for(2_000);
        assert!(world.nodes.iter().all(|node| node.proto.all_in_step()));
    }
    let in_step = |output: &&Output| matches!(output, Output::InStep { in_step: true, .. });
    assert!(world.nodes[0].seen.iter().filter(in_step).count() >= 3);
}

#[test]
fn the_roster_goes_first() {
    let mut world = World::new(3, 2);
    world.nodes[0].revoke(device(2));
    for n in 0..50 {
        world.nodes[0].write(session(n), b"x");
        world.nodes[1].write(session(n + 25), b"y");
    }
    world.connect(1, 0);
    world.run_for(5_000);
    let roster = WORKSPACE.roster();
    let place = |what: &dyn Fn(&Message) -> bool| world.sent.iter().position(|(.., message)| what(message));
    let index = place(&|message| matches!(message, Message::Index { .. })).unwrap();
    let fetched = place(&|message| match message {
        Message::Records { parts, .. } => parts.iter().any(|p| p.stream == roster && !p.records.is_empty()),
        _ => false,
    });
    assert!(fetched.unwrap() < index);
    let early = world.sent[..index].iter().any(|(.., message)| match message {
        Message::Have { stream, .. } => *stream != roster,
        Message::Records { parts, .. } => parts.iter().any(|part| part.stream != roster),
        _ => false,
    });
    assert!(!early, "no session is spoken of under unequal rosters");
    assert!(world.nodes[0].streams == world.nodes[1].streams);
}

#[test]
fn a_pair_that_stays_unequal_rests() {
    for stubborn in [0, 1] {
        for stream in [session(1), WORKSPACE.roster()] {
            let mut world = World::new(2, 4);
            world.nodes[1 - stubborn].write(stream, &[9; 40]);
            world.nodes[stubborn].rejects = Some(stream);
            world.connect(0, 1);
            world.run_for(20_000);
            let mark = world.sent.len();
            world.run_for(600_000);
            assert!(kinds(&world, mark).iter().all(|kind| *kind == "summary"), "{:?}", kinds(&world, mark));
            let status = &world.nodes[0].proto.peers()[0];
            assert!(!status.in_step && status.reason.unwrap().contains("brought nothing new"), "{status:?}");
            world.nodes[stubborn].rejects = None;
            world.input(0, Input::SyncNow);
            world.run_for(5_000);
            assert!(world.all_equal() && world.nodes[0].proto.all_in_step());
        }
    }
}

#[test]
fn missing_deps_are_asked_for_at_once() {
    let mut world = World::new(2, 17);
    world.connect(0, 1);
    world.run_for(1_000);
    world.nodes[0].write(session(1), b"one");
    let second = world.nodes[0].write(session(1), b"two");
    world.nodes[0].todo.clear();
    assert!(world.nodes[1].offer(&second), "came by gossip, ahead of what it needs");
    let mark = world.sent.len();
    world.input(1, Input::NeedDeps { peer: device(0), stream: session(1) });
    world.run_for(100);
    assert_eq!(kinds(&world, mark)[..3], ["have", "records", "ack"]);
    assert_eq!(world.nodes[1].streams, world.nodes[0].streams);
}

#[test]
fn the_same_inputs_give_the_same_words() {
    let run = || {
        let mut world = World::new(3, 18);
        for n in 0..30 {
            world.nodes[n % 3].write(session(n as u64), b"x");
        }
        world.connect(0, 1);
        world.connect(1, 2);
        world.run_for(100_000);
        world.sent.iter().map(|(from, to, _, message)| (*from, *to, encode(message))).collect::<Vec<_>>()
    };
    assert_eq!(run(), run());
    let times: BTreeSet<_> = run().into_iter().map(|(from, ..)| from).collect();
    assert_eq!(times.len(), 3);
}

/// Two sides of a partition, each with sessions that the other lacks and some that both wrote to, and then a full mesh.
#[test]
fn a_healed_partition_moves_what_was_missing_about_once() {
    let mut world = World::new(5, 21);
    let write = |world: &mut World, nodes: &[usize], sessions: std::ops::Range<u64>| {
        for n in sessions {
            let writer = nodes[n as usize % nodes.len()];
            for _ in 0..10 {
                let record = world.nodes[writer].write(session(n), &[writer as u8; 200]);
                for other in nodes.iter().filter(|other| **other != writer) {
                    assert!(world.nodes[*other].offer(&record));
                    world.nodes[*other].announce(session(n));
                }
            }
        }
    };
    write(&mut world, &[0, 1], 0..300);
    write(&mut world, &[2, 3, 4], 200..500);
    for a in 0..5 {
        for b in a + 1..5 {
            world.connect(a, b);
        }
    }
    world.run_for(20_000);
    assert!(world.all_equal() && world.nodes.iter().all(|node| node.proto.all_in_step()));
    let missing = 3_000 * 268 * 5;
    let bytes: usize = world.sent.iter().map(|(_, _, bytes, _)| bytes).sum();
    assert!(bytes < missing * 3 / 2, "{bytes} bytes for {missing} that were missing");
}
