//! The statements on events: appending within the bounds, and reading a page.
//!
//! Why: an event costs its transaction a search and an insert; what is dropped goes one by one as others come, so no
//! commit ever has much to drop.
//! Invariants: appended inside the writer's transaction only. The numbers of a key have no gap; one that is read is an
//! error, as is an event whose checksum differs: history that is not as it was written is never an answer.

use hostler_store::{Event, EventBounds, EventPage, EventQuery, Order, StoredEvent};
use hostler_types::{Key, Millis};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Row, named_params};

use super::documents::words;

const LAST: &str = "SELECT number FROM events INDEXED BY events_by_key \
     WHERE kind = :kind AND account = :account AND region = :region AND key = :key ORDER BY number DESC LIMIT 1";

const FIRST: &str = "SELECT number FROM events INDEXED BY events_by_key \
     WHERE kind = :kind AND account = :account AND region = :region AND key = :key ORDER BY number LIMIT 1";

const APPEND: &str = "INSERT INTO events (kind, account, region, key, number, at, body, sum) \
     VALUES (:kind, :account, :region, :key, :number, :at, :body, :sum)";

const DROP_OF_KEY: &str = "DELETE FROM events INDEXED BY events_by_key \
     WHERE kind = :kind AND account = :account AND region = :region AND key = :key AND number <= :number";

const DROP_OF_ALL: &str =
    "DELETE FROM events WHERE sequence IN (SELECT sequence FROM events ORDER BY sequence LIMIT :count)";

const ADD_TO_TOTAL: &str = "UPDATE event_total SET kept = kept + :delta WHERE id = 1 RETURNING kept";

const COUNT: &str = "UPDATE event_total SET kept = (SELECT count(*) FROM events) WHERE id = 1";

const PAGE_UP: &str = "SELECT number, at, body, sum FROM events INDEXED BY events_by_key \
     WHERE kind = :kind AND account = :account AND region = :region AND key = :key AND number > :after \
     ORDER BY number LIMIT :limit";

const PAGE_DOWN: &str = "SELECT number, at, body, sum FROM events INDEXED BY events_by_key \
     WHERE kind = :kind AND account = :account AND region = :region AND key = :key AND number < :after \
     ORDER BY number DESC LIMIT :limit";

const NUMBER_COLUMN: usize = 0;
const SUM_COLUMN: usize = 3;

/// An event that is not as it was written.
#[derive(Debug, thiserror::Error)]
enum Changed {
    #[error("event {number} of `{key}` is not as it was written: its checksum differs")]
    Sum { key: String, number: u64 },
    #[error("the event before or after {number} of `{key}` is missing")]
    Gap { key: String, number: u64 },
}

/// Writes the events down and drops what goes beyond the bounds.
pub(super) fn append(connection: &Connection, events: &[Event], bounds: EventBounds) -> rusqlite::Result<()> {
    if events.is_empty() {
        return Ok(());
    }
    let mut delta = 0;
    for event in events {
        let number = last(connection, &event.key)? + 1;
        insert(connection, event, number)?;
        delta += 1;
        if number > bounds.per_key {
            delta -= drop_of_key(connection, &event.key, number - bounds.per_key)?;
        }
    }
    let kept = add_to_total(connection, delta)?;
    let surplus = kept.saturating_sub(bounds.in_all);
    if surplus > 0 {
        let dropped = connection
            .prepare_cached(DROP_OF_ALL)?
            .execute(named_params! { ":count": surplus.cast_signed() })?;
        add_to_total(connection, -(dropped as i64))?;
    }
    Ok(())
}

/// Counts what is kept anew: for the start.
pub(super) fn recount(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute(COUNT, ()).map(|_| ())
}

/// A page of the events of one key.
pub(super) fn page(connection: &Connection, query: &EventQuery) -> rusqlite::Result<EventPage> {
    let key = &query.key;
    let (sql, from) = match query.order {
        Order::Ascending => (PAGE_UP, 0),
        Order::Descending => (PAGE_DOWN, u64::MAX),
    };
    let after = query.after.unwrap_or(from).min(i64::MAX.cast_unsigned());
    let limit = query.limit.max(1);
    // One more than the page shows whether another page follows.
    let rows = i64::try_from(limit.saturating_add(1)).unwrap_or(i64::MAX);
    let (account, region) = words(key.scope());
    // Two statements, and nothing is appended or dropped between them.
    let connection = connection.unchecked_transaction()?;
    let mut statement = connection.prepare_cached(sql)?;
    let mut events = statement
        .query_map(
            named_params! {
                ":kind": key.kind().as_str(), ":account": account, ":region": region, ":key": key.name(),
                ":after": after.cast_signed(), ":limit": rows,
            },
            |row| stored(key, row),
        )?
        .collect::<rusqlite::Result<Vec<StoredEvent>>>()?;
    for pair in events.windows(2) {
        if pair[0].number.abs_diff(pair[1].number) != 1 {
            return Err(changed(
                NUMBER_COLUMN,
                Changed::Gap { key: key.to_string(), number: pair[0].number },
            ));
        }
    }
    let has_more = events.len() > limit;
    events.truncate(limit);
    let next = if has_more { events.last().map(|event| event.number) } else { None };
    let first: Option<u64> = number(&connection, FIRST, key)?;
    Ok(EventPage { events, next, dropped: first.map_or(0, |first| first.saturating_sub(1)) })
}

