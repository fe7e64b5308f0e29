//! Turns that were under way when the device stopped, or when an agent came here: claims that no process works on. What the
//! agent did until then nobody knows, so such a turn fails, and is begun again only where its host's policy says so.

use starling_crdt::id::{AgentId, AttemptId, StreamKey};
use starling_crdt::payload::Payload;
use starling_crdt::view::View;

use super::Node;
use super::policy::OnInterrupt;
use crate::fault::{Fault, planted};

/// How often a turn is begun again: it may be what stops the device.
const TAKEN_UP_MAX: u32 = 2;

impl Node {
    /// Fails the open claims of an agent hosted here that no process works on: a crash came between.
    pub(super) fn recover(&mut self, key: StreamKey) {
        let Some(view) = self.view(&key) else { return };
        let dead: Vec<_> =
            view.open_attempts.iter().filter(|a| !self.hosting.turns.contains_key(a)).copied().collect();
        for attempt in dead.into_iter().filter(|_| !planted(Fault::ClaimLeftOpen)) {
            if planted(Fault::TurnResumed) {
                self.begin_turn(key, view.agent, attempt);
                continue;
            }
            if self.take_up(key, &view, attempt) {
                continue;
            }
            self.fail(key, attempt, "interrupted: the node stopped while the agent was at work");
        }
    }

    /// Begins an interrupted turn again, where the agent's policy says so: one of our own claims, while the agent is idle,
    /// and not for ever.
    fn take_up(&mut self, key: StreamKey, view: &View, attempt: AttemptId) -> bool {
        let is_free = self.hosting.hosts.get(&view.agent).is_none_or(|host| host.running.is_none());
        let stopped =
            view.archived.is_some() || view.processing.as_ref().is_none_or(|turn| turn.stop_requested);
        let again = self.retries(&view.agent) && is_free && !stopped && self.claimed_here(&key, attempt);
        if !again || self.count_taken_up(key, attempt) > TAKEN_UP_MAX {
            return false;
        }
        self.begin_turn(key, view.agent, attempt);
        true
    }

    fn retries(&self, agent: &AgentId) -> bool {
        self.hosting.profile(agent).is_some_and(|p| p.policy.on_interrupt == OnInterrupt::Retry)
    }

    pub(super) fn takes_up_again(&self, attempt: AttemptId) -> bool {
        self.hosting.turns.get(&attempt).is_some_and(|turn| self.retries(&turn.agent))
    }

    /// Whether an attempt is a claim of this very device.
    fn claimed_here(&self, key: &StreamKey, attempt: AttemptId) -> bool {
        let is_it =
            |payload: &Payload| matches!(payload, Payload::Claim { turn, .. } if turn.attempt == attempt);
        self.session(key).is_some_and(|session| {
            session
                .entries()
                .map(|entry| entry.signed.record())
                .any(|r| is_it(&r.payload) && r.author == self.me)
        })
    }
}
