//! What the tasks of a backend's instances share, and what is kept in memory of each.
//!
//! Why: `observe` is called for every endpoint at every turn of the reconciler, so it must cost a look into a map: no
//! look at the disk, no question to an engine.
//! Invariants: an entry is a copy of what the instance's files say. Nothing shows through a removal.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hostler_artifacts::ArtifactSource;
use hostler_compute::{InstanceSpec, InstanceState};
use hostler_types::{Clock, InstanceId};
use tokio::sync::{RwLock, broadcast, watch};

use crate::container_dir::ContainerDir;
use crate::directory::InstanceDir;
use crate::{Capacity, ModelData, Placing, TargetModels, blocking};

/// Changes kept for a slow receiver; it observes again when it lags.
const CHANGES_KEPT: usize = 4096;

/// What every backend is given.
pub struct Ground {
    /// The directory that holds one directory per instance.
    pub root: PathBuf,
    /// Where model data comes from.
    pub data: Arc<dyn ModelData>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

/// The instances of one backend, each with what it noted (`N`) of them.
pub struct Site<N> {
    root: PathBuf,
    data: Arc<dyn ModelData>,
    clock: Arc<dyn Clock>,
    capacity: Arc<Capacity>,
    pub(crate) targets: TargetModels,
    /// Read by file work while it runs. It cannot be cancelled, so letting go waits for it.
    pub(crate) at_work: Arc<RwLock<()>>,
    changes: broadcast::Sender<InstanceId>,
    entries: Mutex<BTreeMap<InstanceId, Entry<N>>>,
}

/// An instance.
pub struct Entry<N> {
    /// What it is to be.
    pub spec: Arc<InstanceSpec>,
    pub(crate) spec_hash: String,
    /// What is shown of it.
    pub state: InstanceState,
    pub(crate) dir: InstanceDir,
    /// What its backend keeps of it besides.
    pub noted: N,
    pub(crate) removal: watch::Sender<Option<Duration>>,
}

impl<N> Site<N> {
    /// Nothing is there yet.
    pub fn new(ground: Ground, capacity: Arc<Capacity>, placing: Placing) -> Self {
        let Ground { root, data, clock } = ground;
        Self {
            root,
            targets: TargetModels::new(Arc::clone(&data), placing),
            data,
            clock,
            capacity,
            at_work: Arc::default(),
            changes: broadcast::channel(CHANGES_KEPT).0,
            entries: Mutex::default(),
        }
    }

    /// The directory of all instances.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where model data comes from.
    pub fn data(&self) -> &Arc<dyn ModelData> {
        &self.data
    }

    /// What time it is.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// What all backends of this machine may promise.
    pub fn capacity(&self) -> &Arc<Capacity> {
        &self.capacity
    }

    /// Runs file work where it may block.
    pub async fn blocking<T: Send + 'static>(
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

    /// Every instance. Never held while waiting.
    pub fn entries(&self) -> MutexGuard<'_, BTreeMap<InstanceId, Entry<N>>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is shown of an instance.
    pub fn state(&self, id: &InstanceId) -> Option<InstanceState> {
        self.entries().get(id).map(|entry| entry.state.clone())
    }

    /// For the log.
    pub(crate) fn endpoint_name(&self, id: &InstanceId) -> Option<String> {
        self.entries().get(id).map(|entry| entry.spec.endpoint_name.clone())
    }

    /// Shows a new state and tells; nothing shows through a removal.
    pub fn show(&self, id: &InstanceId, state: InstanceState) {
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

    pub(crate) fn changes(&self) -> broadcast::Receiver<InstanceId> {
        self.changes.subscribe()
    }
}

impl<N> Entry<N> {
    /// Where the log of this container is, or of the first one; none where there is no such container.
    pub(crate) fn log_dir(&self, container: Option<&str>) -> Option<PathBuf> {
        let names = self.spec.container_names();
        let position = match container {
            None => 0,
            Some(container) => names.iter().position(|name| name == container)?,
        };
        let own = ContainerDir::all(&self.dir, &names).into_iter().nth(position)?;
        Some(own.logs().to_path_buf())
    }

    /// Where its target models come from, when it has many.
    pub(crate) fn models(&self) -> Option<ArtifactSource> {
        self.spec.containers.iter().find_map(|container| container.models.clone())
    }
}
