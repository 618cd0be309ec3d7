//! A program of this binary's own that finds out by itself why it cannot serve.
//!
//! Why: the program runs where the container runs, under the instance's limits and with its log; what it finds there (pip's
//! words) is more than an exit code tells. It leaves the failure beside the instance, and the supervisor takes it over.
//! Invariants: `failed.json` keeps its one writer, the supervisor.

use std::io;
use std::path::Path;

use hostler_compute::InstanceFailure;

use crate::directory::InstanceDir;

const REFUSED: &str = "refused.json";

/// Leaves the failure for the supervisor; the working directory is the instance's. To be called before ending with a code
/// that is not 0.
pub fn refuse(failure: &InstanceFailure) -> io::Result<()> {
    InstanceDir::at(".").write(REFUSED, failure)
}

/// What the program that has just ended left, if it did.
pub(crate) fn taken_over(dir: &Path) -> Option<InstanceFailure> {
    InstanceDir::at(dir).read(REFUSED).ok().flatten()
}
