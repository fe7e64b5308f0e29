//! An agent that is handed over: its host begins nothing more once it has let go, so that no turn runs twice; what is
//! asked meanwhile waits for the new host. Should nobody be left who could take it, the old one goes on.

use starling_crdt::id::RecordId;
use starling_crdt::payload::Payload;
use starling_node::machine::request::Request;
use starling_simulations::World;
use starling_simulations::people::profile;

use super::common::{MINUTE, await_answer, over};
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
        world.ask(phone, Request::AddAgent { handle, profile: profile() }).unwrap();
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
