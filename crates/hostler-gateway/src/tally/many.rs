//! What is counted of endpoints with many models: whether requests found theirs, and how long models took to come and go.
//!
//! Why: SageMaker's metrics of multi-model endpoints (ModelCacheHit, ModelLoadingWaitTime, ModelDownloadingTime,
//! ModelLoadingTime, ModelUnloadingTime) tell whether there is memory for the models that are asked for.
//! Invariants: only what was done counts: a load that failed took no loading time. Counts only grow.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::{Histogram, Reading};

/// Upper bounds in microseconds, from a small file to AWS's limit of a load.
const BOUNDS_US: [u64; 14] = [
    1_000,
    5_000,
    10_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    30_000_000,
    60_000_000,
    360_000_000,
];

/// What takes time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A request waits for its model.
    Wait,
    /// Its files come.
    Download,
    /// The container loads it.
    Load,
    /// The container lets it go.
    Unload,
}

impl Step {
    pub(crate) const ALL: [Self; 4] = [Self::Wait, Self::Download, Self::Load, Self::Unload];
}

#[derive(Debug)]
pub(crate) struct Many {
    hits: AtomicU64,
    misses: AtomicU64,
    steps: [Histogram<{ BOUNDS_US.len() }>; Step::ALL.len()],
}

/// What they held at one moment, of one variant or of several.
#[derive(Clone, Debug, Default)]
pub(crate) struct ManyTotals {
    pub(crate) hits: u64,
    pub(crate) misses: u64,
    pub(crate) steps: [Reading; Step::ALL.len()],
}

impl Default for Many {
    fn default() -> Self {
        let steps = std::array::from_fn(|_| Histogram::new(&BOUNDS_US));
        Self { hits: AtomicU64::new(0), misses: AtomicU64::new(0), steps }
    }
}

impl Many {
    /// A request asked for a model that was loaded, or was not.
    pub(crate) fn asked(&self, was_loaded: bool) {
        if was_loaded { &self.hits } else { &self.misses }.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn took(&self, step: Step, duration: Duration) {
        self.steps[step as usize].observe(duration);
    }

    pub(crate) fn add_to(&self, totals: &mut ManyTotals) {
        totals.hits += self.hits.load(Ordering::Relaxed);
        totals.misses += self.misses.load(Ordering::Relaxed);
        for (step, total) in self.steps.iter().zip(&mut totals.steps) {
            step.add_to(total);
        }
    }
}
