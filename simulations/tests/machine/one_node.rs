//! One node by itself: the whole way of a message, and the export that shows it.

use starling_crdt::id::SessionId;
use starling_crdt::text::Body;
use starling_node::boot;
use starling_node::machine::input::{Effect, Input};
use starling_node::machine::request::{Answer, Code, Request};
use starling_node::machine::rows::{self, IndexRow as Row};
use starling_node::machine::{Boot, Node};
use starling_node::store::{Batch, IndexRow};

use super::common::{MINUTE, alone, await_answer, over};

#[test]
fn a_message_is_claimed_titled_answered_and_exported() {
    over(0..50, |world| {
        let a = alone(world);
        let id = world.create(a, "scribe", "please check the build").unwrap();
        await_answer(world, a, id);
        let view = world.show(a, id).unwrap();
        assert_eq!(view.lines.len(), 2);
        assert!(view.lines.iter().all(|line| line.sealed));
        assert_eq!(view.lines[1].point_to, 1);
        assert_eq!(view.pending_inputs, 0);
        world.converge(MINUTE).unwrap();
        world.run_for(1_000);
        let files: Vec<_> = world.nodes[a].tree.files().keys().cloned().collect();
        let wanted = [
            format!(".starling/records/{}/{}/0", &view.key.to_string()[..2], view.key),
            ".starling/roster/0".to_owned(),
            format!("quick-sessions/{id}/discussion.thread"),
            format!("quick-sessions/{id}/session.meta.yaml"),
            "starling.yaml".to_owned(),
            "users/alice.meta.yaml".to_owned(),
            "users/scribe.meta.yaml".to_owned(),
        ];
        assert_eq!(files, wanted);
    });
}

#[test]
fn a_session_that_continues_another_says_so_and_continues_no_third() {
    over(0..20, |world| {
        let a = alone(world);
        let full = world.create(a, "scribe", "the long one").unwrap();
        let third = world.create(a, "scribe", "a third one").unwrap();
        let id = SessionId::from_parts(world.now_ms(), 9);
        let create = |continues: Option<SessionId>| Request::Create {
            session: Some(id),
            agent: "scribe".parse().unwrap(),
            body: Body::new("it goes on here").unwrap(),
            request_id: None,
            continues,
            by_agent: None,
        };
        let nowhere = SessionId::from_parts(world.now_ms(), 10);
        let refused = world.ask(a, create(Some(nowhere))).unwrap_err();
        assert_eq!(refused.code, Code::QuickSessionNotFound);
        assert_eq!(world.ask(a, create(Some(id))).unwrap_err().code, Code::QuickSessionNotFound);
        for first in [true, false] {
            let Ok(Answer::Created { new, view, .. }) = world.ask(a, create(Some(full))) else {
                panic!("not created")
            };
            assert_eq!((new, view.continues.is_some()), (first, true));
        }
        let refused = world.ask(a, create(Some(third))).unwrap_err();
        assert_eq!(refused.code, Code::QuickSessionInvalidState);
        let Ok(Answer::Session { continues, .. }) = world.ask(a, Request::Show { session: id }) else {
            panic!("not shown")
        };
        assert_eq!(continues, Some(full));
        await_answer(world, a, id);
    });
}

/// A disk that lies can leave a row of the list that nobody wrote. No record stands behind it: it goes.
#[test]
fn a_row_that_no_record_stands_behind_is_gone_after_a_start() {
    over(0..5, |world| {
        let a = alone(world);
        let id = world.create(a, "scribe", "hello").unwrap();
        await_answer(world, a, id);
        world.crash(a);
        world.nodes[a].open().unwrap();
        let orphan = IndexRow { stream: [0xac; 32], row: vec![1, 2, 3] };
        let batch = Batch { index: vec![orphan], ..Batch::default() };
        world.nodes[a].store.as_ref().unwrap().commit(&[batch]).unwrap();
        world.start(a);
        world.run_for(1_000);
        let rows = world.nodes[a].store.as_ref().unwrap().index().unwrap();
        assert_eq!(rows.len(), 1, "the session's own");
        assert_eq!(world.show(a, id).unwrap().lines.len(), 2);
    });
}

/// On a table that a lying disk damaged a session can lose records that its last position still counts. What it is read
/// as, its row says from then on: peers compare that.
#[test]
fn a_row_of_more_records_than_can_be_read_is_made_anew() {
    over(0..5, |world| {
        let a = alone(world);
        let session = world.create(a, "scribe", "hello").unwrap();
        await_answer(world, a, session);
        world.crash(a);
        let sim = &mut world.nodes[a];
        let (key, workspace) = (sim.key.clone(), sim.workspace.unwrap());
        let stored = boot::read(sim.open().unwrap(), &workspace).unwrap();
        let (stream, before) = stored.index[0].clone();
        let first = sim.store.as_ref().unwrap().load_stream(*stream.as_bytes()).unwrap().swap_remove(0).1;
        let (export, strays) = (sim.export.clone(), Vec::new());
        let boot = Boot {
            key,
            workspace,
            seed: [7; 32],
            now_ms: world.now_ms(),
            stored,
            export,
            strays,
            push: None,
        };
        let (mut node, _) = Node::start(boot).unwrap();
        let asked = Input::Request { ticket: 1, request: Request::Show { session } };
        let effects = node.handle(asked, world.now_ms());
        assert!(effects.iter().any(|effect| matches!(effect, Effect::Load { .. })), "{effects:?}");
        let effects = node.handle(Input::Loaded { stream, records: Ok(vec![first]) }, world.now_ms());
        let rows = effects.iter().find_map(|effect| match effect {
            Effect::Commit { batch, .. } => batch.index.first(),
            _ => None,
        });
        let read = |row: &[u8]| rows::decode::<Row>(row).unwrap();
        let (before, after) = (read(&before), read(&rows.expect("its row is made anew").row));
        assert!(before.records > 1 && after.records == 1 && before.digest != after.digest);
    });
}

/// A disk that lied, or a copy that was put back, leaves a store that is older than its export. What the export shows of
/// records that are nowhere any more goes.
#[test]
fn an_export_that_is_ahead_of_its_store_shows_what_the_records_come_to() {
    over(0..5, |world| {
        let a = alone(world);
        let [kept, untouched] = ["hello", "left alone"].map(|body| world.create(a, "scribe", body).unwrap());
        await_answer(world, a, kept);
        await_answer(world, a, untouched);
        world.run_for(1_000);
        let (disk, before) = (world.nodes[a].disk.copy(), world.nodes[a].tree.files().clone());
        world.say(a, kept, "and more").unwrap();
        await_answer(world, a, kept);
        let lost = world.create(a, "scribe", "nobody else heard of it").unwrap();
        await_answer(world, a, lost);
        world.run_for(1_000);
        assert_ne!(*world.nodes[a].tree.files(), before);
        world.crash(a);
        world.nodes[a].disk.put_back(&disk);
        world.start(a);
        world.run_for(1_000);
        assert_eq!(*world.nodes[a].tree.files(), before, "INV-10: the export is what the records come to");
        let commits = world.nodes[a].tree.commits();
        world.crash(a);
        world.start(a);
        world.run_for(1_000);
        assert_eq!(world.nodes[a].tree.commits(), commits, "nothing is left to do");
    });
}
