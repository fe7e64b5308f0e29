//! Turns of simulated agents: started, asked again and stopped by the machine, carried on step by step by the world.

use starling_crdt::id::AttemptId;
use starling_node::machine::context::Usage;
use starling_node::machine::input::{Input, TurnInput, TurnOrder};
use starling_node::machine::request::{Request, TurnCall};

use crate::agents::{Act, CONTEXT_TOKENS, Running};
use crate::network::between;
use crate::world::{Event, World};

impl World {
    pub(crate) fn on_run(&mut self, node: usize, order: TurnOrder) {
        let attempt = order.attempt;
        self.metrics.turn_began(attempt, self.now);
        let Some(sim) = self.nodes.get_mut(node) else {
            return;
        };
        let acts = sim.behaviour.acts(&order, false);
        sim.turns.insert(attempt, Running { order, acts, ended: false });
        let at = self.now + between(&mut self.rng, (1, 30));
        self.at(at, node, Event::Act(attempt));
    }

    pub(crate) fn on_ask_for_title(&mut self, node: usize, attempt: AttemptId) {
        let Some(sim) = self.nodes.get_mut(node) else {
            return;
        };
        let behaviour = sim.behaviour;
        if let Some(turn) = sim.turns.get_mut(&attempt) {
            turn.acts = behaviour.acts(&turn.order, true);
            turn.ended = false;
        }
        let at = self.now + between(&mut self.rng, (1, 30));
        self.at(at, node, Event::Act(attempt));
    }

    /// Agents that do nothing die: their turns have to end some day.
    pub(crate) fn end_hung_turns(&mut self) {
        let (now, mut hung) = (self.now, Vec::new());
        for (node, sim) in self.nodes.iter_mut().enumerate() {
            for (attempt, turn) in &mut sim.turns {
                if turn.acts.is_empty() && !turn.ended {
                    turn.acts.push_back(Act::Die);
                    hung.push((node, *attempt));
                }
            }
        }
        for (node, attempt) in hung {
            self.at(now, node, Event::Act(attempt));
        }
    }

    /// The next step of a turn.
    pub(crate) fn act(&mut self, node: usize, attempt: AttemptId) {
        let turn =
            self.nodes.get_mut(node).and_then(|sim| sim.turns.get_mut(&attempt)).filter(|turn| !turn.ended);
        let Some(turn) = turn else { return };
        let secret = turn.order.secret.clone();
        let call = match turn.acts.pop_front() {
            None => return,
            Some(Act::Wait(ms)) => {
                let at = self.now + ms;
                return self.at(at, node, Event::Act(attempt));
            }
            Some(Act::End(text)) => {
                turn.ended = true;
                let event = TurnInput::Finished { text };
                return self.feed(node, Input::Turn { attempt, event });
            }
            Some(Act::Die) => {
                turn.ended = true;
                let reason = "the agent's process died".to_owned();
                let event = TurnInput::Failed { reason };
                return self.feed(node, Input::Turn { attempt, event });
            }
            Some(Act::Context(token, used)) => {
                let usage = Some(Usage { used, size: CONTEXT_TOKENS });
                let event = TurnInput::Context { token: Some(token), usage };
                self.feed(node, Input::Turn { attempt, event });
                return self.at(self.now, node, Event::Act(attempt));
            }
            Some(Act::Summary(summary)) => {
                starling_crdt::text::Summary::new(summary).map(TurnCall::Summarize)
            }
            Some(Act::Title(title)) => starling_crdt::text::Title::new(title).map(TurnCall::Title),
            Some(Act::Reply(body)) => starling_crdt::text::Body::new(body).map(TurnCall::Reply),
        };
        match call {
            Ok(call) => self.call(node, attempt, secret, call),
            Err(error) => self.breach(format!("a script says what no agent can: {error}")),
        }
    }

    fn call(&mut self, node: usize, attempt: AttemptId, secret: String, call: TurnCall) {
        let request = Request::Turn { attempt, secret, call };
        let ticket = self.draw_ticket();
        self.calls.insert(ticket, (node, attempt));
        self.feed(node, Input::Request { ticket, request });
    }
}
