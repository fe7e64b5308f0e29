//! Who may act, read from roster records from first to last: for histories in which nobody is removed by one whom he
//! removes, and the removed wrote nothing to the roster that the remover had not seen. Where it is not so, `doubtful` says
//! that this reading is worth nothing. Left out: seniority, void records, handles.

use std::collections::{BTreeMap, BTreeSet};

use starling_crdt::id::{AgentId, DeviceKey, MemberId, RecordId, StreamKey};
use starling_crdt::payload::{Cut, MemberRole, Payload};
use starling_crdt::record::Record;

/// Who may act.
#[derive(Debug, Default)]
pub struct Standing {
    members: BTreeMap<DeviceKey, MemberId>,
    roles: BTreeMap<MemberId, MemberRole>,
    hosts: BTreeMap<AgentId, (u32, RecordId, DeviceKey)>,
    recovery: Option<DeviceKey>,
    revoked: BTreeSet<DeviceKey>,
    removed: BTreeSet<MemberId>,
    kept: BTreeSet<(DeviceKey, StreamKey, RecordId)>,
    /// This reading may be wrong: words stand against each other.
    pub doubtful: bool,
}

impl Standing {
    /// Reads roster records, each after its deps.
    #[must_use]
    pub fn read(records: &[(RecordId, &Record)]) -> Self {
        let mut standing = Self::default();
        for (id, record) in records {
            standing.take(*id, record);
        }
        standing.doubtful |= standing.is_contested(records);
        standing
    }

    pub(crate) fn take(&mut self, id: RecordId, record: &Record) {
        match &record.payload {
            Payload::Found { recovery, .. } => {
                self.members.insert(record.author, id);
                self.roles.insert(id, MemberRole::Founder);
                self.recovery = *recovery;
            }
            Payload::AddMember { role, .. } => drop(self.roles.insert(id, *role)),
            Payload::AddDevice { member, device, .. } => {
                self.doubtful |= self.members.insert(*device, *member).is_some_and(|other| other != *member);
            }
            Payload::ChangeRole { member, role } => {
                // Of concurrent words on a role the senior one's stands, which is not told here.
                self.doubtful |= !matches!(self.role_of(&record.author), Some(MemberRole::Founder));
                self.roles.insert(*member, *role);
            }
            Payload::RevokeDevice { cut } => self.cut(cut),
            Payload::RemoveMember { member, cuts } => {
                self.removed.insert(*member);
                cuts.iter().for_each(|cut| self.cut(cut));
            }
            Payload::HostAgent { device, .. } => drop(self.hosts.insert(id, (1, id, *device))),
            Payload::MoveAgent { agent, device, epoch, .. } => {
                let later = |(other, by, _): &(u32, RecordId, DeviceKey)| {
                    *epoch > *other || *epoch == *other && id < *by
                };
                if self.hosts.get(agent).is_none_or(later) {
                    self.hosts.insert(*agent, (*epoch, id, *device));
                }
            }
            Payload::Handover { .. } | Payload::RetireAgent { .. } | Payload::Merge {} => {}
            _ => self.doubtful = true,
        }
    }

    fn cut(&mut self, cut: &Cut) {
        self.revoked.insert(cut.device);
        for (stream, ids) in &cut.kept {
            self.kept.extend(ids.iter().map(|id| (cut.device, *stream, *id)));
        }
    }

    /// Whether somebody who was removed wrote something that a remover had not seen.
    fn is_contested(&self, records: &[(RecordId, &Record)]) -> bool {
        let takes = |record: &Record| {
            matches!(record.payload, Payload::RevokeDevice { .. } | Payload::RemoveMember { .. })
        };
        let removals = || records.iter().filter(|(_, record)| takes(record));
        if removals().next().is_none() {
            return false;
        }
        let mut pasts: BTreeMap<RecordId, BTreeSet<RecordId>> = BTreeMap::new();
        for (id, record) in records {
            let below = record.deps.iter().filter_map(|dep| pasts.get(dep)).flatten().copied();
            let past = below.chain([*id]).collect();
            pasts.insert(*id, past);
        }
        let unseen = |id: &RecordId| {
            removals().any(|(removal, _)| pasts.get(removal).is_none_or(|past| !past.contains(id)))
        };
        records.iter().any(|(id, record)| !self.stands(&record.author) && unseen(id))
    }

    /// The member whose device this is, if both have their standing.
    #[must_use]
    pub fn member_of(&self, device: &DeviceKey) -> Option<MemberId> {
        let member = self.members.get(device).filter(|member| !self.removed.contains(*member))?;
        (!self.revoked.contains(device)).then_some(*member)
    }

    /// The role of a device's member, if both have their standing.
    #[must_use]
    pub fn role_of(&self, device: &DeviceKey) -> Option<MemberRole> {
        self.roles.get(&self.member_of(device)?).copied()
    }

    /// Whether what a device writes counts by itself.
    #[must_use]
    pub fn stands(&self, device: &DeviceKey) -> bool {
        self.member_of(device).is_some() || self.recovery == Some(*device)
    }

    /// Whether a cut names this record.
    #[must_use]
    pub fn keeps(&self, device: &DeviceKey, stream: &StreamKey, id: &RecordId) -> bool {
        self.kept.contains(&(*device, *stream, *id))
    }

    /// The device that hosts an agent.
    #[must_use]
    pub fn host(&self, agent: &AgentId) -> Option<DeviceKey> {
        self.hosts.get(agent).map(|(.., device)| *device)
    }
}
