//! The end of an instance: asked to stop, killed when it does not, every trace deleted.
//!
//! Why: nothing may be left behind, neither by an instance that hangs nor by a server that dies in between; the wish is
//! in a file, and every step may be done twice.
//! Failure: what cannot be removed now is tried again for as long as the server lives, and said each time.

use std::io;
use std::time::Duration;

use futures_util::future::try_join_all;
use hostler_compute::InstanceState;
use hostler_compute_local::kept;
use tokio::time::Instant;

use crate::config::GRACE_DEFAULT;
use crate::engine::EngineError;
use crate::life::{Instance, Removal};
use crate::names;

/// A killed container is gone in far less, but for one stuck in the kernel.
const KILL_WITHIN: Duration = Duration::from_secs(15);
/// The pause after the first failed try; doubles up to the longest.
const RETRY_MIN: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(30);

impl Instance {
    /// Removes the instance and lets go of everything that is held for it.
    pub(crate) async fn remove(self, mut removal: Removal) {
        self.show(InstanceState::Removing);
        let mut pause = RETRY_MIN;
        while let Err(error) = self.try_remove(&mut removal).await {
            tracing::warn!(%error, "removing an instance failed, trying again");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(RETRY_MAX);
        }
        self.shared.drop_entry(&self.id);
    }

    async fn try_remove(
        &self,
        removal: &mut Removal,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let engine = &self.shared.engine;
        let mut ids = Vec::new();
        for number in 0..self.spec.containers.len() {
            let name = names::container(&self.shared.config.owner, &self.id, number);
            if let Some(found) = engine.container(&name).await? {
                ids.push((number, found.id, found.state.running));
            }
        }
        let running: Vec<&str> =
            ids.iter().filter(|(_, _, is_running)| *is_running).map(|(_, id, _)| id.as_str()).collect();
        if !running.is_empty() {
            self.stop(&running, removal).await?;
        }
        self.copy_rest(ids.iter().map(|(number, id, _)| (*number, id.as_str()))).await;
        for (_, id, _) in ids.iter().rev() {
            engine.remove_container(id).await?;
        }
        self.shared.leave_network(&self.id).await?;
        let (root, id, dir) = (self.shared.config.dir.clone(), self.id.clone(), self.dir.clone());
        let work = move || {
            match kept::keep(&root, &id, &dir) {
                // Room for the log is made by removing it.
                Err(error) if error.kind() == io::ErrorKind::StorageFull => {
                    tracing::warn!(%error, "keeping the log of a removed instance failed");
                }
                kept => kept?,
            }
            dir.remove()
        };
        Ok(self.shared.blocking(work).await?)
    }

    /// Returns when none of the containers runs any more.
    async fn stop(&self, ids: &[&str], removal: &mut Removal) -> Result<(), EngineError> {
        let began = Instant::now();
        let mut ended = std::pin::pin!(self.ask_to_stop(ids));
        loop {
            let grace = removal.borrow_and_update().unwrap_or(GRACE_DEFAULT);
            tokio::select! {
                ended = &mut ended => return ended,
                // Somebody has less patience. Nobody wishes anything any more once the backend is closed.
                Ok(()) = removal.changed() => {}
                () = tokio::time::sleep_until(began + grace) => return self.kill(ids).await,
            }
        }
    }

    /// The same, where nobody's patience changes.
    pub(crate) async fn stop_within(&self, ids: &[&str], grace: Duration) -> Result<(), EngineError> {
        match tokio::time::timeout(grace, self.ask_to_stop(ids)).await {
            Ok(ended) => ended,
            Err(_) => self.kill(ids).await,
        }
    }

    async fn ask_to_stop(&self, ids: &[&str]) -> Result<(), EngineError> {
        let engine = &self.shared.engine;
        try_join_all(ids.iter().map(async |id| {
            engine.kill_container(id, "SIGTERM").await?;
            engine.wait_container(id).await
        }))
        .await
        .map(drop)
    }

    async fn kill(&self, ids: &[&str]) -> Result<(), EngineError> {
        let engine = &self.shared.engine;
        let killed = try_join_all(ids.iter().map(async |id| {
            engine.kill_container(id, "SIGKILL").await?;
            engine.wait_container(id).await
        }));
        let late = EngineError::Late { action: "kill a container", seconds: KILL_WITHIN.as_secs() };
        tokio::time::timeout(KILL_WITHIN, killed).await.unwrap_or(Err(late)).map(drop)
    }
}
