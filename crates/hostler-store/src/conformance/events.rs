//! Events: with their transaction or not at all, in order, outliving the document, bounded.

use hostler_types::{Key, Kind, Millis};

use super::{TestStore, check, endpoint, key, put, writes};
use crate::{
    EVENT_BODY_BYTES_MAX, Event, EventBounds, EventPage, EventQuery, Expect, Order, Quota, Store,
    StoredEvent, Transaction, Write,
};

/// What is done to that key, at this moment.
fn event(key: &Key, at: i64, body: &str) -> Event {
    Event { key: key.clone(), at: Millis(at), body: body.to_owned() }
}

fn told<const N: usize>(events: [Event; N]) -> Transaction {
    Transaction { events: events.into(), ..Transaction::default() }
}

fn page_of(key: &Key, order: Order, limit: usize, after: Option<u64>) -> EventQuery {
    EventQuery { key: key.clone(), order, limit, after }
}

/// Every kept event, oldest first.
async fn all(store: &dyn Store, key: &Key) -> EventPage {
    store.events(&page_of(key, Order::Ascending, usize::MAX, None)).await.unwrap()
}

async fn bodies(store: &dyn Store, key: &Key) -> Vec<String> {
    all(store, key).await.events.into_iter().map(|event| event.body).collect()
}

pub async fn an_event_is_read_back_as_it_was_written(store: TestStore) {
    let (one, other) = (key(Kind::Endpoint, "One"), key(Kind::Model, "one"));
    let long = "x".repeat(EVENT_BODY_BYTES_MAX);
    let odd = "quotes ' \" and \u{1f980}\na line";
    store
        .commit(told([event(&one, 5, odd), event(&other, i64::MIN, ""), event(&one, -3, &long)]))
        .await
        .unwrap();
    let stored = |number, at, body: &str| StoredEvent { number, at: Millis(at), body: body.to_owned() };
    let expected =
        EventPage { events: vec![stored(1, 5, odd), stored(2, -3, &long)], next: None, dropped: 0 };
    assert_eq!(all(&*store, &one).await, expected);
    assert_eq!(all(&*store, &other).await.events, [stored(1, i64::MIN, "")]);
    assert_eq!(all(&*store, &key(Kind::EndpointConfig, "one")).await.events, []);
}

pub async fn an_event_is_there_with_its_transaction_or_not_at_all(store: TestStore) {
    let one = key(Kind::Endpoint, "one");
    let scope = one.scope().clone();
    let holding = || {
        let holds = [("x".to_owned(), 2)].into();
        Write::Put(crate::Document { holds, ..endpoint("one") })
    };
    let mut refused = [writes([Write::Touch(one.clone())]), writes([holding()]), writes([holding()])];
    refused[1].checks = vec![check(&one, Expect::Version(1))];
    refused[2].quotas = vec![Quota { scope, what: "x".to_owned(), limit: 1 }];
    for mut transaction in refused {
        transaction.events = vec![event(&one, 1, "refused")];
        assert!(store.commit(transaction).await.is_err());
        assert_eq!(all(&*store, &one).await.events, []);
    }
    let mut accepted = writes([Write::Put(endpoint("one"))]);
    accepted.events = vec![event(&one, 1, "accepted")];
    store.commit(accepted).await.unwrap();
    assert_eq!(bodies(&*store, &one).await, ["accepted"]);
}

pub async fn events_outlive_their_document_and_go_on_with_the_next_of_the_name(store: TestStore) {
    let one = key(Kind::Endpoint, "one");
    for life in ["first", "second"] {
        put(&*store, endpoint("one")).await;
        store.commit(told([event(&one, 1, life)])).await.unwrap();
        store.commit(writes([Write::Delete(one.clone())])).await.unwrap();
        assert_eq!(store.get(&one).await.unwrap(), None);
    }
    let page = all(&*store, &one).await;
    let found: Vec<(u64, &str)> =
        page.events.iter().map(|event| (event.number, event.body.as_str())).collect();
    assert_eq!(found, [(1, "first"), (2, "second")]);
}

