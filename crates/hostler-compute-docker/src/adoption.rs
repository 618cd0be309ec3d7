//! How far an instance has come, read from its directory.
//!
//! Why: a restarted server takes up what it finds by the same steps that begin a new instance, so that path is walked
//! every day and not only after a crash. Whether a container runs is then asked of the engine.
//! Invariants: read-only.

use std::io;

use hostler_compute::{InstanceState, Phase, RunningContainer};
use hostler_compute_local::Stage;
use hostler_compute_local::directory::{EXIT, FAILED, InstanceDir, REMOVING, RUNNING};

use crate::records::{Exit, Running};

/// How far an instance has come, and what to show of it. Blocks shortly.
pub(crate) fn examine(dir: &InstanceDir) -> io::Result<(Stage<Running>, InstanceState)> {
    if let Some(stop) = dir.read(REMOVING)? {
        return Ok((Stage::Removing(stop), InstanceState::Removing));
    }
    if let Some(failure) = dir.read(FAILED)? {
        return Ok((Stage::Over, InstanceState::Failed(failure)));
    }
    if let Some(exit) = dir.read::<Exit>(EXIT)? {
        return Ok((Stage::Over, exit.state()));
    }
    Ok(match dir.read::<Running>(RUNNING)? {
        Some(running) => {
            let state = running.state();
            (Stage::Started(running), state)
        }
        None => (Stage::Waiting, InstanceState::Preparing { phase: Phase::Fetching }),
    })
}

impl Running {
    pub(crate) fn state(&self) -> InstanceState {
        let containers = self.containers.iter().map(|started| RunningContainer {
            name: started.name.clone(),
            address: started.address,
            pid: started.pid,
        });
        InstanceState::Running { containers: containers.collect(), since: self.since }
    }
}

impl Exit {
    pub(crate) fn state(&self) -> InstanceState {
        InstanceState::Exited {
            container: self.container.clone(),
            cause: self.cause.clone(),
            log_tail: self.log_tail.clone(),
        }
    }
}
