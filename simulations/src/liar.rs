//! A device of the roster that breaks the rules: it speaks the sync protocol as it should, but hands out whatever
//! records it was given, believes everything, and checks nothing. What it says in one ear it may keep from another one:
//! a record can be meant for half of the peers. Which lies there are is the business of `liars`.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use starling_crdt::id::{DeviceKey, RecordId, StreamKey, WorkspaceId};
use starling_crdt::roster::Roster;
use starling_crdt::signed::{Received, Signed, Unverified, Verified, id_of_wire};
use starling_net::proto::{self, Have, Input, Output, Proto};
use starling_node::machine::input::{GossipVerdict, NetEffect, NetInput};
use starling_node::machine::rows::digest_of;

/// Frames that it keeps to say them again.
const FRAMES_KEPT: usize = 32;
/// How long it waits until it calls somebody again who hung up, ms.
const REDIAL_MS: u64 = 3_000;

/// The records of one stream, in the order in which they came.
#[derive(Debug, Clone, Default)]
struct Pile {
    ids: BTreeSet<RecordId>,
    /// What is below nothing else, as far as it can be read.
    heads: BTreeSet<RecordId>,
    /// What is below something.
    below: BTreeSet<RecordId>,
    wires: Vec<(RecordId, Vec<u8>)>,
}

/// The liar.
pub struct Liar {
    workspace: WorkspaceId,
    roster: Roster,
    proto: Proto,
    streams: BTreeMap<StreamKey, Pile>,
    halves: BTreeMap<RecordId, bool>,
    silent: bool,
    frames: VecDeque<Vec<u8>>,
    places: BTreeMap<DeviceKey, String>,
    lost: BTreeMap<DeviceKey, u64>,
}

/// In which half of the peers somebody is.
#[must_use]
pub fn half_of(peer: &DeviceKey) -> bool {
    peer.as_bytes().first().is_some_and(|byte| byte % 2 == 1)
}

/// Reads a record as one who checks nothing.
pub(crate) fn believed(wire: &[u8]) -> Option<Signed<Verified>> {
    match Signed::<Unverified>::decode(wire) {
        Ok(Received::Record(record)) => Some(record.trust()),
        _ => None,
    }
}

impl Liar {
    /// A liar with a device's key and its true records.
    #[must_use]
    pub fn new(
        me: DeviceKey,
        workspace: WorkspaceId,
        streams: BTreeMap<StreamKey, Vec<Vec<u8>>>,
        now_ms: u64,
    ) -> Self {
        let mut liar = Self {
            workspace,
            roster: Roster::new(workspace),
            proto: Proto::new(proto::Config::new(me, workspace, 1)),
            streams: BTreeMap::new(),
            halves: BTreeMap::new(),
            silent: false,
            frames: VecDeque::new(),
            places: BTreeMap::new(),
            lost: BTreeMap::new(),
        };
        let mut keys = BTreeSet::new();
        for (key, wires) in streams {
            for wire in wires {
                liar.keep(key, wire);
            }
            keys.insert(key);
        }
        keys.insert(workspace.roster());
        for key in keys {
            // Nobody listens yet.
            let _nothing = liar.changed(key, now_ms);
        }
        liar
    }

    /// The roster as far as it believes in it.
    #[must_use]
    pub const fn roster(&self) -> &Roster {
        &self.roster
    }

    /// The sessions of which it holds something.
    #[must_use]
    pub fn sessions(&self) -> Vec<StreamKey> {
        self.streams.keys().filter(|key| **key != self.workspace.roster()).copied().collect()
    }

