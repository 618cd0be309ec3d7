//! What is said to an engine and read from its answers: the members that are used, and no others.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ContainerConfig {
    pub(crate) image: String,
    pub(crate) cmd: Vec<String>,
    pub(crate) env: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) hostname: Option<String>,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) stop_signal: &'static str,
    pub(crate) host_config: HostConfig,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct HostConfig {
    pub(crate) network_mode: String,
    pub(crate) mounts: Vec<Mount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) memory: Option<u64>,
    /// Memory and swap together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) memory_swap: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) nano_cpus: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) shm_size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cgroup_parent: Option<String>,
    pub(crate) security_opt: Vec<String>,
    pub(crate) restart_policy: RestartPolicy,
    pub(crate) log_config: LogConfig,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) device_requests: Vec<DeviceRequest>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) devices: Vec<DeviceMapping>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) extra_hosts: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct RestartPolicy {
    pub(crate) name: &'static str,
}

impl Default for RestartPolicy {
    /// An instance that ended stays ended: what follows is the planner's word.
    fn default() -> Self {
        Self { name: "no" }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Mount {
    pub(crate) target: String,
    pub(crate) source: String,
    #[serde(rename = "Type")]
    pub(crate) kind: &'static str,
    pub(crate) read_only: bool,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct LogConfig {
    #[serde(rename = "Type")]
    pub(crate) driver: &'static str,
    pub(crate) config: BTreeMap<&'static str, String>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DeviceRequest {
    pub(crate) driver: &'static str,
    pub(crate) count: u32,
    pub(crate) capabilities: Vec<Vec<&'static str>>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DeviceMapping {
    pub(crate) path_on_host: String,
    pub(crate) path_in_container: String,
    pub(crate) cgroup_permissions: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct NetworkConfig {
    pub(crate) name: String,
    pub(crate) driver: &'static str,
    pub(crate) check_duplicate: bool,
    pub(crate) options: BTreeMap<&'static str, &'static str>,
    pub(crate) labels: BTreeMap<String, String>,
}

/// `GET /info`, as far as it matters here.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct EngineInfo {
    pub(crate) server_version: String,
    #[serde(rename = "OSType")]
    pub(crate) os_type: String,
    #[serde(rename = "NCPU")]
    pub(crate) cpus: u32,
    #[serde(rename = "MemTotal")]
    pub(crate) memory_bytes: u64,
    pub(crate) memory_limit: bool,
    #[serde(rename = "CpuCfsQuota")]
    pub(crate) cpu_quota: bool,
    pub(crate) security_options: Option<Vec<String>>,
}

impl EngineInfo {
    /// An ordinary user's engine: its containers' addresses are in a network of their own.
    pub(crate) fn is_rootless(&self) -> bool {
        let options = self.security_options.iter().flatten();
        options.into_iter().any(|option| option.split(',').any(|word| word == "name=rootless"))
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Image {
    pub(crate) id: String,
    /// Names with digests, of the registries that it came from or went to.
    #[serde(default)]
    pub(crate) repo_digests: Option<Vec<String>>,
}

impl Image {
    pub(crate) fn repo_digests(&self) -> &[String] {
        self.repo_digests.as_deref().unwrap_or_default()
    }
}

/// A row of the list of containers.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ContainerRow {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) labels: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Container {
    pub(crate) id: String,
    pub(crate) state: ContainerState,
    pub(crate) config: Labelled,
    pub(crate) network_settings: NetworkSettings,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Labelled {
    #[serde(default)]
    pub(crate) labels: Option<BTreeMap<String, String>>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct ContainerState {
    /// `created`, `running`, `paused`, `restarting`, `removing`, `exited`, `dead`.
    pub(crate) status: String,
    pub(crate) running: bool,
    pub(crate) pid: u32,
    pub(crate) exit_code: i64,
    #[serde(rename = "OOMKilled")]
    pub(crate) oom_killed: bool,
    /// What went wrong at the start.
    pub(crate) error: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct NetworkSettings {
    pub(crate) networks: Option<BTreeMap<String, EndpointsConfig>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(crate) struct EndpointsConfig {
    #[serde(rename = "IPAddress")]
    pub(crate) ip_address: String,
}

impl Container {
    pub(crate) fn label(&self, name: &str) -> Option<&str> {
        self.config.labels.as_ref()?.get(name).map(String::as_str)
    }

    /// Its address in a network.
    pub(crate) fn address(&self, network: &str) -> Option<std::net::IpAddr> {
        self.network_settings.networks.as_ref()?.get(network)?.ip_address.parse().ok()
    }
}
