//! Notes between two devices that are not connected with each other, over devices of the two members whose notes they are.
//!
//! A device that waits for an agent elsewhere, and has no connection to its host, calls it: the call goes from device to
//! device, and each remembers from where it came first. On the same way back go the host's notes, and the other way the
//! answers to permission requests: reverse path forwarding (Dalal and Metcalfe 1978), as in the route discovery of AODV
//! (RFC 3561). The call is repeated while the agent works, so ways that broke are replaced and old ones are forgotten.
//!
//! Whoever passes a note on can read it, so only devices of the author's member and of the recipient's do. They cannot
//! change it: it is signed, and numbered, so that an old one is not heard again. Like every note it is of use now or
//! never: nothing is stored, and what finds no way is dropped.

use std::collections::{BTreeMap, BTreeSet};

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use minicbor::{Decode, Encode};
use starling_crdt::id::{DeviceKey, StreamKey, WorkspaceId};
use starling_net::proto;

use super::Node;
use super::activity::Note;
use super::rows::IndexRow;

/// Devices between author and recipient, at most. People have a few devices, and any of them may be the one in between.
const HOPS_MAX: u8 = 4;
/// How often a host is called while its agent works, ms.
const CALL_MS: u64 = 20_000;
/// Between two calls at least, ms: whatever connects and goes meanwhile.
const CALL_MS_MIN: u64 = 1_000;
/// How long a way is taken after something came by it, ms: two calls may be lost.
const WAY_MS: u64 = 3 * CALL_MS;

/// A note on its way.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub(super) struct Passed {
    /// Who wrote it.
    #[n(0)]
    author: DeviceKey,
    /// For whom.
    #[n(1)]
    to: DeviceKey,
    /// Grows with each that the author writes.
    #[n(2)]
    number: u64,
    /// How many devices may still pass it on; not signed, since each counts it down.
    #[n(3)]
    hops: u8,
    /// The note.
    #[cbor(n(4), with = "minicbor::bytes")]
    bytes: Vec<u8>,
    #[cbor(n(5), with = "minicbor::bytes")]
    signature: [u8; 64],
}

impl Passed {
    fn sign(key: &SigningKey, workspace: WorkspaceId, mut note: Self) -> Self {
        note.signature = key.sign(&note.digest(workspace)).to_bytes();
        note
    }

    fn is_genuine(&self, workspace: WorkspaceId) -> bool {
        let key = VerifyingKey::from_bytes(self.author.as_bytes());
        let signature = Signature::from_bytes(&self.signature);
        key.is_ok_and(|key| key.verify_strict(&self.digest(workspace), &signature).is_ok())
    }

    /// What is signed: everything but the hops, each of fixed length but the last.
    fn digest(&self, workspace: WorkspaceId) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_derive_key("starling/passed-note/1");
        hasher.update(workspace.as_bytes()).update(self.author.as_bytes()).update(self.to.as_bytes());
        *hasher.update(&self.number.to_be_bytes()).update(&self.bytes).finalize().as_bytes()
    }
}

/// From where a device was heard.
#[derive(Debug, Clone, Copy)]
struct Way {
    via: DeviceKey,
    heard_at_ms: u64,
    number: u64,
}

/// Ways to devices that are not connected, and whom to call.
#[derive(Debug, Default)]
pub(super) struct Passing {
    /// Of devices of the roster only, so as many as there are.
    ways: BTreeMap<DeviceKey, Way>,
    number: u64,
    /// Sessions of this member in which an agent of another device works.
    waiting: BTreeSet<StreamKey>,
    called_at_ms: Option<u64>,
    /// Something changed: it may be worth calling before it is time.
    anew: bool,
}

impl Passing {
    fn way(&self, device: &DeviceKey, now: u64) -> Option<&Way> {
        self.ways.get(device).filter(|way| way.heard_at_ms.saturating_add(WAY_MS) > now)
    }

    /// Devices that were heard lately, other than directly.
    pub(super) fn heard(&self, now: u64) -> impl Iterator<Item = DeviceKey> {
        self.ways.keys().filter(move |device| self.way(device, now).is_some()).copied()
    }

    /// A connection came or went.
    pub(super) fn links_changed(&mut self) {
        self.anew = true;
    }

    fn due_at(&self) -> u64 {
        let pause = if self.anew { CALL_MS_MIN } else { CALL_MS };
        self.called_at_ms.map_or(0, |called| called.saturating_add(pause))
    }
}

impl Node {
    /// A session's row changed: is there an agent elsewhere to listen to?
    pub(super) fn watch_for_calls(&mut self, key: StreamKey, row: &IndexRow) {
        let waits = row.open > 0 && row.is_shown() && self.my_member().ok() == Some(row.creator);
        if !waits {
            self.passing.waiting.remove(&key);
        } else if self.passing.waiting.insert(key) {
            self.passing.anew = true;
        }
    }

    /// Calls the hosts that are waited for and are not connected, when it is time.
    pub(super) fn call_hosts(&mut self) {
        if self.passing.waiting.is_empty() || self.proto.is_paused() || self.stopping {
            return;
        }
        let hosts = self.hosts_out_of_reach();
        if hosts.is_empty() {
            return;
        }
        if self.passing.due_at() <= self.now {
            let anew = std::mem::take(&mut self.passing.anew);
            self.passing.called_at_ms = Some(self.now);
            for host in hosts {
                let call = self.sign_note(host, Note::Call { anew }.encode());
                let bytes = Note::Passed(call.clone()).encode();
                for peer in self.carriers(&call, &self.me) {
                    self.feed(proto::Input::Note { peer, bytes: bytes.clone() });
                }
            }
        }
        self.wake("call", self.passing.due_at());
    }

