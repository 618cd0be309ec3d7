//! What endpoints used: instance time to the millisecond, whatever happens, and invocations once each.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hostler_compute::Delays;
use hostler_control::{UsageFlusher, UsageSettings};
use hostler_store::Store;
use hostler_testkit::{Effects, Fate, FaultyStore, Mishap, SimClock, SimRoutes, SimWorld, When, caller};
use hostler_types::{
    Clock, EndpointRecord, EndpointStatus, EndpointUid, InstanceId, InvocationMeter, Kind, Metered, Millis,
    Untold, VariantName,
};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

const DELAYS: Delays = Delays { start: Duration::from_millis(30), stop: Duration::from_millis(20) };
const SOON: Duration = Duration::from_secs(5);
const MINUTE_MS: i64 = 60_000;

fn is_in_service(record: Option<&EndpointRecord>, _: &[InstanceId]) -> bool {
    record.is_some_and(|record| record.status == EndpointStatus::InService && record.update.is_none())
}

fn is_gone(record: Option<&EndpointRecord>, instances: &[InstanceId]) -> bool {
    record.is_none() && instances.is_empty()
}

async fn in_service(instances: u32) -> SimWorld {
    let mut world = SimWorld::new(DELAYS);
    world.start(Effects::new());
    world.create_config(instances).await;
    world.create_endpoint().await;
    world.wait_until("in service", SOON, is_in_service).await;
    world
}

/// Until that moment of the machine's clock.
async fn pass_until(world: &SimWorld, moment: Millis) {
    let left_ms = moment.since(world.clock.now());
    tokio::time::sleep(Duration::from_millis(left_ms.try_into().expect("it lies ahead"))).await;
    assert_eq!(world.clock.now(), moment);
}

async fn usage(world: &SimWorld, query: &str) -> Value {
    world.control.usage(&caller(), query).await.expect("it is a good question")
}

/// Milliseconds of instances by what the rows are about.
fn times(usage: &Value, member: &str) -> Vec<(Value, i64)> {
    let rows = usage["Usage"].as_array().expect("rows").iter();
    rows.map(|row| {
        (row[member].clone(), (row["InstanceSeconds"].as_f64().expect("a number") * 1000.0).round() as i64)
    })
    .collect()
}

fn total_ms(usage: &Value) -> i64 {
    (usage["Total"]["InstanceSeconds"].as_f64().expect("a number") * 1000.0).round() as i64
}

