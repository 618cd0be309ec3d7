//! What the tests of every backend of this machine need besides the suite of the port: model data without a network, and
//! a backend in a directory that a test may open again.
//!
//! Invariants: for tests only; nothing here knows what runs an instance.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use hostler_artifacts::{DataSource, FetchError};
use hostler_compute::Phase;
use hostler_types::SystemClock;
use tokio::sync::Notify;

use crate::{Lease, LocalBackend, ModelData, OpenError, Opened, PreparedModel, Way};

const KEY: &str = "key-1";

/// Model data without a network: what happens stands in the URI.
#[derive(Debug)]
pub struct FakeData {
    /// Where all of it is.
    pub unpacked: PathBuf,
    /// How often some was asked for.
    pub prepared: AtomicUsize,
    /// How often some was taken up after a restart.
    pub adopted: AtomicUsize,
    /// Lets one that is held go on.
    pub release: Notify,
}

impl FakeData {
    /// A directory of data below `root`, with a file in it.
    pub fn below(root: &Path) -> io::Result<Arc<Self>> {
        let unpacked = root.join("unpacked");
        fs::create_dir(&unpacked)?;
        fs::write(unpacked.join("weights"), "42")?;
        let (prepared, adopted) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Ok(Arc::new(Self { unpacked, prepared, adopted, release: Notify::new() }))
    }
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
            "s3://b/held" => self.release.notified().await,
            _ => on_phase(Phase::Unpacking),
        }
        let lease: Lease = Box::new(());
        Ok(PreparedModel { path: self.unpacked.clone(), cache_key: KEY.to_owned(), lease })
    }

    async fn adopt(&self, cache_key: &str) -> Option<Lease> {
        assert_eq!(cache_key, KEY, "only what was prepared is taken up");
        self.adopted.fetch_add(1, Ordering::SeqCst);
        Some(Box::new(()))
    }
}

/// A backend over this data, by the machine's clock.
pub async fn open<W: Way>(config: W::Config, data: &Arc<FakeData>) -> Result<LocalBackend<W>, OpenError> {
    let data: Arc<dyn ModelData> = Arc::<FakeData>::clone(data);
    LocalBackend::open(config, data, Arc::new(SystemClock)).await.map(Opened::begin)
}

/// As after `kill -9` and a new start of the server, but for the process number.
pub async fn reopen<W: Way>(
    backend: LocalBackend<W>,
    config: W::Config,
    data: &Arc<FakeData>,
) -> Result<LocalBackend<W>, OpenError> {
    backend.detach().await;
    drop(backend);
    open(config, data).await
}
