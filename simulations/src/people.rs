//! What people, and tests, do to a world: invite a device, ask a node and wait for the answer, write, look, and compare
//! what nodes have.

use starling_crdt::id::{Handle, RecordId, SessionId};
use starling_crdt::text::{Body, RequestId};
use starling_crdt::view::View;
use starling_node::machine::input::{AgentKind, AgentProfile, Input, Ticket};
use starling_node::machine::joining::Joining;
use starling_node::machine::policy::AgentPolicy;
use starling_node::machine::request::{Answer, Change, Code, Rejection, Request};
use starling_node::machine::ticket;

use crate::node::Life;
use crate::world::World;

/// How long an answer may take, ms.
const ANSWER_MS_MAX: u64 = 60_000;

/// The profile of every simulated agent: what it does is the world's business.
#[must_use]
pub const fn profile() -> AgentProfile {
    AgentProfile {
        kind: AgentKind::Demo { script: None },
        cwd: None,
        env: Vec::new(),
        allow: Vec::new(),
        policy: AgentPolicy { turns_per_hour: 0, ..AgentPolicy::DEFAULT },
        mode: None,
    }
}

fn nobody(detail: &str) -> Rejection {
    Rejection::new(Code::ShuttingDown, detail)
}

impl World {
    /// Founds a workspace on a new computer and starts the node there.
    pub fn found(&mut self, handle: &str) -> usize {
        let node = self.add_computer();
        let now = self.nodes.get(node).map_or(self.now, |sim| sim.clock.wall(self.now));
        let parsed: Option<Handle> = handle.parse().ok();
        let founded = parsed.zip(starling_crdt::text::Label::new("laptop").ok());
        let Some(((handle, label), sim)) = founded.zip(self.nodes.get_mut(node)) else {
            self.breach(format!("{handle} cannot found a workspace"));
            return node;
        };
        match starling_node::machine::found(&sim.key, handle, label, None, None, now) {
            Ok(founded) => {
                sim.workspace = Some(founded.workspace);
                let roster: Vec<_> = founded.batch.records.into_iter().map(|row| row.wire).collect();
                self.store_roster(node, &roster, None);
                self.start(node);
            }
            Err(error) => self.breach(error.to_string()),
        }
        node
    }

    /// Asks and waits for the answer.
    ///
    /// # Errors
    /// The node's refusal; `ShuttingDown` where the node is down or never answers.
    pub fn ask(&mut self, node: usize, request: Request) -> Result<Answer, Rejection> {
        let ticket = self.request(node, request);
        self.await_answer(ticket)
    }

    /// Waits for the answer to an earlier request.
    ///
    /// # Errors
    /// As [`World::ask`].
    pub fn await_answer(&mut self, ticket: Ticket) -> Result<Answer, Rejection> {
        self.run_until(ANSWER_MS_MAX, |world| world.answers.contains_key(&ticket));
        self.answers.remove(&ticket).unwrap_or_else(|| Err(nobody("no answer")))
    }

    /// Hosts an agent on a node.
    ///
    /// # Errors
    /// The node's refusal.
    pub fn host(&mut self, node: usize, handle: &str) -> Result<(), Rejection> {
        let handle = parse(handle)?;
        let profile = profile();
        self.ask(node, Request::AddAgent { handle, profile, force: false }).map(drop)
    }

    /// Invites a new computer and waits until it has joined. `handle` is who it is for; `None` for another device of the
    /// inviter's.
    ///
    /// # Errors
    /// The inviter's refusal.
    pub fn invite(&mut self, inviter: usize, handle: Option<&str>) -> Result<usize, Rejection> {
        let ticket = self.ticket(inviter, handle)?;
        let node = self.add_computer();
        self.join(node, &ticket)?;
        Ok(node)
    }

    /// Makes an invitation, good for an hour.
    ///
    /// # Errors
    /// The inviter's refusal.
    pub fn ticket(&mut self, inviter: usize, handle: Option<&str>) -> Result<String, Rejection> {
        let handle = handle.map(parse).transpose()?;
        let expires_in_ms = 3_600_000;
        match self.ask(inviter, Request::Invite { handle, expires_in_ms })? {
            Answer::Invited { ticket, .. } => Ok(ticket),
            _ => Err(nobody("no invitation")),
        }
    }

    /// Redeems a ticket on a computer and waits until it has joined.
    ///
    /// # Errors
    /// It was not let in in time.
    pub fn join(&mut self, node: usize, ticket: &str) -> Result<(), Rejection> {
        let ticket: ticket::Ticket = ticket.parse().map_err(|_| nobody("no ticket"))?;
        let seed = self.draw(0, u64::MAX - 1);
        self.start_joining(node, ticket, seed);
        let life = |world: &Self| world.nodes.get(node).map(|sim| std::mem::discriminant(&sim.life));
        let joining = life(self);
        self.run_until(ANSWER_MS_MAX, |world| life(world) != joining);
        match self.nodes.get(node).map(|sim| &sim.life) {
            Some(Life::Up(_)) => Ok(()),
            Some(Life::Down) => Err(nobody("it was refused")),
            Some(Life::Joining(_) | Life::Liar(_) | Life::Ruined) | None => Err(nobody("it was not let in")),
        }
    }

