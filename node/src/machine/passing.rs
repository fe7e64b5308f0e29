//! Notes between two devices that are not connected with each other, over devices of the two members whose notes they are.
//!
//! A device on which somebody wrote, and that has no connection to the agent's host, calls it: the call goes from device to
//! device, and each remembers from where it came first. On the same way back go the host's notes, and the other way the
//! answers to permission requests: reverse path forwarding (Dalal and Metcalfe 1978), as in the route discovery of AODV
//! (RFC 3561). The call is repeated while the agent works, so ways that broke are replaced and old ones are forgotten; the
//! host says that it is there, and what it asks.
//!
//! Whoever passes a note on can read it, so only devices of the author's member and of the recipient's do. They cannot
//! change it, since it is signed; they can drop it, and bring it again once nothing was heard of its author for a minute.
//! So nothing may depend on a note being new: an answer names the very request that it answers (`relay`). Like every note
//! it is of use now or never: nothing is stored, and what finds no way is dropped.

use std::collections::{BTreeMap, BTreeSet};

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use minicbor::{Decode, Encode};
use starling_crdt::id::{DeviceKey, MemberId, StreamKey, WorkspaceId};
use starling_net::proto;

use super::Node;
use super::activity::Note;
use super::rows::IndexRow;
use heard::{Heard, Rate};

mod heard;

/// Devices between author and recipient, at most. People have a few devices, and any of them may be the one in between.
const HOPS_MAX: u8 = 4;
/// How often a host is called while its agent works, ms.
const CALL_MS: u64 = 20_000;
/// Between two calls at least, ms: whatever connects and goes meanwhile.
const CALL_MS_MIN: u64 = 1_000;
/// How often the pause is doubled when no host answers: one that is gone for good leaves its agent at work for ever.
const DOUBLINGS_MAX: u32 = 5;
/// How long a way is taken after something came by it, ms: two calls may be lost.
const WAY_MS: u64 = 3 * CALL_MS;
/// Bytes of a call: what is longer is none.
const CALL_BYTES_MAX: usize = 16;
/// Notes of mere talk that this device writes in a second, all recipients together: those that matter more follow them.
const TALK_PER_SECOND: u32 = 8;
/// Numbers that one run of a node has before they could meet those of the next.
const NUMBERS_BITS: u32 = 20;

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
    /// Grows by one with each that the author writes, and over its restarts by time.
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

/// By whom a device was heard.
#[derive(Debug, Clone, Copy)]
struct Way {
    via: DeviceKey,
    heard_at_ms: u64,
}

/// Ways to devices that are not connected, and whom to call.
#[derive(Debug, Default)]
pub(super) struct Passing {
    /// To a device, for notes of a member: who carries those between two members may not carry those of others. As many as
    /// the roster has, at most.
    ways: BTreeMap<(DeviceKey, MemberId), Way>,
    heard: BTreeMap<DeviceKey, Heard>,
    number: u64,
    talk: Rate,
    /// Sessions of this member in which an agent works, maybe elsewhere.
    waiting: BTreeSet<StreamKey>,
    called_at_ms: Option<u64>,
    /// Something changed: it is worth calling before it is time.
    soon: bool,
    /// Calls since a host answered.
    unanswered: u32,
}

impl Passing {
    /// A connection came or went, or there is somebody else to wait for.
    pub(super) const fn call_soon(&mut self) {
        (self.soon, self.unanswered) = (true, 0);
    }

    fn due_at(&self) -> u64 {
        let pause = CALL_MS << self.unanswered.saturating_sub(1).min(DOUBLINGS_MAX);
        let pause = if self.soon { CALL_MS_MIN } else { pause };
        self.called_at_ms.map_or(0, |called| called.saturating_add(pause))
    }
}

