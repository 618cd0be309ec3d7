//! The port, answered from memory and from the instance's directory.
//!
//! Why: calls return once the wish is noted; the instance's task carries it out.
//! Invariants: a wish is on disk before it is answered, but for a removal on a full disk.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hostler_compute::{
    Capabilities, Compute, ComputeError, InstanceSpec, InstanceState, LogChunk, Observed, Phase, PlaceError,
};
use hostler_types::{EndpointUid, InstanceId};
use tokio::sync::{broadcast, oneshot, watch};
use tracing::Instrument;

use super::{LocalBackend, entry};
use crate::container_dir::ContainerDir;
use crate::directory::{InstanceDir, MODELS, REMOVING};
use crate::life::{live, span};
use crate::records::{SpecFile, Stop, VERSION};
use crate::way::{Life, Stage, Way};
use crate::{blocking, kept, logs};

#[async_trait]
impl<W: Way> Compute for LocalBackend<W> {
    fn capabilities(&self) -> Capabilities {
        self.way.capabilities()
    }

    async fn ensure(&self, spec: &InstanceSpec) -> Result<(), ComputeError> {
        self.way.check(spec)?;
        let site = self.way.site();
        let (id, spec_hash) = (spec.id.clone(), spec.hash());
        let dir = InstanceDir::of(site.root(), &id);
        let (instance, receiver) = {
            let mut entries = site.entries();
            if let Some(entry) = entries.get(&id) {
                return if entry.spec_hash == spec_hash {
                    Ok(())
                } else {
                    Err(ComputeError::SpecMismatch { id })
                };
            }
            let instance = self.way.instance(dir, Arc::new(spec.clone()));
            let (removal, receiver) = watch::channel(None);
            let state = InstanceState::Preparing { phase: Phase::Fetching };
            entries.insert(id.clone(), entry(&instance, state, W::Noted::default(), removal));
            (instance, receiver)
        };
        site.tell(&id);
        let mut inner = ContainerDir::inner(&spec.container_names());
        if spec.containers.iter().any(|container| container.models.is_some()) {
            inner.push(MODELS.into());
        }
        let file = SpecFile { version: VERSION, spec_hash, spec: spec.clone() };
        let (noted, is_noted) = oneshot::channel();
        // In the task, so that a caller that goes away leaves nothing half done.
        let span = span(&instance);
        let task = async move {
            let (way, id) = (Arc::clone(instance.way()), file.spec.id.clone());
            let (site, root) = (way.site(), way.site().root().to_owned());
            match site.blocking(move || InstanceDir::create(&root, &file.spec.id, &file, &inner)).await {
                Ok(_) => {
                    let _ = noted.send(Ok(()));
                    live(instance, Stage::Waiting, Vec::new(), receiver).await;
                }
                Err(error) => {
                    site.drop_entry(&id);
                    let _ = noted.send(Err(error));
                }
            }
        };
        let failed = |source| ComputeError::Failed { action: "make the instance's directory", source };
        if let Err(error) = self.spawn(task.instrument(span)) {
            site.drop_entry(&id);
            return Err(failed(error.into()));
        }
        match is_noted.await {
            Ok(result) => result.map_err(|error| failed(error.into())),
            Err(error) => Err(failed(error.into())),
        }
    }

    async fn remove(&self, id: &InstanceId, grace: Duration) -> Result<(), ComputeError> {
        let site = self.way.site();
        let dir = {
            let entries = site.entries();
            let Some(entry) = entries.get(id) else { return Ok(()) };
            entry.dir.clone()
        };
        let written = site.blocking(move || dir.write(REMOVING, &Stop::after(grace))).await;
        if let Err(error) = written
            && error.kind() != io::ErrorKind::NotFound
        {
            // On a full disk an instance must end all the same: it makes room. After a crash it is asked for again.
            let (endpoint, generation) = (site.endpoint_name(id), id.generation);
            tracing::warn!(endpoint, generation, instance = %id, %error, "noting a removal failed, it is carried out without");
        }
        if let Some(entry) = site.entries().get(id) {
            entry.removal.send_if_modified(|wish| {
                let is_new = wish.is_none_or(|earlier| grace < earlier);
                if is_new {
                    *wish = Some(grace);
                }
                is_new
            });
        }
        site.show(id, InstanceState::Removing);
        Ok(())
    }

    async fn observe(&self, endpoint: &EndpointUid) -> Result<Vec<Observed>, ComputeError> {
        let first = InstanceId::before_all_of(endpoint);
        let entries = self.way.site().entries();
        let own = entries.range(first..).take_while(|(id, _)| id.endpoint == *endpoint);
        Ok(own
            .map(|(id, entry)| Observed {
                id: id.clone(),
                spec_hash: entry.spec_hash.clone(),
                state: entry.state.clone(),
                images: W::images(&entry.noted),
            })
            .collect())
    }

