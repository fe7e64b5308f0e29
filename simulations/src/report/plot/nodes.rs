//! Several reports of one scenario: cost and time against the number of nodes.

use plotters::element::{Circle, EmptyElement};
use plotters::series::LineSeries;
use plotters::style::text_anchor::HPos;
use plotters::style::{Color, RGBColor};

use super::PlotError;
use super::axis::Axis;
use super::page::{
    Area, BLUE, Drawn, GREEN, INK, Key, LARGE, ORANGE, PURPLE, RED, SKY, SMALL, chart, font, headed, page,
    write,
};
use crate::report::Report;

const SIZE: (u32, u32) = (1_240, 860);
/// Marks of the axis that are nearer to each other than this share of it are left out.
const NEAR: f64 = 0.06;

type Of = fn(&Report) -> f64;
type Line = (&'static str, RGBColor, Of);

const BYTES: [Line; 3] = [
    ("gossip and frames", BLUE, |report| report.cost.bytes_per_delivery / 1_000.0),
    ("gossip", SKY, |report| per(report.cost.gossip_bytes, report) / 1_000.0),
    ("frames of the sync protocol", ORANGE, |report| per(report.cost.frame_bytes, report) / 1_000.0),
];
const MESSAGES: [Line; 3] = [
    ("gossip and frames", BLUE, |report| report.cost.messages_per_delivery),
    ("gossip", SKY, |report| per(report.cost.gossip_messages, report)),
    ("frames of the sync protocol", ORANGE, |report| per(report.cost.frame_messages, report)),
];
const TIMES: [Line; 3] = [
    ("until all are equal, from the end of faults: p50", PURPLE, |report| {
        report.convergence_ms.p50 as f64 / 1_000.0
    }),
    ("delivery of a record to every node: p50", GREEN, |report| report.everywhere_ms.p50 as f64 / 1_000.0),
    ("delivery of a record to every node: p99", RED, |report| report.everywhere_ms.p99 as f64 / 1_000.0),
];
const COMPUTING: [Line; 1] = [("one core, for one seed", BLUE, |report| {
    report.wall_seconds * report.jobs.min(usize::try_from(report.seeds).unwrap_or(1)) as f64
        / report.seeds.max(1) as f64
})];

fn per(sum: u64, report: &Report) -> f64 {
    sum as f64 / report.cost.deliveries.max(1) as f64
}

/// Draws reports of one scenario with different numbers of nodes.
///
/// # Errors
/// [`PlotError`], from the library that draws.
pub fn against_nodes(reports: &[Report]) -> Result<String, PlotError> {
    let mut sorted: Vec<&Report> = reports.iter().collect();
    sorted.sort_by_key(|report| report.nodes);
    page(SIZE, |area| {
        let (head, body) = area.split_vertically(70);
        heading(&head, &sorted)?;
        let panels = body.split_evenly((2, 2));
        let [first, second, third, fourth] = panels.as_slice() else {
            return Err(PlotError("a page that does not fall into four".to_owned()));
        };
        lines(first, "Bytes for each delivery", "kB", &BYTES, &sorted)?;
        lines(second, "Messages for each delivery", "messages", &MESSAGES, &sorted)?;
        lines(third, "How long it takes", "time, s", &TIMES, &sorted)?;
        lines(fourth, "Computing time", "time, s", &COMPUTING, &sorted)
    })
}

fn heading(area: &Area<'_>, reports: &[&Report]) -> Drawn {
    let Some(first) = reports.first() else { return Ok(()) };
    let failed: usize = reports.iter().map(|report| report.failed_seeds().len()).sum();
    let title = format!("{}: cost against the number of nodes", first.scenario);
    write(area, &title, &font(LARGE, true, INK, HPos::Left), (12, 26))?;
    let held = if failed == 0 { "everything held".to_owned() } else { format!("{failed} seeds failed") };
    let text = format!(
        "{} seeds for each number of nodes, {held}; a delivery is a record that became durable on one more node",
        first.seeds
    );
    write(area, &text, &font(SMALL, false, INK, HPos::Left), (12, 52))
}

fn lines(area: &Area<'_>, title: &str, unit: &'static str, lines: &[Line], reports: &[&Report]) -> Drawn {
    let keys: Vec<Key> =
        lines.iter().map(|(name, color, _)| Key { color: *color, text: (*name).to_owned() }).collect();
    let below = headed(area, title, &keys)?;
    let values = lines.iter().flat_map(|(_, _, of)| reports.iter().map(|report| of(report)));
    let y = Axis::linear(unit, values.fold(0.0, f64::max));
    let x = counts(reports);
    let mut chart = chart(&below, &x, &y)?;
    for (_, color, of) in lines {
        let points: Vec<(f64, f64)> =
            reports.iter().map(|report| (x.place(report.nodes as f64), y.place(of(report)))).collect();
        chart.draw_series(LineSeries::new(points.clone(), color.stroke_width(2)))?;
        chart.draw_series(
            points.into_iter().map(|at| EmptyElement::at(at) + Circle::new((0, 0), 4, color.filled())),
        )?;
    }
    Ok(())
}

/// A mark at each number of nodes, unless it would be written over the one before.
fn counts(reports: &[&Report]) -> Axis {
    let counts: Vec<f64> = reports.iter().map(|report| report.nodes as f64).collect();
    let mut axis = Axis::at("nodes", &counts);
    let mut last = f64::NEG_INFINITY;
    let marks = std::mem::take(&mut axis.marks);
    for (value, label) in marks {
        if axis.share(value) - last >= NEAR {
            last = axis.share(value);
            axis.marks.push((value, label));
        }
    }
    axis
}
