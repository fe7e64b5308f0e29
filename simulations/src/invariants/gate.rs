//! INV-1, the title gate: no visible agent message without a valid title in its causal past. The past is walked here, by
//! the deps of what is durable; that a title is valid is INV-4 and INV-5.

use starling_crdt::payload::Payload;
use starling_crdt::view::{Author, View};
use starling_node::machine::export_plan::ExportPlan;
use starling_node::machine::input::Effect;
use starling_node::store::Batch;

use super::shown;
use crate::checker::{Checker, Found};
use crate::ledger::{Ledger, Page};
use crate::world::World;

/// Walks the past of every record that becomes durable anywhere, and looks at what is answered and exported.
#[derive(Debug, Default)]
pub struct Gate {
    /// Whether a title is in the past, for the pages of the ledger that were seen.
    titled: Vec<bool>,
}

impl Gate {
    /// Goes through the pages that are new. A past never changes, so each is walked once.
    fn catch_up(&mut self, ledger: &Ledger) -> Found {
        let mut found = None;
        for page in ledger.pages().get(self.titled.len()..).unwrap_or_default() {
            let titled = self.is_titled(ledger, page);
            self.titled.push(titled);
            let payload = page.record.as_ref().map(|record| &record.payload);
            if !titled && matches!(payload, Some(Payload::Reply { .. } | Payload::Summary { .. })) {
                found = Some(format!("the agent's record {} has no title in its past", page.id));
            }
        }
        found
    }

    fn is_titled(&self, ledger: &Ledger, page: &Page) -> bool {
        let Some(record) = &page.record else { return false };
        let mut deps = record.deps.iter().filter_map(|dep| ledger.place(dep));
        matches!(record.payload, Payload::Title { .. })
            || deps.any(|dep| self.titled.get(dep).copied().unwrap_or_default())
    }

    fn untitled_line(&self, ledger: &Ledger, view: &View) -> Found {
        let agents = || view.lines.iter().filter(|line| line.author == Author::Agent);
        if view.title.is_none() && agents().next().is_some() {
            return Some(format!("{} is shown with a line of its agent, and without a title", view.id));
        }
        let titled =
            |id| ledger.place(id).and_then(|place| self.titled.get(place)).copied().unwrap_or_default();
        let untitled = agents().find(|line| !titled(&line.message_id))?;
        Some(format!("{} is shown with line {}, which has no title in its past", view.id, untitled.number))
    }
}

/// A session in the export that has a line of its agent and no title.
fn untitled_file(plan: &ExportPlan) -> Found {
    let text = |path: &str| plan.writes.get(path).and_then(|bytes| std::str::from_utf8(bytes).ok());
    plan.writes.keys().find_map(|path| {
        let folder = path.strip_suffix("/session.meta.yaml")?;
        let (meta, thread) = (text(path)?, text(&format!("{folder}/discussion.thread"))?);
        let agent = meta.lines().find_map(|line| line.strip_prefix("agent_id: "))?.trim_matches(['"', '\'']);
        let is_titled = meta.lines().any(|line| line.starts_with("title: "));
        let by_agent = |line: &str| {
            line.starts_with("[L")
                && line.split("][@").nth(1).is_some_and(|rest| rest.starts_with(&format!("{agent}][")))
        };
        let breach = !is_titled && thread.lines().any(by_agent);
        breach.then(|| format!("{folder} is exported with a line of its agent, and without a title"))
    })
}

impl Checker for Gate {
    fn invariant(&self) -> &'static str {
        "INV-1"
    }

    fn on_effect(&mut self, world: &World, node: usize, effect: &Effect) -> Found {
        let found = match effect {
            Effect::Export(plan) => untitled_file(plan),
            _ => self.untitled_line(&world.ledger, shown(effect)?),
        };
        found.map(|what| format!("#{node}: {what}"))
    }

    fn on_durable(&mut self, world: &World, node: usize, _batches: &[Batch]) -> Found {
        self.catch_up(&world.ledger).map(|what| format!("#{node}: {what}"))
    }

    fn on_start(&mut self, world: &World, node: usize) -> Found {
        self.catch_up(&world.ledger).map(|what| format!("#{node}: {what}"))
    }

    fn at_end(&mut self, world: &World) -> Found {
        let trees = world.nodes.iter().enumerate().filter(|(_, sim)| sim.is_up());
        trees.into_iter().find_map(|(node, sim)| {
            let plan = ExportPlan { writes: sim.tree.files().clone(), ..ExportPlan::default() };
            untitled_file(&plan).map(|what| format!("#{node}: {what}"))
        })
    }
}
