//! What the node tells of itself. Reasons are computed from what was exchanged and from who is connected: never "the
//! exchange ended, so it must be there".

use std::collections::BTreeMap;

use starling_crdt::id::{DeviceKey, MemberId};
use starling_crdt::payload::{MemberRole, Payload};
use starling_crdt::signed::{Signed, Verified};

use super::Node;
use super::info::{AgentInfo, DeviceInfo, MemberInfo, NodeStatus, SyncInfo, WaitingInfo};
use super::pushing::Pusher;
use super::request::Answer;
use super::rows::IndexRow;

/// Waiting sessions that a status names: enough to see what is wrong.
const WAITING_MAX: usize = 100;

impl Node {
    pub(super) fn status(&self) -> Answer {
        let (member, label) = self.own_place().unzip();
        let member = member.and_then(|member| self.standing().member(&member));
        let mut sessions = BTreeMap::new();
        for (_, row) in self.slots.rows() {
            *sessions.entry(row.status().as_str()).or_insert(0) += 1;
        }
        Answer::Status(Box::new(NodeStatus {
            device: self.me,
            label: label.unwrap_or_else(|| "a restored home".to_owned()),
            workspace: starling_crdt::id::RecordId::from_bytes(*self.roster.workspace().as_bytes()),
            handle: member.map_or_else(super::named::nobody, |member| member.handle.clone()),
            revoked: !self.standing().stands(&self.me),
            listen: self.peers.listen().cloned().collect(),
            peers: self.peer_infos(),
            sessions,
            export: self.exporter.state().clone(),
            push: self.pusher.as_ref().map(Pusher::state),
            waiting: self.waiting(),
            paused: self.proto.is_paused(),
            can_join: self.can_join(),
            started_at_ms: self.started_at_ms,
        }))
    }

    /// Whose device this is and what it is called, by the roster record that added it, whatever became of that.
    fn own_place(&self) -> Option<(MemberId, String)> {
        let place = |record: &Signed<Verified>| match &record.record().payload {
            Payload::Found { label, .. } if record.record().author == self.me => {
                Some((record.id(), label.as_str().to_owned()))
            }
            Payload::AddDevice { member, device, label } if *device == self.me => {
                Some((*member, label.as_str().to_owned()))
            }
            _ => None,
        };
        let known = self.standing().device(&self.me).map(|device| (device.member, device.label.clone()));
        known.or_else(|| self.roster.records().find_map(place))
    }

    pub(super) fn sync_info(&self) -> Answer {
        let peers = self.peer_infos();
        Answer::Sync(SyncInfo {
            paused: self.proto.is_paused(),
            in_step: peers.iter().filter(|peer| peer.connected && peer.in_step).count(),
            connected: peers.iter().filter(|peer| peer.connected).count(),
            peers,
            waiting: self.waiting(),
        })
    }

    /// Sessions whose next step is somebody's, and whose.
    fn waiting(&self) -> Vec<WaitingInfo> {
        let rows = self.slots.rows().filter_map(|(_, row)| self.waits_for(row));
        rows.take(WAITING_MAX).collect()
    }

    fn waits_for(&self, row: &IndexRow) -> Option<WaitingInfo> {
        if !row.is_actionable() {
            return None;
        }
        let item = self.item(row);
        let agent = self.standing().agent(&row.agent)?;
        let last_seen_ms = self.last_seen(&agent.host);
        let reason = if agent.retired {
            format!("@{} was removed; nobody will answer", item.agent)
        } else if row.held {
            "what waits was written by a device that was revoked; a message from another one starts a turn"
                .to_owned()
        } else if !self.standing().stands(&self.me) {
            "this device is no member of the workspace, and hears of nothing".to_owned()
        } else if !self.standing().stands(&agent.host) {
            format!("@{}'s node ({}) was revoked", item.agent, self.label(&agent.host))
        } else if self.hosts(&row.agent) {
            self.why_not_here(row, &item.agent)?
        } else if self.proto.is_paused() {
            "sync is paused on this node".to_owned()
        } else if self.peers.is_connected(&agent.host) {
            format!("@{}'s node is connected and has not taken it yet", item.agent)
        } else {
            format!("@{}'s node ({}) is not connected", item.agent, self.label(&agent.host))
        };
        Some(WaitingInfo { session: row.id, agent: item.agent, reason, last_seen_ms })
    }

