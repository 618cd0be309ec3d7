//! The command line of script mode: this very binary, which becomes Python in the model's environment.
//!
//! Invariants: pure but for the number of processors. The operator's variables for pip travel in one variable of their own,
//! which that program takes out of its environment before it runs anything of the model's.

use std::collections::BTreeMap;

use hostler_compute::{ContainerSpec, InstanceSpec, SCRIPT_CHANNEL};

use crate::ScriptConfig;
use crate::environment::{HOST, Place};

/// Known to `hostler script` as well; a test of the binary holds them together.
const PIP_VARIABLES: &str = "HOSTLER_PIP_VARIABLES";

/// The words of `hostler script`.
pub(crate) fn command(
    container: &ContainerSpec,
    framework: &str,
    version: Option<&str>,
    place: &Place<'_>,
) -> Vec<String> {
    let script = place.script;
    let mut words: Vec<String> = vec![place.hostler_exe.display().to_string(), "script".to_owned()];
    let mut add = |name: &str, value: String| words.extend([name.to_owned(), value]);
    add("--framework", framework.to_owned());
    if let Some(version) = version {
        add("--framework-version", version.to_owned());
    }
    let own_base = script.base.get(framework);
    for line in own_base.into_iter().flatten() {
        add("--base", line.clone());
    }
    add("--model-dir", place.model_dir.display().to_string());
    if container.additional_model_data.iter().any(|data| data.channel == SCRIPT_CHANNEL) {
        add("--code-dir", place.additional_dir.join(SCRIPT_CHANNEL).display().to_string());
    }
    add("--port", place.ports.start().to_string());
    add("--host", HOST.to_owned());
    add("--max-payload-bytes", place.payload_bytes_max.to_string());
    add("--workers", place.workers.to_string());
    add("--environments", script.environments_dir.display().to_string());
    add("--environments-bytes-max", script.environments_bytes_max.to_string());
    add("--install-timeout-s", script.install_timeout.as_secs().to_string());
    add("--python", script.python.clone());
    if own_base.is_some() {
        words.push("--own-base".to_owned());
    }
    words
}

/// What its environment holds besides the model's.
pub fn variables(script: &ScriptConfig) -> BTreeMap<String, String> {
    if script.pip.is_empty() {
        return BTreeMap::new();
    }
    let pip = serde_json::json!(script.pip).to_string();
    BTreeMap::from([(PIP_VARIABLES.to_owned(), pip)])
}

/// A worker for each CPU that the instance may use, as AWS's containers have one for each that they see.
pub(crate) fn workers(spec: &InstanceSpec) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let granted = spec.limits.cpu_millis.map(|millis| millis.div_ceil(1000));
    granted.and_then(|cpus| usize::try_from(cpus).ok()).unwrap_or(cores).clamp(1, cores)
}
