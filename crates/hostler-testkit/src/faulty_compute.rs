//! A backend whose calls can go wrong, and that looks at every removal.
//!
//! Why: the rule that nothing routed is removed is about the moment of the call.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use hostler_compute::{
    Capabilities, Compute, ComputeError, InstanceSpec, InstanceState, LogChunk, Observed, SimulatedCompute,
};
use hostler_types::{EndpointUid, InstanceId};
use tokio::sync::broadcast;

use crate::effects::{Effects, effect};
use crate::routes::SimRoutes;

/// A [`Compute`] over the simulated one.
pub struct FaultyCompute {
    /// What outlives the server.
    pub inner: Arc<dyn Compute>,
    /// What runs there.
    pub world: SimulatedCompute,
    /// This server's calls.
    pub effects: Arc<Effects>,
    /// This server's gateway.
    pub routes: Arc<SimRoutes>,
    /// Endpoints that are being looked at: a run does so once, so that two at a time are two runs of one key.
    observing: Mutex<BTreeSet<EndpointUid>>,
}

impl FaultyCompute {
    /// This server's way to what outlives it.
    pub fn new(
        inner: Arc<dyn Compute>,
        world: SimulatedCompute,
        effects: Arc<Effects>,
        routes: Arc<SimRoutes>,
    ) -> Self {
        Self { inner, world, effects, routes, observing: Mutex::default() }
    }

    fn observing(&self) -> MutexGuard<'_, BTreeSet<EndpointUid>> {
        self.observing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn faulty_observe(&self, endpoint: &EndpointUid) -> Result<Vec<Observed>, ComputeError> {
        effect!(self.effects, "observe", self.inner.observe(endpoint), failed)
    }
}

/// Ends with the look, also when its run is dropped.
struct Looking<'a> {
    compute: &'a FaultyCompute,
    endpoint: &'a EndpointUid,
}

impl Drop for Looking<'_> {
    fn drop(&mut self) {
        self.compute.observing().remove(self.endpoint);
    }
}

fn failed(detail: &'static str) -> ComputeError {
    ComputeError::Failed { action: "do what it was asked", source: detail.into() }
}

#[async_trait]
impl Compute for FaultyCompute {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn ensure(&self, spec: &InstanceSpec) -> Result<(), ComputeError> {
        effect!(self.effects, "ensure", self.inner.ensure(spec), failed)
    }

    async fn remove(&self, id: &InstanceId, grace: Duration) -> Result<(), ComputeError> {
        let runs = matches!(self.world.state(id), Some(InstanceState::Running { .. }));
        if runs && !self.effects.has_crashed() && self.routes.is_routed(id) {
            self.routes.complain(format!("`{id}` is removed while it is routed"));
        }
        effect!(self.effects, "remove", self.inner.remove(id, grace), failed)
    }

    async fn observe(&self, endpoint: &EndpointUid) -> Result<Vec<Observed>, ComputeError> {
        if !self.observing().insert(endpoint.clone()) {
            self.routes.complain(format!("two runs look at `{endpoint}` at a time"));
        }
        let _looking = Looking { compute: self, endpoint };
        self.faulty_observe(endpoint).await
    }

    async fn list(&self) -> Result<Vec<InstanceId>, ComputeError> {
        effect!(self.effects, "list instances", self.inner.list(), failed)
    }

    fn changes(&self) -> broadcast::Receiver<InstanceId> {
        self.inner.changes()
    }

    async fn logs(
        &self,
        id: &InstanceId,
        container: Option<&str>,
        from: u64,
        bytes_max: usize,
    ) -> Result<LogChunk, ComputeError> {
        self.inner.logs(id, container, from, bytes_max).await
    }

    async fn logged(&self, id: &InstanceId) -> Result<Vec<String>, ComputeError> {
        self.inner.logged(id).await
    }

    async fn kept(&self, endpoint: &EndpointUid) -> Result<Vec<InstanceId>, ComputeError> {
        self.inner.kept(endpoint).await
    }

    async fn forget(&self, endpoint: &EndpointUid) -> Result<(), ComputeError> {
        effect!(self.effects, "forget", self.inner.forget(endpoint), failed)
    }
}
