//! People at their computers: they do what the plan says, through the same requests as a client of a node, and do not wait
//! for answers. A person writes on a device that is up and on which they see the session, as people do: where the one
//! that the plan names does not fit, the next one is taken. What they were answered is kept: which sessions there are.
//!
//! In `devices` computers are invited and revoked, in `moving` agents go from one computer to another.

mod devices;
mod moving;

use std::collections::{BTreeMap, BTreeSet};

use starling_crdt::id::{Handle, SessionId, StreamKey};
use starling_crdt::text::{Body, RequestId, Title};
use starling_crdt::view::Status;
use starling_node::machine::input::Ticket;
use starling_node::machine::request::{Answer, Change, Request};
use starling_node::machine::rows::{self, IndexRow};

use crate::node::{Life, SimNode};
use crate::plan::Deed;
use crate::scenario::Nodes;
use crate::world::World;

/// A session that somebody was told is open.
#[derive(Debug, Clone)]
pub struct Opened {
    /// Its id.
    pub id: SessionId,
    /// Its key.
    pub key: StreamKey,
    /// Whose it is.
    pub person: usize,
    /// What was said in it last, and where.
    last: Said,
}

#[derive(Debug, Clone)]
struct Said {
    body: Body,
    request_id: RequestId,
    node: usize,
}

/// What everybody does and was told.
#[derive(Debug, Default)]
pub struct Desk {
    /// Sessions that were opened, in the order of the answers.
    pub sessions: Vec<Opened>,
    /// Requests that were refused, by code.
    pub refused: BTreeMap<&'static str, u64>,
    creating: BTreeMap<Ticket, (usize, Said)>,
    said: u64,
    /// Invitations that were asked for, and for whom.
    inviting: BTreeMap<Ticket, usize>,
    /// Computers that came later, and whose they are.
    joined: BTreeMap<usize, usize>,
    /// Those of them that nobody but their inviter knows yet.
    strangers: BTreeSet<usize>,
    /// Handovers that wait to be accepted.
    moves: Vec<moving::Move>,
    /// Computers to which an agent went, and which have yet to be told how it is run.
    hosts: Vec<moving::Host>,
    /// Computers to which an agent ever was to go.
    targets: BTreeSet<usize>,
}

/// The name of an agent in a simulated world.
#[must_use]
pub fn agent_name(agent: usize) -> String {
    format!("agent-{agent}")
}

impl SimNode {
    /// Whether somebody can sit down at it and work: the node runs, is honest and was not revoked.
    #[must_use]
    pub const fn is_usable(&self) -> bool {
        matches!(self.life, Life::Up(_)) && self.is_awake() && self.is_honest()
    }

    /// The stored row of a session.
    #[must_use]
    pub fn row(&self, key: &StreamKey) -> Option<IndexRow> {
        let rows = self.store.as_ref()?.index().ok()?;
        let (_, row) = rows.into_iter().find(|(at, _)| at == key.as_bytes())?;
        rows::decode(&row)
    }
}

impl Desk {
    /// Takes the answers that came, and does what had to wait for them.
    pub fn collect(&mut self, world: &mut World) {
        for (ticket, answer) in std::mem::take(&mut world.answers) {
            let created = self.creating.remove(&ticket);
            let inviter = self.inviting.remove(&ticket);
            match (answer, created, inviter) {
                (Ok(Answer::Created { view, .. }), Some((person, last)), _) => {
                    self.sessions.push(Opened { id: view.id, key: view.key, person, last });
                }
                (Ok(Answer::Invited { ticket, .. }), _, Some(person)) => {
                    self.redeem(world, &ticket, person);
                }
                (Ok(_), ..) => {}
                (Err(refusal), ..) => *self.refused.entry(refusal.code.parts().1).or_default() += 1,
            }
        }
        self.introduce(world);
        self.go_on_moving(world);
    }

    /// Somebody does something. Returns whether it could be tried.
    pub fn act(&mut self, world: &mut World, nodes: &Nodes, deed: &Deed) -> bool {
        self.collect(world);
        self.try_to(world, nodes, deed).is_some()
    }

    /// Whose computer this is.
    #[must_use]
    pub fn owner(&self, nodes: &Nodes, node: usize) -> Option<usize> {
        if node < nodes.count { Some(nodes.person(node)) } else { self.joined.get(&node).copied() }
    }

    /// The computers of a person at which they can work now.
    #[must_use]
    pub fn devices(&self, world: &World, nodes: &Nodes, person: usize) -> Vec<usize> {
        usable(world).filter(|node| self.owner(nodes, *node) == Some(person)).collect()
    }

    /// A session and a device of its creator that shows it in a state that fits, looked for from those that the plan
    /// names onwards.
    fn find(
        &self,
        world: &World,
        nodes: &Nodes,
        (session, device): (usize, usize),
        fits: impl Fn(Status) -> bool,
    ) -> Option<(usize, usize)> {
        let count = self.sessions.len();
        for at in (0..count).map(|step| (session + step) % count) {
            let opened = self.sessions.get(at)?;
            let devices = self.devices(world, nodes, opened.person);
            let shows = |node: &usize| {
                let row = world.nodes.get(*node).and_then(|sim| sim.row(&opened.key));
                row.is_some_and(|row| row.is_shown() && fits(row.status()))
            };
            if let Some(node) = from(&devices, device).find(shows) {
                return Some((at, node));
            }
        }
        None
    }

