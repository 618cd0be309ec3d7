//! Too many bodies for the room there is.

use hostler_types::{AccountId, Key, Kind, Region, Scope};
use tokio::time::Instant;

use super::*;

fn key(name: &str) -> Key {
    let scope = Scope::new(&AccountId::new("000000000000"), &Region::new("us-east-1"));
    Key::new(&scope, Kind::Endpoint, name)
}

/// Bodies for one endpoint, as many as it can have at the same time.
async fn fill(budget: &Arc<BodyBudget>, share: &Arc<Share>, length: u64) -> Vec<Payload> {
    let mut payloads = Vec::new();
    while let Ok(payload) = collected_for(budget, sent(&bytes(length), 60_000), share).await {
        payloads.push(payload);
        assert!(payloads.len() < 1000);
    }
    payloads
}

#[tokio::test(start_paused = true)]
async fn one_endpoints_bodies_leave_room_for_the_next_ones_however_many_there_are() {
    let budget = budget(64 * MIB);
    let mut held = Vec::new();
    for endpoint in 0..4 {
        let share = budget.share(Some(key(&format!("e-{endpoint}"))));
        let payloads = fill(&budget, &share, MIB).await;
        assert!(payloads.len() > 2, "endpoint {endpoint} found room for {} bodies", payloads.len());
        held.push(payloads);
    }
    assert!(budget.taken().0 <= 64 * MIB + 2 * MIB, "{:?}", budget.taken());
    drop(held);
    assert_eq!(budget.taken(), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn names_that_lead_nowhere_have_one_share() {
    let budget = budget(64 * MIB);
    let first = fill(&budget, &budget.share(None), MIB).await;
    assert!(first.len() > 20);
    assert_eq!(fill(&budget, &budget.share(None), MIB).await.len(), 0);
    assert!(fill(&budget, &budget.share(Some(key("e"))), MIB).await.len() > 5);
}

#[tokio::test(start_paused = true)]
async fn small_bodies_find_room_when_large_ones_do_not() {
    let budget = budget(8 * MIB);
    let share = budget.share(None);
    let large = fill(&budget, &share, MIB).await;
    assert!(!large.is_empty());
    let mut small = Vec::new();
    for _ in 0..10 {
        small.push(collected_for(&budget, sent(&bytes(60 * KIB), 60 * 1024), &share).await.unwrap());
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_finds_no_room_is_refused_after_a_bounded_wait_and_counted() {
    let budget = budget(4 * MIB);
    let share = budget.share(None);
    let _held = fill(&budget, &share, MIB).await;
    let refused = budget.refused();
    let began = Instant::now();
    let collected = collected_for(&budget, sent(&bytes(MIB), 60_000), &share).await;
    assert!(matches!(collected, Err(CollectError::NoRoom)));
    assert_eq!(began.elapsed().as_secs(), budget.limits.wait.as_secs());
    assert_eq!(budget.refused(), refused + 1);
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_goes_on_when_room_is_given_back() {
    let budget = budget(4 * MIB);
    let share = budget.share(None);
    let mut held = fill(&budget, &share, MIB).await;
    let waiting = tokio::spawn({
        let (budget, share) = (budget.clone(), share.clone());
        async move { collected_for(&budget, sent(&bytes(MIB), 60_000), &share).await }
    });
    tokio::time::sleep(budget.limits.wait / 2).await;
    assert!(!waiting.is_finished());
    let began = Instant::now();
    held.clear();
    assert!(waiting.await.unwrap().is_ok());
    assert_eq!(began.elapsed(), Duration::ZERO);
}

/// Twenty bodies of a megabyte, sent at the same time; each is let go of a moment after it is whole.
async fn at_once(budget: &Arc<BodyBudget>) -> usize {
    let collecting: Vec<_> = (0..20)
        .map(|_| {
            let budget = budget.clone();
            tokio::spawn(async move {
                let (client, body) = client();
                let sending = tokio::spawn(async move {
                    for piece in bytes(MIB).chunks(16_384) {
                        client.send(Bytes::copy_from_slice(piece)).unwrap();
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                });
                let payload = collected_for(&budget, body, &budget.share(None)).await?;
                sending.await.unwrap();
                tokio::time::sleep(Duration::from_millis(50)).await;
                assert!(read(&payload).await == bytes(MIB));
                Ok::<_, CollectError>(())
            })
        })
        .collect();
    let mut taken = 0;
    for collecting in collecting {
        taken += usize::from(collecting.await.unwrap().is_ok());
    }
    taken
}

#[tokio::test(start_paused = true)]
async fn bodies_that_are_half_there_do_not_wait_for_each_other() {
    for disk in [None, Some(with_disk(2 * MIB, 2 * MIB))] {
        let budget = disk.as_ref().map_or_else(|| budget(4 * MIB), |disk| disk.budget.clone());
        assert_eq!(at_once(&budget).await, 20);
        assert_eq!(budget.taken(), (0, 0));
    }
}
