//! A SQLite store in a directory of its own that goes away with it.
//!
//! Why: tests of other rooms want a real database without owning its directory.
//! Invariants: the directory is removed after the store's threads have ended.

use crate::{OpenError, SqliteStore};

impl SqliteStore {
    /// An empty store in a temporary directory, for tests.
    pub fn temporary() -> Result<Self, OpenError> {
        let dir = tempfile::tempdir()
            .map_err(|source| OpenError::Directory { dir: std::env::temp_dir(), source })?;
        let mut store = Self::open(dir.path())?;
        store.keep(dir);
        Ok(store)
    }
}
