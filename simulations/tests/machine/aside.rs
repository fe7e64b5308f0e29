//! Records that do not count, in numbers: they are kept, bounded, passed on by nobody, and taken again when somebody in
//! good standing builds upon them.

use ed25519_dalek::SigningKey;
use starling_crdt::id::{RecordId, SessionId};
use starling_crdt::limits::ASIDE_RECORDS_MAX;
use starling_crdt::payload::Payload;
use starling_crdt::record::Record;
use starling_crdt::roster::Roster;
use starling_crdt::session::{Offer, Session};
use starling_crdt::signed::{Signed, Verified, device_key};
use starling_crdt::text::{Body, RequestId};
use starling_node::store::{Batch, IndexRow, RecordRow};
use starling_simulations::World;

use super::common::{MINUTE, await_answer, over};
use super::revocation::{revoke, says, three, two_apart};

/// A message as a device would have written it upon what it had.
fn back_dated(
    key: &SigningKey,
    roster: &Roster,
    session: &Session,
    n: usize,
    at_ms: u64,
) -> Signed<Verified> {
    let record = Record {
        workspace: roster.workspace(),
        stream: session.key(),
        author: device_key(key),
        roster: roster.heads().iter().copied().collect(),
        deps: session.write_deps(None),
        at_ms,
        payload: Payload::Message {
            body: Body::new(format!("back-dated {n}.")).unwrap(),
            request_id: RequestId::new(format!("back-dated-{n}")).unwrap(),
            reply_to: None,
        },
    };
    Signed::sign(record, key).unwrap()
}

#[test]
fn what_does_not_count_is_kept_and_passed_on_by_nobody() {
    over(0..20, |world| {
        let (laptop, server, phone) = three(world);
        let id = world.create(phone, "scribe", "from the phone").unwrap();
        await_answer(world, phone, id);
        world.converge(2 * MINUTE).unwrap();
        let view = world.show(phone, id).unwrap();
        let sim = &world.nodes[phone];
        let roster = sim.roster().unwrap();
        let session = sim.session(view.key, &roster).unwrap();
        let [before, after] = [0, 1].map(|n| back_dated(&sim.key, &roster, &session, n, world.now_ms()));
        world.crash(phone);
        world.hear(server, phone, &before);
        assert!(world.run_until(5_000, |world| world.nodes[laptop].holds(&before.id())), "passed on");
        revoke(world, laptop, phone, true).unwrap();
        world.agree(&[laptop, server], MINUTE).unwrap();
        world.hear(server, phone, &after);
        world.run_for(2 * MINUTE);
        assert!(world.nodes[server].holds(&after.id()), "kept");
        assert!(!world.nodes[laptop].holds(&after.id()), "passed on");
        assert!(world.nodes[laptop].holds(&before.id()) && says(world, server, id, "back-dated 0."));
        let shown = world.show(server, id).unwrap();
        assert_eq!(shown.aside, 1);
        assert!(world.net.between(laptop, server).is_some(), "nobody is blamed");
        world.agree(&[laptop, server], MINUTE).unwrap();
    });
}

/// Puts messages into a session on a node's disk while it is down: as it would have written them, and much faster.
/// Returns the last.
fn write_many(world: &mut World, node: usize, id: SessionId, count: usize) -> RecordId {
    let key = world.show(node, id).unwrap().key;
    world.crash(node);
    let at_ms = world.now_ms();
    let sim = &mut world.nodes[node];
    sim.open().unwrap();
    let roster = sim.roster().unwrap();
    let mut session = sim.session(key, &roster).unwrap();
    let mut batch = Batch::default();
    // A row that cannot be read is made anew.
    batch.index.push(IndexRow { stream: *key.as_bytes(), row: Vec::new() });
    for (n, position) in (session.len() as u64..).take(count).enumerate() {
        let signed = back_dated(&sim.key, &roster, &session, n, at_ms);
        let (id, wire) = (*signed.id().as_bytes(), signed.wire().to_vec());
        batch.records.push(RecordRow { stream: *key.as_bytes(), position, id, wire, outbox: false });
        assert!(matches!(session.offer(signed, &roster), Offer::Admitted(_)));
    }
    let last = RecordId::from_bytes(batch.records.last().unwrap().id);
    sim.store.as_ref().unwrap().commit(&[batch]).unwrap();
    world.start(node);
    last
}

#[test]
fn more_than_there_is_room_for_comes_again_when_somebody_builds_upon_it() {
    over(0..1, |world| {
        let ([laptop, server, phone, tablet], id) = two_apart(world);
        let last = write_many(world, phone, id, ASIDE_RECORDS_MAX + 40);
        assert!(world.run_until(5 * MINUTE, |world| world.nodes[tablet].holds(&last)));
        world.say(tablet, id, "upon it").unwrap();
        for other in [laptop, server] {
            world.heal(tablet, other);
        }
        world.agree(&[laptop, server, tablet], 10 * MINUTE).unwrap();
        assert!(says(world, laptop, id, "upon it") && says(world, server, id, "back-dated 0."));
        let before: u64 = world.nodes.iter().map(|sim| sim.inputs).sum();
        world.run_for(10 * MINUTE);
        let inputs = world.nodes.iter().map(|sim| sim.inputs).sum::<u64>() - before;
        assert!(inputs < 1_500, "{inputs} inputs in ten quiet minutes");
    });
}

#[test]
fn what_ceased_to_count_is_read_again_however_much_it_is() {
    over(0..1, |world| {
        let (laptop, server, phone) = three(world);
        let id = world.create(laptop, "scribe", "hello").unwrap();
        await_answer(world, laptop, id);
        world.converge(2 * MINUTE).unwrap();
        world.crash(server);
        let last = write_many(world, phone, id, ASIDE_RECORDS_MAX + 40);
        assert!(world.run_until(5 * MINUTE, |world| world.nodes[laptop].holds(&last)));
        world.agree(&[laptop, phone], MINUTE).unwrap();
        revoke(world, laptop, phone, false).unwrap();
        world.start(server);
        world.agree(&[laptop, server], 2 * MINUTE).unwrap();
        world.crash(laptop);
        world.start(laptop);
        let view = world.show(laptop, id).unwrap();
        assert_eq!((view.aside, view.lines.len()), (ASIDE_RECORDS_MAX as u64 + 40, 2));
        world.say(laptop, id, "it goes on").unwrap();
        await_answer(world, laptop, id);
        world.agree(&[laptop, server], 2 * MINUTE).unwrap();
        world.crash(laptop);
        world.start(laptop);
        assert_eq!(world.show(laptop, id).unwrap().lines.len(), 4);
    });
}
