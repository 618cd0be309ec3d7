//! Listings: filters as conditions, a page's beginning as a comparison of rows.
//!
//! Why: a page continues after the last row by its sort value and name, which an index answers without counting.
//! Invariants: each sort has an index that yields the rows in order; a test reads the query plan.

use hostler_store::{ListQuery, Order, Page, Position, SortBy, SortValue};
use rusqlite::types::Value;
use rusqlite::{Connection, Result, params_from_iter};

use super::rows::{COLUMNS, document};

pub(super) fn page(connection: &Connection, query: &ListQuery, after: Option<Position>) -> Result<Page> {
    let limit = query.limit.max(1);
    let (sql, values) = statement(query, after, limit);
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(params_from_iter(values), document)?;
    let mut documents = rows.collect::<Result<Vec<_>>>()?;
    let has_more = documents.len() > limit;
    documents.truncate(limit);
    let next = match documents.last() {
        Some(last) if has_more => Some(Position::of(last, query.sort_by).token(query)),
        _ => None,
    };
    Ok(Page { documents, next })
}

/// The statement and its values; one row more than the page, to see whether another follows.
pub(super) fn statement(query: &ListQuery, after: Option<Position>, limit: usize) -> (String, Vec<Value>) {
    let mut conditions = vec!["account = ?", "region = ?", "kind = ?"];
    let mut values = vec![
        Value::from(query.scope.account.as_str().to_owned()),
        Value::from(query.scope.region.as_str().to_owned()),
        Value::from(query.kind.as_str().to_owned()),
    ];
    let mut add = |condition: &'static str, value: Option<Value>| {
        if let Some(value) = value {
            conditions.push(condition);
            values.push(value);
        }
    };
    let text = |text: &Option<String>| text.clone().map(Value::from);
    add("status = ?", text(&query.status));
    add("uses = ?", text(&query.uses));
    add("instr(name, ?) > 0", text(&query.name_contains));
    add("created_at >= ?", query.created_from.map(|time| Value::from(time.0)));
    add("created_at < ?", query.created_before.map(|time| Value::from(time.0)));
    add("modified_at >= ?", query.modified_from.map(|time| Value::from(time.0)));
    add("modified_at < ?", query.modified_before.map(|time| Value::from(time.0)));
    let (order, is_after) = match query.order {
        Order::Ascending => ("ASC", ">"),
        Order::Descending => ("DESC", "<"),
    };
    let column = match query.sort_by {
        SortBy::Name => "key_name",
        SortBy::CreationTime => "created_at",
        SortBy::Status => "status",
    };
    let mut sql = format!("SELECT {COLUMNS} FROM documents WHERE {}", conditions.join(" AND "));
    if let Some(Position { value, name }) = after {
        if query.sort_by == SortBy::Name {
            sql.push_str(&format!(" AND key_name {is_after} ?"));
        } else {
            sql.push_str(&format!(" AND ({column}, key_name) {is_after} (?, ?)"));
            values.push(match value {
                SortValue::Number(number) => Value::from(number),
                SortValue::Text(text) => Value::from(text),
            });
        }
        values.push(Value::from(name));
    }
    if query.sort_by == SortBy::Name {
        sql.push_str(&format!(" ORDER BY key_name {order} LIMIT ?"));
    } else {
        sql.push_str(&format!(" ORDER BY {column} {order}, key_name {order} LIMIT ?"));
    }
    values.push(Value::from(i64::try_from(limit).unwrap_or(i64::MAX).saturating_add(1)));
    (sql, values)
}
