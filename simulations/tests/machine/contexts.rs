//! The agent's side of a session: it is resumed after a restart, summed up when it is nearly full, and begun anew where
//! nothing is known of it. And what the host's policy says of turns: how many in an hour, and what becomes of one that
//! was under way when the power went.

use starling_crdt::id::{Handle, SessionId};
use starling_crdt::text::Body;
use starling_crdt::view::Status;
use starling_node::machine::input::TurnOrder;
use starling_node::machine::policy::{AgentPolicy, OnInterrupt};
use starling_node::machine::request::{Answer, Change, Code, Request};
use starling_node::store::{Batch, LocalRow, Space};
use starling_simulations::people::profile;
use starling_simulations::{Behaviour, World};

use super::common::{MINUTE, alone, await_answer, await_status, over, pair};

/// What the newest turn of a session was started with.
fn newest(world: &World, node: usize, session: SessionId) -> TurnOrder {
    let orders = world.nodes[node].turns.values().map(|turn| &turn.order);
    let of = orders.filter(|order| order.session == session);
    of.max_by_key(|order| order.context.new_from).unwrap().clone()
}

fn ask(world: &mut World, node: usize, session: SessionId, what: &str) -> TurnOrder {
    world.say(node, session, what).unwrap();
    await_answer(world, node, session);
    newest(world, node, session)
}

fn with_policy(world: &mut World, node: usize, policy: AgentPolicy) {
    let (handle, mut profile) = ("scribe".parse().unwrap(), profile());
    profile.policy = policy;
    world.ask(node, Request::AddAgent { handle, profile, force: false }).unwrap();
}

#[test]
fn a_session_goes_on_where_the_agent_left_it_also_after_a_power_cut() {
    over(0..20, |world| {
        let a = alone(world);
        world.nodes[a].behaviour = Behaviour::Remembers;
        let id = world.create(a, "scribe", "one").unwrap();
        await_answer(world, a, id);
        assert_eq!(newest(world, a, id).resume, None);
        world.run_for(MINUTE);
        assert_eq!(ask(world, a, id, "two").resume.as_deref(), Some("300"));
        world.run_for(MINUTE);
        world.crash(a);
        world.start(a);
        assert_eq!(ask(world, a, id, "three").resume.as_deref(), Some("600"));
        let other = world.create(a, "scribe", "another one").unwrap();
        await_answer(world, a, other);
        assert_eq!(newest(world, a, other).resume, None, "a context is one session's");
    });
}

#[test]
fn a_context_that_is_nearly_full_is_summed_up_and_begun_anew() {
    over(0..20, |world| {
        let a = alone(world);
        world.nodes[a].behaviour = Behaviour::Remembers;
        let id = world.create(a, "scribe", "one").unwrap();
        await_answer(world, a, id);
        let third = ["two", "three"].map(|what| ask(world, a, id, what))[1].clone();
        assert_eq!((third.generation, third.context.ask_summary), (0, false));
        assert_eq!(world.show(a, id).unwrap().summary, None);
        let fourth = ask(world, a, id, "four");
        assert_eq!((fourth.resume.as_deref(), fourth.context.ask_summary), (Some("900"), true));
        assert!(world.show(a, id).unwrap().summary.is_some());
        // What the fourth turn still reported is of the old generation.
        world.run_for(MINUTE);
        let fifth = ask(world, a, id, "five");
        assert_eq!((fifth.resume.as_deref(), fifth.generation), (None, 1));
        assert_eq!((fifth.context.ask_summary, fifth.context.summary.as_deref()), (false, Some("so far")));
        assert_eq!(ask(world, a, id, "six").resume.as_deref(), Some("300"));
    });
}

#[test]
fn a_row_that_cannot_be_read_means_a_fresh_context() {
    over(0..5, |world| {
        let a = alone(world);
        world.nodes[a].behaviour = Behaviour::Remembers;
        let id = world.create(a, "scribe", "one").unwrap();
        await_answer(world, a, id);
        let key = world.show(a, id).unwrap().key;
        world.run_for(MINUTE);
        world.crash(a);
        world.nodes[a].open().unwrap();
        let spoiled =
            LocalRow { space: Space::Turn, key: key.as_bytes().to_vec(), value: Some(vec![1, 0xff]) };
        let batch = Batch { local: vec![spoiled], ..Batch::default() };
        world.nodes[a].store.as_ref().unwrap().commit(&[batch]).unwrap();
        world.start(a);
        assert_eq!(ask(world, a, id, "two").resume, None);
        assert_eq!(ask(world, a, id, "three").resume.as_deref(), Some("300"));
    });
}

