//! The `Store` port on SQL databases, and the lock on the data directory.
//!
//! Why: SQLite needs nothing installed and holds all that one machine serves. PostgreSQL, for more than one machine,
//! will be a second module beside `sqlite`, with migrations beside `migrations/sqlite`; page tokens and the suite of
//! rules are `hostler-store`'s already.
//! Invariants: this room knows the port and its database, and nothing of models or endpoints. No clock is read here.
#![warn(missing_docs)]

mod data_dir;
mod sqlite;
mod testing;

pub use data_dir::{DataDirLock, LockError};
pub use sqlite::{DATABASE_FILE, DatabaseFault, OpenError, Overloaded, SqliteStore};
