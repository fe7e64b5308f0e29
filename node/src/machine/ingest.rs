//! Records that peers bring: frames of the sync machine, gossip, proofs of admission. Each is decoded, verified and
//! offered; what is admitted is staged like a local write. Nothing from a peer is believed before its signature is checked (INV-4), and what a peer can make us hold is bounded (INV-8).

use std::collections::{BTreeMap, BTreeSet};

use starling_crdt::id::{DeviceKey, RecordId, StreamKey};
use starling_crdt::payload::Payload;
use starling_crdt::session::{Entry, Offer};
use starling_crdt::signed::{Received, Signed, Unverified, Verified};
use starling_net::proto::limits::{PROOF_BYTES_MAX, PROOF_RECORDS_MAX, REFUSAL_RECORDS_MAX, WINDOW_FRAMES};
use starling_net::proto::{self, FrameToken, RefusalCode, Verdict};

use super::Node;
use super::input::{Effect, GossipVerdict, NetEffect};
use super::task::Task;
use crate::fault::{Fault, planted};

/// Frames of one peer in work: those of its window, and of some links before, when it has just come back.
const FRAMES_MAX: usize = 4 * WINDOW_FRAMES;

/// Where records came from, to be told what became of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// A frame of the sync machine.
    Frame { token: FrameToken },
    /// Gossip.
    Gossip { from: DeviceKey, token: u64 },
    /// The table of records that are held for an upgrade.
    Aside,
}

#[derive(Debug)]
struct Frame {
    peer: DeviceKey,
    parts: usize,
    new: usize,
    missing: Option<StreamKey>,
}

/// Frames whose records are being worked on. The sync machine's window bounds them.
#[derive(Debug, Default)]
pub(super) struct Frames(BTreeMap<FrameToken, Frame>);

impl Node {
    /// A frame of records: the roster's at once, each session's through its queue.
    pub(super) fn on_records(&mut self, peer: DeviceKey, token: FrameToken, batches: Vec<proto::Batch>) {
        // INV-8: a peer that comes back again and again while its frames are in work is not listened to for a while.
        if self.frames.0.values().filter(|frame| frame.peer == peer).count() >= FRAMES_MAX {
            return self.feed(proto::Input::Processed { peer, token, new: 0, missing: None });
        }
        self.frames.0.insert(token, Frame { peer, parts: 1, new: 0, missing: None });
        let mut roster_new = 0;
        for batch in batches {
            let records = self.verified(&batch.records);
            if batch.stream == self.roster.key() {
                roster_new += self.offer_roster(records);
                continue;
            }
            let fitting: Vec<_> =
                records.into_iter().filter(|record| record.stream() == batch.stream).collect();
            if let Some(frame) = self.frames.0.get_mut(&token) {
                frame.parts += 1;
            }
            self.with_session(
                batch.stream,
                Task::Offer { records: fitting, origin: Origin::Frame { token } },
            );
        }
        self.commits.finish_frame(token, roster_new, None);
    }

    /// One part of a frame is settled; the last one gives the peer its credit back.
    pub(super) fn frame_part_done(&mut self, token: FrameToken, new: usize, missing: Option<StreamKey>) {
        let Some(frame) = self.frames.0.get_mut(&token) else {
            return;
        };
        frame.parts = frame.parts.saturating_sub(1);
        frame.new += new;
        frame.missing = frame.missing.or(missing);
        if frame.parts > 0 {
            return;
        }
        if let Some(Frame { peer, new, missing, .. }) = self.frames.0.remove(&token) {
            self.feed(proto::Input::Processed { peer, token, new, missing });
        }
    }

    /// Decodes and verifies. What is no record or badly signed is dropped; what is of a later version is held.
    fn verified(&mut self, wires: &[Vec<u8>]) -> Vec<Signed<Verified>> {
        let mut good = Vec::with_capacity(wires.len());
        for wire in wires {
            match Signed::<Unverified>::decode(wire) {
                Ok(Received::Record(record)) if planted(Fault::SignatureNotChecked) => {
                    good.push(record.trust())
                }
                Ok(Received::Record(record)) => good.extend(record.verify().ok()),
                Ok(Received::NeedsUpgrade { id, stream, wire }) => self.hold(stream, id, wire.to_vec()),
                Err(_) => {}
            }
        }
        good
    }

