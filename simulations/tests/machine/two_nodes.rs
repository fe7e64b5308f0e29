//! Two devices of one workspace: joining, answering over there, being away, repeating requests.

use starling_crdt::text::RequestId;
use starling_crdt::view::Status;
use starling_node::machine::request::{Answer, Change, Code, Request};
use starling_node::store::{Batch, IndexRow};
use starling_simulations::Behaviour;
use starling_simulations::people::message;

use super::common::{MINUTE, await_answer, await_status, over, pair};

#[test]
fn a_message_on_one_node_is_answered_by_the_other_ones_agent() {
    over(0..50, |world| {
        let (a, b) = pair(world);
        let id = world.create(a, "scribe", "please check the build").unwrap();
        await_answer(world, a, id);
        world.converge(MINUTE).unwrap();
        let view = world.show(a, id).unwrap();
        assert_eq!(view, world.show(b, id).unwrap());
        assert_eq!(view.lines.len(), 2);
        let exported = |folder: &str| world.nodes[a].tree.files().keys().any(|path| path.starts_with(folder));
        for folder in ["quick-sessions/", ".starling/roster/", ".starling/records/"] {
            assert!(exported(folder), "{folder}");
        }
        assert_eq!(world.nodes[a].tree.files(), world.nodes[b].tree.files());
    });
}

#[test]
fn another_member_joins_and_writes() {
    over(0..20, |world| {
        let (a, b) = pair(world);
        let c = world.invite(a, Some("bob")).unwrap();
        let id = world.create(c, "scribe", "a question of bob's").unwrap();
        await_answer(world, c, id);
        world.converge(2 * MINUTE).unwrap();
        let views = [a, b, c].map(|node| world.show(node, id).unwrap());
        assert_eq!(views[0], views[1]);
        assert_eq!(views[0], views[2]);
        assert_eq!(views[0].created_by.as_str(), "bob");
        let refused = world.say(a, id, "not mine").unwrap_err();
        assert_eq!(refused.code, Code::QuickSessionForbidden);
    });
}

#[test]
fn what_was_written_while_the_host_was_away_waits_and_is_answered_in_order() {
    over(0..40, |world| {
        let (a, b) = pair(world);
        let first = world.create(a, "scribe", "before").unwrap();
        await_answer(world, a, first);
        world.converge(MINUTE).unwrap();
        let sealed = world.show(a, first).unwrap().lines;
        world.crash(b);
        world.run_for(16_000);
        for body in ["one", "two", "three"] {
            world.say(a, first, body).unwrap();
        }
        let Ok(Answer::Status(status)) = world.ask(a, Request::Status) else { panic!("no status") };
        let waiting = status.waiting.first().expect("it waits");
        assert_eq!(waiting.session, first);
        assert!(waiting.reason.contains("not connected"), "{}", waiting.reason);
        assert!(waiting.last_seen_ms.is_some());
        world.start(b);
        assert!(world.run_until(2 * MINUTE, |world| !world.nodes[b].turns.is_empty()));
        await_answer(world, a, first);
        world.converge(MINUTE).unwrap();
        let view = world.show(a, first).unwrap();
        assert!(view.lines.iter().all(|line| line.sealed));
        assert_eq!(&view.lines[..sealed.len()], &sealed[..]);
        let bodies: Vec<_> = view.lines.iter().map(|line| line.body.to_string()).collect();
        assert_eq!(bodies[sealed.len()..sealed.len() + 3], ["one", "two", "three"]);
        assert_eq!(view, world.show(b, first).unwrap());
        let Ok(Answer::Status(status)) = world.ask(a, Request::Status) else { panic!("no status") };
        assert_eq!(status.waiting, []);
    });
}

#[test]
fn a_repeated_request_is_one_message_whatever_device_it_reaches() {
    over(0..40, |world| {
        let (a, b) = pair(world);
        let id = world.create(a, "scribe", "hello").unwrap();
        await_answer(world, a, id);
        world.converge(MINUTE).unwrap();
        world.cut(a, b);
        world.run_for(6_000);
        for node in [a, b, a, b] {
            let Ok(Answer::Written { .. }) = world.ask(node, message(id, "once", "request-1").unwrap())
            else {
                panic!("not written")
            };
        }
        let reused = world.ask(a, message(id, "another", "request-1").unwrap()).unwrap_err();
        assert_eq!(reused.code, Code::RequestIdReused);
        world.heal(a, b);
        world.converge(3 * MINUTE).unwrap();
        await_answer(world, a, id);
        world.converge(MINUTE).unwrap();
        let view = world.show(a, id).unwrap();
        let once = view.lines.iter().filter(|line| line.body.as_str() == "once");
        assert_eq!(once.count(), 1);
        assert_eq!(view, world.show(b, id).unwrap());
    });
}

