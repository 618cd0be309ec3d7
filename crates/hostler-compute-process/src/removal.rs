//! The end of an instance: asked to stop, killed when it does not, every trace deleted.
//!
//! Why: nothing may be left behind, neither by an instance that hangs nor by a server that dies in between; the
//! wish is in a file, and every step may be done twice.
//! Failure: what cannot be removed now is tried again for as long as the server lives, and said each time.

use std::io;
use std::time::Duration;

use hostler_compute::InstanceState;
use rustix::process::Signal;
use tokio::time::Instant;

use crate::adoption::Supervisor;
use crate::config::GRACE_DEFAULT;
use crate::directory::{EXIT, FAILED, LAUNCH, STOP};
use crate::life::{Instance, Removal};
use crate::records::Stop;
use crate::{kept, leftovers};

/// What a supervisor may take beyond the grace to kill and clean up.
const MARGIN: Duration = Duration::from_secs(15);
/// The pause after the first failed try; doubles up to the longest.
const RETRY_MIN: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(30);

impl Instance {
    /// Removes the instance and lets go of everything that is held for it.
    pub(crate) async fn remove(mut self, mut removal: Removal) {
        self.show(InstanceState::Removing);
        let mut pause = RETRY_MIN;
        while let Err(error) = self.try_remove(&mut removal).await {
            tracing::warn!(%error, "removing an instance failed, trying again");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(RETRY_MAX);
        }
        self.ports.clear();
        self.shared.drop_entry(&self.id);
    }

    async fn try_remove(&mut self, removal: &mut Removal) -> io::Result<()> {
        if let Some(supervisor) = Supervisor::find(&self.dir).await? {
            self.stop(&supervisor, removal).await?;
        }
        if let Some(mut child) = self.child.take() {
            child.wait().await?;
        }
        let (root, id, dir) = (self.shared.config.dir.clone(), self.id.clone(), self.dir.clone());
        let work = move || {
            // A supervisor that had the last word has cleaned up.
            if dir.has(LAUNCH) && !dir.has(EXIT) && !dir.has(FAILED) {
                leftovers::sweep(&dir)?;
            }
            match kept::keep(&root, &id, &dir) {
                // Room for the log is made by removing it.
                Err(error) if error.kind() == io::ErrorKind::StorageFull => {
                    tracing::warn!(%error, "keeping the log of a removed instance failed");
                }
                kept => kept?,
            }
            dir.remove()
        };
        self.shared.blocking(work).await
    }

    /// Returns when the supervisor has ended.
    async fn stop(&self, supervisor: &Supervisor, removal: &mut Removal) -> io::Result<()> {
        loop {
            let grace = removal.borrow_and_update().unwrap_or(GRACE_DEFAULT);
            if let Err(error) = self.dir.write(STOP, &Stop::after(grace)) {
                // The supervisor then goes by the usual grace, and this side by its own.
                tracing::warn!(%error, "writing down the grace of a stop failed");
            }
            supervisor.signal(Signal::TERM);
            let deadline = Instant::now() + grace + MARGIN;
            tokio::select! {
                ended = supervisor.ended() => return ended,
                // Somebody has less patience.
                changed = removal.changed() => {
                    if changed.is_err() {
                        return Err(io::Error::other("the backend was closed"));
                    }
                }
                () = tokio::time::sleep_until(deadline) => {
                    supervisor.signal(Signal::KILL);
                    return supervisor.ended().await;
                }
            }
        }
    }
}

impl Stop {
    pub(crate) fn after(grace: Duration) -> Self {
        Self { grace_ms: u64::try_from(grace.as_millis()).unwrap_or(u64::MAX) }
    }
}
