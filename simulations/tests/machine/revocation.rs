//! Revoked devices and removed members: whoever hears of it when, and in whatever order, all honest nodes come to the same
//! sessions, rows, views and exports, and nothing of a device without standing adds to them.

use starling_crdt::id::SessionId;
use starling_node::machine::info::RevokedInfo;
use starling_node::machine::request::{Answer, Code, Rejection, Request};
use starling_simulations::World;
use starling_simulations::world::{Crashes, address};

use super::common::{MINUTE, await_answer, over};

pub(super) fn revoke(
    world: &mut World,
    by: usize,
    device: usize,
    keep: bool,
) -> Result<RevokedInfo, Rejection> {
    let device = world.nodes[device].me;
    match world.ask(by, Request::Revoke { device, keep })? {
        Answer::Revoked(info) => Ok(info),
        other => panic!("{other:?}"),
    }
}

fn remove(world: &mut World, by: usize, handle: &str, keep: bool) -> Result<RevokedInfo, Rejection> {
    match world.ask(by, Request::RemoveMember { handle: handle.parse().unwrap(), keep })? {
        Answer::Revoked(info) => Ok(info),
        other => panic!("{other:?}"),
    }
}

fn bodies(world: &mut World, node: usize, session: SessionId) -> Vec<String> {
    let view = world.show(node, session).unwrap();
    view.lines.iter().map(|line| line.body.to_string()).collect()
}

pub(super) fn says(world: &mut World, node: usize, session: SessionId, body: &str) -> bool {
    world.show(node, session).is_ok_and(|view| view.lines.iter().any(|line| line.body.as_str() == body))
}

/// Alice's laptop, the server of hers that hosts @scribe, and her phone.
pub(super) fn three(world: &mut World) -> (usize, usize, usize) {
    let laptop = world.found("alice");
    let server = world.invite(laptop, None).unwrap();
    let phone = world.invite(laptop, None).unwrap();
    world.host(server, "scribe").unwrap();
    world.converge(MINUTE).unwrap();
    (laptop, server, phone)
}

/// Lets two nodes know of each other: all know their inviter only.
pub(super) fn meet(world: &mut World, one: usize, two: usize) {
    let (address, device) = (address(two), Some(world.nodes[two].me));
    world.ask(one, Request::AddPeer { address, device }).unwrap();
    assert!(world.run_until(MINUTE, |world| world.net.between(one, two).is_some()), "not connected");
}

pub(super) fn isolate(world: &mut World, node: usize, from: &[usize]) {
    from.iter().for_each(|other| world.cut(node, *other));
    world.run_for(6_000);
}

/// A tablet that hears only the phone, both cut off, and the phone revoked meanwhile.
pub(super) fn two_apart(world: &mut World) -> ([usize; 4], SessionId) {
    let (laptop, server, phone) = three(world);
    let tablet = world.invite(laptop, None).unwrap();
    world.converge(MINUTE).unwrap();
    meet(world, tablet, phone);
    let id = world.create(laptop, "scribe", "hello").unwrap();
    await_answer(world, laptop, id);
    world.converge(2 * MINUTE).unwrap();
    for one in [phone, tablet] {
        isolate(world, one, &[laptop, server]);
    }
    revoke(world, laptop, phone, false).unwrap();
    ([laptop, server, phone, tablet], id)
}

