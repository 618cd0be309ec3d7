//! A histogram that many threads add to without a lock.
//!
//! Why: prometheus-client's own takes a lock for each observation; this one is two atomic additions.
//! Invariants: a reading is consistent in itself as far as its count is the sum of its buckets; the sum of the times may
//! be ahead of or behind them by what is observed in that moment.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Counts of durations up to each of `N` bounds and above the last.
#[derive(Debug)]
pub(crate) struct Histogram<const N: usize> {
    bounds_us: &'static [u64; N],
    counts: [AtomicU64; N],
    above: AtomicU64,
    sum_ns: AtomicU64,
}

/// What a histogram, or several together, held at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reading {
    /// (Upper bound in seconds, durations in this bucket alone); the last bound is infinity.
    pub(crate) buckets: Vec<(f64, u64)>,
    pub(crate) sum_ns: u64,
}

impl<const N: usize> Histogram<N> {
    pub(crate) fn new(bounds_us: &'static [u64; N]) -> Self {
        Self {
            bounds_us,
            counts: std::array::from_fn(|_| AtomicU64::new(0)),
            above: AtomicU64::new(0),
            sum_ns: AtomicU64::new(0),
        }
    }

    pub(crate) fn observe(&self, duration: Duration) {
        let ns = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        let bucket = self.bounds_us.partition_point(|bound| bound.saturating_mul(1_000) < ns);
        self.counts.get(bucket).unwrap_or(&self.above).fetch_add(1, Ordering::Relaxed);
        self.sum_ns.fetch_add(ns, Ordering::Relaxed);
    }

    /// Adds what it holds.
    pub(crate) fn add_to(&self, reading: &mut Reading) {
        if reading.buckets.is_empty() {
            let bounds = self.bounds_us.iter().map(|bound| *bound as f64 / 1e6);
            reading.buckets = bounds.chain([f64::INFINITY]).map(|bound| (bound, 0)).collect();
        }
        let counts = self.counts.iter().chain([&self.above]);
        for ((_, total), count) in reading.buckets.iter_mut().zip(counts) {
            *total += count.load(Ordering::Relaxed);
        }
        reading.sum_ns = reading.sum_ns.wrapping_add(self.sum_ns.load(Ordering::Relaxed));
    }
}

impl Reading {
    pub(crate) fn count(&self) -> u64 {
        self.buckets.iter().map(|(_, count)| count).sum()
    }

    pub(crate) fn sum_s(&self) -> f64 {
        self.sum_ns as f64 / 1e9
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_counts_in_the_first_bucket_that_holds_it() {
        let histogram = Histogram::new(&[100, 1_000]);
        let durations = [1, 100, 101, 1_000, 1_001, 60_000_000];
        durations.into_iter().map(Duration::from_micros).for_each(|duration| histogram.observe(duration));
        let mut reading = Reading::default();
        histogram.add_to(&mut reading);
        assert_eq!(reading.buckets, [(0.0001, 2), (0.001, 2), (f64::INFINITY, 2)]);
        assert_eq!(reading.count(), 6);
        assert!((reading.sum_s() - 60.002_203).abs() < 1e-9, "{}", reading.sum_s());
    }
}
