//! Databases of earlier releases: every migration on documents as that release wrote them.

use std::path::Path;

use hostler_store::conformance::{key, scope};
use hostler_store::{Event, EventQuery, Order, Statuses, Store, StoreError, Transaction, Unused};
use hostler_store_sql::{DATABASE_FILE, SqliteStore};
use hostler_types::{Kind, Millis};
use rusqlite::Connection;

/// A database as the release of these migrations left it.
fn old_database(dir: &Path, migrations: &[&str]) -> Connection {
    let old = Connection::open(dir.join(DATABASE_FILE)).expect("opens");
    for migration in migrations {
        old.execute_batch(migration).expect("migrates");
    }
    // The documents below have version 7.
    old.execute("UPDATE sequence SET last = 7", ()).expect("is written");
    // "HOST", as every schema writes it.
    old.pragma_update(None, "application_id", 0x484f_5354).expect("is written");
    old.pragma_update(None, "user_version", migrations.len() as i64).expect("is written");
    old
}

#[tokio::test]
async fn documents_from_before_holdings_are_read_and_hold_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let old = old_database(dir.path(), &[include_str!("../../migrations/sqlite/0001_documents.sql")]);
    let row = "INSERT INTO documents (kind, account, region, key, version, name, created_at, modified_at, body) \
               VALUES ('endpoint', '000000000000', 'us-east-1', 'old', 7, 'Old', 1, 2, 'body')";
    old.execute(row, ()).unwrap();
    drop(old);
    let store = SqliteStore::open(dir.path()).unwrap();
    let read = store.get(&key(Kind::Endpoint, "old")).await.unwrap().unwrap();
    assert_eq!((read.version, read.body.as_str(), read.holds.len()), (7, "body", 0));
    assert!(store.holdings(&scope()).await.unwrap().is_empty());
}

#[tokio::test]
async fn documents_from_before_uses_are_read_and_use_what_their_records_name() {
    let dir = tempfile::tempdir().unwrap();
    let migrations = [
        include_str!("../../migrations/sqlite/0001_documents.sql"),
        include_str!("../../migrations/sqlite/0002_holdings.sql"),
    ];
    let old = old_database(dir.path(), &migrations);
    let endpoint_body = include_str!("../../../hostler-types/tests/golden/endpoint.v1.json");
    let config_body = include_str!("../../../hostler-types/tests/golden/endpoint_config.v1.json");
    let shadowed = r#"{"request":{"ProductionVariants":[{"ModelName":"Two"},{"ModelName":"two"},{}],
        "ShadowProductionVariants":[{"ModelName":"Shadow"}]}}"#;
    let model_body = include_str!("../../../hostler-types/tests/golden/model.v1.json");
    for (kind, name, status, uses, body) in [
        ("endpoint", "digits", Some("Creating"), Some("digits-config"), endpoint_body),
        ("endpoint", "odd", Some("InService"), Some("digits-config"), "no JSON"),
        ("endpoint-config", "digits-config", None, None, config_body),
        ("endpoint-config", "shadowed", None, None, shadowed),
        ("endpoint-config", "empty", None, None, "{}"),
        ("model", "digits-model", None, None, model_body),
    ] {
        let row = "INSERT INTO documents (kind, account, region, key, version, name, created_at, modified_at, status, \
                   uses, holds, body) VALUES (?, '000000000000', 'us-east-1', ?, 7, ?, 1, 2, ?, ?, '{\"x\":1}', ?)";
        old.execute(row, (kind, name, name, status, uses, body)).unwrap();
    }
    drop(old);

    // Twice: the second start finds the new schema.
    for _ in 0..2 {
        let store = SqliteStore::open(dir.path()).unwrap();
        let [digits_config, shadowed, empty] =
            ["digits-config", "shadowed", "empty"].map(|name| key(Kind::EndpointConfig, name));
        let [digits_model, two, shadow] =
            ["digits-model", "two", "shadow"].map(|name| key(Kind::Model, name));
        let [digits, odd] = ["digits", "odd"].map(|name| key(Kind::Endpoint, name));
        for (document, uses) in [
            (&digits, vec![&digits_config, &digits_model]),
            (&odd, vec![&digits_config]),
            (&digits_config, vec![&digits_model]),
            (&shadowed, vec![&two, &shadow]),
            (&empty, vec![]),
            (&digits_model, vec![]),
        ] {
            let read = store.get(document).await.unwrap().unwrap();
            assert_eq!(read.uses, uses.into_iter().cloned().collect(), "{document}");
            assert_eq!((read.version, read.holds["x"]), (7, 1), "{document}");
        }
        let creating = || Statuses::Of(vec!["Creating".to_owned()]);
        for (used, statuses, user) in [
            (&digits_config, Statuses::Any, Some(&digits)),
            (&digits_config, creating(), Some(&digits)),
            (&digits_model, Statuses::Any, Some(&digits_config)),
            (&digits_model, creating(), Some(&digits)),
            (&two, Statuses::Any, Some(&shadowed)),
            (&two, creating(), None),
            (&shadow, Statuses::Any, Some(&shadowed)),
            (&empty, Statuses::Any, None),
        ] {
            let unused = Some(Unused { key: used.clone(), statuses });
            let found = match store.commit(Transaction { unused, ..Transaction::default() }).await {
                Err(StoreError::InUse { by }) => Some(by),
                other => other.map(|_| None).unwrap(),
            };
            assert_eq!(found.as_ref(), user, "{used}");
        }
    }
}

#[tokio::test]
async fn a_database_from_before_events_has_none_and_takes_them() {
    let dir = tempfile::tempdir().unwrap();
    let migrations = [
        include_str!("../../migrations/sqlite/0001_documents.sql"),
        include_str!("../../migrations/sqlite/0002_holdings.sql"),
        include_str!("../../migrations/sqlite/0003_uses.sql"),
        include_str!("../../migrations/sqlite/0004_sums.sql"),
    ];
    let old = old_database(dir.path(), &migrations);
    let row = "INSERT INTO documents (kind, account, region, key, version, name, created_at, modified_at, body) \
               VALUES ('endpoint', '000000000000', 'us-east-1', 'old', 7, 'Old', 1, 2, 'body')";
    old.execute(row, ()).unwrap();
    drop(old);
    let of_old =
        || EventQuery { key: key(Kind::Endpoint, "old"), order: Order::Ascending, limit: 10, after: None };
    for kept in 0..3 {
        let store = SqliteStore::open(dir.path()).unwrap();
        let read = store.get(&key(Kind::Endpoint, "old")).await.unwrap().unwrap();
        assert_eq!((read.version, read.body.as_str()), (7, "body"));
        let page = store.events(&of_old()).await.unwrap();
        assert_eq!((page.events.len(), page.dropped), (kept, 0));
        let event = Event { key: key(Kind::Endpoint, "old"), at: Millis(3), body: "new".to_owned() };
        store.commit(Transaction { events: vec![event], ..Transaction::default() }).await.unwrap();
    }
}
