//! Bytes of the database that change on the disk are an error that names the file, and never an answer.

use std::error::Error as _;
use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use hostler_store::conformance::{endpoint, key, put, query};
use hostler_store::{Document, Holdings, Store, StoreError, StoreResult, Trouble};
use hostler_store_sql::{DATABASE_FILE, DatabaseFault, OpenError, SqliteStore};
use hostler_types::Kind;
use rusqlite::Connection;
use tempfile::TempDir;

/// Not to be found anywhere but in the body it stands in.
const MARK: &str = "s3://models/the-right-one.tar.gz";

fn documents() -> Vec<Document> {
    let holds = Holdings::from([("places".to_owned(), 3)]);
    let body = |number: usize| format!("{number} {MARK} {}", "b".repeat(400));
    (0..40)
        .map(|number| Document {
            body: body(number),
            holds: holds.clone(),
            uses: [key(Kind::EndpointConfig, &format!("config-{}", number % 3))].into(),
            ..endpoint(&format!("Endpoint-{number}"))
        })
        .collect()
}

/// A closed database with those documents.
async fn closed() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().expect("a directory is made");
    let store = SqliteStore::open(dir.path()).expect("the store opens");
    for document in documents() {
        put(&store, document).await;
    }
    store.close().await.expect("it closes");
    let file = dir.path().join(DATABASE_FILE);
    (dir, file)
}

/// Where the body of the last document has the mark.
fn place_of_mark(file: &Path) -> u64 {
    let bytes = fs::read(file).expect("the file is read");
    let needle = format!("39 {MARK}");
    let at = bytes.windows(needle.len()).position(|window| window == needle.as_bytes());
    (at.expect("it is there") + needle.find("right").expect("it has it")) as u64
}

fn overwrite(file: &Path, at: u64, bytes: &[u8]) {
    let opened = fs::OpenOptions::new().write(true).open(file).expect("it opens");
    opened.write_all_at(bytes, at).expect("it is written");
}

/// The words of a call that found damage.
#[track_caller]
fn damaged<T: std::fmt::Debug>(result: StoreResult<T>) -> String {
    let Err(StoreError::Trouble { trouble: Trouble::Damaged, source, .. }) = result else {
        panic!("it should have found the damage: {result:?}");
    };
    let fault = source.downcast_ref::<DatabaseFault>().expect("the database's");
    format!("{fault}: {}: {:?}", fault.source, fault.source.source().map(ToString::to_string))
}

#[tokio::test]
async fn a_letter_that_changed_in_a_body_keeps_the_database_from_being_opened() {
    let (dir, file) = closed().await;
    let at = place_of_mark(&file);
    overwrite(&file, at, b"wrong");
    let error = SqliteStore::open(dir.path()).unwrap_err();
    assert_eq!(error.trouble(), Some(Trouble::Damaged));
    let text = error.to_string();
    assert!(text.contains(&file.display().to_string()), "the file is named: {text}");
    assert!(text.contains("endpoint/endpoint-39` is not as it was written"), "the document is named: {text}");
    overwrite(&file, at, b"right");
    SqliteStore::open(dir.path()).unwrap();
}

#[tokio::test]
async fn a_letter_that_changes_while_the_store_is_open_fails_the_call_that_reads_it_and_no_other() {
    let (dir, file) = closed().await;
    let store = SqliteStore::open(dir.path()).unwrap();
    overwrite(&file, place_of_mark(&file), b"wrong");
    let text = damaged(store.get(&key(Kind::Endpoint, "endpoint-39")).await);
    assert!(text.contains(&file.display().to_string()), "{text}");
    assert!(text.contains("endpoint-39` is not as it was written"), "{text}");
    damaged(store.list(&query(Kind::Endpoint)).await);
    assert!(store.get(&key(Kind::Endpoint, "endpoint-7")).await.unwrap().is_some());
    put(&store, endpoint("another")).await;
    // Written anew it is whole again.
    put(&store, documents().remove(39)).await;
    let read = store.get(&key(Kind::Endpoint, "endpoint-39")).await.unwrap().unwrap();
    assert!(read.body.contains(MARK));
    assert_eq!(store.list(&query(Kind::Endpoint)).await.unwrap().documents.len(), 41);
}

