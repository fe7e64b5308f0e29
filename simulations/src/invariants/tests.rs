//! Each checker is shown a world as it should be, and then what must not be: a forged record, effect or answer.
#![allow(clippy::indexing_slicing)]

use std::sync::Arc;

use ed25519_dalek::SigningKey;
use starling_crdt::id::{AttemptId, RecordId, StreamKey};
use starling_crdt::payload::{Payload, Turn};
use starling_crdt::record::Record;
use starling_crdt::signed::{Signed, Verified as Good_, device_key};
use starling_crdt::text::{Body, Title};
use starling_net::proto::limits::FRAME_BYTES_MAX;
use starling_node::machine::export_plan::ExportPlan;
use starling_node::machine::info::Delivery;
use starling_node::machine::input::{NetEffect, TurnContext, TurnOrder};
use starling_node::store::{Batch, RecordRow};

use super::*;
use crate::panics::caught;
use crate::people::profile;
use crate::world::World;

/// One node with one answered session, all shown.
struct Case {
    world: World,
    key: StreamKey,
}

impl Case {
    fn new() -> Self {
        let mut world = World::new(7);
        let node = world.found("alice");
        world.host(node, "scribe").unwrap();
        let id = world.create(node, "scribe", "please look at this").unwrap();
        world.run_for(20_000);
        world.survey();
        let key = *world.ledger.called(&id).unwrap().first().unwrap();
        assert_eq!((node, world.shown.len(), world.failures.len()), (0, 1, 0), "{:?}", world.failures);
        Self { world, key }
    }

    fn view(&self) -> View {
        self.world.shown[0].view.clone().unwrap()
    }

    /// The first record of a kind in the session.
    fn first(&self, is: fn(&Payload) -> bool) -> (RecordId, Payload) {
        let records = self.world.ledger.records(0, &self.key);
        records.into_iter().find(|(_, r)| is(&r.payload)).map(|(id, r)| (id, r.payload.clone())).unwrap()
    }

    fn sign(&self, key: &SigningKey, deps: Vec<RecordId>, payload: Payload) -> Signed<Good_> {
        let workspace = self.world.nodes[0].workspace.unwrap();
        let roster = self.world.ledger.records(0, &workspace.roster());
        let roster = roster.last().map(|(id, _)| *id).into_iter().collect();
        let at_ms = self.world.now_ms();
        let author = device_key(key);
        Signed::sign(Record { workspace, stream: self.key, author, roster, deps, at_ms, payload }, key)
            .unwrap()
    }

    /// A batch with this record in the next place of the session.
    fn batch(&self, record: &Signed<Good_>) -> Batch {
        let row = RecordRow {
            stream: *self.key.as_bytes(),
            position: self.world.ledger.stream(0, &self.key).len() as u64,
            id: *record.id().as_bytes(),
            wire: record.wire().to_vec(),
            outbox: false,
        };
        Batch { records: vec![row], ..Batch::default() }
    }

    /// What a checker says that has seen everything so far, and then this become durable.
    fn stored(mut self, mut checker: impl Checker, batch: Batch) -> String {
        assert_eq!(checker.on_start(&self.world, 0), None);
        self.world.ledger.note(0, std::slice::from_ref(&batch));
        checker.on_durable(&self.world, 0, &[batch]).expect("it is noticed")
    }

    fn order(&self) -> TurnOrder {
        let (_, claim) = self.first(|payload| matches!(payload, Payload::Claim { .. }));
        let context = TurnContext {
            reference: String::new(),
            creator: "alice".parse().unwrap(),
            title: None,
            summary: None,
            transcript: Vec::new(),
            new_from: 1,
            ask_summary: false,
        };
        TurnOrder {
            agent: "scribe".parse().unwrap(),
            profile: profile(),
            session: self.view().id,
            attempt: claim.turn().unwrap().attempt,
            secret: String::new(),
            resume: None,
            generation: 0,
            context,
        }
    }
}

fn show(view: View) -> Effect {
    Effect::Answer {
        ticket: 0,
        answer: Ok(Answer::Session { view: Arc::new(view), continues: None, delivery: Delivery::default() }),
    }
}

const fn is_open(payload: &Payload) -> bool {
    matches!(payload, Payload::Open { .. })
}

fn say(text: &str) -> Payload {
    let request_id = starling_crdt::text::RequestId::new("said").unwrap();
    Payload::Message { body: Body::new(text).unwrap(), request_id, reply_to: None }
}

#[test]
fn there_is_one_for_each_number_and_none_finds_anything_where_nothing_is_wrong() {
    let mut case = Case::new();
    let numbers: Vec<_> = all().iter().map(|checker| checker.invariant()).collect();
    assert_eq!(numbers, (1..=10).map(|number| format!("INV-{number}")).collect::<Vec<_>>());
    case.world.look();
    case.world.check_end();
    assert_eq!(case.world.failures, []);
}

