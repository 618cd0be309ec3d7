//! What this machine lets the backend do, for whoever wants to know without opening it.
//!
//! Why: `hostler doctor` must say what a server would find, so it asks the same code.
//! Invariants: found out by trying, as the backend and its instances do; nothing is left behind.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use hostler_types::DeviceClass;
use serde::{Deserialize, Serialize};
use tokio::process::Command;

use crate::cgroup::Hierarchies;
use crate::supervisor::TRY_OPT_ML;
use crate::{ProcessConfig, devices};

/// The try takes milliseconds.
const TRY_TIMEOUT: Duration = Duration::from_secs(10);

/// The limits that instances can be held to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlGroups {
    /// Memory limits hold.
    pub limits_memory: bool,
    /// CPU limits hold.
    pub limits_cpu: bool,
    /// The version of control groups that is used, 1 or 2; both where each carries a part, none where neither does.
    pub versions: Vec<u8>,
    /// Each controller that cannot be used, and why.
    pub missing: Vec<String>,
}

impl ControlGroups {
    /// Looks at this machine as this process sees it. Blocks.
    pub fn detect() -> Self {
        let found = Hierarchies::detect();
        Self {
            limits_memory: found.limits_memory(),
            limits_cpu: found.limits_cpu(),
            versions: found.versions(),
            missing: found.missing,
        }
    }
}

/// Why no program can have `/opt/ml/model` here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptMlRefused {
    /// What was tried and what came back.
    pub what: String,
    /// What to do about it.
    pub to_do: String,
}

/// Lets a process of `config.hostler_exe` take the directory `model` as `/opt/ml/model` in a mount namespace of its
/// own. None: it may.
pub async fn try_opt_ml_model(config: &ProcessConfig, model: &Path) -> io::Result<Option<OptMlRefused>> {
    let child = Command::new(&config.hostler_exe)
        .arg(TRY_OPT_ML)
        .arg(model)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let done = tokio::time::timeout(TRY_TIMEOUT, child).await??;
    Ok(serde_json::from_slice(&done.stdout)?)
}

/// How many accelerators of each class this machine has.
pub fn accelerators(config: &ProcessConfig) -> BTreeMap<DeviceClass, u32> {
    devices::count(&config.device_dir)
}
