//! Looking at sessions as a page of a client does: now and then while a run goes on, and at each session in its end. What
//! nodes show is kept for the checkers.

use std::collections::BTreeSet;

use starling_crdt::id::{SessionId, StreamKey};
use starling_crdt::view::View;
use starling_node::machine::input::Ticket;
use starling_node::machine::request::{Answer, Code, Rejection, Request};

use crate::model::roster::Standing;
use crate::node::{Life, SimNode};
use crate::world::World;

/// How many nodes show each session in the end.
const SHOWN_BY: usize = 2;
/// Nodes that tell of themselves in the end.
const STATUS_MAX: usize = 16;

/// A session as a node showed it in the end.
#[derive(Debug)]
pub struct Shown {
    /// The node.
    pub node: usize,
    /// The session.
    pub key: StreamKey,
    /// What it showed, or why it did not.
    pub view: Result<View, Rejection>,
}

impl Shown {
    /// Whether the node did not answer at all, or with something else than that there is no such session.
    #[must_use]
    pub fn is_silent(&self) -> bool {
        self.view.as_ref().is_err_and(|refusal| refusal.code != Code::QuickSessionNotFound)
    }
}

impl World {
    /// Whether a node runs.
    #[must_use]
    pub fn is_up(&self, node: usize) -> bool {
        self.nodes.get(node).is_some_and(|sim| matches!(sim.life, Life::Up(_)))
    }

    /// Who has to become equal to the others: all that belong to the workspace, keep to the rules and kept their disks, and
    /// nobody whose standing somebody took away, whether that word stands or not.
    #[must_use]
    pub fn honest(&self) -> Vec<usize> {
        let is_in = |sim: &SimNode| sim.workspace.is_some() && sim.invitation.is_none();
        let kept_it = |sim: &SimNode| !matches!(sim.life, Life::Ruined);
        let belongs =
            |sim: &SimNode| sim.is_honest() && is_in(sim) && kept_it(sim) && !self.ledger.is_accused(&sim.me);
        let all = self.nodes.iter().enumerate();
        all.filter(|(_, sim)| belongs(sim)).map(|(node, _)| node).collect()
    }

    /// Who may act, as the roster on a node's disk says, read as simply as can be.
    #[must_use]
    pub fn standing(&self, node: usize) -> Standing {
        let roster = self.nodes.get(node).and_then(|sim| sim.workspace).map(|workspace| workspace.roster());
        roster.map(|key| Standing::read(&self.ledger.records(node, &key))).unwrap_or_default()
    }

    /// Whether a node's disk ever claimed to have stored what it had not.
    #[must_use]
    pub fn lied(&self, node: usize) -> bool {
        self.nodes.get(node).is_some_and(SimNode::lied)
    }

    /// Sessions that are on the disk of one of these nodes, without those that share an id with another one.
    fn sessions(&self, nodes: &[usize]) -> Vec<(StreamKey, SessionId)> {
        let keys: BTreeSet<_> =
            nodes.iter().flat_map(|node| self.ledger.streams(*node)).map(|(key, _)| *key).collect();
        let id = |key: StreamKey| {
            let id = self.ledger.header(&key)?.session;
            (self.ledger.called(&id)?.len() == 1).then_some((key, id))
        };
        keys.into_iter().filter_map(id).collect()
    }

    /// Some node shows some session, and nobody waits for it.
    pub fn peek(&mut self, turn: usize) {
        let up: Vec<usize> = (0..self.nodes.len()).filter(|node| self.is_up(*node)).collect();
        let Some(node) = turn.checked_rem(up.len()).and_then(|at| up.get(at)).copied() else { return };
        let sessions = self.sessions(&[node]);
        let Some((_, session)) = turn.checked_rem(sessions.len()).and_then(|at| sessions.get(at)) else {
            return;
        };
        let ticket = self.draw_ticket();
        self.peeks.insert(ticket);
        let request = Request::Show { session: *session };
        self.ask_with(node, ticket, request);
    }

    /// Every session is shown by a few nodes, in turn, and a few nodes tell of themselves. What was shown is in `shown`.
    pub fn survey(&mut self) {
        let honest: Vec<usize> = self.honest().into_iter().filter(|node| self.is_up(*node)).collect();
        let mut asked: Vec<(usize, StreamKey, Ticket)> = Vec::new();
        for (turn, (key, session)) in self.sessions(&honest).into_iter().enumerate() {
            let by: BTreeSet<usize> = (0..SHOWN_BY).map(|more| (turn + more) % honest.len()).collect();
            for node in by.into_iter().filter_map(|at| honest.get(at)) {
                asked.push((*node, key, self.request(*node, Request::Show { session })));
            }
        }
        let status: Vec<Ticket> =
            honest.iter().take(STATUS_MAX).map(|node| self.request(*node, Request::Status)).collect();
        self.shown.clear();
        for (node, key, ticket) in asked {
            let view = match self.await_answer(ticket) {
                Ok(Answer::Session { view, .. }) => Ok(View::clone(&view)),
                Ok(_) => Err(Rejection::new(Code::ShuttingDown, "another answer")),
                Err(refusal) => Err(refusal),
            };
            self.shown.push(Shown { node, key, view });
        }
        for ticket in status {
            let _told = self.await_answer(ticket);
        }
    }
}
