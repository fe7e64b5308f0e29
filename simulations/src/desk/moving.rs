//! An agent goes to another computer. Asked for politely, its host writes a handover while it is idle, and the other one
//! accepts once it has all that the host has; by force the new one just takes it, with the right of a member on an agent
//! of their own or of an admin on any. There is no request for either: the devices' records are written directly. The new
//! host is told how the agent is run, again and again until that is on its disk.

use starling_crdt::id::{AgentId, DeviceKey, Handle, RecordId};
use starling_crdt::payload::Payload;
use starling_node::machine::request::Request;
use starling_node::machine::rows::{self, IndexRow};
use starling_node::store::Space;

use super::{Desk, agent_name, from, usable};
use crate::node::SimNode;
use crate::people::profile;
use crate::world::World;

/// A handover that waits to be accepted.
#[derive(Debug)]
pub(super) struct Move {
    agent: AgentId,
    handle: Handle,
    by: usize,
    to: usize,
    handover: RecordId,
}

/// A computer to which an agent went.
#[derive(Debug)]
pub(super) struct Host {
    agent: AgentId,
    handle: Handle,
    node: usize,
}

impl SimNode {
    /// The rows of an agent's sessions, and their keys.
    fn rows_of(&self, agent: AgentId) -> Vec<([u8; 32], IndexRow)> {
        let rows = self.store.as_ref().and_then(|store| store.index().ok()).unwrap_or_default();
        let read = |(key, row): ([u8; 32], Vec<u8>)| Some((key, rows::decode::<IndexRow>(&row)?));
        rows.into_iter().filter_map(read).filter(|(_, row)| row.agent == agent).collect()
    }

    /// Whether an agent has nothing begun here, and nothing of it is on its way to the disk.
    fn is_idle(&self, agent: AgentId, handle: &Handle) -> bool {
        let works = self.turns.values().any(|turn| turn.order.agent == *handle && !turn.ended);
        self.pending.is_empty() && !works && self.rows_of(agent).iter().all(|(_, row)| row.open == 0)
    }

    /// Whether it was offered to another computer than this one, which may have taken it. As the node's own rule.
    fn has_let_go(&self, agent: AgentId, to: &DeviceKey) -> bool {
        let roster = self.roster();
        let standing = roster.as_ref().map(|roster| roster.standing());
        standing.is_some_and(|standing| {
            let mut offers = standing.handovers().filter(|(_, offered)| offered.agent == agent);
            offers.any(|(_, offered)| offered.to != *to && standing.stands(&offered.to))
        })
    }

    fn knows_how_to_run(&self, agent: AgentId) -> bool {
        let rows = self.store.as_ref().and_then(|store| store.local(Space::Setting).ok());
        rows.is_some_and(|rows| rows.iter().any(|(key, _)| key == agent.as_bytes()))
    }
}

impl Desk {
    pub(super) fn move_agent(
        &mut self,
        world: &mut World,
        agent: usize,
        node: usize,
        force: bool,
    ) -> Option<()> {
        let handle: Handle = agent_name(agent).parse().ok()?;
        let all: Vec<usize> = usable(world).collect();
        let mut targets = from(&all, node);
        if force {
            targets.find_map(|to| self.take(world, &handle, to))
        } else {
            targets.find_map(|to| self.hand_over(world, &handle, to))
        }
    }

    /// The new host takes the agent without a word of the old one.
    fn take(&mut self, world: &mut World, handle: &Handle, to: usize) -> Option<()> {
        let sim = world.nodes.get(to)?;
        let roster = sim.roster()?;
        let (agent, found) = roster.standing().agent_called(handle)?;
        let (agent, epoch) = (*agent, found.epoch + 1);
        let payload = Payload::MoveAgent { agent, device: sim.me, epoch, handover: None };
        if found.host == sim.me || !roster.standing().permits(&sim.me, &payload) {
            return None;
        }
        world.write_roster(to, payload)?;
        self.settle_in(world, Host { agent, handle: handle.clone(), node: to });
        Some(())
    }

