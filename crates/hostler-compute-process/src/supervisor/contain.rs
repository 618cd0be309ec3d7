//! Becomes a container: joins the control groups, ties its life to the supervisor's, takes `/opt/ml/model` where
//! that is asked for, executes the command.
//!
//! Why: these steps belong between fork and exec, where safe Rust cannot run code; a short-lived process of the same
//! binary does them in the open, and exec makes it the container with the same process id.
//! Invariants: standard input is the pipe on which a failure is reported; it closes by itself when exec succeeds.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use hostler_compute::{Fault, InstanceFailure};
use rustix::process::{Signal, getppid, set_parent_process_death_signal};

use super::opt_ml;
use crate::cgroup::Group;
use crate::directory::{InstanceDir, LAUNCH};
use crate::failure;
use crate::records::{ContainerLaunch, Launch};

/// Does not return when the command was started. The working directory is the instance's.
pub(super) fn contain(supervisor: &OsStr, position: &OsStr) -> io::Result<()> {
    let mut report = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    tie_life_to(supervisor)?;
    let launch: Launch = InstanceDir::at(".")
        .read(LAUNCH)?
        .ok_or_else(|| io::Error::other("there is no launch.json in the working directory"))?;
    let position = position.to_str().and_then(|position| position.parse().ok());
    let container = position
        .and_then(|position: usize| launch.containers.get(position))
        .ok_or_else(|| io::Error::other("there is no such container in launch.json"))?;
    let failure = match surround(&launch, container, supervisor) {
        Ok(()) => execute(container),
        Err(failure) => *failure,
    };
    report.write_all(&serde_json::to_vec(&failure)?)
}

/// Killed when the supervisor dies.
fn tie_life_to(supervisor: &OsStr) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let parent = getppid().map(|pid| pid.as_raw_nonzero().to_string());
    if parent.as_deref().map(OsStr::new) != Some(supervisor) {
        return Err(io::Error::other("the supervisor is gone"));
    }
    Ok(())
}

/// Limits and namespaces around this process.
fn surround(
    launch: &Launch,
    container: &ContainerLaunch,
    supervisor: &OsStr,
) -> Result<(), Box<InstanceFailure>> {
    let joined = launch.groups.iter().try_for_each(Group::join);
    joined.map_err(|error| failure::of_machine("joining the control groups", &error))?;
    if let Some(model) = &container.opt_ml_model {
        opt_ml::give(model, &container.opt_ml_additional).map_err(|refused| failure::of_opt_ml(&refused))?;
        // A change of credentials, which a user namespace is, may have taken it off.
        tie_life_to(supervisor)
            .map_err(|error| failure::of_machine("staying with the supervisor", &error))?;
    }
    Ok(())
}

/// Returns only when the command could not be started.
fn execute(container: &ContainerLaunch) -> InstanceFailure {
    match container.command.split_first() {
        None => failure::starting(Fault::User, "the command is empty".to_owned()),
        Some((program, arguments)) if container.working_dir.is_dir() => {
            let error = Command::new(program)
                .args(arguments)
                .env_clear()
                .envs(&container.environment)
                .current_dir(&container.working_dir)
                .stdin(Stdio::null())
                .exec();
            failure::of_exec(program, &error)
        }
        Some(_) => failure::starting(
            Fault::User,
            format!("the working directory `{}` does not exist", container.working_dir.display()),
        ),
    }
}
