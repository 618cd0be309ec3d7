//! Where model data comes from: a small port of this room, so that the cache can be anything.
//!
//! Invariants: a lease keeps the unpacked data in place for as long as it lives. Dropping a `prepare` that runs
//! gives up its wish and harms no other.

use std::any::Any;
use std::path::PathBuf;

use async_trait::async_trait;
use hostler_artifacts::{DataSource, FetchError};
use hostler_compute::Phase;

/// Holds unpacked data in place while it lives.
pub type Lease = Box<dyn Any + Send + Sync>;

/// Model data on this machine, ready to be read.
pub struct PreparedModel {
    /// The directory of the unpacked data.
    pub path: PathBuf,
    /// What to ask for after a restart.
    pub cache_key: String,
    /// Keeps it there.
    pub lease: Lease,
}

/// Fetches and unpacks model data, once per machine.
#[async_trait]
pub trait ModelData: Send + Sync {
    /// Fetches and unpacks or lays out, through the role, telling each phase as it begins.
    async fn prepare(
        &self,
        source: &DataSource,
        on_phase: &(dyn Fn(Phase) + Send + Sync),
    ) -> Result<PreparedModel, FetchError>;

    /// A new lease on data that an instance from before a restart still reads; none when it is gone.
    async fn adopt(&self, cache_key: &str) -> Option<Lease>;
}
