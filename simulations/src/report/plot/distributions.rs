//! One report on one page: how long things took as cumulative distributions, and what a delivery cost.

use plotters::element::Rectangle;
use plotters::series::LineSeries;
use plotters::style::text_anchor::HPos;
use plotters::style::{Color, RGBColor};

use super::PlotError;
use super::axis::{Axis, figure};
use super::page::{
    Area, BLUE, Chart, Drawn, GREEN, INK, Key, LARGE, ORANGE, PURPLE, SKY, SMALL, chart, empty, font, headed,
    page, write,
};
use crate::report::{Report, SampleSet, Samples};

const SIZE: (u32, u32) = (1_240, 1_180);
/// Points of a curve: more than there are pixels.
const POINTS: f64 = 1_000.0;
/// From this on between median and maximum, time is drawn logarithmically.
const WIDE: u64 = 15;

/// One line of a panel: its name, colour and samples.
struct Curve<'a> {
    name: &'a str,
    color: RGBColor,
    samples: &'a Samples,
}

/// What the axis of a panel shows: its name, and how many of a sample's units are one of the axis.
struct Unit {
    name: &'static str,
    each: f64,
    text: &'static str,
}

const SECONDS: Unit = Unit { name: "time, s", each: 1_000.0, text: "s" };
const KILOBYTES: Unit = Unit { name: "size, kB", each: 1_000.0, text: "kB" };

/// Draws a report that was made in this process: one that was read has no samples.
///
/// # Errors
/// [`PlotError`], from the library that draws.
pub fn distributions(report: &Report) -> Result<String, PlotError> {
    page(SIZE, |area| {
        let (head, body) = area.split_vertically(70);
        heading(&head, report)?;
        let panels = body.split_evenly((3, 2));
        let SampleSet { convergence_ms, delivery_ms, everywhere_ms, turn_ms, hops, store_bytes } =
            &report.samples;
        let curve = |name, color, samples| Curve { name, color, samples };
        let convergence = [curve("until all nodes are equal", BLUE, convergence_ms)];
        let delivery =
            [curve("to one more node", BLUE, delivery_ms), curve("to every node", ORANGE, everywhere_ms)];
        let turn = [curve("from a turn's start to its end", PURPLE, turn_ms)];
        let store = [curve("of each node at the end", GREEN, store_bytes)];
        let [first, second, third, fourth, fifth, sixth] = panels.as_slice() else {
            return Err(PlotError("a page that does not fall into six".to_owned()));
        };
        cumulative(
            first,
            "Convergence, from the end of faults",
            "share of seeds, %",
            &convergence,
            &SECONDS,
        )?;
        cumulative(
            second,
            "Delivery, from a record's first commit",
            "share of records, %",
            &delivery,
            &SECONDS,
        )?;
        cumulative(third, "Turns of agents", "share of turns, %", &turn, &SECONDS)?;
        cost(fourth, report)?;
        distances(fifth, hops)?;
        cumulative(sixth, "Size of the store", "share of nodes, %", &store, &KILOBYTES)
    })
}

fn heading(area: &Area<'_>, report: &Report) -> Drawn {
    let last = report.first_seed + report.seeds.saturating_sub(1);
    let failed = report.failed_seeds().len();
    let faults: u64 = report.faults.values().sum();
    write(area, &report.scenario, &font(LARGE, true, INK, HPos::Left), (12, 26))?;
    let text = format!(
        "seeds {} to {last}, {} nodes, {faults} faults, {} simulated h, {}",
        report.first_seed,
        report.nodes,
        figure(report.simulated_seconds / 3_600.0),
        if failed == 0 { "everything held".to_owned() } else { format!("{failed} seeds failed") },
    );
    write(area, &text, &font(SMALL, false, INK, HPos::Left), (12, 52))
}