#[test]
fn a_create_that_is_repeated_on_another_device_is_one_session() {
    over(0..40, |world| {
        let (a, b) = pair(world);
        world.cut(a, b);
        world.run_for(6_000);
        let id = starling_crdt::id::SessionId::from_parts(world.now_ms(), 7);
        let create = |body: &str| Request::Create {
            session: Some(id),
            agent: "scribe".parse().unwrap(),
            body: starling_crdt::text::Body::new(body).unwrap(),
            request_id: Some(RequestId::new("r").unwrap()),
            continues: None,
            by_agent: None,
        };
        for (node, first) in [(a, true), (a, false), (b, true), (b, false)] {
            let Ok(Answer::Created { new, .. }) = world.ask(node, create("hello")) else {
                panic!("not created")
            };
            assert_eq!(new, first);
        }
        let other = world.ask(a, create("not hello")).unwrap_err();
        assert_eq!(other.code, Code::QuickSessionIdCollision);
        world.heal(a, b);
        world.run_for(MINUTE);
        await_answer(world, a, id);
        world.converge(MINUTE).unwrap();
        assert_eq!(world.show(a, id).unwrap(), world.show(b, id).unwrap());
        assert_eq!(world.show(a, id).unwrap().lines.iter().filter(|l| l.body.as_str() == "hello").count(), 1);
    });
}

#[test]
fn archiving_and_stopping_end_a_running_turn_from_the_other_device() {
    over(0..30, |world| {
        let (a, b) = pair(world);
        world.nodes[b].behaviour = Behaviour::Hang;
        for change in [Change::Archive, Change::Stop] {
            let id = world.create(a, "scribe", "this will hang").unwrap();
            await_status(world, a, id, Status::Running);
            world.change(a, id, change.clone()).unwrap();
            assert!(world.run_until(2 * MINUTE, |world| world.nodes[b].turns.is_empty()), "{change:?}");
            world.converge(MINUTE).unwrap();
            let view = world.show(a, id).unwrap();
            assert_eq!(view.open_attempts, []);
            assert!(view.lines.iter().all(|line| line.sealed));
            if change == Change::Stop {
                assert_eq!(view.status, Status::Error);
                assert_eq!(view.last_failed.unwrap().reason.as_str(), "stopped");
                world.nodes[b].behaviour = Behaviour::Good;
                world.change(a, id, Change::Retry).unwrap();
                await_answer(world, a, id);
            } else {
                assert_eq!(view.status, Status::Archived);
                let refused = world.say(a, id, "too late").unwrap_err();
                assert_eq!(refused.code, Code::QuickSessionArchived);
                let files = world.nodes[b].tree.files();
                assert!(files.contains_key(&format!("archive/quick-sessions/{id}/session.meta.yaml")));
                assert!(!files.contains_key(&format!("quick-sessions/{id}/session.meta.yaml")));
            }
        }
        world.converge(MINUTE).unwrap();
    });
}

#[test]
fn a_paused_node_exchanges_nothing_until_it_resumes() {
    over(0..30, |world| {
        let (a, b) = pair(world);
        world.ask(a, Request::Pause(true)).unwrap();
        let id = world.create(a, "scribe", "kept here for now").unwrap();
        world.run_for(2 * MINUTE);
        assert_eq!(world.show(b, id).unwrap_err().code, Code::QuickSessionNotFound);
        let Ok(Answer::Status(status)) = world.ask(a, Request::Status) else { panic!("no status") };
        assert!(status.paused && status.waiting[0].reason.contains("paused"));
        let before = world.nodes.iter().map(|sim| sim.inputs).sum::<u64>();
        world.run_for(10 * MINUTE);
        let events = world.nodes.iter().map(|sim| sim.inputs).sum::<u64>() - before;
        assert!(events < 250, "{events} inputs in ten minutes of a pause");
        world.ask(a, Request::Pause(false)).unwrap();
        await_answer(world, a, id);
        world.converge(MINUTE).unwrap();
    });
}

#[test]
fn sync_wait_is_answered_when_the_other_one_has_everything() {
    over(0..30, |world| {
        let (a, b) = pair(world);
        world.net.gossip = false;
        let id = world.create(a, "scribe", "wait for it").unwrap();
        let Ok(Answer::Sync(sync)) = world.ask(a, Request::Sync { wait: true }) else { panic!("no answer") };
        assert_eq!((sync.connected, sync.in_step), (1, 1));
        assert!(world.show(b, id).is_ok());
    });
}

/// A disk that lies can keep a row of the list and lose records that it speaks of. Peers compare what the row says: they
/// bring the records only when the row is what is there.
#[test]
fn records_that_a_row_speaks_of_and_a_disk_lost_come_back() {
    over(0..10, |world| {
        let (a, b) = pair(world);
        let id = world.create(a, "scribe", "please check the build").unwrap();
        await_answer(world, a, id);
        world.converge(MINUTE).unwrap();
        let earlier = world.nodes[a].disk.copy();
        world.say(a, id, "and the tests").unwrap();
        await_answer(world, a, id);
        world.converge(MINUTE).unwrap();
        let rows = world.nodes[a].store.as_ref().unwrap().index().unwrap();
        world.crash(a);
        world.nodes[a].disk.put_back(&earlier);
        let index = rows.into_iter().map(|(stream, row)| IndexRow { stream, row }).collect();
        world.nodes[a].open().unwrap().commit(&[Batch { index, ..Batch::default() }]).unwrap();
        world.start(a);
        world.agree(&[a, b], MINUTE).unwrap();
        assert_eq!(world.show(a, id).unwrap().lines.len(), 4);
    });
}
