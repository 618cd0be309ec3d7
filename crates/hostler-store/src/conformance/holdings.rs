//! Holdings and quotas: sums over the documents of a scope, and the last place that only one gets.
//!
//! Why: a count that is read, compared and then written lets two requests take the last place; judged by the store
//! inside the commit, it cannot.

use std::collections::BTreeMap;

use hostler_types::{Key, Kind};
use tokio::task::JoinSet;

use super::{TestStore, check, endpoint, key, put, scope, scope_of, writes};
use crate::{Document, Expect, Holdings, Quota, StoreError, StoreResult, Transaction, Write};

fn holds(counts: &[(&str, u32)]) -> Holdings {
    counts.iter().map(|(what, count)| ((*what).to_owned(), *count)).collect()
}

fn holder(name: &str, counts: &[(&str, u32)]) -> Document {
    Document { holds: holds(counts), ..endpoint(name) }
}

fn quota(what: &str, limit: u64) -> Quota {
    Quota { scope: scope(), what: what.to_owned(), limit }
}

fn put_within(document: Document, quota: &Quota) -> Transaction {
    Transaction { quotas: vec![quota.clone()], ..writes([Write::Put(document)]) }
}

async fn sums(store: &TestStore) -> Vec<(String, u64)> {
    store.holdings(&scope()).await.unwrap().into_iter().collect()
}

fn pairs(counts: &[(&str, u64)]) -> Vec<(String, u64)> {
    counts.iter().map(|(what, count)| ((*what).to_owned(), *count)).collect()
}

/// Used and delta of a refusal.
#[track_caller]
fn exceeded(result: StoreResult<Vec<u64>>, expected: &Quota) -> (u64, u64) {
    match result {
        Err(StoreError::QuotaExceeded { quota, used, delta }) => {
            assert_eq!(&quota, expected);
            (used, delta)
        }
        other => panic!("expected that `{}` is exceeded, got {other:?}", expected.what),
    }
}

pub async fn what_documents_hold_is_added_up_by_scope(store: TestStore) {
    assert_eq!(store.holdings(&scope()).await.unwrap(), BTreeMap::new());
    put(&*store, holder("one", &[("room", 1), ("bed", 3)])).await;
    put(&*store, holder("two", &[("room", 1), ("chair", 0)])).await;
    put(&*store, endpoint("none")).await;
    let model = Document { key: key(Kind::Model, "one"), ..holder("one", &[("bed", 2)]) };
    put(&*store, model).await;
    for (account, region) in [("000000000000", "us-west-2"), ("111111111111", "us-east-1")] {
        let elsewhere = Key::new(&scope_of(account, region), Kind::Endpoint, "one");
        put(&*store, Document { key: elsewhere, ..holder("one", &[("room", 7)]) }).await;
    }
    assert_eq!(sums(&store).await, pairs(&[("bed", 5), ("room", 2)]));
    let west = store.holdings(&scope_of("000000000000", "us-west-2")).await.unwrap();
    assert_eq!(west.into_iter().collect::<Vec<_>>(), pairs(&[("room", 7)]));
}

pub async fn sums_follow_every_replacement_touch_and_deletion(store: TestStore) {
    put(&*store, holder("one", &[("room", 2), ("bed", 1)])).await;
    put(&*store, holder("two", &[("room", 5)])).await;
    put(&*store, holder("one", &[("room", 1), ("chair", 4)])).await;
    assert_eq!(sums(&store).await, pairs(&[("chair", 4), ("room", 6)]));
    store.commit(writes([Write::Touch(key(Kind::Endpoint, "one"))])).await.unwrap();
    assert_eq!(sums(&store).await, pairs(&[("chair", 4), ("room", 6)]));
    put(&*store, Document { body: "other".to_owned(), ..holder("two", &[("room", 5)]) }).await;
    assert_eq!(sums(&store).await, pairs(&[("chair", 4), ("room", 6)]));
    put(&*store, endpoint("one")).await;
    assert_eq!(sums(&store).await, pairs(&[("room", 5)]));
    put(&*store, holder("one", &[("bed", 1)])).await;
    store.commit(writes([Write::Delete(key(Kind::Endpoint, "two"))])).await.unwrap();
    assert_eq!(sums(&store).await, pairs(&[("bed", 1)]));
    store.commit(writes([Write::Delete(key(Kind::Endpoint, "one"))])).await.unwrap();
    assert_eq!(sums(&store).await, []);
}

pub async fn any_name_and_count_is_added_up(store: TestStore) {
    let names = ["", " ", "ml.m5.large", "quotes ' \" \\", "$.a[0]", "line\nbreak", "\u{1f980}"];
    let counts: Vec<(&str, u32)> = names.into_iter().map(|name| (name, u32::MAX)).collect();
    for holder_name in ["one", "two"] {
        put(&*store, holder(holder_name, &counts)).await;
    }
    let mut expected: Vec<(&str, u64)> =
        names.into_iter().map(|name| (name, 2 * u64::from(u32::MAX))).collect();
    expected.sort_unstable();
    assert_eq!(sums(&store).await, pairs(&expected));
    put(&*store, endpoint("one")).await;
    let read = store.get(&key(Kind::Endpoint, "two")).await.unwrap().unwrap();
    assert_eq!(read.holds, holds(&counts));
}

