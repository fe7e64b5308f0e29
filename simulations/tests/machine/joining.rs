//! Invitations: good once, for a while, at the device that gave them; and a join that is cut off can be repeated.

use starling_node::machine::request::{Answer, Request};

use super::common::{MINUTE, alone, await_answer, over};

fn code(world: &starling_simulations::World) -> &str {
    world.refused_joins.last().map_or("", |(_, code, _)| code.as_str())
}

#[test]
fn an_invitation_is_good_once() {
    over(0..20, |world| {
        let a = alone(world);
        let ticket = world.ticket(a, Some("bob")).unwrap();
        let b = world.add_computer();
        world.join(b, &ticket).unwrap();
        let thief = world.add_computer();
        world.join(thief, &ticket).unwrap_err();
        assert_eq!(code(world), "invite_used");
        world.converge(MINUTE).unwrap();
    });
}

#[test]
fn an_invitation_expires_and_can_be_withdrawn() {
    over(0..20, |world| {
        let a = alone(world);
        let late = world.ticket(a, Some("bob")).unwrap();
        world.run_for(61 * MINUTE);
        let b = world.add_computer();
        world.join(b, &late).unwrap_err();
        assert_eq!(code(world), "invite_expired");
        let Ok(Answer::Invited { ticket, id, .. }) =
            world.ask(a, Request::Invite { handle: None, expires_in_ms: MINUTE })
        else {
            panic!("no invitation")
        };
        world.ask(a, Request::RevokeInvite(id)).unwrap();
        world.join(b, &ticket).unwrap_err();
        assert_eq!(code(world), "invite_unknown");
    });
}

/// Whatever moment either side loses power at, the same key gets the same answer, once.
#[test]
fn a_join_that_was_cut_off_can_be_repeated() {
    over(0..60, |world| {
        let a = alone(world);
        let ticket = world.ticket(a, Some("bob")).unwrap();
        let b = world.add_computer();
        for _ in 0..4 {
            let parsed = ticket.parse().unwrap();
            let (seed, wait) = (world.draw(0, 9), world.draw(0, 150));
            world.start_joining(b, parsed, seed);
            world.run_for(wait);
            if world.draw(0, 1) == 0 {
                world.crash(a);
                world.run_for(200);
                world.start(a);
            }
            if world.nodes[b].store.is_some() {
                break;
            }
            world.crash(b);
        }
        if world.nodes[b].store.is_none() {
            world.join(b, &ticket).unwrap();
        }
        world.converge(MINUTE).unwrap();
        world.run_for(MINUTE);
        let Ok(Answer::Members(members)) = world.ask(a, Request::Members) else { panic!("no members") };
        let bob: Vec<_> = members.iter().filter(|m| m.handle.as_str() == "bob").collect();
        assert_eq!(bob.len(), 1, "{members:?}");
        assert_eq!(bob[0].devices.len(), 1);
        assert!(bob[0].devices[0].online);
    });
}

#[test]
fn a_node_that_is_asked_to_stop_ends_its_turns_first() {
    over(0..30, |world| {
        let a = alone(world);
        world.nodes[a].behaviour = starling_simulations::Behaviour::Hang;
        let id = world.create(a, "scribe", "hello").unwrap();
        let wait = world.draw(0, 300);
        world.run_for(wait);
        assert!(world.shut_down(a));
        world.start(a);
        world.run_for(1_000);
        let view = world.show(a, id).unwrap();
        assert!(view.open_attempts.len() <= 1, "{view:?}");
        world.run_for(1_000);
        assert!(world.shut_down(a));
    });
}

/// Each knows only whom it joined through. That one is lost for good, or revoked: the others have long found each other.
#[test]
fn those_who_joined_through_a_device_that_is_lost_find_each_other() {
    over(0..40, |world| {
        let laptop = world.found("alice");
        let server = world.invite(laptop, None).unwrap();
        let phone = world.invite(laptop, None).unwrap();
        world.host(server, "scribe").unwrap();
        world.converge(MINUTE).unwrap();
        assert!(world.run_until(20_000, |world| world.net.between(server, phone).is_some()));
        let id = world.create(phone, "scribe", "is anybody there?").unwrap();
        world.cut(phone, server);
        world.crash(laptop);
        world.run_for(20_000);
        world.heal(phone, server);
        await_answer(world, phone, id);
        world.agree(&[phone, server], MINUTE).unwrap();
    });
}
