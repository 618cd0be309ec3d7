//! The port, answered from memory; the tasks of the instances keep that memory true.
//!
//! Why: `observe` is called for every endpoint at every turn of the reconciler, so it must cost a look into a map;
//! exits arrive from the kernel within a millisecond, nothing is polled.
//! Invariants: every instance has one directory, one entry here and one task.
//! Failure: dropping the backend drops the tasks and touches no instance; the next `open` takes them up.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use hostler_compute::{
    Capabilities, Compute, ComputeError, InstanceSpec, InstanceState, LogChunk, Observed, Phase, PlaceError,
};
use hostler_compute_local::{Placing, TargetModels, blocking};
use hostler_types::{Clock, DeviceClass, EndpointUid, InstanceId};
use tokio::sync::{RwLock, broadcast, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use tracing::Instrument;

use crate::adoption::{self, Stage};
use crate::cgroup::Hierarchies;
use crate::container_dir::ContainerDir;
use crate::directory::{InstanceDir, LAUNCH, MODELS, REMOVING, SPEC};
use crate::entry::{Entry, check, names};
use crate::life::Instance;
use crate::ports::{PortLease, Ports};
use crate::records::{Launch, SpecFile, Stop, VERSION};
use crate::{ModelData, OpenError, ProcessConfig, devices, kept, listening, logs};

/// Changes kept for a slow receiver; it observes again when it lags.
const CHANGES_KEPT: usize = 4096;
/// What stopping everything may take beyond the grace.
const STOP_MARGIN: Duration = Duration::from_secs(20);

/// Runs instances as processes of this machine.
pub struct ProcessBackend {
    shared: Arc<Shared>,
    /// None: detached.
    tasks: Mutex<Option<JoinSet<()>>>,
}

/// What the tasks of the instances need.
pub(crate) struct Shared {
    pub(crate) config: ProcessConfig,
    pub(crate) data: Arc<dyn ModelData>,
    targets: TargetModels,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) hierarchies: Hierarchies,
    pub(crate) devices: BTreeMap<DeviceClass, u32>,
    pub(crate) ports: Arc<Ports>,
    /// Read by file work while it runs. It cannot be cancelled, so letting go waits for it.
    at_work: Arc<RwLock<()>>,
    changes: broadcast::Sender<InstanceId>,
    entries: Mutex<BTreeMap<InstanceId, Entry>>,
}

