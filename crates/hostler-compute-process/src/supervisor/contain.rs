//! Becomes the container: joins the control groups, ties its life to the supervisor's, executes the command.
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

use rustix::process::{Signal, getppid, set_parent_process_death_signal};

use crate::cgroup::Group;
use crate::directory::{InstanceDir, LAUNCH};
use crate::failure;
use crate::records::Launch;

/// Does not return when the command was started. The working directory is the instance's.
pub(super) fn contain(supervisor: &OsStr) -> io::Result<()> {
    let mut report = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let parent = getppid().map(|pid| pid.as_raw_nonzero().to_string());
    if parent.as_deref().map(OsStr::new) != Some(supervisor) {
        return Err(io::Error::other("the supervisor is gone"));
    }
    let launch: Launch = InstanceDir::at(".")
        .read(LAUNCH)?
        .ok_or_else(|| io::Error::other("there is no launch.json in the working directory"))?;
    let failure = match join_all(&launch) {
        Err(error) => failure::of_machine("joining the control groups", &error),
        Ok(()) => match launch.command.split_first() {
            None => failure::starting(hostler_compute::Fault::User, "the command is empty".to_owned()),
            Some((program, arguments)) if launch.working_dir.is_dir() => {
                let error = Command::new(program)
                    .args(arguments)
                    .env_clear()
                    .envs(&launch.environment)
                    .current_dir(&launch.working_dir)
                    .stdin(Stdio::null())
                    .exec();
                failure::of_exec(program, &error)
            }
            Some(_) => failure::starting(
                hostler_compute::Fault::User,
                format!("the working directory `{}` does not exist", launch.working_dir.display()),
            ),
        },
    };
    report.write_all(&serde_json::to_vec(&failure)?)
}

fn join_all(launch: &Launch) -> io::Result<()> {
    launch.groups.iter().try_for_each(Group::join)
}
