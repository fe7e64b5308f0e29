//! What an impostor knows, and the task that keeps it talking: the transport's events go into the real sync machine, the
//! machine's words go out, and its questions are answered from the replica and from what the test made up.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use starling_crdt::id::{DeviceKey, RecordId, StreamKey, WorkspaceId};
use starling_crdt::roster::Roster;
use starling_crdt::session::{Offer, Session};
use starling_crdt::signed::{Received, Signed, Unverified, Verified};
use starling_net::proto::{Batch, Config, Have, Input, Output, Proto, Verdict};
use starling_net::transport::{self, Command, Event, PeerKey};
use tokio::sync::mpsc;

use super::Order;

/// How often the sync machine is asked whether it is time for something.
const TICK: Duration = Duration::from_millis(100);

/// Characters of a line of the log.
const NOTE_CHARS: usize = 240;

/// What it knows.
#[derive(Debug)]
pub(super) struct Mind {
    pub(super) roster: Roster,
    sessions: BTreeMap<StreamKey, Session>,
    /// Records that the replica would refuse; offered to others all the same.
    lies: BTreeMap<StreamKey, Vec<Signed<Verified>>>,
    peers: BTreeSet<DeviceKey>,
    proto: Proto,
    started: Instant,
    conversations: BTreeMap<DeviceKey, u64>,
    pub(super) accepted: bool,
    pub(super) dropped: bool,
    pub(super) heard: Vec<u8>,
    /// What happened, for who has to find out why a test failed.
    pub(super) log: Vec<String>,
    pub(super) seen: BTreeSet<RecordId>,
    pub(super) unpublished: BTreeSet<RecordId>,
}

impl Mind {
    pub(super) fn new(me: DeviceKey, workspace: WorkspaceId, peers: BTreeSet<DeviceKey>) -> Self {
        let mut config = Config::new(me, workspace, 1);
        config.interval_ms = 1_000;
        Self {
            roster: Roster::new(workspace),
            sessions: BTreeMap::new(),
            lies: BTreeMap::new(),
            peers,
            proto: Proto::new(config),
            started: Instant::now(),
            conversations: BTreeMap::new(),
            accepted: false,
            dropped: false,
            heard: Vec::new(),
            log: Vec::new(),
            seen: BTreeSet::new(),
            unpublished: BTreeSet::new(),
        }
    }

    /// The replica of a session, by its id.
    pub(super) fn session(&self, id: &str) -> Option<&Session> {
        let called =
            |session: &&Session| session.header().is_some_and(|header| header.session.to_string() == id);
        self.sessions.values().find(called)
    }

    pub(super) fn sent(&self) -> u64 {
        self.proto.peers().iter().map(|peer| peer.sent_records).sum()
    }

    /// Keeps a record of our own: in the replica if it is allowed, else among the lies.
    pub(super) fn keep(&mut self, record: Signed<Verified>) {
        let stream = record.stream();
        if let Some(session) = self.sessions.get_mut(&stream)
            && let Offer::Refused(_) = session.offer(record.clone(), &self.roster)
        {
            let lies = self.lies.entry(stream).or_default();
            if !lies.contains(&record) {
                lies.push(record);
            }
        }
    }