#[test]
fn inv_1_sees_an_answer_without_a_title_in_its_past() {
    let case = Case::new();
    let (open, _) = case.first(is_open);
    let turn = Turn { attempt: AttemptId::from_parts(1, 1), prev: None };
    let reply = Payload::Reply { turn, body: Body::new("no title").unwrap() };
    let reply = case.sign(&case.world.nodes[0].key, vec![open], reply);
    let batch = case.batch(&reply);
    assert!(case.stored(Gate::default(), batch).contains("no title in its past"));
    let case = Case::new();
    let mut gate = Gate::default();
    assert_eq!(gate.on_start(&case.world, 0), None);
    assert_eq!(gate.on_effect(&case.world, 0, &show(case.view())), None);
    let untitled = View { title: None, ..case.view() };
    assert!(gate.on_effect(&case.world, 0, &show(untitled)).is_some());
    let mut plan = ExportPlan { writes: case.world.nodes[0].tree.files().clone(), ..ExportPlan::default() };
    assert_eq!(exported(&mut gate, &case, &plan), None);
    for (path, bytes) in &mut plan.writes {
        if path.ends_with("session.meta.yaml") {
            let text = String::from_utf8(bytes.clone()).unwrap();
            let lines: Vec<_> = text.lines().filter(|line| !line.starts_with("title:")).collect();
            *bytes = lines.join("\n").into_bytes();
        }
    }
    assert!(exported(&mut gate, &case, &plan).is_some());
}

fn exported(gate: &mut Gate, case: &Case, plan: &ExportPlan) -> Option<String> {
    gate.on_effect(&case.world, 0, &Effect::Export(plan.clone()))
}

#[test]
fn inv_2_sees_what_the_model_does_not() {
    let spoil: [fn(&mut View); 6] = [
        |view| view.title = Some(Title::new("another title").unwrap()),
        |view| view.lines.swap(0, 1),
        |view| drop(view.lines.pop()),
        |view| view.lines[1].sealed = false,
        |view| view.revision += 1,
        |view| view.status = starling_crdt::view::Status::Error,
    ];
    for spoil in spoil {
        let mut case = Case::new();
        assert_eq!(Equal.at_end(&case.world), None);
        let mut view = case.view();
        spoil(&mut view);
        case.world.shown[0].view = Ok(view);
        assert!(Equal.at_end(&case.world).is_some());
    }
}

#[test]
fn inv_3_sees_what_is_told_and_not_stored() {
    let mut case = Case::new();
    let nowhere = RecordId::from_bytes([9; 32]);
    let mut checker = Durable;
    assert_eq!(checker.on_start(&case.world, 0), None);
    let publish = Effect::Net(NetEffect::Publish { id: nowhere, data: Vec::new() });
    let mut order = case.order();
    assert_eq!(checker.on_effect(&case.world, 0, &Effect::RunTurn(order.clone())), None);
    order.attempt = AttemptId::from_parts(5, 5);
    let mut longer = case.view();
    longer.revision += 1;
    let mut other = case.view();
    other.lines[0].message_id = nowhere;
    for effect in [publish, Effect::RunTurn(order), show(longer), show(other)] {
        assert!(checker.on_effect(&case.world, 0, &effect).is_some(), "{effect:?}");
    }
    case.world.acked.push((0, nowhere));
    assert!(checker.on_start(&case.world, 0).is_some());
}

#[test]
fn inv_4_sees_bad_signatures_and_records_before_their_deps() {
    let key = |case: &Case| case.world.nodes[0].key.clone();
    let heads = |case: &Case| case.world.ledger.records(0, &case.key).last().map(|(id, _)| *id).unwrap();
    let case = Case::new();
    let record = case.sign(&key(&case), vec![heads(&case)], say("spoiled"));
    let mut batch = case.batch(&record);
    *batch.records[0].wire.last_mut().unwrap() ^= 1;
    assert!(case.stored(Verified::default(), batch).contains("signature"));
    let case = Case::new();
    let record = case.sign(&key(&case), vec![RecordId::from_bytes([9; 32])], say("too early"));
    let batch = case.batch(&record);
    assert!(case.stored(Verified::default(), batch).contains("depends on"));
    let case = Case::new();
    let record = case.sign(&key(&case), vec![heads(&case)], say("another name"));
    let mut batch = case.batch(&record);
    batch.records[0].id = [9; 32];
    assert!(case.stored(Verified::default(), batch).contains("another name"));
    let case = Case::new();
    let record = case.sign(&key(&case), vec![heads(&case)], say("elsewhere"));
    let mut batch = case.batch(&record);
    batch.records[0].position += 3;
    assert!(case.stored(Verified::default(), batch).contains("position"));
}

