//! Many at once: of commits that exclude each other one wins, and the others are told.
//!
//! Why: two API calls, or a call and the reconciler, decide at the same moment; a lost update here is a lost endpoint.

use hostler_types::{Kind, Millis};
use tokio::task::JoinSet;

use super::{TestStore, check, endpoint, key, put, put_if, query};
use crate::{Document, Expect, StoreError, Transaction, Write};

const COMMITTERS: usize = 32;

pub async fn exactly_one_of_many_conflicting_commits_wins(store: TestStore) {
    let mut expect = Expect::Absent;
    for round in 0..10 {
        let mut tasks = JoinSet::new();
        for committer in 0..COMMITTERS {
            let store = store.clone();
            let document = Document { body: format!("{round}/{committer}"), ..endpoint("contended") };
            tasks.spawn(async move {
                let body = document.body.clone();
                (body, store.commit(put_if(document, expect)).await)
            });
        }
        let mut winners = Vec::new();
        for (body, result) in tasks.join_all().await {
            match result {
                Ok(versions) => winners.push((body, versions[0])),
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => panic!("{error:?}"),
            }
        }
        assert_eq!(winners.len(), 1, "round {round}: {winners:?}");
        let read = store.get(&key(Kind::Endpoint, "contended")).await.unwrap().unwrap();
        assert_eq!((read.body, read.version), winners[0].clone());
        expect = Expect::Version(read.version);
    }
}

pub async fn no_increment_of_a_contended_counter_is_lost(store: TestStore) {
    const INCREMENTS: usize = 10;
    const WORKERS: usize = 8;
    put(&*store, Document { body: "0".to_owned(), ..endpoint("counter") }).await;
    let mut tasks = JoinSet::new();
    for _ in 0..WORKERS {
        let store = store.clone();
        tasks.spawn(async move {
            for _ in 0..INCREMENTS {
                loop {
                    let read = store.get(&key(Kind::Endpoint, "counter")).await.unwrap().unwrap();
                    let value: usize = read.body.parse().unwrap();
                    let next = Document { body: (value + 1).to_string(), ..read.clone() };
                    match store.commit(put_if(next, Expect::Version(read.version))).await {
                        Ok(_) => break,
                        Err(StoreError::Conflict { .. }) => {}
                        Err(error) => panic!("{error:?}"),
                    }
                }
            }
        });
    }
    tasks.join_all().await;
    let read = store.get(&key(Kind::Endpoint, "counter")).await.unwrap().unwrap();
    assert_eq!(read.body, (INCREMENTS * WORKERS).to_string());
}

pub async fn commits_that_do_not_touch_each_other_all_succeed(store: TestStore) {
    let mut tasks = JoinSet::new();
    for committer in 0..100 {
        let store = store.clone();
        tasks.spawn(async move {
            let document = endpoint(&format!("own-{committer}"));
            let key = document.key.clone();
            let versions = store.commit(put_if(document, Expect::Absent)).await.unwrap();
            // What a commit acknowledged is there for the very next read.
            assert_eq!(store.get(&key).await.unwrap().unwrap().version, versions[0]);
        });
    }
    tasks.join_all().await;
    assert_eq!(store.keys(Kind::Endpoint).await.unwrap().len(), 100);
}

pub async fn of_a_deletion_and_a_decision_based_on_the_document_one_fails(store: TestStore) {
    for round in 0..20 {
        let config = Document {
            key: key(Kind::EndpointConfig, &format!("config-{round}")),
            ..endpoint(&format!("config-{round}"))
        };
        let version = put(&*store, config.clone()).await;
        let based_on = vec![check(&config.key, Expect::Version(version))];
        let user = endpoint(&format!("user-{round}"));
        let create = Transaction {
            checks: based_on.clone(),
            writes: vec![Write::Put(user.clone()), Write::Touch(config.key.clone())],
            ..Transaction::default()
        };
        let delete = Transaction {
            checks: based_on,
            writes: vec![Write::Delete(config.key.clone())],
            ..Transaction::default()
        };
        let (created, deleted) = tokio::join!(store.commit(create), store.commit(delete));
        assert_ne!(created.is_ok(), deleted.is_ok(), "{created:?} {deleted:?}");
        let has_user = store.get(&user.key).await.unwrap().is_some();
        let has_config = store.get(&config.key).await.unwrap().is_some();
        assert_eq!((has_user, has_config), (created.is_ok(), created.is_ok()));
    }
}

pub async fn exactly_one_of_many_holders_gets_the_lease(store: TestStore) {
    for round in 0..10_i64 {
        let mut tasks = JoinSet::new();
        for holder in 0..COMMITTERS {
            let store = store.clone();
            tasks.spawn(async move {
                let holder = format!("{round}/{holder}");
                store.lease("controller", &holder, Millis(round * 1_000), 1_000).await.unwrap()
            });
        }
        let held = tasks.join_all().await.into_iter().flatten().count();
        assert_eq!(held, 1, "round {round}");
    }
}

pub async fn pages_read_during_commits_are_in_order_and_never_repeat(store: TestStore) {
    const STEADY: usize = 40;
    for index in 0..STEADY {
        put(&*store, endpoint(&format!("steady-{index:03}"))).await;
    }
    let writer = {
        let store = store.clone();
        tokio::spawn(async move {
            for index in 0..200 {
                let document = endpoint(&format!("steady-{:03}-passing", index % STEADY));
                let key = document.key.clone();
                put(&*store, document).await;
                store.commit(super::writes([Write::Delete(key)])).await.unwrap();
            }
        })
    };
    while !writer.is_finished() {
        let mut seen = Vec::new();
        let mut query = query(Kind::Endpoint);
        query.limit = 7;
        loop {
            let page = store.list(&query).await.unwrap();
            seen.extend(page.documents.into_iter().map(|document| document.name));
            match page.next {
                Some(token) => query.after = Some(token),
                None => break,
            }
        }
        assert!(seen.is_sorted_by(|left, right| left < right), "{seen:?}");
        let steady = seen.iter().filter(|name| !name.ends_with("-passing")).count();
        assert_eq!(steady, STEADY, "what was there all the time is listed exactly once");
    }
    writer.await.unwrap();
}
