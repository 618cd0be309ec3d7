//! A backend of this machine, whatever runs its instances: the port (`backend/port.rs`) answered from memory, and the
//! tasks of the instances that keep that memory true.
//!
//! Why: processes and containers differ in what a `Way` says, and in nothing of this.
//! Invariants: every instance has one directory, one entry and one task.
//! Failure: dropping the backend drops the tasks and touches no instance; the next `open` takes them up.

mod port;

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use hostler_compute::{Compute, InstanceState};
use hostler_types::{Clock, InstanceId};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};
use tracing::Instrument;

use crate::directory::{InstanceDir, SPEC, make_dir};
use crate::life::{hold_again, live, span};
use crate::records::{SpecFile, VERSION};
use crate::site::Entry;
use crate::way::{Found, Life, Stage, Way};
use crate::{Ground, ModelData, blocking};

/// Runs instances in one way.
pub struct LocalBackend<W: Way> {
    way: Arc<W>,
    /// None: detached.
    tasks: Mutex<Option<JoinSet<()>>>,
}

/// A backend that holds what it found, and has not gone on with any of it.
///
/// Why: what runs holds its data in the cache before anybody fetches anything, which may take the room of what nobody
/// holds. Where there are several backends over one cache, all are opened before any begins.
#[must_use = "what was found goes on with `begin`"]
pub struct Opened<W: Way> {
    backend: LocalBackend<W>,
    lives: Vec<BoxFuture<'static, ()>>,
}

impl<W: Way> Opened<W> {
    /// Running instances are watched, half-prepared ones go on, half-removed ones go.
    pub fn begin(self) -> LocalBackend<W> {
        let Self { backend, lives } = self;
        let keeper = Arc::clone(&backend.way).keep_house().boxed();
        for task in lives.into_iter().chain([keeper]) {
            // It runs: the backend was not detached yet.
            let _ = backend.spawn(task);
        }
        backend
    }
}

/// The backend could not be opened.
#[derive(Debug, thiserror::Error)]
#[error("opening the instances under `{dir}` failed")]
pub struct OpenError {
    /// The directory.
    pub dir: PathBuf,
    /// What the system said.
    #[source]
    pub source: io::Error,
}

impl<W: Way> LocalBackend<W> {
    /// Takes up what is under the directory: running instances are adopted and shown at once, and what belongs to none
    /// is removed. The others go on with `Opened::begin`.
    pub async fn open(
        config: W::Config,
        data: Arc<dyn ModelData>,
        clock: Arc<dyn Clock>,
    ) -> Result<Opened<W>, OpenError> {
        let dir = W::dir(&config).to_owned();
        let failed = |source| OpenError { dir: dir.clone(), source };
        let root = dir.clone();
        let (root, found) = blocking(move || {
            make_dir(&root)?;
            let root = root.canonicalize()?;
            let found = InstanceDir::all(&root)?;
            Ok((root, found))
        })
        .await
        .map_err(failed)?;
        let way = Arc::new(W::open(config, Ground { root, data, clock }).await.map_err(failed)?);
        let backend = Self { way, tasks: Mutex::new(Some(JoinSet::new())) };
        let mut lives = Vec::new();
        for (id, dir) in found {
            match backend.take_up(&id, dir).await {
                Ok(life) => lives.push(life),
                Err(error) => {
                    // Its endpoint's name stood in what cannot be read; its id is all that is known.
                    let (endpoint, generation) = (&id.endpoint, id.generation);
                    tracing::error!(%endpoint, generation, instance = %id, %error, "an instance from before cannot be read, it is left alone");
                }
            }
        }
        backend.way.sweep().await;
        Ok(Opened { backend, lives })
    }

    /// Stops and removes every instance and waits until they are gone; how many are not.
    pub async fn stop_all(&self, grace: Duration) -> usize {
        let site = self.way.site();
        let mut changes = site.changes();
        let ids: Vec<InstanceId> = site.entries().keys().cloned().collect();
        for id in &ids {
            if let Err(error) = self.remove(id, grace).await {
                let (endpoint, generation) = (site.endpoint_name(id), id.generation);
                tracing::warn!(endpoint, generation, instance = %id, %error, "stopping an instance failed");
            }
        }
        let deadline = Instant::now() + grace + W::STOP_MARGIN;
        loop {
            let left = site.entries().len();
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
        drop(self.way.site().at_work.write().await);
    }

    /// What is to become of an instance that was found; nothing does before that is polled.
    async fn take_up(&self, id: &InstanceId, dir: InstanceDir) -> io::Result<BoxFuture<'static, ()>> {
        let (way, read_dir) = (Arc::clone(&self.way), dir.clone());
        let found = blocking(move || {
            let file: SpecFile =
                read_dir.read(SPEC)?.ok_or_else(|| io::Error::other("there is no spec.json"))?;
            if file.version != VERSION {
                return Err(io::Error::other(format!("its layout is version {}", file.version)));
            }
            way.find(read_dir, Arc::new(file.spec))
        })
        .await?;
        let Found { stage, state, noted, mut instance } = found;
        let wish = match &stage {
            Stage::Removing(stop) => Some(stop.grace()),
            _ => None,
        };
        let removal = watch::Sender::new(wish);
        let receiver = removal.subscribe();
        self.way.site().entries().insert(id.clone(), entry(&instance, state, noted, removal));
        // Before anybody looks: at its former address somebody else may listen by now.
        let stage = instance.reopen(stage).await;
        let span = span(&instance);
        let leases = hold_again(&instance, &stage).instrument(span.clone()).await;
        Ok(live(instance, stage, leases, receiver).instrument(span).boxed())
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> Result<(), &'static str> {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        let tasks = tasks.as_mut().ok_or("the backend was detached")?;
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
        Ok(())
    }
}

fn entry<L: Life, N>(
    instance: &L,
    state: InstanceState,
    noted: N,
    removal: watch::Sender<Option<Duration>>,
) -> Entry<N> {
    let (spec, dir) = (Arc::clone(instance.spec()), instance.dir().clone());
    Entry { spec_hash: spec.hash(), spec, state, dir, noted, removal }
}