#[tokio::test(start_paused = true)]
async fn two_instances_for_half_an_hour_are_one_hour() {
    let mut world = in_service(2).await;
    let launched: Vec<Millis> =
        world.record().await.unwrap().instances.iter().map(|instance| instance.launched_at).collect();
    assert_eq!(launched[0], launched[1]);
    pass_until(&world, launched[0].plus(30 * MINUTE_MS)).await;
    let seen = usage(&world, "").await;
    assert_eq!(seen["Total"]["InstanceHours"], json!(1.0), "{seen}");
    let row = &seen["Usage"][0];
    assert_eq!((&row["EndpointName"], &row["VariantName"]), (&json!("e"), &json!("v")));
    assert_eq!(row["InstanceType"], json!("ml.t2.medium"));
    world.kill().await;
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_is_gone_has_used_what_it_used_and_nothing_more() {
    let mut world = in_service(2).await;
    let launched = world.record().await.unwrap().instances[0].launched_at;
    pass_until(&world, launched.plus(10 * MINUTE_MS)).await;
    world.delete_endpoint().await;
    world.wait_until("gone", SOON, is_gone).await;
    let used = total_ms(&usage(&world, "").await);
    // Until they are gone: stopping takes a moment, and is seen a moment later.
    let least = 2 * 10 * MINUTE_MS + 2 * 20;
    assert!((least..least + 2_000).contains(&used), "{used}");
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(total_ms(&usage(&world, "").await), used);
    // Another endpoint of that name is another one.
    world.create_endpoint().await;
    world.wait_until("in service", SOON, is_in_service).await;
    let rows = usage(&world, "").await;
    assert_eq!(rows["Usage"].as_array().unwrap().len(), 2, "{rows}");
    world.kill().await;
}

#[tokio::test(start_paused = true)]
async fn while_one_deployment_follows_another_both_count() {
    let mut world = in_service(1).await;
    let first = world.record().await.unwrap().instances[0].clone();
    let variant = json!({ "VariantName": "v", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1 });
    let config = json!({ "EndpointConfigName": "d", "ProductionVariants": [variant] });
    world.call("CreateEndpointConfig", config).await.unwrap();
    let baking = json!({ "BlueGreenUpdatePolicy": { "TerminationWaitInSeconds": 600, "TrafficRoutingConfiguration": {
        "Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0 } } });
    let update = json!({ "EndpointName": "e", "EndpointConfigName": "d", "DeploymentConfig": baking });
    world.call("UpdateEndpoint", update).await.unwrap();
    let both =
        |record: Option<&EndpointRecord>, _: &[InstanceId]| record.is_some_and(|r| r.instances.len() == 2);
    world.wait_until("both there", SOON, both).await;
    let second = world.record().await.unwrap().instances[1].clone();
    pass_until(&world, second.launched_at.plus(5 * MINUTE_MS)).await;
    let seen = times(&usage(&world, "").await, "InstanceType");
    let now = world.clock.now();
    let expected =
        [("ml.m5.large", now.since(second.launched_at)), ("ml.t2.medium", now.since(first.launched_at))];
    assert_eq!(seen, expected.map(|(name, ms)| (json!(name), ms)));
    // And when the former one has left, its time stays what it was.
    world.wait_until("updated", Duration::from_secs(3600), is_in_service).await;
    let left = times(&usage(&world, "").await, "InstanceType")[1].1;
    tokio::time::sleep(Duration::from_secs(600)).await;
    let later = times(&usage(&world, "").await, "InstanceType");
    assert_eq!(later[1], (json!("ml.t2.medium"), left));
    assert!(later[0].1 > 15 * MINUTE_MS);
    world.kill().await;
}

#[tokio::test(start_paused = true)]
async fn time_counts_under_the_tags_of_its_time() {
    let mut world = in_service(1).await;
    let launched = world.record().await.unwrap().instances[0].launched_at;
    let arn = "arn:aws:sagemaker:us-east-1:000000000000:endpoint/e";
    let tag = |value: &str| json!({ "ResourceArn": arn, "Tags": [{ "Key": "team", "Value": value }] });
    pass_until(&world, launched.plus(10 * MINUTE_MS)).await;
    world.call("AddTags", tag("blue")).await.unwrap();
    pass_until(&world, launched.plus(30 * MINUTE_MS)).await;
    world.call("AddTags", tag("green")).await.unwrap();
    pass_until(&world, launched.plus(60 * MINUTE_MS)).await;
    let expected = [(Value::Null, 10), (json!("blue"), 20), (json!("green"), 30)];
    let by_team = times(&usage(&world, "by-tag=team").await, "TagValue");
    assert_eq!(by_team, expected.clone().map(|(value, minutes)| (value, minutes * MINUTE_MS)));
    world.delete_endpoint().await;
    world.wait_until("gone", SOON, is_gone).await;
    let after = times(&usage(&world, "by-tag=team").await, "TagValue");
    assert_eq!(after[..2], by_team[..2]);
    assert!(after[2].1 > by_team[2].1 && after[2].0 == json!("green"));
    world.kill().await;
}

#[tokio::test(start_paused = true)]
async fn a_crash_loses_no_time_and_counts_none_twice() {
    // At every call of the deletion, in turn.
    for when in [When::Before, When::After] {
        for number in 1.. {
            let mut world = in_service(1).await;
            let launched = world.record().await.unwrap().instances[0].launched_at;
            pass_until(&world, launched.plus(10 * MINUTE_MS)).await;
            world.kill().await;
            world.start(Effects::with(number, Mishap::Crash(when)));
            world.delete_endpoint().await;
            let is_done = world.wait_until("gone", 4 * SOON, is_gone).await;
            let has_crashed = world.effects().has_crashed();
            world.kill().await;
            world.start(Effects::new());
            world.wait_until("gone", 4 * SOON, is_gone).await;
            let used = total_ms(&usage(&world, "").await);
            // What is found gone after a crash counts until it is found, at most a sweep later.
            let least = 10 * MINUTE_MS + 20;
            assert!((least..least + 25_000).contains(&used), "crash {when:?} call {number}: {used}");
            world.kill().await;
            if !has_crashed {
                assert!(is_done && number > 8, "it crashed at {number} calls only");
                break;
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn no_operation_of_sagemaker_shows_usage_or_counts_it() {
    let mut world = in_service(1).await;
    world.delete_endpoint().await;
    world.wait_until("gone", SOON, is_gone).await;
    assert_eq!(world.store.keys(Kind::Usage).await.unwrap().len(), 1);
    assert_eq!(world.holdings().await.get("endpoints"), None);
    for (operation, member) in
        [("ListEndpoints", "Endpoints"), ("ListModels", "Models"), ("ListEndpointConfigs", "EndpointConfigs")]
    {
        let listed = world.call(operation, json!({})).await.unwrap();
        let expected = usize::from(operation != "ListEndpoints");
        assert_eq!(listed[member].as_array().unwrap().len(), expected, "{operation}");
    }
    let arn = format!(
        "arn:aws:sagemaker:us-east-1:000000000000:usage/{}",
        world.store.keys(Kind::Usage).await.unwrap()[0].name()
    );
    world.call("ListTags", json!({ "ResourceArn": arn })).await.unwrap_err();
    world.kill().await;
}

/// Counts what it is told to.
#[derive(Default)]
pub(crate) struct Meter(pub(crate) Mutex<Vec<Untold>>);

impl InvocationMeter for Meter {
    fn untold(&self) -> Vec<Untold> {
        self.0.lock().unwrap().clone()
    }

    fn told(&self, written: &[Untold]) {
        self.0.lock().unwrap().retain(|untold| !written.contains(untold));
    }
}

pub(crate) fn untold(uid: &str, variant: &str, counts: [u64; 4]) -> Untold {
    let of = Metered {
        uid: EndpointUid::new(uid),
        variant: VariantName::new(variant),
        instance_type: Some("ml.t2.medium".to_owned()),
        key: SimWorld::key(),
        name: "e".to_owned(),
    };
    Untold { of, counts }
}

pub(crate) fn flusher(world: &SimWorld, store: Arc<dyn Store>, meter: &Arc<Meter>) -> UsageFlusher {
    flusher_by(world.clock.clone(), store, meter)
}

fn flusher_by(clock: SimClock, store: Arc<dyn Store>, meter: &Arc<Meter>) -> UsageFlusher {
    let numbers = AtomicU64::new(1);
    let new_number = Arc::new(move || numbers.fetch_add(1, Ordering::Relaxed));
    UsageFlusher::new(store, Arc::new(clock), meter.clone(), UsageSettings::default(), new_number)
}

#[tokio::test(start_paused = true)]
async fn invocations_are_added_to_what_is_there_under_the_tags_of_the_endpoint() {
    let mut world = in_service(1).await;
    let record = world.record().await.unwrap();
    let meter = Arc::new(Meter::default());
    let mut flusher = flusher(&world, world.store.clone(), &meter);
    for counts in [[3, 0, 0, 0], [2, 1, 4, 1]] {
        meter.0.lock().unwrap().push(untold(record.uid.as_str(), "v", counts));
        flusher.flush().await.unwrap();
        assert!(meter.untold().is_empty());
    }
    let seen = usage(&world, "").await;
    let row = &seen["Usage"][0];
    let counts =
        ["Invocations", "Invocations2xx", "Invocations4xx", "Invocations5xx", "InvocationsAbandoned"];
    assert_eq!(counts.map(|member| row[member].as_u64().unwrap()), [11, 5, 1, 4, 1]);
    assert_eq!(
        seen["Usage"].as_array().unwrap().len(),
        1,
        "time and invocations of a type stand in one row: {seen}"
    );
    world.kill().await;
}

#[tokio::test(start_paused = true)]
async fn what_came_last_counts_under_the_tags_that_the_endpoint_had_at_its_end() {
    let mut world = in_service(1).await;
    let uid = world.record().await.unwrap().uid;
    let arn = "arn:aws:sagemaker:us-east-1:000000000000:endpoint/e";
    for team in ["blue", "green", "blue"] {
        tokio::time::sleep(Duration::from_secs(60)).await;
        let tags = json!({ "ResourceArn": arn, "Tags": [{ "Key": "team", "Value": team }] });
        world.call("AddTags", tags).await.unwrap();
    }
    tokio::time::sleep(Duration::from_secs(60)).await;
    world.delete_endpoint().await;
    world.wait_until("gone", SOON, is_gone).await;
    let meter = Arc::new(Meter::default());
    meter.0.lock().unwrap().push(untold(uid.as_str(), "v", [7, 0, 0, 0]));
    flusher(&world, world.store.clone(), &meter).flush().await.unwrap();
    let seen = usage(&world, "by-tag=team").await;
    let rows = seen["Usage"].as_array().unwrap().iter();
    let counts: Vec<_> = rows.map(|row| (row["TagValue"].clone(), row["Invocations"].clone())).collect();
    assert!(counts.contains(&(json!("blue"), json!(7))), "{counts:?}");
    world.kill().await;
}

#[tokio::test(start_paused = true)]
async fn a_write_whose_answer_was_lost_is_not_written_again() {
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
    meter.0.lock().unwrap().extend([untold("0a", "v", [3, 0, 0, 0]), untold("0b", "v", [1, 0, 0, 0])]);
    flusher.flush().await.unwrap_err();
    assert_eq!(meter.untold().len(), 2);
    meter.0.lock().unwrap().push(untold("0b", "w", [0, 0, 1, 0]));
    flusher.flush().await.unwrap();
    assert!(meter.untold().is_empty());
    assert_eq!(usage(&world, "").await["Total"]["Invocations"], json!(5));
}

#[tokio::test(start_paused = true)]
async fn what_is_older_than_it_has_to_be_kept_goes_month_by_month() {
    let mut world = in_service(1).await;
    world.delete_endpoint().await;
    world.wait_until("gone", SOON, is_gone).await;
    world.kill().await;
    // The simulated world begins on 2023-11-14, so the month ends 17 days later and is kept for 400 more.
    for (days, kept) in [(0, 1), (400, 1), (416, 1), (418, 0)] {
        let meter = Arc::new(Meter::default());
        let clock = world.clock.ahead(days * 24 * 60 * MINUTE_MS);
        let stop = CancellationToken::new();
        stop.cancel();
        flusher_by(clock, world.store.clone(), &meter).run(stop).await;
        assert_eq!(world.store.keys(Kind::Usage).await.unwrap().len(), kept, "after {days} days");
    }
}

#[tokio::test]
async fn a_question_that_cannot_be_answered_says_why() {
    let world = SimWorld::new(DELAYS);
    for (query, words) in [
        ("since=yesterday", "since=yesterday is not a day"),
        ("since=2026-11-02&until=2026-11-02", "there is no day from 2026-11-02"),
        ("sinse=2026-11-02", "`sinse` is nothing"),
    ] {
        let error = world.control.usage(&caller(), query).await.unwrap_err();
        assert!(error.message().is_some_and(|said| said.contains(words)), "{query}: {error:?}");
    }
}
