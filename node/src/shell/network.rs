//! Between the machine and the transport: the transport's words become inputs, the machine's effects become commands.
//! Commands wait here in order while the transport is busy, so that the loop never waits for it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use starling_crdt::id::{DeviceKey, WorkspaceId};
use starling_crdt::signed::id_of_wire;
use starling_net::transport::{self, Command, Event, GossipToken, PeerKey, Verdict};
use tokio::sync::mpsc;
use zeroize::Zeroizing;

use super::failed;
use crate::cli::Failure;
use crate::machine::input::{GossipVerdict, NetEffect, NetInput};
use crate::spawner::Spawner;

/// Commands and events that may wait in the channels.
const CHANNEL_MAX: usize = 256;
/// Gossip messages without a verdict; older ones are forgotten, and the transport ignores them by itself.
const UNJUDGED_MAX: usize = 4_096;

/// The transport's other end.
pub(super) struct Network {
    commands: mpsc::Sender<Command>,
    events: mpsc::Receiver<Event>,
    waiting: VecDeque<Command>,
    conversations: BTreeMap<PeerKey, u64>,
    unjudged: BTreeMap<u64, GossipToken>,
    next_token: u64,
    ended: mpsc::Receiver<String>,
}

/// What the transport is started with.
pub(super) struct Start {
    pub(super) seed: Zeroizing<[u8; 32]>,
    pub(super) workspace: WorkspaceId,
    pub(super) listen: Vec<String>,
    pub(super) mdns: bool,
    pub(super) allow: BTreeSet<DeviceKey>,
}

pub(super) fn peer_key(device: &DeviceKey) -> PeerKey {
    PeerKey(*device.as_bytes())
}

fn device(peer: PeerKey) -> DeviceKey {
    DeviceKey::from_bytes(peer.0)
}

/// A name that tells a stranger nothing: the workspace's id keys it.
fn topic(workspace: &WorkspaceId) -> [u8; 32] {
    *blake3::keyed_hash(workspace.as_bytes(), b"starling/gossip/1").as_bytes()
}

/// The record's id is the message's. Bytes that are no record are hashed whole; they are refused anyway.
fn message_id(data: &[u8]) -> [u8; 32] {
    id_of_wire(data).map_or_else(|| *blake3::hash(data).as_bytes(), |id| *id.as_bytes())
}

impl Network {
    pub(super) fn start(start: Start, spawner: &Spawner) -> Self {
        let (commands, from_us) = mpsc::channel(CHANNEL_MAX);
        let (to_us, events) = mpsc::channel(CHANNEL_MAX);
        let (end, ended) = mpsc::channel(1);
        let config = transport::Config {
            key_seed: start.seed,
            listen: start.listen,
            mdns: start.mdns,
            topic: topic(&start.workspace),
            message_id,
            agent: concat!("starling/", env!("CARGO_PKG_VERSION")).to_owned(),
            allow: start.allow.iter().map(peer_key).collect(),
        };
        let tasks = spawner.clone();
        spawner.spawn("transport", async move {
            let executor = move |task| tasks.spawn("libp2p", task);
            if let Err(error) = Box::pin(transport::run(config, from_us, to_us, executor)).await {
                let _gone = end.send(error.to_string()).await;
            }
        });
        Self {
            commands,
            events,
            waiting: VecDeque::new(),
            conversations: BTreeMap::new(),
            unjudged: BTreeMap::new(),
            next_token: 0,
            ended,
        }
    }

    /// Waits for something that the machine should know, and sends what waits meanwhile.
    ///
    /// # Errors
    /// [`Failure`] when the transport has ended by itself.
    pub(super) async fn next(&mut self) -> Result<NetInput, Failure> {
        loop {
            let event = tokio::select! {
                biased;
                Some(error) = self.ended.recv() => return Err(failed("network", error)),
                permit = self.commands.reserve(), if !self.waiting.is_empty() => {
                    if let (Ok(permit), Some(command)) = (permit, self.waiting.pop_front()) {
                        permit.send(command);
                    }
                    continue;
                }
                Some(event) = self.events.recv() => event,
                else => return Err(failed("network", "the network task has ended")),
            };
            if let Some(input) = self.translate(event) {
                return Ok(input);
            }
        }
    }

