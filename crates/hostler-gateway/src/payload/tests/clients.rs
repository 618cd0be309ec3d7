//! Clients that send slowly, in crumbs, or not at all.

use tokio::time::{Instant, advance};

use super::*;

#[tokio::test(start_paused = true)]
async fn a_client_that_sends_nothing_is_late_after_a_window() {
    let (_client, body) = client();
    let began = Instant::now();
    let collected = collected(&budget(MIB), body).await;
    assert!(matches!(collected, Err(CollectError::Late)));
    assert_eq!(began.elapsed().as_secs(), PACE.window.as_secs());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_sends_crumbs_is_late_and_one_that_gets_on_is_not() {
    for (bytes_per_second, is_taken) in [(1000, false), (1200, true)] {
        let (client, body) = client();
        let sending = tokio::spawn(async move {
            for _ in 0..30 {
                tokio::time::sleep(Duration::from_secs(1)).await;
                let _ = client.send(Bytes::from(vec![0; bytes_per_second]));
            }
        });
        let collected = collected(&budget(MIB), body).await;
        assert_eq!(collected.is_ok(), is_taken, "{bytes_per_second}");
        sending.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn however_well_it_gets_on_there_is_an_end() {
    let (client, body) = client();
    let sending = tokio::spawn(async move {
        while client.send(Bytes::from(vec![0; 10_000])).is_ok() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
    let began = Instant::now();
    assert!(matches!(collected(&budget(64 * MIB), body).await, Err(CollectError::Late)));
    assert_eq!(began.elapsed().as_secs(), PACE.whole.as_secs());
    sending.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_client_is_not_late_by_the_time_that_it_waited_for_room() {
    let budget = BodyBudget::in_memory(BodyLimits {
        memory_bytes: MIB,
        wait: Duration::from_secs(40),
        ..BodyLimits::default()
    });
    let full = collected(&budget, sent(&bytes(16 * MIB), 60_000)).await.unwrap();
    let (client, body) = client();
    let collecting = tokio::spawn({
        let budget = budget.clone();
        async move { collected(&budget, body).await }
    });
    client.send(bytes(100 * KIB).into()).unwrap();
    advance(Duration::from_secs(30)).await;
    drop(full);
    tokio::time::sleep(Duration::from_secs(9)).await;
    client.send(bytes(100 * KIB).into()).unwrap();
    drop(client);
    assert_eq!(read(&collecting.await.unwrap().unwrap()).await.len() as u64, 200 * KIB);
}

#[tokio::test]
async fn crumbs_do_not_hold_the_pages_they_came_in() {
    let (client, body) = client();
    let pages: Vec<_> = (0..1000).map(|_| Bytes::from(vec![9; 8192])).collect();
    for page in &pages {
        client.send(page.slice(..1)).unwrap();
    }
    drop(client);
    let payload = collected(&budget(MIB), body).await.unwrap();
    assert!(pages.iter().all(Bytes::is_unique));
    assert_eq!(read(&payload).await, [9; 1000]);
}

#[tokio::test]
async fn a_body_in_one_piece_is_not_copied() {
    let (client, body) = client();
    let piece = Bytes::from(bytes(KIB));
    client.send(piece.clone()).unwrap();
    drop(client);
    let payload = collected(&budget(MIB), body).await.unwrap();
    let mut reader = payload.reader();
    let given = poll_fn(|context| reader.poll_piece(context)).await.unwrap().unwrap();
    assert_eq!(given.as_ptr(), piece.as_ptr());
}
