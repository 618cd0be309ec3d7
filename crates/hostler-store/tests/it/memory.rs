//! The memory store passes the suite.

use std::sync::Arc;

use hostler_store::MemoryStore;
use hostler_store::conformance::TestStore;

async fn make_store() -> TestStore {
    Arc::new(MemoryStore::new())
}

hostler_store::store_conformance!(make_store);
