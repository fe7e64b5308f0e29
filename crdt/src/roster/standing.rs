//! What stands after a set of roster records: members, devices, agents, cuts. Answers questions; how it comes about is
//! `fold`, and what a device may write to the roster is `permits`.

use std::collections::{BTreeMap, BTreeSet};

use super::rank::{Rank, Seniority};
use crate::facts::Stamp;
use crate::fault::{Fault, planted};
use crate::id::{AgentId, DeviceKey, Handle, MemberId, RecordId, StreamKey};
use crate::payload::MemberRole;

/// A person of the workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The handle as shown: the second of two equal ones, by canonical order, has a suffix.
    pub handle: Handle,
    /// What it may do.
    pub role: MemberRole,
    /// Removed members keep their name on what they wrote.
    pub removed: bool,
    /// Whose word stands against whose.
    pub seniority: Seniority,
}

/// A device of a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Whose it is.
    pub member: MemberId,
    /// Its label.
    pub label: String,
    /// The record that added it.
    pub record: RecordId,
    /// Whether its standing was taken away.
    pub revoked: bool,
    pub(super) added: Stamp,
    /// Who added it, if that was somebody else, or added the device that added it: it never outranks them.
    pub(super) adder: Option<Seniority>,
}

/// An agent and its host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// The handle as shown.
    pub handle: Handle,
    /// The device that hosts it.
    pub host: DeviceKey,
    /// Raised by each move.
    pub epoch: u32,
    /// Retired agents keep their name on what they wrote.
    pub retired: bool,
    /// The record that made its host the host.
    pub(super) since: RecordId,
}

/// A handover that nobody has accepted yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offered {
    /// The agent.
    pub agent: AgentId,
    /// The device that is to host it.
    pub to: DeviceKey,
    /// The host that lets it go.
    pub by: DeviceKey,
    /// Its epoch then.
    pub epoch: u32,
}

/// Who may act.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    pub(super) members: BTreeMap<MemberId, Member>,
    pub(super) devices: BTreeMap<DeviceKey, Device>,
    pub(super) agents: BTreeMap<AgentId, Agent>,
    pub(super) handovers: BTreeMap<RecordId, Offered>,
    pub(super) recovery: Option<DeviceKey>,
    /// Keys that never come back, on the roster or not.
    pub(super) revoked: BTreeSet<DeviceKey>,
    /// What stays counted of those: by device and stream, the union of all cuts.
    pub(super) cuts: BTreeMap<DeviceKey, BTreeMap<StreamKey, BTreeSet<RecordId>>>,
    /// Records that a more senior removal made void.
    pub(super) void: BTreeSet<RecordId>,
    /// Who has a name now, so that only its bearer's end frees it.
    pub(super) handles: BTreeMap<Handle, RecordId>,
    /// The last suffix that was given, by the stem of the name: a thousand equal names are no million tries.
    pub(super) suffixes: BTreeMap<String, usize>,
}

/// Why an author may write a record: the records that gave it a device, a member and a role.
#[derive(Debug, Clone)]
pub(super) struct Authority {
    pub(super) rank: Rank,
    /// `None` for the recovery key.
    pub(super) acts_for: Option<MemberId>,
    pub(super) device: RecordId,
    pub(super) member: MemberId,
    pub(super) needs: MemberRole,
    /// What its right rests upon besides: the handover that it accepts, or what made it the host.
    pub(super) by: Option<RecordId>,
    /// Whom its device must not outrank.
    pub(super) adder: Option<Seniority>,
}

impl Authority {
    /// The records that it names.
    pub(super) fn named(&self) -> impl Iterator<Item = RecordId> {
        [Some(self.device), Some(self.member), self.by].into_iter().flatten()
    }
}

impl Standing {
    /// A device in good standing and its member.
    #[must_use]
    pub fn member_of(&self, device: &DeviceKey) -> Option<(MemberId, &Member)> {
        let found = self.devices.get(device).filter(|device| !device.revoked)?;
        let member = self.members.get(&found.member).filter(|member| !member.removed)?;
        Some((found.member, member))
    }

    /// Whether what `device` writes counts by itself: its key is not revoked and its member not removed, whatever the
    /// role is.
    #[must_use]
    pub fn stands(&self, device: &DeviceKey) -> bool {
        self.member_of(device).is_some()
    }

    /// Whether a cut keeps this record of a device that lost its standing. Its past is kept with it.
    #[must_use]
    pub fn keeps(&self, author: &DeviceKey, stream: &StreamKey, id: &RecordId) -> bool {
        let kept = self.cuts.get(author).and_then(|cut| cut.get(stream));
        kept.is_some_and(|kept| kept.contains(id))
    }

    /// What the cuts of a device keep in a stream, in order.
    pub fn kept(&self, author: &DeviceKey, stream: &StreamKey) -> impl Iterator<Item = &RecordId> {
        self.cuts.get(author).and_then(|cut| cut.get(stream)).into_iter().flatten()
    }

    /// Whether an admitted roster record is void: a more senior one removed its author without having seen it.
    #[must_use]
    pub fn is_void(&self, record: &RecordId) -> bool {
        self.void.contains(record)
    }

    /// The key, kept offline, that may admit a device of the founder and revoke any.
    #[must_use]
    pub const fn recovery(&self) -> Option<&DeviceKey> {
        self.recovery.as_ref()
    }

    /// A device, in good standing or not.
    #[must_use]
    pub fn device(&self, key: &DeviceKey) -> Option<&Device> {
        self.devices.get(key)
    }

    /// A member, removed or not.
    #[must_use]
    pub fn member(&self, id: &MemberId) -> Option<&Member> {
        self.members.get(id)
    }

    /// An agent, retired or not.
    #[must_use]
    pub fn agent(&self, id: &AgentId) -> Option<&Agent> {
        self.agents.get(id)
    }

    /// A handover, if nobody has accepted it yet.
    #[must_use]
    pub fn handover(&self, record: &RecordId) -> Option<&Offered> {
        let found = self.handovers.get(record)?;
        let agent = self.agents.get(&found.agent)?;
        let current = agent.epoch == found.epoch || planted(Fault::HandoverEpochIgnored);
        (current && agent.host == found.by && !agent.retired).then_some(found)
    }

    /// All members.
    pub fn members(&self) -> impl Iterator<Item = (&MemberId, &Member)> {
        self.members.iter()
    }

    /// All devices.
    pub fn devices(&self) -> impl Iterator<Item = (&DeviceKey, &Device)> {
        self.devices.iter()
    }

    /// Devices in good standing: those that are let in.
    pub fn admitted_devices(&self) -> impl Iterator<Item = &DeviceKey> {
        self.devices.keys().filter(|device| self.stands(device))
    }

    /// All agents.
    pub fn agents(&self) -> impl Iterator<Item = (&AgentId, &Agent)> {
        self.agents.iter()
    }

    /// All handovers that wait to be accepted.
    pub fn handovers(&self) -> impl Iterator<Item = (&RecordId, &Offered)> {
        self.handovers.keys().filter_map(|id| Some((id, self.handover(id)?)))
    }

    /// The agent that is called so now.
    #[must_use]
    pub fn agent_called(&self, handle: &Handle) -> Option<(&AgentId, &Agent)> {
        self.agents.iter().find(|(_, agent)| !agent.retired && agent.handle == *handle)
    }

    /// The member who is called so now.
    #[must_use]
    pub fn member_called(&self, handle: &Handle) -> Option<(&MemberId, &Member)> {
        self.members.iter().find(|(_, member)| !member.removed && member.handle == *handle)
    }
}
