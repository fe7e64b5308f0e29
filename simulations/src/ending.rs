//! When faults are over every session is asked once more, and has to be answered: the agent is alive, whatever happened
//! before. Archived ones are taken back first. Left out are those that cannot be answered with good reason: the agent's
//! host was revoked or breaks the rules, or nobody honest is left who could ask. A disk that lied may show only now that it
//! is damaged: what was asked of a computer that is lost for good is asked of another one, and so is what was asked of one that
//! turns out to have been let in by nobody.

use starling_crdt::id::RecordId;
use starling_crdt::view::{Author, Status, View, fold_held};
use starling_node::machine::input::Ticket;
use starling_node::machine::request::{Answer, Change, Request};

use crate::desk::{Desk, Opened};
use crate::node::{Life, SimNode};
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
    desk.collect(world);
    world.excuse_void();
    let mut all = Vec::new();
    for at in 0..desk.sessions.len() {
        all.extend(place_of(world, desk, nodes, at).map(|node| Last {
            at,
            node,
            stage: Stage::Open,
            refusal: None,
        }));
    }
    while !await_all(&mut all, world, desk, nodes, bound_ms)
        && (world.give_up_damaged() || world.excuse_void())
    {}
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

/// Waits until all are answered. Returns whether they are.
fn await_all(all: &mut [Last], world: &mut World, desk: &mut Desk, nodes: &Nodes, bound_ms: u64) -> bool {
    let end = world.now_ms() + bound_ms;
    while all.iter().any(|last| last.stage != Stage::Done) {
        if world.now_ms() >= end {
            return false;
        }
        for last in &mut *all {
            last.move_on(world, desk, nodes);
            last.go_on(world, desk);
        }
        world.run_for(LOOK_MS);
        desk.go_on_moving(world);
    }
    true
}

/// Where a session can be asked; `None` if it has not to be.
fn place_of(world: &World, desk: &Desk, nodes: &Nodes, at: usize) -> Option<usize> {
    let opened = desk.sessions.get(at)?;
    let devices = desk.devices(world, nodes, opened.person);
    let node = devices.into_iter().find(|node| {
        let row = world.nodes.get(*node).and_then(|sim| sim.row(&opened.key));
        row.is_some_and(|row| row.is_shown())
    })?;
    let host = host_of(world, opened, node)?;
    host.is_usable().then_some(node)
}

/// Where a session's agent is, if it is anybody's in good standing, as a node says.
fn host_of<'a>(world: &'a World, opened: &Opened, node: usize) -> Option<&'a SimNode> {
    let sim = world.nodes.get(node)?;
    let (row, roster) = (sim.row(&opened.key)?, sim.roster()?);
    let agent = roster.standing().agent(&row.agent).filter(|agent| !agent.retired)?;
    let host = world.node_of(&agent.host).and_then(|host| world.nodes.get(host))?;
    roster.standing().stands(&agent.host).then_some(host)
}

impl Last {
    /// Begins anew on another computer, if the one that was asked is lost for good or turned out to be no member, or leaves it
    /// if there is none, or if the agent's is lost.
    fn move_on(&mut self, world: &World, desk: &Desk, nodes: &Nodes) {
        let is_lost = |sim: &SimNode| matches!(sim.life, Life::Ruined) || sim.revoked;
        let Some(opened) = desk.sessions.get(self.at).filter(|_| world.nodes.iter().any(is_lost)) else {
            return;
        };
        let asked = world.nodes.get(self.node);
        let touched = asked.into_iter().chain(host_of(world, opened, self.node));
        if self.stage == Stage::Done || !touched.into_iter().any(is_lost) {
            return;
        }
        (self.stage, self.refusal) = (Stage::Open, None);
        match place_of(world, desk, nodes, self.at) {
            Some(node) => self.node = node,
            None => self.stage = Stage::Done,
        }
    }

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

    /// Computers of one person, the second with the agent, and a session.
    fn with_session(count: usize) -> (World, Desk, Nodes) {
        let nodes = Nodes { count, people: 1, agents: 1, degree: 0, given: false, liars: 0 };
        let (mut world, mut desk) = (World::new(7), Desk::default());
        world.found("person-0");
        for _ in 1..count {
            world.invite(0, None).unwrap();
        }
        world.host(1, &crate::desk::agent_name(0)).unwrap();
        world.become_equal(60_000).unwrap();
        assert!(desk.act(&mut world, &nodes, &Deed::Create { node: 0, agent: 0 }));
        world.run_for(10_000);
        desk.collect(&mut world);
        (world, desk, nodes)
    }

    /// What is reported of a session with an agent that behaves like this in the end.
    fn asked(mood: Behaviour, archived: bool) -> Vec<crate::Breach> {
        let (mut world, mut desk, nodes) = with_session(2);
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

    #[test]
    fn what_a_computer_was_asked_that_is_lost_is_asked_of_another_one() {
        let (mut world, desk, nodes) = with_session(3);
        let mut last = Last { at: 0, node: 0, stage: Stage::Asked(Ticket::MAX), refusal: None };
        last.move_on(&world, &desk, &nodes);
        assert_eq!((last.node, last.stage), (0, Stage::Asked(Ticket::MAX)), "it may still answer");
        world.ruin(0);
        last.move_on(&world, &desk, &nodes);
        assert_eq!((last.node, last.stage), (1, Stage::Open));
        world.ruin(2);
        last.move_on(&world, &desk, &nodes);
        assert_eq!((last.node, last.stage), (1, Stage::Open), "it has nothing to do with it");
        world.ruin(1);
        last.move_on(&world, &desk, &nodes);
        assert_eq!(last.stage, Stage::Done, "nobody is left who could answer");
    }
}
