//! Hosting agents: a new one, one that runs otherwise from now on, one that another device lets go, one that is taken from
//! a device that is gone. A handover is accepted only once this device holds what the old host holds; by force it may not,
//! and then late records of the old host are counted after ours (ARCHITECTURE.md, "Roster").

use starling_crdt::id::{AgentId, DeviceKey, Handle, RecordId};
use starling_crdt::payload::Payload;

use super::Node;
use super::input::{AgentProfile, Ticket};
use super::request::{Code, Rejection};
use super::rows::{self, IndexRow};
use crate::store::Space;

/// Domain of the digest of what the old host had written.
const TIPS_DOMAIN: &str = "starling/handover-tips/1";

impl Node {
    pub(super) fn on_add_agent(
        &mut self,
        ticket: Ticket,
        handle: &Handle,
        profile: AgentProfile,
        force: bool,
    ) {
        let added = self.add_agent(handle, profile, force);
        self.answer_agents(ticket, added);
    }

    /// Hosts an agent here, in this way.
    fn add_agent(&mut self, handle: &Handle, profile: AgentProfile, force: bool) -> Result<(), Rejection> {
        if self.standing().member_called(handle).is_some() {
            return Err(Rejection::new(Code::HandleTaken, format!("{handle} is a member")));
        }
        let known = self.standing().agent_called(handle).map(|(id, agent)| (*id, agent.host));
        let agent = match known {
            Some((agent, host)) if host == self.me => {
                if force && self.is_handed_over(&agent) {
                    self.take(agent, handle, host, force)?;
                }
                agent
            }
            Some((agent, host)) => {
                self.take(agent, handle, host, force)?;
                agent
            }
            None => self.write_roster(Payload::HostAgent { handle: handle.clone(), device: self.me })?,
        };
        self.hosting.set_profile(agent, profile);
        self.keep_profile(agent);
        if known.is_some() {
            self.host_agents();
        }
        // Sessions that had waited for a program can go on, and what an old host left open is ended.
        let rows: Vec<_> = self.slots.rows().map(|(key, row)| (*key, row.clone())).collect();
        rows.iter().filter(|(_, row)| row.agent == agent).for_each(|(key, row)| self.watch_row(*key, row));
        Ok(())
    }

    /// How a hosted agent is run, and what it can do, is there after a restart.
    pub(super) fn keep_profile(&mut self, agent: AgentId) {
        if let Some(row) = self.hosting.row(&agent) {
            let row = rows::encode(&row);
            self.commits.stage_local(Space::Setting, agent.as_bytes().to_vec(), Some(row));
        }
    }

    /// Becomes the host of an agent that another device hosts, or again of one that was handed over and not taken.
    fn take(
        &mut self,
        agent: AgentId,
        handle: &Handle,
        host: DeviceKey,
        force: bool,
    ) -> Result<(), Rejection> {
        let label = self.label(&host);
        let offered = self.standing().handovers().find(|(_, o)| o.agent == agent && o.to == self.me);
        let offered = offered.map(|(id, offered)| (*id, offered.by));
        let handover = match offered {
            Some((id, by)) if self.holds_all_of(agent, &id, &by) => Some(id),
            _ if force => None,
            Some(_) => {
                let detail = format!(
                    "{label} lets @{handle} go, but this device does not hold all of its sessions yet; connect both \
                     (`starling sync wait`), then again"
                );
                return Err(Rejection::new(Code::QuickSessionInvalidState, detail));
            }
            None => {
                let detail = format!(
                    "@{handle} is hosted by {label}; there: `starling agent handover {handle} DEVICE`, or take it with \
                     --force if that device is gone"
                );
                return Err(Rejection::new(Code::HandleTaken, detail));
            }
        };
        let epoch = self.standing().agent(&agent).map_or(1, |found| found.epoch.saturating_add(1));
        self.write_roster(Payload::MoveAgent { agent, device: self.me, epoch, handover }).map(|_| ())
    }

    /// Whether what the old host has is here: it is connected and in step, or its tips are the ones it named.
    fn holds_all_of(&self, agent: AgentId, handover: &RecordId, by: &DeviceKey) -> bool {
        let in_step = self.proto.peers().into_iter().any(|peer| peer.peer == *by && peer.in_step);
        let named = self.roster.records().find(|record| record.id() == *handover);
        let same = named.is_some_and(|record| match &record.record().payload {
            Payload::Handover { tips, .. } => *tips == self.tips_of(agent, by),
            _ => false,
        });
        in_step || same
    }

