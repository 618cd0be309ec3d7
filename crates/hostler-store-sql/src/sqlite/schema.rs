//! The file: its settings and its migrations.
//!
//! Invariants: `user_version` counts the migrations that were applied; each is applied in a transaction of its own.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::OpenError;

/// One file each, in order; never changed once released.
const MIGRATIONS: [&str; 1] = [include_str!("../../migrations/sqlite/0001_documents.sql")];

/// Another process has no business here; a backup tool may hold a lock for a moment.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Opens the file for writing, at the newest schema.
pub(super) fn open(file: &Path) -> Result<Connection, OpenError> {
    let failed = |source| OpenError::Failed { file: file.to_path_buf(), source };
    let mut connection = Connection::open(file).map_err(failed)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
    connection.pragma_update(None, "journal_mode", "WAL").map_err(failed)?;
    connection.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
    let applied: i64 =
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(failed)?;
    let known = MIGRATIONS.len() as i64;
    if applied > known {
        return Err(OpenError::Newer { file: file.to_path_buf(), found: applied, known });
    }
    for (index, sql) in MIGRATIONS.iter().enumerate().skip(usize::try_from(applied).unwrap_or(0)) {
        let transaction = connection.transaction().map_err(failed)?;
        transaction.execute_batch(sql).map_err(failed)?;
        transaction.pragma_update(None, "user_version", index as i64 + 1).map_err(failed)?;
        transaction.commit().map_err(failed)?;
    }
    Ok(connection)
}

/// Opens the file for reading.
pub(super) fn open_for_reading(file: &Path) -> Result<Connection, OpenError> {
    let failed = |source| OpenError::Failed { file: file.to_path_buf(), source };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags).map_err(failed)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
    Ok(connection)
}
