//! The port, answered from memory (`shared.rs`); the tasks of the instances keep that memory true.
//!
//! Why: `observe` is called for every endpoint at every turn of the reconciler, so it must cost a look into a map; ends
//! are told by the engine as they happen, nothing is polled.
//! Invariants: every instance has one directory, one entry here and one task.
//! Failure: dropping the backend drops the tasks and touches no instance; the next `open` takes them up. An engine that
//! is not there when the backend opens is asked again by whatever needs it.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use hostler_compute::{
    Capabilities, Compute, ComputeError, InstanceSpec, InstanceState, LogChunk, Observed, Phase, PlaceError,
};
use hostler_compute_local::container_dir::ContainerDir;
use hostler_compute_local::directory::{InstanceDir, MODELS, REMOVING, SPEC, make_dir};
use hostler_compute_local::{ModelData, Placing, TargetModels, blocking, devices, kept, listening_at, logs};
use hostler_types::{Clock, EndpointUid, InstanceId};
use tokio::sync::{broadcast, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use tracing::Instrument;

use crate::adoption::{self, Stage};
use crate::container;
use crate::engine::Engine;
use crate::life::Instance;
use crate::networks::Networks;
use crate::pulled::Pulled;
use crate::pulls::Pulls;
use crate::records::{HeldImage, IMAGES, SpecFile, Stop, VERSION};
use crate::shared::{Entry, Shared, check, names};
use crate::{DockerConfig, OpenError, sweep};

/// Changes kept for a slow receiver; it observes again when it lags.
const CHANGES_KEPT: usize = 4096;
/// Where engines answer questions for names, inside of each container's network.
const ENGINES_NAME_SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 11));
/// What stopping everything may take beyond the grace.
const STOP_MARGIN: Duration = Duration::from_secs(30);

/// Runs instances as containers.
pub struct DockerBackend {
    shared: Arc<Shared>,
    /// None: detached.
    tasks: Mutex<Option<JoinSet<()>>>,
}

impl DockerBackend {
    /// Takes up what is under the directory and at the engine: running instances are adopted and shown at once,
    /// half-prepared ones go on, half-removed ones go, and what belongs to none is removed.
    pub async fn open(
        mut config: DockerConfig,
        data: Arc<dyn ModelData>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OpenError> {
        let dir = config.dir.clone();
        let failed = |source| OpenError { dir: dir.clone(), source };
        let (root, device_dir) = (config.dir.clone(), config.device_dir.clone());
        let images_kept = config.images_kept;
        let (root, found, devices, pulled) = blocking(move || {
            make_dir(&root)?;
            let root = root.canonicalize()?;
            let found = InstanceDir::all(&root)?;
            let pulled = Pulled::open(&root, images_kept);
            Ok((root, found, devices::count(&device_dir), pulled))
        })
        .await
        .map_err(failed)?;
        config.dir = root;
        let engine = Arc::new(Engine::new(config.address.clone()));
        let shared = Shared {
            networks: Networks::new(&config.owner),
            pulls: Pulls::new(engine.clone()),
            pulled,
            config,
            targets: TargetModels::new(data.clone(), Placing::Copies),
            data,
            clock,
            engine,
            info: OnceLock::new(),
            devices,
            at_work: Arc::default(),
            changes: broadcast::channel(CHANGES_KEPT).0,
            entries: Mutex::default(),
        };
        let backend = Self { shared: Arc::new(shared), tasks: Mutex::new(Some(JoinSet::new())) };
        backend.shared.get_to_know().await;
        for (id, dir) in found {
            if let Err(error) = backend.take_up(&id, dir).await {
                // Its endpoint's name stood in what cannot be read; its id is all that is known.
                let (endpoint, generation) = (&id.endpoint, id.generation);
                tracing::error!(%endpoint, generation, instance = %id, %error, "an instance from before cannot be read, it is left alone");
            }
        }
        if let Err(error) = backend.shared.sweep().await {
            tracing::warn!(%error, "what a former server left at the container engine could not be looked for");
        }
        // It runs: the backend was not detached yet.
        let _ = backend.spawn(sweep::sweep_images(Arc::clone(&backend.shared)));
        Ok(backend)
    }

    /// Stops and removes every instance and waits until they are gone; how many are not.
    pub async fn stop_all(&self, grace: Duration) -> usize {
        let mut changes = self.shared.changes.subscribe();
        let ids: Vec<InstanceId> = self.shared.entries().keys().cloned().collect();
        for id in &ids {
            if let Err(error) = self.remove(id, grace).await {
                tracing::warn!(instance = %id, %error, "stopping an instance failed");
            }
        }
        let deadline = Instant::now() + grace + STOP_MARGIN;
        loop {
            let left = self.shared.entries().len();
            if left == 0 || timeout_at(deadline, changes.recv()).await.is_err() {
                return left;
            }
        }
    }

    /// Lets go of every instance without touching it, and returns when no task of this backend and none of its file
    /// work runs any more: whoever opens the directory next has it alone.
    pub async fn detach(&self) {
        let tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut tasks) = tasks {
            tasks.shutdown().await;
        }
        drop(self.shared.at_work.write().await);
    }

