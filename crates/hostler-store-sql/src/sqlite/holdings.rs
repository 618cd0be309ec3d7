//! The statements on what a scope holds, and the column that it comes from.
//!
//! Why: the sums stand in a table of their own, which the triggers of migration 2 keep inside each transaction; so a
//! quota costs one look by key, however many documents there are.
//! Invariants: a sum is what the documents of its scope hold; nothing but triggers and [`recount`] writes it.
//! Failure: a database that was repaired or edited by hand is counted anew at the next start.

use std::collections::BTreeMap;

use hostler_store::{Holdings, Quota};
use hostler_types::Scope;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Row, TransactionBehavior, named_params};

use super::documents::words;

/// The sums as the documents have them.
macro_rules! counted {
    () => {
        "SELECT documents.account, documents.region, held.key, sum(held.value) \
         FROM documents, json_each(documents.holds) AS held \
         WHERE documents.holds IS NOT NULL AND held.value > 0 GROUP BY 1, 2, 3"
    };
}

const HELD: &str =
    "SELECT total FROM holdings WHERE account = :account AND region = :region AND what = :what";

const OF_SCOPE: &str =
    "SELECT what, total FROM holdings WHERE account = :account AND region = :region AND total > 0";

const COUNT: &str = concat!("INSERT INTO holdings (account, region, what, total) ", counted!());

/// Whether neither has a row that the other lacks.
const IS_RIGHT: &str = concat!(
    "WITH counted AS (",
    counted!(),
    "), kept AS (SELECT account, region, what, total FROM holdings) \
     SELECT NOT EXISTS (SELECT * FROM counted EXCEPT SELECT * FROM kept) \
     AND NOT EXISTS (SELECT * FROM kept EXCEPT SELECT * FROM counted)"
);

/// What the quota's scope holds of it.
pub(super) fn held(connection: &Connection, quota: &Quota) -> rusqlite::Result<u64> {
    let (account, region) = words(&quota.scope);
    let total: Option<i64> = connection
        .prepare_cached(HELD)?
        .query_row(named_params! { ":account": account, ":region": region, ":what": quota.what }, |row| {
            row.get(0)
        })
        .optional()?;
    Ok(total.unwrap_or(0).max(0).cast_unsigned())
}

/// Everything that a scope holds.
pub(super) fn of_scope(connection: &Connection, scope: &Scope) -> rusqlite::Result<BTreeMap<String, u64>> {
    let (account, region) = words(scope);
    let mut statement = connection.prepare_cached(OF_SCOPE)?;
    let rows = statement.query_map(named_params! { ":account": account, ":region": region }, |row| {
        Ok((row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned()))
    })?;
    rows.collect()
}

/// Counts every sum anew from the documents; writes nothing where all are right, so that a full disk does not matter.
pub(super) fn recount(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if transaction.query_row(IS_RIGHT, (), |row| row.get(0))? {
        return Ok(());
    }
    transaction.execute("DELETE FROM holdings", ())?;
    transaction.execute(COUNT, ())?;
    transaction.commit()
}

/// The column's text; none when nothing is held.
pub(super) fn to_column(holds: &Holdings) -> Option<String> {
    (!holds.is_empty())
        .then(|| serde_json::to_string(holds).expect("a map of texts and numbers can be written as JSON"))
}

/// The column of a row.
pub(super) fn from_column(row: &Row<'_>, column: usize) -> rusqlite::Result<Holdings> {
    let Some(text) = row.get_ref(column)?.as_str_or_null()? else { return Ok(Holdings::new()) };
    serde_json::from_str(text)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::plans::explain;

    #[test]
    fn what_a_scope_holds_is_found_by_key() {
        for (sql, search) in [
            (HELD, "SEARCH holdings USING PRIMARY KEY (account=? AND region=? AND what=?)"),
            (OF_SCOPE, "SEARCH holdings USING PRIMARY KEY (account=? AND region=?)"),
        ] {
            assert_eq!(explain(sql), [search], "{sql}");
        }
    }
}
