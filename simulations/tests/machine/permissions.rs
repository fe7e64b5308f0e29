//! What an agent does is told to the creator's other devices, and permission requests are answered from there where the
//! host's policy says so: only by a device of the creator, and only while they are open.

use starling_crdt::id::{Handle, SessionId};
use starling_crdt::view::Status;
use starling_node::machine::activity::{Doing, PermissionInfo};
use starling_node::machine::input::{Input, TurnInput};
use starling_node::machine::policy::{AgentPolicy, Permissions};
use starling_node::machine::request::{Answer, Code, Request};
use starling_simulations::people::profile;
use starling_simulations::{Behaviour, World};

use super::common::{MINUTE, await_status, over};

const REQUEST: u64 = 7;

/// Alice's laptop (0), her server (1), which hosts @scribe with this policy, and bob's computer (2). The agent is at work
/// in a session that the laptop opened, and says what it does.
fn at_work(world: &mut World, permissions: Permissions) -> SessionId {
    let laptop = world.found("alice");
    let server = world.invite(laptop, None).unwrap();
    let bob = world.invite(laptop, Some("bob")).unwrap();
    let handle: Handle = "scribe".parse().unwrap();
    let mut profile = profile();
    profile.policy = AgentPolicy { permissions, ..AgentPolicy::DEFAULT };
    world.ask(server, Request::AddAgent { handle, profile, force: false }).unwrap();
    world.converge(MINUTE).unwrap();
    world.nodes[server].behaviour = Behaviour::Hang;
    let id = world.create(laptop, "scribe", "please clean up").unwrap();
    await_status(world, server, id, Status::Running);
    await_status(world, bob, id, Status::Running);
    await_status(world, laptop, id, Status::Running);
    report(world, TurnInput::Doing(vec![Doing::Text { text: "let me see".to_owned() }]));
    report(world, TurnInput::Asked { request: REQUEST, title: "rm -rf build".to_owned() });
    world.run_for(1_000);
    id
}

/// The runner of the server's turn reports.
fn report(world: &mut World, event: TurnInput) {
    let attempt = *world.nodes[1].turns.keys().next().unwrap();
    world.give(1, Input::Turn { attempt, event });
}

fn open(world: &mut World, node: usize) -> Vec<PermissionInfo> {
    match world.ask(node, Request::Permissions) {
        Ok(Answer::Permissions(open)) => open,
        other => panic!("{other:?}"),
    }
}

fn told(world: &World, node: usize) -> usize {
    world.nodes[node].activity.len()
}

fn permitted(world: &World) -> Vec<(u64, bool)> {
    world.nodes[1].permitted.clone()
}

#[test]
fn the_creator_hears_what_the_agent_does_and_nobody_else() {
    over(0..10, |world| {
        at_work(world, Permissions::Host);
        assert!(told(world, 0) >= 2 && told(world, 2) == 0);
        let seen = open(world, 0);
        assert_eq!((seen.len(), seen[0].title.as_str(), seen[0].can_answer), (1, "rm -rf build", false));
        assert!(open(world, 2).is_empty());
        report(world, TurnInput::Answered { request: REQUEST, allowed: true });
        world.run_for(1_000);
        assert!(open(world, 0).is_empty() && open(world, 1).is_empty());
    });
}

#[test]
fn a_request_is_answered_at_the_host_or_where_its_policy_permits_by_the_creator() {
    for (permissions, from_afar) in [(Permissions::Host, false), (Permissions::Creator, true)] {
        over(0..10, |world| {
            let session = at_work(world, permissions);
            let permit = |allow| Request::Permit { session, request: REQUEST, allow };
            assert_eq!(open(world, 0)[0].can_answer, from_afar);
            let asked = world.ask(0, permit(true));
            world.run_for(1_000);
            if from_afar {
                asked.unwrap();
                assert_eq!(permitted(world), [(REQUEST, true)]);
            } else {
                assert_eq!(asked.unwrap_err().code, Code::QuickSessionForbidden);
                assert_eq!(permitted(world), []);
                world.ask(1, permit(false)).unwrap();
                assert_eq!(permitted(world), [(REQUEST, false)]);
            }
            assert_eq!(world.ask(2, permit(true)).unwrap_err().code, Code::NotFound);
            let other = Request::Permit { session, request: 8, allow: true };
            assert_eq!(world.ask(0, other).unwrap_err().code, Code::NotFound);
        });
    }
}

#[test]
fn a_device_that_comes_back_hears_of_what_is_open_and_of_nothing_that_is_over() {
    over(0..10, |world| {
        let session = at_work(world, Permissions::Creator);
        world.crash(0);
        world.start(0);
        world.run_for(MINUTE);
        assert_eq!(open(world, 0).len(), 1);
        world.change(0, session, starling_node::machine::request::Change::Stop).unwrap();
        world.run_for(MINUTE);
        assert!((0..3).all(|node| open(world, node).is_empty()));
        world.converge(MINUTE).unwrap();
    });
}

/// Alice's laptop (0), devices between, and her server (the last), which hosts @scribe. Only these pairs are connected. The
/// agent is at work in a session of the laptop.
fn at_work_beyond(world: &mut World, between: &[Option<&str>], pairs: &[(usize, usize)]) -> SessionId {
    let laptop = world.found("alice");
    for handle in between {
        world.invite(laptop, *handle).unwrap();
    }
    let server = world.invite(laptop, None).unwrap();
    world.converge(MINUTE).unwrap();
    for (one, other) in (0..server).flat_map(|one| (one + 1..=server).map(move |other| (one, other))) {
        if !pairs.contains(&(one, other)) {
            world.cut(one, other);
        }
    }
    // Both ends notice.
    world.run_for(MINUTE);
    let handle: Handle = "scribe".parse().unwrap();
    let mut profile = profile();
    profile.policy = AgentPolicy { permissions: Permissions::Creator, ..AgentPolicy::DEFAULT };
    world.ask(server, Request::AddAgent { handle, profile, force: false }).unwrap();
    world.converge(MINUTE).unwrap();
    world.nodes[server].behaviour = Behaviour::Hang;
    let id = world.create(laptop, "scribe", "please clean up").unwrap();
    (0..=server).rev().for_each(|node| await_status(world, node, id, Status::Running));
    world.run_for(2_000);
    id
}

