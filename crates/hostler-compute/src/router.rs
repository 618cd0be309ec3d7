//! Two backends behind one port: one for programs of this machine, one for container images.
//!
//! Why: mapped commands and built-in engines start in milliseconds and need nothing installed; everything else is an
//! image. Which one runs an instance is decided by its spec alone, so a restart decides the same.
//! Invariants: an id lives in one backend at most: what the other one has is never launched a second time. What is asked
//! about an id is asked of both.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hostler_types::{EndpointUid, InstanceId};
use tokio::sync::broadcast;
use tokio::task::JoinSet;

use crate::{Capabilities, Compute, ComputeError, InstanceSpec, LogChunk, Observed, PlaceError, Program};

/// Changes kept for a slow receiver; it observes again when it lags.
const CHANGES_KEPT: usize = 4096;

/// Sends each instance to the backend that can run it.
pub struct Router {
    programs: Arc<dyn Compute>,
    images: Arc<dyn Compute>,
    changes: broadcast::Sender<InstanceId>,
    /// Ends with the router.
    _forwarders: JoinSet<()>,
}

impl Router {
    /// Over a backend for commands and built-in engines, and one for images. Needs a runtime.
    pub fn new(programs: Arc<dyn Compute>, images: Arc<dyn Compute>) -> Self {
        let changes = broadcast::channel(CHANGES_KEPT).0;
        let mut forwarders = JoinSet::new();
        for backend in [&programs, &images] {
            forwarders.spawn(forward(backend.clone(), backend.changes(), changes.clone()));
        }
        Self { programs, images, changes, _forwarders: forwarders }
    }

    /// The one that runs it, and the other one.
    fn of(&self, spec: &InstanceSpec) -> Result<(&dyn Compute, &dyn Compute), ComputeError> {
        let is_image = |program: &Program| matches!(program, Program::Image);
        let images = spec.containers.iter().filter(|container| is_image(&container.program)).count();
        if images == 0 {
            return Ok((&*self.programs, &*self.images));
        }
        if images == spec.containers.len() {
            return Ok((&*self.images, &*self.programs));
        }
        let detail = "some of its containers are images and others run as processes here; map all of them to commands \
                      or none";
        Err(ComputeError::Unsupported { id: spec.id.clone(), detail: detail.to_owned() })
    }
}

/// Tells what changes in one backend; where that was too fast, everything.
async fn forward(
    backend: Arc<dyn Compute>,
    mut from: broadcast::Receiver<InstanceId>,
    to: broadcast::Sender<InstanceId>,
) {
    loop {
        // An error of sending means that nobody listens.
        match from.recv().await {
            Ok(id) => drop(to.send(id)),
            Err(broadcast::error::RecvError::Lagged(_)) => {
                for id in backend.list().await.unwrap_or_default() {
                    drop(to.send(id));
                }
            }
            Err(broadcast::error::RecvError::Closed) => return,
        }
    }
}

#[async_trait]
impl Compute for Router {
    /// Of the programs, and what the images add: accelerators are of the machine, which is the same.
    fn capabilities(&self) -> Capabilities {
        let (programs, images) = (self.programs.capabilities(), self.images.capabilities());
        Capabilities {
            runs_images: images.runs_images,
            isolates_images: images.isolates_images,
            limits_memory: programs.limits_memory && images.limits_memory,
            limits_cpu: programs.limits_cpu && images.limits_cpu,
            ..programs
        }
    }

    async fn ensure(&self, spec: &InstanceSpec) -> Result<(), ComputeError> {
        let (own, other) = self.of(spec)?;
        // A mapping of images that changed between two starts sends a record elsewhere than before.
        if other.observe(&spec.id.endpoint).await?.iter().any(|one| one.id == spec.id) {
            return Err(ComputeError::SpecMismatch { id: spec.id.clone() });
        }
        own.ensure(spec).await
    }

    async fn remove(&self, id: &InstanceId, grace: Duration) -> Result<(), ComputeError> {
        self.programs.remove(id, grace).await?;
        self.images.remove(id, grace).await
    }

    async fn observe(&self, endpoint: &EndpointUid) -> Result<Vec<Observed>, ComputeError> {
        let mut all = self.programs.observe(endpoint).await?;
        all.extend(self.images.observe(endpoint).await?);
        Ok(all)
    }

    async fn list(&self) -> Result<Vec<InstanceId>, ComputeError> {
        let mut all = self.programs.list().await?;
        all.extend(self.images.list().await?);
        Ok(all)
    }

    fn changes(&self) -> broadcast::Receiver<InstanceId> {
        self.changes.subscribe()
    }

    async fn logs(
        &self,
        id: &InstanceId,
        container: Option<&str>,
        from: u64,
        bytes_max: usize,
    ) -> Result<LogChunk, ComputeError> {
        match self.programs.logs(id, container, from, bytes_max).await {
            Err(ComputeError::Unknown { .. }) => self.images.logs(id, container, from, bytes_max).await,
            answer => answer,
        }
    }

    async fn logged(&self, id: &InstanceId) -> Result<Vec<String>, ComputeError> {
        let of_programs = self.programs.logged(id).await?;
        if of_programs.is_empty() { self.images.logged(id).await } else { Ok(of_programs) }
    }

    async fn listens(&self, id: &InstanceId) -> Result<Vec<SocketAddr>, ComputeError> {
        match self.programs.listens(id).await {
            Err(ComputeError::Unknown { .. }) => self.images.listens(id).await,
            answer => answer,
        }
    }

    async fn place_model(&self, id: &InstanceId, name: &str, target: &str) -> Result<String, PlaceError> {
        match self.programs.place_model(id, name, target).await {
            Err(PlaceError::Unknown { .. }) => self.images.place_model(id, name, target).await,
            answer => answer,
        }
    }

    async fn drop_model(&self, id: &InstanceId, name: &str) -> Result<(), ComputeError> {
        self.programs.drop_model(id, name).await?;
        self.images.drop_model(id, name).await
    }

    async fn kept(&self, endpoint: &EndpointUid) -> Result<Vec<InstanceId>, ComputeError> {
        let mut all = self.programs.kept(endpoint).await?;
        all.extend(self.images.kept(endpoint).await?);
        all.sort();
        Ok(all)
    }

    async fn forget(&self, endpoint: &EndpointUid) -> Result<(), ComputeError> {
        self.programs.forget(endpoint).await?;
        self.images.forget(endpoint).await
    }
}