    async fn take_up(&self, id: &InstanceId, dir: InstanceDir) -> io::Result<()> {
        let read_dir = dir.clone();
        let (spec, images, stage, state) = blocking(move || {
            let file: SpecFile =
                read_dir.read(SPEC)?.ok_or_else(|| io::Error::other("there is no spec.json"))?;
            if file.version != VERSION {
                return Err(io::Error::other(format!("its layout is version {}", file.version)));
            }
            let stage = adoption::examine(&read_dir)?;
            let state = adoption::state(&stage);
            Ok((file.spec, read_dir.read(IMAGES)?.unwrap_or_default(), stage, state))
        })
        .await?;
        let wish = match &stage {
            Stage::Removing(stop) => Some(Duration::from_millis(stop.grace_ms)),
            _ => None,
        };
        let removal = watch::Sender::new(wish);
        let receiver = removal.subscribe();
        let spec_hash = spec.hash();
        let entry =
            Entry { spec: spec.clone(), spec_hash, state, dir: dir.clone(), images, is_off: false, removal };
        self.shared.entries().insert(id.clone(), entry);
        let mut instance = Instance::new(Arc::clone(&self.shared), dir, spec);
        // Before anybody looks: at its former address somebody else may listen by now.
        let stage = instance.reopen_ways(stage).await;
        let span = instance.span();
        self.spawn(instance.live(stage, receiver).instrument(span)).map_err(io::Error::other)
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> Result<(), &'static str> {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        let tasks = tasks.as_mut().ok_or("the backend was detached")?;
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
        Ok(())
    }
}

#[async_trait]
impl Compute for DockerBackend {
    fn capabilities(&self) -> Capabilities {
        self.shared.capabilities()
    }

