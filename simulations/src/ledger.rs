//! Which records are durable on which disk, as the world saw them get there: what checkers read instead of asking a node
//! about itself. Each record is decoded once in a world, however many nodes have it. A start reads the disk anew, since a
//! crash may have kept less, or more, than was reported.

use std::collections::{BTreeMap, BTreeSet};

use fixedbitset::FixedBitSet;
use starling_crdt::id::{AttemptId, DeviceKey, RecordId, SessionId, StreamKey};
use starling_crdt::payload::{Header, Payload};
use starling_crdt::record::Record;
use starling_crdt::signed::{Received, Signed, Unverified, id_of_wire};
use starling_node::store::{Batch, Store, StoreError};

/// A record that is, or was, durable somewhere.
#[derive(Debug)]
pub struct Page {
    /// The id that it is stored under.
    pub id: RecordId,
    /// The stream that it is stored in.
    pub stream: StreamKey,
    /// What it says; `None` if it cannot be read.
    pub record: Option<Record>,
    /// The bytes that were stored under this id, by signature: more than one if somebody signed twice.
    pub wires: Vec<Vec<u8>>,
}

#[derive(Debug, Default)]
struct Held {
    has: FixedBitSet,
    streams: BTreeMap<StreamKey, Vec<usize>>,
}

/// All disks.
#[derive(Debug, Default)]
pub struct Ledger {
    pages: Vec<Page>,
    places: BTreeMap<RecordId, usize>,
    nodes: BTreeMap<usize, Held>,
    headers: BTreeMap<StreamKey, Header>,
    called: BTreeMap<SessionId, BTreeSet<StreamKey>>,
    claims: BTreeMap<AttemptId, usize>,
    /// What names the same record of an agent as the one before, by stream.
    follows: BTreeSet<(StreamKey, Option<RecordId>)>,
    forked: BTreeSet<StreamKey>,
    /// Roster records that take something away, or move an agent without asking its host.
    disputes: usize,
}

/// The text of a line.
pub(crate) const fn body(payload: &Payload) -> Option<&starling_crdt::text::Body> {
    match payload {
        Payload::Open { body, .. } | Payload::Message { body, .. } | Payload::Reply { body, .. } => {
            Some(body)
        }
        _ => None,
    }
}

/// Whether these bytes are a record of this name with its author's signature.
fn is_signed(id: &RecordId, wire: &[u8]) -> bool {
    let Ok(Received::Record(record)) = Signed::<Unverified>::decode(wire) else { return false };
    id_of_wire(wire) == Some(*id) && record.verify().is_ok()
}

impl Ledger {
    /// A commit of a node's is durable.
    pub fn note(&mut self, node: usize, batches: &[Batch]) {
        for row in batches.iter().flat_map(|batch| &batch.records) {
            self.keep(node, StreamKey::from_bytes(row.stream), RecordId::from_bytes(row.id), &row.wire);
        }
    }

    /// What a node's disk holds, from nothing, found as the node finds it: the roster by its name, sessions by going
    /// through all streams. In a damaged table one may lead where the other does not. What a disk that `lied` made of a
    /// record is none: bytes that nobody was seen to store, and that are not signed as what they are called. A node that
    /// does not check what it stores is noticed all the same, when it stores it.
    ///
    /// # Errors
    /// The store's own.
    pub fn reload(
        &mut self,
        node: usize,
        store: &Store,
        roster: Option<StreamKey>,
        lied: bool,
    ) -> Result<(), StoreError> {
        self.nodes.remove(&node);
        let mut streams: BTreeSet<_> = store.streams()?.into_iter().collect();
        streams.extend(roster.map(|key| *key.as_bytes()));
        for stream in streams {
            for (id, wire) in store.load_stream(stream)? {
                let id = RecordId::from_bytes(id);
                if !lied || self.was_stored(&id, &wire) || is_signed(&id, &wire) {
                    self.keep(node, StreamKey::from_bytes(stream), id, &wire);
                }
            }
        }
        Ok(())
    }

    fn was_stored(&self, id: &RecordId, wire: &[u8]) -> bool {
        let page = self.place(id).and_then(|place| self.page(place));
        page.is_some_and(|page| page.wires.iter().any(|stored| stored == wire))
    }

    fn keep(&mut self, node: usize, stream: StreamKey, id: RecordId, wire: &[u8]) {
        let place = self.place_of(stream, id, wire);
        let held = self.nodes.entry(node).or_default();
        held.has.grow(place + 1);
        // The store leaves out what is there already.
        if !held.has.put(place) {
            held.streams.entry(stream).or_default().push(place);
        }
    }

    fn place_of(&mut self, stream: StreamKey, id: RecordId, wire: &[u8]) -> usize {
        if let Some(place) = self.places.get(&id).copied() {
            if let Some(page) = self.pages.get_mut(place).filter(|page| !page.wires.iter().any(|w| w == wire))
            {
                page.wires.push(wire.to_vec());
            }
            return place;
        }
        let record = match Signed::<Unverified>::decode(wire) {
            Ok(Received::Record(record)) => Some(record.record().clone()),
            Ok(Received::NeedsUpgrade { .. }) | Err(_) => None,
        };
        let place = self.pages.len();
        if let Some(record) = &record {
            self.learn(stream, place, record);
        }
        self.pages.push(Page { id, stream, record, wires: vec![wire.to_vec()] });
        self.places.insert(id, place);
        place
    }

