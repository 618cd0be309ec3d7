//! Follows the store's keys: by its changes, and by a sweep.
//!
//! Why: the change feed tells at once what this process did; another process over the same store is heard of by the
//! sweep alone, and a revoked key must stop within a second whoever revoked it.
//! Invariants: a change only says that there is something to read. A store that fails is said once, not at every sweep.

use std::sync::Arc;

use hostler_store::{Change, StoreError};
use hostler_types::Kind;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{AccessKeys, SWEEP_EVERY};

impl AccessKeys {
    /// Keeps what is known as the store has it, until `stop`.
    pub async fn follow(self: Arc<Self>, stop: CancellationToken) {
        let mut changes = self.parts.store.changes();
        let mut sweep = tokio::time::interval(SWEEP_EVERY);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut is_failing = false;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = sweep.tick() => {}
                () = changed(&mut changes) => {}
            }
            let looked = match self.refresh().await {
                Ok(()) => self.write_last_uses().await,
                failed => failed,
            };
            if matches!(looked, Err(StoreError::Closed)) {
                return;
            }
            is_failing = tell(looked, is_failing);
        }
    }
}

/// Says when it begins and when it ends that keys cannot be followed.
fn tell(looked: Result<(), StoreError>, was_failing: bool) -> bool {
    match looked {
        Ok(()) if was_failing => info!("access keys are followed again"),
        Err(error) if !was_failing => {
            let error: &dyn std::error::Error = &error;
            warn!(error, "access keys cannot be followed; those that were known stay good");
            return true;
        }
        Ok(()) => {}
        Err(_) => return true,
    }
    false
}

/// Waits until some key changed; all that changed by then count as one.
async fn changed(changes: &mut Receiver<Change>) {
    loop {
        match changes.recv().await {
            Ok(change) if change.key.kind() != Kind::AccessKey => {}
            Ok(_) | Err(RecvError::Lagged(_)) => break,
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
    while changes.try_recv().is_ok() {}
}
