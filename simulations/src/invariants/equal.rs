//! INV-2: the same records and roster give the same view, heads and export tree. In the end all honest nodes have to agree
//! on what counts, and what they show and export has to be what the reference model makes of their records. That they
//! agree in time is the liveness half of it (`run`).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use starling_crdt::id::{RecordId, StreamKey};
use starling_crdt::view::{Author, View};
use starling_node::machine::export_text::{normalise, parse_thread};

use crate::checker::{Checker, Found};
use crate::model::{Line, Model};
use crate::survey::Shown;
use crate::world::World;

/// Compares nodes with each other and with the model.
#[derive(Debug)]
pub struct Equal;

/// What counts on a node, by session.
type Counted = BTreeMap<StreamKey, BTreeSet<RecordId>>;

fn counted(world: &World, node: usize) -> Option<Counted> {
    let today = world.standing(node);
    if today.doubtful {
        return None;
    }
    let keys = world.ledger.streams(node).map(|(key, _)| *key);
    let models = keys.filter_map(|key| {
        let model = Model::of(&world.ledger.records(node, &key), &key, &today)?;
        (!model.counted.is_empty()).then_some((key, model.counted))
    });
    Some(models.collect())
}

/// Two nodes that do not agree on what counts. Nodes that hold the same records need not be asked twice.
fn disagreement(world: &World) -> Found {
    let mut groups: BTreeMap<Vec<usize>, usize> = BTreeMap::new();
    for node in world.honest().into_iter().filter(|node| world.is_up(*node)) {
        groups.entry(world.ledger.all_of(node)).or_insert(node);
    }
    let mut groups = groups.into_values();
    let first = groups.next()?;
    let ours = counted(world, first).filter(|_| groups.len() > 0)?;
    groups.find_map(|node| {
        let theirs = counted(world, node)?;
        let keys: BTreeSet<_> = ours.keys().chain(theirs.keys()).collect();
        let key = keys.into_iter().find(|key| ours.get(*key) != theirs.get(*key))?;
        let count = |all: &Counted| all.get(key).map_or(0, BTreeSet::len);
        let (one, two) = (count(&ours), count(&theirs));
        Some(format!("of {key} {one} records count on #{first}, and {two} others on #{node}"))
    })
}

/// What a node shows otherwise than the model.
fn misshown(world: &World, shown: &Shown) -> Found {
    let today = world.standing(shown.node);
    let records = world.ledger.records(shown.node, &shown.key);
    let model = Model::of(&records, &shown.key, &today).filter(|_| !today.doubtful)?;
    let what = match &shown.view {
        Ok(view) => difference(&model, view).or_else(|| misexported(world, shown.node, &model, view))?,
        Err(_) if model.counted.is_empty() || shown.is_silent() => return None,
        Err(refusal) => format!("is not shown: {refusal:?}"),
    };
    Some(format!("#{}: {} {what}", shown.node, shown.key))
}

fn differ(what: &str, is: &impl Debug, should: &impl Debug) -> Found {
    let (is, should) = (format!("{is:?}"), format!("{should:?}"));
    (is != should).then(|| format!("has the {what} {is}, and should have {should}"))
}

/// What a view shows otherwise than the model.
pub(crate) fn difference(model: &Model, view: &View) -> Found {
    let title = view.title.as_ref().map(ToString::to_string);
    let open: BTreeSet<_> = view.open_attempts.iter().copied().collect();
    differ("number of records", &view.revision, &model.counted.len())
        .or_else(|| differ("title", &title, &model.title))
        .or_else(|| differ("open attempts", &open, &model.open))
        .or_else(|| differ("number of waiting inputs", &view.pending_inputs, &model.pending))
        .or_else(|| differ("fork", &view.fork.is_some(), &model.lines.is_none()))
        .or_else(|| model.lines.as_ref().and_then(|lines| misnumbered(lines, view)))
        .or_else(|| model.lines.as_ref().and_then(|_| differ("status", &view.status, &model.status)))
}

fn misnumbered(lines: &[Line], view: &View) -> Found {
    let line = |line: &starling_crdt::view::Line| {
        (line.message_id, line.sealed, line.author == Author::Agent, line.body.as_str().to_owned())
    };
    let shown: Vec<Line> = view.lines.iter().map(line).collect();
    if shown == lines {
        return None;
    }
    let same = shown.iter().zip(lines).take_while(|(is, should)| is == should).count();
    Some(format!("has line {}: {:?}, and should have {:?}", same + 1, shown.get(same), lines.get(same)))
}

/// What of a session's lines is exported otherwise. Of sessions that share an id nothing is said.
fn misexported(world: &World, node: usize, model: &Model, view: &View) -> Found {
    let lines =
        model.lines.as_ref().filter(|_| world.ledger.called(&view.id).is_some_and(|all| all.len() == 1))?;
    let folder = if view.archived.is_some() { "archive/quick-sessions" } else { "quick-sessions" };
    let files = world.nodes.get(node)?.tree.files();
    let Some(bytes) = files.get(&format!("{folder}/{}/discussion.thread", view.id)) else {
        return Some(format!("is not in {folder} of the export"));
    };
    let thread = parse_thread(&String::from_utf8_lossy(bytes)).unwrap_or_default();
    let exported: Vec<&str> = thread.iter().map(|entry| entry.body.as_str()).collect();
    let should: Vec<String> = lines.iter().map(|(.., text)| normalise(text)).collect();
    differ("exported text", &exported, &should)
}

impl Checker for Equal {
    fn invariant(&self) -> &'static str {
        "INV-2"
    }

    fn at_end(&mut self, world: &World) -> Found {
        disagreement(world).or_else(|| world.shown.iter().find_map(|shown| misshown(world, shown)))
    }
}