    /// Feeds the sync machine, answers what it asks, and returns what goes to the transport.
    fn feed(&mut self, input: Input) -> Vec<Command> {
        let mut commands = Vec::new();
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            let now_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
            for output in self.proto.handle(input, now_ms) {
                self.carry(output, &mut inputs, &mut commands);
            }
        }
        commands
    }

    fn note(&mut self, what: &impl std::fmt::Debug) {
        let brief = format!("{what:?}").chars().take(NOTE_CHARS).collect();
        self.log.push(brief);
    }

    fn carry(&mut self, output: Output, inputs: &mut Vec<Input>, commands: &mut Vec<Command>) {
        self.note(&output);
        match output {
            Output::Send { peer, bytes } => {
                commands.extend(self.conversations.get(&peer).map(|conversation| Command::Send {
                    peer: PeerKey(*peer.as_bytes()),
                    conversation: *conversation,
                    frame: bytes,
                }))
            }
            Output::Describe { peer, stream } => {
                let have = self.have(stream);
                inputs.push(Input::Described { peer, stream, have });
            }
            Output::Collect { peer, stream, theirs, .. } => {
                let records = self.missing_for(stream, &theirs);
                inputs.push(Input::Collected { peer, stream, records, more: false });
            }
            Output::Records { peer, token, batches } => {
                // The last is taken first: news of our state go before the answer.
                inputs.push(Input::Processed { peer, token, new: 1, missing: None });
                inputs.extend(self.learn(&batches));
            }
            Output::Proof { peer, .. } => {
                inputs.push(Input::Admission { peer, verdict: Verdict::Accept { records: Vec::new() } })
            }
            Output::Drop { peer, .. } => {
                self.dropped = true;
                commands.push(Command::Disconnect { peer: PeerKey(*peer.as_bytes()) });
            }
            Output::Accepted { .. } => self.accepted = true,
            Output::JoinRequest { .. }
            | Output::Welcome { .. }
            | Output::Refused { .. }
            | Output::Seek { .. }
            | Output::Places { .. }
            | Output::InStep { .. }
            | Output::Note { .. }
            | Output::WakeAt(_) => {}
        }
    }

    /// Takes records in and says what changed.
    fn learn(&mut self, batches: &[Batch]) -> Vec<Input> {
        for wire in batches.iter().flat_map(|batch| &batch.records) {
            self.learn_one(wire);
        }
        self.state()
    }

    fn learn_one(&mut self, wire: &[u8]) {
        let Ok(Received::Record(record)) = Signed::<Unverified>::decode(wire) else {
            return;
        };
        let Ok(record) = record.verify() else { return };
        self.seen.insert(record.id());
        let stream = record.stream();
        if stream == self.roster.key() {
            self.roster.offer(record);
        } else {
            let workspace = self.roster.workspace();
            let session = self.sessions.entry(stream).or_insert_with(|| Session::new(workspace, stream));
            session.offer(record, &self.roster);
        }
    }

    /// Our state, for the sync machine.
    fn state(&self) -> Vec<Input> {
        let allowed = self.roster.standing().admitted_devices().chain(&self.peers).copied().collect();
        let roster =
            Input::RosterChanged { allowed, proof: Vec::new(), digest: digest(self.roster.heads().iter()) };
        let changed = |stream: &StreamKey| Input::Changed {
            stream: *stream,
            digest: digest(self.have(*stream).heads.iter()),
        };
        self.sessions.keys().map(changed).chain([roster]).collect()
    }

    fn lies(&self, stream: StreamKey) -> impl Iterator<Item = &Signed<Verified>> {
        self.lies.get(&stream).into_iter().flatten()
    }

    fn have(&self, stream: StreamKey) -> Have {
        if stream == self.roster.key() {
            let heads = self.roster.heads().iter().copied().collect();
            return Have { heads, ..Have::default() };
        }
        let Some(session) = self.sessions.get(&stream) else {
            return Have::default();
        };
        let heads: BTreeSet<_> =
            session.heads().iter().copied().chain(self.lies(stream).map(Signed::id)).collect();
        Have { heads: heads.into_iter().collect(), ..Have::default() }
    }

    fn missing_for(&self, stream: StreamKey, theirs: &Have) -> Vec<Vec<u8>> {
        if stream == self.roster.key() {
            return self
                .roster
                .missing_for(&theirs.heads)
                .iter()
                .map(|record| record.wire().to_vec())
                .collect();
        }
        let counts = theirs.counts.iter().map(|(author, count, last)| (*author, (*count, *last))).collect();
        let honest = self.sessions.get(&stream).map(|session| session.missing_for(&theirs.heads, &counts));
        let lies = self.lies(stream).filter(|lie| !theirs.heads.contains(&lie.id()));
        honest.into_iter().flatten().chain(lies).map(|record| record.wire().to_vec()).collect()
    }

    fn on_event(&mut self, event: Event) -> Vec<Command> {
        self.note(&event);
        match event {
            Event::Connected { peer, conversation, outbound, .. } => {
                let peer = DeviceKey::from_bytes(peer.0);
                self.conversations.insert(peer, conversation);
                self.feed(Input::Connected { peer, outbound })
            }
            Event::Disconnected { peer, .. } => {
                self.dropped = true;
                self.feed(Input::Disconnected { peer: DeviceKey::from_bytes(peer.0) })
            }
            Event::Frame { peer, frame } => {
                self.heard.extend_from_slice(&frame);
                self.feed(Input::Frame { peer: DeviceKey::from_bytes(peer.0), bytes: frame })
            }
            Event::Gossip { token, data, .. } => {
                self.heard.extend_from_slice(&data);
                self.learn_one(&data);
                let verdict = transport::Verdict::Ignore;
                self.think().into_iter().chain([Command::Verdict { token, verdict }]).collect()
            }
            Event::NotPublished { id, .. } => {
                self.unpublished.insert(RecordId::from_bytes(id));
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    /// Tells the sync machine where we stand.
    fn think(&mut self) -> Vec<Command> {
        let state = self.state();
        state.into_iter().flat_map(|input| self.feed(input)).collect()
    }

    fn on_order(&mut self, order: Order) -> Vec<Command> {
        match order {
            Order::Dial(peer, addresses) => {
                vec![Command::Dial { peer: Some(PeerKey(*peer.as_bytes())), addresses }]
            }
            Order::Publish(id, data) => vec![Command::Publish { id: *id.as_bytes(), data }],
            Order::Think => self.think(),
        }
    }
}

/// Talks until the impostor is dropped.
pub(super) async fn live(
    mind: Arc<Mutex<Mind>>,
    commands: mpsc::Sender<Command>,
    mut events: mpsc::Receiver<Event>,
    mut orders: mpsc::Receiver<Order>,
) {
    let with =
        |act: &mut dyn FnMut(&mut Mind) -> Vec<Command>| act(&mut mind.lock().expect("nobody panics in it"));
    let mut said = with(&mut Mind::think);
    loop {
        for command in said.drain(..) {
            if commands.send(command).await.is_err() {
                return;
            }
        }
        let (mut event, mut order) = (None, None);
        tokio::select! {
            biased;
            next = orders.recv() => match next {
                Some(next) => order = Some(next),
                None => return,
            },
            next = events.recv() => match next {
                Some(next) => event = Some(next),
                None => return,
            },
            () = tokio::time::sleep(TICK) => {}
        }
        said = with(&mut |mind| match (order.take(), event.take()) {
            (Some(order), _) => mind.on_order(order),
            (None, Some(event)) => mind.on_event(event),
            (None, None) => mind.feed(Input::Tick),
        });
    }
}

/// As every node computes it: who gives another digest is taken for one with another roster.
fn digest<'a>(heads: impl Iterator<Item = &'a RecordId>) -> [u8; 32] {
    let bytes: Vec<u8> = heads.flat_map(|id| *id.as_bytes()).collect();
    blake3::derive_key("starling/heads/1", &bytes)
}
