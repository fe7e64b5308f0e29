//! One run as a timeline: a lane for each node, faults as bars from their beginning to their end, records and turns as
//! they came. The upper row of a lane is its network, the row below it the computer, the lowest what it stored and ran.

use std::collections::{BTreeMap, BTreeSet};

use plotters::element::{Circle, Cross, PathElement, Rectangle};
use plotters::style::text_anchor::HPos;
use plotters::style::{Color, RGBColor};

use super::PlotError;
use super::axis::{Axis, figure};
use super::page::{
    Area, BLUE, Drawn, GREEN, GREY, INK, LARGE, ORANGE, PALE, PURPLE, RED, SKY, SMALL, YELLOW, font, page,
    width, write,
};
use crate::fault::Fault;
use crate::plan::Step;
use crate::run::Outcome;
use crate::scenario::Scenario;
use crate::trace::{RECORDS, TURN_BEGINS, TURN_ENDS};

/// Lanes that are drawn: those of faults first, then those of the lowest numbers.
const LANES_MAX: usize = 60;
const WIDTH: i32 = 1_240;
const LEFT: i32 = 70;
const RIGHT: i32 = WIDTH - 24;
const TOP: i32 = 96;
const LANE: i32 = 32;
const FOOT: i32 = 96;

/// The rows of a lane, from its top. Storms are everywhere: they fill the lanes, and the rest is drawn upon them.
const STORM: i32 = 0;
const NETWORK: i32 = 4;
const COMPUTER: i32 = 13;
const WORK: i32 = 25;
const BAR: i32 = 7;

const DARK: RGBColor = RGBColor(90, 90, 90);

/// What the legend says, in its order.
const KINDS: [(&str, RGBColor); 12] = [
    ("partition", BLUE),
    ("offline", SKY),
    ("one way", PURPLE),
    ("slow line", GREY),
    ("gossip storm", ORANGE),
    ("crash", RED),
    ("sleep", YELLOW),
    ("disk full", DARK),
    ("disk, clock or lie", RED),
    ("record stored", GREEN),
    ("turn", INK),
    ("failure", RED),
];

/// A stretch of a fault on a lane, or on all of them.
struct Bar {
    kind: &'static str,
    nodes: Vec<usize>,
    row: i32,
    from_ms: u64,
    to_ms: u64,
}

/// Draws a run whose trace was kept.
///
/// # Errors
/// [`PlotError`], from the library that draws.
pub fn timeline(scenario: &Scenario, outcome: &Outcome) -> Result<String, PlotError> {
    let bars = bars(outcome);
    let lanes = lanes(outcome, &bars);
    let height = TOP + i32::try_from(lanes.len()).unwrap_or(0) * LANE + FOOT;
    let ends_ms = outcome.simulated_ms.saturating_sub(outcome.began_ms).max(1_000);
    let page_height = u32::try_from(height).unwrap_or(600);
    page((WIDTH.unsigned_abs(), page_height), |area| {
        let bottom = height - FOOT;
        let x = Axis::wide("time since the nodes knew each other, s", ends_ms as f64 / 1_000.0, 14.0);
        let mut sheet = Sheet { area, x, began_ms: outcome.began_ms, bottom, lanes, used: BTreeSet::new() };
        sheet.heading(scenario, outcome)?;
        sheet.frame()?;
        for bar in &bars {
            sheet.bar(bar)?;
        }
        sheet.marks(outcome)?;
        sheet.work(outcome)?;
        sheet.phases(outcome)?;
        sheet.legend()
    })
}

/// The nodes that are drawn, each with its place from the top.
fn lanes(outcome: &Outcome, bars: &[Bar]) -> BTreeMap<usize, i32> {
    let hit = bars.iter().flat_map(|bar| bar.nodes.iter().copied());
    let mut chosen = BTreeSet::new();
    for node in hit.chain(0..outcome.nodes) {
        if chosen.len() < LANES_MAX && node < outcome.nodes {
            chosen.insert(node);
        }
    }
    chosen.into_iter().zip(0..).collect()
}

