//! A topology and an invariant of one's own: five computers in a row, each of which hears its neighbours alone, and a
//! checker that wants every record to have reached both ends of the row when all is over.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use starling_crdt::id::RecordId;
use starling_node::store::Batch;
use starling_simulations::plan::{Planned, Step};
use starling_simulations::{Checker, Fault, Scenario, World, campaign};

const ROW: &str = r#"
name = "row"
about = "Five computers in a row: what one end says has to go through all others."
nodes = { count = 5, people = 1, agents = 1, given = true }
work = { seconds = 60, deeds = 10, create = 1, say = 3 }
faults = { crash = 120, lasts_s = [1, 5] }
"#;

/// Every record has to reach both ends.
#[derive(Default)]
struct EndToEnd(BTreeSet<RecordId>);

impl Checker for EndToEnd {
    fn invariant(&self) -> &'static str {
        "end-to-end"
    }

    fn on_durable(&mut self, _: &World, _: usize, batches: &[Batch]) -> Option<String> {
        let rows = batches.iter().flat_map(|batch| &batch.records);
        self.0.extend(rows.map(|row| RecordId::from_bytes(row.id)));
        None
    }

    fn at_end(&mut self, world: &World) -> Option<String> {
        let ends = [world.nodes.first()?, world.nodes.last()?];
        let lost = self.0.iter().find(|id| !ends.iter().all(|end| end.holds(id)))?;
        Some(format!("{lost} did not get through"))
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut row = Scenario::parse(ROW)?;
    for (from, to) in (0..5_usize).flat_map(|a| (0..5).map(move |b| (a, b))).filter(|(a, b)| a.abs_diff(*b) > 1) {
        // For all of the time that there are faults: nothing crosses but from neighbour to neighbour.
        let step = Step::Fault(Fault::OneWay { from, to, for_ms: 60_000 });
        row.at.push(Planned { at_ms: 0, step });
    }
    let report = campaign::run(
        &row,
        0..10,
        campaign::jobs_by_default(),
        &|| vec![Box::<EndToEnd>::default()],
        &|_| ControlFlow::Continue(()),
    );
    println!("{} seeds, {:?}, failures: {:?}", report.seeds, report.delivery_ms, report.failures);
    if report.failures.is_empty() { Ok(()) } else { Err("a record did not get through".into()) }
}
