//! Leases: who may act alone, until when, and in which term.
//!
//! Why: a second controller is safe only if two can never hold one lease at one moment.

use hostler_types::Millis;

use super::TestStore;
use crate::Lease;

const TTL_MS: i64 = 10_000;

async fn take(store: &TestStore, holder: &str, now: i64) -> Option<Lease> {
    let lease = store.lease("controller", holder, Millis(now), TTL_MS).await.unwrap();
    if let Some(lease) = &lease {
        assert_eq!((lease.name.as_str(), lease.holder.as_str()), ("controller", holder));
        assert_eq!(lease.expires_at, Millis(now + TTL_MS));
    }
    lease
}

pub async fn a_free_lease_is_taken_and_a_held_one_is_not(store: TestStore) {
    assert!(take(&store, "one", 0).await.is_some());
    assert_eq!(take(&store, "two", 1).await, None);
    assert_eq!(take(&store, "two", TTL_MS - 1).await, None);
}

pub async fn a_holder_renews_and_keeps_its_term(store: TestStore) {
    let first = take(&store, "one", 0).await.unwrap();
    let renewed = take(&store, "one", 8_000).await.unwrap();
    assert_eq!(renewed.term, first.term);
    assert_eq!(take(&store, "two", 12_000).await, None, "the renewal counts from its own moment");
    assert!(take(&store, "two", 18_000).await.is_some());
}

pub async fn a_lease_ends_at_its_last_moment(store: TestStore) {
    take(&store, "one", 0).await.unwrap();
    assert_eq!(take(&store, "two", TTL_MS - 1).await, None);
    assert!(take(&store, "two", TTL_MS).await.is_some());
    assert_eq!(take(&store, "one", TTL_MS).await, None, "the first holder lost it");
}

pub async fn the_term_grows_only_with_a_change_of_holder(store: TestStore) {
    let first = take(&store, "one", 0).await.unwrap().term;
    assert_eq!(take(&store, "one", 1).await.unwrap().term, first);
    assert_eq!(take(&store, "one", 50_000).await.unwrap().term, first, "expired, but nobody else held it");
    let second = take(&store, "two", 100_000).await.unwrap().term;
    assert!(second > first);
    let third = take(&store, "one", 200_000).await.unwrap().term;
    assert!(third > second);
    store.release("controller", "one").await.unwrap();
    let fourth = take(&store, "two", 200_001).await.unwrap().term;
    assert!(fourth > third, "a release is not forgotten");
}

pub async fn a_released_lease_is_free_at_once(store: TestStore) {
    take(&store, "one", 0).await.unwrap();
    store.release("controller", "one").await.unwrap();
    assert!(take(&store, "two", 1).await.is_some());
}

pub async fn only_the_holder_can_release(store: TestStore) {
    store.release("controller", "nobody").await.unwrap();
    let lease = take(&store, "one", 0).await.unwrap();
    store.release("controller", "two").await.unwrap();
    store.release("other", "one").await.unwrap();
    assert_eq!(take(&store, "two", 1).await, None);
    assert_eq!(take(&store, "one", 2).await.unwrap().term, lease.term);
}

pub async fn leases_of_different_names_are_apart(store: TestStore) {
    take(&store, "one", 0).await.unwrap();
    let other = store.lease("other", "two", Millis(1), TTL_MS).await.unwrap();
    assert!(other.is_some());
    let same_word = store.lease("Controller", "two", Millis(1), TTL_MS).await.unwrap();
    assert!(same_word.is_some(), "a lease's name is taken as it is");
}
