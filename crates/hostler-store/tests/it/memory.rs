//! The memory store passes the suite.

use std::sync::Arc;

use hostler_store::conformance::{TestStore, events};
use hostler_store::{EventBounds, MemoryStore};

async fn make_store() -> TestStore {
    Arc::new(MemoryStore::new())
}

hostler_store::store_conformance!(make_store);

#[tokio::test]
async fn the_oldest_events_of_all_go_first() {
    let bounds = EventBounds { per_key: 3, in_all: 5 };
    events::the_oldest_events_of_all_go_first(Arc::new(MemoryStore::with_event_bounds(bounds))).await;
}
