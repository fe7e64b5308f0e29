//! INV-10: the view, the index and the export can all be thrown away and rebuilt from the records. In the end a second
//! node is started from the records alone, without a row, a setting or an export; what it makes of them has to be what the
//! first one has. Of nodes with the same records one is rebuilt.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use starling_crdt::id::StreamKey;
use starling_node::machine::info::ExportState;
use starling_node::machine::input::{Effect, Input};
use starling_node::machine::rows::{self, IndexRow, Stored};
use starling_node::machine::{Boot, Node};

use crate::checker::{Checker, Found};
use crate::export::Tree;
use crate::node::SimNode;
use crate::world::World;

/// How long a node may take to make everything anew, ms of its time.
const REBUILD_MS: u64 = 60_000;
/// Inputs that it may take for it.
const INPUTS_MAX: usize = 100_000;

/// Starts nodes from nothing but records.
#[derive(Debug)]
pub struct Rebuilt;

/// What was made from the records.
#[derive(Debug, Default)]
struct Second {
    rows: BTreeMap<StreamKey, Vec<u8>>,
    tree: Tree,
    /// It wrote something, so that it has more than the first one: an interrupted turn was ended.
    wrote: bool,
}

impl Second {
    fn of(world: &World, sim: &SimNode, node: usize) -> Option<Self> {
        let workspace = sim.workspace?;
        let mut streams: BTreeMap<StreamKey, Vec<Vec<u8>>> = BTreeMap::new();
        for (key, places) in world.ledger.streams(node) {
            let pages = places.iter().filter_map(|place| world.ledger.page(*place));
            streams.insert(*key, pages.filter_map(|page| page.wires.first().cloned()).collect());
        }
        let stored = Stored {
            roster: streams.get(&workspace.roster()).cloned().unwrap_or_default(),
            streams: streams.iter().map(|(key, wires)| (*key, wires.len() as u64)).collect(),
            ..Stored::default()
        };
        let (key, now_ms) = (sim.key.clone(), world.now_ms());
        let export = ExportState::default();
        let boot =
            Boot { key, workspace, seed: [7; 32], now_ms, stored, export, strays: Vec::new(), push: None };
        let (machine, effects) = Node::start(boot).ok()?;
        let mut second = Self::default();
        second.settle(machine, effects, &streams, now_ms);
        Some(second)
    }

    /// Carries out what it wants done at once, until nothing is left to do.
    fn settle(
        &mut self,
        mut node: Node,
        effects: Vec<Effect>,
        streams: &BTreeMap<StreamKey, Vec<Vec<u8>>>,
        now_ms: u64,
    ) {
        let (mut now, mut wake, mut queue) = (now_ms, None, VecDeque::from(effects));
        for _ in 0..INPUTS_MAX {
            let input = match queue.pop_front() {
                Some(Effect::WakeAt(at)) => {
                    wake = Some(at);
                    continue;
                }
                Some(effect) => self.carry_out(effect, streams),
                None => wake.take().filter(|at| *at <= now_ms + REBUILD_MS).map(|at| {
                    now = now.max(at);
                    Input::Tick
                }),
            };
            match input {
                Some(input) => queue.extend(node.handle(input, now)),
                None if queue.is_empty() && wake.is_none() => return,
                None => {}
            }
        }
    }

    fn carry_out(&mut self, effect: Effect, streams: &BTreeMap<StreamKey, Vec<Vec<u8>>>) -> Option<Input> {
        match effect {
            Effect::Commit { seq, batch } => {
                self.wrote |= !batch.records.is_empty();
                let rows = batch.index.into_iter();
                self.rows.extend(rows.map(|row| (StreamKey::from_bytes(row.stream), row.row)));
                Some(Input::Committed(seq))
            }
            Effect::Load { stream } => {
                let records = Ok(streams.get(&stream).cloned().unwrap_or_default());
                Some(Input::Loaded { stream, records })
            }
            Effect::LoadAside { .. } => Some(Input::AsideLoaded(Ok(Vec::new()))),
            Effect::Export(plan) => Some(Input::Exported(Ok(self.tree.apply(&plan)))),
            _ => None,
        }
    }

    fn difference(&self, sim: &SimNode) -> Found {
        let (ours, theirs) = (self.tree.files(), sim.tree.files());
        let paths: BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
        if let Some(path) = paths.into_iter().find(|path| ours.get(*path) != theirs.get(*path)) {
            let show = |file: Option<&Vec<u8>>| file.map(|bytes| String::from_utf8_lossy(bytes).into_owned());
            let (is, should) = (show(theirs.get(path)), show(ours.get(path)));
            return Some(format!("{path} of the export is {is:?}, and from the records alone {should:?}"));
        }
        let stored = sim.store.as_ref()?.index().ok()?;
        let stored: BTreeMap<_, _> =
            stored.into_iter().map(|(key, row)| (StreamKey::from_bytes(key), row)).collect();
        let keys: BTreeSet<_> = self.rows.keys().chain(stored.keys()).collect();
        let key = keys.into_iter().find(|key| self.rows.get(*key) != stored.get(*key))?;
        let read = |row: Option<&Vec<u8>>| row.and_then(|row| rows::decode::<IndexRow>(row));
        let (is, should) = (read(stored.get(key)), read(self.rows.get(key)));
        Some(format!("the row of {key} is {is:?}, and from the records alone {should:?}"))
    }
}

impl Checker for Rebuilt {
    fn invariant(&self) -> &'static str {
        "INV-10"
    }

    fn at_end(&mut self, world: &World) -> Found {
        let mut seconds: BTreeMap<Vec<usize>, Option<Second>> = BTreeMap::new();
        for node in world.honest().into_iter().filter(|node| world.is_up(*node)) {
            let sim = world.nodes.get(node)?;
            let make = || Second::of(world, sim, node);
            let second = seconds.entry(world.ledger.all_of(node)).or_insert_with(make).as_ref();
            let found = second.filter(|second| !second.wrote).and_then(|second| second.difference(sim));
            if let Some(what) = found {
                return Some(format!("#{node}: {what}"));
            }
        }
        None
    }
}
