//! How far an instance has come, read from its directory.
//!
//! Why: a restarted server takes up what it finds by the same steps that begin a new instance, so that path is walked
//! every day and not only after a crash. Whether a container runs is then asked of the engine.
//! Invariants: read-only.

use std::io;

use hostler_compute::{InstanceFailure, InstanceState, Phase, RunningContainer};
use hostler_compute_local::directory::{EXIT, FAILED, InstanceDir, REMOVING, RUNNING};

use crate::records::{Exit, Running, Stop};

/// How far an instance has come.
#[derive(Debug)]
pub(crate) enum Stage {
    /// Its removal was begun.
    Removing(Stop),
    /// It never ran.
    Failed(InstanceFailure),
    /// It ran and ended.
    Exited(Exit),
    /// It was started.
    Started(Running),
    /// Its containers may or may not be there.
    Waiting,
}

/// Reads the stage. Blocks shortly.
pub(crate) fn examine(dir: &InstanceDir) -> io::Result<Stage> {
    if let Some(stop) = dir.read(REMOVING)? {
        return Ok(Stage::Removing(stop));
    }
    if let Some(failure) = dir.read(FAILED)? {
        return Ok(Stage::Failed(failure));
    }
    if let Some(exit) = dir.read(EXIT)? {
        return Ok(Stage::Exited(exit));
    }
    Ok(dir.read(RUNNING)?.map_or(Stage::Waiting, Stage::Started))
}

/// What to show of an instance at this stage.
pub(crate) fn state(stage: &Stage) -> InstanceState {
    match stage {
        Stage::Removing(_) => InstanceState::Removing,
        Stage::Failed(failure) => InstanceState::Failed(failure.clone()),
        Stage::Exited(exit) => exit.state(),
        Stage::Started(running) => running.state(),
        Stage::Waiting => InstanceState::Preparing { phase: Phase::Fetching },
    }
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