fn stored(key: &Key, row: &Row<'_>) -> rusqlite::Result<StoredEvent> {
    let number = row.get::<_, i64>(NUMBER_COLUMN)?.cast_unsigned();
    let event = StoredEvent { number, at: Millis(row.get(1)?), body: row.get(2)? };
    if row.get::<_, i64>(SUM_COLUMN)? != sum(key, number, event.at, &event.body) {
        return Err(changed(SUM_COLUMN, Changed::Sum { key: key.to_string(), number }));
    }
    Ok(event)
}

fn insert(connection: &Connection, event: &Event, number: u64) -> rusqlite::Result<()> {
    let Event { key, at, body } = event;
    let (account, region) = words(key.scope());
    connection.prepare_cached(APPEND)?.execute(named_params! {
        ":kind": key.kind().as_str(),
        ":account": account,
        ":region": region,
        ":key": key.name(),
        ":number": number.cast_signed(),
        ":at": at.0,
        ":body": body,
        ":sum": sum(key, number, *at, body),
    })?;
    Ok(())
}

/// The number of the newest event of a key; 0 when there is none.
fn last(connection: &Connection, key: &Key) -> rusqlite::Result<u64> {
    Ok(number(connection, LAST, key)?.unwrap_or(0))
}

fn number(connection: &Connection, sql: &str, key: &Key) -> rusqlite::Result<Option<u64>> {
    let (account, region) = words(key.scope());
    let of_key = named_params! {
        ":kind": key.kind().as_str(), ":account": account, ":region": region, ":key": key.name(),
    };
    let mut statement = connection.prepare_cached(sql)?;
    statement.query_row(of_key, |row| row.get(0).map(i64::cast_unsigned)).optional()
}

fn drop_of_key(connection: &Connection, key: &Key, up_to: u64) -> rusqlite::Result<i64> {
    let (account, region) = words(key.scope());
    let dropped = connection.prepare_cached(DROP_OF_KEY)?.execute(named_params! {
        ":kind": key.kind().as_str(), ":account": account, ":region": region, ":key": key.name(),
        ":number": up_to.cast_signed(),
    })?;
    Ok(dropped as i64)
}

fn add_to_total(connection: &Connection, delta: i64) -> rusqlite::Result<u64> {
    let mut statement = connection.prepare_cached(ADD_TO_TOTAL)?;
    statement.query_row(named_params! { ":delta": delta }, |row| row.get(0).map(i64::cast_unsigned))
}

/// The checksum of an event, by the rule of those of documents.
fn sum(key: &Key, number: u64, at: Millis, body: &str) -> i64 {
    let (account, region) = words(key.scope());
    let mut crc = crc32fast::Hasher::new();
    for part in [key.kind().as_str(), account, region, key.name(), body] {
        crc.update(&(part.len() as u64).to_le_bytes());
        crc.update(part.as_bytes());
    }
    crc.update(&number.to_le_bytes());
    crc.update(&at.0.to_le_bytes());
    i64::from(crc.finalize())
}

fn changed(column: usize, changed: Changed) -> rusqlite::Error {
    let kind = if column == NUMBER_COLUMN { Type::Integer } else { Type::Text };
    rusqlite::Error::FromSqlConversionFailure(column, kind, Box::new(changed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::plans::explain;

    #[test]
    fn every_statement_finds_its_rows_by_index() {
        for sql in [LAST, FIRST, DROP_OF_KEY, PAGE_UP, PAGE_DOWN] {
            let plan = explain(sql);
            let is_search =
                |step: &String| step.starts_with("SEARCH events USING ") && step.contains("INDEX");
            assert!(plan.len() == 1 && plan.iter().all(is_search), "{sql}: {plan:?}");
        }
        // The oldest are at the beginning of the table: that many are looked at and no more.
        let plan = explain(DROP_OF_ALL);
        assert!(plan[0].starts_with("SEARCH events USING INTEGER PRIMARY KEY"), "{plan:?}");
        assert!(!plan.iter().any(|step| step.contains("B-TREE")), "{plan:?}");
    }
}
