//! A history: five replicas with people, an agent and whoever wishes them ill, and every record that was made. Each step
//! is one choice: somebody writes, the roster changes, an adversary acts, or records are carried from one to another.

use std::sync::LazyLock;

use super::adversary::{self, Kind};
use super::dice::Dice;
use super::node::{Node, Violation};
use super::pool::{POOL_MAX, Pool, places};
use super::{people, standing};
use crate::id::{DeviceKey, RecordId, StreamKey};
use crate::payload::{Header, Payload};
use crate::record::Record;
use crate::signed::{Signed, Verified};
use crate::testing::{
    ADMIN, AT_MS, BOB, FOUNDER, GUEST, HOST, PHONE, STRANGER, Workspace, add_device, body, device, key,
    request,
};

/// Bob's second device.
pub(super) const TABLET: u8 = 7;
/// Everybody who can sign.
pub(super) const DEVICES: [u8; 8] = [FOUNDER, PHONE, HOST, ADMIN, BOB, TABLET, GUEST, STRANGER];

static START: LazyLock<Workspace> = LazyLock::new(|| {
    let mut workspace = Workspace::new();
    workspace.put(FOUNDER, add_device(workspace.bob, TABLET));
    workspace
});

pub(super) struct World {
    pub(super) kind: Kind,
    pub(super) start: &'static Workspace,
    pub(super) header: Header,
    pub(super) nodes: Vec<Node>,
    /// Holds everything as soon as it is made: what an adversary can know.
    pub(super) all: Node,
    /// The session's records, good and bad.
    pub(super) pool: Pool,
    /// Roster records after the start.
    pub(super) roster: Vec<Signed<Verified>>,
    /// The roster's heads, as they were one after the other.
    pub(super) moments: Vec<Vec<RecordId>>,
}

impl World {
    /// Two in three sessions are the founder's, whose devices only the founder can revoke; the others are bob's, whom
    /// the admin can remove.
    pub(super) fn new(kind: Kind, dice: &mut Dice) -> Self {
        let start = &*START;
        let bobs = dice.one_in(3);
        let header = Header { creator: if bobs { start.bob } else { start.founder }, ..start.header(1) };
        let stream = header.key(&start.id());
        let node = |seed| Node::new(seed, start.roster.clone(), stream);
        let seats =
            if bobs { [BOB, TABLET, HOST, ADMIN, FOUNDER] } else { [FOUNDER, PHONE, HOST, ADMIN, BOB] };
        let all = node(STRANGER);
        let moments = vec![all.roster_heads()];
        let nodes = seats.map(node).into();
        Self { kind, start, header, nodes, all, pool: Pool::default(), roster: Vec::new(), moments }
    }

    pub(super) fn key(&self) -> StreamKey {
        self.header.key(&self.start.id())
    }

