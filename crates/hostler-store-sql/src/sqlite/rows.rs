//! Rows and documents.
//!
//! Invariants: a status that is none is stored as an empty text, so that it sorts as the port says.

use hostler_store::Document;
use hostler_types::{AccountId, Key, Kind, Millis, Region, Scope};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Result, Row, params};

pub(super) const COLUMNS: &str =
    "account, region, kind, key_name, version, name, created_at, modified_at, status, uses, body";

pub(super) fn document(row: &Row<'_>) -> Result<Document> {
    let key = key(row)?;
    let status: String = row.get(8)?;
    Ok(Document {
        key,
        version: row.get::<_, i64>(4)?.cast_unsigned(),
        name: row.get(5)?,
        created_at: Millis(row.get(6)?),
        modified_at: Millis(row.get(7)?),
        status: Some(status).filter(|status| !status.is_empty()),
        uses: row.get(9)?,
        body: row.get(10)?,
    })
}

/// From the first four columns.
pub(super) fn key(row: &Row<'_>) -> Result<Key> {
    let scope = Scope::new(&AccountId::new(row.get::<_, String>(0)?), &Region::new(row.get::<_, String>(1)?));
    let kind: String = row.get(2)?;
    let kind = kind.parse::<Kind>().map_err(|()| {
        rusqlite::Error::FromSqlConversionFailure(
            2,
            Type::Text,
            format!("`{kind}` is no kind of resource").into(),
        )
    })?;
    Ok(Key::new(&scope, kind, &row.get::<_, String>(3)?))
}

pub(super) fn get(connection: &Connection, key: &Key) -> Result<Option<Document>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM documents WHERE account = ?1 AND region = ?2 AND kind = ?3 AND key_name = ?4"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let scope = key.scope();
    statement
        .query_row(
            params![scope.account.as_str(), scope.region.as_str(), key.kind().as_str(), key.name()],
            document,
        )
        .optional()
}

pub(super) fn keys(connection: &Connection, kind: Kind) -> Result<Vec<Key>> {
    let mut statement = connection.prepare_cached(
        "SELECT account, region, kind, key_name FROM documents WHERE kind = ?1 ORDER BY 1, 2, 3, 4",
    )?;
    statement.query_map([kind.as_str()], key)?.collect()
}
