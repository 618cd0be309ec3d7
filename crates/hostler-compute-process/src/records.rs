//! What is written down in an instance's directory, one file per fact.
//!
//! Why: server and supervisor are different processes with different lives; files are all they share, and each file
//! has one writer and is written once (but for `stop.json`).
//! Invariants: a file is replaced as a whole or not at all. Reading order of truth: removing, failed, exit, lock.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use hostler_compute::{ExitCause, Limits};
use hostler_types::Millis;
use serde::{Deserialize, Serialize};

use crate::LogLimits;
use crate::cgroup::Group;

/// Something of each container: of the first where releases that knew of one container wrote it, of the others beside it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Each<T> {
    #[serde(flatten)]
    pub(crate) first: T,
    #[serde(default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
    pub(crate) further: Vec<T>,
}

impl<T> Each<T> {
    /// None of nothing.
    pub(crate) fn of(all: impl IntoIterator<Item = T>) -> Option<Self> {
        let mut all = all.into_iter();
        Some(Self { first: all.next()?, further: all.collect() })
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        std::iter::once(&self.first).chain(&self.further)
    }

    pub(crate) fn get(&self, position: usize) -> Option<&T> {
        self.iter().nth(position)
    }

    pub(crate) fn is_several(&self) -> bool {
        !self.further.is_empty()
    }
}

/// `prepared.json`, by the server: the model data of this container is in place.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Prepared {
    pub(crate) cache_key: Option<String>,
    /// Of additional model data, by channel.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) additional: BTreeMap<String, String>,
}

/// `launch.json`, by the server: all that the supervisor needs to know.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Launch {
    #[serde(flatten)]
    pub(crate) containers: Each<ContainerLaunch>,
    pub(crate) limits: Limits,
    pub(crate) groups: Vec<Group>,
    pub(crate) log_limits: LogLimits,
    /// How many files its processes may have open, where that is not what the server may.
    #[serde(default)]
    pub(crate) open_files_max: Option<u64>,
}

/// What it needs to know of one container.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ContainerLaunch {
    /// Which it is; empty in what releases wrote that knew of one container.
    #[serde(default)]
    pub(crate) name: String,
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
    /// Where its log is written; the instance's `logs` where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) log_dir: Option<PathBuf>,
}

impl ContainerLaunch {
    /// Every port that is the container's.
    pub(crate) fn ports(&self) -> RangeInclusive<u16> {
        self.port..=self.last_port.unwrap_or(self.port)
    }
}

impl Launch {
    /// The name by which one of several containers is told from the others.
    pub(crate) fn name_among_several(&self, position: usize) -> Option<String> {
        let container = self.containers.get(position)?;
        self.containers.is_several().then(|| container.name.clone())
    }
}

/// A process, and when it was started, so that a recycled number is never mistaken for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProcessRecord {
    pub(crate) pid: u32,
    pub(crate) start_ticks: u64,
}

/// `running.json`, by the supervisor: the containers' main processes were started.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Running {
    #[serde(flatten)]
    pub(crate) containers: Each<MainProcess>,
    pub(crate) since: Millis,
}

/// What runs a container.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct MainProcess {
    pub(crate) process: ProcessRecord,
}

/// `exit.json`, by the supervisor (or by the server for one that ended unseen): how it ended.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Exit {
    /// Which of several containers ended first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) container: Option<String>,
    pub(crate) cause: ExitCause,
    pub(crate) at: Millis,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prepared_data_of_an_earlier_release_is_read() {
        let earlier = r#"{"cache_key":"abc"}"#;
        let prepared: Each<Prepared> = serde_json::from_str(earlier).unwrap();
        let first = &prepared.first;
        assert_eq!((first.cache_key.as_deref(), first.additional.len()), (Some("abc"), 0));
        assert!(!prepared.is_several());
        assert_eq!(serde_json::to_string(&prepared).unwrap(), earlier);
    }

    /// As the release before instances of several containers wrote it, of a container with a port that is not alone.
    const LAUNCH: &str = r#"{"command":["serve"],"environment":{"A":"1"},"working_dir":"/w","port":20001,"last_port":20008,"opt_ml_model":null,"opt_ml_additional":{},"limits":{"memory_bytes":1024,"cpu_millis":null},"groups":[],"log_limits":{"segment_bytes":8388608,"segments":4},"open_files_max":null}"#;

    #[test]
    fn what_an_earlier_release_launched_is_read() {
        let launch: Launch = serde_json::from_str(LAUNCH).unwrap();
        let first = &launch.containers.first;
        assert_eq!((first.command.as_slice(), first.ports()), (&["serve".to_owned()][..], 20001..=20008));
        assert_eq!((launch.limits.memory_bytes, launch.containers.is_several()), (Some(1024), false));
        assert_eq!(launch.name_among_several(0), None);
        let running = r#"{"process":{"pid":7,"start_ticks":18446744073709551615},"since":5}"#;
        let read: Running = serde_json::from_str(running).unwrap();
        assert_eq!(read.containers.first.process.start_ticks, u64::MAX);
        assert_eq!(serde_json::to_string(&read).unwrap(), running);
        let exit = r#"{"cause":{"Code":3},"at":5}"#;
        let read: Exit = serde_json::from_str(exit).unwrap();
        assert_eq!((read.container.as_deref(), &read.cause), (None, &ExitCause::Code(3)));
        assert_eq!(serde_json::to_string(&read).unwrap(), exit);
    }

    #[test]
    fn what_is_written_of_several_containers_is_read_again() {
        let process = |pid| MainProcess { process: ProcessRecord { pid, start_ticks: 1 } };
        let running = Running { containers: Each::of([1, 2, 3].map(process)).unwrap(), since: Millis(5) };
        let text = serde_json::to_string(&running).unwrap();
        let read: Running = serde_json::from_str(&text).unwrap();
        let pids: Vec<u32> = read.containers.iter().map(|main| main.process.pid).collect();
        assert_eq!((pids.as_slice(), read.containers.is_several()), (&[1, 2, 3][..], true));
        assert_eq!(read.containers.get(2).map(|main| main.process.pid), Some(3));
        assert!(Each::<u8>::of([]).is_none());
    }
}
