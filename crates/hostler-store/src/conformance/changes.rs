//! The change feed: which keys, in which order, to whom.
//!
//! Why: the reconciler is woken by it; a change that is committed and never told waits for the next sweep.

use hostler_types::{Key, Kind};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::TryRecvError;

use super::{TestStore, assert_conflict, endpoint, key, put, put_if, writes};
use crate::{CHANGES_KEPT, Change, Expect, Transaction, Write};

/// Every change that waits: a commit that returned has told its changes already.
fn heard(receiver: &mut Receiver<Change>) -> Vec<Key> {
    std::iter::from_fn(|| match receiver.try_recv() {
        Ok(change) => Some(change.key),
        Err(TryRecvError::Empty) => None,
        Err(error) => panic!("the feed ended: {error}"),
    })
    .collect()
}

pub async fn the_feed_tells_every_committed_key_in_order(store: TestStore) {
    let [a, b, c] = ["a", "b", "c"].map(|name| key(Kind::Endpoint, name));
    put(&*store, endpoint("before")).await;
    let mut receiver = store.changes();
    put(&*store, endpoint("b")).await;
    store.commit(writes([Write::Put(endpoint("c")), Write::Put(endpoint("a"))])).await.unwrap();
    store.commit(writes([Write::Touch(b.clone()), Write::Delete(c.clone())])).await.unwrap();
    store.commit(writes([Write::Touch(a.clone()), Write::Touch(a.clone())])).await.unwrap();
    assert_eq!(heard(&mut receiver), [b.clone(), c.clone(), a.clone(), b, c, a], "each key once per commit");
}

pub async fn a_refused_commit_tells_nothing(store: TestStore) {
    put(&*store, endpoint("there")).await;
    let mut receiver = store.changes();
    let there = key(Kind::Endpoint, "there");
    assert_conflict(store.commit(put_if(endpoint("there"), Expect::Absent)).await, &there);
    let missing = key(Kind::Endpoint, "missing");
    let result = store.commit(writes([Write::Put(endpoint("new")), Write::Touch(missing.clone())])).await;
    assert_conflict(result, &missing);
    assert_eq!(heard(&mut receiver), []);
}

pub async fn every_receiver_hears_every_change(store: TestStore) {
    let mut early = store.changes();
    put(&*store, endpoint("first")).await;
    let mut late = store.changes();
    put(&*store, endpoint("second")).await;
    let [first, second] = ["first", "second"].map(|name| key(Kind::Endpoint, name));
    assert_eq!(heard(&mut early), [first, second.clone()]);
    assert_eq!(heard(&mut late), [second]);
}

pub async fn a_receiver_that_lags_is_told_so(store: TestStore) {
    let mut receiver = store.changes();
    let count = CHANGES_KEPT + 1;
    let writes = (0..count).map(|index| Write::Put(endpoint(&format!("many-{index}")))).collect();
    store.commit(Transaction { writes, ..Transaction::default() }).await.unwrap();
    assert!(matches!(receiver.try_recv(), Err(TryRecvError::Lagged(1..))));
    assert_eq!(store.keys(Kind::Endpoint).await.unwrap().len(), count, "it lost keys, not state");
}
