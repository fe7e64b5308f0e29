//! Samples as a count for each value, so that percentiles are exact, samples of many runs are added in any order, and a
//! million runs need no more room than the values differ.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Whole numbers, each with how often it was seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Samples {
    counts: BTreeMap<u64, u64>,
    total: u64,
}

/// What people look at: nearest-rank percentiles. All are 0 when there are no samples.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// How many samples there are.
    pub count: u64,
    /// Their mean.
    pub mean: f64,
    /// The least.
    pub min: u64,
    /// Half of them are no more than this.
    pub p50: u64,
    /// Of ten, nine are no more than this.
    pub p90: u64,
    /// Of a hundred, 99 are no more than this.
    pub p99: u64,
    /// The most.
    pub max: u64,
}

impl Samples {
    /// One more.
    pub fn add(&mut self, value: u64) {
        *self.counts.entry(value).or_default() += 1;
        self.total += 1;
    }

    /// All of another one.
    pub fn merge(&mut self, other: &Self) {
        for (value, count) in &other.counts {
            *self.counts.entry(*value).or_default() += count;
        }
        self.total += other.total;
    }

    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.total
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// Each value with how often it was seen, from the least.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        self.counts.iter().map(|(value, count)| (*value, *count))
    }

    /// The least value that so many of a hundred do not exceed.
    #[must_use]
    pub fn percentile(&self, percent: u64) -> u64 {
        let rank = (self.total * percent).div_ceil(100).max(1);
        let mut seen = 0;
        for (value, count) in self.iter() {
            seen += count;
            if seen >= rank {
                return value;
            }
        }
        0
    }

    /// What people look at.
    #[must_use]
    pub fn spread(&self) -> Spread {
        let sum: f64 = self.iter().map(|(value, count)| value as f64 * count as f64).sum();
        Spread {
            count: self.total,
            mean: if self.total == 0 { 0.0 } else { sum / self.total as f64 },
            min: self.percentile(0),
            p50: self.percentile(50),
            p90: self.percentile(90),
            p99: self.percentile(99),
            max: self.percentile(100),
        }
    }
}

impl Extend<u64> for Samples {
    fn extend<I: IntoIterator<Item = u64>>(&mut self, values: I) {
        values.into_iter().for_each(|value| self.add(value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_the_nearest_rank() {
        let mut samples = Samples::default();
        samples.extend(1..=100);
        let spread = samples.spread();
        assert_eq!((spread.min, spread.p50, spread.p90, spread.p99, spread.max), (1, 50, 90, 99, 100));
        let mut few = Samples::default();
        few.extend([7, 3]);
        assert_eq!((few.percentile(50), few.percentile(51), few.percentile(100)), (3, 7, 7));
        assert_eq!(Samples::default().spread(), Spread::default());
    }

    #[test]
    fn the_order_of_merging_does_not_matter() {
        let parts: Vec<Samples> = [vec![5, 1, 1], vec![], vec![9, 1]]
            .into_iter()
            .map(|values| {
                let mut samples = Samples::default();
                samples.extend(values);
                samples
            })
            .collect();
        let sum = |order: [usize; 3]| {
            let mut all = Samples::default();
            order.into_iter().for_each(|part| all.merge(&parts[part]));
            all
        };
        assert_eq!(sum([0, 1, 2]), sum([2, 0, 1]));
        assert_eq!(sum([0, 1, 2]).len(), 5);
    }
}
