//! A record that cannot be read holds up its own endpoint and costs nobody an instance; usage that cannot be read
//! holds up nobody.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hostler_compute::{Delays, InstanceState};
use hostler_store::{Document, Transaction, Write};
use hostler_testkit::{Effects, Fate, FaultyStore, Mishap, SimRoutes, SimWorld, When, caller};
use hostler_types::{EndpointRecord, EndpointStatus, InstanceId, InvocationMeter, Kind};
use serde_json::json;

use crate::usage::{Meter, flusher, untold};

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

async fn in_service() -> SimWorld {
    let mut world = SimWorld::new(DELAYS);
    world.start(Effects::new());
    world.create_config(2).await;
    world.create_endpoint().await;
    let is_in_service = |record: Option<&EndpointRecord>, _: &[InstanceId]| {
        record.is_some_and(|record| record.status == EndpointStatus::InService)
    };
    world.wait_until("in service", SOON, is_in_service).await;
    world
}

async fn tag(world: &SimWorld, value: &str) {
    let arn = "arn:aws:sagemaker:us-east-1:000000000000:endpoint/e";
    let tags = json!({ "ResourceArn": arn, "Tags": [{ "Key": "team", "Value": value }] });
    world.call("AddTags", tags).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn usage_that_cannot_be_read_keeps_no_endpoint_from_being_tagged_healed_and_deleted() {
    let mut world = in_service().await;
    tag(&world, "blue").await;
    let keys = world.store.keys(Kind::Usage).await.unwrap();
    let [of_instances] = &keys[..] else { panic!("{keys:?}") };
    world.damage.damage(of_instances.clone());
    tokio::time::sleep(SOON).await;
    tag(&world, "green").await;
    let lost = world.instances().await.remove(0);
    world.compute.vanish(&lost);
    let is_healed = |_: Option<&EndpointRecord>, now: &[InstanceId]| now.len() == 2 && !now.contains(&lost);
    world.wait_until("healed", 10 * SOON, is_healed).await;
    world.delete_endpoint().await;
    let is_gone =
        |record: Option<&EndpointRecord>, instances: &[InstanceId]| record.is_none() && instances.is_empty();
    world.wait_until("gone", 10 * SOON, is_gone).await;
    world.kill().await;
}

#[tokio::test(start_paused = true)]
async fn usage_that_cannot_be_read_keeps_no_other_endpoints_from_being_written_down() {
    let world = SimWorld::new(DELAYS);
    let meter = Arc::new(Meter::default());
    let mut flusher = flusher(&world, world.store.clone(), &meter);
    let invoke = |uid: &str| meter.0.lock().unwrap().push(untold(uid, "v", [1, 0, 0, 0]));
    let damage = async |uid: &str| {
        let keys = world.store.keys(Kind::Usage).await.unwrap();
        world.damage.damage(keys.into_iter().find(|key| key.name().starts_with(uid)).unwrap());
    };
    invoke("0a");
    invoke("0b");
    flusher.flush().await.unwrap();
    damage("0a").await;
    invoke("0a");
    invoke("0b");
    flusher.flush().await.unwrap();
    assert!(meter.untold().is_empty());
    // Nor when it is the endpoint's own record: the month tells the tags then.
    world.damage.damage(SimWorld::key());
    invoke("0b");
    flusher.flush().await.unwrap();
    world.damage.mend();
    let seen = world.control.usage(&caller(), "").await.unwrap();
    let rows = seen["Usage"].as_array().unwrap().iter();
    let counts: Vec<_> = rows.map(|row| (row["EndpointUid"].clone(), row["Invocations"].clone())).collect();
    assert_eq!(counts, [("0a", 1), ("0b", 3)].map(|(uid, count)| (json!(uid), json!(count))));
}

#[tokio::test(start_paused = true)]
async fn a_write_whose_answer_was_lost_is_looked_for_where_it_can_be_read() {
    let world = SimWorld::new(DELAYS);
    let meter = Arc::new(Meter::default());
    let is_first = AtomicBool::new(true);
    let effects = Effects::fated(move |call| {
        let is_lost = call == "commit" && is_first.swap(false, Ordering::Relaxed);
        Fate { mishap: is_lost.then_some(Mishap::Fault(When::After)), ..Fate::default() }
    });
    let (effects, routes) = (Arc::new(effects), Arc::new(SimRoutes::default()));
    let store = Arc::new(FaultyStore { inner: world.store.clone(), effects, routes });
    let mut flusher = flusher(&world, store, &meter);
    meter.0.lock().unwrap().extend(["0a", "0b"].map(|uid| untold(uid, "v", [1, 0, 0, 0])));
    flusher.flush().await.unwrap_err();
    let first = world.store.keys(Kind::Usage).await.unwrap().remove(0);
    world.damage.damage(first);
    flusher.flush().await.unwrap();
    assert!(meter.untold().is_empty());
    world.damage.mend();
    let seen = world.control.usage(&caller(), "").await.unwrap();
    assert_eq!(seen["Total"]["Invocations"], json!(2), "{seen}");
}
