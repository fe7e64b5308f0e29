//! The sync machine: what to say to which peer and when. It knows peers, frames, digests and stream keys; it does not
//! know what a record says, and reads no clock, socket or random source. Its owner feeds [`Input`]s with the time to
//! [`Proto::handle`] and carries out the [`Output`]s, in order.
//!
//! Gossip is only a hint; this is what makes replicas converge. Two nodes let each other in (`gate`), tell each other
//! their state in one short summary and compare when it differs (`rounds`, `index`), then each fetches (`ask`) and
//! sends (`serve`) what is missing. `peer` holds these together for one link, `Proto` holds the peers.

mod ask;
mod budget;
mod codec;
mod door;
mod gate;
mod index;
mod io;
pub mod limits;
mod local;
mod message;
mod out;
mod peer;
mod places;
mod rounds;
mod serve;
mod turn;

use std::collections::{BTreeMap, BTreeSet};

use starling_crdt::id::{DeviceKey, StreamKey};

pub use io::{
    Batch, Config, DropReason, FrameToken, Have, Input, Output, PeerStatus, Place, RefusalCode, Verdict,
};

use gate::Invite;
use limits::PEERS_MAX;
use local::Local;
use out::{Out, Step};
use peer::Peer;
use rounds::Pace;

/// One replica's side of all its conversations.
#[derive(Debug)]
pub struct Proto {
    local: Local,
    pace: Pace,
    peers: BTreeMap<DeviceKey, Peer>,
    invites: BTreeMap<DeviceKey, Invite>,
    paused: bool,
    tokens: u64,
    wake_at_ms: Option<u64>,
}

