//! INV-3: durable, then visible. Nothing is answered, gossiped, sent or exported before its commit, and what a client was
//! told is stored is still there after a crash. What a frame carries is found by the bytes of signatures and ids, so this
//! looks for what is on its way to the disk; what is not even that would not be noticed in a frame.

use starling_crdt::id::{RecordId, SessionId};
use starling_crdt::payload::Payload;
use starling_crdt::signed::id_of_wire;
use starling_node::machine::info::Notice;
use starling_node::machine::input::{Effect, GossipVerdict, NetEffect, TurnOrder};
use starling_node::machine::request::Answer;

use crate::checker::{Checker, Found};
use crate::node::SimNode;
use crate::world::World;

/// Bytes at the end of a record that nothing else contains: its signature.
const TAIL_BYTES: usize = 64;
/// Frames longer than this are looked through only for a few records: the search is quadratic.
const SEARCH_MAX: usize = 4 * 1024 * 1024;
/// Bodies shorter than this are found in other texts by chance.
const BODY_BYTES_MIN: usize = 8;

/// Holds what a node lets others see against what is on its disk.
#[derive(Debug)]
pub struct Durable;

impl Checker for Durable {
    fn invariant(&self) -> &'static str {
        "INV-3"
    }

    fn on_effect(&mut self, world: &World, node: usize, effect: &Effect) -> Found {
        let sim = world.nodes.get(node)?;
        let found = match effect {
            Effect::Answer { answer: Ok(answer), .. } => shown_early(world, node, answer),
            Effect::Notify(Notice::Session(item)) => counted_early(world, node, item.id, item.revision),
            Effect::Net(effect) => said_early(world, node, sim, effect),
            Effect::RunTurn(order) => started_early(world, node, order),
            Effect::Export(plan) if !sim.pending.is_empty() => {
                let shown: Vec<u8> = plan.writes.values().flatten().copied().collect();
                body_in(world, node, sim, &shown).map(|id| format!("exported {id} before its commit"))
            }
            _ => None,
        };
        found.map(|what| format!("#{node} {what}"))
    }

    fn on_start(&mut self, world: &World, node: usize) -> Found {
        lost(world, node)
    }

    fn at_end(&mut self, world: &World) -> Found {
        world.honest().into_iter().find_map(|node| lost(world, node))
    }
}

/// What a client was told is stored, and is not.
fn lost(world: &World, node: usize) -> Found {
    if world.lied(node) {
        return None;
    }
    let mut acked = world.acked.iter().filter(|(by, _)| *by == node);
    let (_, id) = acked.find(|(_, id)| !world.ledger.has(node, id))?;
    Some(format!("#{node} lost {id}, which a client was told is stored"))
}

fn shown_early(world: &World, node: usize, answer: &Answer) -> Found {
    let early = match answer {
        Answer::Created { view, .. } | Answer::Session { view, .. } => {
            let missing =
                view.lines.iter().map(|line| line.message_id).find(|id| !world.ledger.has(node, id));
            missing.map(|id| format!("answered with {id} before its commit"))
        }
        Answer::Written { message_id, .. } => (!world.ledger.has(node, message_id))
            .then(|| format!("answered with {message_id} before its commit")),
        _ => None,
    };
    early.or_else(|| match answer {
        Answer::Created { view, .. } | Answer::Session { view, .. } => {
            counted_early(world, node, view.id, view.revision)
        }
        Answer::Written { session, revision, .. } | Answer::Changed { session, revision, .. } => {
            counted_early(world, node, *session, *revision)
        }
        _ => None,
    })
}

/// More records are told of than are on the disk.
fn counted_early(world: &World, node: usize, session: SessionId, revision: u64) -> Found {
    let keys = world.ledger.called(&session).into_iter().flatten();
    let stored: usize = keys.map(|key| world.ledger.stream(node, key).len()).sum();
    (revision > stored as u64)
        .then(|| format!("told of {revision} records of {session}, and {stored} are stored"))
}

