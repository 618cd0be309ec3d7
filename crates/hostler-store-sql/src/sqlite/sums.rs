//! The checksum of a document, which every reading compares.
//!
//! Why: SQLite finds out when a page's structure was damaged, and takes what stands in it as it is: one bit of a body
//! that changed on the disk would be another model's address. CRC-32 finds every short burst and misses one of four
//! billion others; nobody is kept from writing a sum of his own, which is not what it is for.
//! Invariants: it covers everything that is read of a document but the version, which `touch` changes alone; a wrong
//! version is a conflict and never an answer. A migration that changes what is read of documents sets their `sum` to
//! NULL.
//! Failure: documents without a sum have none until [`fill`] has run, at the start.

use hostler_store::Document;
use hostler_types::{AccountId, Kind, Region, Scope};
use rusqlite::types::Type;
use rusqlite::{Connection, Row, TransactionBehavior, named_params};

use super::documents::{COLUMNS, SUM_COLUMN, document_of, words};
use super::{holdings, uses};

const SET: &str = "UPDATE documents SET sum = :sum WHERE rowid = :row";

/// Stands for the length of what is absent.
const ABSENT: u64 = u64::MAX;

/// A document that is not as it was written.
#[derive(Debug, thiserror::Error)]
#[error("`{key}` is not as it was written: its checksum differs")]
pub(super) struct Changed {
    key: String,
}

/// A document whose version was never given out.
#[derive(Debug, thiserror::Error)]
#[error("the sequence of versions is behind `{key}`")]
struct Behind {
    key: String,
}

/// The sum of a document.
pub(super) fn of(document: &Document) -> i64 {
    let (account, region) = words(document.key.scope());
    let (uses, holds) = (uses::to_column(&document.uses), holdings::to_column(&document.holds));
    let mut crc = crc32fast::Hasher::new();
    for part in [
        Some(document.key.kind().as_str()),
        Some(account),
        Some(region),
        Some(document.key.name()),
        Some(&document.name),
        document.status.as_deref(),
        uses.as_deref(),
        holds.as_deref(),
        Some(&document.body),
    ] {
        // With its length, so that nothing can move from one to the next.
        crc.update(&part.map_or(ABSENT, |text| text.len() as u64).to_le_bytes());
        crc.update(part.unwrap_or_default().as_bytes());
    }
    for moment in [document.created_at, document.modified_at] {
        crc.update(&moment.0.to_le_bytes());
    }
    i64::from(crc.finalize())
}

/// Whether the row's sum is that of the document that was read from it.
pub(super) fn check(document: &Document, row: &Row<'_>) -> rusqlite::Result<()> {
    let written: Option<i64> = row.get(SUM_COLUMN)?;
    if written == Some(of(document)) {
        return Ok(());
    }
    let changed = Changed { key: document.key.to_string() };
    Err(rusqlite::Error::FromSqlConversionFailure(SUM_COLUMN, Type::Integer, Box::new(changed)))
}

/// Gives documents from before the sums theirs; writes nothing where none is from before.
pub(super) fn fill(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    {
        let mut set = transaction.prepare(SET)?;
        walk(&transaction, "WHERE sum IS NULL", |row, document| {
            let row: i64 = row.get(FIRST)?;
            set.execute(named_params! { ":sum": of(document), ":row": row })?;
            Ok(())
        })?;
    }
    transaction.commit()
}

/// Reads every document; the first that is not as it was written is the error. A sequence that is behind them would
/// give a version out twice, and is one too.
pub(super) fn verify(connection: &Connection) -> rusqlite::Result<()> {
    let last: i64 = connection.query_row("SELECT last FROM sequence WHERE id = 1", (), |row| row.get(0))?;
    walk(connection, "", |row, document| {
        check(document, row)?;
        if document.version.cast_signed() > last {
            let behind = Behind { key: document.key.to_string() };
            return Err(rusqlite::Error::FromSqlConversionFailure(1, Type::Integer, Box::new(behind)));
        }
        Ok(())
    })
}

/// The first column after those of a document.
const FIRST: usize = SUM_COLUMN + 1;

fn walk(
    connection: &Connection,
    condition: &str,
    mut visit: impl FnMut(&Row<'_>, &Document) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let sql = format!("SELECT {COLUMNS}, rowid, kind, account, region FROM documents {condition}");
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query(())?;
    while let Some(row) = rows.next()? {
        let text = |column: usize| row.get::<_, String>(column);
        let (kind, account, region) = (text(FIRST + 1)?, text(FIRST + 2)?, text(FIRST + 3)?);
        let kind = Kind::ALL.into_iter().find(|known| known.as_str() == kind).ok_or_else(|| {
            let changed = Changed { key: format!("{account}/{region}/{kind}") };
            rusqlite::Error::FromSqlConversionFailure(FIRST + 1, Type::Text, Box::new(changed))
        })?;
        let scope = Scope { account: AccountId::new(account), region: Region::new(region) };
        visit(row, &document_of(&scope, kind, row)?)?;
    }
    Ok(())
}
