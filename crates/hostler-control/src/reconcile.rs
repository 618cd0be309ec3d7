//! The reconciler: one loop that takes every endpoint nearer to what its record wants.
//!
//! Why: a crash, a missed signal, a second controller and an ordinary change must all take the same path, or the rare
//! ones are never tested. So a run gets a key and nothing else, reads the record, observes, plans, and carries out.
//! Invariants: at most one run per key; a change during a run causes exactly one more; the record is written down
//! before any effect of the plan; the route is published before an instance that left it is removed. Only the holder of
//! the lease writes and acts.
//! Failure: a run that breaks off anywhere is repeated with a growing pause; every effect is idempotent.

mod effects;
mod images;
mod lease;
mod moments;
mod publish;
mod queue;
mod run;
mod spec;
mod standing;
mod triggers;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hostler_catalog::ImageCatalog;
use hostler_compute::{Compute, InstanceFailure};
use hostler_store::Store;
use hostler_types::{Clock, EndpointRoute, EndpointUid, InstanceId, Key, Millis, RouteTable, ShownEndpoints};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::accelerators::AcceleratorPolicy;
use crate::metrics::RunMetrics;
use crate::plan::Policy;
use crate::prober::Prober;
pub use lease::LeaseSettings;
use lease::Right;
use queue::KeyQueue;
pub(crate) use queue::QueueDepths;
pub(crate) use run::sighting;
pub(crate) use spec::instance_spec;
use standing::Standings;
pub(crate) use standing::{InstanceStanding, VariantStanding};

/// Runs at once, over all endpoints.
const RUNS_MAX: usize = 64;

/// What the reconciler is made of.
#[derive(Clone)]
pub struct ReconcilerParts {
    /// Where records live.
    pub store: Arc<dyn Store>,
    /// Wall time that never goes back, the same as that of the operations: a [`SteadyClock`](crate::SteadyClock).
    pub clock: Arc<dyn Clock>,
    /// Runs instances.
    pub compute: Arc<dyn Compute>,
    /// Asks instances for their health.
    pub prober: Arc<Prober>,
    /// The gateway's side.
    pub routes: Arc<dyn RouteTable>,
    /// Which program runs an image.
    pub catalog: Arc<ImageCatalog>,
    /// What becomes of types whose accelerators the machine lacks.
    pub accelerators: AcceleratorPolicy,
    /// The planner's numbers.
    pub policy: Policy,
    /// Every endpoint is looked at again after this long, whatever was signalled.
    pub sweep_every: Duration,
    /// Who this controller is among those over the same store.
    pub lease: LeaseSettings,
    /// A number from 0 to 1, another one each time: it keeps apart what failed together.
    pub jitter: Arc<dyn Fn() -> f64 + Send + Sync>,
}

/// The loop's shared state.
pub struct Reconciler {
    parts: ReconcilerParts,
    queue: KeyQueue,
    right: Right,
    memory: Mutex<Memory>,
    runs: RunMetrics,
    standings: Standings,
}

/// Endpoints with numbers of their own in the metrics, where nobody says how many.
const SHOWN_DEFAULT: usize = 200;

/// What is remembered between runs; all of it can be lost.
#[derive(Default)]
struct Memory {
    /// Which endpoint an instance's signal concerns.
    keys: BTreeMap<EndpointUid, Key>,
    /// Which endpoint bears a name.
    uids: HashMap<Key, EndpointUid>,
    /// What the gateway was told last.
    published: HashMap<Key, Arc<EndpointRoute>>,
    /// Launches that the backend refused for good: they count as failed instances until they are removed.
    refused: HashMap<InstanceId, InstanceFailure>,
    /// When instances were first seen running.
    running: HashMap<EndpointUid, HashMap<InstanceId, Millis>>,
    /// Instances without a record that were seen once: removed when they are seen so again.
    strangers: BTreeSet<InstanceId>,
}

impl Reconciler {
    /// A reconciler that does nothing before [`Reconciler::run`].
    pub fn new(parts: ReconcilerParts) -> Arc<Self> {
        Self::showing(parts, Arc::new(ShownEndpoints::new(SHOWN_DEFAULT)))
    }

    /// The same, whose numbers go by these places.
    pub fn showing(parts: ReconcilerParts, shown: Arc<ShownEndpoints>) -> Arc<Self> {
        Arc::new(Self {
            parts,
            queue: KeyQueue::default(),
            right: Right::default(),
            memory: Mutex::default(),
            runs: RunMetrics::new(),
            standings: Standings::new(shown),
        })
    }

    pub(crate) fn run_metrics(&self) -> &RunMetrics {
        &self.runs
    }

    pub(crate) fn standings(&self) -> &Standings {
        &self.standings
    }

    pub(crate) fn queue_depths(&self) -> QueueDepths {
        self.queue.depths()
    }

    /// Works until `stop` is cancelled; runs that have begun are finished.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        // First of all, or everything would be looked at twice: without the right, and with it.
        let (pause, _) = self.ask_for_lease().await;
        let mut triggers = self.clone().spawn_triggers();
        let reconciler = self.clone();
        triggers.spawn(async move { reconciler.keep_lease(pause).await });
        let permits = Arc::new(Semaphore::new(RUNS_MAX));
        let mut runs = JoinSet::new();
        loop {
            while runs.try_join_next().is_some() {}
            let permit = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                permit = permits.clone().acquire_owned() => permit,
            };
            let Ok(permit) = permit else { break };
            let key = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                key = self.queue.next() => key,
            };
            let reconciler = self.clone();
            runs.spawn(async move {
                reconciler.run_key(key).await;
                drop(permit);
            });
        }
        triggers.shutdown().await;
        while runs.join_next().await.is_some() {}
        self.give_lease_back().await;
    }

    /// What is wrong with the queue of keys, one sentence each; empty when its rules hold.
    pub fn lint(&self) -> Vec<String> {
        self.queue.lint()
    }

    fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        // A panic while holding it cannot leave it half changed: every change is one insert or remove.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
