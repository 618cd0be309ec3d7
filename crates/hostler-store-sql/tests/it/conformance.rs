//! The SQLite store passes the suite of every store.

use std::sync::Arc;

use hostler_store::EventBounds;
use hostler_store::conformance::{TestStore, events};
use hostler_store_sql::SqliteStore;

async fn make_store() -> TestStore {
    Arc::new(SqliteStore::temporary().expect("a temporary store opens"))
}

hostler_store::store_conformance!(make_store);

#[tokio::test]
async fn the_oldest_events_of_all_go_first() {
    let dir = tempfile::tempdir().unwrap();
    let bounds = EventBounds { per_key: 3, in_all: 5 };
    let store = SqliteStore::open_with_event_bounds(dir.path(), bounds).unwrap();
    events::the_oldest_events_of_all_go_first(Arc::new(store)).await;
}
