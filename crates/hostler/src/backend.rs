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
use hostler_compute::{Compute, Delays, SimulatedCompute};

use hostler_compute_process::{ProcessBackend, ProcessConfig};
use hostler_control::{HttpPing, Ping, PingTrouble};
use hostler_types::{Clock, Millis};
use tracing::warn;

use crate::data_dir::DataDir;
use crate::model_data::CachedModelData;
use crate::settings::{BackendKind, Settings};

/// How long a stop waits for instances to end by themselves.
const STOP_GRACE: Duration = Duration::from_secs(10);

/// An open backend.
pub(crate) struct Backend {
    kind: Kind,
    /// When it last lost all its instances on purpose.
    pub(crate) emptied_at: Millis,
}

enum Kind {
    Process(Arc<ProcessBackend>),
    Simulated(Arc<SimulatedCompute>),
}

impl Backend {
    pub(crate) async fn open(
        settings: &Settings,
        dir: &DataDir,
        cache: ArtifactCache,
        clock: Arc<dyn Clock>,
        open_files_max: Option<u64>,
    ) -> anyhow::Result<Self> {
        let (kind, emptied_at) = match settings.backend {
            BackendKind::Process => {
                let exe = std::env::current_exe().context("finding this program's own file failed")?;
                let mut config = ProcessConfig::new(dir.join("instances"), exe);
                config.memory_bytes_max = settings.instance_memory_bytes_max;
                config.payload_bytes_max = settings.limit_bounds.payload_bytes;
                config.open_files_max = open_files_max;
                config.script = settings.script.config(&dir.join("environments"));
                sweep_environments(config.script.environments_dir.clone()).await;
                let data = Arc::new(CachedModelData(cache));
                let backend = ProcessBackend::open(config, data, clock).await?;
                (Kind::Process(Arc::new(backend)), dir.stopped_at())
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
            Kind::Simulated(backend) => backend.clone(),
        }
    }

    /// What asks its instances for their health.
    pub(crate) fn ping(&self) -> Arc<dyn Ping> {
        match self.kind {
            Kind::Process(_) => Arc::new(HttpPing),
            Kind::Simulated(_) => Arc::new(SimulatedPing),
        }
    }

    /// Stops every instance; when `hurry` resolves, without grace. How many are left.
    pub(crate) async fn stop_all(&self, hurry: impl Future<Output = ()>) -> usize {
        let Kind::Process(backend) = &self.kind else { return 0 };
        tokio::select! {
            left = backend.stop_all(STOP_GRACE) => left,
            () = hurry => backend.stop_all(Duration::ZERO).await,
        }
    }

    /// Lets go of the instances that still run.
    pub(crate) async fn detach(self) {
        if let Kind::Process(backend) = self.kind {
            backend.detach().await;
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

/// A simulated instance is healthy as soon as it is there.
struct SimulatedPing;

#[async_trait]
impl Ping for SimulatedPing {
    async fn ping(&self, _address: SocketAddr) -> Result<(), PingTrouble> {
        Ok(())
    }
}
