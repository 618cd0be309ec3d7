//! The backend that the settings choose, opened: what the other rooms get of it, and how it is closed.
//!
//! Why: control sees only the `Compute` port; opening and closing differ from backend to backend, and this is the one
//! place that tells them apart.
//! Invariants: nothing else in the server names a concrete backend.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use async_trait::async_trait;
use hostler_artifacts::ArtifactCache;
use hostler_compute::{Compute, Delays, SimulatedCompute};

use hostler_compute_process::{ProcessBackend, ProcessConfig};
use hostler_control::{HttpPing, Ping};
use hostler_types::Clock;
use tracing::warn;

use crate::data_dir::DataDir;
use crate::model_data::CachedModelData;
use crate::settings::{BackendKind, Settings};

/// How long a stop waits for instances to end by themselves.
const STOP_GRACE: Duration = Duration::from_secs(10);

/// An open backend.
pub(crate) enum Backend {
    Process(Arc<ProcessBackend>),
    Simulated(Arc<SimulatedCompute>),
}

impl Backend {
    pub(crate) async fn open(
        settings: &Settings,
        dir: &DataDir,
        cache: ArtifactCache,
        clock: Arc<dyn Clock>,
    ) -> anyhow::Result<Self> {
        match settings.backend {
            BackendKind::Process => {
                let exe = std::env::current_exe().context("finding this program's own file failed")?;
                let mut config = ProcessConfig::new(dir.join("instances"), exe);
                config.memory_bytes_max = settings.instance_memory_bytes_max;
                let data = Arc::new(CachedModelData(cache));
                Ok(Self::Process(Arc::new(ProcessBackend::open(config, data, clock).await?)))
            }
            BackendKind::Simulated => {
                warn!(
                    "the backend is simulated: endpoints become InService, but no model runs and none answers"
                );
                Ok(Self::Simulated(Arc::new(SimulatedCompute::unrecorded(clock, Delays::default()))))
            }
        }
    }

    pub(crate) fn compute(&self) -> Arc<dyn Compute> {
        match self {
            Self::Process(backend) => backend.clone(),
            Self::Simulated(backend) => backend.clone(),
        }
    }

    /// What asks its instances for their health.
    pub(crate) fn ping(&self) -> Arc<dyn Ping> {
        match self {
            Self::Process(_) => Arc::new(HttpPing),
            Self::Simulated(_) => Arc::new(SimulatedPing),
        }
    }

    /// Lets go of the instances, which a stop ends first unless they are to stay.
    pub(crate) async fn close(self, leave_running: bool) {
        let Self::Process(backend) = self else { return };
        if !leave_running {
            let left = backend.stop_all(STOP_GRACE).await;
            if left > 0 {
                warn!(left, "instances did not stop in time");
            }
        }
        backend.detach().await;
    }
}

/// A simulated instance is healthy as soon as it is there.
struct SimulatedPing;

#[async_trait]
impl Ping for SimulatedPing {
    async fn ping(&self, _address: SocketAddr) -> Result<(), String> {
        Ok(())
    }
}
