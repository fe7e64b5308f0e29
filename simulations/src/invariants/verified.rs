//! INV-4: only verified records reach the store, each under its own name, in its own stream, after what it depends on, at
//! the next free position. Signatures are checked here once more, each once in a world. Records of later versions are
//! held aside, and nothing of them can be checked. A disk that lied may have lost what a record depends on, and
//! made something else of its bytes (`ledger`): a start finds less there than was stored, and never in another order.

use std::collections::{BTreeMap, BTreeSet};

use starling_crdt::id::{RecordId, StreamKey};
use starling_crdt::payload::Payload;
use starling_crdt::record::Record;
use starling_crdt::signed::{Received, Signed, Unverified, id_of_wire};
use starling_node::store::Batch;

use crate::checker::{Checker, Found};
use crate::ledger::{Ledger, Page};
use crate::world::World;

/// Checks signatures, names and the order of what is stored.
#[derive(Debug, Default)]
pub struct Verified {
    /// How many wires of each page of the ledger were found to be sound.
    checked: Vec<usize>,
    /// How many records of each stream of each node were seen in order.
    ordered: BTreeMap<(usize, StreamKey), usize>,
}

impl Verified {
    fn catch_up(&mut self, ledger: &Ledger, pages: impl Iterator<Item = usize>) -> Found {
        let mut found = None;
        for place in pages {
            if self.checked.len() <= place {
                self.checked.resize(place + 1, 0);
            }
            let Some((page, checked)) = ledger.page(place).zip(self.checked.get_mut(place)) else { continue };
            for wire in page.wires.iter().skip(std::mem::replace(checked, page.wires.len())) {
                found = found.or_else(|| unsound(ledger, page, wire));
            }
        }
        found
    }

    /// What is new in these streams of a node: each record after its deps, and not without its roster records.
    fn disordered(&mut self, disk: &Disk<'_>, streams: &BTreeSet<StreamKey>) -> Found {
        let Disk { ledger, node, .. } = *disk;
        let mut found = None;
        for stream in streams {
            let places = ledger.stream(node, stream);
            let seen = self.ordered.entry((node, *stream)).or_default();
            let new = places.get(std::mem::replace(seen, places.len())..).unwrap_or_default();
            let mut later: BTreeSet<usize> = new.iter().copied().collect();
            for place in new {
                let record = ledger.page(*place).and_then(|page| Some((page.id, page.record.as_ref()?)));
                found = found.or_else(|| record.and_then(|(id, record)| disk.missing(id, record, &later)));
                later.remove(place);
            }
        }
        found
    }

    fn restart(&mut self, node: usize) {
        self.ordered.retain(|(other, _), _| *other != node);
    }
}

/// What is looked at.
struct Disk<'a> {
    ledger: &'a Ledger,
    node: usize,
    /// It may have lost what was durable: it lied, and was read anew.
    may_lose: bool,
}

impl Disk<'_> {
    fn has(&self, id: &RecordId) -> bool {
        self.ledger.has(self.node, id) || self.may_lose && self.ledger.place(id).is_some()
    }

    /// A dep that is not here or comes later, or a roster record that is not here.
    fn missing(&self, id: RecordId, record: &Record, later: &BTreeSet<usize>) -> Found {
        let comes_later = |dep: &RecordId| self.ledger.place(dep).is_some_and(|place| later.contains(&place));
        if let Some(dep) = record.deps.iter().find(|dep| !self.has(dep) || comes_later(dep)) {
            return Some(format!("{id} is stored, and not {dep}, which it depends on"));
        }
        let head = record.roster.iter().find(|head| !self.has(head))?;
        Some(format!("{id} is stored, and not {head} of the roster, which it names"))
    }
}

/// What is wrong with a stored record by itself.
fn unsound(ledger: &Ledger, page: &Page, wire: &[u8]) -> Found {
    let Page { id, stream, .. } = page;
    if id_of_wire(wire) != Some(*id) {
        return Some(format!("{id} is stored, and its bytes have another name"));
    }
    let Ok(Received::Record(signed)) = Signed::<Unverified>::decode(wire) else {
        return Some(format!("{id} is stored, and cannot be read"));
    };
    let record = signed.record();
    let belongs = match &record.payload {
        Payload::Found { .. } => stream.as_bytes() == id.as_bytes(),
        _ if record.is_roster() => record.workspace.roster() == *stream && record.stream == *stream,
        Payload::Open { header, .. } => header.key(&record.workspace) == *stream && record.stream == *stream,
        _ => record.stream == *stream && ledger.header(stream).is_some(),
    };
    if !belongs {
        return Some(format!("{id} is stored in {stream}, where it does not belong"));
    }
    signed.verify().err().map(|error| format!("{id} is stored, and {error}"))
}

/// A record that does not take the next position of its stream.
fn misplaced(ledger: &Ledger, node: usize, batches: &[Batch]) -> Found {
    batches.iter().flat_map(|batch| &batch.records).find_map(|row| {
        let (stream, id) = (StreamKey::from_bytes(row.stream), RecordId::from_bytes(row.id));
        let at =
            usize::try_from(row.position).ok().and_then(|at| ledger.stream(node, &stream).get(at).copied());
        let is_there = at.is_some() && at == ledger.place(&id);
        (!is_there).then(|| {
            format!("{id} is stored at position {}, where another record is or none before it", row.position)
        })
    })
}

impl Checker for Verified {
    fn invariant(&self) -> &'static str {
        "INV-4"
    }

    fn on_durable(&mut self, world: &World, node: usize, batches: &[Batch]) -> Found {
        let ledger = &world.ledger;
        let rows = || batches.iter().flat_map(|batch| &batch.records);
        let streams = rows().map(|row| StreamKey::from_bytes(row.stream)).collect();
        let unsound =
            self.catch_up(ledger, rows().filter_map(|row| ledger.place(&RecordId::from_bytes(row.id))));
        let found = unsound
            .or_else(|| misplaced(ledger, node, batches))
            .or_else(|| self.disordered(&Disk { ledger, node, may_lose: false }, &streams));
        found.map(|what| format!("#{node}: {what}"))
    }

    fn on_start(&mut self, world: &World, node: usize) -> Found {
        self.restart(node);
        let unsound = self.catch_up(&world.ledger, 0..world.ledger.pages().len());
        let streams = world.ledger.streams(node).map(|(key, _)| *key).collect();
        let disk = Disk { ledger: &world.ledger, node, may_lose: world.lied(node) };
        unsound.or_else(|| self.disordered(&disk, &streams)).map(|what| format!("#{node}: {what}"))
    }
}