#[test]
fn a_lost_phone_loses_no_word_and_adds_none() {
    over(0..40, |world| {
        let (laptop, server, phone) = three(world);
        let id = world.create(phone, "scribe", "from the phone").unwrap();
        await_answer(world, phone, id);
        world.converge(2 * MINUTE).unwrap();
        let info = revoke(world, laptop, phone, true).unwrap();
        assert_eq!((info.kept_sessions, info.already), (1, false));
        assert!(
            world.run_until(10_000, |world| world.net.between(laptop, phone).is_none()),
            "the link is up"
        );
        world.agree(&[laptop, server], MINUTE).unwrap();
        assert!(says(world, laptop, id, "from the phone"));
        // It was told, and says so; what it has it still shows; it writes nothing more.
        let Ok(Answer::Status(status)) = world.ask(phone, Request::Status) else { panic!("no status") };
        assert!(status.revoked);
        assert!(says(world, phone, id, "from the phone"));
        let refused = world.say(phone, id, "afterwards").unwrap_err();
        assert_eq!(refused.code, Code::QuickSessionForbidden);
        assert!(refused.detail.contains("removed from the workspace"), "{}", refused.detail);
        let refused = world.create(phone, "scribe", "a new one").unwrap_err();
        assert_eq!(refused.code, Code::QuickSessionForbidden);
        world.crash(phone);
        world.start(phone);
        assert!(says(world, phone, id, "from the phone"));
        // Said twice is said once.
        assert!(revoke(world, laptop, phone, false).unwrap().already);
        world.say(laptop, id, "the laptop goes on").unwrap();
        await_answer(world, laptop, id);
        world.agree(&[laptop, server], MINUTE).unwrap();
    });
}

#[test]
fn of_a_stolen_phone_nothing_is_kept_but_what_others_built_upon() {
    over(0..40, |world| {
        let (laptop, server, phone) = three(world);
        let answered = world.create(phone, "scribe", "answered before").unwrap();
        await_answer(world, phone, answered);
        world.converge(2 * MINUTE).unwrap();
        // Nobody answers this one.
        world.crash(server);
        world.run_for(6_000);
        let open = world.create(phone, "scribe", "never answered").unwrap();
        world.say(phone, answered, "and never this").unwrap();
        world.agree(&[laptop, phone], MINUTE).unwrap();
        let exported = |world: &World| {
            world.nodes[laptop].tree.files().keys().any(|path| path.contains(&open.to_string()))
        };
        assert!(world.run_until(10_000, exported), "not exported");
        revoke(world, laptop, phone, false).unwrap();
        world.start(server);
        world.agree(&[laptop, server], 2 * MINUTE).unwrap();
        world.run_for(MINUTE);
        for node in [laptop, server] {
            assert_eq!(world.show(node, open).unwrap_err().code, Code::QuickSessionNotFound);
            let shown = bodies(world, node, answered);
            assert!(shown.iter().any(|body| body == "answered before"), "{shown:?}");
            assert!(!shown.iter().any(|body| body == "and never this"), "{shown:?}");
            let files = world.nodes[node].tree.files();
            assert!(!files.keys().any(|path| path.contains(&open.to_string())), "still exported");
            assert!(!files.values().any(|file| String::from_utf8_lossy(file).contains("and never this")));
            assert!(world.nodes[node].turns.is_empty());
        }
        assert_eq!(world.show(laptop, answered).unwrap().aside, 1);
    });
}

#[test]
fn what_a_revoked_device_writes_behind_everybodys_back_counts_nowhere() {
    over(0..40, |world| {
        let (laptop, server, phone) = three(world);
        let tablet = world.invite(laptop, None).unwrap();
        world.converge(MINUTE).unwrap();
        meet(world, tablet, phone);
        let id = world.create(phone, "scribe", "from the phone").unwrap();
        await_answer(world, phone, id);
        world.converge(2 * MINUTE).unwrap();
        for (one, others) in [(phone, [laptop, server]), (tablet, [laptop, server])] {
            isolate(world, one, &others);
        }
        let keep = world.draw(0, 1) == 0;
        revoke(world, laptop, phone, keep).unwrap();
        // A host that has not heard of it may still answer what it is told.
        let key = world.nodes[phone].me;
        let heard = |world: &World| world.nodes[server].roster().is_some_and(|r| !r.standing().stands(&key));
        assert!(world.run_until(MINUTE, heard));
        let turns = world.nodes[server].turns.len();
        // The tablet has not heard of it, and takes what the phone says.
        let late = world.say(phone, id, "back-dated").unwrap();
        let fresh = world.create(phone, "scribe", "a session back-dated").unwrap();
        assert!(world.run_until(MINUTE, |world| world.nodes[tablet].holds(&late)));
        assert!(world.run_until(MINUTE, |world| world.nodes[tablet].tree.files().len() > 4));
        for other in [laptop, server] {
            world.heal(tablet, other);
        }
        world.agree(&[laptop, server, tablet], 3 * MINUTE).unwrap();
        for node in [laptop, server, tablet] {
            assert!(says(world, node, id, "from the phone"), "a reply depends on it");
            assert!(!says(world, node, id, "back-dated"));
            assert_eq!(world.show(node, fresh).unwrap_err().code, Code::QuickSessionNotFound);
        }
        assert_eq!(world.nodes[server].turns.len(), turns, "its messages start no turn");
        let Ok(Answer::Sync(sync)) = world.ask(laptop, Request::Sync { wait: true }) else {
            panic!("no answer")
        };
        assert_eq!((sync.connected, sync.in_step), (2, 2), "what does not count is no difference");
    });
}

