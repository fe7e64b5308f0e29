//! The network as the machine sees it: which devices are known where, who is connected, when to dial again. A connection comes back by itself after sleep, a changed address or a cut.

use std::collections::{BTreeMap, BTreeSet};

use starling_crdt::id::DeviceKey;
use starling_net::proto::{self, DropReason};

use super::Node;
use super::company;
use super::info::PeerInfo;
use super::input::{Effect, NetEffect, NetInput};
use super::rows::{self, PeerRow};
use crate::store::Space;

/// Addresses kept of a peer: the newest ones.
pub(super) const ADDRESSES_MAX: usize = 8;
/// First pause before a lost peer is dialled again, ms.
const BACKOFF_MS_MIN: u64 = 500;
/// Longest pause, ms: a device that comes back is met within this time.
const BACKOFF_MS_MAX: u64 = 30_000;
/// Pause after a peer was dropped for cause, ms.
const BACKOFF_MS_DROPPED: u64 = 120_000;
/// Addresses given by hand whose device is not known yet.
const NAMELESS_MAX: usize = 64;

/// A device that we know where to find.
#[derive(Debug, Default)]
struct Peer {
    row: PeerRow,
    /// Dials since it was last let in.
    failures: u32,
    next_dial_ms: u64,
    last_error: Option<String>,
}

/// A connection, also of somebody who has not been let in yet. The transport bounds them.
#[derive(Debug)]
struct Link {
    /// Where the peer is, if that can be dialled.
    address: Option<String>,
    /// Both sides have let each other in.
    accepted: bool,
    rtt_micros: Option<u64>,
}

/// Devices that we know where to find, and our own addresses.
#[derive(Debug, Default)]
pub(super) struct Peers {
    peers: BTreeMap<DeviceKey, Peer>,
    links: BTreeMap<DeviceKey, Link>,
    listen: BTreeSet<String>,
    nameless: BTreeMap<String, u64>,
    /// When it is asked where others are found.
    pub(super) seek_at_ms: Option<u64>,
}

impl Peers {
    pub(super) fn load(rows: &[(Vec<u8>, Vec<u8>)]) -> Self {
        let read = |(key, row): &(Vec<u8>, Vec<u8>)| {
            let device = DeviceKey::from_bytes(key.as_slice().try_into().ok()?);
            Some((device, Peer { row: rows::decode(row)?, ..Peer::default() }))
        };
        Self { peers: rows.iter().filter_map(read).collect(), ..Self::default() }
    }

    /// Our own addresses.
    pub(super) fn listen(&self) -> impl Iterator<Item = &String> {
        self.listen.iter()
    }

    /// The newest round trip to a connected device, in microseconds.
    pub(super) fn note_rtt(&mut self, device: &DeviceKey, micros: u64) {
        if let Some(link) = self.links.get_mut(device) {
            link.rtt_micros = Some(micros);
        }
    }

    /// Whether a device is connected and let in.
    pub(super) fn is_connected(&self, device: &DeviceKey) -> bool {
        self.links.get(device).is_some_and(|link| link.accepted)
    }

    /// The devices that are connected and let in.
    pub(super) fn connected(&self) -> impl Iterator<Item = DeviceKey> {
        self.links.iter().filter(|(_, link)| link.accepted).map(|(device, _)| *device)
    }

    /// What is known of every device that we ever knew where to find.
    pub(super) fn all(&self) -> impl Iterator<Item = (&DeviceKey, &PeerRow)> {
        self.peers.iter().map(|(device, peer)| (device, &peer.row))
    }

    /// Somebody says where a device is found. Returns whether that is new; then it is dialled.
    pub(super) fn hear(&mut self, device: DeviceKey, addresses: Vec<String>) -> bool {
        let state = self.peers.entry(device).or_default();
        let is_new = company::append(&mut state.row.addresses, addresses);
        if is_new {
            state.next_dial_ms = 0;
        }
        is_new
    }

    pub(super) fn last_seen_ms(&self, device: &DeviceKey) -> Option<u64> {
        self.peers.get(device)?.row.last_seen_ms
    }
}

impl Peer {
    /// Puts addresses first, without repetition. Returns whether anything changed.
    fn learn(&mut self, addresses: impl IntoIterator<Item = String>) -> bool {
        let before = self.row.addresses.clone();
        for address in addresses {
            self.row.addresses.retain(|known| *known != address);
            self.row.addresses.insert(0, address);
        }
        self.row.addresses.truncate(ADDRESSES_MAX);
        self.row.addresses != before
    }

