//! A backend in a directory of its own at the engine of `HOSTLER_TEST_DOCKER`, and a check that nothing is left there.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

pub(crate) use hostler_compute::conformance::with_data;
use hostler_compute::conformance::{instance_id, spec_of};
use hostler_compute::{Compute, InstanceSpec, Program};
use hostler_compute_docker::{DockerBackend, DockerConfig};
use hostler_compute_local::conformance::{FakeData, open, reopen};
use hostler_types::{EndpointUid, InstanceId};
use tempfile::TempDir;

/// A static program that does what `HOSTLER_CASE` says; its source is `case.c`.
const IMAGE: &str = "hostler-case:it-3";

/// The engine's socket; none: there is none to test with.
pub(crate) fn socket() -> Option<String> {
    std::env::var("HOSTLER_TEST_DOCKER").ok().filter(|socket| !socket.is_empty())
}

/// Says loudly that nothing was tested where there is no engine; where nothing may be left out, that is a failure.
pub(crate) fn is_there() -> bool {
    let is_there = socket().is_some();
    if !is_there {
        let lack = "HOSTLER_TEST_DOCKER names no container engine";
        assert!(std::env::var_os("HOSTLER_TEST_ALL").is_none(), "{lack}, and nothing may be left out");
        eprintln!("LEFT OUT: {lack}");
    }
    is_there
}

/// What Docker's own client says.
pub(crate) fn docker(words: &[&str]) -> String {
    let output = try_docker(words);
    assert!(output.status.success(), "docker {words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

pub(crate) fn try_docker(words: &[&str]) -> Output {
    let socket = socket().expect("asked for before");
    let host = if socket.contains("://") { socket } else { format!("unix://{socket}") };
    Command::new("docker").args(["-H", &host]).args(words).stdin(Stdio::null()).output().unwrap()
}

/// The image of the cases, made once.
pub(crate) fn image() -> &'static str {
    static MADE: OnceLock<()> = OnceLock::new();
    MADE.get_or_init(|| {
        if try_docker(&["image", "inspect", IMAGE]).status.success() {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/case.c");
        let compiled =
            Command::new("cc").args(["-static", "-O1", "-o", "case", source]).current_dir(&dir).status();
        assert!(
            compiled.unwrap().success(),
            "a C compiler with a static C library makes the image of the cases"
        );
        let packed = Command::new("tar").args(["cf", "case.tar", "case"]).current_dir(&dir).status();
        assert!(packed.unwrap().success());
        let archive = dir.path().join("case.tar");
        let words = ["import", "-c", "ENTRYPOINT [\"/case\"]", "-c", "LABEL hostler-dev=docker"];
        docker(&[&words[..], &[archive.to_str().unwrap(), IMAGE]].concat());
    });
    IMAGE
}

/// Removes what a failed test leaves at the engine.
struct Leftovers(String);

impl Drop for Leftovers {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        let label = format!("label=hostler.data-dir={}", self.0);
        for (list, remove) in
            [(&["ps", "-aq"][..], &["rm", "-fv"][..]), (&["network", "ls", "-q"], &["network", "rm"])]
        {
            let found = try_docker(&[list, &["--filter", &label]].concat());
            for id in String::from_utf8_lossy(&found.stdout).lines() {
                try_docker(&[remove, &[id]].concat());
            }
        }
    }
}

pub(crate) struct World {
    root: TempDir,
    _leftovers: Leftovers,
    pub(crate) config: DockerConfig,
    pub(crate) data: Arc<FakeData>,
    pub(crate) backend: DockerBackend,
}

impl World {
    pub(crate) async fn open() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut DockerConfig)) -> Self {
        image();
        let root = tempfile::tempdir().unwrap();
        // The name of a fresh directory is nobody else's.
        let owner: String = root
            .path()
            .to_str()
            .unwrap()
            .bytes()
            .filter(u8::is_ascii_alphanumeric)
            .map(char::from)
            .rev()
            .collect();
        let address = socket().unwrap().parse().unwrap();
        let mut config = DockerConfig::new(root.path().join("docker"), address, owner);
        change(&mut config);
        let data = FakeData::below(root.path()).unwrap();
        let leftovers = Leftovers(config.owner.clone());
        let backend = open(config.clone(), &data).await.unwrap();
        Self { root, _leftovers: leftovers, config, data, backend }
    }

    /// As after `kill -9` and a new start of the server.
    pub(crate) async fn restart(self) -> Self {
        let Self { root, _leftovers: leftovers, config, data, backend } = self;
        let backend = reopen(backend, config.clone(), &data).await.unwrap();
        Self { root, _leftovers: leftovers, config, data, backend }
    }

    pub(crate) async fn ensure(&self, spec: &InstanceSpec) {
        self.backend.ensure(spec).await.unwrap();
    }

    pub(crate) fn dir(&self, id: &InstanceId) -> PathBuf {
        self.config.dir.canonicalize().unwrap().join(id.to_string())
    }

    /// Where the model data of every instance is.
    pub(crate) fn unpacked(&self) -> PathBuf {
        self.data.unpacked.clone()
    }

    /// The ids of this server's containers, running or not.
    pub(crate) fn containers(&self) -> BTreeSet<String> {
        let filter = format!("label=hostler.data-dir={}", self.config.owner);
        docker(&["ps", "-aq", "--no-trunc", "--filter", &filter]).lines().map(str::to_owned).collect()
    }

    pub(crate) fn networks(&self) -> String {
        docker(&["network", "ls", "-q", "--filter", &format!("label=hostler.data-dir={}", self.config.owner)])
    }

    /// Stops everything; no container, network or directory may be left.
    pub(crate) async fn close(self) {
        assert_eq!(self.backend.stop_all(Duration::from_secs(5)).await, 0);
        for endpoint in ["e1", "e11"].map(EndpointUid::new) {
            self.backend.forget(&endpoint).await.unwrap();
        }
        self.backend.detach().await;
        assert_eq!(self.containers(), BTreeSet::new());
        assert_eq!(self.networks(), "");
        assert_eq!(fs::read_dir(&self.config.dir).unwrap().count(), 0);
        drop(self.root);
    }
}

pub(crate) fn id(ordinal: u32) -> InstanceId {
    instance_id("e1", ordinal)
}

/// An instance that does what `case.c` knows.
pub(crate) fn case(id: InstanceId, wish: &str) -> InstanceSpec {
    let mut spec = spec_of(id, image(), Program::Image);
    spec.containers[0].environment = [("HOSTLER_CASE".to_owned(), wish.to_owned())].into();
    spec
}
