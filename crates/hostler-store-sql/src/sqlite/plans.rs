//! Reads query plans, for the tests of this room.

use rusqlite::Connection;

/// The steps of `sql`'s plan on an empty database of the present schema.
pub(super) fn explain(sql: &str) -> Vec<String> {
    let dir = tempfile::tempdir().unwrap();
    let connection: Connection = super::schema::open_writer(&dir.path().join("plans.db")).unwrap();
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    // Values do not matter for a plan without statistics, so parameters stay unbound.
    let mut rows = statement.raw_query();
    let mut steps = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        steps.push(row.get("detail").unwrap());
    }
    steps
}

/// One search by index, with nothing scanned and nothing sorted afterwards.
pub(super) fn is_index_walk(plan: &[String]) -> bool {
    let is_search = |step: &String| step.starts_with("SEARCH documents USING ") && step.contains("INDEX");
    plan.len() == 1 && plan.iter().all(is_search)
}