impl ProcessBackend {
    /// Takes up what is under the directory: running instances are adopted and shown at once, half-prepared ones go
    /// on, half-removed ones go.
    pub async fn open(
        mut config: ProcessConfig,
        data: Arc<dyn ModelData>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OpenError> {
        let dir = config.dir.clone();
        let failed = |source| OpenError { dir: dir.clone(), source };
        let (root, use_cgroups, device_dir) =
            (config.dir.clone(), config.use_cgroups, config.device_dir.clone());
        let (root, found, hierarchies, devices) = blocking(move || {
            crate::directory::make_dir(&root)?;
            let root = root.canonicalize()?;
            let hierarchies = if use_cgroups { Hierarchies::detect() } else { Hierarchies::none() };
            let found = InstanceDir::all(&root)?;
            Ok((root.clone(), found, hierarchies, devices::count(&device_dir)))
        })
        .await
        .map_err(failed)?;
        config.dir = root;
        for missing in &hierarchies.missing {
            tracing::warn!(missing, "this machine cannot hold every limit of an instance");
        }
        let ports = Ports::new(config.ports.clone());
        let changes = broadcast::channel(CHANGES_KEPT).0;
        let (at_work, entries) = (Arc::default(), Mutex::new(BTreeMap::new()));
        let targets = TargetModels::new(data.clone(), Placing::Links);
        let shared =
            Shared { config, data, targets, clock, hierarchies, devices, ports, at_work, changes, entries };
        let backend = Self { shared: Arc::new(shared), tasks: Mutex::new(Some(JoinSet::new())) };
        for (id, dir) in found {
            if let Err(error) = backend.take_up(&id, dir).await {
                // Its endpoint's name stood in what cannot be read; its id is all that is known.
                let (endpoint, generation) = (&id.endpoint, id.generation);
                tracing::error!(%endpoint, generation, instance = %id, %error, "an instance from before cannot be read, it is left alone");
            }
        }
        Ok(backend)
    }

    /// Stops and removes every instance and waits until they are gone; how many are not.
    pub async fn stop_all(&self, grace: Duration) -> usize {
        let mut changes = self.shared.changes.subscribe();
        let ids: Vec<InstanceId> = self.shared.entries().keys().cloned().collect();
        for id in &ids {
            if let Err(error) = self.remove(id, grace).await {
                let endpoint = self.shared.endpoint_name(id);
                let generation = id.generation;
                tracing::warn!(endpoint, generation, instance = %id, %error, "stopping an instance failed");
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
        let (read_dir, ports) = (dir.clone(), Arc::clone(&self.shared.ports));
        let (spec, stage, state, ports) = blocking(move || {
            let file: SpecFile =
                read_dir.read(SPEC)?.ok_or_else(|| io::Error::other("there is no spec.json"))?;
            if file.version != VERSION {
                return Err(io::Error::other(format!("its layout is version {}", file.version)));
            }
            let stage = adoption::examine(&read_dir)?;
            let state = adoption::state(&read_dir, &stage)?;
            let launch = match stage {
                Stage::Supervised => read_dir.read::<Launch>(LAUNCH)?,
                _ => None,
            };
            let adopt = |launch: &Launch| {
                launch.containers.iter().map(|container| ports.adopt(container.ports())).collect()
            };
            Ok((file.spec, stage, state, launch.as_ref().map(adopt).unwrap_or_default()))
        })
        .await?;
        let wish = match &stage {
            Stage::Removing(stop) => Some(Duration::from_millis(stop.grace_ms)),
            _ => None,
        };
        let removal = watch::Sender::new(wish);
        let receiver = removal.subscribe();
        let entry = Entry::of(&spec, state, &dir, removal);
        self.shared.entries().insert(id.clone(), entry);
        let instance = self.instance(dir, spec, ports);
        let span = instance.span();
        self.spawn(instance.live(stage, receiver).instrument(span)).map_err(io::Error::other)
    }

    fn instance(&self, dir: InstanceDir, spec: InstanceSpec, ports: Vec<PortLease>) -> Instance {
        Instance { shared: Arc::clone(&self.shared), id: spec.id.clone(), dir, spec, ports, child: None }
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> Result<(), &'static str> {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        let tasks = tasks.as_mut().ok_or("the backend was detached")?;
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
        Ok(())
    }
}

impl Shared {
    /// For the log.
    fn endpoint_name(&self, id: &InstanceId) -> Option<String> {
        self.entries().get(id).map(|entry| entry.endpoint_name.clone())
    }

    /// Runs file work where it may block.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let turn = Arc::clone(&self.at_work).read_owned().await;
        blocking(move || {
            let _turn = turn;
            work()
        })
        .await
    }

    pub(crate) fn capabilities(&self) -> Capabilities {
        Capabilities {
            name: "process",
            limits_memory: self.hierarchies.limits_memory(),
            limits_cpu: self.hierarchies.limits_cpu(),
            isolates_network: false,
            memory_bytes_max: self.config.memory_bytes_max,
            runs_images: false,
            isolates_images: false,
            devices: self.devices.clone(),
        }
    }

    fn entries(&self) -> MutexGuard<'_, BTreeMap<InstanceId, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn state(&self, id: &InstanceId) -> Option<InstanceState> {
        self.entries().get(id).map(|entry| entry.state.clone())
    }

    /// Shows a new state and tells; nothing shows through a removal.
    pub(crate) fn show(&self, id: &InstanceId, state: InstanceState) {
        {
            let mut entries = self.entries();
            let Some(entry) = entries.get_mut(id) else { return };
            if entry.state == state || entry.state == InstanceState::Removing {
                return;
            }
            entry.state = state;
        }
        self.tell(id);
    }

    /// The instance is gone.
    pub(crate) fn drop_entry(&self, id: &InstanceId) {
        self.entries().remove(id);
        self.targets.forget(id);
        self.tell(id);
    }

    fn tell(&self, id: &InstanceId) {
        // An error means that nobody listens.
        let _ = self.changes.send(id.clone());
    }
}

#[async_trait]
impl Compute for ProcessBackend {
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
            entries.insert(id.clone(), Entry::of(spec, state, &dir, removal));
            receiver
        };
        self.shared.tell(&id);
        let mut inner = ContainerDir::inner(&names(spec));
        if spec.containers.iter().any(|container| container.models.is_some()) {
            inner.push(MODELS.into());
        }
        let instance = self.instance(dir, spec.clone(), Vec::new());
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
            let (endpoint, generation) = (self.shared.endpoint_name(id), id.generation);
            tracing::warn!(endpoint, generation, instance = %id, %error, "noting a removal failed, it is carried out without");
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
                images: Vec::new(),
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
        let of_living = self.shared.entries().get(id).map(|entry| {
            // Looked at before reading: what is written after the end of an instance is nothing.
            let is_final = matches!(entry.state, InstanceState::Exited { .. } | InstanceState::Failed(_));
            entry.log_dir(container).map(|dir| (dir, is_final))
        });
        let of_living = match of_living {
            Some(None) => return Err(unknown()),
            found => found.flatten(),
        };
        let (root, kept_id, container) =
            (self.shared.config.dir.clone(), id.clone(), container.map(str::to_owned));
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
            None if self.shared.entries().contains_key(id) => {
                Ok(LogChunk { bytes: Vec::new(), next: from, ended: false })
            }
            None => Err(unknown()),
        }
    }

    async fn logged(&self, id: &InstanceId) -> Result<Vec<String>, ComputeError> {
        if let Some(entry) = self.shared.entries().get(id) {
            let names = if entry.containers.len() > 1 { entry.containers.clone() } else { Vec::new() };
            return Ok(names);
        }
        let (root, id) = (self.shared.config.dir.clone(), id.clone());
        blocking(move || Ok(kept::names(&root, &id)))
            .await
            .map_err(|source| ComputeError::Failed { action: "list kept logs", source: source.into() })
    }

    async fn place_model(&self, id: &InstanceId, name: &str, target: &str) -> Result<String, PlaceError> {
        let home = {
            let entries = self.shared.entries();
            entries.get(id).and_then(|entry| Some((entry.dir.models(), entry.models.clone()?)))
        };
        let place = self.shared.targets.place(id, home, name, target).await?;
        Ok(place.display().to_string())
    }

    async fn drop_model(&self, id: &InstanceId, name: &str) -> Result<(), ComputeError> {
        let models = self.shared.entries().get(id).map(|entry| entry.dir.models());
        self.shared.targets.drop_model(id, models, name).await
    }

    async fn listens(&self, id: &InstanceId) -> Result<Vec<SocketAddr>, ComputeError> {
        let dir = {
            let entries = self.shared.entries();
            let entry = entries.get(id).ok_or_else(|| ComputeError::Unknown { id: id.clone() })?;
            entry.dir.path().to_owned()
        };
        let found = self.shared.blocking(move || Ok(listening::addresses(&dir))).await;
        found.map_err(|error| ComputeError::Failed {
            action: "look where an instance listens",
            source: error.into(),
        })
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
