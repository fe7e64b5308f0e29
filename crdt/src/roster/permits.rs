//! What a device may write to the roster, by what stands in the record's past: the verdict on roster records. Positive
//! rules only, like those of a session; what a concurrent removal makes of a record is not judged here but folded
//! (`strong`).

use super::rank::{Rank, Seniority};
use super::standing::{Authority, Device, Member, Standing};
use crate::fault::{Fault, planted};
use crate::id::{DeviceKey, MemberId, RecordId};
use crate::limits::PROMOTIONS_MAX;
use crate::payload::{MemberRole, Payload};

impl Standing {
    /// Whether `author` may write this to the roster.
    #[must_use]
    pub fn permits(&self, author: &DeviceKey, payload: &Payload) -> bool {
        self.authority(author, payload).is_some()
    }

    /// By what right `author` may write this; `None` if it may not.
    pub(super) fn authority(&self, author: &DeviceKey, payload: &Payload) -> Option<Authority> {
        if let Some((me, member)) = self.member_of(author) {
            let device = self.devices.get(author)?;
            let rank = rank_of(member, device);
            let needs = self.needed(me, &rank, author, payload).filter(|needs| member.role >= *needs)?;
            return Some(Authority {
                rank,
                acts_for: Some(me),
                device: device.record,
                member: me,
                needs,
                by: self.hosted_by(payload).filter(|_| needs < MemberRole::Admin),
                adder: device.adder.clone(),
            });
        }
        let (founder, _) = self.members.iter().find(|(_, member)| member.role == MemberRole::Founder)?;
        let recovers = self.recovery.as_ref() == Some(author) && self.recovery_may(founder, payload);
        (recovers && !planted(Fault::RecoveryIgnored)).then(|| Authority {
            rank: Rank::first(Seniority::recovery()),
            acts_for: None,
            device: *founder,
            member: *founder,
            needs: MemberRole::Founder,
            by: None,
            adder: None,
        })
    }

    /// What gives a member who is no admin a say on this agent.
    fn hosted_by(&self, payload: &Payload) -> Option<RecordId> {
        match payload {
            Payload::MoveAgent { handover: Some(handover), .. } => Some(*handover),
            Payload::MoveAgent { agent, .. }
            | Payload::Handover { agent, .. }
            | Payload::RetireAgent { agent } => self.agents.get(agent).map(|agent| agent.since),
            _ => None,
        }
    }

    /// The recovery key brings the founder back, and nothing else: it admits a device of theirs, and revokes any.
    fn recovery_may(&self, founder: &MemberId, payload: &Payload) -> bool {
        match payload {
            Payload::AddDevice { member, device, .. } => member == founder && self.is_new(device),
            Payload::RevokeDevice { cut } => self.devices.contains_key(&cut.device),
            _ => false,
        }
    }

    /// The least role that may write this; `None` if nobody in the author's place may.
    fn needed(&self, me: MemberId, rank: &Rank, author: &DeviceKey, payload: &Payload) -> Option<MemberRole> {
        let mine = |device: &DeviceKey| self.member_of(device).is_some_and(|(owner, _)| owner == me);
        let own_or = |own: bool, other| if own { MemberRole::Member } else { other };
        match payload {
            Payload::AddMember { handle, .. } => {
                (!self.is_taken(handle) && may_promote(rank)).then_some(MemberRole::Admin)
            }
            Payload::AddDevice { member: whose, device, .. } => {
                let other = self.members.get(whose).filter(|other| !other.removed)?;
                // Else an admin could speak as the founder, by a device of its own making.
                let allowed = *whose == me || *rank.seniority() < other.seniority;
                (allowed && self.is_new(device)).then(|| own_or(*whose == me, MemberRole::Admin))
            }
            Payload::ChangeRole { member: whose, role } => {
                // Else "admin stays admin" by a junior would make a senior junior to them, and nobody would see it.
                let changes = self.members.get(whose)?.role != *role;
                let other = self.is_below_founder(*whose) && *whose != me;
                (changes && other && may_promote(rank)).then_some(MemberRole::Admin)
            }
            Payload::RemoveMember { member: whose, .. } => {
                (self.is_below_founder(*whose) && *whose != me).then_some(MemberRole::Admin)
            }
            Payload::RevokeDevice { cut } => {
                let owner = self.devices.get(&cut.device)?.member;
                let founders = self.members.get(&owner)?.role == MemberRole::Founder;
                match (owner == me, founders) {
                    (true, _) => Some(MemberRole::Guest),
                    (false, true) => None,
                    (false, false) => Some(MemberRole::Admin),
                }
            }
            Payload::HostAgent { handle, device } => {
                let free = self.stands(device) && !self.is_taken(handle);
                free.then(|| own_or(mine(device), MemberRole::Admin))
            }
            Payload::Handover { agent, to, .. } => {
                let found = self.agents.get(agent).filter(|found| !found.retired)?;
                (found.host == *author && self.stands(to)).then_some(MemberRole::Member)
            }
            Payload::MoveAgent { agent, device, epoch, handover } => {
                let found = self.agents.get(agent).filter(|found| !found.retired)?;
                let next = found.epoch.checked_add(1) == Some(*epoch);
                match handover {
                    Some(record) => {
                        let offered = self.handover(record)?;
                        let fits = offered.agent == *agent && offered.to == *device;
                        (next && fits && mine(device)).then_some(MemberRole::Member)
                    }
                    None => (next && mine(device)).then(|| own_or(mine(&found.host), MemberRole::Admin)),
                }
            }
            Payload::RetireAgent { agent } => {
                let found = self.agents.get(agent).filter(|found| !found.retired)?;
                Some(own_or(mine(&found.host), MemberRole::Admin))
            }
            Payload::Merge {} => Some(MemberRole::Guest),
            _ => None,
        }
    }

    /// Whether a key was never on the roster: one that was revoked does not come back.
    fn is_new(&self, device: &DeviceKey) -> bool {
        !self.devices.contains_key(device)
            && (!self.revoked.contains(device) || planted(Fault::RevokedComesBack))
            && self.recovery.as_ref() != Some(device)
    }

    fn is_below_founder(&self, member: MemberId) -> bool {
        self.members.get(&member).is_some_and(|member| member.role < MemberRole::Founder)
    }

    fn is_taken(&self, handle: &crate::id::Handle) -> bool {
        self.member_called(handle).is_some() || self.agent_called(handle).is_some()
    }
}

/// Whether the chain of promotions from the founder may grow by one more.
const fn may_promote(rank: &Rank) -> bool {
    rank.seniority().depth() < PROMOTIONS_MAX
}

/// A device that somebody else added never outranks them.
fn rank_of(member: &Member, device: &Device) -> Rank {
    let adder = device.adder.as_ref().filter(|_| !planted(Fault::AdderIgnored));
    let of = adder.map_or(&member.seniority, |adder| adder.max(&member.seniority));
    Rank::new(of.clone(), device.added)
}
