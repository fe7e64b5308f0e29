//! People at their computers: they do what the plan says, through the same requests as a client of a node, and do not wait
//! for answers. What they were answered is kept: which sessions there are, and what they were told is stored.

use std::collections::BTreeMap;

use starling_crdt::id::{Handle, SessionId};
use starling_crdt::text::{Body, RequestId, Title};
use starling_node::machine::input::Ticket;
use starling_node::machine::request::{Answer, Change, Request};

use crate::plan::Deed;
use crate::scenario::Nodes;
use crate::world::World;

/// A session that somebody was told is open.
#[derive(Debug, Clone)]
pub struct Opened {
    /// Its id.
    pub id: SessionId,
    /// Whose it is.
    pub person: usize,
    /// What was said in it last.
    last: Option<(Body, RequestId)>,
}

/// What everybody does and was told.
#[derive(Debug, Default)]
pub struct Desk {
    /// Sessions that were opened, in the order of the answers.
    pub sessions: Vec<Opened>,
    /// Requests that were refused, by code.
    pub refused: BTreeMap<&'static str, u64>,
    creating: BTreeMap<Ticket, usize>,
    said: u64,
}

/// The name of an agent in a simulated world.
#[must_use]
pub fn agent_name(agent: usize) -> String {
    format!("agent-{agent}")
}

impl Desk {
    /// Takes the answers that came.
    pub fn collect(&mut self, world: &mut World) {
        for (ticket, answer) in std::mem::take(&mut world.answers) {
            let person = self.creating.remove(&ticket);
            match answer {
                Ok(Answer::Created { view, .. }) => {
                    let person = person.unwrap_or_default();
                    self.sessions.push(Opened { id: view.id, person, last: None });
                }
                Ok(_) => {}
                Err(refusal) => *self.refused.entry(refusal.code.parts().1).or_default() += 1,
            }
        }
    }

    /// Somebody does something. Returns whether it could be tried.
    pub fn act(&mut self, world: &mut World, nodes: &Nodes, deed: &Deed) -> bool {
        self.collect(world);
        self.try_to(world, nodes, deed).is_some()
    }

    fn session(&self, session: usize) -> Option<usize> {
        (!self.sessions.is_empty()).then(|| session % self.sessions.len())
    }

    /// One of the devices of a session's creator.
    fn device(&self, nodes: &Nodes, at: usize, device: usize) -> Option<usize> {
        let person = self.sessions.get(at)?.person;
        let devices: Vec<usize> = nodes.honest().filter(|node| nodes.person(*node) == person).collect();
        devices.get(device % devices.len().max(1)).copied()
    }

    fn text(&mut self) -> Option<(Body, RequestId)> {
        self.said += 1;
        let n = self.said;
        Some((Body::new(format!("message {n}.")).ok()?, RequestId::new(format!("request-{n}")).ok()?))
    }

    fn try_to(&mut self, world: &mut World, nodes: &Nodes, deed: &Deed) -> Option<()> {
        match *deed {
            Deed::Create { node, agent } => {
                let agent: Handle = agent_name(agent).parse().ok()?;
                let (body, request_id) = self.text()?;
                let ticket = world.request(
                    node,
                    Request::Create {
                        session: None,
                        agent,
                        body,
                        request_id: Some(request_id),
                        continues: None,
                    },
                );
                self.creating.insert(ticket, nodes.person(node));
            }
            Deed::Say { session, device } => {
                let at = self.session(session)?;
                let node = self.device(nodes, at, device)?;
                let said = self.text()?;
                let opened = self.sessions.get_mut(at)?;
                opened.last = Some(said.clone());
                let (id, (body, request_id)) = (opened.id, said);
                world.request(node, Request::Message { session: id, body, request_id, reply_to: None });
            }
            Deed::Repeat { session, device } => {
                let at = self.session(session)?;
                let node = self.device(nodes, at, device)?;
                let opened = self.sessions.get(at)?;
                let (id, (body, request_id)) = (opened.id, opened.last.clone()?);
                world.request(node, Request::Message { session: id, body, request_id, reply_to: None });
            }
            Deed::Title { session, device } => {
                self.said += 1;
                let title = Title::new(format!("title {}", self.said)).ok()?;
                self.change(world, nodes, (session, device), Change::Title(title))?;
            }
            Deed::Archive { session, device, back } => {
                let change = if back { Change::Unarchive } else { Change::Archive };
                self.change(world, nodes, (session, device), change)?;
            }
            Deed::Stop { session, device } => self.change(world, nodes, (session, device), Change::Stop)?,
            Deed::Retry { session, device } => self.change(world, nodes, (session, device), Change::Retry)?,
            Deed::Look { session, node } => {
                let id = self.sessions.get(self.session(session)?)?.id;
                world.request(node, Request::Show { session: id });
            }
            Deed::MoveAgent { .. } | Deed::Invite { .. } | Deed::Revoke { .. } => return None,
        }
        Some(())
    }

    fn change(
        &self,
        world: &mut World,
        nodes: &Nodes,
        (session, device): (usize, usize),
        change: Change,
    ) -> Option<()> {
        let at = self.session(session)?;
        let node = self.device(nodes, at, device)?;
        let id = self.sessions.get(at)?.id;
        world.request(node, Request::Change { session: id, change });
        Some(())
    }
}
