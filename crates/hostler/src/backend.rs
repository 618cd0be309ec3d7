//! The backend that the settings choose, opened: what the other rooms get of it, and how it is closed.
//!
//! Why: control sees only the `Compute` port; opening and closing differ from backend to backend, and this is the one
//! place that tells them apart.
//! Invariants: nothing else in the server names a concrete backend.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use async_trait::async_trait;
use hostler_artifacts::ArtifactCache;
use hostler_compute::{Compute, Delays, Router, SimulatedCompute};
use hostler_compute_docker::{DockerBackend, DockerConfig, Logins};
use hostler_compute_local::{Capacity, ModelData};
use hostler_compute_process::{ProcessBackend, ProcessConfig};
use hostler_control::{HttpPing, Ping, PingTrouble};
use hostler_types::{Clock, Millis};
use tracing::warn;

use crate::data_dir::DataDir;
use crate::model_data::CachedModelData;
use crate::settings::{BackendKind, Settings};

/// How long a stop waits for instances to end by themselves.
const STOP_GRACE: Duration = Duration::from_secs(10);

/// What the server has for its backend.
pub(crate) struct BackendNeeds {
    pub(crate) cache: ArtifactCache,
    pub(crate) logins: Logins,
    /// How many files an instance's processes may have open.
    pub(crate) open_files_max: Option<u64>,
}

/// An open backend.
pub(crate) struct Backend {
    kind: Kind,
    /// When it last lost all its instances on purpose.
    pub(crate) emptied_at: Millis,
}

enum Kind {
    Process(Arc<ProcessBackend>),
    /// Processes, and an engine that runs what is an image.
    Mixed {
        processes: Arc<ProcessBackend>,
        docker: Arc<DockerBackend>,
        router: Arc<Router>,
    },
    Simulated(Arc<SimulatedCompute>),
}

impl Backend {
    pub(crate) async fn open(
        settings: &Settings,
        dir: &DataDir,
        needs: BackendNeeds,
        clock: Arc<dyn Clock>,
    ) -> anyhow::Result<Self> {
        let capacity = match settings.overcommit {
            Some(overcommit) => machine_capacity(overcommit)?,
            None => Capacity::unlimited(),
        };
        let (kind, emptied_at) = match settings.backend {
            BackendKind::Process => {
                let exe = std::env::current_exe().context("finding this program's own file failed")?;
                let mut config = ProcessConfig::new(dir.join("instances"), exe);
                config.memory_bytes_max = settings.instance_memory_bytes_max;
                config.payload_bytes_max = settings.limit_bounds.payload_bytes;
                config.open_files_max = needs.open_files_max;
                config.capacity = capacity.clone();
                config.script = settings.script.config(&dir.join("environments"));
                sweep_environments(config.script.environments_dir.clone()).await;
                let data: Arc<dyn ModelData> = Arc::new(CachedModelData(needs.cache));
                let processes = ProcessBackend::open(config, data.clone(), clock.clone()).await?;
                let engine = settings.docker.as_ref().map(|docker| -> anyhow::Result<DockerConfig> {
                    let mut config = DockerConfig::new(dir.join("docker"), docker.address.clone(), dir.id()?);
                    config.memory_bytes_max = settings.instance_memory_bytes_max;
                    if let Some(kept) = docker.images_kept {
                        config.images_kept = kept;
                    }
                    config.capacity = capacity;
                    config.logins = needs.logins;
                    Ok(config)
                });
                let kind = match engine.transpose()? {
                    None => Kind::Process(Arc::new(processes.begin())),
                    Some(config) => {
                        // Both have opened before one begins: they share the cache.
                        let docker = DockerBackend::open(config, data, clock).await?;
                        mixed(processes.begin(), docker.begin())
                    }
                };
                (kind, dir.stopped_at())
            }
            BackendKind::Simulated => {
                warn!(
                    "the backend is simulated: endpoints become InService, but no model runs and none answers"
                );
                let started_at = clock.now();
                let backend = SimulatedCompute::unrecorded(clock, Delays::default());
                (Kind::Simulated(Arc::new(backend)), started_at)
            }
        };
        Ok(Self { kind, emptied_at })
    }

    pub(crate) fn compute(&self) -> Arc<dyn Compute> {
        match &self.kind {
            Kind::Process(backend) => backend.clone(),
            Kind::Mixed { router, .. } => router.clone(),
            Kind::Simulated(backend) => backend.clone(),
        }
    }

    /// What asks its instances for their health.
    pub(crate) fn ping(&self) -> Arc<dyn Ping> {
        match self.kind {
            Kind::Process(_) | Kind::Mixed { .. } => Arc::new(HttpPing),
            Kind::Simulated(_) => Arc::new(SimulatedPing),
        }
    }

    /// Stops every instance; when `hurry` resolves, without grace. How many are left.
    pub(crate) async fn stop_all(&self, hurry: impl Future<Output = ()>) -> usize {
        tokio::select! {
            left = self.stop_all_within(STOP_GRACE) => left,
            () = hurry => self.stop_all_within(Duration::ZERO).await,
        }
    }

    async fn stop_all_within(&self, grace: Duration) -> usize {
        match &self.kind {
            Kind::Process(processes) => processes.stop_all(grace).await,
            Kind::Mixed { processes, docker, .. } => {
                let (of_processes, of_docker) =
                    tokio::join!(processes.stop_all(grace), docker.stop_all(grace));
                of_processes + of_docker
            }
            Kind::Simulated(_) => 0,
        }
    }

    /// Lets go of the instances that still run.
    pub(crate) async fn detach(self) {
        match self.kind {
            Kind::Process(processes) => processes.detach().await,
            Kind::Mixed { processes, docker, .. } => {
                processes.detach().await;
                docker.detach().await;
            }
            Kind::Simulated(_) => {}
        }
    }
}

/// What makers of environments left that were killed; it holds up no server when that cannot be deleted.
async fn sweep_environments(dir: PathBuf) {
    let swept = tokio::task::spawn_blocking(move || hostler_script::sweep(&dir)).await;
    if let Ok(Err(error)) = swept {
        warn!(%error, "deleting half-made virtual environments failed");
    }
}

/// Processes, and containers of an engine beside them. What an engine ran that is not named any more stays in its
/// directory until it is.
fn mixed(processes: ProcessBackend, docker: DockerBackend) -> Kind {
    let (processes, docker) = (Arc::new(processes), Arc::new(docker));
    let router = Arc::new(Router::new(processes.clone(), docker.clone()));
    Kind::Mixed { processes, docker, router }
}

/// What this machine has, so many times over.
fn machine_capacity(overcommit: f64) -> anyhow::Result<Arc<Capacity>> {
    let text = std::fs::read_to_string("/proc/meminfo").context("looking how much memory there is failed")?;
    let kib = text.lines().find_map(|line| {
        let amount = line.strip_prefix("MemTotal:")?.trim().strip_suffix("kB")?;
        amount.trim().parse::<u64>().ok()
    });
    let kib = kib.context("/proc/meminfo does not say how much memory there is")?;
    let cpus = std::thread::available_parallelism().context("looking how many CPUs there are failed")?;
    let times = |amount: f64| (amount * overcommit) as u64;
    Ok(Capacity::of(times(kib as f64 * 1024.0), times(cpus.get() as f64 * 1000.0)))
}

/// A simulated instance is healthy as soon as it is there.
struct SimulatedPing;

#[async_trait]
impl Ping for SimulatedPing {
    async fn ping(&self, _address: SocketAddr) -> Result<(), PingTrouble> {
        Ok(())
    }
}
