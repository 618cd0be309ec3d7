//! The writer: the one thread that changes the database.
//!
//! Why: everything that waits is written with one COMMIT and one fsync, so that many callers cost about as much as
//! one. Each transaction is a savepoint inside the group: one that conflicts takes nothing of the others with it.
//! Invariants: answers go out after COMMIT returned; then the changes are told.

use std::sync::{Mutex, PoisonError};
use std::thread;

use hostler_store::{
    Change, Check, Document, Expect, Lease, StoreError, StoreResult, Transaction, Unused, Write,
};
use hostler_types::{Key, Millis};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use tokio::sync::{broadcast, mpsc, oneshot};

use super::{failed, rows};

/// Transactions in one group.
const GROUP_MAX: usize = 256;
/// Transactions that wait; further callers wait for a place.
const QUEUE_MAX: usize = 1024;

pub(super) enum Work {
    Commit {
        transaction: Transaction,
        answer: oneshot::Sender<StoreResult<Vec<u64>>>,
    },
    Lease {
        name: String,
        holder: String,
        now: Millis,
        ttl_ms: i64,
        answer: oneshot::Sender<StoreResult<Option<Lease>>>,
    },
    Release {
        name: String,
        holder: String,
        answer: oneshot::Sender<StoreResult<()>>,
    },
    Close {
        answer: oneshot::Sender<StoreResult<()>>,
    },
}

#[derive(Debug)]
pub(super) struct Writer {
    work: Mutex<Option<mpsc::Sender<Work>>>,
}

/// What is told to one caller once the group is on disk, or is not.
type Verdict = Box<dyn FnOnce(bool) + Send>;

impl Writer {
    pub(super) fn start(
        mut connection: Connection,
        changes: broadcast::Sender<Change>,
    ) -> std::io::Result<Self> {
        let (work, mut queue) = mpsc::channel(QUEUE_MAX);
        thread::Builder::new().name("hostler-write".to_owned()).spawn(move || {
            let mut group = Vec::new();
            loop {
                if queue.blocking_recv_many(&mut group, GROUP_MAX) == 0 {
                    return;
                }
                if let Some(closed) = write_group(&mut connection, &mut group, &changes) {
                    // Everything that was acknowledged is in the WAL; this only folds it into the file.
                    let folded = connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
                    let _ = closed.send(folded.map_err(failed("fold the log into the database")));
                    return;
                }
            }
        })?;
        Ok(Self { work: Mutex::new(Some(work)) })
    }

    pub(super) async fn run<T>(
        &self,
        make: impl FnOnce(oneshot::Sender<StoreResult<T>>) -> Work,
    ) -> StoreResult<T> {
        let (answer, answered) = oneshot::channel();
        let sender = self.work.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let sender = sender.ok_or(StoreError::Closed)?;
        sender.send(make(answer)).await.map_err(|_| StoreError::Closed)?;
        answered.await.map_err(|_| StoreError::Closed)?
    }

    pub(super) async fn close(&self) -> StoreResult<()> {
        let sender = self.work.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(sender) = sender else { return Ok(()) };
        let (answer, answered) = oneshot::channel();
        sender.send(Work::Close { answer }).await.map_err(|_| StoreError::Closed)?;
        drop(sender);
        answered.await.map_err(|_| StoreError::Closed)?
    }
}

/// Writes what waits; returns whom to tell that the writer closed.
fn write_group(
    connection: &mut Connection,
    group: &mut Vec<Work>,
    changes: &broadcast::Sender<Change>,
) -> Option<oneshot::Sender<StoreResult<()>>> {
    let mut closing = None;
    let mut verdicts: Vec<Verdict> = Vec::new();
    let mut changed = Vec::new();
    let written =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).and_then(|mut transaction| {
            for work in group.drain(..) {
                match work {
                    Work::Close { answer } => closing = Some(answer),
                    work => verdicts.push(write_one(&mut transaction, work, &mut changed)),
                }
            }
            transaction.commit()
        });
    let is_durable = match written {
        Ok(()) => true,
        Err(error) => {
            tracing::error!(%error, "a group of transactions was not written");
            false
        }
    };
    // What was not even begun (BEGIN failed) is dropped here: its callers are answered with `Closed`-like loss.
    for work in group.drain(..) {
        refuse(work);
    }
    if is_durable {
        for key in changed {
            // Nobody listening is fine.
            let _ = changes.send(Change { key });
        }
    }
    for verdict in verdicts {
        verdict(is_durable);
    }
    closing
}