impl Node {
    /// A session's row changed: is there an agent to listen to? Only the devices on which somebody wrote in the session call:
    /// that is where the person sits, and a member may have many.
    pub(super) fn watch_for_calls(&mut self, key: StreamKey, row: &IndexRow) {
        let wrote = row.authors.iter().any(|author| author.device == self.me);
        let waits = row.open > 0 && row.is_shown() && wrote && self.my_member().ok() == Some(row.creator);
        if !waits {
            self.passing.waiting.remove(&key);
        } else if self.passing.waiting.insert(key) {
            self.passing.call_soon();
        }
    }

    /// Calls the hosts that are waited for and are not connected, when it is time.
    pub(super) fn call_hosts(&mut self) {
        if self.passing.waiting.is_empty() || self.proto.is_paused() || self.stopping {
            return;
        }
        if self.passing.due_at() <= self.now {
            self.drop_unheard_asks(WAY_MS);
            (self.passing.called_at_ms, self.passing.soon) = (Some(self.now), false);
            let hosts = self.hosts_out_of_reach();
            self.passing.unanswered = self.passing.unanswered.saturating_add(u32::from(!hosts.is_empty()));
            for host in hosts {
                let call = self.sign_note(host, Note::Call.encode());
                let carriers = self.carriers(&call, &self.me);
                self.pass(call, carriers);
            }
        }
        self.wake("call", self.passing.due_at());
    }

    fn hosts_out_of_reach(&self) -> BTreeSet<DeviceKey> {
        let agent = |key: &StreamKey| Some(self.slots.get(key)?.row.as_ref()?.agent);
        let host = |key: &StreamKey| Some(self.standing().agent(&agent(key)?)?.host);
        let hosts = self.passing.waiting.iter().filter_map(host);
        hosts.filter(|host| *host != self.me && !self.peers.is_connected(host)).collect()
    }

    fn member_with(&self, device: &DeviceKey) -> Option<MemberId> {
        self.standing().member_of(device).map(|(member, _)| member)
    }

    /// Whether a device may pass a note on: one of its author's member or of its recipient's.
    fn may_carry(&self, device: &DeviceKey, note: &Passed) -> bool {
        let (author, to) = (self.member_with(&note.author), self.member_with(&note.to));
        let carrier = self.member_with(device);
        author.is_some() && to.is_some() && (carrier == author || carrier == to)
    }

    /// All that a call is brought to.
    fn carriers(&self, note: &Passed, from: &DeviceKey) -> Vec<DeviceKey> {
        let carries =
            |device: &DeviceKey| device != from && *device != note.author && self.may_carry(device, note);
        self.peers.connected().filter(carries).collect()
    }

    /// The next device on the way to a note's recipient, if one is known that may carry it and is there.
    fn next_on_way(&self, note: &Passed) -> Option<DeviceKey> {
        let way = self.way(note.to, self.member_with(&note.author)?)?;
        Some(way).filter(|via| self.may_carry(via, note))
    }

    fn way(&self, device: DeviceKey, of: MemberId) -> Option<DeviceKey> {
        let way = self.passing.ways.get(&(device, of))?;
        let is_good = way.heard_at_ms.saturating_add(WAY_MS) > self.now && self.peers.is_connected(&way.via);
        is_good.then_some(way.via)
    }

    /// Whether a note to a device would find a way now, as far as is known.
    pub(super) fn can_reach(&self, device: &DeviceKey) -> bool {
        let known = || Some(self.way(*device, self.my_member().ok()?).is_some());
        self.peers.is_connected(device) || known().unwrap_or_default()
    }

    /// Devices that were heard lately, other than directly.
    pub(super) fn heard_over_others(&self) -> impl Iterator<Item = DeviceKey> {
        let devices = self.passing.ways.keys().map(|(device, _)| *device);
        devices.filter(|device| !self.peers.is_connected(device) && self.can_reach(device))
    }

    /// Whether mere talk may be told over others now: their connections have to take what matters more, too.
    pub(super) fn may_talk_over_others(&mut self) -> bool {
        self.passing.talk.take(self.now, TALK_PER_SECOND)
    }

