//! The fold from roster records to what stands. First what is void falls out (`strong`), then names and devices are
//! given in canonical order, (lamport, id), then roles and hosts are chosen, and what takes standing away comes last, so
//! that nothing concurrent undoes it. Made anew at each change: the roster is small.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use fixedbitset::FixedBitSet;

use super::rank::Seniority;
use super::standing::{Agent, Device, Member, Offered, Standing};
use super::{Entry, strong};
use crate::fault::{Fault, planted};
use crate::id::{AgentId, DeviceKey, Handle, MemberId, RecordId};
use crate::payload::{Cut, MemberRole, Payload};

/// More equal names than anybody makes by accident; after that a name may be borne twice.
const SUFFIX_MAX: usize = 10_000;
/// A hyphen and the digits of that.
const SUFFIX_CHARS_MAX: usize = 6;

impl Standing {
    /// What stands after the records of `set`, which holds the past of each of its members.
    pub(super) fn fold(entries: &[Entry], set: &FixedBitSet) -> Self {
        let void = strong::void(entries, set);
        let of = |set: &FixedBitSet| -> Vec<&Entry> { set.ones().filter_map(|at| entries.get(at)).collect() };
        let mut standing =
            Self { void: of(&void).iter().map(|entry| entry.signed.id()).collect(), ..Self::default() };
        let mut live = of(&set.difference(&void).collect());
        live.sort_by_key(|entry| entry.stamp());
        for entry in &live {
            standing.add(entry);
        }
        standing.give_devices(&live);
        standing.give_roles(&live);
        standing.move_agents(&live);
        for entry in &live {
            standing.take_away(&entry.signed.record().payload);
        }
        standing.join_cuts(&live);
        for entry in of(&void).iter().filter(|_| planted(Fault::VoidCutsCount)) {
            entry.signed.record().payload.cuts().iter().for_each(|cut| standing.keep(cut));
        }
        standing
    }

    /// What stands after one more record that saw all others and takes no standing away: in canonical order it is the
    /// last, and the fold of all would end so.
    pub(super) fn append(&mut self, entry: &Entry) {
        self.add(entry);
        self.give_devices(&[entry]);
        self.move_agents(&[entry]);
        self.take_away(&entry.signed.record().payload);
    }

    fn add(&mut self, entry: &Entry) {
        let (id, record) = (entry.signed.id(), entry.signed.record());
        match &record.payload {
            Payload::Found { handle, recovery, .. } => {
                self.recovery = *recovery;
                self.add_member(id, handle, MemberRole::Founder, Seniority::founder());
            }
            Payload::AddMember { handle, role } => {
                let seniority = Seniority::granted(*role, entry.rank.seniority(), entry.stamp());
                self.add_member(id, handle, *role, seniority);
            }
            Payload::HostAgent { handle, device } => {
                let handle = self.free_handle(handle, id);
                let agent = Agent { handle, host: *device, epoch: 1, retired: false, since: id };
                self.agents.insert(id, agent);
            }
            Payload::Handover { agent, to, .. } => {
                let offered = Offered { agent: *agent, to: *to, by: record.author, epoch: entry.epoch };
                self.handovers.insert(id, offered);
            }
            // A name is free again for who comes after.
            Payload::RetireAgent { agent: bearer } | Payload::RemoveMember { member: bearer, .. } => {
                self.handles.retain(|_, other| other != bearer);
            }
            _ => {}
        }
    }

    fn add_member(&mut self, id: MemberId, handle: &Handle, role: MemberRole, seniority: Seniority) {
        let handle = self.free_handle(handle, id);
        self.members.insert(id, Member { handle, role, removed: false, seniority });
    }

    /// Of two who add one key concurrently, the more senior one's word stands: nobody takes a device of another.
    fn give_devices(&mut self, live: &[&Entry]) {
        let adds = |entry: &&&Entry| {
            matches!(entry.signed.record().payload, Payload::Found { .. } | Payload::AddDevice { .. })
        };
        let mut adding: Vec<&&Entry> = live.iter().filter(adds).collect();
        adding.sort_by(|a, b| a.rank.cmp(&b.rank).then_with(|| a.stamp().cmp(&b.stamp())));
        for entry in adding {
            let record = entry.signed.record();
            let (member, device, label) = match &record.payload {
                Payload::Found { label, .. } => (entry.signed.id(), record.author, label),
                Payload::AddDevice { member, device, label } => (*member, *device, label),
                _ => continue,
            };
            if !self.members.contains_key(&member) {
                continue;
            }
            let by_other = entry.member != Some(member) && !matches!(record.payload, Payload::Found { .. });
            let adder = if by_other { Some(entry.rank.seniority().clone()) } else { entry.adder.clone() };
            self.devices.entry(device).or_insert_with(|| Device {
                member,
                label: label.as_str().to_owned(),
                record: entry.signed.id(),
                revoked: false,
                added: entry.stamp(),
                adder,
            });
        }
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
        if self.handles.contains_key(&free) {
            let stem =
                wanted.as_str().chars().take(crate::limits::HANDLE_CHARS_MAX - SUFFIX_CHARS_MAX).collect();
            let last = self.suffixes.entry(stem).or_insert(1);
            while self.handles.contains_key(&free) && *last < SUFFIX_MAX {
                *last += 1;
                free = suffixed(*last).unwrap_or(free);
            }
        }
        self.handles.insert(free.clone(), bearer);
        free
    }

