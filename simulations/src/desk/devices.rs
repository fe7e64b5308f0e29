//! Computers that come and go while the world runs: a person invites one more of their own, and the founder revokes one
//! that was lost. Never revoked are the founder's first computer, whatever hosts an agent or was to host one, and a
//! person's last one: those end a scenario instead of testing it.

use starling_crdt::roster::Roster;
use starling_node::machine::input::{Input, NetInput};
use starling_node::machine::request::Request;
use starling_node::machine::ticket;

use super::{Desk, from, usable};
use crate::node::{Life, SimNode};
use crate::scenario::Nodes;
use crate::world::{World, address};

/// How long an invitation is good, ms.
const EXPIRES_MS: u64 = 3_600_000;
/// Neighbours that a new computer is told of, beside its inviter.
const NEIGHBOURS: usize = 4;

impl World {
    /// Computers that were let in by one that was revoked at the same time: the word that let them in is void, and they
    /// need not become equal. That word may be known to them alone, as nobody speaks with who wrote it: so all that is
    /// known there and at the founder's is taken together. Returns whether there were any.
    pub(crate) fn excuse_void(&mut self) -> bool {
        let is_in = |sim: &SimNode| sim.late && !sim.revoked && matches!(sim.life, Life::Up(_));
        let mut void = Vec::new();
        for sim in self.nodes.iter().filter(|sim| is_in(sim)) {
            let Some(mut roster) = self.nodes.first().and_then(SimNode::roster) else { return false };
            let theirs = sim.roster();
            for record in theirs.iter().flat_map(Roster::records) {
                roster.offer(record.clone());
            }
            if !roster.standing().stands(&sim.me) {
                void.push(sim.me);
            }
        }
        for sim in self.nodes.iter_mut() {
            sim.revoked |= void.contains(&sim.me);
        }
        !void.is_empty()
    }
}

impl Desk {
    pub(super) fn invite(&mut self, world: &mut World, nodes: &Nodes, node: usize) -> Option<()> {
        let inviter = from(&usable(world).collect::<Vec<_>>(), node).next()?;
        let person = self.owner(nodes, inviter)?;
        let ticket = world.request(inviter, Request::Invite { handle: None, expires_in_ms: EXPIRES_MS });
        self.inviting.insert(ticket, person);
        Some(())
    }

    /// A new computer redeems a ticket; it takes part once it was let in.
    pub(super) fn redeem(&mut self, world: &mut World, ticket: &str, person: usize) {
        let Ok(ticket) = ticket.parse::<ticket::Ticket>() else {
            return world.breach("an invitation's ticket cannot be read".to_owned());
        };
        let node = world.add_computer();
        let seed = world.draw(0, u64::MAX - 1);
        world.start_joining(node, ticket, seed);
        if let Some(sim) = world.nodes.get_mut(node) {
            sim.late = true;
        }
        self.joined.insert(node, person);
        self.strangers.insert(node);
    }

    /// New computers that were let in learn where some others are: else they would hang on their inviter alone.
    pub(super) fn introduce(&mut self, world: &mut World) {
        let is_in = |node: &usize| world.nodes.get(*node).is_some_and(|sim| matches!(sim.life, Life::Up(_)));
        let arrived: Vec<usize> = self.strangers.iter().copied().filter(is_in).collect();
        for node in arrived {
            self.strangers.remove(&node);
            let others: Vec<usize> = usable(world).filter(|other| *other != node).collect();
            let start = usize::try_from(world.draw(0, 1 << 16)).unwrap_or_default();
            for other in from(&others, start).take(NEIGHBOURS) {
                if let Some(peer) = world.key_of(other) {
                    let found = NetInput::Discovered { peer, addresses: vec![address(other)] };
                    world.feed(node, Input::Net(found));
                }
            }
        }
    }

    pub(super) fn revoke(
        &self,
        world: &mut World,
        nodes: &Nodes,
        by: usize,
        node: usize,
        keep: bool,
    ) -> Option<()> {
        world.nodes.get(by).filter(|sim| sim.is_usable())?;
        let roster = world.nodes.get(by)?.roster()?;
        let may_go = |node: &usize| {
            let hosts = nodes.hosts().contains(node) || self.targets.contains(node);
            let sim = world.nodes.get(*node).filter(|sim| !sim.revoked);
            let is_last = self
                .owner(nodes, *node)
                .is_none_or(|person| self.devices(world, nodes, person).iter().all(|other| other == node));
            !hosts && *node != by && !is_last && sim.is_some_and(|sim| roster.standing().stands(&sim.me))
        };
        let others: Vec<usize> = (1..world.nodes.len()).collect();
        let node = from(&others, node).find(may_go)?;
        let sim = world.nodes.get_mut(node)?;
        sim.revoked = true;
        let device = sim.me;
        world.request(by, Request::Revoke { device, keep });
        Some(())
    }
}