    async fn list(&self) -> Result<Vec<InstanceId>, ComputeError> {
        Ok(self.way.site().entries().keys().cloned().collect())
    }

    fn changes(&self) -> broadcast::Receiver<InstanceId> {
        self.way.site().changes()
    }

    async fn logs(
        &self,
        id: &InstanceId,
        container: Option<&str>,
        from: u64,
        bytes_max: usize,
    ) -> Result<LogChunk, ComputeError> {
        let site = self.way.site();
        let unknown = || ComputeError::Unknown { id: id.clone() };
        let of_living = match site.entries().get(id) {
            None => None,
            Some(entry) => {
                // Looked at before reading: what is written after the end of an instance is nothing.
                let is_final = matches!(entry.state, InstanceState::Exited { .. } | InstanceState::Failed(_));
                Some((entry.log_dir(container).ok_or_else(unknown)?, is_final))
            }
        };
        let (root, kept_id, container) = (site.root().to_owned(), id.clone(), container.map(str::to_owned));
        let found = blocking(move || {
            // A removal may have moved the log aside by now: what is not here is looked for there afterwards.
            if let Some((dir, is_final)) = of_living
                && let Some(piece) = logs::read_first(&[&dir], from, bytes_max)?
            {
                return Ok(Some((piece, is_final)));
            }
            let Some(kept) = kept::log(&root, &kept_id, container.as_deref()) else { return Ok(None) };
            Ok(logs::read_first(&[&kept], from, bytes_max)?.map(|piece| (piece, true)))
        })
        .await
        .map_err(|source| ComputeError::Failed { action: "read the log", source: source.into() })?;
        match found {
            Some((piece, is_final)) => {
                Ok(LogChunk { bytes: piece.bytes, next: piece.next, ended: is_final && piece.is_last })
            }
            // It is being made at this moment, or its removal threw it away.
            None if site.entries().contains_key(id) => {
                Ok(LogChunk { bytes: Vec::new(), next: from, ended: false })
            }
            None => Err(unknown()),
        }
    }

    async fn logged(&self, id: &InstanceId) -> Result<Vec<String>, ComputeError> {
        let site = self.way.site();
        if let Some(entry) = site.entries().get(id) {
            let names = entry.spec.container_names();
            return Ok(if names.len() > 1 { names } else { Vec::new() });
        }
        let (root, id) = (site.root().to_owned(), id.clone());
        blocking(move || Ok(kept::names(&root, &id)))
            .await
            .map_err(|source| ComputeError::Failed { action: "list kept logs", source: source.into() })
    }

    async fn place_model(&self, id: &InstanceId, name: &str, target: &str) -> Result<String, PlaceError> {
        let site = self.way.site();
        let home = {
            let entries = site.entries();
            entries.get(id).and_then(|entry| Some((entry.dir.models(), entry.models()?)))
        };
        let place = site.targets.place(id, home, name, target).await?;
        Ok(W::path_inside(name, &place))
    }

    async fn drop_model(&self, id: &InstanceId, name: &str) -> Result<(), ComputeError> {
        let site = self.way.site();
        let models = site.entries().get(id).map(|entry| entry.dir.models());
        site.targets.drop_model(id, models, name).await
    }

    async fn listens(&self, id: &InstanceId) -> Result<Vec<SocketAddr>, ComputeError> {
        let site = self.way.site();
        let (dir, state) = {
            let entries = site.entries();
            let entry = entries.get(id).ok_or_else(|| ComputeError::Unknown { id: id.clone() })?;
            (entry.dir.clone(), entry.state.clone())
        };
        let found = site.blocking(move || Ok(W::listens(&dir, &state))).await;
        found.map_err(|error| ComputeError::Failed {
            action: "look where an instance listens",
            source: error.into(),
        })
    }

    async fn kept(&self, endpoint: &EndpointUid) -> Result<Vec<InstanceId>, ComputeError> {
        let (root, endpoint) = (self.way.site().root().to_owned(), endpoint.clone());
        blocking(move || kept::list(&root, &endpoint))
            .await
            .map_err(|source| ComputeError::Failed { action: "list kept logs", source: source.into() })
    }

    async fn forget(&self, endpoint: &EndpointUid) -> Result<(), ComputeError> {
        let (root, endpoint) = (self.way.site().root().to_owned(), endpoint.clone());
        blocking(move || kept::forget(&root, &endpoint))
            .await
            .map_err(|source| ComputeError::Failed { action: "delete kept logs", source: source.into() })
    }
}