#[test]
fn a_device_that_had_not_heard_of_it_lends_its_standing() {
    over(0..40, |world| {
        let ([laptop, server, phone, tablet], id) = two_apart(world);
        let late = world.say(phone, id, "back-dated").unwrap();
        assert!(world.run_until(MINUTE, |world| world.nodes[tablet].holds(&late)));
        world.say(tablet, id, "upon it").unwrap();
        for other in [laptop, server] {
            world.heal(tablet, other);
        }
        world.agree(&[laptop, server, tablet], 3 * MINUTE).unwrap();
        await_answer(world, laptop, id);
        world.agree(&[laptop, server, tablet], 3 * MINUTE).unwrap();
        assert!(says(world, laptop, id, "back-dated") && says(world, server, id, "upon it"));
    });
}

#[test]
fn a_restart_in_the_middle_of_counting_goes_on() {
    over(0..25, |world| {
        let (laptop, server, phone) = three(world);
        let mut ids = Vec::new();
        for n in 0..40 {
            ids.push(world.create(phone, "scribe", &format!("number {n}.")).unwrap());
        }
        world.converge(5 * MINUTE).unwrap();
        // Everything is cold after a start, so that counting has to load.
        for node in [laptop, server] {
            world.crash(node);
            world.start(node);
        }
        world.run_for(10_000);
        let keep = world.draw(0, 2) == 0;
        let device = world.nodes[phone].me;
        world.request(laptop, Request::Revoke { device, keep });
        for _ in 0..6 {
            let wait = world.draw(1, 40);
            world.run_for(wait);
            let node = if world.draw(0, 1) == 0 { laptop } else { server };
            world.crash(node);
            world.start(node);
        }
        world.crashes = Some(Crashes { one_in: 60, away_ms: (5, 400) });
        world.run_for(1_500);
        world.crashes = None;
        world.run_for(3_000);
        for node in [laptop, server, phone] {
            world.start(node);
        }
        world.run_for(MINUTE);
        // The request may have been lost with its node.
        if !revoke(world, laptop, phone, keep).unwrap().already {
            world.run_for(10_000);
        }
        world.agree(&[laptop, server], 3 * MINUTE).unwrap();
    });
}

