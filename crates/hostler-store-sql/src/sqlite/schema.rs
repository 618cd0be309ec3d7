//! Connections and the schema: pragmas, migrations, and the refusal of files that are not ours to write.
//!
//! Why: migrations are numbered files that run in order, each in one transaction with its number; the number lives in
//! the database itself (`user_version`), so no second record can disagree with it.
//! Invariants: a migration that was released is never edited. A newer, foreign or damaged file is not written to.
//! Failure: a crash during a migration leaves the one before it; the next start runs it again.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::fault::OpenError;
use super::{events, holdings, sums, uses};

/// In order; the first makes schema 1.
const MIGRATIONS: [&str; 5] = [
    include_str!("../../migrations/sqlite/0001_documents.sql"),
    include_str!("../../migrations/sqlite/0002_holdings.sql"),
    include_str!("../../migrations/sqlite/0003_uses.sql"),
    include_str!("../../migrations/sqlite/0004_sums.sql"),
    include_str!("../../migrations/sqlite/0005_events.sql"),
];

/// "HOST" in SQLite's header, by which `file` and we know whose database it is.
const APPLICATION_ID: i64 = 0x484f_5354;

/// How long to wait for another program that has the file locked, such as a backup or the `sqlite3` shell.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The log is cut back to this after a checkpoint, so that one burst does not keep the disk.
const LOG_BYTES_KEPT: i64 = 64 << 20;

/// Statements that each connection keeps prepared: every shape of a listing and the plain ones.
const STATEMENTS_KEPT: usize = 96;

/// Opens the file for the writer, makes or upgrades the schema, and looks for damage.
pub(super) fn open_writer(file: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_PRIVATE_CACHE;
    let failed = |action| move |source| OpenError::database(action, file, source);
    let mut connection = Connection::open_with_flags(file, flags).map_err(failed("open"))?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(failed("set up"))?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    // Before anything is written, the switch to a write-ahead log included.
    refuse_what_is_not_ours(&connection, file)?;
    let mode: String = connection
        .query_row("PRAGMA journal_mode = WAL", (), |row| row.get(0))
        .map_err(failed("start the log of"))?;
    if mode != "wal" {
        return Err(OpenError::NoLog { file: file.to_owned(), mode });
    }
    for (pragma, value) in [
        ("synchronous", "FULL"),
        ("foreign_keys", "ON"),
        ("temp_store", "MEMORY"),
        ("cell_size_check", "ON"),
        // A damaged schema must not run functions with effects.
        ("trusted_schema", "OFF"),
    ] {
        connection.pragma_update(None, pragma, value).map_err(failed("set up"))?;
    }
    connection.pragma_update(None, "journal_size_limit", LOG_BYTES_KEPT).map_err(failed("set up"))?;
    migrate(&mut connection, &MIGRATIONS, file)?;
    look_for_damage(&connection, file)?;
    sums::fill(&mut connection).map_err(failed("add checksums to"))?;
    sums::verify(&connection).map_err(failed("check"))?;
    uses::rewrite(&mut connection).map_err(failed("write down what is used in"))?;
    holdings::recount(&mut connection).map_err(failed("count what is held in"))?;
    events::recount(&connection).map_err(failed("count the events of"))?;
    Ok(connection)
}

/// Opens the file for reading alone; the writer has made it.
pub(super) fn open_reader(file: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_PRIVATE_CACHE;
    let failed = |source| OpenError::database("open for reading", file, source);
    let connection = Connection::open_with_flags(file, flags).map_err(failed)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(failed)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    connection.pragma_update(None, "query_only", "ON").map_err(failed)?;
    connection.pragma_update(None, "cell_size_check", "ON").map_err(failed)?;
    Ok(connection)
}

fn pragma(connection: &Connection, name: &str, file: &Path) -> Result<i64, OpenError> {
    connection
        .pragma_query_value(None, name, |row| row.get(0))
        .map_err(|source| OpenError::database("read", file, source))
}

