//! Watching what runs: its output is copied as it comes, and its end is seen when it happens.
//!
//! Invariants: the engine is asked again for as long as it does not say how an instance ended; an engine that is away
//! ends nothing. All output is copied before the end is shown.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use futures_util::future::{join_all, select_all};
use hostler_compute::{ExitCause, InstanceState};
use hostler_compute_local::directory::EXIT;
use tokio::time::timeout;

use crate::engine::{ContainerState, EngineError};
use crate::life::Instance;
use crate::log_copy::ContainerLog;
use crate::records::{Exit, Running};

/// The pause before an engine is asked again; doubles up to the longest.
const RETRY_MIN: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(10);
/// Output that stands in files of the engine's: an end, and a removal, wait no longer for it.
const REST_WITHIN: Duration = Duration::from_secs(60);
/// What is left to the others when one container of an instance ended: nobody sends them anything any more.
const OTHERS_GRACE: Duration = Duration::from_secs(5);
/// What shells and engines add to the number of the signal that ended a program.
const SIGNAL_BASE: i64 = 128;
const SIGNAL_MAX: i64 = 64;

/// What Linux kills by.
const SIGKILL: i64 = 9;
/// For so long a word of the kernel's is waited for that comes after the end.
const LATE_WORD_S: i64 = 4;

/// A container that ended, and how; none: nobody knows.
pub(crate) struct Ended {
    position: usize,
    state: Option<ContainerState>,
}

impl Instance {
    /// Returns when the first of the containers has ended.
    pub(crate) async fn first_to_end(&self, running: &Running) -> Ended {
        let ends = running.containers.iter().map(|started| Box::pin(self.end_of(&started.id)));
        let copies =
            running.containers.iter().zip(&self.logs).map(|(started, log)| self.follow(&started.id, log));
        tokio::select! {
            (state, position, _) = select_all(ends) => Ended { position, state },
            never = join_all(copies) => match never.into_iter().next() {
                Some(never) => match never {},
                None => Ended { position: 0, state: None },
            },
        }
    }

    async fn end_of(&self, id: &str) -> Option<ContainerState> {
        let mut pause = RETRY_MIN;
        loop {
            match self.look_for_end(id).await {
                Ok(Some(state)) => return state,
                Ok(None) => pause = RETRY_MIN,
                Err(error) => {
                    tracing::warn!(%error, "watching a container failed, trying again");
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(RETRY_MAX);
        }
    }

    /// How it ended, if it has.
    async fn look_for_end(&self, id: &str) -> Result<Option<Option<ContainerState>>, EngineError> {
        let engine = &self.way.engine;
        engine.wait_container(id).await?;
        let state = engine.container(id).await?.map(|container| container.state);
        // A paused container runs, an engine that ends may let go of who waits.
        let is_over = state.as_ref().is_none_or(|state| !state.running && state.status != "restarting");
        Ok(is_over.then_some(state))
    }

    /// Copies output for as long as it is let.
    async fn follow(&self, id: &str, log: &ContainerLog) -> Infallible {
        let mut pause = RETRY_MIN;
        loop {
            match self.copy_output(id, log, true).await {
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
    pub(crate) async fn copy_output(
        &self,
        id: &str,
        log: &ContainerLog,
        follow: bool,
    ) -> Result<bool, String> {
        let mut any = false;
        let since_ns = log.begin().await.map_err(|error| error.to_string())?;
        let stream = self.way.engine.logs(id, since_ns, follow).await.map_err(|error| error.to_string())?;
        let Some(mut stream) = stream else { return Ok(false) };
        while let Some(frames) = stream.next().await.map_err(|error| error.to_string())? {
            any = true;
            log.add(frames).await.map_err(|error| error.to_string())?;
        }
        Ok(any)
    }

    /// Stops what still runs, copies the rest of the output, and writes down how the instance ended.
    pub(crate) async fn conclude(&self, running: &Running, ended: Ended) -> io::Result<InstanceState> {
        let others: Vec<&str> = running.containers.iter().map(|started| started.id.as_str()).collect();
        if let Err(error) = self.stop_within(&others, OTHERS_GRACE).await {
            tracing::warn!(%error, "the other containers of an instance that ended could not be stopped");
        }
        let ended = self.with_late_word(running, ended).await;
        self.copy_rest(running.containers.iter().map(|started| started.id.as_str()).enumerate()).await;
        let limit_bytes = self.spec.limits.memory_bytes.unwrap_or_default();
        let name = running.containers.get(ended.position).map(|started| started.name.clone());
        let log = self.logs.get(ended.position).cloned();
        let (dir, at) = (self.dir.clone(), self.way.site.clock().now());
        let is_one_of_several = self.spec.containers.len() > 1;
        let written = self.way.site.blocking(move || {
            let exit = Exit {
                container: name.filter(|_| is_one_of_several),
                cause: ended.state.map_or(ExitCause::Unseen, |state| cause(&state, limit_bytes)),
                log_tail: log.map(|log| log.tail()).unwrap_or_default(),
                at,
            };
            dir.write(EXIT, &exit)?;
            Ok(exit.state())
        });
        written.await
    }

    /// An engine that hears of the end before it hears of the reason says no more in the container's state.
    async fn with_late_word(&self, running: &Running, mut ended: Ended) -> Ended {
        let started = running.containers.get(ended.position);
        if let (Some(started), Some(state)) = (started, &mut ended.state)
            && state.exit_code == SIGNAL_BASE + SIGKILL
            && !state.oom_killed
            && self.spec.limits.memory_bytes.is_some()
        {
            let until_s = self.way.site.clock().now().0 / 1000 + LATE_WORD_S;
            match self.way.engine.ran_out_of_memory(&started.id, until_s).await {
                Ok(ran_out) => state.oom_killed = ran_out,
                Err(error) => {
                    tracing::debug!(%error, "whether a killed container ran out of memory is not known");
                }
            }
        }
        ended
    }

    /// Copies what is left of the output of containers that ended.
    pub(crate) async fn copy_rest(&self, containers: impl Iterator<Item = (usize, &str)>) {
        for (position, id) in containers {
            let Some(log) = self.logs.get(position) else { continue };
            let late = || Err(format!("the engine did not give it within {} s", REST_WITHIN.as_secs()));
            let copied = timeout(REST_WITHIN, self.copy_output(id, log, false)).await;
            if let Err(error) = copied.unwrap_or_else(|_| late()) {
                tracing::warn!(error, "the last output of a container could not be copied");
            }
        }
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