    /// Digest of what a host has written in an agent's sessions, as far as it is held here.
    fn tips_of(&self, agent: AgentId, host: &DeviceKey) -> RecordId {
        let mut hasher = blake3::Hasher::new_derive_key(TIPS_DOMAIN);
        let mut rows: Vec<_> = self.slots.rows().filter(|(_, row)| row.agent == agent).collect();
        rows.sort_unstable_by_key(|(key, _)| **key);
        for (key, row) in rows {
            for author in row.authors.iter().filter(|author| author.device == *host) {
                hasher.update(key.as_bytes());
                for tip in &author.tips {
                    hasher.update(tip.as_bytes());
                }
            }
        }
        RecordId::from_bytes(*hasher.finalize().as_bytes())
    }

    pub(super) fn on_hand_over(&mut self, ticket: Ticket, handle: &Handle, to: DeviceKey) {
        let handed = self.hand_over(handle, to);
        self.answer_agents(ticket, handed);
    }

    /// Lets an agent go to another device, with no turn open. Until that one takes it, nothing new is begun here.
    fn hand_over(&mut self, handle: &Handle, to: DeviceKey) -> Result<(), Rejection> {
        let agent = self.agent_here(handle)?;
        if to == self.me {
            return Err(Rejection::new(Code::InvalidField, format!("@{handle} is hosted here already")));
        }
        if !self.standing().stands(&to) {
            let detail = format!("{} is no device of this workspace", self.label(&to));
            return Err(Rejection::new(Code::InvalidField, detail));
        }
        let is_open = |row: &IndexRow| row.agent == agent && row.open > 0;
        let is_open = self.slots.rows().any(|(_, row)| is_open(row));
        if is_open || self.hosting.load_of(&agent).0.is_some() {
            return Err(busy(handle));
        }
        // That one may have taken it, and nobody here knows yet: two offers could make two hosts.
        if let Some(other) = self.handed_to(&agent).find(|other| *other != to) {
            let detail = format!(
                "@{handle} was handed to {} before, which may have taken it; if that device is gone, take it back first: \
                 `starling agent add {handle} ... --force`",
                self.label(&other)
            );
            return Err(Rejection::new(Code::QuickSessionInvalidState, detail));
        }
        let tips = self.tips_of(agent, &self.me);
        self.write_roster(Payload::Handover { agent, to, tips }).map(|_| ())
    }

    /// The agent of this name, if it is hosted here.
    fn agent_here(&self, handle: &Handle) -> Result<AgentId, Rejection> {
        let found = self.standing().agent_called(handle).map(|(id, agent)| (*id, agent.host));
        match found {
            Some((agent, host)) if host == self.me => Ok(agent),
            Some((_, host)) => {
                let detail = format!("@{handle} is hosted by {}; do it there", self.label(&host));
                Err(Rejection::new(Code::QuickSessionInvalidState, detail))
            }
            None => {
                Err(Rejection::new(Code::QuickSessionAgentNotFound, format!("no agent is called {handle}")))
            }
        }
    }

    pub(super) fn on_remove_agent(&mut self, ticket: Ticket, handle: &Handle) {
        let found = self.standing().agent_called(handle).map(|(id, _)| *id);
        let missing =
            || Rejection::new(Code::QuickSessionAgentNotFound, format!("no agent is called {handle}"));
        let removed = found.ok_or_else(missing).and_then(|agent| {
            if self.hosting.load_of(&agent).0.is_some() {
                return Err(busy(handle));
            }
            self.write_roster(Payload::RetireAgent { agent }).map(|_| ())
        });
        self.answer_agents(ticket, removed);
    }

    /// The agents as they are then, once what was written is durable.
    fn answer_agents(&mut self, ticket: Ticket, done: Result<(), Rejection>) {
        match done {
            Ok(()) => {
                let agents = self.agents();
                self.commits.answer(ticket, agents);
            }
            Err(rejection) => self.answer(ticket, Err(rejection)),
        }
    }
}

fn busy(handle: &Handle) -> Rejection {
    let detail = format!("@{handle} is at work; wait for it, or stop its session first");
    Rejection::new(Code::QuickSessionInvalidState, detail)
}