    async fn ensure(&self, spec: &InstanceSpec) -> Result<(), ComputeError> {
        check(spec)?;
        let (id, spec_hash) = (spec.id.clone(), spec.hash());
        let dir = InstanceDir::of(&self.shared.config.dir, &id);
        let receiver = {
            let mut entries = self.shared.entries();
            if let Some(entry) = entries.get(&id) {
                return if entry.spec_hash == spec_hash {
                    Ok(())
                } else {
                    Err(ComputeError::SpecMismatch { id })
                };
            }
            let (removal, receiver) = watch::channel(None);
            let state = InstanceState::Preparing { phase: Phase::Fetching };
            let (spec, spec_hash, dir) = (spec.clone(), spec_hash.clone(), dir.clone());
            entries.insert(
                id.clone(),
                Entry { spec, spec_hash, state, dir, images: Vec::new(), is_off: false, removal },
            );
            receiver
        };
        self.shared.tell(&id);
        let instance = Instance::new(Arc::clone(&self.shared), dir, spec.clone());
        let mut inner = ContainerDir::inner(&names(spec));
        if spec.containers.iter().any(|container| container.models.is_some()) {
            inner.push(MODELS.into());
        }
        let file = SpecFile { version: VERSION, spec_hash, spec: spec.clone() };
        let (noted, is_noted) = oneshot::channel();
        // In the task, so that a caller that goes away leaves nothing half done.
        let span = instance.span();
        let task = async move {
            let (shared, id) = (Arc::clone(&instance.shared), instance.id.clone());
            let root = shared.config.dir.clone();
            match shared.blocking(move || InstanceDir::create(&root, &file.spec.id, &file, &inner)).await {
                Ok(_) => {
                    let _ = noted.send(Ok(()));
                    if shared.info().is_none() {
                        shared.get_to_know().await;
                    }
                    instance.live(Stage::Waiting, receiver).await;
                }
                Err(error) => {
                    shared.drop_entry(&id);
                    let _ = noted.send(Err(error));
                }
            }
        };
        let failed = |source| ComputeError::Failed { action: "make the instance's directory", source };
        if let Err(error) = self.spawn(task.instrument(span)) {
            self.shared.drop_entry(&id);
            return Err(failed(error.into()));
        }
        match is_noted.await {
            Ok(result) => result.map_err(|error| failed(error.into())),
            Err(error) => Err(failed(error.into())),
        }
    }

    async fn remove(&self, id: &InstanceId, grace: Duration) -> Result<(), ComputeError> {
        let dir = {
            let entries = self.shared.entries();
            let Some(entry) = entries.get(id) else { return Ok(()) };
            entry.dir.clone()
        };
        let written = self.shared.blocking(move || dir.write(REMOVING, &Stop::after(grace))).await;
        if let Err(error) = written
            && error.kind() != io::ErrorKind::NotFound
        {
            // On a full disk an instance must end all the same: it makes room. After a crash it is asked for again.
            let (endpoint, generation) = (&id.endpoint, id.generation);
            tracing::warn!(%endpoint, generation, instance = %id, %error, "noting a removal failed, it is carried out without");
        }
        if let Some(entry) = self.shared.entries().get(id) {
            entry.removal.send_if_modified(|wish| {
                let is_new = wish.is_none_or(|earlier| grace < earlier);
                if is_new {
                    *wish = Some(grace);
                }
                is_new
            });
        }
        self.shared.show(id, InstanceState::Removing);
        Ok(())
    }

    async fn observe(&self, endpoint: &EndpointUid) -> Result<Vec<Observed>, ComputeError> {
        let first = InstanceId::before_all_of(endpoint);
        let entries = self.shared.entries();
        let own = entries.range(first..).take_while(|(id, _)| id.endpoint == *endpoint);
        Ok(own
            .map(|(id, entry)| Observed {
                id: id.clone(),
                spec_hash: entry.spec_hash.clone(),
                state: entry.state.clone(),
                images: entry.images.iter().filter_map(HeldImage::told).collect(),
            })
            .collect())
    }

    async fn list(&self) -> Result<Vec<InstanceId>, ComputeError> {
        Ok(self.shared.entries().keys().cloned().collect())
    }

    fn changes(&self) -> broadcast::Receiver<InstanceId> {
        self.shared.changes.subscribe()
    }