    fn learn(&mut self, stream: StreamKey, place: usize, record: &Record) {
        match &record.payload {
            Payload::Open { header, .. } => {
                self.headers.insert(stream, header.clone());
                self.called.entry(header.session).or_default().insert(stream);
            }
            Payload::Claim { turn } => {
                self.claims.entry(turn.attempt).or_insert(place);
            }
            Payload::RevokeDevice { .. }
            | Payload::RemoveMember { .. }
            | Payload::ChangeRole { .. }
            | Payload::MoveAgent { handover: None, .. } => self.disputes += 1,
            _ => {}
        }
        let prev = record.payload.turn().map(|turn| turn.prev);
        if prev.is_some_and(|prev| !self.follows.insert((stream, prev))) {
            self.forked.insert(stream);
        }
    }

    /// Every record that was ever durable anywhere, in the order in which they were first.
    #[must_use]
    pub fn pages(&self) -> &[Page] {
        &self.pages
    }

    /// One of them, by its place in that order.
    #[must_use]
    pub fn page(&self, place: usize) -> Option<&Page> {
        self.pages.get(place)
    }

    /// Where a record stands in that order.
    #[must_use]
    pub fn place(&self, id: &RecordId) -> Option<usize> {
        self.places.get(id).copied()
    }

    /// What a record says.
    #[must_use]
    pub fn record(&self, id: &RecordId) -> Option<&Record> {
        self.page(self.place(id)?)?.record.as_ref()
    }

    /// Whether a record is durable on a node.
    #[must_use]
    pub fn has(&self, node: usize, id: &RecordId) -> bool {
        let held = self.nodes.get(&node);
        held.zip(self.place(id)).is_some_and(|(held, place)| held.has.contains(place))
    }

    /// The streams on a node's disk, each with the places of its records in the order of their positions.
    pub fn streams(&self, node: usize) -> impl Iterator<Item = (&StreamKey, &[usize])> {
        let held = self.nodes.get(&node).into_iter();
        held.flat_map(|held| held.streams.iter().map(|(key, places)| (key, places.as_slice())))
    }

    /// One stream on a node's disk.
    #[must_use]
    pub fn stream(&self, node: usize, key: &StreamKey) -> &[usize] {
        let places = self.nodes.get(&node).and_then(|held| held.streams.get(key));
        places.map_or(&[], Vec::as_slice)
    }

    /// The records of a stream on a node's disk, in the order of their positions; without what cannot be read.
    #[must_use]
    pub fn records(&self, node: usize, key: &StreamKey) -> Vec<(RecordId, &Record)> {
        let pages = self.stream(node, key).iter().filter_map(|place| self.page(*place));
        pages.filter_map(|page| Some((page.id, page.record.as_ref()?))).collect()
    }

    /// Which records a node has, to tell nodes apart.
    #[must_use]
    pub fn all_of(&self, node: usize) -> Vec<usize> {
        self.nodes.get(&node).map(|held| held.has.ones().collect()).unwrap_or_default()
    }

    /// Who a session is.
    #[must_use]
    pub fn header(&self, key: &StreamKey) -> Option<&Header> {
        self.headers.get(key)
    }

    /// The sessions with this id: more than one only where ids collided.
    #[must_use]
    pub fn called(&self, id: &SessionId) -> Option<&BTreeSet<StreamKey>> {
        self.called.get(id)
    }

    /// The claim of an attempt, wherever it is durable.
    #[must_use]
    pub fn claim(&self, attempt: &AttemptId) -> Option<&Page> {
        self.page(*self.claims.get(attempt)?)
    }

    /// Whether two records of the agent in this session name the same one before them.
    #[must_use]
    pub fn is_forked(&self, key: &StreamKey) -> bool {
        self.forked.contains(key)
    }

    /// Whether anybody's standing was ever taken away or changed, or an agent moved by force: only then may what was
    /// settled change.
    #[must_use]
    pub const fn is_disputed(&self) -> bool {
        self.disputes > 0
    }

    /// Whether somebody named this device, or its member, in order to take its standing away.
    #[must_use]
    pub fn is_accused(&self, device: &DeviceKey) -> bool {
        if self.disputes == 0 {
            return false;
        }
        let payloads = || self.pages.iter().filter_map(|page| Some(&page.record.as_ref()?.payload));
        let owner = payloads().find_map(|payload| match payload {
            Payload::AddDevice { member, device: added, .. } if added == device => Some(*member),
            _ => None,
        });
        payloads().any(|payload| match payload {
            Payload::RevokeDevice { cut } => cut.device == *device,
            Payload::RemoveMember { member, .. } => Some(*member) == owner,
            _ => false,
        })
    }
}
