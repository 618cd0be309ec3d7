//! Starts an instance's supervisor.
//!
//! Why: the lock is taken here and handed over as the supervisor's standard input, so there is no moment at which a
//! launched instance looks unlaunched.
//! Invariants: nothing is launched without the lock; the supervisor gets none of the server's environment.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io;
use std::ops::RangeInclusive;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use hostler_compute::{ContainerSpec, Fault, InstanceFailure, InstanceSpec, Program};
use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};

use crate::ProcessConfig;
use crate::cgroup::Hierarchies;
use crate::container_dir::ContainerDir;
use crate::directory::{InstanceDir, LAUNCH, Lock, SUPERVISOR};
use crate::environment::{OPT_ML_ADDITIONAL, OPT_ML_MODEL, Place, command, environment, needs_opt_ml};
use crate::failure::{of_machine, starting};
use crate::records::{ContainerLaunch, Each, Launch};
use crate::script;
use crate::supervisor::SUPERVISE;

/// A start takes milliseconds; a supervisor that says nothing for this long is stuck.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// How long the lock may be held by somebody who says nothing, in steps of a millisecond.
const LOCK_STEPS_MAX: u32 = 30_000;
const STEP: Duration = Duration::from_millis(1);

/// Writes down what to launch; `ports` are those of each container.
pub(crate) fn write_plan(
    config: &ProcessConfig,
    hierarchies: &Hierarchies,
    dir: &InstanceDir,
    spec: &InstanceSpec,
    ports: &[RangeInclusive<u16>],
) -> Result<(), InstanceFailure> {
    let names: Vec<String> = spec.containers.iter().map(|container| container.name.clone()).collect();
    let homes = ContainerDir::all(dir, &names);
    let mut containers = Vec::new();
    for ((container, home), ports) in spec.containers.iter().zip(&homes).zip(ports) {
        let planned = plan_container(config, dir, (spec, container), home, ports.clone());
        containers.push(planned.map_err(|failure| failure.of_container(spec, &container.name))?);
    }
    let Some(containers) = Each::of(containers) else {
        return Err(starting(Fault::User, "there is nothing in the instance to run as a process".to_owned()));
    };
    let plan = Launch {
        containers,
        limits: spec.limits,
        groups: hierarchies.groups(dir.path()),
        log_limits: config.log_limits.divided_among(names.len()),
        open_files_max: config.open_files_max,
    };
    dir.write(LAUNCH, &plan).map_err(|error| of_machine("writing down what to launch", &error))
}

fn plan_container(
    config: &ProcessConfig,
    dir: &InstanceDir,
    (spec, container): (&InstanceSpec, &ContainerSpec),
    home: &ContainerDir,
    ports: RangeInclusive<u16>,
) -> Result<ContainerLaunch, InstanceFailure> {
    // Without links: some servers (MLflow) take a file outside of the path they were given for an attack.
    let model =
        fs::canonicalize(home.model()).map_err(|error| of_machine("finding the model data", &error))?;
    let opt_ml_model = needs_opt_ml(container).then(|| model.clone());
    let model_dir = if opt_ml_model.is_some() { OPT_ML_MODEL.into() } else { model };
    let opt_ml_additional = match &opt_ml_model {
        Some(_) => {
            channels(home, container).map_err(|error| of_machine("finding additional model data", &error))?
        }
        None => BTreeMap::new(),
    };
    let additional_dir = if opt_ml_model.is_some() { OPT_ML_ADDITIONAL.into() } else { home.additional() };
    let place = Place {
        instance_dir: dir.path(),
        home: home.path(),
        model_dir: &model_dir,
        additional_dir: &additional_dir,
        ports: ports.clone(),
        path: &config.path,
        hostler_exe: &config.hostler_exe,
        payload_bytes_max: config.payload_bytes_max,
        script: &config.script,
        workers: script::workers(spec),
    };
    let Some(command) = command(container, &place) else {
        return Err(starting(Fault::User, "there is nothing in the instance to run as a process".to_owned()));
    };
    let working_dir = match &container.program {
        Program::Command { working_dir: Some(working_dir), .. } => PathBuf::from(working_dir),
        _ => home.path().to_path_buf(),
    };
    Ok(ContainerLaunch {
        name: container.name.clone(),
        command,
        environment: environment(spec, container, &place),
        working_dir,
        port: *ports.start(),
        last_port: Some(*ports.end()),
        opt_ml_model,
        opt_ml_additional,
        log_dir: Some(home.logs().to_path_buf()),
    })
}

/// Where the data of each channel really is.
fn channels(home: &ContainerDir, container: &ContainerSpec) -> io::Result<BTreeMap<String, PathBuf>> {
    let channels = container.additional_model_data.iter();
    channels
        .map(|data| Ok((data.channel.clone(), fs::canonicalize(home.additional().join(&data.channel))?)))
        .collect()
}

/// Takes the lock; none when a supervisor has it. A lock that somebody only looked at may be taken a moment longer: a
/// process that is started in that moment has a copy of it until it executes its program.
async fn lock_to_launch(dir: &InstanceDir) -> io::Result<Option<Lock>> {
    for _ in 0..LOCK_STEPS_MAX {
        if let Some(lock) = dir.try_lock()? {
            return Ok(Some(lock));
        }
        if dir.has(SUPERVISOR) {
            break;
        }
        tokio::time::sleep(STEP).await;
    }
    Ok(None)
}

/// Starts the supervisor and returns when it has started the container or given up; which, is in the files. None:
/// somebody supervises this instance already.
pub(crate) async fn launch(
    config: &ProcessConfig,
    dir: &InstanceDir,
) -> Result<Option<Child>, InstanceFailure> {
    let failed = |error: io::Error| of_machine("starting the supervisor", &error);
    let Some(lock) = lock_to_launch(dir).await.map_err(failed)? else { return Ok(None) };
    let log = OpenOptions::new().create(true).append(true).mode(0o600).open(dir.supervisor_log());
    let mut child = Command::new(&config.hostler_exe)
        .arg(SUPERVISE)
        .arg(dir.path())
        .current_dir(dir.path())
        .env_clear()
        .stdin(Stdio::from(lock.into_file()))
        .stdout(Stdio::piped())
        .stderr(Stdio::from(log.map_err(failed)?))
        .spawn()
        .map_err(failed)?;
    if let Some(mut ready) = child.stdout.take() {
        // A byte or the end of the pipe: both mean that there is something to read in the files.
        if tokio::time::timeout(READY_WITHIN, ready.read_u8()).await.is_err() {
            child.start_kill().map_err(failed)?;
        }
    }
    Ok(Some(child))
}

#[cfg(test)]
mod tests {
    use hostler_compute::conformance::instance_id;

    use super::*;

    #[tokio::test]
    async fn a_lock_that_was_only_looked_at_is_waited_for_and_a_supervisors_is_not() {
        let root = tempfile::tempdir().unwrap();
        let dir = InstanceDir::create(root.path(), &instance_id("e1", 0), &1, &[]).unwrap();
        let looked_at = dir.try_lock().unwrap();
        let (taken, ()) = tokio::join!(lock_to_launch(&dir), async { drop(looked_at) });
        let supervisors = taken.unwrap();
        assert!(supervisors.is_some());
        dir.write(SUPERVISOR, &1).unwrap();
        assert!(lock_to_launch(&dir).await.unwrap().is_none());
    }
}