fn said_early(world: &World, node: usize, sim: &SimNode, effect: &NetEffect) -> Found {
    match effect {
        NetEffect::Publish { id, .. } if !world.ledger.has(node, id) => {
            Some(format!("gossiped {id} before its commit"))
        }
        NetEffect::Verdict { token, verdict: GossipVerdict::Accept } => {
            let id = id_of_wire(&sim.judged.get(token)?.bytes)?;
            (!world.ledger.has(node, &id)).then(|| format!("forwarded {id} before its commit"))
        }
        NetEffect::Send { frame, .. } if !sim.pending.is_empty() => {
            pending_in(world, node, sim, frame).map(|id| format!("sent {id} before its commit"))
        }
        _ => None,
    }
}

fn started_early(world: &World, node: usize, order: &TurnOrder) -> Found {
    let claim = world.ledger.claim(&order.attempt).filter(|claim| world.ledger.has(node, &claim.id));
    claim.is_none().then(|| format!("started {} before its claim was stored", order.attempt))
}

fn pending_records(node: &SimNode) -> impl Iterator<Item = (RecordId, &[u8])> {
    node.pending
        .values()
        .flat_map(|batch| batch.records.iter().map(|row| (RecordId::from_bytes(row.id), row.wire.as_slice())))
}

fn pending_in(world: &World, node: usize, sim: &SimNode, frame: &[u8]) -> Option<RecordId> {
    let mut budget = SEARCH_MAX;
    let revealed = |(id, wire): &(RecordId, &[u8])| {
        budget = budget.saturating_sub(frame.len());
        let tail = wire.get(wire.len().saturating_sub(TAIL_BYTES)..).unwrap_or_default();
        budget > 0 && (contains(frame, tail) || contains(frame, id.as_bytes()) && !is_in_cut(world, node, id))
    };
    pending_records(sim).find(revealed).map(|(id, _)| id)
}

/// Whether a durable revocation names the record: who hands that on says the record's name, and nothing of it.
fn is_in_cut(world: &World, node: usize, id: &RecordId) -> bool {
    let stored = world.ledger.pages().iter().filter(|page| world.ledger.has(node, &page.id));
    let cuts = |payload: &Payload| match payload {
        Payload::RevokeDevice { cut } => vec![cut.clone()],
        Payload::RemoveMember { cuts, .. } => cuts.clone(),
        _ => Vec::new(),
    };
    let mut kept = stored.flat_map(|page| page.record.iter().flat_map(|record| cuts(&record.payload)));
    kept.any(|cut| cut.kept.iter().any(|(_, ids)| ids.contains(id)))
}

fn body_in(world: &World, node: usize, sim: &SimNode, shown: &[u8]) -> Option<RecordId> {
    let is_shown = |(_, wire): &(RecordId, &[u8])| {
        let payload = payload_of(wire);
        let body = payload.as_ref().and_then(crate::ledger::body).map(|body| body.as_str());
        body.is_some_and(|body| {
            body.len() > BODY_BYTES_MIN && contains(shown, body.as_bytes()) && !is_said(world, node, body)
        })
    };
    pending_records(sim).find(is_shown).map(|(id, _)| id)
}

/// Whether the same words are durable in another record: somebody said them twice, or they were quoted.
fn is_said(world: &World, node: usize, words: &str) -> bool {
    let stored = world.ledger.pages().iter().filter(|page| world.ledger.has(node, &page.id));
    let mut bodies = stored.filter_map(|page| crate::ledger::body(&page.record.as_ref()?.payload));
    bodies.any(|body| body.as_str().contains(words))
}

fn payload_of(wire: &[u8]) -> Option<Payload> {
    use starling_crdt::signed::{Received, Signed, Unverified};
    match Signed::<Unverified>::decode(wire) {
        Ok(Received::Record(record)) => Some(record.record().payload.clone()),
        _ => None,
    }
}

fn contains(hay: &[u8], needle: &[u8]) -> bool {
    let Some(first) = needle.first() else { return false };
    let mut rest = hay;
    while let Some(at) = rest.iter().position(|byte| byte == first) {
        rest = rest.get(at..).unwrap_or_default();
        if rest.starts_with(needle) {
            return true;
        }
        rest = rest.get(1..).unwrap_or_default();
    }
    false
}
