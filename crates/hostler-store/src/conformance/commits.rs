//! Commits: checks, writes, versions and keys.
//!
//! Why: optimistic concurrency rests on these few rules, and every decision of the control plane on them.

use hostler_types::{Key, Kind, Millis};

use super::{TestStore, assert_conflict, check, endpoint, key, put, put_if, scope_of, uses, writes};
use crate::{Document, Expect, Holdings, Transaction, Write};

pub async fn a_document_is_read_back_as_it_was_written(store: TestStore) {
    let full = Document {
        key: key(Kind::Endpoint, "full"),
        version: 0,
        name: "Full".to_owned(),
        created_at: Millis(1_700_000_000_123),
        modified_at: Millis(-5),
        status: Some("Creating".to_owned()),
        uses: uses([key(Kind::EndpointConfig, "A-config"), key(Kind::Model, "quotes ' \" / \\ [0]")]),
        holds: Holdings::from([("endpoints".to_owned(), 1), ("ml.m5.large".to_owned(), 4)]),
        body: "{\"text\":\"quotes ' \\\" and \u{1f980}, a line\\nbreak\"}".to_owned(),
    };
    let bare = Document {
        key: key(Kind::Model, "bare"),
        version: 0,
        name: "bare".to_owned(),
        created_at: Millis(i64::MIN),
        modified_at: Millis(i64::MAX),
        status: None,
        uses: uses([]),
        holds: Holdings::new(),
        body: String::new(),
    };
    let large = Document { body: "x".repeat(3_000_000), ..endpoint("large") };
    for document in [full, bare, large] {
        let version = put(&*store, document.clone()).await;
        let read = store.get(&document.key).await.unwrap();
        assert_eq!(read, Some(Document { version, ..document }));
    }
}

pub async fn a_document_that_was_never_written_is_absent(store: TestStore) {
    assert_eq!(store.get(&key(Kind::Model, "none")).await.unwrap(), None);
}

pub async fn a_commit_writes_all_or_nothing(store: TestStore) {
    let version = put(&*store, endpoint("there")).await;
    let transaction = Transaction {
        checks: vec![
            check(&key(Kind::Endpoint, "there"), Expect::Version(version)),
            check(&key(Kind::Endpoint, "missing"), Expect::Version(1)),
        ],
        writes: vec![
            Write::Put(endpoint("new")),
            Write::Delete(key(Kind::Endpoint, "there")),
            Write::Touch(key(Kind::Endpoint, "there")),
        ],
        ..Transaction::default()
    };
    assert_conflict(store.commit(transaction).await, &key(Kind::Endpoint, "missing"));
    assert_eq!(store.get(&key(Kind::Endpoint, "new")).await.unwrap(), None);
    let there = store.get(&key(Kind::Endpoint, "there")).await.unwrap().unwrap();
    assert_eq!(there.version, version);
}

pub async fn a_check_fails_on_every_other_state(store: TestStore) {
    let (there, missing) = (key(Kind::Endpoint, "there"), key(Kind::Endpoint, "missing"));
    let old = put(&*store, endpoint("there")).await;
    let new = put(&*store, endpoint("there")).await;
    for (key, expect) in [
        (&there, Expect::Absent),
        (&there, Expect::Version(old)),
        (&there, Expect::Version(new + 1)),
        (&there, Expect::Version(u64::MAX)),
        (&missing, Expect::Version(0)),
        (&missing, Expect::Version(new)),
    ] {
        let transaction = Transaction {
            checks: vec![check(key, expect)],
            writes: vec![Write::Put(endpoint("other"))],
            ..Transaction::default()
        };
        assert_conflict(store.commit(transaction).await, key);
    }
    assert_eq!(store.get(&key(Kind::Endpoint, "other")).await.unwrap(), None);
    store.commit(put_if(endpoint("there"), Expect::Version(new))).await.unwrap();
    store.commit(put_if(endpoint("missing"), Expect::Absent)).await.unwrap();
}