    /// Offers records to a session and stages what is admitted.
    pub(super) fn offer_all(&mut self, key: StreamKey, records: Vec<Signed<Verified>>, origin: Origin) {
        let mut admitted = Vec::new();
        let mut last = Offer::Known;
        let mut missing = None;
        let mut new = 0;
        for record in &records {
            let Some(session) = self.slots.get_mut(&key).and_then(|slot| slot.session_mut()) else {
                break;
            };
            let (waited, _) = session.waiting();
            last = session.offer(record.clone(), &self.roster);
            match &last {
                Offer::Admitted(list) => admitted.extend(list.iter().cloned()),
                // The session itself cannot bring what is missing in the roster.
                Offer::Waiting { missing: id } if record.record().roster.contains(id) => {
                    missing = Some(self.roster.key());
                    new += 1;
                }
                // What waits already, or cannot stay because the session has no beginning here, is nothing new: the
                // peer would be asked for it again and again.
                Offer::Waiting { .. } => {
                    missing = missing.or(Some(key));
                    let grown = session.waiting().0.saturating_sub(waited);
                    new += if session.header().is_none() { 0 } else { grown };
                }
                // It comes again with the next comparison, if the peer counts it: then something that counts depends
                // on it, and waits for it here.
                Offer::NoRoom => {}
                Offer::Refused(_) | Offer::Known => self.release(&record.id()),
            }
        }
        if admitted.is_empty() {
            return self.settle_offer(origin, &last, new, missing);
        }
        self.stage_session(key, &admitted, false);
        match origin {
            Origin::Frame { token } => self.commits.finish_frame(token, new + admitted.len(), missing),
            Origin::Gossip { token, .. } if records.iter().all(|record| self.counts(&key, &record.id())) => {
                self.commits.accept_gossip(token);
            }
            // Who sent it may not have heard of the revocation yet: it is kept, not passed on, and nobody is blamed.
            Origin::Gossip { .. } | Origin::Aside => self.settle(origin, GossipVerdict::Ignore, 0, None),
        }
    }

    /// Whether a record counts: only such are passed on (INV-5).
    fn counts(&self, key: &StreamKey, id: &RecordId) -> bool {
        let session = self.slots.get(key).and_then(|slot| slot.session());
        session.and_then(|session| session.entry(id)).is_some_and(Entry::is_counted)
    }

    /// Nothing was admitted, so nothing has to become durable first.
    pub(super) fn settle_offer(
        &mut self,
        origin: Origin,
        last: &Offer,
        new: usize,
        missing: Option<StreamKey>,
    ) {
        let verdict = match last {
            Offer::Admitted(_) => GossipVerdict::Accept,
            Offer::Known | Offer::Waiting { .. } | Offer::NoRoom => GossipVerdict::Ignore,
            Offer::Refused(_) => GossipVerdict::Reject,
        };
        if let (Origin::Gossip { from, .. }, Some(stream)) = (origin, missing) {
            self.feed(proto::Input::NeedDeps { peer: from, stream });
        }
        self.settle(origin, verdict, new, missing);
    }

    /// A frame or a gossiped record was looked at and nothing has to be stored for it.
    pub(super) fn settle(
        &mut self,
        origin: Origin,
        verdict: GossipVerdict,
        new: usize,
        missing: Option<StreamKey>,
    ) {
        match origin {
            Origin::Frame { token } => self.frame_part_done(token, new, missing),
            Origin::Aside => self.commits.finish_aside(),
            Origin::Gossip { token, .. } => {
                self.effects.push(Effect::Net(NetEffect::Verdict { token, verdict }));
            }
        }
    }

    /// A gossiped record: forwarded only when it is valid and durable here.
    pub(super) fn on_gossip(&mut self, from: DeviceKey, token: u64, bytes: &[u8]) {
        let origin = Origin::Gossip { from, token };
        let record = match Signed::<Unverified>::decode(bytes) {
            Ok(Received::Record(record)) => record.verify().ok(),
            Ok(Received::NeedsUpgrade { id, stream, wire }) => {
                self.hold(stream, id, wire.to_vec());
                return self.settle(origin, GossipVerdict::Ignore, 0, None);
            }
            Err(_) => None,
        };
        let Some(record) = record else {
            return self.settle(origin, GossipVerdict::Reject, 0, None);
        };
        if record.stream() == self.roster.key() {
            let admitted = self.offer_roster(vec![record]) > 0;
            return if admitted {
                self.commits.accept_gossip(token);
            } else {
                self.feed(proto::Input::NeedDeps { peer: from, stream: self.roster.key() });
                self.effects.push(Effect::Net(NetEffect::Verdict { token, verdict: GossipVerdict::Ignore }));
            };
        }
        self.with_session(record.stream(), Task::Offer { records: vec![record], origin });
    }

    /// Offers roster records, stages what is admitted, and lets sessions go on that waited for it. Returns how many
    /// were admitted.
    pub(super) fn offer_roster(&mut self, records: Vec<Signed<Verified>>) -> usize {
        let mut count = 0;
        for record in records {
            let id = record.id();
            match self.roster.offer(record) {
                Offer::Admitted(admitted) => {
                    count += admitted.len();
                    self.stage_roster(&admitted, false);
                    self.wake_sessions(&admitted);
                }
                Offer::Refused(_) | Offer::Known => self.release(&id),
                Offer::Waiting { .. } | Offer::NoRoom => {}
            }
        }
        count
    }

    /// Sessions whose records waited for these roster records.
    pub(super) fn wake_sessions(&mut self, roster: &[Signed<Verified>]) {
        for key in self.slots.open_keys() {
            let mut admitted = Vec::new();
            for record in roster {
                if let Some(session) = self.slots.get_mut(&key).and_then(|slot| slot.session_mut()) {
                    admitted.extend(session.roster_grew(record.id(), &self.roster));
                }
            }
            if !admitted.is_empty() {
                self.stage_session(key, &admitted, false);
            }
        }
    }

