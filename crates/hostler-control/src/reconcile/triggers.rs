//! What makes the reconciler look: changes of records, of instances, of health, of drains, and a sweep.
//!
//! Why: signals make it fast, the sweep makes it right; a lost signal costs one sweep's time and nothing else.
//! Invariants: a signal only names what to look at.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use hostler_types::{EndpointRecord, EndpointUid, InstanceId, Kind, Record};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinSet;
use tracing::{info, warn};

use super::Reconciler;
use super::lease::Term;
use super::run::RunError;

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
            let mut ticks = tokio::time::interval(self.parts.sweep_every.max(Duration::from_millis(1)));
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                self.sweep().await;
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
        match self.parts.store.keys(Kind::Endpoint).await {
            Ok(keys) => keys.iter().for_each(|key| self.queue.enqueue(key)),
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                warn!(error, "listing the endpoints failed; the next sweep tries again");
                return;
            }
        }
        match self.right.held() {
            Some(term) => self.remove_orphans(term).await,
            None => self.memory().strangers.clear(),
        }
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
            info!(instance = %id, "removing an instance that belongs to no endpoint");
            let grace = Duration::from_millis(self.parts.policy.stop_grace_ms.unsigned_abs());
            if let Err(error) = self.parts.compute.remove(&id, grace).await {
                let error: &dyn std::error::Error = &error;
                warn!(instance = %id, error, "removing it failed; the next sweep tries again");
            }
            if let Err(error) = self.parts.compute.forget(&id.endpoint).await {
                let error: &dyn std::error::Error = &error;
                warn!(instance = %id, error, "deleting its logs failed; the next sweep tries again");
            }
        }
    }
}
