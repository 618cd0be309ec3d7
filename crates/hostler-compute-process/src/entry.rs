//! What the backend keeps in memory of an instance, and which specs it takes.
//!
//! Why: `observe` and `logs` are answered from here, without a look at the disk.
//! Invariants: an entry is a copy of what the instance's files say. No container's name that is taken leads out of its
//! instance's directory.

use std::path::PathBuf;
use std::time::Duration;

use hostler_artifacts::ArtifactSource;
use hostler_compute::{ComputeError, InstanceSpec, InstanceState, Program};
use tokio::sync::watch;

use crate::container_dir::{self, ContainerDir};
use crate::directory::InstanceDir;

/// An instance.
pub(crate) struct Entry {
    pub(crate) endpoint_name: String,
    /// The names of its containers.
    pub(crate) containers: Vec<String>,
    pub(crate) spec_hash: String,
    /// Where its target models come from, when it has many.
    pub(crate) models: Option<ArtifactSource>,
    pub(crate) state: InstanceState,
    pub(crate) dir: InstanceDir,
    pub(crate) removal: watch::Sender<Option<Duration>>,
}

impl Entry {
    pub(crate) fn of(
        spec: &InstanceSpec,
        state: InstanceState,
        dir: &InstanceDir,
        removal: watch::Sender<Option<Duration>>,
    ) -> Self {
        Self {
            endpoint_name: spec.endpoint_name.clone(),
            containers: names(spec),
            spec_hash: spec.hash(),
            models: spec.containers.iter().find_map(|container| container.models.clone()),
            state,
            dir: dir.clone(),
            removal,
        }
    }

    /// Where the log of this container is, or of the first one; none where there is no such container.
    pub(crate) fn log_dir(&self, container: Option<&str>) -> Option<PathBuf> {
        let position = match container {
            None => 0,
            Some(container) => self.containers.iter().position(|name| name == container)?,
        };
        let own = ContainerDir::all(&self.dir, &self.containers).into_iter().nth(position)?;
        Some(own.logs().to_path_buf())
    }
}

pub(crate) fn names(spec: &InstanceSpec) -> Vec<String> {
    spec.containers.iter().map(|container| container.name.clone()).collect()
}

/// What of a spec no process can do.
pub(crate) fn check(spec: &InstanceSpec) -> Result<(), ComputeError> {
    let refuse = |detail: String| Err(ComputeError::Unsupported { id: spec.id.clone(), detail });
    if spec.is_isolated {
        return refuse("EnableNetworkIsolation: the network of a process is not cut off here".to_owned());
    }
    if let Err(detail) = container_dir::check_names(&names(spec)) {
        return refuse(detail);
    }
    for one in &spec.containers {
        match &one.program {
            Program::Image => {
                return refuse(format!(
                    "image `{}` is a container image and this server runs processes; map the image to a command with \
                     an [[image]] entry in hostler.toml, or install Docker or Podman and add an empty [docker] table",
                    one.image
                ));
            }
            Program::Command { command, .. } if command.is_empty() => {
                return refuse(format!("image `{}` is mapped to an empty command", one.image));
            }
            Program::BuiltIn { .. } | Program::Command { .. } | Program::Script { .. } => {}
        }
    }
    Ok(())
}
