//! What makes the reconciler look: changes of records, of instances, of health, of drains, and a sweep.
//!
//! Why: signals make it fast, the sweep makes it right; a lost signal costs one sweep's time and nothing else.
//! Invariants: a signal only names what to look at.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use hostler_types::{EndpointRecord, EndpointUid, InstanceId, Key, Kind, Record};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::{info, warn};

use super::Reconciler;
use super::lease::Term;
use super::run::RunError;

/// Between two endpoints of a sweep: at most a few per cent of one core are spent on what nothing happened to.
const SWEEP_STEP_MIN: Duration = Duration::from_millis(4);

impl Reconciler {
    pub(super) fn spawn_triggers(self: Arc<Self>) -> JoinSet<()> {
        let mut tasks = JoinSet::new();
        // All subscriptions come before the first sweep, so that nothing falls in between.
        let mut changes = self.parts.store.changes();
        let instances = self.parts.compute.changes();
        let health = self.parts.prober.changes();
        let drained = Arc::downgrade(&self);
        self.parts.routes.on_drained(Box::new(move |id| {
            if let Some(reconciler) = drained.upgrade() {
                reconciler.signal(id);
            }
        }));
        let reconciler = self.clone();
        tasks.spawn(async move {
            loop {
                match changes.recv().await {
                    Ok(change) if change.key.kind() == Kind::Endpoint => {
                        reconciler.queue.enqueue(&change.key);
                    }
                    Ok(_) => {}
                    Err(RecvError::Lagged(_)) => reconciler.sweep().await,
                    Err(RecvError::Closed) => return,
                }
            }
        });
        tasks.spawn(self.clone().follow(instances));
        tasks.spawn(self.clone().follow(health));
        tasks.spawn(async move {
            let sweep_every = self.parts.sweep_every.max(Duration::from_millis(1));
            // The first look is at everything at once: a start adopts. Later ones need no hurry, and thousands of
            // runs in one moment would make clients wait.
            let mut spread = Duration::ZERO;
            loop {
                let took = self.sweep_over(spread).await;
                tokio::time::sleep(took.max(sweep_every)).await;
                spread = sweep_every;
            }
        });
        tasks
    }

    async fn follow(self: Arc<Self>, mut ids: Receiver<InstanceId>) {
        loop {
            match ids.recv().await {
                Ok(id) => self.signal(&id),
                Err(RecvError::Lagged(_)) => self.sweep().await,
                Err(RecvError::Closed) => return,
            }
        }
    }

    /// Something happened to an instance: look at its endpoint.
    fn signal(&self, id: &InstanceId) {
        let key = self.memory().keys.get(&id.endpoint).cloned();
        if let Some(key) = key {
            self.queue.enqueue(&key);
        }
    }

    /// Every endpoint once more, and whatever runs for none.
    pub(super) async fn sweep(&self) {
        self.sweep_over(Duration::ZERO).await;
    }

    /// The same, the endpoints evenly over so long a time, or over more when they are many. How long it takes.
    async fn sweep_over(&self, spread: Duration) -> Duration {
        let keys = match self.parts.store.keys(Kind::Endpoint).await {
            Ok(keys) => keys,
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                warn!(error, "listing the endpoints failed; the next sweep tries again");
                return Duration::ZERO;
            }
        };
        let count = u32::try_from(keys.len().max(1)).unwrap_or(u32::MAX);
        let step = if spread.is_zero() { spread } else { (spread / count).max(SWEEP_STEP_MIN) };
        let mut at = Instant::now();
        for key in &keys {
            self.queue.enqueue_at(key, at);
            at += step;
        }
        // A record that was never read may be that of any instance which nobody seems to know.
        match self.right.held() {
            Some(term) if self.knows_all(&keys) => self.remove_orphans(term).await,
            Some(_) => {}
            None => self.memory().strangers.clear(),
        }
        step * count
    }

    /// Whether every endpoint's record was read at least once.
    fn knows_all(&self, keys: &[Key]) -> bool {
        let memory = self.memory();
        let known: HashSet<&Key> = memory.keys.values().collect();
        keys.iter().all(|key| known.contains(key))
    }

    /// The ids of all endpoints that have a record: a slow or unreadable one may not have had its first run.
    async fn recorded_uids(&self) -> Result<BTreeSet<EndpointUid>, RunError> {
        let mut uids = BTreeSet::new();
        for key in self.parts.store.keys(Kind::Endpoint).await? {
            if let Some(document) = self.parts.store.get(&key).await? {
                uids.insert(EndpointRecord::from_body(&document.body)?.uid);
            }
        }
        Ok(uids)
    }

    /// Instances of endpoints that nobody knows: their record was deleted while their backend was out of reach.
    async fn remove_orphans(&self, term: Term) {
        let ids = match self.parts.compute.list().await {
            Ok(ids) => ids,
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                warn!(error, "listing the instances failed; the next sweep tries again");
                return;
            }
        };
        // An endpoint whose first run is still to come is unknown too: only what stays unknown is looked into.
        let mut orphans: Vec<InstanceId> = {
            let mut memory = self.memory();
            let unknown: BTreeSet<_> =
                ids.into_iter().filter(|id| !memory.keys.contains_key(&id.endpoint)).collect();
            let again = unknown.intersection(&memory.strangers).cloned().collect();
            memory.strangers = unknown;
            again
        };
        if orphans.is_empty() {
            return;
        }
        match self.recorded_uids().await {
            Ok(uids) => orphans.retain(|id| !uids.contains(&id.endpoint)),
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                warn!(error, "not every endpoint can be read, so that nothing is known to be nobody's");
                return;
            }
        }
        for id in orphans {
            if !self.right.lasts(term) {
                return;
            }
            // Its endpoint has no name any more.
            info!(endpoint = %id.endpoint, generation = id.generation, instance = %id, "removing an instance that belongs to no endpoint");
            let grace = Duration::from_millis(self.parts.policy.stop_grace_ms.unsigned_abs());
            if let Err(error) = self.parts.compute.remove(&id, grace).await {
                let error: &dyn std::error::Error = &error;
                warn!(endpoint = %id.endpoint, generation = id.generation, instance = %id, error, "removing it failed; the next sweep tries again");
            }
            if let Err(error) = self.parts.compute.forget(&id.endpoint).await {
                let error: &dyn std::error::Error = &error;
                warn!(endpoint = %id.endpoint, generation = id.generation, instance = %id, error, "deleting its logs failed; the next sweep tries again");
            }
        }
    }
}