fn bars(outcome: &Outcome) -> Vec<Bar> {
    let all = || (0..outcome.nodes).collect::<Vec<usize>>();
    let mut bars = Vec::new();
    for planned in &outcome.plan {
        let Step::Fault(fault) = &planned.step else { continue };
        let (kind, nodes, row, lasts) = match fault {
            Fault::Crash { node, away_ms } => ("crash", vec![*node], COMPUTER, *away_ms),
            Fault::Partition { side, for_ms } => ("partition", side.clone(), NETWORK, *for_ms),
            Fault::OneWay { from, for_ms, .. } => ("one way", vec![*from], NETWORK, *for_ms),
            Fault::Offline { node, for_ms } => ("offline", vec![*node], NETWORK, *for_ms),
            Fault::Storm { for_ms, .. } => ("gossip storm", all(), STORM, *for_ms),
            Fault::Slow { node, for_ms, .. } => ("slow line", vec![*node], NETWORK, *for_ms),
            Fault::DiskFull { node, for_ms } => ("disk full", vec![*node], COMPUTER, *for_ms),
            Fault::Sleep { node, for_ms } => ("sleep", vec![*node], COMPUTER, *for_ms),
            Fault::DiskError { .. }
            | Fault::LyingSync { .. }
            | Fault::ClockJump { .. }
            | Fault::Mood { .. }
            | Fault::Lie { .. } => continue,
        };
        let from_ms = outcome.began_ms + planned.at_ms;
        // Whatever lasts, it ends with the end of all faults.
        let to_ms = (from_ms + lasts).min(outcome.calmed_ms.max(from_ms));
        bars.push(Bar { kind, nodes, row, from_ms, to_ms });
    }
    // What covers most is drawn first, so that the rest is seen upon it.
    bars.sort_by_key(|bar| std::cmp::Reverse((bar.nodes.len(), bar.to_ms - bar.from_ms)));
    bars
}

struct Sheet<'a, 'b> {
    area: &'a Area<'b>,
    x: Axis,
    began_ms: u64,
    bottom: i32,
    lanes: BTreeMap<usize, i32>,
    used: BTreeSet<&'static str>,
}

impl Sheet<'_, '_> {
    fn x(&self, ms: u64) -> i32 {
        let seconds = ms.saturating_sub(self.began_ms) as f64 / 1_000.0;
        let room = f64::from(RIGHT - LEFT);
        // Within the page, so that no bits are lost.
        LEFT + (self.x.share(seconds) * room).round() as i32
    }

    fn y(&self, node: usize) -> Option<i32> {
        self.lanes.get(&node).map(|lane| TOP + lane * LANE)
    }

    fn color(kind: &str) -> RGBColor {
        KINDS.iter().find(|(name, _)| *name == kind).map_or(INK, |(_, color)| *color)
    }

    fn heading(&self, scenario: &Scenario, outcome: &Outcome) -> Drawn {
        let title = format!("{}, seed {}", scenario.name, outcome.seed);
        write(self.area, &title, &font(LARGE, true, INK, HPos::Left), (12, 26))?;
        let lanes = match self.lanes.len() {
            some if some < outcome.nodes => format!("{some} of {} nodes", outcome.nodes),
            all => format!("{all} nodes"),
        };
        let held = match outcome.failures.first() {
            None => "everything held".to_owned(),
            Some(breach) => {
                let message: String = breach.message.chars().take(110).collect();
                format!("{}: {message}", breach.invariant)
            }
        };
        let steps = outcome.plan.len();
        let text = format!("{lanes}, {steps} steps, trace {}…: {held}", short(&outcome.trace_hash));
        write(self.area, &text, &font(SMALL, false, INK, HPos::Left), (12, 52))
    }

    /// Lanes with their names, and the axis.
    fn frame(&self) -> Drawn {
        for (node, lane) in &self.lanes {
            let y = TOP + lane * LANE;
            let shade = if lane % 2 == 0 { RGBColor(248, 248, 248) } else { RGBColor(255, 255, 255) };
            self.area.draw(&Rectangle::new([(LEFT, y), (RIGHT, y + LANE)], shade.filled()))?;
            write(
                self.area,
                &format!("#{node}"),
                &font(SMALL, false, INK, HPos::Right),
                (LEFT - 10, y + LANE / 2),
            )?;
        }
        for (value, label) in &self.x.marks {
            let x = LEFT + (self.x.share(*value) * f64::from(RIGHT - LEFT)).round() as i32;
            self.area.draw(&PathElement::new([(x, TOP), (x, self.bottom + 5)], PALE.stroke_width(1)))?;
            write(self.area, label, &font(SMALL, false, INK, HPos::Center), (x, self.bottom + 15))?;
        }
        self.area
            .draw(&PathElement::new([(LEFT, self.bottom), (RIGHT, self.bottom)], GREY.stroke_width(1)))?;
        let middle = LEFT.midpoint(RIGHT);
        write(self.area, self.x.name, &font(SMALL, false, INK, HPos::Center), (middle, self.bottom + 36))
    }

    fn bar(&mut self, bar: &Bar) -> Drawn {
        self.used.insert(bar.kind);
        let (strength, height) = if bar.row == STORM { (0.3, LANE) } else { (0.9, BAR) };
        let color = Self::color(bar.kind).mix(strength).filled();
        let (from, to) = (self.x(bar.from_ms), self.x(bar.to_ms));
        for y in bar.nodes.iter().filter_map(|node| self.y(*node)) {
            let top = y + bar.row;
            self.area.draw(&Rectangle::new([(from, top), (to.max(from + 2), top + height)], color))?;
        }
        Ok(())
    }