    fn translate(&mut self, event: Event) -> Option<NetInput> {
        Some(match event {
            Event::Listening { address } => NetInput::Listening { address },
            Event::Connected { peer, conversation, address, outbound, .. } => {
                tracing::info!(peer = %device(peer), address, outbound, "connected");
                self.conversations.insert(peer, conversation);
                NetInput::Connected { peer: device(peer), address, outbound }
            }
            Event::Disconnected { peer, reason } => {
                tracing::info!(peer = %device(peer), reason, "disconnected");
                self.conversations.remove(&peer);
                NetInput::Disconnected { peer: device(peer) }
            }
            Event::Frame { peer, frame } => NetInput::Frame { peer: device(peer), bytes: frame },
            Event::Gossip { from, token, data } => {
                self.next_token += 1;
                self.unjudged.insert(self.next_token, token);
                if self.unjudged.len() > UNJUDGED_MAX {
                    self.unjudged.pop_first();
                }
                NetInput::Gossip { from: device(from), token: self.next_token, bytes: data }
            }
            Event::Discovered { peer, addresses } => NetInput::Discovered { peer: device(peer), addresses },
            Event::Rtt { peer, micros } => NetInput::Rtt { peer: device(peer), micros },
            Event::Pong { peer, result } => NetInput::Pong { peer: device(peer), result },
            Event::DialFailed { peer, addresses, error } => {
                tracing::debug!(addresses = addresses.join(" "), error, "no connection came of a dial");
                NetInput::DialFailed { peer: peer.map(device), error }
            }
            Event::ListenFailed { address, error } => {
                tracing::warn!(address, error, "cannot listen");
                return None;
            }
            Event::NotListening { address } => NetInput::NotListening { address },
            // Anti-entropy carries what gossip did not.
            Event::NotPublished { .. } | Event::SendFailed { .. } => return None,
        })
    }

    /// Carries out what the machine wants.
    pub(super) fn carry_out(&mut self, effect: NetEffect) {
        let command = match effect {
            NetEffect::Send { peer, frame } => {
                let peer = peer_key(&peer);
                // A frame of a conversation that is over has nowhere to go.
                let Some(conversation) = self.conversations.get(&peer).copied() else {
                    return;
                };
                Command::Send { peer, conversation, frame }
            }
            NetEffect::Publish { id, data } => Command::Publish { id: *id.as_bytes(), data },
            NetEffect::Verdict { token, verdict } => {
                let Some(token) = self.unjudged.remove(&token) else {
                    return;
                };
                let verdict = match verdict {
                    GossipVerdict::Accept => Verdict::Accept,
                    GossipVerdict::Ignore => Verdict::Ignore,
                    GossipVerdict::Reject => Verdict::Reject,
                };
                Command::Verdict { token, verdict }
            }
            NetEffect::Allow { peers } => Command::Allow { peers: peers.iter().map(peer_key).collect() },
            NetEffect::Dial { peer, addresses } => {
                Command::Dial { peer: peer.as_ref().map(peer_key), addresses }
            }
            NetEffect::Ping { peer } => Command::Ping { peer: peer_key(&peer) },
            NetEffect::Disconnect { peer } => Command::Disconnect { peer: peer_key(&peer) },
        };
        self.waiting.push_back(command);
        while let Some(command) = self.waiting.pop_front() {
            if let Err(error) = self.commands.try_send(command) {
                self.waiting.push_front(error.into_inner());
                return;
            }
        }
    }

    /// Sends what waits and closes all connections.
    pub(super) async fn close(mut self) {
        for command in self.waiting.drain(..) {
            let _gone = self.commands.send(command).await;
        }
        let _gone = self.commands.send(Command::Shutdown).await;
        while self.events.recv().await.is_some() {}
    }
}
