//! A backend in a directory of its own at the engine of `HOSTLER_TEST_DOCKER`, and a check that nothing is left there.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use hostler_artifacts::{ArtifactSource, DataSource, FetchError};
use hostler_compute::conformance::instance_id;
use hostler_compute::{Compute, ContainerSpec, InstanceSpec, Limits, Phase, Program};
use hostler_compute_docker::{DockerBackend, DockerConfig};
use hostler_compute_local::{Lease, ModelData, PreparedModel};
use hostler_types::{AccountId, EndpointUid, InstanceId, Region, Scope, SystemClock};
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

/// Model data without a network: what happens stands in the URI.
pub(crate) struct FakeData {
    unpacked: PathBuf,
    pub(crate) prepared: AtomicUsize,
    pub(crate) adopted: AtomicUsize,
}

#[async_trait]
impl ModelData for FakeData {
    async fn prepare(
        &self,
        source: &DataSource,
        on_phase: &(dyn Fn(Phase) + Send + Sync),
    ) -> Result<PreparedModel, FetchError> {
        self.prepared.fetch_add(1, Ordering::SeqCst);
        let uri = source.at.uri.clone();
        match uri.as_str() {
            "s3://b/missing" => return Err(FetchError::Missing { uri }),
            "s3://b/slow" => std::future::pending::<()>().await,
            _ => on_phase(Phase::Unpacking),
        }
        let lease: Lease = Box::new(());
        Ok(PreparedModel { path: self.unpacked.clone(), cache_key: "key-1".to_owned(), lease })
    }

    async fn adopt(&self, cache_key: &str) -> Option<Lease> {
        assert_eq!(cache_key, "key-1");
        self.adopted.fetch_add(1, Ordering::SeqCst);
        Some(Box::new(()))
    }
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
        let unpacked = root.path().join("unpacked");
        fs::create_dir(&unpacked).unwrap();
        fs::write(unpacked.join("weights"), "42").unwrap();
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
        let data = FakeData { unpacked, prepared: AtomicUsize::new(0), adopted: AtomicUsize::new(0) };
        let data = Arc::new(data);
        let leftovers = Leftovers(config.owner.clone());
        let backend = open(&config, &data).await;
        Self { root, _leftovers: leftovers, config, data, backend }
    }

    /// As after `kill -9` and a new start of the server.
    pub(crate) async fn restart(self) -> Self {
        let Self { root, _leftovers: leftovers, config, data, backend } = self;
        backend.detach().await;
        drop(backend);
        let backend = open(&config, &data).await;
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

async fn open(config: &DockerConfig, data: &Arc<FakeData>) -> DockerBackend {
    let data: Arc<dyn ModelData> = Arc::<FakeData>::clone(data);
    DockerBackend::open(config.clone(), data, Arc::new(SystemClock)).await.unwrap()
}

pub(crate) fn id(ordinal: u32) -> InstanceId {
    instance_id("e1", ordinal)
}

/// An instance that does what `case.c` knows.
pub(crate) fn case(id: InstanceId, wish: &str) -> InstanceSpec {
    InstanceSpec {
        id,
        scope: Scope::new(&AccountId::new("000000000000"), &Region::new("us-east-1")),
        endpoint_name: "demo".to_owned(),
        containers: vec![ContainerSpec {
            name: "container_1".to_owned(),
            image: image().to_owned(),
            program: Program::Image,
            model_data: None,
            additional_model_data: Vec::new(),
            environment: [("HOSTLER_CASE".to_owned(), wish.to_owned())].into(),
            image_role_arn: None,
            models: None,
        }],
        limits: Limits::default(),
        accelerators: None,
        download_timeout_ms: 60_000,
        is_isolated: false,
    }
}

pub(crate) fn with_data(mut spec: InstanceSpec, uri: &str) -> InstanceSpec {
    let at = ArtifactSource {
        uri: uri.to_owned(),
        role_arn: "arn:aws:iam::000000000000:role/r".to_owned(),
        account: AccountId::new("000000000000"),
        region: Region::new("us-east-1"),
    };
    spec.containers[0].model_data = Some(at.into());
    spec
}
