//! Many seeds on all processors.
//!
//! Why: a run is one thread, so that it is the same each time; runs share nothing.

use std::ops::Range;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};

use super::run::{Outcome, run_seed};

/// Runs that break a rule and are kept; the others need not be run any more.
const FAILURES_MAX: usize = 8;

/// What became of many runs.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Runs that ended.
    pub runs: u64,
    /// Those that broke a rule, by seed.
    pub failures: Vec<Outcome>,
}

/// Runs the seeds in so many threads; stops early when many break rules.
pub fn run_seeds(seeds: Range<u64>, threads: usize) -> Summary {
    let next = AtomicU64::new(seeds.start);
    let summary = Mutex::new(Summary::default());
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        return;
                    }
                    let outcome = run_seed(seed, false);
                    let mut summary = summary.lock().unwrap_or_else(PoisonError::into_inner);
                    summary.runs += 1;
                    if !outcome.complaints.is_empty() {
                        summary.failures.push(outcome);
                    }
                    if summary.failures.len() >= FAILURES_MAX {
                        return;
                    }
                }
            });
        }
    });
    let mut summary = summary.into_inner().unwrap_or_else(PoisonError::into_inner);
    summary.failures.sort_by_key(|outcome| outcome.seed);
    summary
}
