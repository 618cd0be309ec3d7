//! How far an instance has come, read from its directory, and how to watch a supervisor that is not our child.
//!
//! Why: a restarted server knows nothing but files and locks; the same reading serves a fresh launch, so that path
//! is walked every day and not only after a crash.
//! Invariants: a held lock means a supervisor lives; process numbers are believed only with their start time.

use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::Duration;

use hostler_compute::{InstanceFailure, InstanceState, Phase, RunningContainer};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::container_dir::ContainerDir;
use crate::directory::{EXIT, FAILED, InstanceDir, LAUNCH, REMOVING, RUNNING, SPEC, SUPERVISOR};
use crate::environment::HOST;
use crate::records::{Exit, Launch, ProcessRecord, Running, SpecFile, Stop};
use crate::{logs, processes};

/// A supervisor writes its number first thing; one that takes longer than this is stuck, as at a fresh start.
const NUMBER_STEPS_MAX: u32 = 30_000;
const STEP: Duration = Duration::from_millis(1);

/// How far an instance has come.
#[derive(Debug)]
pub(crate) enum Stage {
    /// Its removal was begun.
    Removing(Stop),
    /// Its model data may or may not be there; nothing was launched.
    Waiting,
    /// A supervisor lives.
    Supervised,
    /// A supervisor began and ended without a word.
    Broken,
    /// It never ran.
    Failed(InstanceFailure),
    /// It ran and ended.
    Exited(Exit),
}

/// Reads the stage. Blocks shortly.
pub(crate) fn examine(dir: &InstanceDir) -> io::Result<Stage> {
    if let Some(stop) = dir.read(REMOVING)? {
        return Ok(Stage::Removing(stop));
    }
    // The lock first: what a supervisor has to say is on disk before it lets go.
    if dir.try_lock()?.is_none() {
        return Ok(Stage::Supervised);
    }
    if let Some(failure) = dir.read(FAILED)? {
        return Ok(Stage::Failed(failure));
    }
    if let Some(exit) = dir.read(EXIT)? {
        return Ok(Stage::Exited(exit));
    }
    Ok(if dir.has(SUPERVISOR) { Stage::Broken } else { Stage::Waiting })
}

/// What to show of an instance at this stage.
pub(crate) fn state(dir: &InstanceDir, stage: &Stage) -> io::Result<InstanceState> {
    let starting = InstanceState::Preparing { phase: Phase::Starting };
    Ok(match stage {
        Stage::Removing(_) => InstanceState::Removing,
        Stage::Waiting => InstanceState::Preparing { phase: Phase::Fetching },
        Stage::Supervised => running(dir)?.unwrap_or(starting),
        Stage::Broken => starting,
        Stage::Failed(failure) => InstanceState::Failed(failure.clone()),
        Stage::Exited(exit) => {
            let (container, cause) = (exit.container.clone(), exit.cause.clone());
            InstanceState::Exited {
                log_tail: logs::tail(&log_of(dir, container.as_deref())?),
                container,
                cause,
            }
        }
    })
}

/// The state of containers that were started; none when that is not written yet.
pub(crate) fn running(dir: &InstanceDir) -> io::Result<Option<InstanceState>> {
    let (Some(launch), Some(running)) = (dir.read::<Launch>(LAUNCH)?, dir.read::<Running>(RUNNING)?) else {
        return Ok(None);
    };
    // Not from what was launched: earlier releases wrote no names there.
    let names = names(dir)?;
    let mut containers = Vec::new();
    for ((launch, main), name) in launch.containers.iter().zip(running.containers.iter()).zip(names) {
        let address = format!("{HOST}:{}", launch.port).parse().map_err(io::Error::other)?;
        containers.push(RunningContainer { name, address, pid: Some(main.process.pid) });
    }
    Ok(Some(InstanceState::Running { containers, since: running.since }))
}

fn names(dir: &InstanceDir) -> io::Result<Vec<String>> {
    let file: Option<SpecFile> = dir.read(SPEC)?;
    let containers = file.map(|file| file.spec.containers).unwrap_or_default();
    Ok(containers.into_iter().map(|container| container.name).collect())
}

/// Where the log of this container is, or of the first.
fn log_of(dir: &InstanceDir, container: Option<&str>) -> io::Result<PathBuf> {
    let names = names(dir)?;
    let position = names.iter().position(|name| Some(name.as_str()) == container).unwrap_or(0);
    let all = ContainerDir::all(dir, &names);
    Ok(all.get(position).map_or_else(|| dir.logs(), |own| own.logs().to_path_buf()))
}

/// A living supervisor, whoever started it.
pub(crate) struct Supervisor {
    process: AsyncFd<OwnedFd>,
}

impl Supervisor {
    /// Finds the supervisor of an instance; none when nobody holds the lock.
    pub(crate) async fn find(dir: &InstanceDir) -> io::Result<Option<Self>> {
        for _ in 0..NUMBER_STEPS_MAX {
            if dir.try_lock()?.is_some() {
                return Ok(None);
            }
            if let Some(record) = dir.read::<ProcessRecord>(SUPERVISOR)?
                && let Some(found) = Self::open(record)?
            {
                return Ok(Some(found));
            }
            tokio::time::sleep(STEP).await;
        }
        Err(io::Error::other("somebody who is no supervisor holds the instance's lock"))
    }

    fn open(record: ProcessRecord) -> io::Result<Option<Self>> {
        let Some(pid) = Pid::from_raw(record.pid.cast_signed()) else { return Ok(None) };
        let Ok(process) = pidfd_open(pid, PidfdFlags::NONBLOCK) else { return Ok(None) };
        // Read after opening: if the number was used again before, the start time differs.
        if processes::record(record.pid) != Some(record) {
            return Ok(None);
        }
        #[expect(
            deprecated,
            reason = "an owned descriptor stays open for as long as it is registered, which is all that the unsafe \
                      successor asks for"
        )]
        let process = AsyncFd::with_interest(process, Interest::READABLE)?;
        Ok(Some(Self { process }))
    }

    /// Returns when it has ended.
    pub(crate) async fn ended(&self) -> io::Result<()> {
        self.process.readable().await.map(drop)
    }

    /// Sends a signal; one to a process that ended is fine.
    pub(crate) fn signal(&self, signal: Signal) {
        let _ = pidfd_send_signal(self.process.get_ref(), signal);
    }
}