/// The agent of the last device says something and asks for a permission.
fn asks_beyond(world: &mut World) {
    let server = world.nodes.len() - 1;
    let attempt = *world.nodes[server].turns.keys().next().unwrap();
    let says = TurnInput::Doing(vec![Doing::Text { text: "let me see".to_owned() }]);
    for event in [says, TurnInput::Asked { request: REQUEST, title: "rm -rf build".to_owned() }] {
        world.give(server, Input::Turn { attempt, event });
    }
    world.run_for(2_000);
}

#[test]
fn the_creator_hears_and_answers_over_devices_of_hers() {
    for (between, pairs) in [(&[None][..], &[(0, 1), (1, 2)][..]), (&[None; 2], &[(0, 1), (1, 2), (2, 3)])] {
        over(0..10, |world| {
            let session = at_work_beyond(world, between, pairs);
            asks_beyond(world);
            let server = world.nodes.len() - 1;
            let heard = &world.nodes[0].activity;
            assert!(heard.iter().all(|activity| activity.from == Some(world.nodes[server].me)));
            assert!(heard.iter().any(|activity| matches!(activity.doing, Doing::Text { .. })), "{heard:?}");
            assert_eq!((open(world, 0).len(), open(world, 0)[0].can_answer), (1, true));
            world.ask(0, Request::Permit { session, request: REQUEST, allow: true }).unwrap();
            world.run_for(2_000);
            assert_eq!(world.nodes[server].permitted, [(REQUEST, true)]);
        });
    }
}

#[test]
fn a_device_of_another_member_passes_nothing_on() {
    over(0..10, |world| {
        at_work_beyond(world, &[Some("bob")], &[(0, 1), (1, 2)]);
        asks_beyond(world);
        assert_eq!((told(world, 0), told(world, 1)), (0, 0));
    });
}

#[test]
fn another_way_is_found_when_one_breaks() {
    over(0..10, |world| {
        at_work_beyond(world, &[None, None], &[(0, 1), (0, 2), (1, 3), (2, 3)]);
        for broken in [1, 2] {
            world.crash(broken);
            // A computer that is gone is noticed only after a while, and the next call is due then.
            world.run_for(MINUTE);
            let before = told(world, 0);
            asks_beyond(world);
            assert!(told(world, 0) > before, "without {broken}");
            world.start(broken);
            world.run_for(MINUTE);
        }
    });
}

/// Alice waits for an agent of bob's, too, and bob's computer rightly carries her calls: it must not become the way of what
/// is hers alone.
#[test]
fn who_carries_for_two_members_does_not_carry_for_one_of_them() {
    over(0..10, |world| {
        // Alice's laptop (0), bob's computer (1), her phone (2), his server with @helper (3), her server with @scribe (4).
        let pairs = [(0, 1), (0, 2), (1, 3), (1, 4), (2, 4)];
        at_work_beyond(world, &[Some("bob"), None, Some("bob")], &pairs);
        world
            .ask(3, Request::AddAgent { handle: "helper".parse().unwrap(), profile: profile(), force: false })
            .unwrap();
        world.converge(MINUTE).unwrap();
        world.nodes[3].behaviour = Behaviour::Hang;
        let other = world.create(0, "helper", "and you?").unwrap();
        await_status(world, 0, other, Status::Running);
        // Several rounds of calls: the faster way is one or the other.
        for _ in 0..4 {
            world.run_for(MINUTE / 2);
            let before = told(world, 0);
            asks_beyond(world);
            assert!(told(world, 0) > before);
        }
        assert_eq!((told(world, 1), told(world, 3)), (0, 0));
    });
}

#[test]
fn what_was_asked_while_the_way_was_broken_is_told_when_it_is_whole() {
    over(0..10, |world| {
        at_work_beyond(world, &[None], &[(0, 1), (1, 2)]);
        world.cut(1, 2);
        world.run_for(MINUTE);
        asks_beyond(world);
        assert_eq!(open(world, 0).len(), 0);
        world.heal(1, 2);
        world.run_for(3 * MINUTE);
        assert_eq!(open(world, 0).len(), 1);
    });
}

#[test]
fn what_is_over_is_forgotten_though_nobody_said_so() {
    over(0..10, |world| {
        at_work_beyond(world, &[None], &[(0, 1), (1, 2)]);
        asks_beyond(world);
        assert_eq!(open(world, 0).len(), 1);
        world.cut(1, 2);
        world.run_for(MINUTE);
        let attempt = *world.nodes[2].turns.keys().next().unwrap();
        let event = TurnInput::Answered { request: REQUEST, allowed: false };
        world.give(2, Input::Turn { attempt, event });
        world.run_for(3 * MINUTE);
        assert!(open(world, 0).is_empty() && open(world, 2).is_empty());
    });
}

#[test]
fn a_request_that_was_open_before_is_told_over_a_third_device() {
    over(0..10, |world| {
        at_work_beyond(world, &[None], &[(0, 1), (1, 2)]);
        asks_beyond(world);
        world.crash(0);
        world.start(0);
        world.run_for(MINUTE);
        assert_eq!(open(world, 0).len(), 1);
    });
}
