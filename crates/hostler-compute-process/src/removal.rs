//! The end of an instance: its supervisor asked to stop, killed when it does not, what it left behind ended.
//!
//! Why: neither an instance that hangs nor a supervisor that dies in between may leave a process; every step may be done
//! twice.

use std::io;
use std::time::Duration;

use hostler_compute_local::{GRACE_DEFAULT, Removal, Stop};
use rustix::process::Signal;
use tokio::time::Instant;

use crate::adoption::Supervisor;
use crate::directory::{EXIT, FAILED, LAUNCH, STOP};
use crate::leftovers;
use crate::life::Instance;

/// What a supervisor may take beyond the grace to kill and clean up.
const MARGIN: Duration = Duration::from_secs(15);

impl Instance {
    /// Returns when nothing of it runs any more.
    pub(crate) async fn stop_and_sweep(&mut self, removal: &mut Removal) -> io::Result<()> {
        if let Some(supervisor) = Supervisor::find(&self.dir).await? {
            self.stop(&supervisor, removal).await?;
        }
        if let Some(mut child) = self.child.take() {
            child.wait().await?;
        }
        let dir = self.dir.clone();
        let work = move || {
            // A supervisor that had the last word has cleaned up.
            if dir.has(LAUNCH) && !dir.has(EXIT) && !dir.has(FAILED) {
                leftovers::sweep(&dir)?;
            }
            Ok(())
        };
        self.way.site.blocking(work).await
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