    fn say_something(&mut self, node: usize) -> Option<Said> {
        self.said += 1;
        let n = self.said;
        let body = Body::new(format!("message {n}.")).ok()?;
        Some(Said { body, request_id: RequestId::new(format!("request-{n}")).ok()?, node })
    }

    fn try_to(&mut self, world: &mut World, nodes: &Nodes, deed: &Deed) -> Option<()> {
        let is_open = |status| status != Status::Archived;
        match *deed {
            Deed::Create { node, agent } => self.create(world, nodes, node, agent),
            Deed::Say { session, device } => {
                let (at, node) = self.find(world, nodes, (session, device), is_open)?;
                self.say(world, at, node).map(drop)
            }
            Deed::Repeat { session, device } => self.repeat(world, nodes, (session, device)),
            Deed::Title { session, device } => {
                self.said += 1;
                let title = Title::new(format!("title {}", self.said)).ok()?;
                self.change(world, nodes, (session, device), Change::Title(title), is_open)
            }
            Deed::Archive { session, device, back: false } => {
                self.change(world, nodes, (session, device), Change::Archive, is_open)
            }
            Deed::Archive { session, device, back: true } => {
                self.change(world, nodes, (session, device), Change::Unarchive, |s| s == Status::Archived)
            }
            Deed::Stop { session, device } => {
                self.change(world, nodes, (session, device), Change::Stop, |s| s == Status::Running)
            }
            Deed::Retry { session, device } => {
                self.change(world, nodes, (session, device), Change::Retry, |s| s == Status::Error)
            }
            Deed::Look { session, node } => {
                let count = self.sessions.len().max(1);
                let id = self.sessions.get(session % count)?.id;
                let node = from(&usable(world).collect::<Vec<_>>(), node).next()?;
                world.request(node, Request::Show { session: id });
                Some(())
            }
            Deed::MoveAgent { agent, node, force } => self.move_agent(world, agent, node, force),
            Deed::Invite { node } => self.invite(world, nodes, node),
            Deed::Revoke { by, node, keep } => self.revoke(world, nodes, by, node, keep),
        }
    }

    fn create(&mut self, world: &mut World, nodes: &Nodes, node: usize, agent: usize) -> Option<()> {
        let agent: Handle = agent_name(agent).parse().ok()?;
        let first = from(&usable(world).collect::<Vec<_>>(), node).next()?;
        let owner = self.owner(nodes, first)?;
        let said = self.say_something(first)?;
        let Said { body, request_id, .. } = said.clone();
        let request = Request::Create {
            session: None,
            agent,
            body,
            request_id: Some(request_id),
            continues: None,
            by_agent: None,
        };
        let ticket = world.request(first, request);
        self.creating.insert(ticket, (owner, said));
        Some(())
    }

    /// A new message in a session. Returns the ticket of the answer.
    pub(crate) fn say(&mut self, world: &mut World, at: usize, node: usize) -> Option<Ticket> {
        let said = self.say_something(node)?;
        let opened = self.sessions.get_mut(at)?;
        opened.last = said.clone();
        let Said { body, request_id, .. } = said;
        let session = opened.id;
        Some(world.request(node, Request::Message { session, body, request_id, reply_to: None }))
    }

    /// The last message again: the person heard nothing, and tries on another device.
    fn repeat(&self, world: &mut World, nodes: &Nodes, drawn: (usize, usize)) -> Option<()> {
        let (at, found) = self.find(world, nodes, drawn, |status| status != Status::Archived)?;
        let opened = self.sessions.get(at)?;
        let Said { body, request_id, node: before } = opened.last.clone();
        let others = self.devices(world, nodes, opened.person);
        let key = opened.key;
        let knows = |node: &usize| world.nodes.get(*node).is_some_and(|sim| sim.row(&key).is_some());
        let node = from(&others, drawn.1).find(|node| *node != before && knows(node)).unwrap_or(found);
        let session = opened.id;
        world.request(node, Request::Message { session, body, request_id, reply_to: None });
        Some(())
    }

    fn change(
        &self,
        world: &mut World,
        nodes: &Nodes,
        drawn: (usize, usize),
        change: Change,
        fits: impl Fn(Status) -> bool,
    ) -> Option<()> {
        let (at, node) = self.find(world, nodes, drawn, fits)?;
        let session = self.sessions.get(at)?.id;
        world.request(node, Request::Change { session, change });
        Some(())
    }
}

/// The computers at which somebody can work.
fn usable(world: &World) -> impl Iterator<Item = usize> + '_ {
    world.nodes.iter().enumerate().filter(|(_, sim)| sim.is_usable()).map(|(node, _)| node)
}

/// All of these once, beginning somewhere.
fn from(all: &[usize], start: usize) -> impl Iterator<Item = usize> + '_ {
    let (tail, head) = all.split_at(start.checked_rem(all.len()).unwrap_or_default());
    head.iter().chain(tail).copied()
}
