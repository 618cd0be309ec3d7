//! The `Store` port on SQLite: one file in the data directory, nothing to install.
//!
//! Why: rusqlite, not sqlx: one writer thread with synchronous closures is the simplest true group commit, and it
//! brings half the crates. PostgreSQL will be a sibling of `sqlite` behind the same port and the same suite.
//! Invariants: only this crate links a database.
#![warn(missing_docs)]

mod lock;
mod sqlite;

pub use lock::{DataDirLock, LockError};
pub use sqlite::{OpenError, SqliteStore};