    /// What it holds of a stream, oldest first.
    pub fn wires(&self, stream: &StreamKey) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.streams
            .get(stream)
            .into_iter()
            .flat_map(|pile| pile.wires.iter().map(|(_, wire)| wire.as_slice()))
    }

    /// Frames that it sent lately.
    pub fn frames(&self) -> impl Iterator<Item = &[u8]> {
        self.frames.iter().map(Vec::as_slice)
    }

    /// Passes nothing on from now on, or does again.
    pub const fn turn_silent(&mut self) {
        self.silent = !self.silent;
    }

    /// Hands out one more record from now on.
    pub fn forge(&mut self, stream: StreamKey, wire: Vec<u8>, now_ms: u64) -> Vec<NetEffect> {
        self.keep(stream, wire);
        let outputs = self.changed(stream, now_ms);
        self.carry(outputs, now_ms).0
    }

    /// The same, to one half of the peers alone.
    pub fn forge_for(&mut self, half: bool, stream: StreamKey, wire: Vec<u8>, now_ms: u64) -> Vec<NetEffect> {
        if let Some(id) = id_of_wire(&wire) {
            self.halves.insert(id, half);
        }
        self.forge(stream, wire, now_ms)
    }

    /// Takes in what the network did. Returns what to do there, and when to come back.
    pub fn handle(&mut self, event: Option<NetInput>, now_ms: u64) -> (Vec<NetEffect>, Option<u64>) {
        let mut said = Vec::new();
        let mut outputs = Vec::new();
        let input = match event {
            Some(NetInput::Connected { peer, outbound, address }) => {
                self.lost.remove(&peer);
                self.places.insert(peer, address);
                Input::Connected { peer, outbound }
            }
            Some(NetInput::Disconnected { peer }) => {
                self.lost.insert(peer, now_ms + REDIAL_MS);
                Input::Disconnected { peer }
            }
            Some(NetInput::Frame { peer, bytes }) => Input::Frame { peer, bytes },
            Some(NetInput::Gossip { token, bytes, .. }) => {
                // What is no record at all goes no further: else a flood would be one of the simulator.
                let stream = believed(&bytes).map(|record| record.stream());
                let passes = stream.is_some() && !self.silent;
                let verdict = if passes { GossipVerdict::Accept } else { GossipVerdict::Ignore };
                said.push(NetEffect::Verdict { token, verdict });
                if let Some(stream) = stream
                    && self.keep(stream, bytes)
                {
                    outputs = self.changed(stream, now_ms);
                }
                Input::Tick
            }
            _ => Input::Tick,
        };
        outputs.extend(self.proto.handle(input, now_ms));
        let (more, wake) = self.carry(outputs, now_ms);
        said.extend(more);
        said.extend(self.redial(now_ms));
        (said, wake.into_iter().chain(self.lost.values().copied().min()).min())
    }

    fn redial(&mut self, now_ms: u64) -> Vec<NetEffect> {
        let due: Vec<DeviceKey> =
            self.lost.iter().filter(|(_, at)| **at <= now_ms).map(|(peer, _)| *peer).collect();
        let dial = |peer: DeviceKey| {
            self.lost.remove(&peer);
            let addresses = self.places.get(&peer).cloned().into_iter().collect();
            NetEffect::Dial { peer: Some(peer), addresses }
        };
        due.into_iter().map(dial).collect()
    }

    /// Keeps a record. Returns whether it is new.
    fn keep(&mut self, stream: StreamKey, wire: Vec<u8>) -> bool {
        let Some(id) = id_of_wire(&wire) else { return false };
        let pile = self.streams.entry(stream).or_default();
        if !pile.ids.insert(id) {
            return false;
        }
        let record = believed(&wire);
        if let Some(record) = &record {
            for dep in &record.record().deps {
                pile.heads.remove(dep);
                pile.below.insert(*dep);
            }
        }
        if !pile.below.contains(&id) {
            pile.heads.insert(id);
        }
        pile.wires.push((id, wire));
        if let Some(record) = record.filter(|_| stream == self.workspace.roster()) {
            self.roster.offer(record);
        }
        true
    }

    fn heads(&self, stream: &StreamKey) -> BTreeSet<RecordId> {
        self.streams.get(stream).map(|pile| pile.heads.clone()).unwrap_or_default()
    }

    fn changed(&mut self, stream: StreamKey, now_ms: u64) -> Vec<Output> {
        let input = if stream == self.workspace.roster() {
            let allowed = self.roster.standing().admitted_devices().copied().collect();
            let digest = digest_of(self.roster.heads().iter().copied());
            Input::RosterChanged { allowed, proof: Vec::new(), digest }
        } else {
            Input::Changed { stream, digest: digest_of(self.heads(&stream)) }
        };
        self.proto.handle(input, now_ms)
    }

    fn carry(&mut self, outputs: Vec<Output>, now_ms: u64) -> (Vec<NetEffect>, Option<u64>) {
        let (mut effects, mut wake) = (Vec::new(), None);
        let mut queue: VecDeque<_> = outputs.into();
        while let Some(output) = queue.pop_front() {
            match output {
                Output::Send { peer, bytes } => {
                    self.frames.push_back(bytes.clone());
                    if self.frames.len() > FRAMES_KEPT {
                        self.frames.pop_front();
                    }
                    effects.push(NetEffect::Send { peer, frame: bytes });
                }
                Output::Drop { peer, .. } => effects.push(NetEffect::Disconnect { peer }),
                Output::WakeAt(at) => wake = Some(at),
                other => queue.extend(self.answer(other, now_ms)),
            }
        }
        (effects, wake)
    }

    fn answer(&mut self, output: Output, now_ms: u64) -> Vec<Output> {
        let input = match output {
            Output::Describe { peer, stream } => {
                let heads = if self.silent { BTreeSet::new() } else { self.heads(&stream) };
                let have = Have { heads: heads.into_iter().collect(), counts: Vec::new() };
                Input::Described { peer, stream, have }
            }
            Output::Collect { peer, stream, theirs, .. } => {
                let records = self.collect(&peer, &stream, &theirs);
                Input::Collected { peer, stream, records, more: false }
            }
            Output::Records { peer, token, batches } => {
                let mut outputs = Vec::new();
                let mut new = 0;
                for proto::Batch { stream, records } in batches {
                    let fresh = records.into_iter().filter(|wire| self.keep(stream, wire.clone())).count();
                    if fresh > 0 {
                        outputs.extend(self.changed(stream, now_ms));
                    }
                    new += fresh;
                }
                outputs
                    .extend(self.proto.handle(Input::Processed { peer, token, new, missing: None }, now_ms));
                return outputs;
            }
            _ => return Vec::new(),
        };
        self.proto.handle(input, now_ms)
    }

    /// Everything of a stream that is meant for a peer, unless it has all of it.
    fn collect(&self, peer: &DeviceKey, stream: &StreamKey, theirs: &Have) -> Vec<Vec<u8>> {
        let is_told = self.heads(stream).iter().all(|head| theirs.heads.contains(head));
        let Some(pile) = self.streams.get(stream).filter(|_| !is_told && !self.silent) else {
            return Vec::new();
        };
        let half = half_of(peer);
        let meant =
            pile.wires.iter().filter(|(id, _)| self.halves.get(id).is_none_or(|meant| *meant == half));
        meant.map(|(_, wire)| wire.clone()).collect()
    }
}
