//! From an instance's spec to what the engine is told of one container.
//!
//! Why: what a container may and may not do is decided here and nowhere else, in one pure function that can be read.
//! Invariants: pure. `serve` is the only argument, the model is read-only, no privilege can be gained, the engine never
//! restarts what ended.

use std::path::PathBuf;

use hostler_compute::{ContainerSpec, InstanceSpec};
use hostler_types::DeviceClass;

use crate::engine::{ContainerConfig, DeviceMapping, DeviceRequest, HostConfig, LogConfig, Mount};
use crate::environment::environment;
use crate::names;

/// Where SageMaker's containers find their model.
const MODEL: &str = "/opt/ml/model";
/// And where many of them lie, each in a directory of its own.
pub(crate) const MODELS: &str = "/opt/ml/models";
/// Where SageMaker puts additional model data, each in a directory named by its channel.
const ADDITIONAL: &str = "/opt/ml/additional-model-data-sources";
/// The engine keeps what a container writes only until it is copied: two files of this size.
const ENGINE_LOG_SIZE: &str = "16m";
const ENGINE_LOG_FILES: &str = "2";

/// What is found out about this machine and the instance before its containers are made.
pub(crate) struct Surroundings<'a> {
    pub(crate) owner: &'a str,
    /// The engine's id of the image.
    pub(crate) image_id: &'a str,
    /// A network, or `container:` and the id of the one whose network is shared.
    pub(crate) network: &'a str,
    /// Where the model data is; an empty directory where there is none.
    pub(crate) model: PathBuf,
    /// Where its many models will be; none where it has one.
    pub(crate) models: Option<PathBuf>,
    /// By channel.
    pub(crate) additional: Vec<(String, PathBuf)>,
    /// More than this the engine refuses to promise; none: not known.
    pub(crate) cpus: Option<u32>,
}

pub(crate) fn config(
    spec: &InstanceSpec,
    position: usize,
    container: &ContainerSpec,
    around: Surroundings<'_>,
) -> ContainerConfig {
    let shares_network = around.network.starts_with("container:");
    let memory = spec.limits.memory_bytes;
    let (device_requests, devices) = accelerators(spec);
    ContainerConfig {
        image: around.image_id.to_owned(),
        cmd: vec!["serve".to_owned()],
        env: environment(spec, position, container),
        hostname: (!shares_network).then(|| container.name.clone()),
        labels: names::labels(around.owner, spec, container),
        stop_signal: "SIGTERM",
        host_config: HostConfig {
            network_mode: around.network.to_owned(),
            mounts: mounts(around.model, around.models, around.additional),
            memory,
            // No swap: what does not fit is killed, and not slowed down without a word.
            memory_swap: memory,
            nano_cpus: nano_cpus(spec.limits.cpu_millis, around.cpus),
            // What a machine of that size would give: half of its memory.
            shm_size: memory.map(|bytes| bytes / 2),
            security_opt: vec!["no-new-privileges".to_owned()],
            log_config: LogConfig {
                driver: "json-file",
                config: [("max-size", ENGINE_LOG_SIZE), ("max-file", ENGINE_LOG_FILES)]
                    .map(|(name, value)| (name, value.to_owned()))
                    .into(),
            },
            device_requests,
            devices,
            extra_hosts: if shares_network { Vec::new() } else { other_hosts(spec) },
            ..HostConfig::default()
        },
    }
}

/// The names of the other containers, which are at the same address.
fn other_hosts(spec: &InstanceSpec) -> Vec<String> {
    spec.containers.iter().skip(1).map(|other| format!("{}:127.0.0.1", other.name)).collect()
}

fn mounts(model: PathBuf, models: Option<PathBuf>, additional: Vec<(String, PathBuf)>) -> Vec<Mount> {
    let channels = additional.into_iter().map(|(channel, path)| (format!("{ADDITIONAL}/{channel}"), path));
    let all = [(MODEL.to_owned(), model)].into_iter();
    let all = all.chain(models.map(|models| (MODELS.to_owned(), models))).chain(channels);
    all.map(|(target, source)| Mount {
        target,
        source: source.to_string_lossy().into_owned(),
        kind: "bind",
        read_only: true,
    })
    .collect()
}

/// Engines refuse to promise more than the machine has.
fn nano_cpus(cpu_millis: Option<u64>, cpus: Option<u32>) -> Option<u64> {
    let most = cpus.filter(|cpus| *cpus > 0).map_or(u64::MAX, |cpus| u64::from(cpus) * 1000);
    Some(cpu_millis?.min(most).saturating_mul(1_000_000))
}

fn accelerators(spec: &InstanceSpec) -> (Vec<DeviceRequest>, Vec<DeviceMapping>) {
    let Some(wanted) = &spec.accelerators else { return (Vec::new(), Vec::new()) };
    match wanted.class {
        DeviceClass::NvidiaGpu => {
            let request =
                DeviceRequest { driver: "nvidia", count: wanted.count, capabilities: vec![vec!["gpu"]] };
            (vec![request], Vec::new())
        }
        DeviceClass::Neuron => {
            let device = |number: u32| DeviceMapping {
                path_on_host: format!("/dev/neuron{number}"),
                path_in_container: format!("/dev/neuron{number}"),
                cgroup_permissions: "rwm",
            };
            (Vec::new(), (0..wanted.count).map(device).collect())
        }
        DeviceClass::Other => (Vec::new(), Vec::new()),
    }
}