impl Proto {
    /// A machine without peers. Feed it [`Input::RosterChanged`] and an [`Input::Changed`] for each session in store,
    /// then connect peers.
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            local: Local::new(config.me, config.workspace),
            pace: Pace { interval_ms: config.interval_ms, seed: config.seed },
            peers: BTreeMap::new(),
            invites: BTreeMap::new(),
            paused: false,
            tokens: 0,
            wake_at_ms: None,
        }
    }

    /// Takes in what happened and says what to do. `now_ms` is any clock that does not run backwards.
    pub fn handle(&mut self, input: Input, now_ms: u64) -> Vec<Output> {
        let mut outputs = Vec::new();
        self.on_input(input, now_ms, &mut outputs);
        self.advance(now_ms, &mut outputs);
        self.set_timer(now_ms, &mut outputs);
        outputs
    }

    /// What is known of each connected peer, ordered by key.
    #[must_use]
    pub fn peers(&self) -> Vec<PeerStatus> {
        self.peers.iter().map(|(key, peer)| peer.status(*key)).collect()
    }

    /// Whether every connected peer has let us in and has what we have. True without peers.
    #[must_use]
    pub fn all_in_step(&self) -> bool {
        self.peers.values().all(Peer::in_step)
    }

    /// The connected peers that have what we have, ordered by key.
    pub fn in_step(&self) -> impl Iterator<Item = DeviceKey> {
        self.peers.iter().filter(|(_, peer)| peer.in_step()).map(|(key, _)| *key)
    }

    /// Whether sync is paused.
    #[must_use]
    pub const fn is_paused(&self) -> bool {
        self.paused
    }

    fn on_input(&mut self, input: Input, now_ms: u64, outputs: &mut Vec<Output>) {
        match input {
            Input::Connected { peer, outbound } => self.on_connected(peer, outbound, now_ms, outputs),
            Input::Disconnected { peer } => drop(self.peers.remove(&peer)),
            Input::Frame { peer, bytes } => {
                self.tokens += 1;
                let token = FrameToken(self.tokens);
                self.with(peer, outputs, |peer, local, out| {
                    peer.handle_frame(&bytes, token, local, now_ms, out)
                });
            }
            Input::Changed { stream, digest } => self.on_changed(stream, digest, now_ms),
            Input::Gone { stream } => self.on_gone(&stream, now_ms),
            Input::Dismiss { peer, detail, records } => self.with(peer, outputs, |peer, _, out| {
                if peer.is_open() { door::refuse(RefusalCode::Revoked, detail, records, out) } else { Ok(()) }
            }),
            Input::RosterChanged { allowed, proof, digest } => {
                self.on_roster(allowed, proof, digest, now_ms, outputs);
            }
            Input::Described { peer, stream, have } => self.with(peer, outputs, |peer, _, out| {
                peer.handle_described(stream, have, now_ms, out);
                Ok(())
            }),
            Input::Collected { peer, stream, records, more } => self.with(peer, outputs, |peer, _, _| {
                peer.handle_collected(stream, records, more, now_ms);
                Ok(())
            }),
            Input::Processed { peer, token, new, missing } => self.with(peer, outputs, |peer, _, out| {
                peer.handle_processed(token, new, missing, now_ms, out);
                Ok(())
            }),
            Input::Admission { peer, verdict } => {
                self.with(peer, outputs, |peer, local, out| peer.handle_verdict(verdict, local, out))
            }
            Input::NeedDeps { peer, stream } => self.with(peer, outputs, |peer, _, _| {
                peer.need(stream);
                Ok(())
            }),
            Input::Seek { peer } => self.with(peer, outputs, |peer, _, out| {
                peer.seek(out);
                Ok(())
            }),
            Input::Places { peer, places } => self.with(peer, outputs, |peer, _, out| {
                peer.handle_places(places, out);
                Ok(())
            }),
            Input::Note { peer, bytes } => self.with(peer, outputs, |peer, _, out| {
                peer.note(bytes, out);
                Ok(())
            }),
            Input::Join { peer, secret, label } => {
                self.on_join(peer, Invite { secret, label }, now_ms, outputs);
            }
            Input::CancelJoin { peer } => drop(self.invites.remove(&peer)),
            Input::SyncNow => self.peers.values_mut().for_each(|peer| peer.sync_now(now_ms)),
            Input::Pause => self.on_pause(outputs),
            Input::Resume => self.paused = false,
            Input::Tick => {}
        }
    }

    fn on_connected(&mut self, peer: DeviceKey, outbound: bool, now_ms: u64, outputs: &mut Vec<Output>) {
        self.peers.remove(&peer);
        let reason = if self.paused {
            DropReason::Paused
        } else if peer == self.local.me {
            DropReason::Broken("it has our own key".to_owned())
        } else if self.peers.len() >= PEERS_MAX {
            DropReason::TooManyPeers
        } else {
            let invite = self.invites.get(&peer);
            let mut out = Out { peer, list: outputs };
            self.peers.insert(peer, Peer::open(outbound, invite, &self.local, now_ms, &mut out));
            return;
        };
        outputs.push(Output::Drop { peer, reason });
    }

    fn on_changed(&mut self, stream: StreamKey, digest: [u8; 32], now_ms: u64) {
        if stream != self.local.roster() && self.local.index.set(stream, digest) {
            self.peers.values_mut().for_each(|peer| peer.note_change(now_ms));
        }
    }

    fn on_gone(&mut self, stream: &StreamKey, now_ms: u64) {
        if self.local.index.remove(stream) {
            self.peers.values_mut().for_each(|peer| peer.note_change(now_ms));
        }
    }

    fn on_roster(
        &mut self,
        allowed: BTreeSet<DeviceKey>,
        proof: Vec<Vec<u8>>,
        digest: [u8; 32],
        now_ms: u64,
        outputs: &mut Vec<Output>,
    ) {
        self.local.allowed = allowed;
        self.local.roster_digest = digest;
        self.local.set_proof(proof);
        self.each(outputs, |peer, local, out| peer.handle_roster(local, now_ms, out));
    }

    /// An invite is the first word on a link: where something else was said already, the link has to be made anew.
    fn on_join(&mut self, peer: DeviceKey, invite: Invite, now_ms: u64, outputs: &mut Vec<Output>) {
        let known = self.peers.get(&peer).map(Peer::is_silent);
        self.invites.insert(peer, invite);
        match known {
            None => {}
            Some(true) => self.on_connected(peer, true, now_ms, outputs),
            Some(false) => self.end(peer, DropReason::NoHandshake, outputs),
        }
    }

    fn on_pause(&mut self, outputs: &mut Vec<Output>) {
        self.paused = true;
        for (key, peer) in std::mem::take(&mut self.peers) {
            peer.say_paused(&mut Out { peer: key, list: outputs });
            outputs.push(Output::Drop { peer: key, reason: DropReason::Paused });
        }
    }

    fn advance(&mut self, now_ms: u64, outputs: &mut Vec<Output>) {
        let pace = self.pace;
        self.each(outputs, |peer, local, out| peer.advance(pace, local, now_ms, out));
        let peers = &self.peers;
        self.invites.retain(|key, _| !peers.get(key).is_some_and(Peer::is_open));
    }

    fn set_timer(&mut self, now_ms: u64, outputs: &mut Vec<Output>) {
        let due = self.peers.values().map(Peer::due_at_ms).min().filter(|at| *at < u64::MAX);
        let next = due.map(|at| at.max(now_ms.saturating_add(1)));
        if next != self.wake_at_ms {
            self.wake_at_ms = next;
            outputs.extend(next.map(Output::WakeAt));
        }
    }

    /// Lets one peer, if connected, take a step.
    fn with(
        &mut self,
        key: DeviceKey,
        outputs: &mut Vec<Output>,
        step: impl FnOnce(&mut Peer, &mut Local, &mut Out<'_>) -> Step,
    ) {
        let Some(peer) = self.peers.get_mut(&key) else {
            return;
        };
        let result = step(peer, &mut self.local, &mut Out { peer: key, list: &mut *outputs });
        if let Err(reason) = result {
            self.end(key, reason, outputs);
        }
    }

    /// Lets every peer take a step.
    fn each(
        &mut self,
        outputs: &mut Vec<Output>,
        mut step: impl FnMut(&mut Peer, &mut Local, &mut Out<'_>) -> Step,
    ) {
        let keys: Vec<DeviceKey> = self.peers.keys().copied().collect();
        for key in keys {
            self.with(key, outputs, &mut step);
        }
    }

    /// Ends a conversation. A refusal answers an invite for good.
    fn end(&mut self, peer: DeviceKey, reason: DropReason, outputs: &mut Vec<Output>) {
        self.peers.remove(&peer);
        if matches!(reason, DropReason::RefusedUs(_) | DropReason::RefusedByUs(_)) {
            self.invites.remove(&peer);
        }
        outputs.push(Output::Drop { peer, reason });
    }
}

#[cfg(test)]
mod tests;