pub async fn checks_are_judged_before_the_writes_of_their_transaction(store: TestStore) {
    let key = key(Kind::Endpoint, "once");
    let transaction = Transaction {
        checks: vec![check(&key, Expect::Absent), check(&key, Expect::Absent)],
        writes: vec![Write::Put(endpoint("once")), Write::Touch(key.clone())],
        ..Transaction::default()
    };
    let versions = store.commit(transaction).await.unwrap();
    assert_eq!(versions.len(), 2);
    assert_eq!(store.get(&key).await.unwrap().unwrap().version, versions[1]);
}

pub async fn writes_are_applied_in_their_order(store: TestStore) {
    let body = |name: &str, body: &str| Document { body: body.to_owned(), ..endpoint(name) };
    let transaction = writes([
        Write::Put(body("twice", "first")),
        Write::Put(body("twice", "second")),
        Write::Put(body("gone", "short-lived")),
        Write::Delete(key(Kind::Endpoint, "gone")),
        Write::Put(body("back", "first")),
        Write::Delete(key(Kind::Endpoint, "back")),
        Write::Put(body("back", "second")),
    ]);
    let versions = store.commit(transaction).await.unwrap();
    assert_eq!(versions.len(), 5, "deletions have no version");
    let twice = store.get(&key(Kind::Endpoint, "twice")).await.unwrap().unwrap();
    assert_eq!((twice.body.as_str(), twice.version), ("second", versions[1]));
    assert_eq!(store.get(&key(Kind::Endpoint, "gone")).await.unwrap(), None);
    let back = store.get(&key(Kind::Endpoint, "back")).await.unwrap().unwrap();
    assert_eq!((back.body.as_str(), back.version), ("second", versions[4]));
}

pub async fn a_version_is_never_used_twice_even_after_deletion(store: TestStore) {
    let key = key(Kind::Endpoint, "phoenix");
    let mut seen = Vec::new();
    for _ in 0..5 {
        seen.push(put(&*store, endpoint("phoenix")).await);
        seen.extend(store.commit(writes([Write::Touch(key.clone())])).await.unwrap());
        store.commit(writes([Write::Delete(key.clone())])).await.unwrap();
    }
    let distinct: std::collections::BTreeSet<u64> = seen.iter().copied().collect();
    assert_eq!(distinct.len(), seen.len(), "{seen:?}");
    put(&*store, endpoint("phoenix")).await;
    for version in seen {
        assert_conflict(store.commit(put_if(endpoint("phoenix"), Expect::Version(version))).await, &key);
    }
}

pub async fn the_version_that_a_caller_sets_is_ignored(store: TestStore) {
    let claimed = Document { version: 987_654_321, ..endpoint("claimed") };
    let version = put(&*store, claimed.clone()).await;
    assert_ne!(version, 987_654_321);
    assert_eq!(store.get(&claimed.key).await.unwrap().unwrap().version, version);
}

pub async fn a_touch_changes_the_version_and_nothing_else(store: TestStore) {
    let version = put(&*store, endpoint("touched")).await;
    let key = key(Kind::Endpoint, "touched");
    let before = store.get(&key).await.unwrap().unwrap();
    let versions = store.commit(writes([Write::Touch(key.clone())])).await.unwrap();
    let after = store.get(&key).await.unwrap().unwrap();
    assert_eq!(versions, [after.version]);
    assert_ne!(after.version, version);
    assert_eq!(after, Document { version: after.version, ..before });
}

pub async fn a_touch_makes_a_concurrent_decision_fail(store: TestStore) {
    let config = Document { key: key(Kind::EndpointConfig, "config"), ..endpoint("config") };
    let version = put(&*store, config.clone()).await;
    // One decides to create an endpoint with the config, another to delete the config; both have read `version`.
    let create = Transaction {
        checks: vec![check(&config.key, Expect::Version(version))],
        writes: vec![Write::Put(endpoint("user")), Write::Touch(config.key.clone())],
        ..Transaction::default()
    };
    let delete = Transaction {
        checks: vec![check(&config.key, Expect::Version(version))],
        writes: vec![Write::Delete(config.key.clone())],
        ..Transaction::default()
    };
    store.commit(create).await.unwrap();
    assert_conflict(store.commit(delete).await, &config.key);
    assert!(store.get(&config.key).await.unwrap().is_some());
}

