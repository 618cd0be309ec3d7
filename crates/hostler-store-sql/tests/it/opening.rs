//! Opening: what was committed is there again, and a file that is not ours is named and left alone.

use std::os::unix::fs::FileExt as _;
use std::path::Path;

use hostler_store::conformance::{endpoint, key, put, scope};
use hostler_store::{Document, Store, StoreError};
use hostler_store_sql::{DATABASE_FILE, OpenError, SqliteStore};
use hostler_types::{Kind, Millis};
use rusqlite::Connection;

#[track_caller]
fn open(dir: &Path) -> SqliteStore {
    SqliteStore::open(dir).expect("the store opens")
}

#[tokio::test]
async fn everything_is_there_after_closing_and_opening() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let version = put(&store, endpoint("Kept")).await;
    let term = store.lease("lease", "one", Millis(0), 1_000).await.unwrap().unwrap().term;
    store.close().await.unwrap();
    assert!(!dir.path().join("hostler.db-wal").exists(), "closing empties the log");

    let store = open(dir.path());
    let read = store.get(&key(Kind::Endpoint, "kept")).await.unwrap();
    assert_eq!(read, Some(Document { version, ..endpoint("Kept") }));
    assert_eq!(store.lease("lease", "two", Millis(999), 1_000).await.unwrap(), None);
    let next = store.lease("lease", "two", Millis(1_000), 1_000).await.unwrap().unwrap();
    assert!(next.term > term);
}

#[tokio::test]
async fn a_version_is_not_used_again_after_deletion_and_a_new_start() {
    let dir = tempfile::tempdir().unwrap();
    let mut versions = std::collections::BTreeSet::new();
    for _ in 0..4 {
        let store = open(dir.path());
        assert!(versions.insert(put(&store, endpoint("phoenix")).await), "{versions:?}");
        let delete = hostler_store::Write::Delete(key(Kind::Endpoint, "phoenix"));
        let transaction =
            hostler_store::Transaction { writes: vec![delete], ..hostler_store::Transaction::default() };
        store.commit(transaction).await.unwrap();
    }
}

#[tokio::test]
async fn calls_after_closing_say_that_the_store_is_closed() {
    let store = SqliteStore::temporary().unwrap();
    store.close().await.unwrap();
    store.close().await.unwrap();
    let model = key(Kind::Model, "model");
    assert!(matches!(store.get(&model).await, Err(StoreError::Closed)));
    assert!(matches!(store.keys(Kind::Model).await, Err(StoreError::Closed)));
    assert!(matches!(store.commit(hostler_store::Transaction::default()).await, Err(StoreError::Closed)));
    assert!(matches!(store.lease("l", "h", Millis(0), 1).await, Err(StoreError::Closed)));
    assert!(matches!(store.release("l", "h").await, Err(StoreError::Closed)));
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_carries_out_what_was_taken_on() {
    let dir = tempfile::tempdir().unwrap();
    let store = std::sync::Arc::new(open(dir.path()));
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..300 {
        let store = store.clone();
        tasks.spawn(async move {
            let write = hostler_store::Write::Put(endpoint(&format!("e-{number}")));
            let transaction =
                hostler_store::Transaction { writes: vec![write], ..hostler_store::Transaction::default() };
            store.commit(transaction).await.is_ok()
        });
    }
    tokio::task::yield_now().await;
    store.close().await.unwrap();
    let acknowledged = tasks.join_all().await.into_iter().filter(|is_ok| *is_ok).count();
    let kept = open(dir.path()).keys(Kind::Endpoint).await.unwrap().len();
    assert_eq!(kept, acknowledged, "neither more nor less than what was acknowledged");
}

#[tokio::test]
async fn dropping_the_store_empties_the_log_too() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    put(&store, endpoint("kept")).await;
    drop(store);
    assert!(!dir.path().join("hostler.db-wal").exists());
    assert_eq!(open(dir.path()).keys(Kind::Endpoint).await.unwrap().len(), 1);
}