fn write_one(transaction: &mut rusqlite::Transaction<'_>, work: Work, changed: &mut Vec<Key>) -> Verdict {
    match work {
        Work::Commit { transaction: wanted, answer } => {
            let mut keys = Vec::new();
            let result = within(transaction, |inner| commit(inner, wanted, &mut keys));
            if result.is_ok() {
                changed.append(&mut keys);
            }
            verdict(result, answer)
        }
        Work::Lease { name, holder, now, ttl_ms, answer } => {
            verdict(within(transaction, |inner| lease(inner, &name, &holder, now, ttl_ms)), answer)
        }
        Work::Release { name, holder, answer } => {
            let sql = "DELETE FROM leases WHERE name = ?1 AND holder = ?2";
            let released = transaction.execute(sql, params![name, holder]);
            verdict(released.map(|_| ()).map_err(failed("release a lease")), answer)
        }
        Work::Close { answer } => verdict(Ok(()), answer),
    }
}

/// A savepoint: rolled back unless `write` succeeds.
fn within<T>(
    transaction: &mut rusqlite::Transaction<'_>,
    write: impl FnOnce(&Connection) -> StoreResult<T>,
) -> StoreResult<T> {
    let savepoint = transaction.savepoint().map_err(failed("begin a transaction"))?;
    let value = write(&savepoint)?;
    savepoint.commit().map_err(failed("end a transaction"))?;
    Ok(value)
}

fn verdict<T: Send + 'static>(result: StoreResult<T>, answer: oneshot::Sender<StoreResult<T>>) -> Verdict {
    Box::new(move |is_durable| {
        let result = match result {
            Ok(_) if !is_durable => Err(not_written()),
            result => result,
        };
        // A caller that went away may ask again; the record tells.
        let _ = answer.send(result);
    })
}

fn refuse(work: Work) {
    match work {
        Work::Commit { answer, .. } => drop(answer.send(Err(not_written()))),
        Work::Lease { answer, .. } => drop(answer.send(Err(not_written()))),
        Work::Release { answer, .. } | Work::Close { answer } => drop(answer.send(Err(not_written()))),
    }
}

fn not_written() -> StoreError {
    StoreError::Failed { action: "write a group of transactions", source: "the log has the cause".into() }
}

fn commit(connection: &Connection, wanted: Transaction, changed: &mut Vec<Key>) -> StoreResult<Vec<u64>> {
    for check in &wanted.checks {
        if !holds(connection, check).map_err(failed("check a document"))? {
            return Err(StoreError::Conflict { key: check.key.clone() });
        }
    }
    if let Some(unused) = &wanted.unused
        && let Some(by) = user(connection, unused).map_err(failed("check for use"))?
    {
        return Err(StoreError::InUse { by });
    }
    let mut versions = Vec::new();
    for write in wanted.writes {
        match write {
            Write::Put(document) => {
                versions.push(put(connection, &document).map_err(failed("write a document"))?);
                changed.push(document.key);
            }
            Write::Touch(key) => {
                let Some(document) = rows::get(connection, &key).map_err(failed("read a document"))? else {
                    return Err(StoreError::Conflict { key });
                };
                versions.push(put(connection, &document).map_err(failed("write a document"))?);
                changed.push(key);
            }
            Write::Delete(key) => {
                if delete(connection, &key).map_err(failed("delete a document"))? {
                    changed.push(key);
                }
            }
        }
    }
    // One key once: the feed tells that it changed, not how often.
    let mut told = std::collections::BTreeSet::new();
    changed.retain(|key| told.insert(key.clone()));
    Ok(versions)
}