#[test]
fn an_agent_begins_as_many_turns_in_an_hour_as_its_policy_says() {
    over(0..5, |world| {
        let a = alone(world);
        with_policy(world, a, AgentPolicy { turns_per_hour: 3, ..AgentPolicy::DEFAULT });
        let ids: Vec<_> = (0..5).map(|n| world.create(a, "scribe", &format!("{n}")).unwrap()).collect();
        world.run_for(10 * MINUTE);
        let answered = |world: &mut World| {
            ids.iter().filter(|id| world.show(a, **id).unwrap().status == Status::Active).count()
        };
        assert_eq!(answered(world), 3);
        world.run_for(60 * MINUTE);
        assert_eq!(answered(world), 5);
    });
}

#[test]
fn an_interrupted_turn_is_begun_again_only_where_the_policy_says_so() {
    for (on_interrupt, answered) in [(OnInterrupt::Fail, false), (OnInterrupt::Retry, true)] {
        over(0..20, |world| {
            let (a, b) = pair(world);
            with_policy(world, b, AgentPolicy { on_interrupt, ..AgentPolicy::DEFAULT });
            world.nodes[b].behaviour = Behaviour::Hang;
            let id = world.create(a, "scribe", "are you there?").unwrap();
            await_status(world, b, id, Status::Running);
            world.nodes[b].behaviour = Behaviour::Good;
            world.crash(b);
            world.start(b);
            await_answer(world, b, id);
            let view = world.show(b, id).unwrap();
            assert_eq!(view.status == Status::Active, answered, "{view:?}");
            assert_eq!(view.last_failed.is_some(), !answered);
        });
    }
}

/// What stops the device each time is not begun for ever.
#[test]
fn a_turn_that_is_interrupted_again_and_again_fails_in_the_end() {
    over(0..5, |world| {
        let a = alone(world);
        let on_interrupt = OnInterrupt::Retry;
        with_policy(world, a, AgentPolicy { on_interrupt, ..AgentPolicy::DEFAULT });
        world.nodes[a].behaviour = Behaviour::Hang;
        let id = world.create(a, "scribe", "are you there?").unwrap();
        await_status(world, a, id, Status::Running);
        for _ in 0..2 {
            world.run_for(MINUTE);
            world.crash(a);
            world.start(a);
            world.run_for(MINUTE);
            assert_eq!(world.show(a, id).unwrap().status, Status::Running);
        }
        world.crash(a);
        world.start(a);
        await_answer(world, a, id);
        assert!(world.show(a, id).unwrap().last_failed.is_some());
    });
}

/// Agents that set off agents are stopped after a few levels, wherever each is hosted.
#[test]
fn agents_set_off_agents_only_so_deep() {
    over(0..5, |world| {
        let (a, b) = pair(world);
        world.host(a, "editor").unwrap();
        world.converge(MINUTE).unwrap();
        let (scribe, editor): (Handle, Handle) = ("scribe".parse().unwrap(), "editor".parse().unwrap());
        for node in [a, b] {
            world.nodes[node].behaviour = Behaviour::Hang;
        }
        let mut open = vec![world.create(a, "scribe", "begin").unwrap()];
        // Each is opened in the turn of the one before, on the other device.
        for (level, (node, by, agent)) in
            [(b, &scribe, &editor), (a, &editor, &scribe), (b, &scribe, &editor), (a, &editor, &scribe)]
                .into_iter()
                .enumerate()
        {
            await_status(world, node, *open.last().unwrap(), Status::Running);
            let create = Request::Create {
                session: None,
                agent: agent.clone(),
                body: Body::new("go on").unwrap(),
                request_id: None,
                continues: None,
                by_agent: Some(by.clone()),
            };
            match world.ask(node, create) {
                Ok(Answer::Created { view, .. }) if level < 3 => open.push(view.id),
                Err(refused) if level == 3 => assert_eq!(refused.code, Code::QuickSessionForbidden),
                other => panic!("{level}: {other:?}"),
            }
            // The agent has to be free for the next level.
            if open.len() > 2 {
                let done = open[open.len() - 3];
                world.change(a, done, Change::Stop).ok();
            }
        }
    });
}
