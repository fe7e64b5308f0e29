//! The automerge mirror of a session, behind one door: each record becomes exactly one change, built by template. No
//! byte that came from a peer is parsed by automerge, and no hash, `pred` or counter is taken from a sender: fed hostile
//! changes, automerge can panic, diverge or inflate; with templates all of that is unreachable.
//!
//! ROOT has `v, id, creator, agent, thread, turns`, written once from the header, then the registers `title`, `summary`,
//! `archived`. `thread` and `turns` are maps with newest-first keys, because a list is walked whole at each insertion.
//! Every record is its own actor (op counter, then the full record id) with seq 1, so that an equivocating author cannot
//! split replicas by order of arrival, and so that automerge's order is ours: (lamport, id), lamport = `start_op`.
//!
//! A change is made at once, but handed to automerge with others: each call of `apply_changes` costs time that grows with
//! the actors in the document, which here are the records, and a change of a batch costs little beside. Whoever reads
//! sees all changes.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::num::NonZeroU64;

use automerge::legacy::{Key, ObjectId, Op, OpId, OpType, SortedVec};
use automerge::{
    ActorId, Automerge, Change, ChangeHash, ExpandedChange, ObjType, ROOT, ReadDoc, ScalarValue,
};

use crate::facts::Stamp;
use crate::fault::{Fault, planted};
use crate::id::{RecordId, StreamKey};
use crate::payload::{Header, Payload};
use crate::record::Record;

/// Ops of the header's change: they come before every record's.
pub const HEADER_OPS: u64 = 6;
/// Op of the header that makes the map `thread`.
const THREAD_OP: u64 = 5;
/// Op of the header that makes the map `turns`.
const TURNS_OP: u64 = 6;
/// Changes that wait to be handed over together. Enough that the call is a small part of what a change costs in the
/// longest session; few enough that what waits is less than the document itself.
const PENDING_MAX: usize = 64;

/// One session as an automerge document.
#[derive(Debug, Clone)]
pub struct Document {
    doc: Automerge,
    /// Changes that `doc` lacks, in topological order.
    pending: Vec<Change>,
    header: ActorId,
    root: ChangeHash,
    hashes: BTreeMap<RecordId, ChangeHash>,
}

/// How many automerge ops a record of this kind writes.
#[must_use]
pub const fn op_count(payload: &Payload) -> u64 {
    match payload {
        Payload::Reply { .. } => 2,
        _ => 1,
    }
}

impl Document {
    /// The document of a session without records: the same on every replica.
    #[must_use]
    pub fn new(key: &StreamKey, header: &Header) -> Self {
        let actor = actor_id(1, key.as_bytes());
        let put = |name: &str, value: String| {
            root_op(name, OpType::Put(ScalarValue::Str(value.into())), Vec::new())
        };
        let make = |name: &str| root_op(name, OpType::Make(ObjType::Map), Vec::new());
        let operations = vec![
            root_op("v", OpType::Put(ScalarValue::Uint(1)), Vec::new()),
            put("id", header.session.to_string()),
            put("creator", header.creator.to_string()),
            put("agent", header.agent.to_string()),
            make("thread"),
            make("turns"),
        ];
        let change = change(actor.clone(), 1, 0, Vec::new(), operations);
        let root = change.hash();
        Self {
            doc: Automerge::new().with_actor(actor.clone()),
            pending: vec![change],
            header: actor,
            root,
            hashes: BTreeMap::new(),
        }
    }

    /// Adds the change of an admitted record. `lamport` and `preds` (the writes that it replaces) are computed by the
    /// replica from the record's past.
    pub fn apply(&mut self, record: &Record, id: RecordId, lamport: u64, preds: &[Stamp]) {
        let change = self.template(record, id, lamport, preds);
        self.hashes.insert(id, change.hash());
        self.pending.push(change);
        if self.pending.len() >= PENDING_MAX {
            add(&mut self.doc, std::mem::take(&mut self.pending));
        }
    }

