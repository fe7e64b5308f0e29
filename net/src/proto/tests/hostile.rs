//! Strangers, garbage and floods: they learn nothing, break nothing, and cost no more than the bounds.

use super::model::{WORKSPACE, device, session};
use super::world::World;
use crate::proto::limits::{FRAME_BYTES_MAX, HANDSHAKE_MS, PROGRESS_MS};
use crate::proto::message::{Message, Part, Summary, Tail, decode, encode, tag};
use crate::proto::{DropReason, Have, Input, Output, RefusalCode};

#[test]
fn strangers_learn_nothing() {
    let mut world = World::new(2, 7);
    world.nodes[0].write(session(1), b"secret");
    world.flush(0);
    let stranger = device(9);
    let say = |world: &mut World, frames: &[Message]| {
        let mut said =
            world.nodes[0].proto.handle(Input::Connected { peer: stranger, outbound: false }, 2_000);
        for frame in frames {
            said.extend(
                world.nodes[0].proto.handle(Input::Frame { peer: stranger, bytes: encode(frame) }, 2_000),
            );
        }
        said.retain(|output| !matches!(output, Output::WakeAt(_)));
        said
    };
    assert_eq!(say(&mut world, &[]), [], "who is called by a stranger is silent");
    let hello = |tag, version, version_min| Message::Hello { version, version_min, tag, prove: false };
    for (frame, code) in [
        (hello([0; 32], 1, 1), RefusalCode::WrongWorkspace),
        (hello(tag(&WORKSPACE, &device(0), &stranger), 1, 1), RefusalCode::WrongWorkspace),
        (hello(tag(&WORKSPACE, &stranger, &device(1)), 1, 1), RefusalCode::WrongWorkspace),
        (hello([0; 32], 7, 5), RefusalCode::Version),
        (hello([0; 32], 0, 0), RefusalCode::Version),
    ] {
        let said = say(&mut world, &[frame]);
        let [Output::Send { bytes, .. }, Output::Drop { reason, .. }] = &said[..] else { panic!("{said:?}") };
        assert!(matches!(decode(bytes), Ok(Message::Refused { code: said, .. }) if said == code));
        assert_eq!(*reason, DropReason::RefusedByUs(code));
    }
    for frame in [
        Message::Summary(Summary { roster: [0; 32], root: [0; 32], sessions: 0 }),
        Message::Have { stream: session(1), have: Have::default(), reply: true },
        Message::Index { round: [0; 8], ranges: vec![], last: true },
        Message::Records { token: 1, parts: vec![] },
        Message::Proof { records: vec![] },
        Message::Seek,
        Message::Note { bytes: vec![] },
        Message::Places { places: vec![] },
        Message::Accepted,
    ] {
        let said = say(&mut world, &[frame]);
        assert!(matches!(&said[..], [Output::Drop { reason: DropReason::Broken(_), .. }]), "{said:?}");
    }
    // An ex-member still knows the tag: it gets a hello, and nothing after that without a proof.
    let good = hello(tag(&WORKSPACE, &stranger, &device(0)), 1, 1);
    let said = say(&mut world, &[good, Message::Accepted]);
    let [Output::Send { bytes, .. }] = &said[..] else { panic!("{said:?}") };
    assert!(matches!(decode(bytes), Ok(Message::Hello { prove: true, .. })));
    let late = world.nodes[0].proto.handle(Input::Tick, 2_000 + HANDSHAKE_MS);
    assert!(late.contains(&Output::Drop { peer: stranger, reason: DropReason::NoHandshake }));
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
        encode(&Message::Records { token: 99, parts: vec![] }),
        encode(&Message::Accepted),
        encode(&Message::Places { places: vec![] }),
        encode(&Message::Hello { version: 1, version_min: 1, tag: [0; 32], prove: false }),
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
            let said = world.nodes[0].proto.handle(Input::Frame { peer: device(1), bytes }, world.now_ms);
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
    let have = |n| Message::Have { stream: session(n), have: Have::default(), reply: true };
    let (n, reason) = flood(&mut world, &have);
    assert!(n < 200 && matches!(reason, DropReason::Flooding(_)), "{n} {reason}");
    let records = |n: u64| Message::Records {
        token: n + 1,
        parts: vec![Part { stream: session(n), records: vec![vec![1; 100]], tail: Tail::End }],
    };
    let (n, reason) = flood(&mut world, &records);
    assert!(n == 8 && matches!(reason, DropReason::Flooding(_)), "{n} {reason}");
    let summary = |n: u64| Message::Summary(Summary { roster: [1; 32], root: [2; 32], sessions: n });
    let (n, reason) = flood(&mut world, &summary);
    assert!(n <= 30_000 && matches!(reason, DropReason::Flooding(_)), "{n} {reason}");
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
        if said.contains(&Output::Drop { peer: device(1), reason: DropReason::Stalled }) {
            break;
        }
    }
    assert!(now >= start + 2 * PROGRESS_MS && summaries >= 2, "{summaries}");
}
