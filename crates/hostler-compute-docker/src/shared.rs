//! What the tasks of the instances share, and what is kept in memory of each.
//!
//! Why: `observe` and `logs` are answered from here, without a look at the disk or a question to the engine.
//! Invariants: an entry is a copy of what the instance's files say. Nothing shows through a removal.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use hostler_compute::{Capabilities, ComputeError, InstanceSpec, InstanceState, Program};
use hostler_compute_local::container_dir::{self, ContainerDir};
use hostler_compute_local::directory::InstanceDir;
use hostler_compute_local::{ModelData, TargetModels, blocking};
use hostler_types::{Clock, DeviceClass, InstanceId};
use tokio::sync::{RwLock, broadcast, watch};

use crate::DockerConfig;
use crate::engine::{Engine, EngineError, EngineInfo};
use crate::networks::Networks;
use crate::pulled::Pulled;
use crate::pulls::Pulls;
use crate::records::HeldImage;

/// What the tasks of the instances need.
pub(crate) struct Shared {
    pub(crate) config: DockerConfig,
    pub(crate) data: Arc<dyn ModelData>,
    pub(crate) targets: TargetModels,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) engine: Arc<Engine>,
    pub(crate) networks: Networks,
    pub(crate) pulls: Pulls,
    pub(crate) pulled: Pulled,
    /// What the engine said of itself; none: it has not been reached yet.
    pub(crate) info: OnceLock<EngineInfo>,
    pub(crate) devices: BTreeMap<DeviceClass, u32>,
    /// Read by file work while it runs. It cannot be cancelled, so letting go waits for it.
    pub(crate) at_work: Arc<RwLock<()>>,
    pub(crate) changes: broadcast::Sender<InstanceId>,
    pub(crate) entries: Mutex<BTreeMap<InstanceId, Entry>>,
}

pub(crate) struct Entry {
    pub(crate) spec: InstanceSpec,
    pub(crate) spec_hash: String,
    pub(crate) state: InstanceState,
    pub(crate) dir: InstanceDir,
    pub(crate) images: Vec<HeldImage>,
    /// Its containers are gone, and what remains of it needs no network.
    pub(crate) is_off: bool,
    pub(crate) removal: watch::Sender<Option<Duration>>,
}

impl Shared {
    /// Asks the engine what it is, if that is not known yet.
    pub(crate) async fn get_to_know(&self) {
        match self.engine.info().await {
            Ok(info) => {
                let EngineInfo { server_version, cpus, memory_bytes, .. } = &info;
                let address = self.engine.address().to_string();
                tracing::info!(address, server_version, cpus, memory_bytes, "a container engine runs images");
                let _ = self.info.set(info);
            }
            Err(error) => {
                tracing::warn!(%error, "no image can be run before the container engine is there");
            }
        }
    }

    pub(crate) fn info(&self) -> Option<&EngineInfo> {
        self.info.get()
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
        let info = self.info.get();
        // Only root may enter a container's network, and only where that is one of this machine's.
        let is_root = rustix::process::geteuid().is_root();
        let isolates = is_root && info.is_some_and(|info| !info.is_rootless());
        Capabilities {
            name: "docker",
            limits_memory: info.is_none_or(|info| info.memory_limit),
            limits_cpu: info.is_none_or(|info| info.cpu_quota),
            isolates_network: isolates,
            isolates_images: isolates,
            memory_bytes_max: self.config.memory_bytes_max,
            runs_images: true,
            devices: self.devices.clone(),
        }
    }

    pub(crate) fn entries(&self) -> MutexGuard<'_, BTreeMap<InstanceId, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn state(&self, id: &InstanceId) -> Option<InstanceState> {
        self.entries().get(id).map(|entry| entry.state.clone())
    }

    /// What an image was for this instance's deployment.
    pub(crate) fn held_image(&self, id: &InstanceId, image: &str) -> Option<HeldImage> {
        let entries = self.entries();
        let first = InstanceId::before_all_of(&id.endpoint);
        let own = entries.range(first..).take_while(|(one, _)| one.endpoint == id.endpoint);
        let siblings = own.filter(|(one, _)| one.generation == id.generation);
        siblings.flat_map(|(_, entry)| &entry.images).find(|held| held.image == image).cloned()
    }

    pub(crate) async fn note_images(self: &Arc<Self>, id: &InstanceId, images: &[HeldImage]) {
        if let Some(entry) = self.entries().get_mut(id) {
            entry.images = images.to_vec();
        }
        let (shared, ids) = (self.clone(), images.iter().map(|image| image.id.clone()).collect::<Vec<_>>());
        let noted = self.blocking(move || {
            let now = shared.clock.now();
            for id in &ids {
                shared.pulled.use_now(id, now);
            }
            Ok(())
        });
        // It cannot fail.
        let _ = noted.await;
    }

    /// An image was pulled for an instance.
    pub(crate) async fn note_pulled(self: &Arc<Self>, image: &HeldImage) {
        let (shared, id) = (self.clone(), image.id.clone());
        let noted = self.blocking(move || {
            shared.pulled.note(&id, shared.clock.now());
            Ok(())
        });
        let _ = noted.await;
    }

    /// Whether an instance is made from an image.
    pub(crate) fn uses_image(&self, id: &str) -> bool {
        self.entries().values().flat_map(|entry| &entry.images).any(|image| image.id == id)
    }

    /// Whether an instance may need the network.
    pub(crate) fn needs_network(&self) -> bool {
        self.entries().values().any(|entry| !entry.is_off && !entry.spec.is_isolated)
    }

    /// An instance's containers are gone: the last one takes the network along.
    pub(crate) async fn leave_network(&self, id: &InstanceId) -> Result<(), EngineError> {
        if let Some(entry) = self.entries().get_mut(id) {
            entry.is_off = true;
        }
        self.networks.sweep(&self.engine, || self.needs_network()).await
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

    pub(crate) fn tell(&self, id: &InstanceId) {
        // An error means that nobody listens.
        let _ = self.changes.send(id.clone());
    }
}

pub(crate) fn names(spec: &InstanceSpec) -> Vec<String> {
    spec.containers.iter().map(|container| container.name.clone()).collect()
}

impl Entry {
    /// Where the log of this container is, or of the first one; none where there is no such container.
    pub(crate) fn log_dir(&self, container: Option<&str>) -> Option<PathBuf> {
        let names = names(&self.spec);
        let position = match container {
            None => 0,
            Some(container) => names.iter().position(|name| name == container)?,
        };
        let own = ContainerDir::all(&self.dir, &names).into_iter().nth(position)?;
        Some(own.logs().to_path_buf())
    }
}

/// What of a spec no container can do.
pub(crate) fn check(spec: &InstanceSpec) -> Result<(), ComputeError> {
    let refuse = |detail: String| Err(ComputeError::Unsupported { id: spec.id.clone(), detail });
    if let Err(detail) = container_dir::check_names(&names(spec)) {
        return refuse(detail);
    }
    match spec.containers.iter().find(|container| container.program != Program::Image) {
        Some(other) => refuse(format!("`{}` is not run as an image here", other.image)),
        None => Ok(()),
    }
}