    fn back_off(&mut self, now: u64) {
        let pause = BACKOFF_MS_MIN.saturating_mul(1 << self.failures.min(8)).min(BACKOFF_MS_MAX);
        self.failures = self.failures.saturating_add(1);
        self.next_dial_ms = now + pause;
    }
}

impl Node {
    pub(super) fn on_net(&mut self, event: NetInput) {
        match event {
            NetInput::Listening { address } => {
                self.peers.listen.insert(address);
            }
            NetInput::NotListening { address } => {
                self.peers.listen.remove(&address);
            }
            NetInput::Connected { peer, address, outbound } => self.on_connected(peer, address, outbound),
            NetInput::Disconnected { peer } => self.on_disconnected(peer),
            NetInput::Frame { peer, bytes } => self.feed(proto::Input::Frame { peer, bytes }),
            NetInput::Gossip { from, token, bytes } => self.on_gossip(from, token, &bytes),
            NetInput::Discovered { peer, addresses } => self.learn(peer, addresses),
            NetInput::Rtt { peer, micros } => self.peers.note_rtt(&peer, micros),
            NetInput::Pong { peer, result } => self.on_pong(peer, result),
            NetInput::DialFailed { peer, error } => self.on_dial_failed(peer, error),
        }
    }

    fn on_connected(&mut self, peer: DeviceKey, address: String, outbound: bool) {
        // QUIC dials from the port that it listens on, so such an address can be dialled back.
        let can_be_dialled = outbound || address.contains("/quic");
        let link = Link { address: can_be_dialled.then_some(address), accepted: false, rtt_micros: None };
        self.peers.links.insert(peer, link);
        self.feed(proto::Input::Connected { peer, outbound });
        self.deliveries.peers_changed();
    }

    fn on_disconnected(&mut self, peer: DeviceKey) {
        self.unlink(peer);
        self.feed(proto::Input::Disconnected { peer });
        self.deliveries.peers_changed();
        self.answer_waiters();
        self.redial(false);
        self.look_for_company();
    }

    /// A connection is gone, or is being closed.
    fn unlink(&mut self, peer: DeviceKey) {
        let Some(link) = self.peers.links.remove(&peer) else {
            return;
        };
        self.forget_requests_of(&peer);
        if link.accepted {
            self.passing.call_soon();
        }
        self.on_unreachable(peer);
        let now = self.now;
        if let Some(state) = self.peers.peers.get_mut(&peer) {
            state.back_off(now);
            if link.accepted {
                state.row.last_seen_ms = Some(now);
                self.keep_peer(peer);
            }
        }
    }

    fn on_dial_failed(&mut self, peer: Option<DeviceKey>, error: String) {
        if let Some(state) = peer.and_then(|peer| self.peers.peers.get_mut(&peer)) {
            state.last_error = Some(error);
        }
    }

    /// Remembers where a device of the workspace can be found, and goes there.
    pub(super) fn learn(&mut self, device: DeviceKey, addresses: Vec<String>) {
        if device == self.me || self.standing().member_of(&device).is_none() {
            return;
        }
        let state = self.peers.peers.entry(device).or_default();
        if state.learn(addresses) {
            state.next_dial_ms = 0;
            self.keep_peer(device);
            self.redial(false);
        }
    }

    /// An address given by hand. With a device in it, it is that device's.
    pub(super) fn add_address(&mut self, address: String, device: Option<DeviceKey>) -> bool {
        match device {
            Some(device) if self.standing().member_of(&device).is_some() => self.learn(device, vec![address]),
            _ if self.peers.nameless.len() >= NAMELESS_MAX => return false,
            _ => {
                self.peers.nameless.insert(address, 0);
                self.redial(false);
            }
        }
        true
    }

    pub(super) fn keep_peer(&mut self, device: DeviceKey) {
        if let Some(state) = self.peers.peers.get(&device) {
            self.commits.stage_local(Space::Peer, device.as_bytes().to_vec(), Some(rows::encode(&state.row)));
        }
    }

    /// Dials the devices of the workspace that are due. `all` asks for every one now.
    pub(super) fn redial(&mut self, all: bool) {
        // Nobody lets a device in that lost its standing; should it get it back, the others come to it.
        if self.proto.is_paused() || self.stopping || !self.standing().stands(&self.me) {
            return;
        }
        let now = self.now;
        let standing = self.roster.standing();
        let mut next = None;
        for (device, state) in &mut self.peers.peers {
            let lost = !self.peers.links.contains_key(device) && standing.stands(device);
            if !lost || state.row.addresses.is_empty() {
                continue;
            }
            if all || state.next_dial_ms <= now {
                state.back_off(now);
                let addresses = state.row.addresses.clone();
                self.effects.push(Effect::Net(NetEffect::Dial { peer: Some(*device), addresses }));
            }
            next = Some(next.unwrap_or(u64::MAX).min(state.next_dial_ms));
        }
        for (address, due) in &mut self.peers.nameless {
            if all || *due <= now {
                *due = now + BACKOFF_MS_MAX;
                self.effects
                    .push(Effect::Net(NetEffect::Dial { peer: None, addresses: vec![address.clone()] }));
            }
            next = Some(next.unwrap_or(u64::MAX).min(*due));
        }
        if let Some(at) = next {
            self.wake("dial", at);
        }
    }