#[test]
fn of_two_who_remove_each_other_the_senior_ones_word_stands_everywhere() {
    over(0..40, |world| {
        let a = world.found("alice");
        world.host(a, "scribe").unwrap();
        let b = world.invite(a, Some("bob")).unwrap();
        let c = world.invite(a, Some("carol")).unwrap();
        let d = world.invite(a, Some("dave")).unwrap();
        world.converge(MINUTE).unwrap();
        world.promote(a, "bob").unwrap();
        world.converge(MINUTE).unwrap();
        world.promote(a, "carol").unwrap();
        world.converge(MINUTE).unwrap();
        let ids =
            [b, c, d].map(|node| world.create(node, "scribe", &format!("a question of {node}")).unwrap());
        world.run_for(20_000);
        world.converge(2 * MINUTE).unwrap();
        meet(world, d, b);
        meet(world, d, c);
        meet(world, b, c);
        for (one, others) in [(b, vec![a, c, d]), (c, vec![a, d])] {
            isolate(world, one, &others);
        }
        let keep = world.draw(0, 1) == 0;
        remove(world, b, "carol", keep).unwrap();
        remove(world, c, "bob", keep).unwrap();
        world.say(c, ids[1], "I was never away").unwrap();
        world.say(b, ids[0], "nor was I").unwrap();
        for (one, two) in [(b, a), (b, d), (c, a), (c, d), (b, c)] {
            let wait = world.draw(0, 9_000);
            world.run_for(wait);
            world.heal(one, two);
        }
        // Bob was promoted first.
        world.agree(&[a, b, d], 5 * MINUTE).unwrap();
        for node in [a, b, d] {
            assert!(says(world, node, ids[0], "nor was I"));
            // Unless the agent took it before its host heard of the removal: then its word depends on it.
            let view = world.show(node, ids[1]).unwrap();
            let late = view.lines.iter().find(|line| line.body.as_str() == "I was never away");
            assert!(late.is_none_or(|line| line.sealed));
            assert!(says(world, node, ids[1], &format!("a question of {c}")), "it was answered");
        }
        // Carol hears of it at the next door that she knocks at.
        world.run_for(5 * MINUTE);
        let Ok(Answer::Status(status)) = world.ask(c, Request::Status) else { panic!("no status") };
        assert!(status.revoked);
        let refused = remove(world, d, "bob", true).unwrap_err();
        assert_eq!(refused.code, Code::QuickSessionForbidden);
        let refused = remove(world, b, "alice", true).unwrap_err();
        assert_eq!(refused.code, Code::QuickSessionForbidden);
    });
}

#[test]
fn an_agent_on_a_revoked_device_answers_nobody() {
    over(0..30, |world| {
        let (laptop, server, phone) = three(world);
        let id = world.create(laptop, "scribe", "hello").unwrap();
        await_answer(world, laptop, id);
        world.converge(MINUTE).unwrap();
        let turns = world.nodes[server].turns.len();
        let info = revoke(world, laptop, server, true).unwrap();
        assert_eq!(info.agents.iter().map(ToString::to_string).collect::<Vec<_>>(), ["scribe"]);
        world.say(laptop, id, "anybody there?").unwrap();
        world.run_for(MINUTE);
        world.agree(&[laptop, phone], MINUTE).unwrap();
        assert_eq!(world.nodes[server].turns.len(), turns);
        let Ok(Answer::Status(status)) = world.ask(laptop, Request::Status) else { panic!("no status") };
        assert!(status.waiting[0].reason.contains("revoked"), "{}", status.waiting[0].reason);
    });
}

/// It was let in by a device that had been revoked without knowing it: nobody else ever heard of it, and it has to be told.
#[test]
fn who_was_let_in_by_a_revoked_device_learns_that_it_is_not_in() {
    over(0..30, |world| {
        let (laptop, server, tablet) = three(world);
        isolate(world, tablet, &[laptop, server]);
        revoke(world, laptop, tablet, true).unwrap();
        let phone = world.invite(tablet, None).unwrap();
        let id = world.create(phone, "scribe", "hello from the phone").unwrap();
        for other in [laptop, server] {
            world.heal(tablet, other);
        }
        let is_told = |world: &mut World| {
            let Ok(Answer::Status(status)) = world.ask(phone, Request::Status) else { panic!("no status") };
            status.revoked
        };
        for _ in 0..60 {
            if is_told(world) {
                break;
            }
            world.run_for(5_000);
        }
        assert!(is_told(world));
        let refused = world.create(phone, "scribe", "still here").unwrap_err();
        assert_eq!(refused.code, Code::QuickSessionForbidden);
        world.agree(&[laptop, server], MINUTE).unwrap();
        assert_eq!(world.show(laptop, id).unwrap_err().code, Code::QuickSessionNotFound);
    });
}
