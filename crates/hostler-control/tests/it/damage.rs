//! A record that cannot be read holds up its own endpoint and costs nobody an instance.

use std::time::Duration;

use hostler_compute::{Delays, InstanceState};
use hostler_store::{Document, Transaction, Write};
use hostler_testkit::{Effects, SimWorld};
use hostler_types::{EndpointRecord, EndpointStatus, InstanceId};

const DELAYS: Delays = Delays { start: Duration::from_millis(30), stop: Duration::from_millis(20) };
const SOON: Duration = Duration::from_secs(2);

async fn write(world: &SimWorld, document: Document) {
    let transaction = Transaction { writes: vec![Write::Put(document)], ..Transaction::default() };
    world.store.commit(transaction).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_runs_for_a_record_that_cannot_be_read_is_left_alone() {
    let is_in_service = |record: Option<&EndpointRecord>, _: &[InstanceId]| {
        record.is_some_and(|record| record.status == EndpointStatus::InService)
    };
    let mut world = SimWorld::new(DELAYS);
    world.start(Effects::new());
    world.create_config(2).await;
    world.create_endpoint().await;
    world.wait_until("in service", SOON, is_in_service).await;
    let (whole, before) =
        (world.store.get(&SimWorld::key()).await.unwrap().unwrap(), world.instances().await);
    world.kill().await;
    write(&world, Document { body: "{\"schema\": 1".to_owned(), ..whole.clone() }).await;
    world.start(Effects::new());
    // A sweep is every ten seconds.
    tokio::time::sleep(Duration::from_secs(300)).await;
    assert_eq!(world.instances().await, before);
    for id in &before {
        assert!(matches!(world.compute.state(id), Some(InstanceState::Running { .. })), "{id} was touched");
    }
    // As after somebody has put a copy of the database in its place.
    write(&world, whole).await;
    let is_routed =
        |_: Option<&EndpointRecord>, _: &[InstanceId]| before.iter().all(|id| world.routes().is_routed(id));
    world.wait_until("routed again", Duration::from_secs(60), is_routed).await;
    assert_eq!(world.instances().await, before);
    world.kill().await;
}