    /// Only these devices take part in gossip; none while the exchange is cut.
    pub(super) fn allow(&mut self, peers: BTreeSet<DeviceKey>) {
        let peers = if self.proto.is_paused() { BTreeSet::new() } else { peers };
        self.effects.push(Effect::Net(NetEffect::Allow { peers }));
    }

    pub(super) fn pause(&mut self, pause: bool) {
        if pause == self.proto.is_paused() {
            return;
        }
        self.feed(if pause { proto::Input::Pause } else { proto::Input::Resume });
        // A restart goes on as it was: cut until it is taken up again.
        self.commits.stage_local(Space::Setting, rows::PAUSED.to_vec(), pause.then(Vec::new));
        let allowed = self.standing().admitted_devices().copied().collect();
        self.allow(allowed);
        if !pause {
            self.redial(true);
        }
        self.deliveries.peers_changed();
    }

    pub(super) fn on_drop(&mut self, peer: DeviceKey, reason: &DropReason) {
        self.effects.push(Effect::Net(NetEffect::Disconnect { peer }));
        self.note_error(peer, reason.to_string());
        self.unlink(peer);
        let now = self.now;
        let for_cause = !reason.is_transient() && *reason != DropReason::Paused;
        if let Some(state) = self.peers.peers.get_mut(&peer).filter(|_| for_cause) {
            state.next_dial_ms = now + BACKOFF_MS_DROPPED;
        }
        self.deliveries.peers_changed();
        self.answer_waiters();
        self.redial(false);
        self.look_for_company();
    }

    pub(super) fn on_accepted(&mut self, peer: DeviceKey) {
        let Some(link) = self.peers.links.get_mut(&peer) else {
            return;
        };
        link.accepted = true;
        let address = link.address.clone();
        let state = self.peers.peers.entry(peer).or_default();
        state.row.last_seen_ms = Some(self.now);
        state.last_error = None;
        state.failures = 0;
        if let Some(address) = address {
            self.peers.nameless.remove(&address);
            state.learn([address]);
        }
        self.keep_peer(peer);
        self.deliveries.peers_changed();
        self.look_for_company();
        self.tell_open_requests(peer);
        self.passing.call_soon();
    }

    /// The roster changed: whom it admits now is worth a dial, whatever came of the last one.
    pub(super) fn dial_lost_peers(&mut self) {
        for state in self.peers.peers.values_mut() {
            state.next_dial_ms = state.next_dial_ms.min(self.now + BACKOFF_MS_MAX);
        }
        self.redial(false);
        self.look_for_company();
    }

    pub(super) fn note_error(&mut self, peer: DeviceKey, error: String) {
        if let Some(state) = self.peers.peers.get_mut(&peer) {
            state.last_error = Some(error);
        }
    }

    /// Every other device of the workspace.
    pub(super) fn peer_infos(&self) -> Vec<PeerInfo> {
        let status: BTreeMap<_, _> = self.proto.peers().into_iter().map(|peer| (peer.peer, peer)).collect();
        let standing = self.standing();
        let others = standing.devices().filter(|(device, _)| **device != self.me && standing.stands(device));
        others
            .map(|(device, info)| {
                let state = self.peers.peers.get(device);
                let link = self.peers.links.get(device);
                let sync = status.get(device);
                PeerInfo {
                    device: *device,
                    handle: self.standing().member(&info.member).map(|member| member.handle.clone()),
                    label: info.label.clone(),
                    connected: link.is_some_and(|link| link.accepted),
                    addresses: state.map(|state| state.row.addresses.clone()).unwrap_or_default(),
                    rtt_micros: link.and_then(|link| link.rtt_micros),
                    last_seen_ms: state.and_then(|state| state.row.last_seen_ms),
                    in_step: sync.is_some_and(|sync| sync.in_step),
                    last_exchange_ms: sync.and_then(|sync| sync.last_exchange_ms),
                    records: sync.map_or((0, 0), |sync| (sync.sent_records, sync.received_records)),
                    last_error: sync.and_then(|s| s.last_error.clone()).or_else(|| state?.last_error.clone()),
                }
            })
            .collect()
    }
}