/// What a disk that lied makes of a row is not what a node stored. On an honest disk nothing of the kind may be found, and
/// what a node stores itself is looked at on any disk.
#[test]
fn inv_4_knows_a_row_that_a_disk_that_lied_has_spoiled() {
    for lied in [true, false] {
        let mut case = Case::new();
        let (open, _) = case.first(is_open);
        let mut batch = case.batch(&case.sign(&case.world.nodes[0].key, vec![open], say("spoiled")));
        (batch.records[0].id, batch.records[0].wire) = ([0; 32], vec![0; 300]);
        case.world.crash(0);
        case.world.nodes[0].open().unwrap().commit(&[batch.clone()]).unwrap();
        let copy = case.world.nodes[0].disk.copy();
        if lied {
            case.world.nodes[0].disk.put_back(&copy);
        }
        case.world.start(0);
        let found = case.world.failures.iter().any(|breach| breach.invariant == "INV-4");
        assert_eq!(found, !lied, "{:?}", case.world.failures);
        if lied {
            assert!(case.stored(Verified::default(), batch).contains("another name"));
        }
    }
}

#[test]
fn inv_5_sees_who_may_not_write() {
    let case = Case::new();
    let (open, _) = case.first(is_open);
    let stranger = SigningKey::from_bytes(&[5; 32]);
    let record = case.sign(&stranger, vec![open], say("hello from nowhere"));
    let batch = case.batch(&record);
    assert!(case.stored(Good::default(), batch).contains("was not on the roster"));
}

#[test]
fn inv_6_sees_a_sealed_line_move() {
    let case = Case::new();
    let mut checker = Sealed::default();
    let view = case.view();
    assert!(view.lines.iter().all(|line| line.sealed) && view.lines.len() == 2);
    let shorter = View { lines: view.lines[..1].to_vec(), ..view.clone() };
    assert_eq!(checker.on_effect(&case.world, 0, &show(shorter.clone())), None);
    assert_eq!(checker.on_effect(&case.world, 0, &show(view.clone())), None);
    assert!(checker.on_effect(&case.world, 0, &show(shorter.clone())).is_some(), "a sealed line is gone");
    let warned = View { aside: 1, ..shorter };
    checker.on_effect(&case.world, 0, &show(view.clone()));
    assert_eq!(checker.on_effect(&case.world, 0, &show(warned)), None, "and it says why");
    let mut changed = view;
    changed.lines[0].body = Body::new("other words").unwrap();
    assert!(checker.on_effect(&case.world, 1, &show(changed)).is_some());
}

#[test]
fn inv_7_sees_a_turn_run_twice() {
    let case = Case::new();
    let mut checker = Once::default();
    let run = Effect::RunTurn(case.order());
    let first = checker.on_effect(&case.world, 0, &run);
    assert!(first.unwrap().contains("has ended before"));
    let second = checker.on_effect(&case.world, 0, &run);
    assert!(second.unwrap().contains("ran before on #0"));
}

#[test]
fn inv_8_sees_a_frame_that_is_too_long() {
    let case = Case::new();
    let peer = case.world.nodes[0].me;
    for (length, is_fine) in [(FRAME_BYTES_MAX, true), (FRAME_BYTES_MAX + 1, false)] {
        let send = Effect::Net(NetEffect::Send { peer, frame: vec![0; length] });
        assert_eq!(Bounds.on_effect(&case.world, 0, &send).is_none(), is_fine);
    }
}

#[test]
fn inv_9_sees_a_node_that_gives_up_or_panics() {
    let mut case = Case::new();
    let fatal = Effect::Fatal("no reason".to_owned());
    assert!(Sound.on_effect(&case.world, 0, &fatal).is_some());
    let what = caught(|| -> () { panic!("it fell over") }).unwrap_err();
    assert!(what.contains("it fell over") && what.contains("tests.rs"), "{what}");
    case.world.panicked(0, &what);
    assert_eq!(case.world.failures[0].invariant, "INV-9");
    case.world.run_for(5_000);
    assert!(case.world.is_up(0), "it starts again");
}

#[test]
fn inv_10_sees_an_export_that_the_records_do_not_make() {
    let mut case = Case::new();
    assert_eq!(Rebuilt.at_end(&case.world), None);
    let mut plan = ExportPlan::default();
    plan.writes.insert("users/nobody.meta.yaml".to_owned(), b"nobody".to_vec());
    case.world.nodes[0].tree.apply(&plan);
    assert!(Rebuilt.at_end(&case.world).unwrap().contains("users/nobody.meta.yaml"));
}
