//! Watching what runs: its output is copied as it comes, and its end is seen when it happens.
//!
//! Invariants: the engine is asked again for as long as it does not say how an instance ended; an engine that is away
//! ends nothing. All output is copied before the end is shown.

use std::io;
use std::time::Duration;

use futures_util::future::select_all;
use hostler_compute::{ExitCause, InstanceState};
use hostler_compute_local::directory::EXIT;

use crate::adoption::{self, Stage};
use crate::engine::{ContainerState, EngineError};
use crate::life::Instance;
use crate::records::{Exit, Running};

/// The pause before an engine is asked again; doubles up to the longest.
const RETRY_MIN: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(10);
/// What shells and engines add to the number of the signal that ended a program.
const SIGNAL_BASE: i64 = 128;
const SIGNAL_MAX: i64 = 64;

/// A container that ended, and how; none: nobody knows.
pub(crate) struct Ended {
    container: String,
    state: Option<ContainerState>,
}

impl Instance {
    /// Returns when the first of the containers has ended.
    pub(crate) async fn watch(&self, running: &Running) -> Ended {
        let ends = running.containers.iter().map(|id| Box::pin(self.end_of(id)));
        let Some(first) = running.containers.first() else {
            return Ended { container: String::new(), state: None };
        };
        tokio::select! {
            (ended, _, _) = select_all(ends) => ended,
            never = self.follow(first) => match never {},
        }
    }

    async fn end_of(&self, id: &str) -> Ended {
        let mut pause = RETRY_MIN;
        loop {
            match self.look_for_end(id).await {
                Ok(Some(ended)) => return ended,
                Ok(None) => pause = RETRY_MIN,
                Err(error) => {
                    tracing::warn!(%error, "watching a container failed, trying again");
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(RETRY_MAX);
        }
    }

    async fn look_for_end(&self, id: &str) -> Result<Option<Ended>, EngineError> {
        let engine = &self.shared.engine;
        engine.wait_container(id).await?;
        let state = engine.container(id).await?.map(|container| container.state);
        // A paused container runs, an engine that ends may let go of who waits.
        let is_over = state.as_ref().is_none_or(|state| !state.running && state.status != "restarting");
        Ok(is_over.then(|| Ended { container: id.to_owned(), state }))
    }

    /// Copies output for as long as it is let.
    async fn follow(&self, id: &str) -> std::convert::Infallible {
        let mut pause = RETRY_MIN;
        loop {
            match self.copy_output(id, true).await {
                Ok(true) => pause = RETRY_MIN,
                Ok(false) => {}
                Err(error) => {
                    tracing::debug!(error, "following a container's output broke off");
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(RETRY_MAX);
        }
    }

    /// Copies what is there and, if it is to follow, what comes; whether there was something.
    pub(crate) async fn copy_output(&self, id: &str, follow: bool) -> Result<bool, String> {
        let mut any = false;
        let since_ns = self.log.begin().await.map_err(|error| error.to_string())?;
        let stream =
            self.shared.engine.logs(id, since_ns, follow).await.map_err(|error| error.to_string())?;
        let Some(mut stream) = stream else { return Ok(false) };
        while let Some(frames) = stream.next().await.map_err(|error| error.to_string())? {
            any = true;
            self.log.add(frames).await.map_err(|error| error.to_string())?;
        }
        Ok(any)
    }

    /// Copies the rest of the output, and shows how the instance ended.
    pub(crate) async fn conclude(&self, ended: Ended) -> io::Result<()> {
        if let Err(error) = self.copy_output(&ended.container, false).await {
            tracing::warn!(error, "the last output of a container could not be copied");
        }
        let limit_bytes = self.spec.limits.memory_bytes.unwrap_or_default();
        let cause = ended.state.map_or(ExitCause::Unseen, |state| cause(&state, limit_bytes));
        let (dir, exit) = (self.dir.clone(), Exit { cause, at: self.shared.clock.now() });
        let state = self.shared.blocking(move || {
            dir.write(EXIT, &exit)?;
            Ok(adoption::state(&dir, &Stage::Exited(exit)))
        });
        let state: InstanceState = state.await?;
        self.show(state);
        Ok(())
    }
}

/// Engines tell a signal as a number above 128, as shells do of their children.
fn cause(state: &ContainerState, limit_bytes: u64) -> ExitCause {
    if state.oom_killed {
        return ExitCause::OutOfMemory { limit_bytes };
    }
    match state.exit_code - SIGNAL_BASE {
        signal @ 1..=SIGNAL_MAX => ExitCause::Signal(signal as i32),
        _ => ExitCause::Code(i32::try_from(state.exit_code).unwrap_or(i32::MAX)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_signals_and_memory_are_told_apart() {
        let cause = |exit_code, oom_killed| {
            cause(&ContainerState { exit_code, oom_killed, ..ContainerState::default() }, 7)
        };
        assert_eq!(cause(0, false), ExitCause::Code(0));
        assert_eq!(cause(3, false), ExitCause::Code(3));
        assert_eq!(cause(127, false), ExitCause::Code(127));
        assert_eq!(cause(128, false), ExitCause::Code(128));
        assert_eq!(cause(139, false), ExitCause::Signal(11));
        assert_eq!(cause(255, false), ExitCause::Code(255));
        assert_eq!(cause(137, true), ExitCause::OutOfMemory { limit_bytes: 7 });
    }
}
