//! What one transaction of the port does inside the writer's transaction.
//!
//! Why: the rules of [`Transaction`] in the order in which the port tells them, apart from threads and syncs.
//! Invariants: it runs in a savepoint of its own; on any error the caller takes the savepoint back.

use std::collections::BTreeSet;

use hostler_store::{EventBounds, Expect, StoreError, Transaction, Write};
use hostler_types::Key;
use rusqlite::Connection;

use super::{documents, events, holdings, uses};

/// What was written.
pub(super) struct Committed {
    /// One for each put or touched document, in order.
    pub(super) versions: Vec<u64>,
    /// Each key once, in the order of its first write.
    pub(super) changed: Vec<Key>,
}

/// Why nothing was written.
pub(super) enum Refusal {
    /// The port's own reason.
    Store(StoreError),
    /// The database's.
    Database(rusqlite::Error),
}

impl From<rusqlite::Error> for Refusal {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

/// Judges the conditions, applies the writes, judges the quotas by what is held then, and appends the events.
pub(super) fn apply(
    connection: &Connection,
    transaction: Transaction,
    bounds: EventBounds,
) -> Result<Committed, Refusal> {
    for check in transaction.checks {
        let holds = match (documents::version(connection, &check.key)?, check.expect) {
            (None, Expect::Absent) => true,
            (Some(version), Expect::Version(expected)) => version == expected,
            (None, Expect::Version(_)) | (Some(_), Expect::Absent) => false,
        };
        if !holds {
            return Err(Refusal::Store(StoreError::Conflict { key: check.key }));
        }
    }
    if let Some(unused) = transaction.unused
        && let Some(by) = uses::first_user(connection, &unused)?
    {
        return Err(Refusal::Store(StoreError::InUse { by }));
    }
    let before = transaction.quotas.iter().map(|quota| holdings::held(connection, quota));
    let before = before.collect::<rusqlite::Result<Vec<u64>>>()?;
    let committed = write(connection, transaction.writes)?;
    for (quota, used) in transaction.quotas.into_iter().zip(before) {
        let after = holdings::held(connection, &quota)?;
        if let Some(delta) = quota.exceeded(used, after) {
            return Err(Refusal::Store(StoreError::QuotaExceeded { quota, used, delta }));
        }
    }
    events::append(connection, &transaction.events, bounds)?;
    Ok(committed)
}

fn write(connection: &Connection, writes: Vec<Write>) -> Result<Committed, Refusal> {
    let count = writes.iter().filter(|write| !matches!(write, Write::Delete(_))).count();
    let mut versions = Vec::with_capacity(count);
    if count > 0 {
        let last = documents::take_from_sequence(connection, count)?;
        versions.extend(last - count as u64 + 1..=last);
    }
    let mut unspent = versions.iter().copied();
    let mut next_version = || unspent.next().expect("one version was taken for each put and touch");
    let mut changed = Vec::with_capacity(writes.len());
    let mut told = BTreeSet::new();
    for write in writes {
        let key = match write {
            Write::Put(document) => {
                documents::put(connection, &document, next_version())?;
                document.key
            }
            Write::Touch(key) => {
                if !documents::touch(connection, &key, next_version())? {
                    return Err(Refusal::Store(StoreError::Conflict { key }));
                }
                key
            }
            Write::Delete(key) => {
                if !documents::delete(connection, &key)? {
                    continue;
                }
                key
            }
        };
        if told.insert(key.clone()) {
            changed.push(key);
        }
    }
    Ok(Committed { versions, changed })
}
