//! INV-5: only devices in good standing, in their role, add to what is counted. Every record that becomes durable is held
//! against the roster that it names, read as simply as can be; in the end what is shown is held against what counts under
//! the roster of today. Where words on the roster stand against each other this reading knows nothing, and says nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use starling_crdt::id::RecordId;
use starling_crdt::payload::{MemberRole, Payload, Role};
use starling_crdt::record::Record;
use starling_node::store::Batch;

use crate::checker::{Checker, Found};
use crate::ledger::{Ledger, Page};
use crate::model::Model;
use crate::model::roster::Standing;
use crate::world::World;

/// Rosters of the past that are kept.
const KEPT_MAX: usize = 64;

/// Judges authors and roles.
#[derive(Debug, Default)]
pub struct Good {
    /// How many pages of the ledger were judged.
    judged: usize,
    /// Rosters by their heads.
    read: BTreeMap<Vec<RecordId>, Rc<Standing>>,
    /// The roster as it grew last, and its only head.
    latest: (Vec<RecordId>, Standing),
}

impl Good {
    fn catch_up(&mut self, ledger: &Ledger) -> Found {
        let mut found = None;
        while let Some(page) = ledger.page(self.judged) {
            self.judged += 1;
            let Some(record) = &page.record else { continue };
            let breach = if record.is_roster() {
                self.judge_roster(ledger, page, record)
            } else {
                self.judge(ledger, page, record)
            };
            found = found.or(breach);
        }
        found
    }

    /// What stood at these heads.
    fn at(&mut self, ledger: &Ledger, heads: &[RecordId]) -> Rc<Standing> {
        if let Some(standing) = self.read.get(heads) {
            return standing.clone();
        }
        let standing = Rc::new(Standing::read(&past(ledger, heads)));
        if self.read.len() >= KEPT_MAX {
            self.read.clear();
        }
        self.read.insert(heads.to_vec(), standing.clone());
        standing
    }

    fn judge(&mut self, ledger: &Ledger, page: &Page, record: &Record) -> Found {
        let then = self.at(ledger, &record.roster);
        let header = ledger.header(&page.stream).filter(|_| !then.doubtful)?;
        let Some(member) = then.member_of(&record.author) else {
            return Some(format!(
                "{} is stored, and its author was not on the roster that it names",
                page.id
            ));
        };
        let fits = match record.payload.role() {
            Role::Creator => {
                member == header.creator && then.role_of(&record.author) != Some(MemberRole::Guest)
            }
            Role::Agent => then.host(&header.agent) == Some(record.author),
            Role::Member => false,
        };
        (!fits).then(|| {
            let role = record.payload.role();
            format!(
                "{} is stored, and its author may not write as {role:?} by the roster that it names",
                page.id
            )
        })
    }

    fn judge_roster(&mut self, ledger: &Ledger, page: &Page, record: &Record) -> Found {
        if !matches!(record.payload, Payload::Found { .. }) && record.deps != self.latest.0 {
            self.latest = (record.deps.clone(), Standing::read(&past(ledger, &record.deps)));
        }
        let (heads, then) = &mut self.latest;
        let may =
            matches!(record.payload, Payload::Found { .. }) || then.stands(&record.author) || then.doubtful;
        *heads = vec![page.id];
        then.take(page.id, record);
        (!may).then(|| format!("{} is on the roster, and its author was not", page.id))
    }

    fn uncounted(world: &World) -> Found {
        world.shown.iter().find_map(|shown| {
            let view = shown.view.as_ref().ok()?;
            let today = world.standing(shown.node);
            let records = world.ledger.records(shown.node, &shown.key);
            let model = Model::of(&records, &shown.key, &today).filter(|_| !today.doubtful)?;
            let line = view.lines.iter().find(|line| !model.counted.contains(&line.message_id))?;
            let (node, id, number) = (shown.node, view.id, line.number);
            Some(format!("#{node} shows line {number} of {id}, whose author lost its standing"))
        })
    }
}

/// The records that heads are made up of, each after its deps.
fn past<'a>(ledger: &'a Ledger, heads: &[RecordId]) -> Vec<(RecordId, &'a Record)> {
    let mut places: BTreeSet<usize> = BTreeSet::new();
    let mut todo = heads.to_vec();
    while let Some(id) = todo.pop() {
        let Some(place) = ledger.place(&id).filter(|place| places.insert(*place)) else { continue };
        let record = ledger.page(place).and_then(|page| page.record.as_ref());
        todo.extend(record.into_iter().flat_map(|record| &record.deps));
    }
    let pages = places.into_iter().filter_map(|place| ledger.page(place));
    pages.filter_map(|page| Some((page.id, page.record.as_ref()?))).collect()
}

impl Checker for Good {
    fn invariant(&self) -> &'static str {
        "INV-5"
    }

    fn on_durable(&mut self, world: &World, node: usize, _batches: &[Batch]) -> Found {
        self.catch_up(&world.ledger).map(|what| format!("#{node}: {what}"))
    }

    fn on_start(&mut self, world: &World, node: usize) -> Found {
        self.catch_up(&world.ledger).map(|what| format!("#{node}: {what}"))
    }

    fn at_end(&mut self, world: &World) -> Found {
        Self::uncounted(world)
    }
}