    fn hosts_out_of_reach(&self) -> BTreeSet<DeviceKey> {
        let agent = |key: &StreamKey| Some(self.slots.get(key)?.row.as_ref()?.agent);
        let host = |key: &StreamKey| Some(self.standing().agent(&agent(key)?)?.host);
        let hosts = self.passing.waiting.iter().filter_map(host);
        hosts.filter(|host| self.is_other(host) && !self.peers.is_connected(host)).collect()
    }

    fn is_other(&self, device: &DeviceKey) -> bool {
        *device != self.me && self.standing().stands(device)
    }

    /// Whether a note to a device would find a way now, as far as is known.
    pub(super) fn can_reach(&self, device: &DeviceKey) -> bool {
        self.peers.is_connected(device) || self.passing.way(device, self.now).is_some()
    }

    /// Tells a device something for now, over others if need be.
    pub(super) fn tell(&mut self, device: DeviceKey, bytes: Vec<u8>) {
        if self.peers.is_connected(&device) {
            self.feed(proto::Input::Note { peer: device, bytes });
        } else if let Some(Way { via, .. }) = self.passing.way(&device, self.now).copied() {
            let bytes = Note::Passed(self.sign_note(device, bytes)).encode();
            self.feed(proto::Input::Note { peer: via, bytes });
        }
    }

    fn sign_note(&mut self, to: DeviceKey, bytes: Vec<u8>) -> Passed {
        // It has to grow over a restart too.
        self.passing.number = self.passing.number.saturating_add(1).max(self.now);
        let (author, number) = (self.me, self.passing.number);
        let note = Passed { author, to, number, hops: HOPS_MAX, bytes, signature: [0; 64] };
        Passed::sign(&self.key, self.roster.workspace(), note)
    }

    /// Connected devices that may pass a note on: those of its author's member and of its recipient's.
    fn carriers(&self, note: &Passed, from: &DeviceKey) -> Vec<DeviceKey> {
        let carries =
            |device: &DeviceKey| device != from && *device != note.author && self.may_carry(device, note);
        self.peers.connected().filter(carries).collect()
    }

    fn may_carry(&self, device: &DeviceKey, note: &Passed) -> bool {
        let member = |device| self.standing().member_of(device).map(|(member, _)| member);
        let (author, to) = (member(&note.author), member(&note.to));
        author.is_some() && to.is_some() && (member(device) == author || member(device) == to)
    }

    /// A peer brings a note of another device.
    pub(super) fn on_passed(&mut self, peer: DeviceKey, mut note: Passed) {
        let me = self.me;
        let is_repeated =
            self.passing.way(&note.author, self.now).is_some_and(|way| note.number <= way.number);
        if note.author == me || note.hops > HOPS_MAX || is_repeated || !self.may_carry(&me, &note) {
            return;
        }
        if !note.is_genuine(self.roster.workspace()) {
            return;
        }
        let way = Way { via: peer, heard_at_ms: self.now, number: note.number };
        self.passing.ways.insert(note.author, way);
        let inner = Note::decode(&note.bytes);
        if note.to == me {
            return self.hear_passed(note.author, inner);
        }
        let Some(hops) = note.hops.checked_sub(1) else { return };
        note.hops = hops;
        let next = match self.passing.way(&note.to, self.now) {
            _ if self.peers.is_connected(&note.to) => vec![note.to],
            _ if matches!(inner, Some(Note::Call { .. })) => self.carriers(&note, &peer),
            Some(way) if way.via != peer => vec![way.via],
            _ => Vec::new(),
        };
        let bytes = Note::Passed(note).encode();
        for peer in next {
            self.feed(proto::Input::Note { peer, bytes: bytes.clone() });
        }
    }

    fn hear_passed(&mut self, author: DeviceKey, note: Option<Note>) {
        match note {
            // It may have missed something.
            Some(Note::Call { anew: true }) => self.tell_open_requests(author),
            Some(note @ (Note::Doing { .. } | Note::Answer { .. })) => self.hear_note(author, note),
            // One in another would go on without end.
            Some(Note::Call { .. } | Note::Passed(_)) | None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_changed_on_the_way_is_not_genuine() {
        let key = SigningKey::from_bytes(&[3; 32]);
        let (workspace, other) = (WorkspaceId::from_bytes([1; 32]), WorkspaceId::from_bytes([2; 32]));
        let author = starling_crdt::signed::device_key(&key);
        let to = DeviceKey::from_bytes([9; 32]);
        let note = Passed { author, to, number: 7, hops: 2, bytes: vec![1, 2], signature: [0; 64] };
        assert!(!note.is_genuine(workspace));
        let note = Passed::sign(&key, workspace, note);
        assert!(note.is_genuine(workspace) && !note.is_genuine(other));
        assert!(Passed { hops: 1, ..note.clone() }.is_genuine(workspace));
        for changed in [
            Passed { number: 8, ..note.clone() },
            Passed { bytes: vec![1], ..note.clone() },
            Passed { to: author, ..note.clone() },
            Passed { author: to, ..note.clone() },
        ] {
            assert!(!changed.is_genuine(workspace), "{changed:?}");
        }
    }
}
