//! What an instance's life is where it is containers: launched (`launch.rs`), watched (`watch.rs`), ended
//! (`removal.rs`). What all instances' lives have in common stands in `hostler_compute_local`.

use std::io;
use std::sync::Arc;

use hostler_compute::{InstanceFailure, InstanceSpec, InstanceState};
use hostler_compute_local::directory::{InstanceDir, PREPARED};
use hostler_compute_local::{Lease, Life, Removal, Stage};

use crate::log_copy::ContainerLog;
use crate::records::{Prepared, Running};
use crate::relay::Relay;
use crate::shared::Containers;

/// One instance and all that this server holds of it.
pub struct Instance {
    pub(crate) way: Arc<Containers>,
    pub(crate) dir: InstanceDir,
    pub(crate) spec: Arc<InstanceSpec>,
    /// Of each container.
    pub(crate) logs: Vec<ContainerLog>,
    /// The ways in, where there is no network.
    pub(crate) relays: Vec<Relay>,
}

impl Instance {
    pub(crate) fn new(way: Arc<Containers>, dir: InstanceDir, spec: Arc<InstanceSpec>) -> Self {
        let logs = ContainerLog::all(&dir, &spec.container_names(), way.config.log_limits);
        Self { way, dir, spec, logs, relays: Vec::new() }
    }

    pub(crate) fn show(&self, state: InstanceState) {
        self.way.site.show(&self.spec.id, state);
    }
}

impl Life for Instance {
    type Way = Containers;
    type Running = Running;

    fn way(&self) -> &Arc<Containers> {
        &self.way
    }

    fn dir(&self) -> &InstanceDir {
        &self.dir
    }

    fn spec(&self) -> &Arc<InstanceSpec> {
        &self.spec
    }

    fn cache_keys(&self) -> Vec<String> {
        let prepared: Option<Prepared> = self.dir.read(PREPARED).ok().flatten();
        prepared.unwrap_or_default().cache_keys
    }

    async fn reopen(&mut self, stage: Stage<Running>) -> Stage<Running> {
        match stage {
            Stage::Started(running) => Stage::Started(self.reopen_ways(running).await),
            other => other,
        }
    }

    async fn start(&mut self) -> Result<(Running, Vec<Lease>), Box<InstanceFailure>> {
        if self.way.info().is_none() {
            self.way.get_to_know().await;
        }
        self.prepare_and_launch().await
    }

    async fn watch(&mut self, running: Running) -> io::Result<InstanceState> {
        self.show(running.state());
        let ended = self.first_to_end(&running).await;
        self.conclude(&running, ended).await
    }

    async fn end(&mut self, removal: &mut Removal) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        Ok(self.stop_and_remove(removal).await?)
    }
}
