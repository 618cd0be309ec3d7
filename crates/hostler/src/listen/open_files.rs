//! How many files and connections this process may have open.
//!
//! Why: shells and services start programs with 1,024, because old programs break with more; a server needs as many as
//! the system grants. Those that it starts get back what it was given.
//! Invariants: some are left for the database, models' connections and logs, however many connections clients open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::debug;

/// For what is not a connection of a client.
const LEFT_FOR_OTHERS: u64 = 1024;

/// Raises the limit as far as the system lets it, and says what it was.
pub(crate) fn raise() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        debug!(%error, "raising the number of open files failed");
    }
    limit.current
}

/// Connections of clients for which there are files: all but those left for others, or half where there are few.
pub(super) fn connections_max() -> usize {
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from((files / 2).max(files.saturating_sub(LEFT_FOR_OTHERS))).unwrap_or(usize::MAX)
}
