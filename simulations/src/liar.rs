//! A device of the roster that breaks the rules: it speaks the sync protocol as it should, but hands out whatever
//! records it was given, believes everything, and checks nothing.

use std::collections::{BTreeMap, BTreeSet};

use starling_crdt::id::{DeviceKey, StreamKey, WorkspaceId};
use starling_net::proto::{self, Have, Input, Output, Proto};
use starling_node::machine::input::{NetEffect, NetInput};

/// The liar.
pub struct Liar {
    roster: StreamKey,
    proto: Proto,
    streams: BTreeMap<StreamKey, Vec<Vec<u8>>>,
}

impl Liar {
    /// A liar with a device's key and its true records.
    #[must_use]
    pub fn new(
        me: DeviceKey,
        workspace: WorkspaceId,
        allowed: BTreeSet<DeviceKey>,
        roster_digest: [u8; 32],
        streams: BTreeMap<StreamKey, Vec<Vec<u8>>>,
        now_ms: u64,
    ) -> Self {
        let mut proto = Proto::new(proto::Config::new(me, workspace, 1));
        let roster = Input::RosterChanged { allowed, proof: Vec::new(), digest: roster_digest };
        proto.handle(roster, now_ms);
        let mut liar = Self { roster: workspace.roster(), proto, streams };
        let keys: Vec<_> = liar.streams.keys().copied().collect();
        for key in keys {
            liar.changed(key, now_ms);
        }
        liar
    }

    /// Hands out one more record from now on.
    pub fn forge(&mut self, stream: StreamKey, wire: Vec<u8>, now_ms: u64) -> Vec<NetEffect> {
        self.streams.entry(stream).or_default().push(wire);
        let outputs = self.changed(stream, now_ms);
        self.carry(outputs, now_ms).0
    }

    /// Takes in what the network did. Returns what to do there, and when to come back.
    pub fn handle(&mut self, event: Option<NetInput>, now_ms: u64) -> (Vec<NetEffect>, Option<u64>) {
        let input = match event {
            Some(NetInput::Connected { peer, outbound, .. }) => Input::Connected { peer, outbound },
            Some(NetInput::Disconnected { peer }) => Input::Disconnected { peer },
            Some(NetInput::Frame { peer, bytes }) => Input::Frame { peer, bytes },
            _ => Input::Tick,
        };
        let outputs = self.proto.handle(input, now_ms);
        self.carry(outputs, now_ms)
    }

    fn changed(&mut self, stream: StreamKey, now_ms: u64) -> Vec<Output> {
        let records = self.streams.get(&stream).map_or(&[][..], Vec::as_slice);
        let digest = *blake3::hash(&records.concat()).as_bytes();
        if stream == self.roster {
            return Vec::new();
        }
        self.proto.handle(Input::Changed { stream, digest }, now_ms)
    }

    fn carry(&mut self, outputs: Vec<Output>, now_ms: u64) -> (Vec<NetEffect>, Option<u64>) {
        let (mut effects, mut wake) = (Vec::new(), None);
        let mut queue: std::collections::VecDeque<_> = outputs.into();
        while let Some(output) = queue.pop_front() {
            let follow = match output {
                Output::Send { peer, bytes } => {
                    effects.push(NetEffect::Send { peer, frame: bytes });
                    None
                }
                Output::Describe { peer, stream } => {
                    Some(Input::Described { peer, stream, have: Have::default() })
                }
                Output::Collect { peer, stream, .. } => Some(Input::Collected {
                    peer,
                    stream,
                    records: self.streams.get(&stream).cloned().unwrap_or_default(),
                    more: false,
                }),
                Output::Records { peer, token, batches } => {
                    for batch in batches {
                        self.believe(batch);
                    }
                    Some(Input::Processed { peer, token, new: 0, missing: None })
                }
                Output::Drop { peer, .. } => {
                    effects.push(NetEffect::Disconnect { peer });
                    None
                }
                Output::WakeAt(at) => {
                    wake = Some(at);
                    None
                }
                _ => None,
            };
            queue.extend(follow.into_iter().flat_map(|input| self.proto.handle(input, now_ms)));
        }
        (effects, wake)
    }

    fn believe(&mut self, batch: proto::Batch) {
        let known = self.streams.entry(batch.stream).or_default();
        for record in batch.records {
            if !known.contains(&record) {
                known.push(record);
            }
        }
    }
}
