//! Processes of this machine as a way to run instances.
//!
//! Invariants: no container's name that is taken leads out of its instance's directory.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hostler_compute::{Capabilities, ComputeError, InstanceSpec, InstanceState, Program};
use hostler_compute_local::{Found, Ground, LocalBackend, Placing, Site, Stage, Way, blocking};
use hostler_types::DeviceClass;

use crate::cgroup::Hierarchies;
use crate::directory::{InstanceDir, LAUNCH};
use crate::life::Instance;
use crate::ports::{PortLease, Ports};
use crate::records::Launch;
use crate::{ProcessConfig, adoption, container_dir, devices, listening};

/// Runs instances as processes of this machine.
pub type ProcessBackend = LocalBackend<Processes>;

/// What the tasks of the instances need.
pub struct Processes {
    pub(crate) config: ProcessConfig,
    pub(crate) site: Site<()>,
    pub(crate) hierarchies: Hierarchies,
    pub(crate) devices: BTreeMap<DeviceClass, u32>,
    pub(crate) ports: Arc<Ports>,
}

impl Way for Processes {
    type Config = ProcessConfig;
    type Noted = ();
    type Instance = Instance;
    const STOP_MARGIN: Duration = Duration::from_secs(20);

    fn dir(config: &ProcessConfig) -> &Path {
        &config.dir
    }

    async fn open(mut config: ProcessConfig, ground: Ground) -> io::Result<Self> {
        config.dir = ground.root.clone();
        let (use_cgroups, device_dir) = (config.use_cgroups, config.device_dir.clone());
        let (hierarchies, devices) = blocking(move || {
            let hierarchies = if use_cgroups { Hierarchies::detect() } else { Hierarchies::none() };
            Ok((hierarchies, devices::count(&device_dir)))
        })
        .await?;
        for missing in &hierarchies.missing {
            tracing::warn!(missing, "this machine cannot hold every limit of an instance");
        }
        let ports = Ports::new(config.ports.clone());
        let site = Site::new(ground, Arc::clone(&config.capacity), Placing::Links);
        Ok(Self { config, site, hierarchies, devices, ports })
    }

    fn site(&self) -> &Site<()> {
        &self.site
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            name: "process",
            limits_memory: self.hierarchies.limits_memory(),
            limits_cpu: self.hierarchies.limits_cpu(),
            isolates_network: false,
            memory_bytes_max: self.config.memory_bytes_max,
            runs_images: false,
            isolates_images: false,
            devices: self.devices.clone(),
        }
    }

    fn check(&self, spec: &InstanceSpec) -> Result<(), ComputeError> {
        check(spec)
    }

    fn instance(self: &Arc<Self>, dir: InstanceDir, spec: Arc<InstanceSpec>) -> Instance {
        Instance { way: Arc::clone(self), dir, spec, ports: Vec::new(), child: None }
    }

    fn find(self: &Arc<Self>, dir: InstanceDir, spec: Arc<InstanceSpec>) -> io::Result<Found<Self>> {
        let (stage, state) = adoption::examine(&dir, &spec)?;
        let launch = match stage {
            Stage::Started(()) => dir.read::<Launch>(LAUNCH)?,
            _ => None,
        };
        let adopt = |launch: &Launch| -> Vec<PortLease> {
            launch.containers.iter().map(|container| self.ports.adopt(container.ports())).collect()
        };
        let ports = launch.as_ref().map(adopt).unwrap_or_default();
        let instance = Instance { ports, ..self.instance(dir, spec) };
        Ok(Found { stage, state, noted: (), instance })
    }

    fn path_inside(_name: &str, place: &Path) -> String {
        place.display().to_string()
    }

    fn listens(dir: &InstanceDir, _state: &InstanceState) -> Vec<SocketAddr> {
        listening::addresses(dir.path())
    }
}

/// What of a spec no process can do.
fn check(spec: &InstanceSpec) -> Result<(), ComputeError> {
    let refuse = |detail: String| Err(ComputeError::Unsupported { id: spec.id.clone(), detail });
    if spec.is_isolated {
        return refuse("EnableNetworkIsolation: the network of a process is not cut off here".to_owned());
    }
    if let Err(detail) = container_dir::check_names(&spec.container_names()) {
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
