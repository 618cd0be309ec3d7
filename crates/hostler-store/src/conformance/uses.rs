//! Use: what may not be deleted, in which statuses of its users, and that nothing of it is forgotten or kept too long.
//!
//! Why: a question that is asked before the deletion is answered too early; judged by the store inside the commit, no
//! user can come in between.

use hostler_types::{Key, Kind};

use super::{TestStore, assert_conflict, check, endpoint, key, put, scope_of, unused, uses, writes};
use crate::{Document, Expect, Statuses, Store, StoreError, StoreResult, Transaction, Unused, Write};

/// An endpoint that uses `config` in `status`.
fn user(name: &str, config: &str, status: &str) -> Document {
    Document {
        uses: uses([key(Kind::EndpointConfig, config)]),
        status: Some(status.to_owned()),
        ..endpoint(name)
    }
}

fn config(name: &str) -> Document {
    Document { key: key(Kind::EndpointConfig, name), status: None, ..endpoint(name) }
}

fn delete_unused(config: &Key, statuses: &[&str]) -> Transaction {
    Transaction {
        unused: Some(unused(config, statuses)),
        writes: vec![Write::Put(endpoint("other")), Write::Delete(config.clone())],
        ..Transaction::default()
    }
}

/// The first user of `used` in any status, asked without changing anything.
async fn first_user(store: &dyn Store, used: &Key) -> Option<Key> {
    let unused = Some(Unused { key: used.clone(), statuses: Statuses::Any });
    match store.commit(Transaction { unused, ..Transaction::default() }).await {
        Ok(_) => None,
        Err(StoreError::InUse { by }) => Some(by),
        Err(error) => panic!("asking who uses `{used}`: {error}"),
    }
}

#[track_caller]
fn assert_used_by(result: &StoreResult<Vec<u64>>, user: &Key) {
    assert!(matches!(result, Err(StoreError::InUse { by }) if by == user), "{result:?}");
}

pub async fn what_is_in_use_is_not_deleted(store: TestStore) {
    let config = config("Busy");
    put(&*store, config.clone()).await;
    put(&*store, user("steady", "busy", "InService")).await;
    for name in ["Zulu", "bravo"] {
        put(&*store, user(name, "busy", "Creating")).await;
    }
    let passing = ["Updating", "Creating"];
    for first in ["bravo", "zulu"] {
        let result = store.commit(delete_unused(&config.key, &passing)).await;
        assert_used_by(&result, &key(Kind::Endpoint, first));
        assert_eq!(store.get(&key(Kind::Endpoint, "other")).await.unwrap(), None);
        put(&*store, user(first, "busy", "InService")).await;
    }
    store.commit(delete_unused(&config.key, &passing)).await.unwrap();
    assert_eq!(store.get(&config.key).await.unwrap(), None);
}

pub async fn use_counts_in_its_statuses_and_its_scope_only(store: TestStore) {
    let config = config("config");
    put(&*store, config.clone()).await;
    put(&*store, user("other-config", "config-2", "Creating")).await;
    put(&*store, user("steady", "config", "InService")).await;
    put(&*store, Document { status: None, ..user("no-status", "config", "") }).await;
    let west = scope_of("000000000000", "us-west-2");
    let elsewhere = Document {
        key: Key::new(&west, Kind::Endpoint, "elsewhere"),
        uses: uses([Key::new(&west, Kind::EndpointConfig, "config")]),
        ..user("elsewhere", "config", "Creating")
    };
    put(&*store, elsewhere).await;
    put(&*store, config.clone()).await;
    store.commit(delete_unused(&config.key, &["Creating", ""])).await.unwrap();
    // No status at all: nothing counts, not even a user.
    put(&*store, user("creating", "config", "Creating")).await;
    store.commit(delete_unused(&config.key, &[])).await.unwrap();
    // Any kind of document can be the user.
    let model = key(Kind::Model, "by-a-model");
    put(&*store, Document { key: model.clone(), ..user("by-a-model", "config", "Odd") }).await;
    assert_used_by(&store.commit(delete_unused(&config.key, &["Odd"])).await, &model);
    // The first by key: models come before endpoints.
    assert_used_by(&store.commit(delete_unused(&config.key, &["Creating", "Odd"])).await, &model);
    // The first by key again, whatever the order of the statuses that are asked for.
    put(&*store, user("a-late", "config", "Late")).await;
    for statuses in [["Creating", "Late"], ["Late", "Creating"]] {
        let result = store.commit(delete_unused(&config.key, &statuses)).await;
        assert_used_by(&result, &key(Kind::Endpoint, "a-late"));
    }
}

pub async fn use_counts_in_any_status_and_without_one(store: TestStore) {
    let used = key(Kind::EndpointConfig, "config");
    assert_eq!(first_user(&*store, &used).await, None);
    for (name, status) in
        [("e", Some("InService")), ("d", Some("Deleting")), ("c", Some("")), ("b", None), ("a", Some("New"))]
    {
        put(&*store, Document { status: status.map(str::to_owned), ..user(name, "Config", "") }).await;
        assert_eq!(first_user(&*store, &used).await, Some(key(Kind::Endpoint, name)), "{status:?}");
    }
    let west = Key::new(&scope_of("000000000000", "us-west-2"), Kind::EndpointConfig, "config");
    assert_eq!(first_user(&*store, &west).await, None);
}