pub async fn a_quota_is_exceeded_above_its_limit_and_not_at_it(store: TestStore) {
    let three = quota("room", 3);
    store.commit(put_within(holder("one", &[("room", 2)]), &three)).await.unwrap();
    let result = store.commit(put_within(holder("two", &[("room", 2)]), &three)).await;
    assert_eq!(exceeded(result, &three), (2, 2));
    assert_eq!(store.get(&key(Kind::Endpoint, "two")).await.unwrap(), None);
    assert_eq!(sums(&store).await, pairs(&[("room", 2)]));
    store.commit(put_within(holder("two", &[("room", 1)]), &three)).await.unwrap();
    // Another scope, and another thing, are counted by themselves.
    let west = scope_of("000000000000", "us-west-2");
    let elsewhere = Document { key: Key::new(&west, Kind::Endpoint, "a"), ..holder("a", &[("room", 3)]) };
    let quotas = [three.clone(), Quota { scope: west, ..three.clone() }, quota("bed", 0)];
    let transaction = Transaction { quotas: quotas.into(), ..writes([Write::Put(elsewhere)]) };
    store.commit(transaction).await.unwrap();
    let none = quota("bed", 0);
    assert_eq!(exceeded(store.commit(put_within(holder("c", &[("bed", 1)]), &none)).await, &none), (0, 1));
}

pub async fn a_quota_counts_what_the_whole_transaction_changes(store: TestStore) {
    put(&*store, holder("old", &[("room", 3)])).await;
    let three = quota("room", 3);
    let exchange = Transaction {
        quotas: vec![three.clone()],
        ..writes([Write::Put(holder("new", &[("room", 3)])), Write::Delete(key(Kind::Endpoint, "old"))])
    };
    store.commit(exchange).await.unwrap();
    let grow = put_within(holder("new", &[("room", 4)]), &three);
    assert_eq!(exceeded(store.commit(grow).await, &three), (3, 1));
    let two = Transaction {
        quotas: vec![quota("bed", 5), three.clone()],
        ..writes([
            Write::Put(holder("a", &[("room", 1)])),
            Write::Put(holder("b", &[("room", 1), ("bed", 5)])),
        ])
    };
    assert_eq!(exceeded(store.commit(two).await, &three), (3, 2));
    assert_eq!(sums(&store).await, pairs(&[("room", 3)]), "nothing of it is written");
}

pub async fn what_does_not_grow_is_never_refused(store: TestStore) {
    put(&*store, holder("one", &[("room", 9)])).await;
    let lowered = quota("room", 4);
    for count in [9, 6] {
        let transaction = put_within(holder("one", &[("room", count)]), &lowered);
        store.commit(transaction).await.unwrap();
    }
    let more = put_within(holder("two", &[("room", 1)]), &lowered);
    assert_eq!(exceeded(store.commit(more).await, &lowered), (6, 1));
}

pub async fn quotas_are_judged_last(store: TestStore) {
    let none = quota("room", 0);
    let document = holder("new", &[("room", 1)]);
    let (there, missing) = (key(Kind::Endpoint, "there"), key(Kind::Endpoint, "missing"));
    put(&*store, Document { uses: super::uses([there.clone()]), ..endpoint("there") }).await;
    let within = put_within(document, &none);
    let checked = Transaction { checks: vec![check(&there, Expect::Absent)], ..within.clone() };
    super::assert_conflict(store.commit(checked).await, &there);
    let in_use = Transaction { unused: Some(super::unused(&there, &["InService"])), ..within.clone() };
    assert!(matches!(store.commit(in_use).await, Err(StoreError::InUse { .. })));
    let mut touching = within;
    touching.writes.push(Write::Touch(missing.clone()));
    super::assert_conflict(store.commit(touching).await, &missing);
}

pub async fn of_many_that_want_the_last_places_just_so_many_get_one(store: TestStore) {
    const PLACES: u64 = 5;
    const ASKING: usize = 40;
    let rooms = quota("room", PLACES);
    let mut tasks = JoinSet::new();
    for asking in 0..ASKING {
        let (store, rooms) = (store.clone(), rooms.clone());
        tasks.spawn(async move {
            let document = holder(&format!("guest-{asking}"), &[("room", 1)]);
            store.commit(put_within(document, &rooms)).await
        });
    }
    let mut got = 0;
    for result in tasks.join_all().await {
        match result {
            Ok(_) => got += 1,
            refused => assert_eq!(exceeded(refused, &rooms), (PLACES, 1), "refused only when all are taken"),
        }
    }
    assert_eq!(got, PLACES);
    assert_eq!(store.keys(Kind::Endpoint).await.unwrap().len() as u64, PLACES);
    assert_eq!(sums(&store).await, pairs(&[("room", PLACES)]));
}