#[tokio::test]
async fn sums_that_differ_from_their_documents_are_counted_anew_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let holds = hostler_store::Holdings::from([("rooms".to_owned(), 2)]);
    for name in ["one", "two"] {
        put(&store, Document { holds: holds.clone(), ..endpoint(name) }).await;
    }
    let sums = store.holdings(&scope()).await.unwrap();
    assert_eq!(sums.get("rooms"), Some(&4));
    drop(store);
    for damage in ["UPDATE holdings SET total = 40", "DELETE FROM holdings"] {
        Connection::open(dir.path().join(DATABASE_FILE)).unwrap().execute(damage, ()).unwrap();
        let store = open(dir.path());
        assert_eq!(store.holdings(&scope()).await.unwrap(), sums, "after {damage}");
    }
}

#[tokio::test]
async fn uses_that_differ_from_their_documents_are_written_anew_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let used = key(Kind::EndpointConfig, "used");
    let store = open(dir.path());
    put(&store, Document { uses: [used.clone()].into(), ..endpoint("user") }).await;
    drop(store);
    for damage in ["DELETE FROM document_uses", "UPDATE document_uses SET used = 'model/used'"] {
        Connection::open(dir.path().join(DATABASE_FILE)).unwrap().execute(damage, ()).unwrap();
        let store = open(dir.path());
        for (unused, is_refused) in [(used.clone(), true), (key(Kind::Model, "used"), false)] {
            let unused = hostler_store::Unused { key: unused, statuses: hostler_store::Statuses::Any };
            let transaction =
                hostler_store::Transaction { unused: Some(unused), ..hostler_store::Transaction::default() };
            assert_eq!(store.commit(transaction).await.is_err(), is_refused, "after {damage}");
        }
    }
}

#[test]
fn a_file_that_is_no_database_is_named_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join(DATABASE_FILE);
    let text = "no database, but somebody's text\n".repeat(200);
    std::fs::write(&file, &text).unwrap();
    let error = SqliteStore::open(dir.path()).unwrap_err();
    assert!(matches!(error, OpenError::Damaged { .. }), "{error:?}");
    assert!(error.to_string().contains(&file.display().to_string()), "{error}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
}

#[test]
fn a_database_of_another_program_is_named_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join(DATABASE_FILE);
    Connection::open(&file).unwrap().execute_batch("CREATE TABLE theirs (id INTEGER)").unwrap();
    let before = std::fs::read(&file).unwrap();
    let error = SqliteStore::open(dir.path()).unwrap_err();
    assert!(matches!(error, OpenError::Foreign { .. }), "{error:?}");
    assert!(error.to_string().contains(&file.display().to_string()), "{error}");
    assert_eq!(std::fs::read(&file).unwrap(), before);
}

#[test]
fn a_database_of_a_newer_hostler_is_named_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()));
    let file = dir.path().join(DATABASE_FILE);
    Connection::open(&file).unwrap().pragma_update(None, "user_version", 9_000).unwrap();
    let error = SqliteStore::open(dir.path()).unwrap_err();
    assert!(matches!(error, OpenError::Newer { found: 9_000, .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains(&file.display().to_string()) && text.contains("newer Hostler"), "{text}");
}

#[tokio::test]
async fn a_damaged_database_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    for number in 0..200 {
        put(&store, Document { body: "b".repeat(2_000), ..endpoint(&format!("e-{number}")) }).await;
    }
    drop(store);
    let file = dir.path().join(DATABASE_FILE);
    // Everything but the header page and the schema that begins in it.
    let database = std::fs::OpenOptions::new().write(true).open(&file).unwrap();
    let length = database.metadata().unwrap().len();
    database.write_all_at(&vec![0xa5; usize::try_from(length).unwrap() - 8192], 8192).unwrap();
    let error = SqliteStore::open(dir.path()).unwrap_err();
    assert!(matches!(error, OpenError::Damaged { .. }), "{error:?}");
    assert!(error.to_string().contains(&file.display().to_string()), "{error}");
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = SqliteStore::open(&file.join("below")).unwrap_err();
    assert!(matches!(error, OpenError::Directory { .. }), "{error:?}");
}
