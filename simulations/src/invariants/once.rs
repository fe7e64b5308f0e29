//! INV-7: a turn runs at most once, and only on the node that hosts the agent; one agent never runs two turns at once.
//! Where its host's policy says so, a turn that a power cut interrupted runs again there. Two computers may run turns of one agent where it was taken over by force: the old host may not have heard of it.

use std::collections::BTreeMap;

use starling_crdt::id::{AgentId, AttemptId};
use starling_crdt::payload::Payload;
use starling_node::machine::input::{Effect, TurnOrder};
use starling_node::machine::policy::OnInterrupt;

use crate::checker::{Checker, Found};
use crate::world::World;

/// Counts turns.
#[derive(Debug, Default)]
pub struct Once {
    started: BTreeMap<AttemptId, usize>,
    /// Turns that may still run: by agent, where and which.
    running: BTreeMap<AgentId, Vec<(usize, AttemptId)>>,
}

impl Once {
    fn start(&mut self, world: &World, node: usize, order: &TurnOrder) -> Found {
        let attempt = order.attempt;
        let again = order.profile.policy.on_interrupt == OnInterrupt::Retry;
        if let Some(first) = self.started.insert(attempt, node).filter(|first| !again || *first != node) {
            return Some(format!("{attempt} runs, and ran before on #{first}"));
        }
        let claim = world.ledger.claim(&attempt)?;
        let agent = world.ledger.header(&claim.stream)?.agent;
        let others = self.running.entry(agent).or_default();
        others.retain(|(host, other)| {
            let turn = world.nodes.get(*host).and_then(|sim| sim.turns.get(other));
            turn.is_some_and(|turn| !turn.ended)
        });
        let elsewhere = others.first().copied();
        others.push((node, attempt));
        let here = world.nodes.get(node).map(|sim| sim.me);
        if claim.record.as_ref().map(|record| record.author) != here {
            return Some(format!("{attempt} runs, and was claimed by another device"));
        }
        let today = world.standing(node);
        if !today.doubtful && today.host(&agent) != here {
            return Some(format!("{attempt} runs, and @{} is hosted elsewhere", order.agent));
        }
        if ended(world, node, order) {
            return Some(format!("{attempt} runs, and has ended before"));
        }
        let (host, other) = elsewhere.filter(|(host, _)| *host == node || !world.ledger.is_disputed())?;
        Some(format!("@{} runs {attempt}, and {other} at the same time on #{host}", order.agent))
    }
}

/// Whether the attempt has a reply or a failure on this disk.
fn ended(world: &World, node: usize, order: &TurnOrder) -> bool {
    let stream = world.ledger.claim(&order.attempt).map(|claim| claim.stream);
    let places = stream.map(|stream| world.ledger.stream(node, &stream)).unwrap_or_default();
    let records = places.iter().filter_map(|place| world.ledger.page(*place)?.record.as_ref());
    let mut payloads = records.map(|record| &record.payload);
    payloads.any(|payload| match payload {
        Payload::Reply { turn, .. } | Payload::Failure { turn, .. } => turn.attempt == order.attempt,
        _ => false,
    })
}

impl Checker for Once {
    fn invariant(&self) -> &'static str {
        "INV-7"
    }

    fn on_effect(&mut self, world: &World, node: usize, effect: &Effect) -> Found {
        match effect {
            Effect::RunTurn(order) => self.start(world, node, order).map(|what| format!("#{node}: {what}")),
            _ => None,
        }
    }
}
