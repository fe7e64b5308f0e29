//! INV-6: a sealed line never changes its number, author or body. What each node shows as sealed is remembered over the
//! whole run, across its crashes, and so is what any node showed. Who shows something else later has to say why: a fork,
//! or lines that count no more. Between two nodes no warning is asked for once the roster was disputed or a chain forked:
//! then each is right by what it has heard.

use std::collections::BTreeMap;

use starling_crdt::id::{RecordId, StreamKey};
use starling_crdt::view::{Author, Line, View};
use starling_node::machine::input::{Effect, TurnOrder};

use super::shown;
use crate::checker::{Checker, Found};
use crate::world::World;

/// Sealed lines in order, and whether they were shown with a warning.
#[derive(Debug, Clone, Default)]
struct Memory {
    lines: Vec<RecordId>,
    warned: bool,
}

/// Remembers every sealed line that was shown.
#[derive(Debug, Default)]
pub struct Sealed {
    /// By session and node.
    seen: BTreeMap<(StreamKey, usize), Memory>,
    /// By session: the most that anybody showed, and who.
    longest: BTreeMap<StreamKey, (usize, Vec<RecordId>)>,
}

impl Sealed {
    fn look(&mut self, world: &World, node: usize, view: &View) -> Found {
        let sealed: Vec<&Line> = view.lines.iter().take_while(|line| line.sealed).collect();
        let now: Vec<RecordId> = sealed.iter().map(|line| line.message_id).collect();
        let warned = view.fork.is_some() || view.aside > 0;
        let memory = Memory { lines: now.clone(), warned };
        let before = self.seen.insert((view.key, node), memory).unwrap_or_default();
        let excused = warned || before.warned || world.lied(node);
        let moved = (!excused).then(|| moved(&before.lines, &now)).flatten();
        let id = view.id;
        let moved =
            moved.map(|line| format!("line {line} of {id} was sealed, and is another one now, or gone"));
        wrong(world, view).or(moved).or_else(|| self.compare(world, node, view, &now))
    }

    fn compare(&mut self, world: &World, node: usize, view: &View, now: &[RecordId]) -> Found {
        if world.ledger.is_disputed() || world.ledger.is_forked(&view.key) || world.lied(node) {
            return None;
        }
        let (other, longest) = self.longest.entry(view.key).or_insert((node, now.to_vec()));
        let shared = longest.len().min(now.len());
        let differs = moved(longest.get(..shared).unwrap_or_default(), now.get(..shared).unwrap_or_default());
        let found =
            differs.map(|line| format!("line {line} of {} is sealed, and another one on #{other}", view.id));
        if now.len() > longest.len() {
            (*other, *longest) = (node, now.to_vec());
        }
        found
    }

    /// What an agent is given is sealed.
    fn given(&self, world: &World, node: usize, order: &TurnOrder) -> Found {
        let key = world.ledger.claim(&order.attempt)?.stream;
        let memory = self.seen.get(&(key, node)).filter(|memory| !memory.warned)?;
        if world.ledger.is_disputed() || world.ledger.is_forked(&key) || world.lied(node) {
            return None;
        }
        order.context.transcript.iter().find_map(|(number, _, text)| {
            let at = usize::try_from(*number).ok()?.checked_sub(1)?;
            let record = world.ledger.record(memory.lines.get(at)?)?;
            let body = crate::ledger::body(&record.payload)?;
            let session = order.session;
            (body.as_str() != text).then(|| {
                format!("line {number} of {session} was sealed, and the agent is given another text")
            })
        })
    }
}

/// The number of the first line that was there and is not.
fn moved(before: &[RecordId], now: &[RecordId]) -> Option<usize> {
    before.iter().enumerate().position(|(at, id)| now.get(at) != Some(id)).map(|at| at + 1)
}

/// What is wrong with the lines of a view by themselves: numbers without gaps, sealed ones first, each with the author
/// and the text of its record.
fn wrong(world: &World, view: &View) -> Found {
    let id = view.id;
    if !view.lines.iter().map(|line| line.number).eq(1..=view.lines.len() as u64) {
        return Some(format!("the lines of {id} are not numbered from 1 without gaps"));
    }
    if !view.lines.is_sorted_by_key(|line| !line.sealed) {
        return Some(format!("a line of {id} that is not sealed stands above one that is"));
    }
    let changed = |line: &&Line| {
        let payload = world.ledger.record(&line.message_id).map(|record| &record.payload);
        let body = payload.and_then(crate::ledger::body);
        let by_agent = payload.is_some_and(|payload| payload.turn().is_some());
        body.is_some_and(|body| *body != line.body || by_agent != (line.author == Author::Agent))
    };
    let line = view.lines.iter().find(changed)?;
    Some(format!("line {} of {id} is not what its record says", line.number))
}

impl Checker for Sealed {
    fn invariant(&self) -> &'static str {
        "INV-6"
    }

    fn on_effect(&mut self, world: &World, node: usize, effect: &Effect) -> Found {
        let found = match effect {
            Effect::RunTurn(order) => self.given(world, node, order),
            _ => self.look(world, node, shown(effect)?),
        };
        found.map(|what| format!("#{node}: {what}"))
    }
}
