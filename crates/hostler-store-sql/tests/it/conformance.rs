//! The SQLite store passes the suite of every store.

use std::sync::Arc;

use hostler_store::conformance::TestStore;
use hostler_store_sql::SqliteStore;

async fn make_store() -> TestStore {
    Arc::new(SqliteStore::temporary().expect("a temporary store opens"))
}

hostler_store::store_conformance!(make_store);