pub async fn a_document_may_use_many_and_be_used_by_many(store: TestStore) {
    let names = ["", " ", "a/b", "quotes ' \" \\", "$[0]", "[\"x\"]", "line\nbreak", "%", "\u{1f980}"];
    let used = names.map(|name| key(Kind::Model, name));
    for (user, from) in [("zulu", 0), ("alpha", 4)] {
        let uses = used[from..].iter().cloned().collect();
        put(&*store, Document { uses, ..endpoint(user) }).await;
    }
    for (at, used) in used.iter().enumerate() {
        let first = if at < 4 { "zulu" } else { "alpha" };
        assert_eq!(first_user(&*store, used).await, Some(key(Kind::Endpoint, first)), "{used}");
    }
    store.commit(writes([Write::Delete(key(Kind::Endpoint, "alpha"))])).await.unwrap();
    for used in &used {
        assert_eq!(first_user(&*store, used).await, Some(key(Kind::Endpoint, "zulu")), "{used}");
    }
}

pub async fn what_a_document_uses_follows_every_replacement_touch_and_deletion(store: TestStore) {
    let [one, two, three] = ["one", "two", "three"].map(|name| key(Kind::Model, name));
    let by = key(Kind::Endpoint, "user");
    let using = |uses| Document { uses, ..endpoint("user") };
    let status = |status: &str, document| Document { status: Some(status.to_owned()), ..document };
    let both = uses([one.clone(), two.clone()]);
    let steps = [
        (Write::Put(using(both.clone())), [true, true, false]),
        (Write::Touch(by.clone()), [true, true, false]),
        (Write::Put(Document { body: "other".to_owned(), ..using(both.clone()) }), [true, true, false]),
        (Write::Put(status("Failed", using(both.clone()))), [true, true, false]),
        (Write::Put(using(uses([two.clone(), three.clone()]))), [false, true, true]),
        (Write::Put(using(uses([]))), [false; 3]),
        (Write::Put(Document { status: None, ..using(uses([three.clone()])) }), [false, false, true]),
        (Write::Put(using(uses([three.clone()]))), [false, false, true]),
        (Write::Delete(by.clone()), [false; 3]),
        (Write::Put(using(uses([one.clone()]))), [true, false, false]),
    ];
    for (step, expected) in steps {
        let what = format!("after {step:?}");
        store.commit(writes([step])).await.unwrap();
        for (used, is_used) in [&one, &two, &three].into_iter().zip(expected) {
            assert_eq!(first_user(&*store, used).await.is_some(), is_used, "{used} {what}");
        }
    }
    // The status that counts is the one now, whichever it was when the use began.
    put(&*store, status("Failed", using(uses([one.clone()])))).await;
    store.commit(delete_unused(&one, &["InService"])).await.unwrap();
    assert_used_by(&store.commit(delete_unused(&one, &["Failed"])).await, &by);
    // Within one transaction too.
    let exchange = writes([
        Write::Put(using(uses([two.clone()]))),
        Write::Delete(by.clone()),
        Write::Put(using(uses([three.clone()]))),
    ]);
    store.commit(exchange).await.unwrap();
    assert_eq!(first_user(&*store, &two).await, None);
    assert_eq!(first_user(&*store, &three).await, Some(by));
    // What a refused transaction would have used is not used.
    let refused = Transaction {
        checks: vec![check(&one, Expect::Version(1))],
        ..writes([Write::Put(Document { uses: uses([two.clone()]), ..endpoint("refused") })])
    };
    assert_conflict(store.commit(refused).await, &one);
    assert_eq!(first_user(&*store, &two).await, None);
}

pub async fn use_is_of_a_kind_and_a_whole_name(store: TestStore) {
    put(&*store, Document { uses: uses([key(Kind::Model, "Name")]), ..endpoint("user") }).await;
    for other in [
        key(Kind::EndpointConfig, "name"),
        key(Kind::Endpoint, "name"),
        key(Kind::Model, "nam"),
        key(Kind::Model, "name2"),
        key(Kind::Model, ""),
    ] {
        assert_eq!(first_user(&*store, &other).await, None, "{other}");
    }
    assert_eq!(first_user(&*store, &key(Kind::Model, "nAME")).await, Some(key(Kind::Endpoint, "user")));
}

pub async fn checks_are_judged_before_use(store: TestStore) {
    let config = config("config");
    put(&*store, config.clone()).await;
    put(&*store, user("creating", "config", "Creating")).await;
    let transaction = Transaction {
        checks: vec![check(&config.key, Expect::Absent)],
        ..delete_unused(&config.key, &["Creating"])
    };
    assert_conflict(store.commit(transaction).await, &config.key);
    // The writes of the transaction itself do not count: what it ends, it may rely on having been there.
    let transaction = Transaction {
        unused: Some(unused(&config.key, &["Creating"])),
        writes: vec![Write::Delete(key(Kind::Endpoint, "creating")), Write::Delete(config.key.clone())],
        ..Transaction::default()
    };
    let result = store.commit(transaction).await;
    assert!(matches!(result, Err(StoreError::InUse { .. })), "{result:?}");
}

pub async fn using_what_is_in_another_scope_is_a_mistake(store: TestStore) {
    let elsewhere = Key::new(&scope_of("000000000000", "us-west-2"), Kind::Model, "elsewhere");
    let document = Document { uses: uses([elsewhere]), ..endpoint("user") };
    let (asked, write) = (store.clone(), writes([Write::Put(document)]));
    let ended = tokio::spawn(async move { asked.commit(write).await }).await;
    assert!(ended.unwrap_err().is_panic());
    assert_eq!(store.get(&key(Kind::Endpoint, "user")).await.unwrap(), None);
    put(&*store, endpoint("afterwards")).await;
}
