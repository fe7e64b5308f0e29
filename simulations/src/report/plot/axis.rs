//! Axes: where they begin and end, where their marks are, and what is written there.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};
use plotters::coord::types::RangedCoordf64;

/// One axis. Values are placed by `place`, so that marks of a logarithmic axis are values as well.
pub(super) struct Axis {
    /// What it shows, with the unit.
    pub(super) name: &'static str,
    /// Marks: the value and what is written.
    pub(super) marks: Vec<(f64, String)>,
    low: f64,
    high: f64,
    log: bool,
}

/// Places along an axis, with lines where its marks are and nowhere else.
pub(super) struct Scale {
    range: RangedCoordf64,
    marks: Vec<f64>,
}

impl Ranged for Scale {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        self.range.map(value, limit)
    }

    fn key_points<Hint: KeyPointHint>(&self, _hint: Hint) -> Vec<f64> {
        self.marks.clone()
    }

    fn range(&self) -> Range<f64> {
        self.range.range()
    }
}

impl ValueFormatter<f64> for Scale {}

impl Axis {
    /// From 0 to at least `most`, with about five marks.
    pub(super) fn linear(name: &'static str, most: f64) -> Self {
        Self::wide(name, most, 5.0)
    }

    /// From 0 to at least `most`, with about so many marks.
    pub(super) fn wide(name: &'static str, most: f64, about: f64) -> Self {
        let most = if most > 0.0 { most } else { 1.0 };
        let step = nice_step(most / about);
        let count = (most / step).ceil();
        let mut marks = Vec::new();
        let mut at = 0.0;
        while at <= count {
            marks.push((at * step, figure(at * step)));
            at += 1.0;
        }
        Self { name, marks, low: 0.0, high: count * step, log: false }
    }

    /// From `least` to `most`, both above 0, with a mark at each power of ten, and in between when there are few.
    pub(super) fn logarithmic(name: &'static str, least: f64, most: f64) -> Self {
        let (low, high) = (least.log10().floor(), most.log10().ceil());
        let high = if high > low { high } else { low + 1.0 };
        let within: &[f64] = if high - low <= 2.0 { &[1.0, 2.0, 5.0] } else { &[1.0] };
        let mut marks = Vec::new();
        let mut power = low;
        while power <= high {
            for factor in within {
                let value = factor * 10f64.powf(power);
                if value.log10() <= high + 1e-9 {
                    marks.push((value, figure(value)));
                }
            }
            power += 1.0;
        }
        Self { name, marks, low: 10f64.powf(low), high: 10f64.powf(high), log: true }
    }

    /// Logarithmic, with a mark at each of these values, all above 0 and in order.
    pub(super) fn at(name: &'static str, values: &[f64]) -> Self {
        let (first, last) = (values.first().copied().unwrap_or(1.0), values.last().copied().unwrap_or(1.0));
        let marks = values.iter().map(|value| (*value, figure(*value))).collect();
        Self { name, marks, low: first / 1.25, high: last * 1.25, log: true }
    }

    /// Whole numbers, each with a mark, half a step more at both ends.
    pub(super) fn steps(name: &'static str, first: f64, last: f64) -> Self {
        let every = ((last - first) / 20.0).ceil().max(1.0);
        let mut marks = Vec::new();
        let mut at = first;
        while at <= last {
            marks.push((at, figure(at)));
            at += every;
        }
        Self { name, marks, low: first - 0.6, high: last + 0.6, log: false }
    }

    /// From 0 to 100 percent.
    pub(super) fn percent(name: &'static str) -> Self {
        let marks = [0.0, 25.0, 50.0, 75.0, 100.0].map(|value| (value, figure(value)));
        Self { name, marks: marks.to_vec(), low: 0.0, high: 100.0, log: false }
    }

    /// Where a value is, in the axis' own coordinate.
    pub(super) fn place(&self, value: f64) -> f64 {
        let value = value.clamp(self.low, self.high);
        if self.log { value.log10() } else { value }
    }

    /// The least value.
    pub(super) const fn low(&self) -> f64 {
        self.low
    }

    /// The part of the axis up to a value.
    pub(super) fn share(&self, value: f64) -> f64 {
        let (low, high) = (self.place(self.low), self.place(self.high));
        (self.place(value) - low) / (high - low)
    }

    pub(super) fn coord(&self) -> Scale {
        let marks = self.marks.iter().map(|(value, _)| self.place(*value)).collect();
        Scale { range: (self.place(self.low)..self.place(self.high)).into(), marks }
    }

    /// What is written at a place.
    pub(super) fn label(&self, place: f64) -> String {
        let distance = |value: f64| (self.place(value) - place).abs();
        let nearest = self.marks.iter().min_by(|a, b| distance(a.0).total_cmp(&distance(b.0)));
        nearest.map(|(_, label)| label.clone()).unwrap_or_default()
    }
}

/// 1, 2 or 5 times a power of ten, at least `step`.
fn nice_step(step: f64) -> f64 {
    let power = 10f64.powf(step.log10().floor());
    let factors = [1.0, 2.0, 5.0, 10.0];
    factors.into_iter().map(|factor| factor * power).find(|nice| *nice >= step * (1.0 - 1e-9)).unwrap_or(step)
}

/// A number without digits that say nothing.
pub(super) fn figure(value: f64) -> String {
    let text = match value.abs() {
        v if v >= 1_000_000.0 => return format!("{} M", figure(value / 1_000_000.0)),
        v if v >= 10_000.0 => return format!("{} k", figure(value / 1_000.0)),
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        v if v >= 0.1 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    };
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_cover_the_range_and_are_round() {
        for most in [0.013, 0.7, 1.0, 3.3, 99.0, 12_345.0] {
            let axis = Axis::linear("x", most);
            assert!(axis.high >= most && axis.high <= most * 2.0, "{most}: {}", axis.high);
            assert!((4..=8).contains(&axis.marks.len()), "{most}: {:?}", axis.marks);
        }
        let axis = Axis::logarithmic("x", 0.004, 8.0);
        let labels: Vec<&str> = axis.marks.iter().map(|(_, label)| label.as_str()).collect();
        assert_eq!(labels, ["0.001", "0.01", "0.1", "1", "10"]);
        assert_eq!((axis.label(axis.place(0.1)).as_str(), axis.share(10.0)), ("0.1", 1.0));
    }

    #[test]
    fn figures_are_short() {
        assert_eq!(
            [0.0, 0.05, 2.5, 40.0, 1_500.0, 20_000.0, 3e6].map(figure),
            ["0", "0.05", "2.5", "40", "1500", "20 k", "3 M"]
        );
    }
}
