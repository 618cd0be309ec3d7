//! The backend as the book sees it: every effect is looked at when it happens.
//!
//! The rules: only the holder of the lease acts; an instance is written down before it is launched; no id is launched
//! twice; nothing wanted is removed; a removal waits for the requests in flight, up to the deadline; of one endpoint a
//! controller has one run at a time.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hostler_compute::{Capabilities, Compute, ComputeError, InstanceSpec, LogChunk, Observed};
use hostler_types::{EndpointStatus, EndpointUid, Goal, InstanceId, InstanceIntent, RouteTable};
use tokio::sync::broadcast;

use super::stage::{DRAIN_TIMEOUT, Stage};
use crate::SimRoutes;

/// Clocks of two machines differ, and one decides by what another wrote down.
const CLOCK_SLACK: Duration = Duration::from_secs(2);

/// A [`Compute`] that writes into the book.
pub(super) struct WatchedCompute {
    pub(super) stage: Arc<Stage>,
    pub(super) server: String,
    pub(super) routes: Arc<SimRoutes>,
}

impl WatchedCompute {
    fn check_right(&self, what: &str, id: &InstanceId) {
        let holder = self.stage.book.pages().holder.clone();
        if holder.as_ref() != Some(&self.server) {
            let Self { server, .. } = self;
            self.stage.book.complain(&format!("{server} {what} `{id}` while {holder:?} holds the lease"));
        }
    }

    fn check_launch(&self, id: &InstanceId) {
        let exists = self.stage.compute.state(id).is_some();
        let pages = self.stage.book.pages();
        let is_written = pages.written.contains(id);
        let is_again = pages.ensured.contains(id);
        drop(pages);
        if !is_written {
            self.stage.book.complain(&format!("`{id}` is launched before it is written down"));
        }
        if is_again && !exists {
            self.stage.book.complain(&format!("`{id}` is launched twice"));
        }
    }

    fn check_removal(&self, id: &InstanceId) {
        let pages = self.stage.book.pages();
        let wanted_by = pages.endpoint(&id.endpoint).filter(|record| {
            let serves = record.goal == Goal::Serve && record.status != EndpointStatus::Failed;
            let mut known = record.instances.iter().filter(|instance| instance.id == *id);
            serves && known.any(|instance| instance.intent == InstanceIntent::Wanted)
        });
        let is_wanted = wanted_by.is_some();
        let drained_for = pages.draining_since.get(id).map(tokio::time::Instant::elapsed);
        drop(pages);
        if is_wanted {
            self.stage.book.complain(&format!("`{id}` is removed while its record wants it"));
        }
        let in_flight = self.routes.in_flight(id);
        if in_flight == 0 || self.stage.addresses(id).is_empty() {
            return;
        }
        match drained_for {
            None => {
                let complaint = format!("`{id}` is removed undrained with {in_flight} requests in flight");
                self.stage.book.complain(&complaint);
            }
            Some(drained_for) if drained_for + CLOCK_SLACK < DRAIN_TIMEOUT => {
                self.stage.book.complain(&format!(
                    "`{id}` is removed with {in_flight} requests in flight after draining for {drained_for:?}"
                ));
            }
            Some(_) => {}
        }
    }
}

#[async_trait]
impl Compute for WatchedCompute {
    fn capabilities(&self) -> Capabilities {
        self.stage.compute.capabilities()
    }

    async fn ensure(&self, spec: &InstanceSpec) -> Result<(), ComputeError> {
        self.check_right("launches", &spec.id);
        self.check_launch(&spec.id);
        self.stage.book.note(|| format!("{} ensures {}", self.server, spec.id));
        let data = spec.containers.iter().find_map(|container| container.model_data.as_ref());
        if data.is_some_and(|data| data.at.uri.contains("unsupported")) {
            let detail = "simulated: no program runs its image".to_owned();
            return Err(ComputeError::Unsupported { id: spec.id.clone(), detail });
        }
        self.stage.book.pages().ensured.insert(spec.id.clone());
        self.stage.compute.ensure(spec).await
    }

    async fn remove(&self, id: &InstanceId, grace: Duration) -> Result<(), ComputeError> {
        self.check_right("removes", id);
        self.check_removal(id);
        self.stage.book.note(|| format!("{} removes {id}", self.server));
        self.stage.compute.remove(id, grace).await
    }

    async fn observe(&self, endpoint: &EndpointUid) -> Result<Vec<Observed>, ComputeError> {
        self.stage.compute.observe(endpoint).await
    }

    async fn list(&self) -> Result<Vec<InstanceId>, ComputeError> {
        self.stage.compute.list().await
    }

    fn changes(&self) -> broadcast::Receiver<InstanceId> {
        self.stage.compute.changes()
    }

    async fn logs(
        &self,
        id: &InstanceId,
        container: Option<&str>,
        from: u64,
        bytes_max: usize,
    ) -> Result<LogChunk, ComputeError> {
        self.stage.compute.logs(id, container, from, bytes_max).await
    }

    async fn logged(&self, id: &InstanceId) -> Result<Vec<String>, ComputeError> {
        self.stage.compute.logged(id).await
    }

    async fn forget(&self, endpoint: &EndpointUid) -> Result<(), ComputeError> {
        self.stage.compute.forget(endpoint).await
    }
}
