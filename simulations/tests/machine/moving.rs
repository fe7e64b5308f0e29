//! An agent that is handed over: its host begins nothing more once it has let go, so that no turn runs twice; what is
//! asked meanwhile waits for the new host. Should nobody be left who could take it, the old one goes on.

use starling_crdt::id::{Handle, RecordId};
use starling_crdt::payload::Payload;
use starling_crdt::view::Status;
use starling_node::machine::request::{Change, Code, Request};
use starling_simulations::people::profile;
use starling_simulations::{Behaviour, World};

use super::common::{MINUTE, await_answer, await_status, over};
use super::revocation::{revoke, three};

/// The server lets @scribe go, to the phone.
fn hand_over(world: &mut World, server: usize, phone: usize) -> (RecordId, RecordId) {
    let roster = world.nodes[server].roster().unwrap();
    let handle = "scribe".parse().unwrap();
    let agent = *roster.standing().agent_called(&handle).unwrap().0;
    let payload = Payload::Handover { agent, to: world.nodes[phone].me, tips: agent };
    (agent, world.write_roster(server, payload).unwrap())
}

#[test]
fn a_host_that_has_let_its_agent_go_begins_nothing_more() {
    over(0..20, |world| {
        let (laptop, server, phone) = three(world);
        let (agent, handover) = hand_over(world, server, phone);
        world.converge(MINUTE).unwrap();
        let id = world.create(laptop, "scribe", "who is there?").unwrap();
        world.run_for(MINUTE);
        assert!(world.nodes.iter().all(|sim| sim.turns.is_empty()), "somebody began");
        let device = world.nodes[phone].me;
        let taken = Payload::MoveAgent { agent, device, epoch: 2, handover: Some(handover) };
        world.write_roster(phone, taken).unwrap();
        let handle = "scribe".parse().unwrap();
        world.ask(phone, Request::AddAgent { handle, profile: profile(), force: false }).unwrap();
        await_answer(world, laptop, id);
        assert!(world.nodes[server].turns.is_empty() && world.nodes[phone].turns.len() == 1);
        world.converge(MINUTE).unwrap();
    });
}

#[test]
fn what_nobody_can_take_any_more_stays_where_it_is() {
    over(0..20, |world| {
        let (laptop, server, phone) = three(world);
        hand_over(world, server, phone);
        world.converge(MINUTE).unwrap();
        let id = world.create(laptop, "scribe", "who is there?").unwrap();
        world.run_for(MINUTE);
        revoke(world, laptop, phone, true).unwrap();
        await_answer(world, laptop, id);
        world.agree(&[laptop, server], MINUTE).unwrap();
    });
}

/// As a person does it: `agent handover` on the one, `agent add` on the other.
#[test]
fn an_agent_moves_by_handover_once_the_new_host_holds_all_of_it() {
    over(0..20, |world| {
        let (laptop, server, phone) = three(world);
        let first = world.create(laptop, "scribe", "before").unwrap();
        await_answer(world, laptop, first);
        let (handle, to): (Handle, _) = ("scribe".parse().unwrap(), world.nodes[phone].me);
        let add = |force| Request::AddAgent { handle: handle.clone(), profile: profile(), force };
        let refused = world.ask(phone, add(false)).unwrap_err();
        assert_eq!(refused.code, Code::HandleTaken);
        world.ask(server, Request::HandOver { handle: handle.clone(), to }).unwrap();
        let waits = world.create(laptop, "scribe", "in between").unwrap();
        world.converge(MINUTE).unwrap();
        world.ask(phone, add(false)).unwrap();
        await_answer(world, laptop, waits);
        world.converge(MINUTE).unwrap();
        let roster = world.nodes[server].roster().unwrap();
        let agent = roster.standing().agent_called(&handle).unwrap().1;
        assert_eq!((agent.host, agent.epoch), (to, 2));
        assert!(world.show(laptop, first).unwrap().fork.is_none());
        let asked = world.ask(server, Request::HandOver { handle: handle.clone(), to }).unwrap_err();
        assert_eq!(asked.code, Code::QuickSessionInvalidState, "it is no longer its host");
    });
}

/// Its host is gone in the middle of a turn: what it left open fails, and the new host answers from then on.
#[test]
fn an_agent_is_taken_by_force_and_what_was_under_way_is_interrupted() {
    over(0..20, |world| {
        let (laptop, server, phone) = three(world);
        world.nodes[server].behaviour = Behaviour::Hang;
        let id = world.create(laptop, "scribe", "who is there?").unwrap();
        await_status(world, phone, id, Status::Running);
        let handle: Handle = "scribe".parse().unwrap();
        let to = world.nodes[phone].me;
        let busy = world.ask(server, Request::HandOver { handle: handle.clone(), to }).unwrap_err();
        assert_eq!(busy.code, Code::QuickSessionInvalidState);
        world.crash(server);
        world.ask(phone, Request::AddAgent { handle, profile: profile(), force: true }).unwrap();
        await_status(world, laptop, id, Status::Error);
        let failed = world.show(laptop, id).unwrap().last_failed.unwrap();
        assert!(failed.reason.as_str().starts_with("interrupted"), "{failed:?}");
        world.change(laptop, id, Change::Retry).unwrap();
        await_status(world, laptop, id, Status::Active);
        world.start(server);
        world.nodes[server].behaviour = Behaviour::Good;
        world.converge(MINUTE).unwrap();
    });
}

/// The first device that it was handed to may have taken it, where nobody sees it yet.
#[test]
fn an_agent_is_not_handed_to_two_devices() {
    over(0..20, |world| {
        let (laptop, server, phone) = three(world);
        let handle: Handle = "scribe".parse().unwrap();
        let to = |node: usize, world: &World| world.nodes[node].me;
        let hand = |to| Request::HandOver { handle: handle.clone(), to };
        world.ask(server, hand(to(phone, world))).unwrap();
        world.ask(server, hand(to(phone, world))).unwrap();
        let refused = world.ask(server, hand(to(laptop, world))).unwrap_err();
        assert_eq!(refused.code, Code::QuickSessionInvalidState);
        // It can be taken back by force, and then goes elsewhere.
        let add = |force| Request::AddAgent { handle: handle.clone(), profile: profile(), force };
        world.ask(server, add(false)).unwrap();
        world.ask(server, hand(to(laptop, world))).unwrap_err();
        world.ask(server, add(true)).unwrap();
        world.ask(server, hand(to(laptop, world))).unwrap();
        world.converge(MINUTE).unwrap();
        assert_eq!(world.ask(phone, add(false)).unwrap_err().code, Code::HandleTaken);
        world.ask(laptop, add(false)).unwrap();
        let id = world.create(laptop, "scribe", "who is there?").unwrap();
        await_answer(world, laptop, id);
        assert_eq!(world.nodes[laptop].turns.len(), 1);
        world.converge(MINUTE).unwrap();
    });
}
