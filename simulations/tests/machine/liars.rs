//! Agents and devices that break the rules: no reply without a title gets past anybody, whoever signs it.

use starling_crdt::id::{AttemptId, RecordId, StreamKey};
use starling_crdt::limits::ROSTER_HEADS_MAX;
use starling_crdt::payload::{Payload, Turn};
use starling_crdt::record::Record;
use starling_crdt::signed::{Signed, Verified, id_of_wire};
use starling_crdt::text::Body;
use starling_crdt::view::{Author, Status};
use starling_node::machine::request::Code;
use starling_simulations::node::Life;
use starling_simulations::{Behaviour, World};

use super::common::{MINUTE, alone, await_answer, await_status, over, pair};

#[test]
fn an_agent_that_sets_no_title_is_asked_once_and_then_fails() {
    over(0..40, |world| {
        let a = alone(world);
        for behaviour in [Behaviour::NoTitle, Behaviour::Silent] {
            world.nodes[a].behaviour = behaviour;
            let id = world.create(a, "scribe", "hello").unwrap();
            await_status(world, a, id, Status::Error);
            let view = world.show(a, id).unwrap();
            let reason = view.last_failed.unwrap().reason;
            assert!(reason.as_str().starts_with("title_missing"), "{reason}");
            assert!(view.lines.iter().all(|line| line.author == Author::Creator));
        }
        // Two replies in each of two prompts, all refused in the same words.
        assert_eq!(world.refusals.len(), 4);
        let plain = |refusal: &starling_node::machine::request::Rejection| {
            refusal.code == Code::QuickSessionTitleRequired
        };
        assert!(world.refusals.iter().all(plain));
        world.nodes[a].behaviour = Behaviour::TitleWhenAsked;
        let id = world.create(a, "scribe", "hello").unwrap();
        await_answer(world, a, id);
        assert_eq!(world.show(a, id).unwrap().lines.len(), 2);
    });
}

#[test]
fn a_crashing_agent_fails_the_turn_and_the_next_session_goes_on() {
    over(0..30, |world| {
        let a = alone(world);
        world.nodes[a].behaviour = Behaviour::Crash;
        let dead = world.create(a, "scribe", "hello").unwrap();
        await_status(world, a, dead, Status::Error);
        world.nodes[a].behaviour = Behaviour::TextOnly;
        let next = world.create(a, "scribe", "hello").unwrap();
        await_answer(world, a, next);
        assert_eq!(world.show(a, next).unwrap().lines.len(), 2);
    });
}

/// What a device of the roster can say with its own key.
pub(super) struct Forger {
    node: usize,
    stream: StreamKey,
    heads: Vec<RecordId>,
    roster: Vec<RecordId>,
}

impl Forger {
    /// The stream's heads as it has them.
    pub(super) fn heads(&self) -> &[RecordId] {
        &self.heads
    }

    pub(super) fn sign(&self, world: &World, deps: &[RecordId], payload: Payload) -> Signed<Verified> {
        let sim = &world.nodes[self.node];
        let record = Record {
            workspace: sim.workspace.unwrap(),
            stream: self.stream,
            author: sim.me,
            roster: self.roster.clone(),
            deps: deps.to_vec(),
            at_ms: world.now_ms(),
            payload,
        };
        Signed::sign(record, &sim.key).unwrap()
    }
}

/// Stops the node and puts a liar with its key and its records in its place.
pub(super) fn possess(world: &mut World, node: usize, stream: StreamKey) -> Forger {
    let sim = &world.nodes[node];
    let last = sim.store.as_ref().unwrap().load_stream(*stream.as_bytes()).unwrap().pop().unwrap().1;
    let heads = vec![id_of_wire(&last).unwrap()];
    let roster = sim.roster().unwrap().heads().iter().copied().collect();
    world.crash(node);
    world.run_for(4_000);
    world.possess(node);
    Forger { node, stream, heads, roster }
}

