//! Queues have limits, and a transaction that is lost as a whole is answered as such.

use std::error::Error as _;
use std::sync::Arc;

use hostler_store::conformance::{endpoint, key, put};
use hostler_store::{Store, StoreError, StoreResult, Transaction, Write};
use hostler_store_sql::{DatabaseFault, Overloaded, SqliteStore};
use hostler_types::Kind;
use rusqlite::Connection;
use tokio::task::JoinSet;

fn put_of(name: &str) -> Transaction {
    Transaction { writes: vec![Write::Put(endpoint(name))], ..Transaction::default() }
}

fn is_overloaded(result: &StoreResult<Vec<u64>>) -> bool {
    let Err(error @ StoreError::Failed { .. }) = result else {
        return false;
    };
    error.source().is_some_and(|source| source.downcast_ref::<Overloaded>().is_some())
}

#[tokio::test]
async fn a_full_queue_refuses_at_once_and_carries_out_what_it_took() {
    let store = Arc::new(SqliteStore::temporary().unwrap());
    // Another program holds the database, so the writer waits and its queue fills.
    let other = Connection::open(store.file()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut tasks = JoinSet::new();
    for number in 0..3_000 {
        let store = store.clone();
        tasks.spawn(async move { store.commit(put_of(&format!("e-{number}"))).await });
    }
    // The refused ones are answered while the database is still held.
    let first = tasks.join_next().await.unwrap().unwrap();
    assert!(is_overloaded(&first), "{first:?}");
    let text = first.unwrap_err().source().unwrap().to_string();
    assert!(text.ends_with("calls wait for the database already"), "{text}");
    other.execute_batch("ROLLBACK").unwrap();

    let mut done = 0;
    for result in tasks.join_all().await {
        assert!(result.is_ok() || is_overloaded(&result), "{result:?}");
        done += usize::from(result.is_ok());
    }
    assert!((1..3_000).contains(&done), "{done}");
    assert_eq!(store.keys(Kind::Endpoint).await.unwrap().len(), done);
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_do_not_wait_for_a_writer_that_waits() {
    let store = SqliteStore::temporary().unwrap();
    put(&store, endpoint("there")).await;
    let other = Connection::open(store.file()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (write, read) = (store.commit(put_of("late")), async {
        let read = store.get(&key(Kind::Endpoint, "there")).await;
        // Only now can the write go on.
        other.execute_batch("ROLLBACK").unwrap();
        read
    });
    let (written, read) = tokio::join!(write, read);
    assert!(read.unwrap().is_some());
    written.unwrap();
}

/// Makes every write to documents fail as a full disk does: SQLite gives up the whole transaction.
fn fail_writes(store: &SqliteStore, action: &str) {
    let trigger = format!(
        "CREATE TRIGGER full BEFORE INSERT ON documents WHEN NEW.name = 'bad' \
         BEGIN SELECT RAISE({action}, 'no room'); END"
    );
    Connection::open(store.file()).expect("opens").execute_batch(&trigger).expect("makes the trigger");
}

#[tokio::test]
async fn a_lost_transaction_is_answered_as_failed_to_all_that_were_in_it() {
    let store = Arc::new(SqliteStore::temporary().unwrap());
    fail_writes(&store, "ROLLBACK");
    let mut changes = store.changes();
    // The writer is held up once, so that all of these share the next transaction.
    let other = Connection::open(store.file()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let blocker = store.commit(put_of("blocker"));
    let batch = async {
        let calls = ["one", "bad", "two"].map(|name| store.commit(put_of(name)));
        let [one, bad, two] = calls;
        let release = async { other.execute_batch("ROLLBACK").unwrap() };
        tokio::join!(one, bad, two, release)
    };
    let (_, (one, bad, two, ())) = tokio::join!(blocker, batch);
    let keys = store.keys(Kind::Endpoint).await.unwrap();
    for (name, result) in [("one", one), ("bad", bad), ("two", two)] {
        // What was acknowledged is there; what failed is not, and says which file failed and why.
        assert_eq!(keys.contains(&key(Kind::Endpoint, name)), result.is_ok(), "{name}: {result:?}");
        if let Err(error) = result {
            let fault = error.source().unwrap().downcast_ref::<DatabaseFault>().unwrap();
            assert!(fault.to_string().contains("hostler.db"), "{fault}");
            assert!(fault.source.to_string().contains("no room"), "{:?}", fault.source);
        }
    }
    assert!(!keys.contains(&key(Kind::Endpoint, "bad")));
    let mut told = Vec::new();
    while let Ok(change) = changes.try_recv() {
        told.push(change.key);
    }
    told.sort();
    assert_eq!(told, keys, "the feed tells just what was committed");
    put(&*store, endpoint("afterwards")).await;
}

#[tokio::test]
async fn a_call_that_fails_alone_takes_nothing_of_the_others_with_it() {
    let store = SqliteStore::temporary().unwrap();
    fail_writes(&store, "ABORT");
    let half = Transaction {
        writes: vec![Write::Put(endpoint("half")), Write::Put(endpoint("bad"))],
        ..Transaction::default()
    };
    let (one, half, two) =
        tokio::join!(store.commit(put_of("one")), store.commit(half), store.commit(put_of("two")));
    assert!(one.is_ok() && two.is_ok());
    assert!(matches!(half, Err(StoreError::Failed { action: "commit", .. })), "{half:?}");
    let keys = store.keys(Kind::Endpoint).await.unwrap();
    assert_eq!(keys, [key(Kind::Endpoint, "one"), key(Kind::Endpoint, "two")]);
}