    /// Begins to redeem a ticket on a computer on which nothing runs.
    pub fn start_joining(&mut self, node: usize, ticket: ticket::Ticket, seed: u64) {
        let world = self.now_ms();
        let Some(sim) = self.nodes.get_mut(node) else {
            return;
        };
        sim.clock.restart(world);
        let now = sim.clock.now(world);
        sim.workspace = Some(ticket.workspace);
        sim.invitation = Some(ticket.clone());
        let joining = Joining::new(&sim.key, ticket, "phone".to_owned(), seed, now);
        sim.life = Life::Joining(Box::new(joining));
        self.feed(node, Input::Tick);
    }

    /// Opens a session.
    ///
    /// # Errors
    /// The node's refusal.
    pub fn create(&mut self, node: usize, agent: &str, body: &str) -> Result<SessionId, Rejection> {
        let request = Request::Create {
            session: None,
            agent: parse(agent)?,
            body: text(body)?,
            request_id: None,
            continues: None,
            by_agent: None,
        };
        match self.ask(node, request)? {
            Answer::Created { view, .. } => Ok(view.id),
            _ => Err(nobody("not created")),
        }
    }

    /// Writes a message; the request id is the body's.
    ///
    /// # Errors
    /// The node's refusal.
    pub fn say(&mut self, node: usize, session: SessionId, body: &str) -> Result<RecordId, Rejection> {
        let request = message(session, body, body)?;
        match self.ask(node, request)? {
            Answer::Written { message_id, .. } => Ok(message_id),
            _ => Err(nobody("not written")),
        }
    }

    /// Changes a session.
    ///
    /// # Errors
    /// The node's refusal.
    pub fn change(&mut self, node: usize, session: SessionId, change: Change) -> Result<Answer, Rejection> {
        self.ask(node, Request::Change { session, change })
    }

    /// A session as a node shows it.
    ///
    /// # Errors
    /// The node's refusal.
    pub fn show(&mut self, node: usize, session: SessionId) -> Result<View, Rejection> {
        match self.ask(node, Request::Show { session })? {
            Answer::Session { view, .. } => Ok(View::clone(&view)),
            _ => Err(nobody("not shown")),
        }
    }

    /// Waits until all running nodes hold the same records and show the same export. Says what differs if they do not.
    ///
    /// # Errors
    /// The difference, in words.
    pub fn converge(&mut self, ms_max: u64) -> Result<(), String> {
        let end = self.now_ms() + ms_max;
        loop {
            self.run_for(250);
            match self.difference() {
                None => return Ok(()),
                Some(difference) if self.now_ms() >= end => return Err(difference),
                Some(_) => {}
            }
        }
    }

    /// What differs between the running nodes, or is still under way.
    #[must_use]
    pub fn difference(&self) -> Option<String> {
        let up: Vec<_> =
            self.nodes.iter().enumerate().filter(|(_, sim)| matches!(sim.life, Life::Up(_))).collect();
        if let Some((node, _)) = up.iter().find(|(_, sim)| !sim.pending.is_empty()) {
            return Some(format!("#{node} is still writing"));
        }
        let (first, rest) = up.split_first()?;
        let ours = first.1.records();
        for (node, sim) in rest {
            let theirs = sim.records();
            if theirs != ours {
                let sizes =
                    |all: &std::collections::BTreeMap<_, std::collections::BTreeMap<[u8; 32], Vec<u8>>>| {
                        all.values().map(std::collections::BTreeMap::len).sum::<usize>()
                    };
                return Some(format!(
                    "#{} holds {} records of {} streams, #{node} {} of {}",
                    first.0,
                    sizes(&ours),
                    ours.len(),
                    sizes(&theirs),
                    theirs.len()
                ));
            }
            if sim.tree.files() != first.1.tree.files() {
                return Some(format!(
                    "the exports of #{} and #{node} differ: {}",
                    first.0,
                    differing(first.1.tree.files(), sim.tree.files())
                ));
            }
        }
        None
    }
}

fn differing(
    ours: &std::collections::BTreeMap<String, Vec<u8>>,
    theirs: &std::collections::BTreeMap<String, Vec<u8>>,
) -> String {
    let all: std::collections::BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
    let show = |bytes: Option<&Vec<u8>>| bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    let found = all.into_iter().find(|path| ours.get(*path) != theirs.get(*path));
    found.map_or_else(String::new, |path| {
        format!("{path}: {:?} != {:?}", show(ours.get(path)), show(theirs.get(path)))
    })
}

/// A message as a client sends it.
///
/// # Errors
/// A text that is none.
pub fn message(session: SessionId, body: &str, request_id: &str) -> Result<Request, Rejection> {
    let bad = |_| Rejection::new(Code::InvalidField, "not a request id");
    Ok(Request::Message {
        session,
        body: text(body)?,
        request_id: RequestId::new(request_id.replace(' ', "-")).map_err(bad)?,
        reply_to: None,
    })
}

fn text(body: &str) -> Result<Body, Rejection> {
    Body::new(body).map_err(|error| Rejection::new(Code::InvalidMessage, error.to_string()))
}

fn parse(handle: &str) -> Result<Handle, Rejection> {
    handle.parse().map_err(|_| Rejection::new(Code::InvalidHandle, handle.to_owned()))
}
