//! What is counted of the store's commits.
//!
//! Why: every acknowledged change waits for a sync of the disk, so a slow disk shows here first.
//! Invariants: labels are words of an enum.

use std::time::Duration;

use hostler_store::{StoreError, StoreResult};
use prometheus_client::encoding::{EncodeLabelSet, EncodeLabelValue};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// Upper bounds in seconds: a sync takes a tenth of a millisecond to some tens of them.
const COMMIT_BOUNDS_S: [f64; 11] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0];

/// How a commit ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, EncodeLabelValue)]
#[expect(non_camel_case_types, reason = "the words of the label")]
enum Outcome {
    committed,
    conflict,
    refused,
    failed,
}

impl Outcome {
    const ALL: [Self; 4] = [Self::committed, Self::conflict, Self::refused, Self::failed];

    fn of<T>(result: &StoreResult<T>) -> Self {
        match result {
            Ok(_) => Self::committed,
            Err(StoreError::Conflict { .. }) => Self::conflict,
            Err(StoreError::InUse { .. } | StoreError::QuotaExceeded { .. }) => Self::refused,
            Err(_) => Self::failed,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    outcome: Outcome,
}

#[derive(Debug)]
pub(super) struct CommitMetrics {
    commits: Family<Labels, Counter>,
    durations: Histogram,
}

impl CommitMetrics {
    pub(super) fn new() -> Self {
        let commits = Family::<Labels, Counter>::default();
        for outcome in Outcome::ALL {
            // A series that is there from the beginning shows its first increase.
            drop(commits.get_or_create(&Labels { outcome }));
        }
        Self { commits, durations: Histogram::new(COMMIT_BOUNDS_S) }
    }

    pub(super) fn ended<T>(&self, result: &StoreResult<T>, took: Duration) {
        self.commits.get_or_create(&Labels { outcome: Outcome::of(result) }).inc();
        self.durations.observe(took.as_secs_f64());
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        registry.register(
            "store_commits",
            "Transactions that the store was asked to commit: committed, conflict (something changed meanwhile; whoever \
             asked decides anew), refused (a quota, or a resource in use), failed. failed should be 0: it means a full, \
             read-only or damaged disk, or more than the disk can take, and the log names the file",
            self.commits.clone(),
        );
        registry.register_with_unit(
            "store_commit_duration",
            "How long a commit takes, waiting for others and the sync of the disk included. Every change of an endpoint \
             waits for it; tens of milliseconds mean a slow disk",
            Unit::Seconds,
            self.durations.clone(),
        );
    }
}
