//! Records of later versions: held as they came, offered again by a version that understands them, and no reason to ask
//! for anything again and again.

use starling_crdt::id::{RecordId, StreamKey};
use starling_crdt::payload::Payload;
use starling_crdt::signed::id_of_wire;
use starling_crdt::text::{Body, RequestId};
use starling_node::machine::request::{Answer, Request};
use starling_node::store::{AsideRow, Batch};
use starling_simulations::World;
use starling_simulations::node::Life;

use super::common::{MINUTE, await_answer, over, pair};
use super::liars::possess;

/// A signed record, by its stream.
type Wire = (StreamKey, Vec<u8>);

/// The same record of a kind that nobody knows yet. Its signature does not fit any more, which nobody can see either.
fn of_kind_200(wire: &[u8]) -> Vec<u8> {
    // An array of ten, the version, then the kind: one byte below 24, else two.
    assert_eq!(wire[..2], [0x8a, 1]);
    let rest = if wire[2] == 0x18 { &wire[4..] } else { &wire[3..] };
    [&[0x8a, 1, 0x18, 200], rest].concat()
}

fn held(world: &World, node: usize) -> Vec<RecordId> {
    let places = world.nodes[node].store.as_ref().unwrap().aside_places().unwrap();
    places.into_iter().map(|(_, id)| RecordId::from_bytes(id)).collect()
}

/// Puts records into the table of what is held, on a node that is down.
fn hold(world: &mut World, node: usize, wires: &[Wire]) {
    let row = |(stream, wire): &Wire| AsideRow::Put {
        stream: *stream.as_bytes(),
        id: *id_of_wire(wire).unwrap().as_bytes(),
        wire: wire.clone(),
    };
    let aside = wires.iter().map(row).collect();
    let sim = &mut world.nodes[node];
    sim.open().unwrap().commit(&[Batch { aside, ..Batch::default() }]).unwrap();
    sim.store = None;
}

/// Two nodes, the second of which was down when the first wrote a roster record and a session that rests on it. Returns
/// what it missed.
fn missed(world: &mut World) -> (usize, usize, starling_crdt::id::SessionId, Vec<Wire>) {
    let (a, b) = pair(world);
    let has = world.nodes[b].records();
    world.crash(b);
    world.cut(a, b);
    world.host(a, "editor").unwrap();
    let id = world.create(a, "editor", "first").unwrap();
    await_answer(world, a, id);
    for n in 0..20 {
        world.say(a, id, &format!("message {n}")).unwrap();
        await_answer(world, a, id);
    }
    let mut wires = Vec::new();
    for (stream, records) in world.nodes[a].records() {
        let known = has.get(&stream).cloned().unwrap_or_default();
        let new = records.into_iter().filter(|(record, _)| !known.contains_key(record));
        wires.extend(new.map(|(_, wire)| (stream, wire)));
    }
    (a, b, id, wires)
}

#[test]
fn what_was_held_for_an_upgrade_is_admitted_at_the_start_and_what_is_later_still_stays() {
    over(0..20, |world| {
        let (a, b, id, mut wires) = missed(world);
        assert!(wires.iter().any(|(stream, _)| *stream == world.nodes[a].workspace.unwrap().roster()));
        let later: Wire = (wires[0].0, of_kind_200(&wires[0].1));
        let mut spoiled = wires[0].clone();
        *spoiled.1.last_mut().unwrap() ^= 1;
        let (count, last) = (wires.len(), id_of_wire(&later.1).unwrap());
        wires.push(later);
        hold(world, b, &wires);
        assert!(count > 64, "more than are read at a time");
        // It may be interrupted at any time, and its disk may fail.
        world.start(b);
        let (ms, fails) = (world.draw(0, 40), world.draw(0, 1) == 1);
        world.run_for(ms);
        if fails {
            world.nodes[b].disk.break_down();
        } else {
            world.crash(b);
            world.start(b);
        }
        world.run_for(20_000);
        assert_eq!(world.show(b, id).unwrap(), world.show(a, id).unwrap());
        assert_eq!(held(world, b), [last]);
        // It is there after the next start too; what has its place already, and what nobody signed, is not.
        world.crash(b);
        let known = wires[1].clone();
        let stranger = (known.0, of_other_bytes(&spoiled.1));
        hold(world, b, &[known, stranger]);
        world.start(b);
        world.run_for(2_000);
        assert_eq!(held(world, b), [last]);
        world.heal(a, b);
        world.converge(5 * MINUTE).unwrap();
        world.agree(&[a, b], MINUTE).unwrap();
    });
}