    /// The last word on a role stands. Of concurrent last words the more senior one's; equal ones are of one device,
    /// and the lesser role stands.
    fn give_roles(&mut self, live: &[&Entry]) {
        let mut changes: BTreeMap<MemberId, Vec<(MemberRole, &Entry)>> = BTreeMap::new();
        for entry in live {
            if let Payload::ChangeRole { member, role } = &entry.signed.record().payload {
                changes.entry(*member).or_default().push((*role, entry));
            }
        }
        for (member, changes) in changes {
            let mut last = last_words(changes);
            if planted(Fault::RoleByLamport) {
                last.sort_by_key(|(_, entry)| Reverse(entry.stamp()));
                last.truncate(1);
            }
            let stands = last.into_iter().min_by_key(|(role, entry)| (&entry.rank, *role, entry.stamp()));
            if let (Some((role, entry)), Some(found)) = (stands, self.members.get_mut(&member)) {
                found.role = role;
                found.seniority = Seniority::granted(role, entry.rank.seniority(), entry.stamp());
            }
        }
    }

    /// The highest epoch hosts; of two hosts at one epoch the smaller record id, the other is void.
    fn move_agents(&mut self, live: &[&Entry]) {
        let mut hosts: BTreeMap<AgentId, (u32, Reverse<RecordId>, DeviceKey)> = BTreeMap::new();
        for entry in live {
            if let Payload::MoveAgent { agent, device, epoch, .. } = &entry.signed.record().payload {
                let host = (*epoch, Reverse(entry.signed.id()), *device);
                let best = hosts.entry(*agent).or_insert(host);
                let larger = planted(Fault::LargerIdHosts) && best.0 == host.0;
                *best = if larger { (*best).min(host) } else { (*best).max(host) };
            }
        }
        for (agent, (epoch, Reverse(since), host)) in hosts {
            if let Some(agent) = self.agents.get_mut(&agent) {
                (agent.host, agent.epoch, agent.since) = (host, epoch, since);
            }
        }
    }

    fn take_away(&mut self, payload: &Payload) {
        match payload {
            Payload::RevokeDevice { cut } => {
                self.revoked.insert(cut.device);
                if let Some(device) = self.devices.get_mut(&cut.device) {
                    device.revoked = true;
                }
            }
            // The devices fall with their member.
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

    /// What stays counted of whom standing was taken: the union of all cuts. Two kinds say nothing. A device's own, where
    /// somebody else ended it: a thief could keep what `--keep-none` took. And a removal's, of another member's device.
    fn join_cuts(&mut self, live: &[&Entry]) {
        let revoked = |entry: &&Entry| match &entry.signed.record().payload {
            Payload::RevokeDevice { cut } if cut.device != entry.signed.record().author => Some(cut.device),
            _ => None,
        };
        let by_others: BTreeSet<DeviceKey> = live.iter().filter_map(revoked).collect();
        for entry in live {
            let record = entry.signed.record();
            for cut in record.payload.cuts() {
                let Some(device) = self.devices.get(&cut.device) else {
                    continue;
                };
                let removed = self.members.get(&device.member).is_some_and(|member| member.removed);
                let says = match &record.payload {
                    Payload::RemoveMember { member, .. } => device.member == *member,
                    _ => record.author != cut.device || !(removed || by_others.contains(&cut.device)),
                };
                if says {
                    self.keep(cut);
                }
            }
        }
    }

    fn keep(&mut self, cut: &Cut) {
        let kept = self.cuts.entry(cut.device).or_default();
        for (stream, ids) in &cut.kept {
            kept.entry(*stream).or_default().extend(ids);
        }
    }
}

/// Those of some records that none of the others had seen.
fn last_words(mut words: Vec<(MemberRole, &Entry)>) -> Vec<(MemberRole, &Entry)> {
    words.sort_by_key(|(_, entry)| Reverse(entry.at));
    let mut seen = FixedBitSet::new();
    words.retain(|(_, entry)| {
        let last = !seen.contains(entry.at);
        seen.union_with(&entry.past);
        last
    });
    words
}
