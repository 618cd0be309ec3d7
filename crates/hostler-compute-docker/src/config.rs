//! Which engine, and what the backend may use.
//!
//! Invariants: plain values, resolved by the binary; nothing here reads the environment.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hostler_compute_local::{Capacity, LogLimits};

use crate::{EngineAddress, Logins};

/// A week: an endpoint that is made anew each Monday pulls nothing.
const IMAGES_KEPT_DEFAULT: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// Where Linux keeps device nodes.
const DEVICE_DIR_DEFAULT: &str = "/dev";

/// The settings of a [`DockerBackend`](crate::DockerBackend).
#[derive(Clone)]
pub struct DockerConfig {
    /// The directory that holds one directory per instance; made when missing.
    pub dir: PathBuf,
    /// The engine.
    pub address: EngineAddress,
    /// Whose containers these are: an id of the data directory, the same for as long as that lives; letters and digits.
    pub owner: String,
    /// How much log is kept of each instance.
    pub log_limits: LogLimits,
    /// An instance that asks for more memory never fits and fails at once.
    pub memory_bytes_max: Option<u64>,
    /// For so long an image that was pulled is kept when nobody uses it.
    pub images_kept: Duration,
    /// Where device nodes are counted.
    pub device_dir: PathBuf,
    /// What all backends of this machine may promise.
    pub capacity: Arc<Capacity>,
    /// Who this server is at registries.
    pub logins: Logins,
}

impl DockerConfig {
    /// The defaults over a directory, an engine and an owner.
    pub fn new(dir: impl Into<PathBuf>, address: EngineAddress, owner: impl Into<String>) -> Self {
        Self {
            dir: dir.into(),
            address,
            owner: owner.into(),
            log_limits: LogLimits::default(),
            memory_bytes_max: None,
            images_kept: IMAGES_KEPT_DEFAULT,
            device_dir: PathBuf::from(DEVICE_DIR_DEFAULT),
            capacity: Capacity::unlimited(),
            logins: Logins::default(),
        }
    }
}