    fn why_not_here(&self, row: &IndexRow, agent: &starling_crdt::id::Handle) -> Option<String> {
        let Some(profile) = self.hosting.profile(&row.agent) else {
            return Some(format!(
                "this device hosts @{agent}, but knows no program for it; run `starling agent add`"
            ));
        };
        let creator = self.standing().member(&row.creator)?;
        if !profile.allow.is_empty() && !profile.allow.contains(&creator.handle) {
            return Some(format!("@{agent}'s policy does not let {} start turns", creator.handle));
        }
        if let Some(at) = self.hosting.rested_at(&row.agent, self.now) {
            let minutes = at.saturating_sub(self.now).div_ceil(60_000);
            return Some(format!(
                "@{agent} has begun as many turns as it may in an hour; the next one in {minutes} min"
            ));
        }
        let (running, queued) = self.hosting.load_of(&row.agent);
        running.map(|_| format!("@{agent} works on another session; {queued} in the queue"))
    }

    pub(super) fn label(&self, device: &DeviceKey) -> String {
        let found = self
            .standing()
            .device(device)
            .map(|device| device.label.as_str())
            .filter(|label| !label.is_empty());
        found.map_or_else(|| device.to_string().chars().take(8).collect(), str::to_owned)
    }

    fn last_seen(&self, device: &DeviceKey) -> Option<u64> {
        if *device == self.me { Some(self.now) } else { self.peers.last_seen_ms(device) }
    }

    fn is_online(&self, device: &DeviceKey) -> bool {
        *device == self.me || self.peers.is_connected(device)
    }

    pub(super) fn agents(&self) -> Answer {
        let standing = self.standing();
        let agents = standing.agents().filter(|(_, agent)| !agent.retired).filter_map(|(id, agent)| {
            let (running, queued) = self.hosting.load_of(id);
            let owner = standing.member(&standing.device(&agent.host)?.member)?;
            Some(AgentInfo {
                handle: agent.handle.clone(),
                host: agent.host,
                host_label: self.label(&agent.host),
                owner: owner.handle.clone(),
                here: agent.host == self.me,
                online: self.is_online(&agent.host),
                last_seen_ms: self.last_seen(&agent.host),
                running: running.and_then(|key| Some(self.slots.get(&key)?.row.as_ref()?.id)),
                queued,
                profile: self.hosting.profile(id).filter(|_| agent.host == self.me).cloned(),
                capabilities: self.hosting.capabilities(id).filter(|_| agent.host == self.me).cloned(),
            })
        });
        let mut agents: Vec<AgentInfo> = agents.collect();
        agents.sort_by(|one, other| one.handle.cmp(&other.handle));
        Answer::Agents(agents)
    }

    pub(super) fn members(&self) -> Answer {
        let standing = self.standing();
        let members = standing.members().filter(|(_, member)| !member.removed).map(|(id, member)| {
            let devices = standing.devices().filter(|(_, device)| device.member == *id && !device.revoked);
            MemberInfo {
                handle: member.handle.clone(),
                role: role_name(member.role),
                devices: devices
                    .map(|(key, device)| DeviceInfo {
                        device: *key,
                        label: device.label.clone(),
                        here: *key == self.me,
                        online: self.is_online(key),
                        last_seen_ms: self.last_seen(key),
                    })
                    .collect(),
            }
        });
        let mut members: Vec<MemberInfo> = members.collect();
        members.sort_by(|one, other| one.handle.cmp(&other.handle));
        Answer::Members(members)
    }
}

/// The name of a role in JSON and in the export.
#[must_use]
pub(super) const fn role_name(role: MemberRole) -> &'static str {
    match role {
        MemberRole::Guest => "guest",
        MemberRole::Member => "member",
        MemberRole::Admin => "admin",
        MemberRole::Founder => "founder",
    }
}