    /// Tells a device something for now, over others if need be.
    pub(super) fn tell(&mut self, device: DeviceKey, bytes: Vec<u8>) {
        if self.peers.is_connected(&device) {
            return self.feed(proto::Input::Note { peer: device, bytes });
        }
        let note = self.sign_note(device, bytes);
        if let Some(via) = self.next_on_way(&note) {
            self.pass(note, vec![via]);
        }
    }

    fn pass(&mut self, note: Passed, peers: Vec<DeviceKey>) {
        let bytes = Note::Passed(note).encode();
        for peer in peers {
            self.feed(proto::Input::Note { peer, bytes: bytes.clone() });
        }
    }

    fn sign_note(&mut self, to: DeviceKey, bytes: Vec<u8>) -> Passed {
        let first = self.started_at_ms.saturating_mul(1 << NUMBERS_BITS);
        self.passing.number = self.passing.number.max(first).saturating_add(1);
        let (author, number) = (self.me, self.passing.number);
        let note = Passed { author, to, number, hops: HOPS_MAX, bytes, signature: [0; 64] };
        Passed::sign(&self.key, self.roster.workspace(), note)
    }

    /// A peer brings a note of another device, or one of its own for another.
    pub(super) fn on_passed(&mut self, peer: DeviceKey, mut note: Passed) {
        let me = self.me;
        let allowed = note.author != me && self.may_carry(&me, &note) && self.may_carry(&peer, &note);
        let inner = Note::decode(&note.bytes);
        let is_call = inner == Some(Note::Call);
        if !allowed || note.hops > HOPS_MAX || (is_call && note.bytes.len() > CALL_BYTES_MAX) {
            return;
        }
        let mut heard = self.passing.heard.get(&note.author).copied().unwrap_or_default();
        if heard.at_ms.saturating_add(WAY_MS) <= self.now {
            // Its clock may have been set back.
            heard = Heard::default();
        }
        if heard.has(note.number) || !note.is_genuine(self.roster.workspace()) {
            return;
        }
        let (is_newest, may_pass) = (heard.note(note.number, self.now), heard.may_pass(is_call, self.now));
        self.passing.heard.insert(note.author, heard);
        if let Some(member) = self.member_with(&note.to).filter(|_| is_newest && peer != note.author) {
            let way = Way { via: peer, heard_at_ms: self.now };
            self.passing.ways.insert((note.author, member), way);
        }
        if note.to == me {
            return self.hear_passed(note.author, inner);
        }
        let Some(hops) = note.hops.checked_sub(1).filter(|_| may_pass) else { return };
        note.hops = hops;
        let next = if self.peers.is_connected(&note.to) {
            vec![note.to]
        } else if is_call {
            self.carriers(&note, &peer)
        } else {
            self.next_on_way(&note).filter(|via| *via != peer).into_iter().collect()
        };
        self.pass(note, next);
    }

    /// It is for this device.
    fn hear_passed(&mut self, author: DeviceKey, note: Option<Note>) {
        match note {
            Some(Note::Call) => {
                self.tell(author, Note::Here.encode());
                self.tell_open_requests(author);
            }
            Some(Note::Here) => self.passing.unanswered = 0,
            Some(Note::Doing { session, .. }) if !self.passing.waiting.contains(&session) => {}
            Some(note @ (Note::Doing { .. } | Note::Answer { .. })) => self.hear_note(author, note),
            // One in another would go on without end.
            Some(Note::Passed(_)) | None => {}
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

    #[test]
    fn a_host_that_does_not_answer_is_called_ever_more_rarely() {
        let mut passing = Passing { called_at_ms: Some(0), ..Passing::default() };
        assert_eq!(passing.due_at(), CALL_MS);
        for (unanswered, pause) in [(1, 1), (2, 2), (3, 4), (6, 32), (60, 32)] {
            passing.unanswered = unanswered;
            assert_eq!(passing.due_at(), pause * CALL_MS);
        }
        passing.call_soon();
        assert_eq!(passing.due_at(), CALL_MS_MIN);
    }

    #[test]
    fn a_call_is_short() {
        assert!(Note::Call.encode().len() <= CALL_BYTES_MAX);
    }
}