pub async fn pages_of_events_of_any_size_join_up_in_both_directions(store: TestStore) {
    let one = key(Kind::Endpoint, "one");
    let other = key(Kind::Endpoint, "one-more");
    for number in 1..=7 {
        store.commit(told([event(&one, number, "one"), event(&other, number, "other")])).await.unwrap();
    }
    for order in [Order::Ascending, Order::Descending] {
        for limit in [0, 1, 2, 3, 7, 100] {
            let (mut found, mut after, mut pages) = (Vec::new(), None, 0);
            loop {
                let page = store.events(&page_of(&one, order, limit, after)).await.unwrap();
                assert!(page.events.len() <= limit.max(1));
                assert!(page.events.iter().all(|event| event.body == "one"));
                found.extend(page.events.into_iter().map(|event| event.number));
                pages += 1;
                match page.next {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
            if order == Order::Descending {
                found.reverse();
            }
            assert_eq!(found, (1..=7).collect::<Vec<u64>>());
            assert_eq!(pages, 7_usize.div_ceil(limit.max(1)), "{limit}");
        }
    }
}

pub async fn events_of_names_that_differ_in_case_are_of_one_thing(store: TestStore) {
    for name in ["One", "ONE"] {
        store.commit(told([event(&key(Kind::Endpoint, name), 1, name)])).await.unwrap();
    }
    assert_eq!(bodies(&*store, &key(Kind::Endpoint, "one")).await, ["One", "ONE"]);
}

pub async fn the_feed_does_not_tell_of_events(store: TestStore) {
    let mut changes = store.changes();
    store.commit(told([event(&key(Kind::Endpoint, "one"), 1, "")])).await.unwrap();
    assert!(changes.try_recv().is_err());
}

pub async fn the_newest_thousand_events_of_a_key_are_kept_and_the_rest_is_counted(store: TestStore) {
    let most = EventBounds::default().per_key;
    assert_eq!(most, 1_000);
    let (one, other) = (key(Kind::Endpoint, "one"), key(Kind::Endpoint, "other"));
    store.commit(told([event(&other, 1, "other")])).await.unwrap();
    let many = (1..=most + 7).map(|number| event(&one, 1, &number.to_string())).collect();
    store.commit(Transaction { events: many, ..Transaction::default() }).await.unwrap();
    let page = all(&*store, &one).await;
    assert_eq!((page.events.len() as u64, page.dropped), (most, 7));
    assert_eq!((page.events[0].number, page.events[0].body.as_str()), (8, "8"));
    store.commit(told([event(&one, 1, "last")])).await.unwrap();
    let page = all(&*store, &one).await;
    assert_eq!((page.events.len() as u64, page.dropped), (most, 8));
    assert_eq!(page.events.last().unwrap().number, most + 8);
    assert_eq!(bodies(&*store, &other).await, ["other"], "a busy key takes nothing from a quiet one");
}

/// For a store that keeps five events in all and three of a key, which each store's own tests make.
pub async fn the_oldest_events_of_all_go_first(store: TestStore) {
    let [one, two, three] = ["one", "two", "three"].map(|name| key(Kind::Endpoint, name));
    store.commit(told([event(&one, 1, "a"), event(&two, 1, "b"), event(&one, 1, "c")])).await.unwrap();
    // The fourth of `one` drops its first; the gaps that leaves are no events.
    store.commit(told([event(&one, 1, "d"), event(&one, 1, "e"), event(&two, 1, "f")])).await.unwrap();
    assert_eq!(bodies(&*store, &one).await, ["c", "d", "e"]);
    assert_eq!(bodies(&*store, &two).await, ["b", "f"]);
    store.commit(told([event(&three, 1, "g"), event(&three, 1, "h")])).await.unwrap();
    assert_eq!(bodies(&*store, &one).await, ["d", "e"]);
    assert_eq!(bodies(&*store, &two).await, ["f"]);
    assert_eq!(bodies(&*store, &three).await, ["g", "h"]);
    assert_eq!(all(&*store, &two).await.dropped, 1);
}