pub async fn a_touch_of_an_absent_document_is_a_conflict(store: TestStore) {
    let missing = key(Kind::Endpoint, "missing");
    let result = store.commit(writes([Write::Put(endpoint("other")), Write::Touch(missing.clone())])).await;
    assert_conflict(result, &missing);
    assert_eq!(store.get(&key(Kind::Endpoint, "other")).await.unwrap(), None);

    put(&*store, endpoint("there")).await;
    let there = key(Kind::Endpoint, "there");
    let result = store.commit(writes([Write::Delete(there.clone()), Write::Touch(there.clone())])).await;
    assert_conflict(result, &there);
    assert!(store.get(&there).await.unwrap().is_some());
}

pub async fn deleting_what_is_absent_is_fine(store: TestStore) {
    let missing = key(Kind::Endpoint, "missing");
    let versions =
        store.commit(writes([Write::Delete(missing.clone()), Write::Put(endpoint("other"))])).await;
    assert_eq!(versions.unwrap().len(), 1);
    assert_eq!(store.get(&missing).await.unwrap(), None);
}

pub async fn a_commit_of_nothing_is_fine(store: TestStore) {
    assert_eq!(store.commit(Transaction::default()).await.unwrap(), Vec::<u64>::new());
    let checks = vec![check(&key(Kind::Endpoint, "missing"), Expect::Absent)];
    assert_eq!(
        store.commit(Transaction { checks, ..Transaction::default() }).await.unwrap(),
        Vec::<u64>::new()
    );
}

pub async fn names_that_differ_in_case_are_one_document(store: TestStore) {
    put(&*store, endpoint("Demo")).await;
    let read = store.get(&key(Kind::Endpoint, "dEMO")).await.unwrap().unwrap();
    assert_eq!(read.name, "Demo", "the case it was created with is kept");
    let result = store.commit(put_if(endpoint("DEMO"), Expect::Absent)).await;
    assert_conflict(result, &key(Kind::Endpoint, "demo"));
    store.commit(writes([Write::Delete(key(Kind::Endpoint, "deMO"))])).await.unwrap();
    assert_eq!(store.get(&key(Kind::Endpoint, "Demo")).await.unwrap(), None);
}

pub async fn accounts_regions_and_kinds_are_apart(store: TestStore) {
    let places = [
        Key::new(&scope_of("111111111111", "us-east-1"), Kind::Model, "same"),
        Key::new(&scope_of("111111111111", "us-east-1"), Kind::EndpointConfig, "same"),
        Key::new(&scope_of("111111111111", "us-east-2"), Kind::Model, "same"),
        Key::new(&scope_of("222222222222", "us-east-1"), Kind::Model, "same"),
    ];
    for place in &places {
        let document = Document { key: place.clone(), body: place.to_string(), ..endpoint("same") };
        store.commit(put_if(document, Expect::Absent)).await.unwrap();
    }
    for place in &places {
        assert_eq!(store.get(place).await.unwrap().unwrap().body, place.to_string());
    }
    store.commit(writes([Write::Delete(places[0].clone())])).await.unwrap();
    for (index, place) in places.iter().enumerate() {
        assert_eq!(store.get(place).await.unwrap().is_some(), index != 0, "{place}");
    }
}

pub async fn the_keys_of_a_kind_are_told_for_all_scopes(store: TestStore) {
    let expected = [
        Key::new(&scope_of("111111111111", "us-east-1"), Kind::Endpoint, "a"),
        Key::new(&scope_of("111111111111", "us-east-1"), Kind::Endpoint, "b"),
        Key::new(&scope_of("111111111111", "us-west-2"), Kind::Endpoint, "a"),
        Key::new(&scope_of("222222222222", "eu-west-1"), Kind::Endpoint, "a"),
    ];
    for key in expected.iter().rev() {
        put(&*store, Document { key: key.clone(), ..endpoint("A") }).await;
    }
    put(&*store, Document { key: key(Kind::Model, "model"), ..endpoint("model") }).await;
    assert_eq!(store.keys(Kind::Endpoint).await.unwrap(), expected);
    assert_eq!(store.keys(Kind::Model).await.unwrap(), [key(Kind::Model, "model")]);
    assert_eq!(store.keys(Kind::EndpointConfig).await.unwrap(), []);
}
