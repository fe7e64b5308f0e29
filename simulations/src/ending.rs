//! When faults are over every session is asked once more, and has to be answered: the agent is alive, whatever happened
//! before. Archived ones are taken back first. Left out are those that cannot be answered with good reason: the agent's
//! host was revoked or breaks the rules, or nobody honest is left who could ask.

use starling_crdt::id::RecordId;
use starling_crdt::view::{Author, Status, View, fold_held};
use starling_node::machine::input::Ticket;
use starling_node::machine::request::{Answer, Change, Request};

use crate::desk::{Desk, Opened};
use crate::scenario::Nodes;
use crate::world::World;

/// How often it is looked for answers, ms of the world's time.
const LOOK_MS: u64 = 250;

/// How far the last question of a session has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It has yet to be asked, or was refused.
    Open,
    /// It was handed to the node.
    Asked(Ticket),
    /// It is stored.
    Stored(RecordId),
    /// It is answered.
    Done,
}

struct Last {
    at: usize,
    node: usize,
    stage: Stage,
    refusal: Option<String>,
}

/// Asks in every session, and waits for the answers. Those that do not come in time are reported.
pub(crate) fn ask_all(world: &mut World, desk: &mut Desk, nodes: &Nodes, bound_ms: u64) {
    let end = world.now_ms() + bound_ms;
    desk.collect(world);
    let mut all = Vec::new();
    for at in 0..desk.sessions.len() {
        all.extend(place_of(world, desk, nodes, at).map(|node| Last {
            at,
            node,
            stage: Stage::Open,
            refusal: None,
        }));
    }
    while all.iter().any(|last| last.stage != Stage::Done) && world.now_ms() < end {
        for last in &mut all {
            last.go_on(world, desk);
        }
        world.run_for(LOOK_MS);
        desk.go_on_moving(world);
    }
    for last in all.iter().filter(|last| last.stage != Stage::Done) {
        let Some(opened) = desk.sessions.get(last.at) else { continue };
        let why = match (&last.stage, &last.refusal) {
            (Stage::Open | Stage::Asked(_), Some(refusal)) => format!("refused: {refusal}"),
            (Stage::Open | Stage::Asked(_), None) => "not stored".to_owned(),
            (Stage::Stored(_) | Stage::Done, _) => "not answered".to_owned(),
        };
        let (id, node) = (opened.id, last.node);
        let message = format!("{id}: what #{node} asked after all faults was {why} in {bound_ms} ms");
        world.report("liveness", message);
    }
}

/// Where a session can be asked; `None` if it has not to be.
fn place_of(world: &World, desk: &Desk, nodes: &Nodes, at: usize) -> Option<usize> {
    let opened = desk.sessions.get(at)?;
    let devices = desk.devices(world, nodes, opened.person);
    let node = devices.into_iter().find(|node| {
        let row = world.nodes.get(*node).and_then(|sim| sim.row(&opened.key));
        row.is_some_and(|row| row.is_shown())
    })?;
    let sim = world.nodes.get(node)?;
    let (row, roster) = (sim.row(&opened.key)?, sim.roster()?);
    let agent = roster.standing().agent(&row.agent).filter(|agent| !agent.retired)?;
    let host = world.node_of(&agent.host).and_then(|host| world.nodes.get(host))?;
    (host.is_usable() && roster.standing().stands(&agent.host)).then_some(node)
}

impl Last {
    fn go_on(&mut self, world: &mut World, desk: &mut Desk) {
        let Some(opened) = desk.sessions.get(self.at).cloned() else { return };
        match self.stage {
            Stage::Open => self.ask(world, desk, &opened),
            Stage::Asked(ticket) => match world.answers.remove(&ticket) {
                Some(Ok(Answer::Written { message_id, .. })) => self.stage = Stage::Stored(message_id),
                Some(Ok(_)) => {}
                Some(Err(refusal)) => {
                    self.refusal = Some(format!("{refusal:?}"));
                    self.stage = Stage::Open;
                }
                None if !world.nodes.get(self.node).is_some_and(|sim| sim.is_usable()) => {
                    self.stage = Stage::Open;
                }
                None => {}
            },
            Stage::Stored(message) => {
                let view = view_of(world, self.node, &opened);
                if view.is_some_and(|view| is_answered(&view, &message)) {
                    self.stage = Stage::Done;
                }
            }
            Stage::Done => {}
        }
    }

    fn ask(&mut self, world: &mut World, desk: &mut Desk, opened: &Opened) {
        let row = world.nodes.get(self.node).and_then(|sim| sim.row(&opened.key));
        if row.is_some_and(|row| row.status() == Status::Archived) {
            let change = Request::Change { session: opened.id, change: Change::Unarchive };
            world.request(self.node, change);
        } else if let Some(ticket) = desk.say(world, self.at, self.node) {
            self.stage = Stage::Asked(ticket);
        }
    }
}

fn view_of(world: &World, node: usize, opened: &Opened) -> Option<View> {
    let sim = world.nodes.get(node)?;
    let roster = sim.roster()?;
    let session = sim.session(opened.key, &roster)?;
    fold_held(&session, roster.standing())
}

/// Whether the agent has taken a message and answered, and nothing more is to come.
fn is_answered(view: &View, message: &RecordId) -> bool {
    let Some(asked) = view.lines.iter().find(|line| line.message_id == *message) else { return false };
    let answers = |line: &&starling_crdt::view::Line| {
        line.author == Author::Agent && line.point_to >= asked.number && !line.lost
    };
    asked.sealed && view.open_attempts.is_empty() && view.lines.iter().any(|line| answers(&line))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Behaviour;
    use crate::plan::Deed;

    /// Two computers of one person, the second with the agent; a session, and an agent that behaves like this in the end.
    fn asked(mood: Behaviour, archived: bool) -> Vec<crate::Breach> {
        let nodes = Nodes { count: 2, people: 1, agents: 1, degree: 0, given: false, liars: 0 };
        let (mut world, mut desk) = (World::new(7), Desk::default());
        world.found("person-0");
        world.invite(0, None).unwrap();
        world.host(1, &crate::desk::agent_name(0)).unwrap();
        world.become_equal(60_000).unwrap();
        assert!(desk.act(&mut world, &nodes, &Deed::Create { node: 0, agent: 0 }));
        world.run_for(10_000);
        desk.collect(&mut world);
        if archived {
            assert!(desk.act(&mut world, &nodes, &Deed::Archive { session: 0, device: 0, back: false }));
            world.run_for(10_000);
        }
        world.nodes[1].behaviour = mood;
        ask_all(&mut world, &mut desk, &nodes, 60_000);
        world.failures
    }

    #[test]
    fn a_session_that_is_not_answered_is_reported() {
        assert_eq!(asked(Behaviour::Good, false), []);
        assert_eq!(asked(Behaviour::Good, true), []);
        for mood in [Behaviour::Hang, Behaviour::Silent] {
            let found = asked(mood, false);
            assert!(found.len() == 1 && found[0].invariant == "liveness", "{found:?}");
            assert!(found[0].message.contains("not answered"), "{found:?}");
        }
    }
}