/// A record that differs from the one that was signed.
fn of_other_bytes(wire: &[u8]) -> Vec<u8> {
    let mut other = wire.to_vec();
    let at = other.len() - 64 - 1;
    other[at] ^= 1;
    other
}

#[test]
fn what_waits_for_its_past_is_held_until_a_peer_brings_that() {
    over(0..20, |world| {
        let (a, b, id, mut wires) = missed(world);
        // Any of the records may be what is missing, also the session's first, or the roster's.
        let lost = world.draw(0, wires.len() as u64 - 1) as usize;
        wires.remove(lost);
        hold(world, b, &wires);
        world.start(b);
        world.run_for(2_000);
        world.heal(a, b);
        world.converge(5 * MINUTE).unwrap();
        assert_eq!(world.show(b, id).unwrap(), world.show(a, id).unwrap());
        assert_eq!(held(world, b), []);
    });
}

/// How many records a node has got from a peer on this connection.
fn received(world: &mut World, node: usize, peer: usize) -> u64 {
    let key = world.nodes[peer].me;
    let Ok(Answer::Status(status)) = world.ask(node, Request::Status) else { panic!("no status") };
    let found = status.peers.iter().find(|info| info.device == key).unwrap();
    assert!(found.connected, "{found:?}");
    found.records.1
}

#[test]
fn a_peer_of_a_newer_version_is_not_asked_for_the_same_again_and_again() {
    over(0..10, |world| {
        let a = world.found("alice");
        let b = world.invite(a, None).unwrap();
        world.host(a, "scribe").unwrap();
        world.converge(MINUTE).unwrap();
        let id = world.create(a, "scribe", "hello").unwrap();
        await_answer(world, a, id);
        world.converge(MINUTE).unwrap();
        let view = world.show(a, id).unwrap();
        let forger = possess(world, b, view.key);
        let message = |text: &str| Payload::Message {
            body: Body::new(text).unwrap(),
            request_id: RequestId::new(text).unwrap(),
            reply_to: None,
        };
        let later = of_kind_200(forger.sign(world, forger.heads(), message("later")).wire());
        let later_id = id_of_wire(&later).unwrap();
        // It goes on from what only a newer version understands.
        let after = forger.sign(world, &[later_id], message("after"));
        for wire in [later, after.wire().to_vec()] {
            let now = world.now_ms();
            let Life::Liar(machine) = &mut world.nodes[b].life else { panic!("no liar") };
            for effect in machine.forge(view.key, wire, now) {
                world.liar_says(b, effect);
            }
        }
        world.run_for(3 * MINUTE);
        assert_eq!(held(world, a), [later_id]);
        let before = received(world, a, b);
        world.run_for(60 * MINUTE);
        assert_eq!(received(world, a, b), before, "nothing changed, and records came again");
        // What changes is compared, once, and the session goes on.
        world.say(a, id, "still here").unwrap();
        await_answer(world, a, id);
        world.run_for(3 * MINUTE);
        let after_change = received(world, a, b);
        world.run_for(60 * MINUTE);
        assert_eq!(received(world, a, b), after_change);
        assert_eq!(held(world, a), [later_id], "it is held once");
        world.crash(a);
        world.start(a);
        world.run_for(5 * MINUTE);
        assert_eq!(held(world, a), [later_id]);
        assert_eq!(world.show(a, id).unwrap().lines.len(), 4);
    });
}
