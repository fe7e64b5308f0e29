//! What must hold after each step, one function an invariant. A breach is noted, not thrown: the run goes on, and who
//! runs the world asks for the list.

use starling_crdt::id::{AttemptId, RecordId};
use starling_crdt::payload::Payload;
use starling_crdt::session::body_of;
use starling_crdt::signed::{Received, Signed, Unverified};
use starling_node::machine::input::{Effect, NetEffect};
use starling_node::machine::request::Answer;

use crate::node::SimNode;

/// Bytes at the end of a record that nothing else contains: its signature.
const TAIL_BYTES: usize = 64;
/// Bytes by which the search finds where to look closer.
const PREFIX_BYTES: usize = 8;

/// INV-3: durable, then visible. Says what an effect reveals before its batch is on disk.
#[must_use]
pub fn reveals_too_early(node: &SimNode, effect: &Effect) -> Option<String> {
    if node.pending.is_empty() {
        return None;
    }
    match effect {
        Effect::Answer { answer: Ok(answer), .. } => {
            shown_early(node, answer).map(|id| format!("answered with {id} before its commit"))
        }
        Effect::Net(NetEffect::Publish { id, .. }) if !node.holds(id) => {
            Some(format!("gossiped {id} before its commit"))
        }
        Effect::Net(NetEffect::Send { frame, .. }) => {
            pending_in(node, frame).map(|id| format!("sent {id} before its commit"))
        }
        Effect::RunTurn(order) => is_claim_pending(node, &order.attempt)
            .then(|| format!("started {} before its claim", order.attempt)),
        Effect::Export(plan) => {
            let shown: Vec<u8> = plan.writes.values().flatten().copied().collect();
            body_in(node, &shown).map(|id| format!("exported {id} before its commit"))
        }
        _ => None,
    }
}

fn shown_early(node: &SimNode, answer: &Answer) -> Option<RecordId> {
    match answer {
        Answer::Created { view, .. } | Answer::Session { view, .. } => {
            view.lines.iter().map(|line| line.message_id).find(|id| !node.holds(id))
        }
        Answer::Written { message_id, .. } => (!node.holds(message_id)).then_some(*message_id),
        _ => None,
    }
}

fn pending_records(node: &SimNode) -> impl Iterator<Item = (RecordId, &[u8])> {
    node.pending
        .values()
        .flat_map(|batch| batch.records.iter().map(|row| (RecordId::from_bytes(row.id), row.wire.as_slice())))
}

/// Looks for the id or the signature of each record that is not durable, all of them in one pass over the frame.
fn pending_in(node: &SimNode, frame: &[u8]) -> Option<RecordId> {
    let mut needles: Vec<([u8; PREFIX_BYTES], Vec<u8>, RecordId)> = Vec::new();
    for (id, wire) in pending_records(node) {
        let tail = wire.get(wire.len().saturating_sub(TAIL_BYTES)..).unwrap_or_default();
        for needle in [tail, id.as_bytes().as_slice()] {
            needles.extend(needle.first_chunk().map(|prefix| (*prefix, needle.to_vec(), id)));
        }
    }
    if needles.is_empty() {
        return None;
    }
    needles.sort_unstable();
    let mut begins = [false; 256];
    for (prefix, ..) in &needles {
        if let Some(begin) = begins.get_mut(usize::from(prefix[0])) {
            *begin = true;
        }
    }
    let places = frame.windows(PREFIX_BYTES).enumerate();
    let mut likely =
        places.filter(|(_, window)| begins.get(usize::from(window[0])).copied().unwrap_or_default());
    likely.find_map(|(at, window)| {
        let from = needles.partition_point(|(prefix, ..)| prefix.as_slice() < window);
        let rest = frame.get(at..).unwrap_or_default();
        let same = needles.get(from..)?.iter().take_while(|(prefix, ..)| prefix.as_slice() == window);
        same.into_iter().find(|(_, needle, _)| rest.starts_with(needle)).map(|(.., id)| *id)
    })
}

fn is_claim_pending(node: &SimNode, attempt: &AttemptId) -> bool {
    pending_records(node).any(|(_, wire)| {
        payload_of(wire)
            .is_some_and(|payload| matches!(payload, Payload::Claim { turn } if turn.attempt == *attempt))
    })
}

fn body_in(node: &SimNode, shown: &[u8]) -> Option<RecordId> {
    let is_shown = |(_, wire): &(RecordId, &[u8])| {
        let payload = payload_of(wire);
        let body = payload.as_ref().and_then(body_of).map(|body| body.as_str().as_bytes());
        body.is_some_and(|body| body.len() > 8 && contains(shown, body))
    };
    pending_records(node).find(is_shown).map(|(id, _)| id)
}

fn payload_of(wire: &[u8]) -> Option<Payload> {
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
