//! The files of an instance's directory that every backend of this machine writes alike.
//!
//! Why: what an instance is to be, and that it is to go, is the same whatever runs it; how it came to run is not, and
//! stands with each backend.
//! Invariants: a file is replaced as a whole or not at all.

use std::time::Duration;

use hostler_compute::InstanceSpec;
use serde::{Deserialize, Serialize};

/// The layout of these files, and of those of the backends.
pub(crate) const VERSION: u32 = 1;
/// Between SIGTERM and SIGKILL when nobody says otherwise: what SageMaker gives a container.
pub const GRACE_DEFAULT: Duration = Duration::from_secs(30);

/// `spec.json`, before any effect: what the instance is to be.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SpecFile {
    pub(crate) version: u32,
    pub(crate) spec_hash: String,
    pub(crate) spec: InstanceSpec,
}

/// `removing.json`: how long the containers have between SIGTERM and SIGKILL.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Stop {
    /// Not how long they had already.
    pub grace_ms: u64,
}

impl Stop {
    /// So long.
    pub fn after(grace: Duration) -> Self {
        Self { grace_ms: u64::try_from(grace.as_millis()).unwrap_or(u64::MAX) }
    }

    /// The same as a duration.
    pub fn grace(self) -> Duration {
        Duration::from_millis(self.grace_ms)
    }
}
