//! What documents use: the column, and the rows by which a user is found.
//!
//! Why: whether a thing may be deleted is asked from its side, and the answer must not cost more the more users it has.
//! So each use is a row under what is used, which the triggers of migration 3 keep inside each transaction, with the
//! user's status beside it; a question is a few looks at the first row of a walk.
//! Invariants: a use is `KIND/KEY` in the user's own scope. Nothing but the triggers and [`rewrite`] writes the rows.
//! Failure: rows that are not those of the documents are written anew at the next start.

use std::collections::BTreeSet;

use hostler_store::{Statuses, Unused};
use hostler_types::{Key, Kind, Scope};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Row, TransactionBehavior, named_params};

use super::documents::words;

/// The rows as the documents have them.
macro_rules! told {
    () => {
        "SELECT account, region, used.value, kind, documents.key, status \
         FROM documents, json_each(documents.uses) AS used WHERE uses IS NOT NULL"
    };
}

const WRITE: &str = concat!("INSERT INTO document_uses (account, region, used, kind, key, status) ", told!());

/// Whether neither has a row that the other lacks.
const IS_RIGHT: &str = concat!(
    "WITH told AS (",
    told!(),
    "), kept AS (SELECT account, region, used, kind, key, status FROM document_uses) \
     SELECT NOT EXISTS (SELECT * FROM told EXCEPT SELECT * FROM kept) \
     AND NOT EXISTS (SELECT * FROM kept EXCEPT SELECT * FROM told)"
);

const FIRST_USER: &str = "SELECT key FROM document_uses \
     WHERE account = :account AND region = :region AND used = :used AND kind = :kind ORDER BY key LIMIT 1";

const FIRST_USER_IN_STATUS: &str = "SELECT key FROM document_uses INDEXED BY document_uses_by_status \
     WHERE account = :account AND region = :region AND used = :used AND kind = :kind AND status = :status \
     ORDER BY key LIMIT 1";

/// The first document by key that uses what should not be in use.
pub(super) fn first_user(connection: &Connection, unused: &Unused) -> rusqlite::Result<Option<Key>> {
    let used = used(&unused.key);
    // In the order of keys, which is not that of the kinds' words.
    for kind in Kind::ALL {
        let of_kind = Users { connection, scope: unused.key.scope(), used: &used, kind };
        let first = match &unused.statuses {
            Statuses::Any => of_kind.first()?,
            Statuses::Of(statuses) => {
                let firsts = statuses.iter().filter_map(|status| of_kind.first_in(status).transpose());
                firsts.collect::<rusqlite::Result<Vec<String>>>()?.into_iter().min()
            }
        };
        if let Some(first) = first {
            return Ok(Some(Key::new(unused.key.scope(), kind, &first)));
        }
    }
    Ok(None)
}

/// The documents of one kind that use one thing.
struct Users<'a> {
    connection: &'a Connection,
    scope: &'a Scope,
    used: &'a str,
    kind: Kind,
}

impl Users<'_> {
    fn first(&self) -> rusqlite::Result<Option<String>> {
        let (account, region) = words(self.scope);
        let params = named_params! {
            ":account": account, ":region": region, ":used": self.used, ":kind": self.kind.as_str(),
        };
        self.connection.prepare_cached(FIRST_USER)?.query_row(params, |row| row.get(0)).optional()
    }

    fn first_in(&self, status: &str) -> rusqlite::Result<Option<String>> {
        let (account, region) = words(self.scope);
        let params = named_params! {
            ":account": account, ":region": region, ":used": self.used, ":kind": self.kind.as_str(),
            ":status": status,
        };
        self.connection.prepare_cached(FIRST_USER_IN_STATUS)?.query_row(params, |row| row.get(0)).optional()
    }
}

/// Writes the rows anew from the documents; writes nothing where all are right.
pub(super) fn rewrite(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if transaction.query_row(IS_RIGHT, (), |row| row.get(0))? {
        return Ok(());
    }
    transaction.execute("DELETE FROM document_uses", ())?;
    transaction.execute(WRITE, ())?;
    transaction.commit()
}

/// The column's text; none when nothing is used.
pub(super) fn to_column(uses: &BTreeSet<Key>) -> Option<String> {
    let texts: Vec<String> = uses.iter().map(used).collect();
    (!texts.is_empty())
        .then(|| serde_json::to_string(&texts).expect("a list of texts can be written as JSON"))
}

/// The column of a row.
pub(super) fn from_column(scope: &Scope, row: &Row<'_>, column: usize) -> rusqlite::Result<BTreeSet<Key>> {
    let Some(text) = row.get_ref(column)?.as_str_or_null()? else { return Ok(BTreeSet::new()) };
    let unreadable = |error: Box<dyn std::error::Error + Send + Sync>| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error)
    };
    let texts: Vec<String> = serde_json::from_str(text).map_err(|error| unreadable(error.into()))?;
    let key = |text: String| {
        let parts = text.split_once('/').and_then(|(kind, name)| Some((kind.parse().ok()?, name)));
        let (kind, name) = parts.ok_or_else(|| unreadable(format!("`{text}` names nothing").into()))?;
        Ok(Key::new(scope, kind, name))
    };
    texts.into_iter().map(key).collect()
}

/// A key as the rows spell it. No kind has a slash in it.
fn used(key: &Key) -> String {
    format!("{}/{}", key.kind(), key.name())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::plans::explain;

    #[test]
    fn a_user_is_the_first_row_of_a_walk() {
        for (sql, walk) in [
            (FIRST_USER, "USING PRIMARY KEY (account=? AND region=? AND used=? AND kind=?)"),
            (
                FIRST_USER_IN_STATUS,
                "USING COVERING INDEX document_uses_by_status \
                 (account=? AND region=? AND used=? AND kind=? AND status=?)",
            ),
        ] {
            // One step, so nothing is sorted afterwards.
            assert_eq!(explain(sql), [format!("SEARCH document_uses {walk}")], "{sql}");
        }
    }

    #[test]
    fn the_rows_of_a_document_are_found_by_key() {
        // As the triggers say it, whose plans SQLite does not explain.
        let sql = "DELETE FROM document_uses WHERE account = ? AND region = ? \
                   AND used IN (SELECT value FROM json_each(?)) AND kind = ? AND key = ?";
        let plan = explain(sql);
        let search = "SEARCH document_uses USING PRIMARY KEY \
                      (account=? AND region=? AND used=? AND kind=? AND key=?)";
        assert_eq!(plan[0], search, "{plan:?}");
    }
}