#[tokio::test]
async fn pages_that_are_overwritten_while_the_store_is_open_fail_calls_and_do_not_end_it() {
    let (dir, file) = closed().await;
    let store = SqliteStore::open(dir.path()).unwrap();
    let length = fs::metadata(&file).unwrap().len();
    // All but the first page, which has the header.
    overwrite(&file, 4096, &vec![0xa5; usize::try_from(length - 4096).unwrap()]);
    let text = damaged(store.get(&key(Kind::Endpoint, "endpoint-39")).await);
    assert!(text.contains(&file.display().to_string()), "{text}");
    damaged(store.list(&query(Kind::Endpoint)).await);
    drop(store);
    let error = SqliteStore::open(dir.path()).unwrap_err();
    assert_eq!(error.trouble(), Some(Trouble::Damaged), "{error}");
}

#[tokio::test]
async fn every_part_of_a_document_is_under_its_sum() {
    let (dir, file) = closed().await;
    for change in [
        "name = 'Endpoint-O'",
        "created_at = created_at + 1",
        "modified_at = modified_at + 1",
        "status = 'Failed'",
        "status = NULL",
        "uses = NULL",
        "uses = '[\"endpoint-config/config-2\"]'",
        "uses = '[\"model/config-0\"]'",
        "holds = '{\"places\":4}'",
        "holds = NULL",
        "body = body || ' '",
        // What is lost by one and gained by the next.
        "name = name || substr(status, 1, 1), status = substr(status, 2)",
        "sum = sum + 1",
        "sum = NULL",
    ] {
        let store = SqliteStore::open(dir.path()).unwrap();
        let before = store.get(&key(Kind::Endpoint, "endpoint-0")).await.unwrap().unwrap();
        let by_hand = Connection::open(&file).unwrap();
        let sql = format!("UPDATE documents SET {change} WHERE key = 'endpoint-0'");
        assert_eq!(by_hand.execute(&sql, ()).unwrap(), 1);
        damaged(store.get(&before.key).await);
        put(&store, before).await;
    }
}

#[tokio::test]
async fn a_sequence_that_is_behind_its_documents_is_damage() {
    let (dir, file) = closed().await;
    Connection::open(file).unwrap().execute("UPDATE sequence SET last = 3", ()).unwrap();
    let error = SqliteStore::open(dir.path()).unwrap_err();
    assert!(matches!(error, OpenError::Damaged { .. }), "{error:?}");
    assert!(error.to_string().contains("sequence"), "{error}");
}

/// Wherever a byte of the file changes: it is refused, or everything reads as it was written.
#[tokio::test]
async fn no_byte_that_changes_makes_a_wrong_answer() {
    let (dir, file) = closed().await;
    let (bytes, expected) = (fs::read(&file).unwrap(), documents());
    let mut refused = 0;
    // A step that has no factor in common with a page's size, so that every part of a page has its turn.
    for at in (0..bytes.len()).step_by(bytes.len() / 400 * 2 + 1) {
        let mut changed = bytes.clone();
        changed[at] ^= 0x15;
        fs::write(&file, &changed).unwrap();
        let Ok(store) = SqliteStore::open(dir.path()) else {
            refused += 1;
            continue;
        };
        for document in &expected {
            let read = store.get(&document.key).await.unwrap().unwrap();
            assert_eq!(&Document { version: 0, ..read }, document, "byte {at} of the file");
        }
        let page =
            store.list(&hostler_store::ListQuery { limit: 100, ..query(Kind::Endpoint) }).await.unwrap();
        assert_eq!(page.documents.len(), expected.len(), "byte {at} of the file");
    }
    assert!(refused > 50, "most of the file is in use: {refused} were refused");
}
