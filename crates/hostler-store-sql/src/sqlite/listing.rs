//! Listings as walks of an index.
//!
//! Why: a page costs what it shows, not what is stored. Which index is walked is decided here and forced with
//! `INDEXED BY`, because without statistics the planner may prefer another index and a sort; a test reads the plans.
//! Invariants: for every sort, with and without the status filter, rows come out of the index in order.
//! Filters on the name and on times are judged row by row along that walk.

use hostler_store::{ListQuery, Order, Page, Position, SortBy, SortValue};
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::documents::{COLUMNS, document};

/// A statement and what it is bound to, in order.
struct Statement {
    sql: String,
    values: Vec<Value>,
}

impl Statement {
    fn condition_if(&mut self, condition: &str, value: Option<Value>) {
        if let Some(value) = value {
            self.condition(condition, [value]);
        }
    }

    fn condition(&mut self, condition: &str, values: impl IntoIterator<Item = Value>) {
        self.sql.push_str(if self.values.is_empty() { " WHERE " } else { " AND " });
        self.sql.push_str(condition);
        self.values.extend(values);
    }
}

/// One page; `after` is the position that the query's token names.
pub(super) fn list(
    connection: &Connection,
    query: &ListQuery,
    after: Option<&Position>,
) -> rusqlite::Result<Page> {
    let limit = query.limit.max(1);
    let Statement { sql, values } = statement(query, after);
    let mut prepared = connection.prepare_cached(&sql)?;
    let rows = prepared
        .query_map(params_from_iter(values), |row| document(&query.scope, query.kind, row))?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let has_more = rows.len() > limit;
    let mut documents = rows;
    documents.truncate(limit);
    let next = match documents.last() {
        Some(last) if has_more => Some(Position::of(last, query.sort_by).token(query)),
        _ => None,
    };
    Ok(Page { documents, next })
}

fn statement(query: &ListQuery, after: Option<&Position>) -> Statement {
    // Rows of one status are in the order of their names.
    let sort_by = match query.sort_by {
        SortBy::Status if query.status.is_some() => SortBy::Name,
        sort_by => sort_by,
    };
    let index = match (query.status.is_some(), sort_by) {
        (true, SortBy::Name | SortBy::Status) => "documents_by_status_name",
        (true, SortBy::CreationTime) => "documents_by_status_created",
        (false, SortBy::Name) => "documents_by_name",
        (false, SortBy::CreationTime) => "documents_by_created",
        (false, SortBy::Status) => "documents_by_status",
    };
    let sql = format!("SELECT {COLUMNS} FROM documents INDEXED BY {index}");
    let mut statement = Statement { sql, values: Vec::new() };
    let text = |text: &str| Value::from(text.to_owned());
    statement.condition("kind = ?", [text(query.kind.as_str())]);
    statement.condition("account = ?", [text(query.scope.account.as_str())]);
    statement.condition("region = ?", [text(query.scope.region.as_str())]);
    for (condition, filter) in [("status = ?", &query.status), ("instr(name, ?) > 0", &query.name_contains)] {
        statement.condition_if(condition, filter.as_deref().map(text));
    }
    for (condition, filter) in [
        ("created_at >= ?", query.created_from),
        ("created_at < ?", query.created_before),
        ("modified_at >= ?", query.modified_from),
        ("modified_at < ?", query.modified_before),
    ] {
        statement.condition_if(condition, filter.map(|moment| Value::from(moment.0)));
    }

    let (beyond, direction) = match query.order {
        Order::Ascending => (">", "ASC"),
        Order::Descending => ("<", "DESC"),
    };
    let sort_column = match sort_by {
        SortBy::Name => None,
        SortBy::CreationTime => Some("created_at"),
        SortBy::Status => Some("status_order"),
    };
    if let Some(Position { value, name }) = after {
        match sort_column {
            None => statement.condition(&format!("key {beyond} ?"), [text(name)]),
            Some(column) => {
                let value = match value {
                    SortValue::Number(number) => Value::from(*number),
                    SortValue::Text(value) => text(value),
                };
                statement.condition(&format!("({column}, key) {beyond} (?, ?)"), [value, text(name)]);
            }
        }
    }
    let order = sort_column.map(|column| format!("{column} {direction}, ")).unwrap_or_default();
    statement.sql.push_str(&format!(" ORDER BY {order}key {direction} LIMIT ?"));
    // One more than the page shows whether another page follows.
    let rows = query.limit.max(1).saturating_add(1);
    statement.values.push(Value::from(i64::try_from(rows).unwrap_or(i64::MAX)));
    statement
}

#[cfg(test)]
mod tests;
