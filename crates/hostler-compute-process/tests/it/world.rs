//! A backend in a directory of its own, shell commands as containers, and a check that nothing is left.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub(crate) use hostler_compute::conformance::with_data;
use hostler_compute::conformance::{DEADLINE, data_at, instance_id, program_of, spec_of, wait_for_state};
use hostler_compute::{ChannelData, Compute, InstanceFailure, InstanceSpec, InstanceState};
use hostler_compute_local::conformance::{FakeData, open, reopen};
use hostler_compute_process::{LogLimits, ProcessBackend, ProcessConfig};
use hostler_types::{EndpointUid, InstanceId};
use tempfile::TempDir;
use tokio::time::Instant;

pub(crate) struct World {
    root: TempDir,
    pub(crate) config: ProcessConfig,
    pub(crate) data: Arc<FakeData>,
    pub(crate) backend: ProcessBackend,
}

impl World {
    pub(crate) async fn open() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut ProcessConfig)) -> Self {
        let root = tempfile::tempdir().unwrap();
        let exe = env!("CARGO_BIN_EXE_hostler-supervisor");
        let mut config = ProcessConfig::new(root.path().join("instances"), exe);
        config.log_limits = LogLimits { segment_bytes: 1024, segments: 4 };
        change(&mut config);
        let data = FakeData::below(root.path()).unwrap();
        let backend = open(config.clone(), &data).await.unwrap();
        Self { root, config, data, backend }
    }

    /// As after `kill -9` and a new start of the server, but for the process number.
    pub(crate) async fn restart(self) -> Self {
        let Self { root, config, data, backend } = self;
        let backend = reopen(backend, config.clone(), &data).await.unwrap();
        Self { root, config, data, backend }
    }

    pub(crate) fn dir(&self, id: &InstanceId) -> PathBuf {
        self.config.dir.canonicalize().unwrap().join(id.to_string())
    }

    pub(crate) async fn ensure(&self, spec: &InstanceSpec) {
        self.backend.ensure(spec).await.unwrap();
    }

    pub(crate) async fn state(&self, id: &InstanceId) -> Option<InstanceState> {
        let observed = self.backend.observe(&id.endpoint).await.unwrap();
        observed.into_iter().find(|one| one.id == *id).map(|one| one.state)
    }

    /// A file of an instance as JSON.
    pub(crate) fn json(&self, id: &InstanceId, file: &str) -> serde_json::Value {
        serde_json::from_slice(&fs::read(self.dir(id).join(file)).unwrap()).unwrap()
    }

    pub(crate) fn supervisor(&self, id: &InstanceId) -> u32 {
        u32::try_from(self.json(id, "supervisor.json")["pid"].as_u64().unwrap()).unwrap()
    }

    /// The control groups of an instance that was launched.
    pub(crate) fn groups(&self, id: &InstanceId) -> Vec<PathBuf> {
        let launch = self.json(id, "launch.json");
        let groups = launch["groups"].as_array().unwrap();
        groups.iter().map(|group| PathBuf::from(group["dir"].as_str().unwrap())).collect()
    }

    /// Stops everything; no process, directory or control group may be left.
    pub(crate) async fn close(self) {
        let mut groups = Vec::new();
        let endpoints = ["e1", "e11"].map(EndpointUid::new);
        for id in self.backend.list().await.unwrap() {
            if self.dir(&id).join("launch.json").exists() {
                groups.extend(self.groups(&id));
            }
        }
        assert_eq!(self.backend.stop_all(Duration::from_secs(5)).await, 0);
        for endpoint in &endpoints {
            self.backend.forget(endpoint).await.unwrap();
        }
        self.backend.detach().await;
        assert_eq!(names(&self.config.dir), Vec::<String>::new());
        assert_eq!(marked(self.root.path()), Vec::<u32>::new());
        for group in groups {
            assert!(!group.exists(), "{} is left", group.display());
        }
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
        assert!(!mounts.contains(self.root.path().to_str().unwrap()));
    }
}

/// Why an instance that must not come to run did not.
pub(crate) async fn failure(world: &World, spec: &InstanceSpec) -> InstanceFailure {
    world.ensure(spec).await;
    let is_settled =
        |state: Option<&InstanceState>| !matches!(state, Some(InstanceState::Preparing { .. }) | None);
    match wait_for_state(&world.backend, &spec.id, "failed", is_settled).await {
        Some(InstanceState::Failed(failure)) => failure,
        other => panic!("it should have failed: {other:?}"),
    }
}

pub(crate) fn id(ordinal: u32) -> InstanceId {
    instance_id("e1", ordinal)
}

/// An instance that runs a shell script.
pub(crate) fn shell(id: InstanceId, script: &str) -> InstanceSpec {
    command(id, &["sh", "-c", script])
}

pub(crate) fn command(id: InstanceId, words: &[&str]) -> InstanceSpec {
    spec_of(id, "registry/model:1", program_of(words))
}

pub(crate) fn with_additional(mut spec: InstanceSpec, channel: &str, uri: &str) -> InstanceSpec {
    let channel = ChannelData { channel: channel.to_owned(), data: data_at(uri) };
    spec.containers[0].additional_model_data.push(channel);
    spec
}

/// Whether this machine lets a test be made; where it does not, the test says loudly that it tested nothing, or fails
/// where nothing may be left out.
pub(crate) fn can(holds: bool, lack: &str) -> bool {
    if !holds {
        let may_leave_out = std::env::var_os("HOSTLER_TEST_ALL").is_none();
        assert!(may_leave_out, "{lack}, and nothing may be left out");
        eprintln!("LEFT OUT: {lack}");
    }
    holds
}

/// Waits until the predicate holds.
pub(crate) async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !holds() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Waits until a file holds a whole line, and returns the text.
pub(crate) async fn line_of(path: &Path) -> String {
    until("a line in a file", || fs::read_to_string(path).is_ok_and(|text| text.ends_with('\n'))).await;
    fs::read_to_string(path).unwrap().trim().to_owned()
}

/// Whether a process exists and is no zombie. One whose main thread is a zombie lives on in its other threads, and
/// holds its locks until the last of them is gone.
pub(crate) fn is_alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rfind(") ").and_then(|at| stat.as_bytes().get(at + 2).copied());
    match state {
        None | Some(b'X') => false,
        Some(b'Z') => fs::read_dir(format!("/proc/{pid}/task")).is_ok_and(|threads| threads.count() > 1),
        Some(_) => true,
    }
}

/// The process of the only container of an instance that runs.
pub(crate) fn pid(state: &InstanceState) -> u32 {
    match state.containers() {
        [only] => only.pid.unwrap(),
        other => panic!("{other:?}"),
    }
}

/// Ends a process the hard way.
pub(crate) fn kill(pid: u32) {
    let pid = rustix::process::Pid::from_raw(pid.cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

/// The living processes whose environment or command line names a directory.
pub(crate) fn marked(dir: &Path) -> Vec<u32> {
    let needle = dir.to_str().unwrap().as_bytes();
    let names = |pid: u32, file: &str| {
        let text = fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
        text.windows(needle.len()).any(|window| window == needle)
    };
    fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok())
        .filter(|&pid| pid != std::process::id() && is_alive(pid))
        .filter(|&pid| names(pid, "environ") || names(pid, "cmdline"))
        .collect()
}

pub(crate) fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}