fn refuse_what_is_not_ours(connection: &Connection, file: &Path) -> Result<(), OpenError> {
    // Reading the header is what finds a file that is no database at all.
    let found = pragma(connection, "user_version", file)?;
    let id = pragma(connection, "application_id", file)?;
    let is_new = pragma(connection, "schema_version", file)? == 0;
    if id != APPLICATION_ID && !(is_new && id == 0) {
        return Err(OpenError::Foreign { file: file.to_owned() });
    }
    let known = MIGRATIONS.len() as i64;
    if found > known {
        return Err(OpenError::Newer { file: file.to_owned(), found, known });
    }
    Ok(())
}

fn migrate(connection: &mut Connection, migrations: &[&str], file: &Path) -> Result<(), OpenError> {
    let failed = |source| OpenError::database("upgrade", file, source);
    loop {
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        // Inside the transaction: another process may have migrated while this one waited.
        let done = pragma(&transaction, "user_version", file)?;
        let Some(migration) = usize::try_from(done).ok().and_then(|done| migrations.get(done)) else {
            return Ok(());
        };
        transaction.execute_batch(migration).map_err(failed)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(failed)?;
        transaction.pragma_update(None, "user_version", done + 1).map_err(failed)?;
        transaction.commit().map_err(failed)?;
        tracing::info!(file = %file.display(), schema = done + 1, "upgraded the database");
    }
}

/// Pages, and indexes against their tables: what an index does not tell would be missing without a word.
fn look_for_damage(connection: &Connection, file: &Path) -> Result<(), OpenError> {
    let found: String = connection
        .query_row("PRAGMA integrity_check(1)", (), |row| row.get(0))
        .map_err(|source| OpenError::database("check", file, source))?;
    if found == "ok" { Ok(()) } else { Err(OpenError::Damaged { file: file.to_owned(), detail: found }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_commit_is_synced_in_a_write_ahead_log() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("test.db");
        let writer = open_writer(&file).unwrap();
        let mode: String = writer.query_row("PRAGMA journal_mode", (), |row| row.get(0)).unwrap();
        // SQLite's number for FULL.
        assert_eq!((mode.as_str(), pragma(&writer, "synchronous", &file).unwrap()), ("wal", 2));
        let reader = open_reader(&file).unwrap();
        let error = reader.execute("DELETE FROM documents", ()).unwrap_err();
        assert_eq!(error.sqlite_error_code(), Some(rusqlite::ErrorCode::ReadOnly));
    }

    #[test]
    fn migrations_run_once_each_and_in_order() {
        let mut connection = Connection::open_in_memory().unwrap();
        let file = Path::new("test.db");
        let first = "CREATE TABLE one (id INTEGER)";
        let second = "INSERT INTO one (id) VALUES (2)";
        migrate(&mut connection, &[first], file).unwrap();
        for _ in 0..2 {
            migrate(&mut connection, &[first, second], file).unwrap();
        }
        let rows: i64 = connection.query_row("SELECT count(*) FROM one", (), |row| row.get(0)).unwrap();
        assert_eq!((rows, pragma(&connection, "user_version", file).unwrap()), (1, 2));
    }

    #[test]
    fn a_migration_that_fails_leaves_nothing_of_itself() {
        let mut connection = Connection::open_in_memory().unwrap();
        let file = Path::new("test.db");
        let bad = "CREATE TABLE half (id INTEGER); INSERT INTO missing VALUES (1)";
        let error = migrate(&mut connection, &["CREATE TABLE one (id INTEGER)", bad], file).unwrap_err();
        assert!(matches!(error, OpenError::Database { action: "upgrade", .. }), "{error}");
        let tables: String = connection
            .query_row("SELECT group_concat(name) FROM sqlite_schema", (), |row| row.get(0))
            .unwrap();
        assert_eq!((tables.as_str(), pragma(&connection, "user_version", file).unwrap()), ("one", 1));
    }
}
