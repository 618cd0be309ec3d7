//! From nothing to containers that run: groups, logs, processes.
//!
//! Invariants: each container that was started is known to the caller, who undoes it all when a later one fails.

use std::io::{PipeReader, Read, pipe};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::thread::{self, JoinHandle};

use hostler_compute::InstanceFailure;
use rustix::process::{Pid, WaitOptions, waitpid};

use super::CONTAIN;
use super::events::STACK_BYTES;
use crate::directory::InstanceDir;
use crate::failure::of_machine;
use crate::logs::LogWriter;
use crate::records::{ContainerLaunch, Launch};

/// Read from the container's output at once.
const READ_BYTES: usize = 16 * 1024;
/// The binary of this very process, even after an upgrade replaced the file.
const OWN_EXE: &str = "/proc/self/exe";

/// A container that was started.
pub(super) struct Container {
    pub(super) pid: u32,
    /// Copies output to the log until the last writer is gone; gives the log back.
    pub(super) pump: JoinHandle<LogWriter>,
}

/// Starts the containers one after the other, and puts each into `started`.
pub(super) fn launch(
    dir: &InstanceDir,
    launch: &Launch,
    started: &mut Vec<Container>,
) -> Result<(), Box<InstanceFailure>> {
    for group in &launch.groups {
        group
            .create(&launch.limits)
            .map_err(|error| Box::new(of_machine("setting up the control groups", &error)))?;
    }
    for (position, container) in launch.containers.iter().enumerate() {
        let container = start(dir, launch, container, position).map_err(|failure| {
            Box::new(InstanceFailure { container: launch.name_among_several(position), ..failure })
        })?;
        started.push(container);
    }
    Ok(())
}

/// Removes the instance's groups, whatever happens.
pub(super) fn remove_groups(launch: &Launch) {
    for group in &launch.groups {
        if let Err(error) = group.remove() {
            super::watch::note(&format!("removing `{}` failed: {error}", group.dir.display()));
        }
    }
}

fn start(
    dir: &InstanceDir,
    launch: &Launch,
    container: &ContainerLaunch,
    position: usize,
) -> Result<Container, InstanceFailure> {
    let log_dir = container.log_dir.clone().unwrap_or_else(|| dir.logs());
    let log = LogWriter::open(&log_dir, launch.log_limits)
        .map_err(|error| of_machine("opening the log", &error))?;
    let starting = |error: std::io::Error| of_machine("starting the container", &error);
    let (output, output_end) = pipe().map_err(starting)?;
    let (mut report, report_end) = pipe().map_err(starting)?;
    let child = Command::new(OWN_EXE)
        .arg(CONTAIN)
        .arg(std::process::id().to_string())
        .arg(position.to_string())
        .current_dir(dir.path())
        .env_clear()
        .stdin(Stdio::from(report_end))
        .stdout(Stdio::from(output_end.try_clone().map_err(starting)?))
        .stderr(Stdio::from(output_end))
        .process_group(0)
        .spawn()
        .map_err(starting)?;
    let pid = child.id();
    // The pipe ends when exec succeeded, or when the helper wrote why not.
    let mut words = Vec::new();
    report.read_to_end(&mut words).map_err(starting)?;
    if !words.is_empty() {
        let _ = Pid::from_raw(pid.cast_signed()).map(|pid| waitpid(Some(pid), WaitOptions::empty()));
        return Err(serde_json::from_slice(&words).map_err(|error| starting(error.into()))?);
    }
    let pump =
        thread::Builder::new().stack_size(STACK_BYTES).spawn(move || pump(output, log)).map_err(starting)?;
    Ok(Container { pid, pump })
}

fn pump(mut output: PipeReader, mut log: LogWriter) -> LogWriter {
    let mut bytes = vec![0; READ_BYTES];
    loop {
        match output.read(&mut bytes) {
            Ok(0) | Err(_) => return log,
            // A full disk must not block the container: these bytes are lost, later ones may fit.
            Ok(count) => log.add(&bytes[..count]),
        }
    }
}