    /// What happens at once, and what failed.
    fn marks(&mut self, outcome: &Outcome) -> Drawn {
        for planned in &outcome.plan {
            let Step::Fault(fault) = &planned.step else { continue };
            let node = match fault {
                Fault::DiskError { node }
                | Fault::LyingSync { node }
                | Fault::ClockJump { node, .. }
                | Fault::Lie { node, .. } => *node,
                _ => continue,
            };
            if let Some(y) = self.y(node) {
                self.used.insert("disk, clock or lie");
                let at = (self.x(outcome.began_ms + planned.at_ms), y + COMPUTER + BAR / 2);
                self.area.draw(&Cross::new(at, 4, RED.stroke_width(2)))?;
            }
        }
        for breach in &outcome.failures {
            self.used.insert("failure");
            let x = self.x(breach.at_ms);
            self.area.draw(&PathElement::new([(x, TOP), (x, self.bottom)], RED.stroke_width(2)))?;
        }
        Ok(())
    }

    /// Records as dots, turns as lines from their start to their end.
    fn work(&mut self, outcome: &Outcome) -> Drawn {
        let mut dots = BTreeSet::new();
        let mut begun: BTreeMap<&str, (u64, usize)> = BTreeMap::new();
        let mut turns = Vec::new();
        for entry in outcome.trace.iter().filter(|entry| entry.ms >= outcome.began_ms) {
            let Some((node, y)) = entry.node.and_then(|node| Some((node, self.y(node)?))) else { continue };
            let attempt = entry.detail.split(' ').next().unwrap_or_default();
            if entry.what == RECORDS {
                dots.insert((self.x(entry.ms), y));
            } else if entry.what == TURN_BEGINS {
                begun.insert(attempt, (entry.ms, node));
            } else if entry.what == TURN_ENDS
                && let Some((from, node)) = begun.remove(attempt)
            {
                turns.push((from, entry.ms, node));
            }
        }
        turns.extend(begun.into_values().map(|(from, node)| (from, from, node)));
        for (from, to, node) in turns {
            let (from, to) = (self.x(from), self.x(to));
            let y = self.y(node).unwrap_or(TOP) + WORK;
            self.used.insert("turn");
            self.area
                .draw(&Rectangle::new([(from, y - 3), (to.max(from + 3), y + 3)], INK.mix(0.75).filled()))?;
        }
        for (x, y) in dots {
            self.used.insert("record stored");
            self.area.draw(&Circle::new((x, y + WORK), 2, GREEN.filled()))?;
        }
        Ok(())
    }

    /// Where faults end, and where all are equal.
    fn phases(&self, outcome: &Outcome) -> Drawn {
        if outcome.calmed_ms < outcome.began_ms || outcome.calmed_ms == 0 {
            return Ok(());
        }
        let equal = outcome.metrics.converged_ms.first().map(|ms| u64::from(*ms));
        let x = self.x(outcome.calmed_ms);
        self.area.draw(&PathElement::new([(x, TOP - 8), (x, self.bottom)], INK.stroke_width(1)))?;
        let text = match equal {
            Some(ms) => format!("faults end; all equal {} s later", figure(ms as f64 / 1_000.0)),
            None => "faults end".to_owned(),
        };
        // On the side that has room.
        let (h, x_text) = if x > WIDTH / 2 { (HPos::Right, x + 4) } else { (HPos::Left, x - 4) };
        write(self.area, &text, &font(SMALL, false, INK, h), (x_text, TOP - 16))?;
        if let Some(ms) = equal {
            let x = self.x(outcome.calmed_ms + ms);
            self.area.draw(&PathElement::new([(x, TOP), (x, self.bottom)], GREEN.stroke_width(1)))?;
        }
        Ok(())
    }

    fn legend(&self) -> Drawn {
        let (mut x, mut y) = (LEFT, self.bottom + 60);
        for (kind, color) in KINDS.iter().filter(|(kind, _)| self.used.contains(kind)) {
            let room = width(kind) + 44;
            if x + room > RIGHT {
                (x, y) = (LEFT, y + 20);
            }
            match *kind {
                "record stored" => self.area.draw(&Circle::new((x + 8, y), 3, color.filled()))?,
                "disk, clock or lie" => self.area.draw(&Cross::new((x + 8, y), 4, color.stroke_width(2)))?,
                "failure" => {
                    self.area
                        .draw(&PathElement::new([(x + 8, y - 7), (x + 8, y + 7)], color.stroke_width(2)))?;
                }
                _ => self.area.draw(&Rectangle::new([(x, y - 4), (x + 16, y + 3)], color.filled()))?,
            }
            write(self.area, kind, &font(SMALL, false, INK, HPos::Left), (x + 22, y))?;
            x += room;
        }
        Ok(())
    }
}

fn short(hash: &str) -> String {
    hash.chars().take(8).collect()
}
