//! How far an instance has come, read from its directory, and how to watch a supervisor that is not our child.
//!
//! Why: a restarted server knows nothing but files and locks; the same reading serves a fresh launch, so that path
//! is walked every day and not only after a crash.
//! Invariants: a held lock means a supervisor lives; process numbers are believed only with their start time.

use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::Duration;

use hostler_compute::{InstanceSpec, InstanceState, Phase, RunningContainer};
use hostler_compute_local::Stage;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::container_dir::ContainerDir;
use crate::directory::{EXIT, FAILED, InstanceDir, LAUNCH, REMOVING, RUNNING, SUPERVISOR};
use crate::environment::HOST;
use crate::records::{Exit, Launch, ProcessRecord, Running};
use crate::{logs, processes};

/// A supervisor writes its number first thing; one that takes longer than this is stuck, as at a fresh start.
const NUMBER_STEPS_MAX: u32 = 30_000;
const STEP: Duration = Duration::from_millis(1);

/// How far an instance has come, and what to show of it. Blocks shortly.
pub(crate) fn examine(dir: &InstanceDir, spec: &InstanceSpec) -> io::Result<(Stage<()>, InstanceState)> {
    let starting = InstanceState::Preparing { phase: Phase::Starting };
    if let Some(stop) = dir.read(REMOVING)? {
        return Ok((Stage::Removing(stop), InstanceState::Removing));
    }
    // The lock first: what a supervisor has to say is on disk before it lets go.
    if dir.try_lock()?.is_none() {
        return Ok((Stage::Started(()), running(dir, spec)?.unwrap_or(starting)));
    }
    if let Some(said) = said(dir, spec)? {
        return Ok((Stage::Over, said));
    }
    if dir.has(SUPERVISOR) {
        return Ok((Stage::Lost(()), starting));
    }
    Ok((Stage::Waiting, InstanceState::Preparing { phase: Phase::Fetching }))
}

/// What was written down of an instance's end; none when nobody did.
pub(crate) fn said(dir: &InstanceDir, spec: &InstanceSpec) -> io::Result<Option<InstanceState>> {
    if let Some(failure) = dir.read(FAILED)? {
        return Ok(Some(InstanceState::Failed(failure)));
    }
    Ok(dir.read(EXIT)?.map(|exit| exited(dir, spec, exit)))
}

/// The state of an instance that ended.
pub(crate) fn exited(dir: &InstanceDir, spec: &InstanceSpec, exit: Exit) -> InstanceState {
    let Exit { container, cause, .. } = exit;
    let log_tail = logs::tail(&log_of(dir, spec, container.as_deref()));
    InstanceState::Exited { container, cause, log_tail }
}

/// The state of containers that were started; none when that is not written yet.
pub(crate) fn running(dir: &InstanceDir, spec: &InstanceSpec) -> io::Result<Option<InstanceState>> {
    let (Some(launch), Some(running)) = (dir.read::<Launch>(LAUNCH)?, dir.read::<Running>(RUNNING)?) else {
        return Ok(None);
    };
    // Not from what was launched: earlier releases wrote no names there.
    let names = spec.container_names();
    let mut containers = Vec::new();
    for ((launch, main), name) in launch.containers.iter().zip(running.containers.iter()).zip(names) {
        let address = format!("{HOST}:{}", launch.port).parse().map_err(io::Error::other)?;
        containers.push(RunningContainer { name, address, pid: Some(main.process.pid) });
    }
    Ok(Some(InstanceState::Running { containers, since: running.since }))
}

/// Where the log of this container is, or of the first.
fn log_of(dir: &InstanceDir, spec: &InstanceSpec, container: Option<&str>) -> PathBuf {
    let names = spec.container_names();
    let position = names.iter().position(|name| Some(name.as_str()) == container).unwrap_or(0);
    let all = ContainerDir::all(dir, &names);
    all.get(position).map_or_else(|| dir.logs(), |own| own.logs().to_path_buf())
}

/// A living supervisor, whoever started it.
pub(crate) struct Supervisor {
    process: AsyncFd<OwnedFd>,
}

impl Supervisor {
    /// Finds the supervisor of an instance; none when nobody holds the lock.
    pub(crate) async fn find(dir: &InstanceDir) -> io::Result<Option<Self>> {
        for _ in 0..NUMBER_STEPS_MAX {
            match dir.try_lock() {
                Ok(None) => {}
                Ok(Some(_)) => return Ok(None),
                // The directory is gone, and with it whoever could be watching.
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(error),
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