    /// An unknown peer shows the roster records that admit it. They are the workspace's, whoever brings them.
    pub(super) fn on_proof(&mut self, peer: DeviceKey, records: &[Vec<u8>]) {
        let records = self.verified(records);
        self.offer_roster(records);
        let verdict = if self.standing().member_of(&peer).is_some() {
            Verdict::Accept { records: Vec::new() }
        } else {
            self.refusal(&peer)
        };
        self.commits.admit(proto::Input::Admission { peer, verdict });
    }

    fn refusal(&self, peer: &DeviceKey) -> Verdict {
        let known = self.standing().device(peer).is_some();
        let (code, detail) = if known {
            (RefusalCode::Revoked, "this device was removed from the workspace")
        } else {
            (RefusalCode::NotMember, "this device is not a member of the workspace; ask for an invitation")
        };
        Verdict::Refuse { code, detail: detail.to_owned(), records: self.farewell(peer) }
    }

    /// The roster records that took a device's standing away, or that of who let it in, which made that word void; with
    /// those just before them: the device has the older ones. It can tell its user then. Empty if it has not lost any.
    fn farewell(&self, device: &DeviceKey) -> Vec<Vec<u8>> {
        if self.standing().stands(device) {
            return Vec::new();
        }
        let vouchers = self.vouchers(device);
        let takes = |record: &Signed<Verified>| {
            vouchers.iter().any(|one| self.takes_from(record, one)) && !self.standing().is_void(&record.id())
        };
        let at = self.roster.records().position(takes);
        at.map_or_else(Vec::new, |at| self.newest_roster(at + 1, REFUSAL_RECORDS_MAX))
    }

    /// A device and whoever let it in, and let those in, and so on. Who adds was added before, in any topological order.
    fn vouchers(&self, device: &DeviceKey) -> BTreeSet<DeviceKey> {
        let mut vouchers = BTreeSet::from([*device]);
        for record in self.roster.records().collect::<Vec<_>>().into_iter().rev() {
            let record = record.record();
            if matches!(&record.payload, Payload::AddDevice { device, .. } if vouchers.contains(device)) {
                vouchers.insert(record.author);
            }
        }
        vouchers
    }

    /// What shows a door that does not know this device, or knows it as removed, that it stands. Where somebody removed
    /// it and a more senior word made that void, the door may lack that word, and nobody else may have it: so the newest
    /// records go along, as many as a proof may have.
    fn proof(&self) -> Vec<Vec<u8>> {
        if self.roster.records().any(|record| self.takes_from(record, &self.me)) {
            return self.newest_roster(usize::MAX, PROOF_RECORDS_MAX);
        }
        let proof = self.roster.proof_of(&self.me);
        super::showing::fill(proof.into_iter().take(PROOF_RECORDS_MAX), PROOF_BYTES_MAX).0
    }

    fn takes_from(&self, record: &Signed<Verified>, device: &DeviceKey) -> bool {
        let owner = self.standing().device(device).map(|known| known.member);
        match &record.record().payload {
            Payload::RevokeDevice { cut } => cut.device == *device,
            Payload::RemoveMember { member, .. } => Some(*member) == owner,
            _ => false,
        }
    }

    /// Of the first `upto` roster records the newest, as many as `max` and the bytes of a proof allow, in topological
    /// order.
    fn newest_roster(&self, upto: usize, max: usize) -> Vec<Vec<u8>> {
        let records: Vec<_> = self.roster.records().take(upto).collect();
        let (mut wires, _) = super::showing::fill(records.into_iter().rev().take(max), PROOF_BYTES_MAX);
        wires.reverse();
        wires
    }

    /// We were told that this device lost its standing, and why. Roster records speak for themselves, whoever brings
    /// them.
    pub(super) fn on_refused(&mut self, records: &[Vec<u8>]) {
        let records = self.verified(records);
        self.offer_roster(records);
    }

    /// Tells the sync machine and the transport who is in good standing now.
    pub(super) fn announce_roster(&mut self) {
        let allowed: BTreeSet<_> = self.standing().admitted_devices().copied().collect();
        let digest = super::rows::digest_of(self.roster.heads().iter().copied());
        let proof = self.proof();
        for peer in self.peers.connected().filter(|peer| !allowed.contains(peer)).collect::<Vec<_>>() {
            let detail = "this device was removed from the workspace".to_owned();
            let records = self.farewell(&peer);
            self.feed(proto::Input::Dismiss { peer, detail, records });
        }
        self.feed(proto::Input::RosterChanged { allowed: allowed.clone(), proof, digest });
        self.allow(allowed);
        self.exporter.mark_roster();
        self.host_agents();
        if !self.standing().stands(&self.me) {
            self.cancel_all_turns();
        }
        self.effects.push(Effect::Notify(super::info::Notice::Roster));
        self.dial_lost_peers();
    }
}
