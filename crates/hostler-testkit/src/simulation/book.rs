//! The book: what was seen to take effect, in order, and which rules that broke.
//!
//! Why: rules are about what the store and the backend were really told, not about what a controller believes; so they
//! are checked where calls take effect, against what was written down here before.
//! Invariants: the book decides nothing. A trace line is made only when somebody will read it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hostler_types::{EndpointRecord, EndpointUid, InstanceId, Key};
use tokio::time::Instant;

/// Complaints of one run that are kept; the first tells most.
const COMPLAINTS_KEPT: usize = 20;

/// What happened so far.
pub(super) struct Book {
    begun: Instant,
    is_traced: bool,
    state: Mutex<Pages>,
}

/// What the rules look back to.
#[derive(Default)]
pub(super) struct Pages {
    lines: Vec<String>,
    complaints: Vec<String>,
    /// The endpoints as they stand in the store, and what their documents hold.
    pub(super) endpoints: BTreeMap<Key, Arc<EndpointRecord>>,
    pub(super) holds: BTreeMap<Key, BTreeMap<String, u32>>,
    /// What became of endpoints, in order: what an answer to a client must be found in.
    pub(super) turns: Vec<Turn>,
    /// Every instance that was ever written down.
    pub(super) written: BTreeSet<InstanceId>,
    /// Every instance that the backend was ever told to run.
    pub(super) ensured: BTreeSet<InstanceId>,
    /// The events of each key as they were committed, in order.
    pub(super) told: BTreeMap<Key, Vec<String>>,
    /// When each instance was first written down as draining.
    pub(super) draining_since: BTreeMap<InstanceId, Instant>,
    /// When each deployment was accepted: the same generation is never another one.
    pub(super) generations: BTreeMap<(EndpointUid, u64), (i64, String)>,
    /// Who was given the lease last.
    pub(super) holder: Option<String>,
    /// Which server acted when it was looked last.
    pub(super) acting: Option<u64>,
    /// Since when each instance is in no record.
    pub(super) strange_since: BTreeMap<InstanceId, Instant>,
    /// Since when each endpoint has nobody who takes requests, though somebody could.
    pub(super) mute_since: BTreeMap<Key, Instant>,
}

/// A turn in an endpoint's life that a client can be told of.
#[derive(Clone, Debug)]
pub(super) struct Turn {
    pub(super) key: Key,
    pub(super) kind: TurnKind,
    /// An answer to a client was already matched with it.
    pub(super) is_claimed: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum TurnKind {
    Created { config: String },
    Deploying { config: String },
    Scaling,
    Leaving,
    Gone,
    Status(&'static str),
}

impl Book {
    pub(super) fn new(is_traced: bool) -> Self {
        Self { begun: Instant::now(), is_traced, state: Mutex::default() }
    }

    /// Adds a line to the trace.
    pub(super) fn note(&self, line: impl FnOnce() -> String) {
        if self.is_traced {
            let line = self.stamped(&line());
            self.pages().lines.push(line);
        }
    }

    /// A rule was broken.
    pub(super) fn complain(&self, complaint: &str) {
        let line = self.stamped(&format!("BROKEN: {complaint}"));
        let mut pages = self.pages();
        if pages.complaints.len() < COMPLAINTS_KEPT {
            pages.complaints.push(line.clone());
        }
        if self.is_traced {
            pages.lines.push(line);
        }
    }

    fn stamped(&self, line: &str) -> String {
        let ms = self.begun.elapsed().as_millis();
        format!("{:>6}.{:03} {line}", ms / 1000, ms % 1000)
    }

    /// Whether any rule was broken so far.
    pub(super) fn is_broken(&self) -> bool {
        !self.pages().complaints.is_empty()
    }

    /// Everything is over: the trace and the complaints.
    pub(super) fn close(&self) -> (Vec<String>, Vec<String>) {
        let mut pages = self.pages();
        (std::mem::take(&mut pages.lines), std::mem::take(&mut pages.complaints))
    }

    pub(super) fn pages(&self) -> MutexGuard<'_, Pages> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pages {
    /// The endpoint with this id, if it is there.
    pub(super) fn endpoint(&self, uid: &EndpointUid) -> Option<&Arc<EndpointRecord>> {
        self.endpoints.values().find(|record| record.uid == *uid)
    }
}
