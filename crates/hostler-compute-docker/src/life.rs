//! The life of one instance on the server's side: prepare, launch, watch, conclude.
//!
//! Why: one task per instance, and each step begins with what files and engine say, so a task that is dropped anywhere
//! (a removal, a restart) is taken up by the next reader of them.
//! Invariants: the state shown is set after the file that says it was written. A task that ended its run waits for
//! nothing but removal.
//! Failure: an error of this machine on the way becomes the instance's failure, and is shown.

use std::sync::Arc;
use std::time::Duration;

use hostler_compute::{InstanceFailure, InstanceSpec, InstanceState};
use hostler_compute_local::Lease;
use hostler_compute_local::directory::{FAILED, InstanceDir, PREPARED};
use hostler_compute_local::failure::of_machine;
use hostler_types::InstanceId;
use tokio::sync::watch;

use crate::adoption::Stage;
use crate::launch::Launched;
use crate::log_copy::ContainerLog;
use crate::records::Prepared;
use crate::relay::Relay;
use crate::shared::{Shared, names};

/// One instance and all that this server holds of it.
pub(crate) struct Instance {
    pub(crate) shared: Arc<Shared>,
    pub(crate) id: InstanceId,
    pub(crate) dir: InstanceDir,
    pub(crate) spec: InstanceSpec,
    /// Of each container.
    pub(crate) logs: Vec<ContainerLog>,
    /// The ways in, where there is no network.
    pub(crate) relays: Vec<Relay>,
}

/// The wish to remove an instance, with its grace.
pub(crate) type Removal = watch::Receiver<Option<Duration>>;

impl Instance {
    pub(crate) fn new(shared: Arc<Shared>, dir: InstanceDir, spec: InstanceSpec) -> Self {
        let logs = ContainerLog::all(&dir, &names(&spec), shared.config.log_limits);
        Self { shared, id: spec.id.clone(), dir, spec, logs, relays: Vec::new() }
    }

    /// Which instance a line of the log is about. Of the highest level, so that no filter hides it.
    pub(crate) fn span(&self) -> tracing::Span {
        let (id, scope) = (&self.id, &self.spec.scope);
        tracing::error_span!(
            parent: None,
            "instance",
            account = %scope.account,
            region = %scope.region,
            endpoint = self.spec.endpoint_name,
            generation = id.generation,
            instance = %id
        )
    }

    /// Lives from `stage` until it is removed.
    pub(crate) async fn live(mut self, stage: Stage, mut removal: Removal) {
        if !matches!(stage, Stage::Removing(_)) {
            tokio::select! {
                () = self.run(stage) => {}
                _ = removal.wait_for(Option::is_some) => {}
            }
            if removal.wait_for(Option::is_some).await.is_err() {
                return;
            }
        }
        self.remove(removal).await;
    }

    pub(crate) fn show(&self, state: InstanceState) {
        self.shared.show(&self.id, state);
    }

    async fn run(&mut self, stage: Stage) {
        let Launched { running, leases } = match stage {
            Stage::Waiting => match self.prepare_and_launch().await {
                Ok(launched) => launched,
                Err(failure) => return self.fail(*failure).await,
            },
            Stage::Started(running) => Launched { running, leases: self.adopt_model().await },
            // Shown already.
            Stage::Removing(_) | Stage::Failed(_) | Stage::Exited(_) => return,
        };
        self.show(running.state());
        let ended = self.watch(&running).await;
        drop(leases);
        if let Err(error) = self.conclude(&running, ended).await {
            self.fail(of_machine("finding out how the instance ended", &error)).await;
        }
    }

    async fn adopt_model(&self) -> Vec<Lease> {
        let prepared: Option<Prepared> = self.dir.read(PREPARED).ok().flatten();
        let mut leases: Vec<Lease> = vec![Box::new(self.shared.config.capacity.hold(&self.spec.limits))];
        for key in prepared.unwrap_or_default().cache_keys {
            match self.shared.data.adopt(&key).await {
                Some(lease) => leases.push(lease),
                None => {
                    tracing::warn!(key, "the model data of a running instance is gone");
                }
            }
        }
        leases
    }

    async fn fail(&self, failure: InstanceFailure) {
        let (dir, written) = (self.dir.clone(), failure.clone());
        if let Err(error) = self.shared.blocking(move || dir.write(FAILED, &written)).await {
            tracing::warn!(%error, "writing down the failure failed");
        }
        self.show(InstanceState::Failed(failure));
    }
}