    async fn logs(
        &self,
        id: &InstanceId,
        container: Option<&str>,
        from: u64,
        bytes_max: usize,
    ) -> Result<LogChunk, ComputeError> {
        let unknown = || ComputeError::Unknown { id: id.clone() };
        let of_living = match self.shared.entries().get(id) {
            None => None,
            Some(entry) => {
                // Looked at before reading: what is written after the end of an instance is nothing.
                let is_final = matches!(entry.state, InstanceState::Exited { .. } | InstanceState::Failed(_));
                Some((entry.log_dir(container).ok_or_else(unknown)?, is_final))
            }
        };
        let (root, kept_id, name) =
            (self.shared.config.dir.clone(), id.clone(), container.map(str::to_owned));
        let found = blocking(move || {
            let (living, is_final) = of_living.unzip();
            let kept = kept::log(&root, &kept_id, name.as_deref());
            // A removal may have moved the log aside by now.
            let dirs: Vec<&Path> = living.iter().chain(&kept).map(PathBuf::as_path).collect();
            let piece = logs::read_first(&dirs, from, bytes_max)?;
            Ok(piece.map(|piece| (piece, is_final.unwrap_or(true))))
        })
        .await
        .map_err(|source| ComputeError::Failed { action: "read the log", source: source.into() })?;
        match found {
            Some((piece, is_final)) => {
                Ok(LogChunk { bytes: piece.bytes, next: piece.next, ended: is_final && piece.is_last })
            }
            // It is being made at this moment, or its removal threw it away.
            None if self.shared.entries().contains_key(id) => {
                Ok(LogChunk { bytes: Vec::new(), next: from, ended: false })
            }
            None => Err(unknown()),
        }
    }

    async fn logged(&self, id: &InstanceId) -> Result<Vec<String>, ComputeError> {
        if let Some(entry) = self.shared.entries().get(id) {
            let names = names(&entry.spec);
            return Ok(if names.len() > 1 { names } else { Vec::new() });
        }
        let (root, id) = (self.shared.config.dir.clone(), id.clone());
        blocking(move || Ok(kept::names(&root, &id)))
            .await
            .map_err(|source| ComputeError::Failed { action: "list kept logs", source: source.into() })
    }

    async fn place_model(&self, id: &InstanceId, name: &str, target: &str) -> Result<String, PlaceError> {
        let home = {
            let entries = self.shared.entries();
            entries.get(id).and_then(|entry| {
                let prefix = entry.spec.containers.iter().find_map(|container| container.models.clone());
                Some((entry.dir.models(), prefix?))
            })
        };
        self.shared.targets.place(id, home, name, target).await?;
        Ok(format!("{}/{name}/model", container::MODELS))
    }

    async fn drop_model(&self, id: &InstanceId, name: &str) -> Result<(), ComputeError> {
        let models = self.shared.entries().get(id).map(|entry| entry.dir.models());
        self.shared.targets.drop_model(id, models, name).await
    }

    async fn listens(&self, id: &InstanceId) -> Result<Vec<SocketAddr>, ComputeError> {
        let pid = {
            let entries = self.shared.entries();
            let entry = entries.get(id).ok_or_else(|| ComputeError::Unknown { id: id.clone() })?;
            // All containers share the network of the first.
            entry.state.containers().first().and_then(|first| first.pid)
        };
        let found = self.shared.blocking(move || Ok(pid.map(listening_at).unwrap_or_default())).await;
        let found = found.map_err(|error| ComputeError::Failed {
            action: "look where an instance listens",
            source: error.into(),
        })?;
        // The engine's own name server is nobody's model.
        let addresses = found.into_iter().map(|(address, _)| address);
        Ok(addresses.filter(|address| address.ip() != ENGINES_NAME_SERVER).collect())
    }

    async fn kept(&self, endpoint: &EndpointUid) -> Result<Vec<InstanceId>, ComputeError> {
        let (root, endpoint) = (self.shared.config.dir.clone(), endpoint.clone());
        blocking(move || kept::list(&root, &endpoint))
            .await
            .map_err(|source| ComputeError::Failed { action: "list kept logs", source: source.into() })
    }

    async fn forget(&self, endpoint: &EndpointUid) -> Result<(), ComputeError> {
        let (root, endpoint) = (self.shared.config.dir.clone(), endpoint.clone());
        blocking(move || kept::forget(&root, &endpoint))
            .await
            .map_err(|source| ComputeError::Failed { action: "delete kept logs", source: source.into() })
    }
}