    /// The devices that write as the session's creator.
    pub(super) fn creators(&self) -> &'static [u8] {
        if self.header.creator == self.start.bob { &[BOB, TABLET] } else { &[FOUNDER, PHONE, HOST] }
    }

    pub(super) fn is_full(&self) -> bool {
        self.pool.records.len() + 4 > POOL_MAX
    }

    /// A record of the session, signed by `seed`; its time is its own, so that no two are one by chance.
    pub(super) fn record(
        &self,
        seed: u8,
        roster: &[RecordId],
        deps: &[RecordId],
        payload: Payload,
    ) -> Record {
        let sorted = |ids: &[RecordId]| -> Vec<RecordId> {
            let set: std::collections::BTreeSet<RecordId> = ids.iter().copied().collect();
            set.into_iter().collect()
        };
        Record {
            workspace: self.start.id(),
            stream: self.key(),
            author: device(seed),
            roster: sorted(roster),
            deps: sorted(deps),
            at_ms: AT_MS + self.pool.records.len() as u64,
            payload,
        }
    }

    pub(super) fn open(&self, seed: u8, roster: &[RecordId]) -> Record {
        let first = (body("hello"), request("first"));
        let payload = Payload::Open { header: self.header.clone(), body: first.0, request_id: first.1 };
        self.record(seed, roster, &[], payload)
    }

    /// Makes a record known to who knows everything, and to nobody else yet.
    pub(super) fn publish(&mut self, signed: &Signed<Verified>) -> Result<(), Violation> {
        self.pool.push(signed.clone());
        self.all.take(signed, &self.pool).map(drop)
    }

    pub(super) fn publish_roster(&mut self, signed: &Signed<Verified>) -> Result<(), Violation> {
        self.roster.push(signed.clone());
        self.all.take_roster(signed, &self.pool)?;
        self.moments.push(self.all.roster_heads());
        Ok(())
    }

    /// One step. Its choices come out of `choice` alone.
    pub(super) fn step(&mut self, choice: u64) -> Result<(), Violation> {
        let mut dice = Dice::new(choice);
        // The last two mostly read.
        let seats = if dice.one_in(3) { self.nodes.len() } else { 3 };
        let at = dice.below(seats);
        let (hostile, roster) = self.kind.shares();
        match dice.below(100) {
            n if n < hostile && !self.is_full() => self.hostile(at, &mut dice)?,
            n if n < hostile + roster => standing::event(self, at, &mut dice)?,
            n if n < 75 && !self.is_full() => people::write(self, at, &mut dice)?,
            _ => self.carry(at, &mut dice)?,
        }
        self.nodes[at].look(&self.pool)
    }

    /// An adversary writes; some replica or other hears of it.
    fn hostile(&mut self, at: usize, dice: &mut Dice) -> Result<(), Violation> {
        for record in adversary::act(self, dice) {
            let signed =
                Signed::sign(record.clone(), &signing_key(&record.author)).map_err(|e| e.to_string())?;
            self.publish(&signed)?;
            if dice.one_in(2) {
                self.nodes[at].take(&signed, &self.pool)?;
            }
        }
        Ok(())
    }

    /// Brings a replica some of what it lacks: roster records, and session records in any order, some twice, some with
    /// a spoilt signature first.
    fn carry(&mut self, at: usize, dice: &mut Dice) -> Result<(), Violation> {
        if dice.one_in(3) {
            return self.pull(at, dice);
        }
        let node = &mut self.nodes[at];
        let some = dice.below(4);
        let unknown = |record: &&Signed<Verified>| !node.roster.contains(&record.id());
        let unknown: Vec<_> = self.roster.iter().filter(unknown).take(some).collect();
        for record in unknown {
            node.take_roster(record, &self.pool)?;
        }
        let everything: Vec<usize> = places(self.pool.all()).collect();
        let is_lacking = |at: &usize| node.session.entry(&self.pool.id(*at)).is_none();
        let lacking: Vec<usize> = everything.iter().copied().filter(is_lacking).collect();
        for _ in 0..dice.below(8) {
            let from = if dice.one_in(6) { &everything } else { &lacking };
            if let Some(at) = dice.pick(from) {
                deliver(node, &self.pool.records[at], &self.pool, dice)?;
            }
        }
        Ok(())
    }

    /// Anti-entropy: what another one says that this one lacks, in its order. Among honest ones nothing is refused.
    fn pull(&mut self, at: usize, dice: &mut Dice) -> Result<(), Violation> {
        let from = dice.below(self.nodes.len());
        let records: Vec<Signed<Verified>> = {
            let (to, from) = (&self.nodes[at], &self.nodes[from]);
            let lacking = from.session.missing_for(&to.heads(), &to.session.author_counts());
            super::checks::missing(&from.session, &to.session, &lacking, self.kind, &self.pool)?;
            lacking.into_iter().take(1 + dice.below(8)).cloned().collect()
        };
        for record in records {
            self.nodes[at].take(&record, &self.pool)?;
            if let Some(refusal) = self.nodes[at].refused.get(&record.id()) {
                return Err(format!("{:?} counts at one replica, another says: {refusal}", record.id()));
            }
        }
        Ok(())
    }

    /// Brings everything to `node`, in an order of its own.
    pub(super) fn flood(&self, node: &mut Node, dice: &mut Dice) -> Result<(), Violation> {
        let mut order: Vec<&Signed<Verified>> = self.pool.records.iter().chain(&self.roster).collect();
        order.extend(self.pool.records.iter().step_by(5));
        dice.shuffle(&mut order);
        for record in order {
            if record.record().is_roster() && record.stream() == self.start.id().roster() {
                node.take_roster(record, &self.pool)?;
            } else {
                deliver(node, record, &self.pool, dice)?;
            }
        }
        node.look(&self.pool)
    }
}

/// Brings one record, now and then with a spoilt signature before the good one.
fn deliver(
    node: &mut Node,
    record: &Signed<Verified>,
    pool: &Pool,
    dice: &mut Dice,
) -> Result<(), Violation> {
    if dice.one_in(16) {
        let mut wire = record.wire().to_vec();
        let last = wire.len() - 1 - dice.below(crate::limits::SIGNATURE_BYTES);
        wire[last] ^= 1;
        let was = node.session.entry(&record.id()).is_some();
        node.receive(&wire, pool)?;
        if node.session.entry(&record.id()).is_some() != was {
            return Err(format!("INV-4: {:?} was admitted by a bad signature", record.id()));
        }
        return node.receive(record.wire(), pool);
    }
    node.take(record, pool).map(drop)
}

pub(super) fn signing_key(of: &DeviceKey) -> ed25519_dalek::SigningKey {
    key(DEVICES.into_iter().find(|seed| device(*seed) == *of).unwrap())
}
