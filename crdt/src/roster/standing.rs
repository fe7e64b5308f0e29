//! What stands after a set of roster records: members, devices, agents. A pure fold in canonical order, made
//! anew at each change, because the roster is small. Also says what a device may write to the roster.

use std::collections::BTreeMap;

use crate::id::{AgentId, DeviceKey, Handle, MemberId, RecordId};
use crate::payload::{MemberRole, Payload};
use crate::record::Record;

/// A person of the workspace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The handle as shown: the second of two equal ones, by canonical order, has a suffix.
    pub handle: Handle,
    /// What it may do.
    pub role: MemberRole,
    /// Removed members keep their name on what they wrote.
    pub removed: bool,
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
}

/// Who may act.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    members: BTreeMap<MemberId, Member>,
    devices: BTreeMap<DeviceKey, Device>,
    agents: BTreeMap<AgentId, Agent>,
    /// Who has a name now, so that only its bearer's end frees it.
    handles: BTreeMap<Handle, RecordId>,
}

impl Standing {
    /// Folds records in canonical order. What takes standing away is applied last, so that nothing concurrent
    /// undoes it.
    pub(super) fn fold<'a>(records: impl Iterator<Item = (RecordId, &'a Record)> + Clone) -> Self {
        let mut standing = Self::default();
        for (id, record) in records.clone() {
            standing.add(id, record);
        }
        for (_, record) in records.clone() {
            standing.change(&record.payload);
        }
        for (_, record) in records {
            standing.take_away(&record.payload);
        }
        standing
    }

    fn add(&mut self, id: RecordId, record: &Record) {
        match &record.payload {
            Payload::Found { handle, label, .. } => {
                self.add_member(id, handle, MemberRole::Founder);
                self.add_device(id, record.author, label.as_str(), id);
            }
            Payload::AddMember { handle, role } => self.add_member(id, handle, *role),
            Payload::AddDevice { member, device, label } => {
                self.add_device(*member, *device, label.as_str(), id)
            }
            Payload::HostAgent { handle, device } => {
                let handle = self.free_handle(handle, id);
                self.agents.insert(id, Agent { handle, host: *device, epoch: 1, retired: false });
            }
            // A name is free again for who comes after.
            Payload::RetireAgent { agent: bearer } | Payload::RemoveMember { member: bearer, .. } => {
                self.handles.retain(|_, other| other != bearer);
            }
            _ => {}
        }
    }

    fn add_member(&mut self, id: MemberId, handle: &Handle, role: MemberRole) {
        let handle = self.free_handle(handle, id);
        self.members.insert(id, Member { handle, role, removed: false });
    }

    fn add_device(&mut self, member: MemberId, device: DeviceKey, label: &str, record: RecordId) {
        // Two members that add one key concurrently: the first by canonical order has it.
        self.devices.entry(device).or_insert(Device {
            member,
            label: label.to_owned(),
            record,
            revoked: false,
        });
    }

    /// Members and agents share one namespace; the second of two concurrent equal handles gets a suffix.
    fn free_handle(&mut self, wanted: &Handle, bearer: RecordId) -> Handle {
        let suffixed = |n: usize| {
            let suffix = format!("-{n}");
            let room = crate::limits::HANDLE_CHARS_MAX - suffix.len();
            let stem: String = wanted.as_str().chars().take(room).collect();
            format!("{}{suffix}", stem.trim_end_matches('-')).parse::<Handle>().ok()
        };
        let mut free = wanted.clone();
        let mut n = 2;
        while self.handles.contains_key(&free) && n < 10_000 {
            free = suffixed(n).unwrap_or(free);
            n += 1;
        }
        self.handles.insert(free.clone(), bearer);
        free
    }

    fn change(&mut self, payload: &Payload) {
        match payload {
            Payload::ChangeRole { member, role } => {
                if let Some(member) = self.members.get_mut(member) {
                    member.role = *role;
                }
            }
            Payload::MoveAgent { agent, device, epoch, .. } => {
                // Two hosts at the same epoch: the first by canonical order, the other is void.
                if let Some(agent) = self.agents.get_mut(agent).filter(|agent| agent.epoch < *epoch) {
                    agent.host = *device;
                    agent.epoch = *epoch;
                }
            }
            _ => {}
        }
    }

    fn take_away(&mut self, payload: &Payload) {
        match payload {
            Payload::RevokeDevice { cut } => {
                if let Some(device) = self.devices.get_mut(&cut.device) {
                    device.revoked = true;
                }
            }
            Payload::RemoveMember { member, .. } => {
                if let Some(member) = self.members.get_mut(member) {
                    member.removed = true;
                }
            }
            Payload::RetireAgent { agent } => {
                if let Some(agent) = self.agents.get_mut(agent) {
                    agent.retired = true;
                }
            }
            _ => {}
        }
    }

    /// Whether `author` may write this to the roster, by what stands in its past.
    #[must_use]
    pub fn permits(&self, author: &DeviceKey, payload: &Payload) -> bool {
        let Some((me, member)) = self.member_of(author) else {
            return false;
        };
        let admin = member.role >= MemberRole::Admin;
        let full = member.role >= MemberRole::Member;
        let mine = |device: &DeviceKey| self.member_of(device).is_some_and(|(owner, _)| owner == me);
        match payload {
            Payload::AddMember { handle, .. } => admin && !self.is_taken(handle),
            Payload::AddDevice { member, device, .. } => {
                let to_me = full && *member == me;
                (to_me || admin) && self.is_standing(member) && !self.devices.contains_key(device)
            }
            Payload::ChangeRole { member, .. } | Payload::RemoveMember { member, .. } => {
                admin
                    && *member != me
                    && self.members.get(member).is_some_and(|m| m.role < MemberRole::Founder)
            }
            Payload::RevokeDevice { cut } => {
                let owner = self.devices.get(&cut.device).map(|device| device.member);
                let founders = owner.and_then(|owner| self.members.get(&owner)).map(|m| m.role)
                    == Some(MemberRole::Founder);
                owner.is_some_and(|owner| owner == me || (admin && !founders))
            }
            Payload::HostAgent { handle, device } => {
                full && (mine(device) || admin) && self.member_of(device).is_some() && !self.is_taken(handle)
            }
            Payload::Handover { agent, to, .. } => {
                self.member_of(to).is_some()
                    && self.agents.get(agent).is_some_and(|a| !a.retired && a.host == *author)
            }
            Payload::MoveAgent { agent, device, epoch, .. } => {
                let found =
                    self.agents.get(agent).filter(|agent| !agent.retired && *epoch == agent.epoch + 1);
                found.is_some_and(|agent| full && mine(device) && (admin || mine(&agent.host)))
            }
            Payload::RetireAgent { agent } => {
                self.agents.get(agent).is_some_and(|agent| !agent.retired && (admin || mine(&agent.host)))
            }
            _ => false,
        }
    }

    fn is_taken(&self, handle: &Handle) -> bool {
        let member = self.members.values().any(|member| !member.removed && member.handle == *handle);
        member || self.agents.values().any(|agent| !agent.retired && agent.handle == *handle)
    }

    fn is_standing(&self, member: &MemberId) -> bool {
        self.members.get(member).is_some_and(|member| !member.removed)
    }

    /// A device in good standing and its member.
    #[must_use]
    pub fn member_of(&self, device: &DeviceKey) -> Option<(MemberId, &Member)> {
        let found = self.devices.get(device).filter(|device| !device.revoked)?;
        let member = self.members.get(&found.member).filter(|member| !member.removed)?;
        Some((found.member, member))
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
        self.devices.keys().filter(|device| self.member_of(device).is_some())
    }

    /// All agents.
    pub fn agents(&self) -> impl Iterator<Item = (&AgentId, &Agent)> {
        self.agents.iter()
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