fn cumulative(area: &Area<'_>, title: &str, share: &'static str, curves: &[Curve<'_>], unit: &Unit) -> Drawn {
    let keys = curves.iter().map(|curve| Key { color: curve.color, text: legend(curve, unit) });
    let below = headed(area, title, &keys.collect::<Vec<_>>())?;
    let all: Vec<&Samples> = curves.iter().map(|curve| curve.samples).filter(|one| !one.is_empty()).collect();
    if all.is_empty() {
        return empty(&below, "nothing was measured");
    }
    let most = all.iter().map(|samples| samples.percentile(100)).max().unwrap_or(1);
    let half = all.iter().map(|samples| samples.percentile(50)).min().unwrap_or(1);
    // What takes no time at all is drawn at the least of a logarithmic axis.
    let least =
        all.iter().flat_map(|samples| samples.iter()).map(|(value, _)| value.max(1)).min().unwrap_or(1);
    let x = if most > half.max(1) * WIDE {
        Axis::logarithmic(unit.name, least as f64 / unit.each, most as f64 / unit.each)
    } else {
        Axis::linear(unit.name, most as f64 / unit.each)
    };
    let y = Axis::percent(share);
    let mut chart = chart(&below, &x, &y)?;
    for curve in curves {
        let points = steps(curve.samples, &x, unit.each);
        chart.draw_series(LineSeries::new(points, curve.color.stroke_width(2)))?;
    }
    Ok(())
}

fn legend(curve: &Curve<'_>, unit: &Unit) -> String {
    let spread = curve.samples.spread();
    if spread.count == 0 {
        return format!("{}: none", curve.name);
    }
    let show = |value: u64| figure(value as f64 / unit.each);
    let (p50, p90, p99, max) = (show(spread.p50), show(spread.p90), show(spread.p99), show(spread.max));
    format!("{}: p50 {p50}, p90 {p90}, p99 {p99}, max {max} {} (n = {})", curve.name, unit.text, spread.count)
}

/// The points of a cumulative distribution, no more than can be told apart.
fn steps(samples: &Samples, x: &Axis, each: f64) -> Vec<(f64, f64)> {
    let total = samples.len() as f64;
    let (mut points, mut seen, mut drawn) = (vec![(x.place(x.low()), 0.0)], 0, -1.0);
    let mut height = 0.0;
    for (value, count) in samples.iter() {
        let value = value as f64 / each;
        let before = seen as f64 / total * 100.0;
        seen += count;
        let share = (x.share(value) * POINTS).floor();
        if share > drawn || seen == samples.len() {
            points.push((x.place(value), before.max(height)));
            height = seen as f64 / total * 100.0;
            points.push((x.place(value), height));
            drawn = share;
        }
    }
    points
}

/// What a delivery cost, as shares of gossip and of frames.
fn cost(area: &Area<'_>, report: &Report) -> Drawn {
    let cost = &report.cost;
    let of = |text: &str, messages: u64, bytes: u64| {
        let each = |sum: u64| figure(sum as f64 / cost.deliveries.max(1) as f64);
        format!("{text}: {} messages and {} bytes for each delivery", each(messages), each(bytes))
    };
    let keys = [
        Key { color: SKY, text: of("gossip", cost.gossip_messages, cost.gossip_bytes) },
        Key { color: BLUE, text: of("frames of the sync protocol", cost.frame_messages, cost.frame_bytes) },
    ];
    let below = headed(area, "Cost of a delivery", &keys)?;
    if cost.deliveries == 0 {
        return empty(&below, "nothing was delivered");
    }
    let x = Axis::percent("share, %");
    let mut y = Axis::steps("", 1.0, 2.0);
    y.marks = vec![(1.0, "messages".to_owned()), (2.0, "bytes".to_owned())];
    let mut chart = chart(&below, &x, &y)?;
    let rows = [(1.0, cost.gossip_messages, cost.frame_messages), (2.0, cost.gossip_bytes, cost.frame_bytes)];
    for (row, gossip, frames) in rows {
        let part = gossip as f64 / (gossip + frames).max(1) as f64 * 100.0;
        let bar = |from: f64, to: f64, color: RGBColor| {
            Rectangle::new([(from, row - 0.3), (to, row + 0.3)], color.filled())
        };
        chart.draw_series([bar(0.0, part, SKY), bar(part, 100.0, BLUE)])?;
    }
    Ok(())
}

/// How many links gossip crossed until it was new.
fn distances(area: &Area<'_>, hops: &Samples) -> Drawn {
    let text = match hops.len() {
        0 => "gossip that was new to a node: none".to_owned(),
        count => format!("gossip that was new to a node (n = {count})"),
    };
    let below = headed(area, "Distance in the overlay", &[Key { color: GREEN, text }])?;
    if hops.is_empty() {
        return empty(&below, "nothing was measured");
    }
    let (first, last) = (hops.percentile(0) as f64, hops.percentile(100) as f64);
    let total = hops.len() as f64;
    let most = hops.iter().map(|(_, count)| count as f64 / total * 100.0).fold(0.0, f64::max);
    let x = Axis::steps("links crossed", first, last);
    let y = Axis::linear("share of gossip, %", most);
    let mut chart = chart(&below, &x, &y)?;
    bars(&mut chart, hops.iter().map(|(value, count)| (value as f64, count as f64 / total * 100.0)))
}

fn bars(chart: &mut Chart<'_, '_>, bars: impl Iterator<Item = (f64, f64)>) -> Drawn {
    for (at, height) in bars {
        chart.draw_series([Rectangle::new([(at - 0.4, 0.0), (at + 0.4, height)], GREEN.filled())])?;
    }
    Ok(())
}
