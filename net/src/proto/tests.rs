//! Whole conversations between machines, without any IO: they converge whatever is cut and when, say little when nothing
//! changed, tell strangers nothing, and never hold more than their bounds.

mod model;
mod world;

use std::collections::BTreeSet;

use model::{InviteState, WORKSPACE, device, session};
use world::World;

use super::limits::{FRAME_BYTES_MAX, HANDSHAKE_MS, PROGRESS_MS};
use super::message::{Message, Summary, encode, tag};
use super::{DropReason, Have, Input, Output, RefusalCode};

fn kind(message: &Message) -> &'static str {
    match message {
        Message::Hello { .. } => "hello",
        Message::Join { .. } => "join",
        Message::Proof { .. } => "proof",
        Message::Welcome { .. } => "welcome",
        Message::Refused { .. } => "refused",
        Message::Accepted => "accepted",
        Message::Summary(_) => "summary",
        Message::Index { .. } => "index",
        Message::Have { .. } => "have",
        Message::Records { .. } => "records",
        Message::Ack { .. } => "ack",
        Message::Bye { .. } => "bye",
    }
}

fn kinds(world: &World, mark: usize) -> Vec<&'static str> {
    world
        .since(mark)
        .iter()
        .map(|(.., message)| kind(message))
        .collect()
}

