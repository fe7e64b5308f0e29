//! Histories for the checkers: a small workspace, what its devices may try to write, and a roster and an oracle that
//! take each record together.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use super::change;
use super::oracle::{Ids, Oracle};
use crate::id::{AgentId, DeviceKey, MemberId, RecordId, StreamKey, WorkspaceId};
use crate::payload::{Cut, MemberRole, Payload};
use crate::roster::{Roster, Standing};
use crate::session::Offer;
use crate::signed::{Signed, Verified};
use crate::testing::{ADMIN, BOB, FOUNDER, STRANGER, add_device, add_member, found, host_agent, key};

/// The devices of the two admins, of a plain member, and one that nobody has yet.
pub(super) const A: u8 = ADMIN;
pub(super) const B: u8 = 7;
pub(super) const M: u8 = BOB;
pub(super) const K: u8 = 20;
pub(super) const RECOVERY: u8 = STRANGER;

/// The devices by seed: to make a key is slow.
static DEVICES: LazyLock<Vec<DeviceKey>> = LazyLock::new(|| (0..K + 8).map(crate::testing::device).collect());

pub(super) fn device(seed: u8) -> DeviceKey {
    DEVICES[usize::from(seed)]
}

/// What somebody tries. Seeds name devices, and members by their first device.
#[derive(Debug, Clone, Copy)]
pub(super) enum Act {
    Remove(u8),
    Role(u8, MemberRole),
    /// Revokes a device, with a cut that the number names.
    Revoke(u8, u8),
    Member(u16, MemberRole),
    /// Adds the second device to the member of the first.
    Device(u8, u8),
    Host(u16),
    /// Takes the agent over by force.
    Take,
    Hand(u8),
    /// Accepts any handover that was ever made.
    Accept,
    Retire,
    /// Joins the heads.
    Merge,
}

/// A history: a start, then records in a topological order.
#[derive(Debug, Clone)]
pub(super) struct Story {
    pub(super) start: Roster,
    pub(super) roster: Roster,
    pub(super) oracle: Oracle,
    pub(super) records: Vec<Signed<Verified>>,
    pub(super) members: BTreeMap<u8, MemberId>,
    agent: AgentId,
}

impl Story {
    /// Founder, admin A by the founder, admin B by whom `promotes_b` says, member M; A hosts the agent.
    pub(super) fn new(promotes_b: u8) -> Self {
        let mut first = found().record().clone();
        if let Payload::Found { recovery, .. } = &mut first.payload {
            *recovery = Some(device(RECOVERY));
        }
        let first = Signed::sign(first, &key(FOUNDER)).unwrap();
        let workspace = WorkspaceId::founded_by(first.id());
        let mut story = Self {
            start: Roster::new(workspace),
            roster: Roster::new(workspace),
            oracle: Oracle::default(),
            records: Vec::new(),
            members: [(FOUNDER, first.id()), (RECOVERY, first.id())].into(),
            agent: first.id(),
        };
        story.base(first);
        for (by, seed, name, role) in [
            (FOUNDER, A, "ann", MemberRole::Admin),
            (promotes_b, B, "ben", MemberRole::Admin),
            (A, M, "mia", MemberRole::Member),
        ] {
            let member = story.write(by, add_member(name, role));
            story.members.insert(seed, member);
            story.write(by, add_device(member, seed));
        }
        story.agent = story.write(A, host_agent("claude", A));
        story.start = story.roster.clone();
        story.records.clear();
        story
    }

    fn write(&mut self, seed: u8, payload: Payload) -> RecordId {
        let heads: Vec<RecordId> = self.roster.heads().iter().copied().collect();
        let record = roster_record_on(self.roster.workspace(), seed, &heads, payload);
        self.base(record.clone());
        record.id()
    }

    fn base(&mut self, record: Signed<Verified>) {
        assert_eq!(self.push(record), Ok(true));
    }

    /// Offers a record to both; whether they take it. An error if they disagree.
    pub(super) fn push(&mut self, record: Signed<Verified>) -> Result<bool, String> {
        let offer = self.roster.offer(record.clone());
        let admitted = matches!(offer, Offer::Admitted(_));
        let allowed = self.oracle.push(&record);
        if admitted != allowed {
            return Err(format!("the roster says {offer:?}, by definition {allowed}: {:?}", record.record()));
        }
        if admitted {
            self.records.push(record);
        }
        Ok(admitted)
    }

    /// All payloads that `act` means for `seed` where `standing` stands.
    pub(super) fn payloads(&self, standing: &Standing, seed: u8, act: Act) -> Vec<Payload> {
        let own =
            || standing.devices().find(|(key, _)| **key == device(seed)).map(|(_, device)| device.member);
        let member = |seed: u8| self.members.get(&seed).copied();
        let epoch = standing.agent(&self.agent).map_or(1, |agent| agent.epoch) + 1;
        let agent = self.agent;
        let take = |handover| Payload::MoveAgent { agent, device: device(seed), epoch, handover };
        let one = match act {
            Act::Remove(whom) => member(whom).map(|member| Payload::RemoveMember { member, cuts: vec![] }),
            Act::Role(whom, role) => member(whom).map(|member| change(member, role)),
            Act::Revoke(whom, n) => Some(Payload::RevokeDevice { cut: cut(whom, n) }),
            Act::Member(n, role) => Some(add_member(&format!("m{n}"), role)),
            Act::Device(to, new) if to == seed => own().map(|member| add_device(member, new)),
            Act::Device(to, new) => member(to).map(|member| add_device(member, new)),
            Act::Host(n) => Some(host_agent(&format!("a{n}"), seed)),
            Act::Take => Some(take(None)),
            Act::Hand(to) => Some(super::hand_over(agent, to)),
            Act::Accept => return standing.handovers.keys().map(|id| take(Some(*id))).collect(),
            Act::Merge => Some(Payload::Merge {}),
            Act::Retire => Some(Payload::RetireAgent { agent }),
        };
        one.into_iter().collect()
    }

    /// The heads of `past`, or those of the start if it is empty.
    pub(super) fn heads_of(&self, past: &Ids) -> Vec<RecordId> {
        let seen = |id| past.iter().any(|other| self.oracle.known[other].past.contains(id));
        let heads: Vec<RecordId> = past.iter().filter(|id| !seen(id)).copied().collect();
        if heads.is_empty() { self.start.heads().iter().copied().collect() } else { heads }
    }

    /// What stood at `past`.
    pub(super) fn standing_at(&self, past: &Ids) -> Arc<Standing> {
        self.roster.at(&self.heads_of(past)).unwrap_or_default()
    }

    /// All records, those of the start too.
    pub(super) fn all(&self) -> Ids {
        self.oracle.known.keys().copied().collect()
    }

    pub(super) fn signed(&self, seed: u8, past: &Ids, payload: Payload) -> Signed<Verified> {
        roster_record_on(self.roster.workspace(), seed, &self.heads_of(past), payload)
    }
}

fn roster_record_on(
    workspace: WorkspaceId,
    seed: u8,
    heads: &[RecordId],
    payload: Payload,
) -> Signed<Verified> {
    crate::testing::roster_record(workspace, seed, &heads.iter().copied().collect(), payload)
}

fn cut(seed: u8, n: u8) -> Cut {
    let kept = vec![(StreamKey::from_bytes([1; 32]), vec![RecordId::from_bytes([n; 32])])];
    Cut { device: device(seed), kept: if n == 0 { Vec::new() } else { kept } }
}
