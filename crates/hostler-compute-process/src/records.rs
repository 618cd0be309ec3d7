//! What is written down in an instance's directory, one file per fact.
//!
//! Why: server and supervisor are different processes with different lives; files are all they share, and each file
//! has one writer and is written once (but for `stop.json`).
//! Invariants: a file is replaced as a whole or not at all. Reading order of truth: removing, failed, exit, lock.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use hostler_compute::{ExitCause, InstanceSpec, Limits};
use hostler_types::Millis;
use serde::{Deserialize, Serialize};

use crate::LogLimits;
use crate::cgroup::Group;

/// The layout of these files.
pub(crate) const VERSION: u32 = 1;

/// `spec.json`, by the server before any effect: what the instance is to be.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SpecFile {
    pub(crate) version: u32,
    pub(crate) spec_hash: String,
    pub(crate) spec: InstanceSpec,
}

/// `prepared.json`, by the server: the model data is in place.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Prepared {
    pub(crate) cache_key: Option<String>,
    /// Of additional model data, by channel.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) additional: BTreeMap<String, String>,
}

/// `launch.json`, by the server: all that the supervisor needs to know.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Launch {
    pub(crate) command: Vec<String>,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) working_dir: PathBuf,
    pub(crate) port: u16,
    /// The last of the ports that follow it and are the command's too.
    #[serde(default)]
    pub(crate) last_port: Option<u16>,
    /// To be shown to the command as `/opt/ml/model`.
    #[serde(default)]
    pub(crate) opt_ml_model: Option<PathBuf>,
    /// To be shown to it below `/opt/ml/additional-model-data-sources`, by channel.
    #[serde(default)]
    pub(crate) opt_ml_additional: BTreeMap<String, PathBuf>,
    pub(crate) limits: Limits,
    pub(crate) groups: Vec<Group>,
    pub(crate) log_limits: LogLimits,
    /// How many files its processes may have open, where that is not what the server may.
    #[serde(default)]
    pub(crate) open_files_max: Option<u64>,
}

impl Launch {
    /// Every port that is the instance's.
    pub(crate) fn ports(&self) -> RangeInclusive<u16> {
        self.port..=self.last_port.unwrap_or(self.port)
    }
}

/// A process, and when it was started, so that a recycled number is never mistaken for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProcessRecord {
    pub(crate) pid: u32,
    pub(crate) start_ticks: u64,
}

/// `running.json`, by the supervisor: the container's main process was started.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Running {
    pub(crate) process: ProcessRecord,
    pub(crate) since: Millis,
}

/// `exit.json`, by the supervisor (or by the server for one that ended unseen): how it ended.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Exit {
    pub(crate) cause: ExitCause,
    pub(crate) at: Millis,
}

/// `stop.json` and `removing.json`, by the server: how long the container has between SIGTERM and SIGKILL.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Stop {
    pub(crate) grace_ms: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prepared_data_of_an_earlier_release_is_read() {
        let earlier = r#"{"cache_key":"abc"}"#;
        let prepared: Prepared = serde_json::from_str(earlier).unwrap();
        assert_eq!((prepared.cache_key.as_deref(), prepared.additional.len()), (Some("abc"), 0));
        assert_eq!(serde_json::to_string(&prepared).unwrap(), earlier);
    }
}