/// Random writes, cuts and reconnects; then a time of peace in which all must meet.
fn converges(seed: u64) {
    let n = 2 + (seed % 4) as usize;
    let mut world = World::new(n, seed);
    for _ in 0..400 {
        let (a, b) = (world.random(n as u64) as usize, world.random(n as u64) as usize);
        match world.random(12) {
            0..3 => {
                let stream = session(world.random(40));
                let size = if world.random(30) == 0 {
                    60_000
                } else {
                    world.random(400) as usize
                };
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
    assert!(
        world.nodes.iter().all(|node| node.proto.all_in_step()),
        "seed {seed}: not in step"
    );
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
    assert!(
        (6..=12).contains(&quiet.len()),
        "an interval of 30 to 60 s: {}",
        quiet.len()
    );
    assert!(
        quiet
            .iter()
            .all(|(_, _, bytes, message)| *bytes < 100 && kind(message) == "summary")
    );
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
        let sent = world
            .since(0)
            .iter()
            .filter(|(.., message)| kind(message) != "records");
        let bytes: usize = sent.map(|(_, _, bytes, _)| bytes).sum();
        assert!(
            bytes < 2_500,
            "{bytes} bytes, handshake and last summaries included"
        );
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
            assert!(
                kinds(&world, mark).iter().all(|kind| *kind == "summary"),
                "{:?}",
                kinds(&world, mark)
            );
            let status = &world.nodes[0].proto.peers()[0];
            assert!(
                !status.in_step && status.reason.unwrap().contains("brought nothing new"),
                "{status:?}"
            );
            world.nodes[stubborn].rejects = None;
            world.input(0, Input::SyncNow);
            world.run_for(5_000);
            assert!(world.all_equal() && world.nodes[0].proto.all_in_step());
        }
    }
}

#[test]
fn a_newcomer_proves_itself_to_who_was_offline() {
    for caller in [1, 2] {
        let mut world = World::strangers(3, 8);
        world.nodes[0].admit(device(0));
        world.nodes[0].admit(device(1));
        world.nodes[1].streams = world.nodes[0].streams.clone();
        world.nodes[1].announce(WORKSPACE.roster());
        world.nodes[0].admit(device(2));
        world.nodes[2].streams = world.nodes[0].streams.clone();
        world.nodes[2].announce(WORKSPACE.roster());
        world.nodes[1].write(session(1), b"from one");
        world.connect(caller, 3 - caller);
        world.run_for(5_000);
        assert_eq!(world.nodes[1].streams, world.nodes[2].streams, "caller {caller}");
        assert_eq!(world.drops, []);
        assert!(world.nodes[1].proto.all_in_step());
    }
}

#[test]
fn two_newcomers_meet_without_the_node_that_admitted_them() {
    let mut world = World::strangers(3, 8);
    for newcomer in [1, 2] {
        let mut admin = model::Node::new(3 + newcomer);
        admin.admit(device(3 + newcomer));
        admin.admit(device(newcomer));
        world.nodes[newcomer].streams = admin.streams.clone();
        world.nodes[newcomer].announce(WORKSPACE.roster());
    }
    world.connect(1, 2);
    world.run_for(5_000);
    assert_eq!(world.nodes[1].streams, world.nodes[2].streams);
    assert!(world.nodes[1].proto.all_in_step() && world.drops.is_empty());
}

#[test]
fn a_revoked_device_is_dropped_and_learns_why() {
    let mut world = World::new(2, 6);
    world.connect(1, 0);
    world.run_for(1_000);
    let revocation = world.nodes[0].revoke(device(1));
    world.run_for(100);
    assert_eq!(world.drops[0], (0, 1, DropReason::NotAllowed));
    world.run_for(100);
    world.connect(1, 0);
    world.run_for(1_000);
    let told = world.nodes[1].seen.iter().rev().find_map(|output| match output {
        Output::Refused { code, records, .. } => Some((*code, records.clone())),
        _ => None,
    });
    assert_eq!(told, Some((RefusalCode::Revoked, vec![revocation])));
    assert!(world.nodes[0].proto.peers().is_empty() && world.nodes[1].proto.peers().is_empty());
}

#[test]
fn strangers_learn_nothing() {
    let mut world = World::new(2, 7);
    world.nodes[0].write(session(1), b"secret");
    world.flush(0);
    let stranger = device(9);
    let say = |world: &mut World, frames: &[Message]| {
        let mut said = world.nodes[0].proto.handle(
            Input::Connected {
                peer: stranger,
                outbound: false,
            },
            2_000,
        );
        for frame in frames {
            said.extend(world.nodes[0].proto.handle(
                Input::Frame {
                    peer: stranger,
                    bytes: encode(frame),
                },
                2_000,
            ));
        }
        said.retain(|output| !matches!(output, Output::WakeAt(_)));
        said
    };
    assert_eq!(say(&mut world, &[]), [], "who is called by a stranger is silent");
    let hello = |tag, version, version_min| Message::Hello {
        version,
        version_min,
        tag,
        prove: false,
    };
    for (frame, code) in [
        (hello([0; 32], 1, 1), RefusalCode::WrongWorkspace),
        (
            hello(tag(&WORKSPACE, &device(0), &stranger), 1, 1),
            RefusalCode::WrongWorkspace,
        ),
        (
            hello(tag(&WORKSPACE, &stranger, &device(1)), 1, 1),
            RefusalCode::WrongWorkspace,
        ),
        (hello([0; 32], 7, 5), RefusalCode::Version),
        (hello([0; 32], 0, 0), RefusalCode::Version),
    ] {
        let said = say(&mut world, &[frame]);
        let [Output::Send { bytes, .. }, Output::Drop { reason, .. }] = &said[..] else {
            panic!("{said:?}")
        };
        assert!(
            matches!(super::message::decode(bytes), Ok(Message::Refused { code: said, .. }) if said == code)
        );
        assert_eq!(*reason, DropReason::RefusedByUs(code));
    }
    for frame in [
        Message::Summary(Summary {
            roster: [0; 32],
            root: [0; 32],
            sessions: 0,
        }),
        Message::Have {
            stream: session(1),
            have: Have::default(),
            reply: true,
        },
        Message::Index {
            round: [0; 8],
            ranges: vec![],
            last: true,
        },
        Message::Records {
            token: 1,
            parts: vec![],
        },
        Message::Proof { records: vec![] },
        Message::Accepted,
    ] {
        let said = say(&mut world, &[frame]);
        assert!(
            matches!(
                &said[..],
                [Output::Drop {
                    reason: DropReason::Broken(_),
                    ..
                }]
            ),
            "{said:?}"
        );
    }
    // An ex-member still knows the tag: it gets a hello, and nothing after that without a proof.
    let good = hello(tag(&WORKSPACE, &stranger, &device(0)), 1, 1);
    let said = say(&mut world, &[good, Message::Accepted]);
    let [Output::Send { bytes, .. }] = &said[..] else {
        panic!("{said:?}")
    };
    assert!(matches!(
        super::message::decode(bytes),
        Ok(Message::Hello { prove: true, .. })
    ));
    let late = world.nodes[0].proto.handle(Input::Tick, 2_000 + HANDSHAKE_MS);
    assert!(late.contains(&Output::Drop {
        peer: stranger,
        reason: DropReason::NoHandshake
    }));
}

#[test]
fn garbage_ends_a_conversation_and_nothing_else() {
    let mut world = World::new(3, 11);
    world.nodes[0].write(session(1), b"x");
    world.connect(1, 0);
    world.run_for(1_000);
    let frames: Vec<Vec<u8>> = vec![
        vec![],
        vec![0xff; 40],
        vec![0; FRAME_BYTES_MAX + 1],
        encode(&Message::Ack { token: 99 }),
        encode(&Message::Records {
            token: 99,
            parts: vec![],
        }),
        encode(&Message::Accepted),
        encode(&Message::Hello {
            version: 1,
            version_min: 1,
            tag: [0; 32],
            prove: false,
        }),
    ];
    world.connect(2, 0);
    for frame in frames {
        world.run_for(1_000);
        let dropped = world.drops.len();
        world.forge(2, 0, frame);
        assert_eq!(world.drops.len(), dropped + 1);
        world.run_for(100);
        world.connect(2, 0);
    }
    world.run_for(1_000);
    assert!(world.all_equal() && world.nodes[0].proto.all_in_step());
    assert!(world.drops.iter().all(|(from, to, _)| (*from, *to) == (0, 2)));
}

#[test]
fn a_peer_cannot_make_us_hold_more_than_the_bounds() {
    let mut world = World::new(2, 12);
    world.connect(0, 1);
    world.run_for(1_000);
    let flood = |world: &mut World, frame: &dyn Fn(u64) -> Message| {
        for n in 0..2_000_000 {
            world.nodes[0].todo.clear();
            let bytes = encode(&frame(n));
            let said = world.nodes[0].proto.handle(
                Input::Frame {
                    peer: device(1),
                    bytes,
                },
                world.now_ms,
            );
            if let Some(Output::Drop { reason, .. }) =
                said.into_iter().find(|o| matches!(o, Output::Drop { .. }))
            {
                world.cut(0, 1);
                world.run_for(1_000);
                world.connect(0, 1);
                world.run_for(1_000);
                return (n, reason);
            }
        }
        panic!("nothing stopped the flood");
    };
    let have = |n| Message::Have {
        stream: session(n),
        have: Have::default(),
        reply: true,
    };
    let (n, reason) = flood(&mut world, &have);
    assert!(
        n < 200 && matches!(reason, DropReason::Flooding(_)),
        "{n} {reason}"
    );
    let records = |n: u64| Message::Records {
        token: n + 1,
        parts: vec![super::message::Part {
            stream: session(n),
            records: vec![vec![1; 100]],
            tail: super::message::Tail::End,
        }],
    };
    let (n, reason) = flood(&mut world, &records);
    assert!(
        n == 8 && matches!(reason, DropReason::Flooding(_)),
        "{n} {reason}"
    );
    let summary = |n: u64| {
        Message::Summary(Summary {
            roster: [1; 32],
            root: [2; 32],
            sessions: n,
        })
    };
    let (n, reason) = flood(&mut world, &summary);
    assert!(
        n <= 30_000 && matches!(reason, DropReason::Flooding(_)),
        "{n} {reason}"
    );
}

#[test]
fn a_peer_that_answers_nothing_is_asked_again_and_then_dropped() {
    let mut world = World::new(2, 13);
    world.connect(0, 1);
    world.run_for(1_000);
    let bytes = encode(&Message::Summary(Summary {
        roster: world.nodes[0].digest(WORKSPACE.roster()),
        root: [1; 32],
        sessions: 3,
    }));
    world.forge(1, 0, bytes);
    let mut summaries = 0;
    let start = world.now_ms;
    let mut now = start;
    loop {
        now += 1_000;
        assert!(now < start + 3 * PROGRESS_MS);
        let said = world.nodes[0].proto.handle(Input::Tick, now);
        summaries += said.iter().filter(|o| matches!(o, Output::Send { .. })).count();
        if said.contains(&Output::Drop {
            peer: device(1),
            reason: DropReason::Stalled,
        }) {
            break;
        }
    }
    assert!(now >= start + 2 * PROGRESS_MS && summaries >= 2, "{summaries}");
}

#[test]
fn an_invite_opens_the_door_once() {
    let mut world = World::strangers(4, 14);
    world.nodes[0].admit(device(0));
    world.nodes[0].write(session(1), b"x");
    world.nodes[0].invites.insert([1; 32], InviteState::Open);
    world.nodes[0].invites.insert([2; 32], InviteState::Expired);
    let join = |world: &mut World, n: usize, secret: [u8; 32]| {
        if world.is_linked(n, 0) {
            world.cut(n, 0);
        }
        world.nodes[n].seen.clear();
        world.input(
            n,
            Input::Join {
                peer: device(0),
                secret,
                label: "phone".into(),
            },
        );
        world.connect(n, 0);
        world.run_for(3_000);
        let refused = world.nodes[n].seen.iter().find_map(|output| match output {
            Output::Refused { code, .. } => Some(*code),
            _ => None,
        });
        refused.map_or(Ok(()), Err)
    };
    assert_eq!(join(&mut world, 1, [9; 32]), Err(RefusalCode::InviteUnknown));
    assert_eq!(join(&mut world, 1, [2; 32]), Err(RefusalCode::InviteExpired));
    assert_eq!(join(&mut world, 1, [1; 32]), Ok(()));
    assert!(world.nodes[1].proto.all_in_step() && world.nodes[0].streams == world.nodes[1].streams);
    assert_eq!(join(&mut world, 2, [1; 32]), Err(RefusalCode::InviteUsed));
    assert_eq!(
        join(&mut world, 1, [1; 32]),
        Ok(()),
        "the same device gets the same answer"
    );
    assert!(world.nodes[1].proto.peers()[0].accepted);
    world.nodes[1].write(session(2), b"y");
    world.run_for(3_000);
    assert!(world.nodes[0].streams == world.nodes[1].streams);
}

#[test]
fn a_large_roster_is_welcomed_in_parts() {
    let mut world = World::strangers(2, 15);
    world.nodes[0].admit(device(0));
    for n in 0..5_000_u32 {
        let key = *blake3::hash(&n.to_be_bytes()).as_bytes();
        world.nodes[0].admit(starling_crdt::id::DeviceKey::from_bytes(key));
    }
    world.nodes[0].invites.insert([1; 32], InviteState::Open);
    world.input(
        1,
        Input::Join {
            peer: device(0),
            secret: [1; 32],
            label: "x".repeat(500),
        },
    );
    world.connect(1, 0);
    world.run_for(3_000);
    assert!(kinds(&world, 0).iter().filter(|kind| **kind == "welcome").count() > 1);
    assert!(world.all_equal() && world.nodes[1].proto.all_in_step());
}

#[test]
fn pause_ends_all_conversations_and_resume_allows_new_ones() {
    let mut world = World::new(3, 16);
    world.connect(0, 1);
    world.connect(2, 0);
    world.run_for(1_000);
    world.input(0, Input::Pause);
    assert!(world.nodes[0].proto.is_paused() && world.nodes[0].proto.peers().is_empty());
    world.run_for(1_000);
    let mut drops = world.drops.clone();
    drops.sort_by_key(|(from, to, _)| (*from, *to));
    let expected = [
        (0, 1, DropReason::Paused),
        (0, 2, DropReason::Paused),
        (1, 0, DropReason::PeerPaused),
        (2, 0, DropReason::PeerPaused),
    ];
    assert_eq!(drops, expected);
    let refused = world.nodes[0].proto.handle(
        Input::Connected {
            peer: device(1),
            outbound: false,
        },
        9_000,
    );
    assert!(refused.contains(&Output::Drop {
        peer: device(1),
        reason: DropReason::Paused
    }));
    world.input(0, Input::Resume);
    world.nodes[1].write(session(5), b"while paused");
    world.connect(0, 1);
    world.run_for(3_000);
    assert_eq!(world.nodes[0].streams, world.nodes[1].streams);
}

#[test]
fn missing_deps_are_asked_for_at_once() {
    let mut world = World::new(2, 17);
    world.connect(0, 1);
    world.run_for(1_000);
    world.nodes[0].write(session(1), b"one");
    let second = world.nodes[0].write(session(1), b"two");
    world.nodes[0].todo.clear();
    assert!(
        world.nodes[1].offer(&second),
        "came by gossip, ahead of what it needs"
    );
    let mark = world.sent.len();
    world.input(
        1,
        Input::NeedDeps {
            peer: device(0),
            stream: session(1),
        },
    );
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
        world
            .sent
            .iter()
            .map(|(from, to, _, message)| (*from, *to, encode(message)))
            .collect::<Vec<_>>()
    };
    assert_eq!(run(), run());
    let times: BTreeSet<_> = run().into_iter().map(|(from, ..)| from).collect();
    assert_eq!(times.len(), 3);
}
