//! What may go wrong with the database file, at opening and later.
//!
//! Why: every text names the file, because that is what its owner can look at, move or restore.
//! Invariants: a failure of the database never looks like an answer: it is `StoreError::Failed`, whatever it was.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hostler_store::{StoreError, Trouble};
use rusqlite::ErrorCode;

/// Why the database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The data directory could not be made.
    #[error("failed to create the directory `{}`", dir.display())]
    Directory {
        /// The directory.
        dir: PathBuf,
        /// What came back.
        #[source]
        source: std::io::Error,
    },
    /// SQLite could not open or set up the file.
    #[error("failed to {action} the database `{}`", file.display())]
    Database {
        /// What was tried.
        action: &'static str,
        /// The file.
        file: PathBuf,
        /// What came back.
        #[source]
        source: rusqlite::Error,
    },
    /// The file is no SQLite database, or a damaged one.
    #[error("the database `{}` is damaged, or is none: {detail}", file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What SQLite found.
        detail: String,
    },
    /// The file is somebody else's SQLite database.
    #[error("`{}` is a database of another program: choose another data directory", file.display())]
    Foreign {
        /// The file.
        file: PathBuf,
    },
    /// The file was written by a newer Hostler.
    #[error(
        "`{}` was written by a newer Hostler (schema {found}, this one knows up to {known}): start the newer one, or \
         restore a backup",
        file.display()
    )]
    Newer {
        /// The file.
        file: PathBuf,
        /// The schema's number in the file.
        found: i64,
        /// The highest number that this build knows.
        known: i64,
    },
    /// The file system does not carry SQLite's write-ahead log.
    #[error("`{}` cannot have a write-ahead log (journal mode stayed `{mode}`): use a local disk", file.display())]
    NoLog {
        /// The file.
        file: PathBuf,
        /// The mode that SQLite kept.
        mode: String,
    },
    /// A thread could not be started.
    #[error("failed to start a thread for the database")]
    Thread {
        /// What came back.
        #[source]
        source: std::io::Error,
    },
}

impl OpenError {
    /// The error for what SQLite answered to `action`: damage has a variant of its own.
    pub(super) fn database(action: &'static str, file: &Path, source: rusqlite::Error) -> Self {
        let file = file.to_owned();
        match trouble_of(&source) {
            Some(Trouble::Damaged) => Self::Damaged { file, detail: told(&source) },
            _ => Self::Database { action, file, source },
        }
    }

    /// What has to be mended before it can be opened, where that is known.
    pub fn trouble(&self) -> Option<Trouble> {
        match self {
            Self::Damaged { .. } => Some(Trouble::Damaged),
            Self::Database { source, .. } => trouble_of(source),
            _ => None,
        }
    }
}

/// What has to be mended, if SQLite's answer tells.
fn trouble_of(source: &rusqlite::Error) -> Option<Trouble> {
    match source {
        // What was written is read back; anything else is not what was written.
        rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::IntegralValueOutOfRange(..)
        | rusqlite::Error::InvalidColumnType(..)
        | rusqlite::Error::Utf8Error(..) => Some(Trouble::Damaged),
        source => match source.sqlite_error_code()? {
            ErrorCode::DiskFull => Some(Trouble::DiskFull),
            ErrorCode::ReadOnly => Some(Trouble::ReadOnly),
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Some(Trouble::Damaged),
            _ => None,
        },
    }
}

/// The innermost words: those around them say that a conversion failed.
fn told(error: &rusqlite::Error) -> String {
    match error {
        rusqlite::Error::FromSqlConversionFailure(_, _, inner) => inner.to_string(),
        other => other.to_string(),
    }
}

/// A call that the database did not carry out.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the database `{}` failed", file.display())]
pub struct DatabaseFault {
    /// The file.
    pub file: Arc<Path>,
    /// What came back: shared, because one failed commit fails all that were in it.
    #[source]
    pub source: Arc<rusqlite::Error>,
}

/// So many calls wait for the database that one more is refused.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("{waiting} calls wait for the database already")]
pub struct Overloaded {
    /// How many wait.
    pub waiting: usize,
}

/// The port's error for what the database answered to `action`.
pub(super) fn of_database(action: &'static str, fault: DatabaseFault) -> StoreError {
    let trouble = trouble_of(&fault.source);
    let source = Box::new(fault);
    match trouble {
        Some(trouble) => StoreError::Trouble { action, trouble, source },
        None => StoreError::Failed { action, source },
    }
}

/// The port's error for a queue that is full.
pub(super) fn overloaded(action: &'static str, waiting: usize) -> StoreError {
    StoreError::Failed { action, source: Box::new(Overloaded { waiting }) }
}

#[cfg(test)]
mod tests {
    use rusqlite::{Connection, OpenFlags};

    use super::*;

    /// What SQLite itself answers, where it can be made to.
    #[test]
    fn what_has_to_be_mended_is_read_from_sqlites_answer() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("test.db");
        let writer = Connection::open(&file).unwrap();
        writer.execute_batch("CREATE TABLE t (a TEXT); PRAGMA max_page_count = 2").unwrap();
        let long = format!("INSERT INTO t VALUES ('{}')", "x".repeat(100_000));
        let full = writer.execute(&long, ()).unwrap_err();
        assert_eq!(trouble_of(&full), Some(Trouble::DiskFull));
        let reader = Connection::open_with_flags(&file, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        let refused = reader.execute("DELETE FROM t", ()).unwrap_err();
        assert_eq!(trouble_of(&refused), Some(Trouble::ReadOnly));
        let wrong_sql = writer.execute("SELECT * FROM missing", ()).unwrap_err();
        assert_eq!(trouble_of(&wrong_sql), None);
        let other = dir.path().join("other.db");
        std::fs::write(&other, "no database".repeat(100)).unwrap();
        let none = Connection::open(&other).unwrap().execute("CREATE TABLE t (a)", ()).unwrap_err();
        assert_eq!(trouble_of(&none), Some(Trouble::Damaged));
    }
}
