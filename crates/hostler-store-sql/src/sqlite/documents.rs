//! The statements on documents: one function each, on any connection.
//!
//! Why: a decision of the port (what a check means, when a commit is refused) is read in `commit.rs` without SQL in
//! between.
//! Invariants: every statement finds its rows by index. Versions come from the one sequence and from nowhere else.

use hostler_store::Document;
use hostler_types::{AccountId, Key, Kind, Millis, Region, Scope};
use rusqlite::{Connection, OptionalExtension as _, Row, named_params};

use super::{holdings, sums, uses};

/// The columns that [`document`] reads, in its order.
pub(super) const COLUMNS: &str =
    "key, version, name, created_at, modified_at, status, uses, holds, body, sum";

/// The last of [`COLUMNS`].
pub(super) const SUM_COLUMN: usize = 9;

const GET: &str = "SELECT key, version, name, created_at, modified_at, status, uses, holds, body, sum FROM documents \
     WHERE kind = :kind AND account = :account AND region = :region AND key = :key";

const VERSION: &str = "SELECT version FROM documents \
     WHERE kind = :kind AND account = :account AND region = :region AND key = :key";

const PUT: &str = "INSERT INTO documents \
     (kind, account, region, key, version, name, created_at, modified_at, status, uses, holds, body, sum) VALUES \
     (:kind, :account, :region, :key, :version, :name, :created_at, :modified_at, :status, :uses, :holds, :body, :sum) \
     ON CONFLICT (kind, account, region, key) DO UPDATE SET version = excluded.version, name = excluded.name, \
     created_at = excluded.created_at, modified_at = excluded.modified_at, status = excluded.status, \
     uses = excluded.uses, holds = excluded.holds, body = excluded.body, sum = excluded.sum";

const TOUCH: &str = "UPDATE documents SET version = :version \
     WHERE kind = :kind AND account = :account AND region = :region AND key = :key";

const DELETE: &str = "DELETE FROM documents \
     WHERE kind = :kind AND account = :account AND region = :region AND key = :key";

const KEYS: &str = "SELECT account, region, key FROM documents INDEXED BY documents_by_name \
     WHERE kind = :kind ORDER BY account, region, key";

const TAKE_FROM_SEQUENCE: &str = "UPDATE sequence SET last = last + :count WHERE id = 1 RETURNING last";

pub(super) fn get(connection: &Connection, key: &Key) -> rusqlite::Result<Option<Document>> {
    let mut statement = connection.prepare_cached(GET)?;
    let (account, region) = words(key.scope());
    statement
        .query_row(
            named_params! {
                ":kind": key.kind().as_str(), ":account": account, ":region": region, ":key": key.name(),
            },
            |row| document(key.scope(), key.kind(), row),
        )
        .optional()
}

/// The version of a document that is there.
pub(super) fn version(connection: &Connection, key: &Key) -> rusqlite::Result<Option<u64>> {
    let mut statement = connection.prepare_cached(VERSION)?;
    let (account, region) = words(key.scope());
    statement
        .query_row(
            named_params! {
                ":kind": key.kind().as_str(), ":account": account, ":region": region, ":key": key.name(),
            },
            |row| row.get::<_, i64>(0).map(i64::cast_unsigned),
        )
        .optional()
}

pub(super) fn put(connection: &Connection, document: &Document, version: u64) -> rusqlite::Result<()> {
    let key = &document.key;
    let (account, region) = words(key.scope());
    connection.prepare_cached(PUT)?.execute(named_params! {
        ":kind": key.kind().as_str(),
        ":account": account,
        ":region": region,
        ":key": key.name(),
        ":version": version.cast_signed(),
        ":name": document.name,
        ":created_at": document.created_at.0,
        ":modified_at": document.modified_at.0,
        ":status": document.status,
        ":uses": uses::to_column(&document.uses),
        ":holds": holdings::to_column(&document.holds),
        ":body": document.body,
        ":sum": sums::of(document),
    })?;
    Ok(())
}

/// Whether there was one to touch.
pub(super) fn touch(connection: &Connection, key: &Key, version: u64) -> rusqlite::Result<bool> {
    let (account, region) = words(key.scope());
    let rows = connection.prepare_cached(TOUCH)?.execute(named_params! {
        ":kind": key.kind().as_str(),
        ":account": account,
        ":region": region,
        ":key": key.name(),
        ":version": version.cast_signed(),
    })?;
    Ok(rows > 0)
}

/// Whether there was one to delete.
pub(super) fn delete(connection: &Connection, key: &Key) -> rusqlite::Result<bool> {
    let (account, region) = words(key.scope());
    let rows = connection.prepare_cached(DELETE)?.execute(named_params! {
        ":kind": key.kind().as_str(), ":account": account, ":region": region, ":key": key.name(),
    })?;
    Ok(rows > 0)
}

pub(super) fn keys(connection: &Connection, kind: Kind) -> rusqlite::Result<Vec<Key>> {
    let mut statement = connection.prepare_cached(KEYS)?;
    let rows = statement.query_map(named_params! { ":kind": kind.as_str() }, |row| {
        let scope = Scope { account: AccountId::new(text(row, 0)?), region: Region::new(text(row, 1)?) };
        Ok(Key::new(&scope, kind, row.get_ref(2)?.as_str()?))
    })?;
    rows.collect()
}

/// Takes `count` numbers that nobody had before; the last of them.
pub(super) fn take_from_sequence(connection: &Connection, count: usize) -> rusqlite::Result<u64> {
    let mut statement = connection.prepare_cached(TAKE_FROM_SEQUENCE)?;
    statement.query_row(named_params! { ":count": count as i64 }, |row| row.get(0).map(i64::cast_unsigned))
}

/// A row of [`COLUMNS`], as it was written.
pub(super) fn document(scope: &Scope, kind: Kind, row: &Row<'_>) -> rusqlite::Result<Document> {
    let document = document_of(scope, kind, row)?;
    sums::check(&document, row)?;
    Ok(document)
}

/// The same, whatever its sum is.
pub(super) fn document_of(scope: &Scope, kind: Kind, row: &Row<'_>) -> rusqlite::Result<Document> {
    Ok(Document {
        key: Key::new(scope, kind, row.get_ref(0)?.as_str()?),
        version: row.get::<_, i64>(1)?.cast_unsigned(),
        name: text(row, 2)?,
        created_at: Millis(row.get(3)?),
        modified_at: Millis(row.get(4)?),
        status: row.get(5)?,
        uses: uses::from_column(scope, row, 6)?,
        holds: holdings::from_column(row, 7)?,
        body: text(row, 8)?,
    })
}

fn text(row: &Row<'_>, column: usize) -> rusqlite::Result<String> {
    row.get(column)
}

pub(super) fn words(scope: &Scope) -> (&str, &str) {
    (scope.account.as_str(), scope.region.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::plans::{explain, is_index_walk};

    #[test]
    fn every_statement_finds_its_rows_by_index() {
        for sql in [GET, VERSION, TOUCH, DELETE, KEYS] {
            let plan = explain(sql);
            assert!(is_index_walk(&plan), "{sql}: {plan:?}");
        }
    }

    #[test]
    fn the_columns_are_read_in_one_order() {
        assert!(GET.starts_with(&format!("SELECT {COLUMNS} FROM documents")));
    }
}
