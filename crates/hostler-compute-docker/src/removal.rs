//! The end of an instance: its containers asked to stop, killed when they do not, and removed.
//!
//! Why: nothing may be left behind, neither by an instance that hangs nor by a server that dies in between; every step
//! may be done twice.

use std::time::Duration;

use futures_util::future::try_join_all;
use hostler_compute_local::{GRACE_DEFAULT, Removal};
use tokio::time::Instant;

use crate::engine::EngineError;
use crate::life::Instance;
use crate::names;

/// A killed container is gone in far less, but for one stuck in the kernel.
const KILL_WITHIN: Duration = Duration::from_secs(15);

impl Instance {
    /// Returns when none of its containers is left.
    pub(crate) async fn stop_and_remove(&self, removal: &mut Removal) -> Result<(), EngineError> {
        let engine = &self.way.engine;
        let mut ids = Vec::new();
        for number in 0..self.spec.containers.len() {
            let name = names::container(&self.way.config.owner, &self.spec.id, number);
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
        self.way.leave_network(&self.spec.id).await
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
        let engine = &self.way.engine;
        try_join_all(ids.iter().map(async |id| {
            engine.kill_container(id, "SIGTERM").await?;
            engine.wait_container(id).await
        }))
        .await
        .map(drop)
    }

    async fn kill(&self, ids: &[&str]) -> Result<(), EngineError> {
        let engine = &self.way.engine;
        let killed = try_join_all(ids.iter().map(async |id| {
            engine.kill_container(id, "SIGKILL").await?;
            engine.wait_container(id).await
        }));
        let late = EngineError::Late { action: "kill a container", seconds: KILL_WITHIN.as_secs() };
        tokio::time::timeout(KILL_WITHIN, killed).await.unwrap_or(Err(late)).map(drop)
    }
}
