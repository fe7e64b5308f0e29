//! Which agents run on this device, what each is at, and what its policy allows. Data and its questions only; what follows
//! from it is decided in `dispatch`.

use std::collections::{BTreeMap, VecDeque};

use starling_crdt::id::{AgentId, AttemptId, StreamKey};

use super::capabilities::Capabilities;
use super::context::program_of;
use super::input::AgentProfile;
use super::rows::{self, ProfileRow};

/// Within this time a policy counts turns, ms.
const HOUR_MS: u64 = 3_600_000;

/// A turn whose process runs, or is about to.
#[derive(Debug)]
pub(super) struct Turn {
    pub(super) key: StreamKey,
    pub(super) agent: AgentId,
    pub(super) secret: String,
    pub(super) generation: u64,
    /// How many agents deep its session is.
    pub(super) depth: u32,
    pub(super) asked_for_summary: bool,
    pub(super) asked_for_title: bool,
    pub(super) cancelled: bool,
}

#[derive(Debug, Default)]
pub(super) struct Host {
    pub(super) queue: VecDeque<StreamKey>,
    pub(super) running: Option<AttemptId>,
    /// The session whose input is being claimed.
    pub(super) claiming: Option<StreamKey>,
    pub(super) announced: bool,
    /// When the turns of the last hour began, ms.
    pub(super) begun_ms: VecDeque<u64>,
}

/// The agents hosted here.
#[derive(Debug, Default)]
pub(super) struct Hosting {
    pub(super) profiles: BTreeMap<AgentId, AgentProfile>,
    /// What those that have run can do.
    capabilities: BTreeMap<AgentId, Capabilities>,
    pub(super) hosts: BTreeMap<AgentId, Host>,
    pub(super) turns: BTreeMap<AttemptId, Turn>,
}

impl Hosting {
    pub(super) fn load(rows: &[(Vec<u8>, Vec<u8>)]) -> Self {
        let read = |(key, row): &(Vec<u8>, Vec<u8>)| {
            let agent = AgentId::from_bytes(key.as_slice().try_into().ok()?);
            Some((agent, rows::decode::<ProfileRow>(row)?))
        };
        let mut hosting = Self::default();
        for (agent, row) in rows.iter().filter_map(read) {
            hosting.profiles.insert(agent, row.profile);
            hosting.capabilities.extend(row.capabilities.map(|capabilities| (agent, capabilities)));
        }
        hosting
    }

    pub(super) fn profile(&self, agent: &AgentId) -> Option<&AgentProfile> {
        self.profiles.get(agent)
    }

    /// Runs an agent in this way from now on; the shell has to be told.
    pub(super) fn set_profile(&mut self, agent: AgentId, profile: AgentProfile) {
        let program = program_of(&profile);
        let old = self.profiles.insert(agent, profile);
        if old.is_some_and(|old| program_of(&old) != program) {
            self.capabilities.remove(&agent);
        }
        self.hosts.entry(agent).or_default().announced = false;
    }

    /// What the agent said that it can do, when it has run.
    pub(super) fn capabilities(&self, agent: &AgentId) -> Option<&Capabilities> {
        self.capabilities.get(agent)
    }

    /// Remembers what an agent can do; returns whether that is new.
    pub(super) fn set_capabilities(&mut self, agent: AgentId, capabilities: Capabilities) -> bool {
        let capabilities = capabilities.bounded();
        let is_new = self.capabilities.get(&agent) != Some(&capabilities);
        self.capabilities.insert(agent, capabilities);
        is_new
    }

    /// What is stored of an agent.
    pub(super) fn row(&self, agent: &AgentId) -> Option<ProfileRow> {
        let profile = self.profiles.get(agent)?.clone();
        Some(ProfileRow { profile, capabilities: self.capabilities.get(agent).cloned() })
    }

    /// The session that an agent works on, and how many wait for it.
    pub(super) fn load_of(&self, agent: &AgentId) -> (Option<StreamKey>, usize) {
        let Some(host) = self.hosts.get(agent) else {
            return (None, 0);
        };
        let running = host.running.and_then(|attempt| self.turns.get(&attempt)).map(|turn| turn.key);
        (running, host.queue.len())
    }

    /// How many agents deep the session is that an agent works on.
    pub(super) fn depth_of(&self, agent: &AgentId) -> Option<u32> {
        let running = self.hosts.get(agent)?.running?;
        Some(self.turns.get(&running)?.depth)
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.turns.is_empty()
    }

    /// When an agent may begin its next turn, if its policy does not let it now.
    pub(super) fn rested_at(&self, agent: &AgentId, now: u64) -> Option<u64> {
        let most = usize::try_from(self.profile(agent)?.policy.turns_per_hour).unwrap_or(usize::MAX);
        let begun = &self.hosts.get(agent)?.begun_ms;
        let counted = begun.len().checked_sub(most).filter(|_| most > 0)?;
        Some(begun.get(counted)?.saturating_add(HOUR_MS)).filter(|at| *at > now)
    }
}

impl Host {
    pub(super) fn count_turn(&mut self, now: u64) {
        self.begun_ms.retain(|begun| begun.saturating_add(HOUR_MS) > now);
        self.begun_ms.push_back(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::context::tests::profile;

    #[test]
    fn what_an_agent_can_do_is_there_after_a_restart_and_forgotten_with_its_program() {
        let agent = AgentId::from_bytes([7; 32]);
        let mut hosting = Hosting::default();
        hosting.set_profile(agent, profile("one"));
        let able = Capabilities { program: Some("One 1.0".to_owned()), resumes: true, modes: Vec::new() };
        assert!(hosting.set_capabilities(agent, able.clone()));
        assert!(!hosting.set_capabilities(agent, able.clone()), "nothing new");

        let row = rows::encode(&hosting.row(&agent).unwrap());
        let mut hosting = Hosting::load(&[(agent.as_bytes().to_vec(), row)]);
        assert_eq!(hosting.capabilities(&agent), Some(&able));
        hosting.set_profile(agent, AgentProfile { mode: Some("plan".to_owned()), ..profile("one") });
        assert_eq!(hosting.capabilities(&agent), Some(&able), "the same program");
        hosting.set_profile(agent, profile("two"));
        assert_eq!(hosting.capabilities(&agent), None);
    }
}