fn holds(connection: &Connection, check: &Check) -> rusqlite::Result<bool> {
    let mut statement = connection.prepare_cached(
        "SELECT version FROM documents WHERE account = ?1 AND region = ?2 AND kind = ?3 AND key_name = ?4",
    )?;
    let (key, scope) = (&check.key, check.key.scope());
    let version: Option<i64> = statement
        .query_row(
            params![scope.account.as_str(), scope.region.as_str(), key.kind().as_str(), key.name()],
            |row| row.get(0),
        )
        .optional()?;
    Ok(match (version, check.expect) {
        (None, Expect::Absent) => true,
        (Some(version), Expect::Version(expected)) => version.cast_unsigned() == expected,
        (None, Expect::Version(_)) | (Some(_), Expect::Absent) => false,
    })
}

fn user(connection: &Connection, unused: &Unused) -> rusqlite::Result<Option<Key>> {
    let mut statement = connection.prepare_cached(
        "SELECT account, region, kind, key_name FROM documents \
         WHERE account = ?1 AND region = ?2 AND uses = ?3 AND status = ?4 ORDER BY kind, key_name LIMIT 1",
    )?;
    let scope = unused.key.scope();
    let mut found: Option<Key> = None;
    for status in &unused.statuses {
        let by = statement
            .query_row(
                params![scope.account.as_str(), scope.region.as_str(), unused.key.name(), status],
                rows::key,
            )
            .optional()?;
        found = match (found, by) {
            (Some(found), Some(by)) => Some(found.min(by)),
            (found, by) => found.or(by),
        };
    }
    Ok(found)
}

fn put(connection: &Connection, document: &Document) -> rusqlite::Result<u64> {
    let version = next(connection)?;
    let mut statement = connection.prepare_cached(
        "INSERT OR REPLACE INTO documents \
         (account, region, kind, key_name, version, name, created_at, modified_at, status, uses, body) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?;
    let (key, scope) = (&document.key, document.key.scope());
    statement.execute(params![
        scope.account.as_str(),
        scope.region.as_str(),
        key.kind().as_str(),
        key.name(),
        version,
        document.name,
        document.created_at.0,
        document.modified_at.0,
        document.status.as_deref().unwrap_or_default(),
        document.uses,
        document.body,
    ])?;
    Ok(version.cast_unsigned())
}

fn delete(connection: &Connection, key: &Key) -> rusqlite::Result<bool> {
    let mut statement = connection.prepare_cached(
        "DELETE FROM documents WHERE account = ?1 AND region = ?2 AND kind = ?3 AND key_name = ?4",
    )?;
    let scope = key.scope();
    let deleted = statement.execute(params![
        scope.account.as_str(),
        scope.region.as_str(),
        key.kind().as_str(),
        key.name()
    ])?;
    Ok(deleted > 0)
}

fn lease(
    connection: &Connection,
    name: &str,
    holder: &str,
    now: Millis,
    ttl_ms: i64,
) -> StoreResult<Option<Lease>> {
    let failed = failed("take a lease");
    let held: Option<(String, i64, i64)> = connection
        .prepare_cached("SELECT holder, term, expires_at FROM leases WHERE name = ?1")
        .and_then(|mut statement| {
            statement.query_row([name], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()
        })
        .map_err(&failed)?;
    let term = match held {
        Some((known, term, _)) if known == holder => term,
        Some((_, _, expires_at)) if expires_at > now.0 => return Ok(None),
        _ => next(connection).map_err(&failed)?,
    };
    let expires_at = now.plus(ttl_ms);
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO leases (name, holder, term, expires_at) VALUES (?1, ?2, ?3, ?4)",
        )
        .and_then(|mut statement| statement.execute(params![name, holder, term, expires_at.0]))
        .map_err(&failed)?;
    Ok(Some(Lease {
        name: name.to_owned(),
        holder: holder.to_owned(),
        term: term.cast_unsigned(),
        expires_at,
    }))
}

/// The next number of the sequence that versions and terms share.
fn next(connection: &Connection) -> rusqlite::Result<i64> {
    connection
        .prepare_cached("UPDATE sequence SET last = last + 1 WHERE one = 1 RETURNING last")?
        .query_row([], |row| row.get(0))
}