#[test]
fn a_device_that_breaks_the_gate_is_refused_by_everybody_and_forwarded_by_nobody() {
    over(0..30, |world| {
        let a = world.found("alice");
        let b = world.invite(a, None).unwrap();
        let liar = world.invite(a, None).unwrap();
        world.host(liar, "evil").unwrap();
        world.nodes[liar].behaviour = Behaviour::Hang;
        world.converge(MINUTE).unwrap();
        let id = world.create(a, "evil", "hello").unwrap();
        await_status(world, liar, id, Status::Running);
        world.converge(MINUTE).unwrap();
        let view = world.show(a, id).unwrap();
        let forger = possess(world, liar, view.key);
        let claim = view.processing.as_ref().unwrap();
        let turn = Turn { attempt: claim.attempt, prev: Some(claim.claim) };
        let body = || Body::new("no title, no shame").unwrap();
        let reply = forger.sign(world, &forger.heads, Payload::Reply { turn: turn.clone(), body: body() });
        let after = forger.sign(
            world,
            &[reply.id()],
            Payload::Title {
                title: starling_crdt::text::Title::new("too late").unwrap(),
                turn: Some(Turn { prev: Some(reply.id()), ..turn.clone() }),
            },
        );
        let stranger = Turn { attempt: AttemptId::from_parts(world.now_ms(), 9), prev: Some(claim.claim) };
        let lone = forger.sign(world, &forger.heads, Payload::Reply { turn: stranger, body: body() });
        let human = forger.sign(
            world,
            &forger.heads,
            Payload::Message {
                body: body(),
                request_id: starling_crdt::text::RequestId::new("x").unwrap(),
                reply_to: None,
            },
        );
        let _ = human;
        for forged in [&reply, &after, &lone] {
            let now = world.now_ms();
            let Life::Liar(machine) = &mut world.nodes[liar].life else { panic!("no liar") };
            let said = machine.forge(view.key, forged.wire().to_vec(), now);
            for effect in said {
                world.liar_says(liar, effect);
            }
            world.run_for(20_000);
            world.gossip_from(liar, forged.wire());
            world.gossip_from(liar, &forged.wire()[..40]);
        }
        world.run_for(3 * MINUTE);
        for node in [a, b] {
            for forged in [&reply, &after, &lone] {
                assert!(!world.nodes[node].holds(&forged.id()));
            }
            let view = world.show(node, id).unwrap();
            assert!(view.lines.iter().all(|line| line.author == Author::Creator));
        }
        world.converge(MINUTE).unwrap();
        // The liar took nothing down with it.
        world.host(b, "scribe").unwrap();
        world.converge(MINUTE).unwrap();
        let id = world.create(a, "scribe", "and now a good one").unwrap();
        await_answer(world, a, id);
    });
}

#[test]
fn garbage_in_frames_and_gossip_takes_nothing_down() {
    over(0..30, |world| {
        let (a, b) = pair(world);
        for n in 0..20u8 {
            let length = world.draw(0, 400) as usize;
            let garbage = vec![n.wrapping_mul(37); length];
            world.gossip_from(a, &garbage);
            let peer = world.nodes[b].me;
            world.liar_says(a, starling_node::machine::input::NetEffect::Send { peer, frame: garbage });
            world.run_for(300);
        }
        let id = world.create(a, "scribe", "hello").unwrap();
        world.run_for(3 * MINUTE);
        await_answer(world, a, id);
        world.converge(5 * MINUTE).unwrap();
    });
}

#[test]
fn more_roster_heads_than_a_record_may_name_stop_nobody() {
    over(0..10, |world| {
        let (a, b) = pair(world);
        let roster = world.nodes[a].roster().unwrap();
        let start: Vec<RecordId> = roster.heads().iter().copied().collect();
        // A device of the same member writes on old heads, as often as it likes.
        for n in 0..40 {
            let record = Record {
                workspace: roster.workspace(),
                stream: roster.key(),
                author: world.nodes[b].me,
                roster: Vec::new(),
                deps: start.clone(),
                at_ms: world.now_ms() + n,
                payload: Payload::Merge {},
            };
            let signed = Signed::sign(record, &world.nodes[b].key).unwrap();
            world.hear(a, b, &signed);
        }
        world.run_for(500);
        assert!(world.nodes[a].roster().unwrap().heads().len() > ROSTER_HEADS_MAX);
        let id = world.create(a, "scribe", "still here").unwrap();
        await_answer(world, a, id);
        world.converge(MINUTE).unwrap();
        assert!(world.nodes[b].roster().unwrap().heads().len() <= ROSTER_HEADS_MAX);
    });
}
