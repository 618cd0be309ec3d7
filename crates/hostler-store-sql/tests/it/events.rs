//! History in the file: it outlives the process, and what is not as it was written is no answer.

use std::path::Path;

use hostler_store::conformance::{endpoint, key};
use hostler_store::{
    Event, EventBounds, EventPage, EventQuery, Order, Store, StoreError, StoreResult, Transaction, Trouble,
    Write,
};
use hostler_store_sql::{DATABASE_FILE, SqliteStore};
use hostler_types::{Kind, Millis};
use rusqlite::Connection;

async fn tell(store: &SqliteStore, name: &str, body: &str) {
    let event = Event { key: key(Kind::Endpoint, name), at: Millis(7), body: body.to_owned() };
    let writes = vec![Write::Put(endpoint(name))];
    let transaction = Transaction { events: vec![event], writes, ..Transaction::default() };
    store.commit(transaction).await.expect("it is written");
}

async fn read(store: &SqliteStore, name: &str) -> StoreResult<EventPage> {
    let query =
        EventQuery { key: key(Kind::Endpoint, name), order: Order::Ascending, limit: 100, after: None };
    store.events(&query).await
}

/// Changes the file as no store would.
fn by_hand(dir: &Path, sql: &str) {
    let other = Connection::open(dir.join(DATABASE_FILE)).expect("it opens");
    assert_eq!(other.execute(sql, ()).expect("it is written"), 1, "{sql}");
}

#[tokio::test]
async fn the_total_is_counted_anew_at_each_start() {
    let dir = tempfile::tempdir().unwrap();
    let bounds = EventBounds { per_key: 100, in_all: 3 };
    let store = SqliteStore::open_with_event_bounds(dir.path(), bounds).unwrap();
    tell(&store, "a", "1").await;
    drop(store);
    by_hand(dir.path(), "UPDATE event_total SET kept = 1000");
    let store = SqliteStore::open_with_event_bounds(dir.path(), bounds).unwrap();
    for body in ["2", "3", "4"] {
        tell(&store, "a", body).await;
    }
    let page = read(&store, "a").await.unwrap();
    let bodies: Vec<&str> = page.events.iter().map(|event| event.body.as_str()).collect();
    assert_eq!((bodies, page.dropped), (vec!["2", "3", "4"], 1));
}

#[tokio::test]
async fn every_part_of_an_event_is_under_its_sum_and_none_is_missing_without_a_word() {
    for change in [
        "UPDATE events SET body = body || ' ' WHERE body = 'two'",
        "UPDATE events SET at = at + 1 WHERE body = 'two'",
        "UPDATE events SET sum = sum + 1 WHERE body = 'two'",
        "UPDATE events SET key = 'other' WHERE body = 'one'",
        "UPDATE events SET kind = 'model' WHERE body = 'two'",
        "UPDATE events SET number = 9 WHERE body = 'three'",
        "DELETE FROM events WHERE body = 'two'",
    ] {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(dir.path()).unwrap();
        for body in ["one", "two", "three"] {
            tell(&store, "a", body).await;
        }
        assert_eq!(read(&store, "a").await.unwrap().events.len(), 3);
        by_hand(dir.path(), change);
        let mut found = vec![read(&store, "a").await];
        // What was moved to another key is found there; what is gone at the oldest end counts as dropped.
        found.push(read(&store, "other").await);
        let is_damage = |found: &StoreResult<EventPage>| {
            matches!(found, Err(StoreError::Trouble { trouble: Trouble::Damaged, .. }))
        };
        assert!(found.iter().any(is_damage), "{change}: {found:?}");
        assert!(store.get(&key(Kind::Endpoint, "a")).await.unwrap().is_some(), "{change}");
    }
}