    /// The automerge document with all changes. A copy while some wait: readers are few, and none is on a record's way.
    fn current(&self) -> Cow<'_, Automerge> {
        if self.pending.is_empty() {
            return Cow::Borrowed(&self.doc);
        }
        let mut doc = self.doc.clone();
        add(&mut doc, self.pending.clone());
        Cow::Owned(doc)
    }

    /// The hash of the change that [`Document::apply`] would add.
    #[must_use]
    pub fn hash_of(&self, record: &Record, id: RecordId, lamport: u64, preds: &[Stamp]) -> [u8; 32] {
        self.template(record, id, lamport, preds).hash().0
    }

    fn template(&self, record: &Record, id: RecordId, lamport: u64, preds: &[Stamp]) -> Change {
        let text = |value: &str| OpType::Put(ScalarValue::Str(value.into()));
        let preds =
            preds.iter().map(|(counter, id)| OpId(*counter, actor_id(*counter, id.as_bytes()))).collect();
        let thread = |body: &str| self.map_op(THREAD_OP, lamport, id, text(body));
        let turns = |what: String| self.map_op(TURNS_OP, lamport, id, text(&what));
        let operations = match &record.payload {
            Payload::Open { body, .. } | Payload::Message { body, .. } => vec![thread(body.as_str())],
            Payload::Title { title, .. } => vec![root_op("title", text(title.as_str()), preds)],
            Payload::Summary { summary, .. } => vec![root_op("summary", text(summary.as_str()), preds)],
            Payload::Archive {} => vec![root_op("archived", OpType::Put(ScalarValue::Boolean(true)), preds)],
            Payload::Unarchive {} => {
                vec![root_op("archived", OpType::Put(ScalarValue::Boolean(false)), preds)]
            }
            Payload::Reply { turn, body } => {
                vec![thread(body.as_str()), turns(format!("reply {}", turn.attempt))]
            }
            Payload::Claim { turn } => vec![turns(format!("claim {}", turn.attempt))],
            Payload::Failure { turn, .. } => vec![turns(format!("failure {}", turn.attempt))],
            Payload::Stop { attempt } => vec![turns(format!("stop {attempt}"))],
            Payload::Retry { attempt } => vec![turns(format!("retry {attempt}"))],
            Payload::Continues { previous } => vec![turns(format!("continues {previous}"))],
            // Roster records are refused before they come here.
            _ => Vec::new(),
        };
        let deps = record.deps.iter().filter_map(|dep| self.hashes.get(dep)).copied().collect::<Vec<_>>();
        let deps = if deps.is_empty() { vec![self.root] } else { deps };
        let seconds = i64::try_from(record.at_ms / 1000).unwrap_or(i64::MAX);
        change(actor_id(lamport, id.as_bytes()), lamport, seconds, deps, operations)
    }

    fn map_op(&self, map: u64, lamport: u64, id: RecordId, action: OpType) -> Op {
        Op {
            action,
            obj: ObjectId::Id(OpId(map, self.header.clone())),
            key: Key::Map(format!("{:08x}{id}", u32::MAX - counter(lamport)).into()),
            pred: SortedVec::new(),
            insert: false,
        }
    }

    /// The automerge heads, sorted: equal on replicas with equal records.
    #[must_use]
    pub fn heads(&self) -> Vec<[u8; 32]> {
        let mut heads: Vec<_> = self.current().get_heads().iter().map(|hash| hash.0).collect();
        heads.sort_unstable();
        heads
    }

    /// The change made from a record.
    #[must_use]
    pub fn change_hash(&self, id: &RecordId) -> Option<[u8; 32]> {
        self.hashes.get(id).map(|hash| hash.0)
    }

    /// The title as automerge has it: an independent answer to compare the view with.
    #[must_use]
    pub fn title(&self) -> Option<String> {
        let doc = self.current();
        let (value, _) = doc.get(ROOT, "title").ok()??;
        value.into_string().ok()
    }

    /// The title as automerge had it after the records `at`; `None` if one of them is not in it.
    #[cfg(test)]
    pub(crate) fn title_at(&self, at: &[RecordId]) -> Option<Option<String>> {
        let hashes: Option<Vec<ChangeHash>> = at.iter().map(|id| self.hashes.get(id).copied()).collect();
        let document = self.current();
        let found = document.get_at(ROOT, "title", &hashes?).ok()?;
        Some(found.and_then(|(value, _)| value.into_string().ok()))
    }

    /// How many messages and replies automerge has.
    #[must_use]
    pub fn thread_len(&self) -> usize {
        let doc = self.current();
        match doc.get(ROOT, "thread") {
            Ok(Some((_, thread))) => doc.length(&thread),
            _ => 0,
        }
    }
}

fn add(doc: &mut Automerge, changes: Vec<Change>) {
    // Deps are in the document or before it here and (actor, seq) is new, so automerge has nothing to refuse.
    let applied = doc.apply_changes(changes);
    debug_assert!(applied.is_ok(), "{applied:?}");
}

/// Sessions are capped far below this; a counter beyond it only loses its place among equals.
fn counter(lamport: u64) -> u32 {
    u32::try_from(lamport).unwrap_or(u32::MAX)
}

/// The counter comes first so that new actors sort last: random ones cost milliseconds a change in a long session.
fn actor_id(lamport: u64, id: &[u8; 32]) -> ActorId {
    let id = if planted(Fault::ActorTruncated) { &[] } else { &id[..] };
    ActorId::from([&counter(lamport).to_be_bytes()[..], id].concat())
}

fn root_op(name: &str, action: OpType, preds: Vec<OpId>) -> Op {
    Op { action, obj: ObjectId::Root, key: Key::Map(name.into()), pred: preds.into(), insert: false }
}

fn change(actor_id: ActorId, start_op: u64, time: i64, deps: Vec<ChangeHash>, operations: Vec<Op>) -> Change {
    let mut deps = deps;
    deps.sort_unstable();
    Change::from(ExpandedChange {
        operations,
        actor_id,
        hash: None,
        seq: 1,
        start_op: NonZeroU64::MIN.saturating_add(start_op.saturating_sub(1)),
        time,
        message: None,
        deps,
        extra_bytes: Vec::new(),
        author: None,
    })
}

#[cfg(test)]
mod tests {
    use super::PENDING_MAX;
    use crate::testing::{FOUNDER, Replica, message};

    #[test]
    fn readers_see_what_waits() {
        let mut replica = Replica::opened();
        for n in 2..=2 * PENDING_MAX + 3 {
            let last = replica.put(FOUNDER, message(&format!("message {n}")));
            let document = replica.session.document().unwrap();
            assert_eq!(document.heads(), [document.change_hash(&last).unwrap()]);
            assert_eq!(document.thread_len(), n);
        }
    }
}