    /// The old host lets the agent go, if it is idle and hears the request.
    fn hand_over(&mut self, world: &mut World, handle: &Handle, to: usize) -> Option<()> {
        let target = world.key_of(to)?;
        let roster = world.nodes.get(to)?.roster()?;
        let (agent, found) = roster.standing().agent_called(handle)?;
        let agent = *agent;
        let by = world.node_of(&found.host).filter(|by| *by != to && world.net.is_open(*by, to))?;
        let host = world.nodes.get(by).filter(|sim| sim.is_usable() && sim.is_idle(agent, handle))?;
        if host.has_let_go(agent, &target) {
            return None;
        }
        let tips = tips_of(&host.rows_of(agent));
        let payload = Payload::Handover { agent, to: target, tips };
        host.roster()?.standing().permits(&host.me, &payload).then_some(())?;
        let handover = world.write_roster(by, payload)?;
        self.moves.retain(|other| other.agent != agent);
        self.moves.push(Move { agent, handle: handle.clone(), by, to, handover });
        self.targets.insert(to);
        Some(())
    }

    /// Accepts what can be accepted, and tells new hosts what they have to know.
    pub(crate) fn go_on_moving(&mut self, world: &mut World) {
        let waiting = std::mem::take(&mut self.moves);
        for one in waiting {
            match accept(world, &one) {
                Some(true) => {
                    self.settle_in(world, Host { agent: one.agent, handle: one.handle, node: one.to })
                }
                Some(false) => self.moves.push(one),
                None => {}
            }
        }
        for host in std::mem::take(&mut self.hosts) {
            self.settle_in(world, host);
        }
    }

    fn settle_in(&mut self, world: &mut World, host: Host) {
        self.targets.insert(host.node);
        let Some(sim) = world.nodes.get(host.node) else { return };
        if sim.knows_how_to_run(host.agent) {
            return;
        }
        if sim.is_usable() {
            let handle = host.handle.clone();
            let is_host = sim.roster().is_some_and(|roster| {
                roster.standing().agent(&host.agent).is_some_and(|found| found.host == sim.me)
            });
            if is_host {
                world.request(host.node, Request::AddAgent { handle, profile: profile(), force: false });
            }
        }
        self.hosts.push(host);
    }
}

/// The new host's word, if the time has come for it: `Some(false)` if not yet, `None` if it never will.
fn accept(world: &mut World, one: &Move) -> Option<bool> {
    let (Some(host), Some(sim)) = (world.nodes.get(one.by), world.nodes.get(one.to)) else {
        return None;
    };
    if sim.revoked || host.revoked {
        return None;
    }
    if !sim.is_usable() || !host.is_usable() || !host.is_idle(one.agent, &one.handle) {
        return Some(false);
    }
    let roster = sim.roster()?;
    if !roster.contains(&one.handover) {
        return Some(false);
    }
    roster.standing().handover(&one.handover)?;
    let ours = sim.rows_of(one.agent);
    let holds = |(key, row): &([u8; 32], IndexRow)| {
        ours.iter().any(|(other, mine)| other == key && mine.digest == row.digest)
    };
    if !host.rows_of(one.agent).iter().all(holds) {
        return Some(false);
    }
    let epoch = roster.standing().agent(&one.agent)?.epoch + 1;
    let (device, handover) = (sim.me, Some(one.handover));
    let payload = Payload::MoveAgent { agent: one.agent, device, epoch, handover };
    world.write_roster(one.to, payload).map(|_| true)
}

/// Digest of an agent's sessions as its host has them.
fn tips_of(rows: &[([u8; 32], IndexRow)]) -> RecordId {
    let mut hasher = blake3::Hasher::new_derive_key("starling/handover-tips/1");
    for (key, row) in rows {
        hasher.update(key).update(&row.digest);
    }
    RecordId::from_bytes(*hasher.finalize().as_bytes())
}
