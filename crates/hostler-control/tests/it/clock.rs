//! The machine's clock is set back by an hour: nothing waits an hour longer, nothing ends early, no time goes back.

use std::net::SocketAddr;
use std::time::Duration;

use hostler_compute::{Delays, ExitCause, Fault, InstanceFailure, Outcome, Phase};
use hostler_control::ControlSettings;
use hostler_testkit::{Effects, SimWorld};
use hostler_types::{EndpointRecord, EndpointStatus, FailureCause, InstanceId, InstanceIntent};
use serde_json::json;
use tokio::time::Instant;

const HOUR_MS: i64 = 3_600_000;
const START_MS: i64 = 60_000;
const DELAYS: Delays = Delays { start: Duration::from_millis(30), stop: Duration::from_millis(20) };
const SOON: Duration = Duration::from_secs(2);

fn is_in_service(record: Option<&EndpointRecord>, instances: &[InstanceId]) -> bool {
    instances.len() == 1
        && record.is_some_and(|record| {
            record.status == EndpointStatus::InService
                && record.instances.iter().all(|instance| {
                    instance.intent == InstanceIntent::Wanted && instance.healthy_at.is_some()
                })
        })
}

fn has_failed(record: Option<&EndpointRecord>, _: &[InstanceId]) -> bool {
    record.is_some_and(|record| record.status == EndpointStatus::Failed)
}

/// A world in which a start has a minute, and not eight.
fn hurried() -> SimWorld {
    SimWorld::with_settings(
        DELAYS,
        ControlSettings { startup_timeout_ms: START_MS, ..ControlSettings::default() },
    )
}

async fn creating(decide: impl FnOnce(&SimWorld)) -> SimWorld {
    let mut world = hurried();
    decide(&world);
    world.start(Effects::new());
    world.create_config(1).await;
    world.create_endpoint().await;
    world
}

async fn in_service() -> SimWorld {
    let world = creating(|_| {}).await;
    world.wait_until("in service", SOON, is_in_service).await;
    world
}

/// Ends the instance young so often that the pause after it is the `failures`-th; returns when the pause begins.
async fn fail_young(world: &SimWorld, failures: u32) {
    for failure in 1..=failures {
        world.wait_until("in service", Duration::from_secs(100), is_in_service).await;
        let id = world.instances().await.remove(0);
        assert!(world.compute.exit(&id, ExitCause::Signal(9), ""));
        let is_noted = |record: Option<&EndpointRecord>, _: &[InstanceId]| {
            record.is_some_and(|record| record.places.iter().any(|place| place.failures == failure))
        };
        world.wait_until("noted", SOON, is_noted).await;
    }
}

/// How long the next launch took from now on.
async fn until_launched(world: &SimWorld) -> Duration {
    let (begun, launches) = (Instant::now(), world.compute.effects().len());
    let is_launched = |_: Option<&EndpointRecord>, _: &[InstanceId]| {
        world.compute.effects()[launches..]
            .iter()
            .any(|effect| matches!(effect, hostler_compute::Effect::Created(_)))
    };
    world.wait_until("launched", Duration::from_secs(2 * 3600), is_launched).await;
    begun.elapsed()
}

#[tokio::test(start_paused = true)]
async fn a_pause_before_the_next_launch_lasts_as_long_as_it_would_have() {
    let mut world = in_service().await;
    fail_young(&world, 6).await;
    // A quarter of a second, doubled five times.
    world.clock.set_by(-HOUR_MS);
    let took = until_launched(&world).await;
    assert!((Duration::from_millis(7_900)..Duration::from_millis(8_200)).contains(&took), "{took:?}");
    world.kill().await;
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_was_written_down_before_a_restart_is_no_longer_than_the_longest() {
    let mut world = in_service().await;
    fail_young(&world, 12).await;
    world.kill().await;
    world.clock.set_by(-HOUR_MS);
    world.start(Effects::new());
    let took = until_launched(&world).await;
    assert!((Duration::from_secs(50)..Duration::from_secs(61)).contains(&took), "{took:?}");
    world.wait_until("in service", SOON, is_in_service).await;
    world.kill().await;
}

#[tokio::test(start_paused = true)]
async fn a_request_in_flight_holds_a_deletion_up_for_65_seconds_all_the_same() {
    let mut world = in_service().await;
    let id = world.instances().await.remove(0);
    world.routes().begin(&id);
    let begun = Instant::now();
    world.delete_endpoint().await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    world.clock.set_by(-HOUR_MS);
    let is_gone = |record: Option<&EndpointRecord>, _: &[InstanceId]| record.is_none();
    world.wait_until("gone", Duration::from_secs(2 * 3600), is_gone).await;
    assert_eq!(begun.elapsed().as_secs(), 65);
    world.kill().await;
}

/// A model that never answers its ping.
fn never_healthy(world: &SimWorld) {
    let address = SocketAddr::from(([127, 0, 0, 1], 9));
    world.ping.make_sick(address);
    world.compute.decide(move |_| Outcome::RunsAt(address));
}

#[tokio::test(start_paused = true)]
async fn a_start_has_its_minute_when_the_clock_is_set_back_meanwhile() {
    let begun = Instant::now();
    let mut world = creating(never_healthy).await;
    tokio::time::sleep(Duration::from_secs(20)).await;
    world.clock.set_by(-HOUR_MS);
    world.wait_until("failed", Duration::from_secs(2 * 3600), has_failed).await;
    assert_eq!(begun.elapsed().as_secs(), 60);
    world.kill().await;
}

#[tokio::test(start_paused = true)]
async fn a_start_has_its_minute_when_the_clock_was_set_back_before() {
    let mut world = hurried();
    never_healthy(&world);
    world.start(Effects::new());
    world.create_config(1).await;
    // The backend's time is the machine's from now on, the server's is an hour ahead of it.
    world.clock.set_by(-HOUR_MS);
    let begun = Instant::now();
    world.create_endpoint().await;
    world.wait_until("failed", Duration::from_secs(2 * 3600), has_failed).await;
    assert_eq!(begun.elapsed().as_secs(), 60);
    world.kill().await;
}

#[tokio::test(start_paused = true)]
async fn a_start_that_a_restart_finds_has_at_most_its_minute_once_more() {
    let mut world = creating(never_healthy).await;
    tokio::time::sleep(Duration::from_secs(20)).await;
    world.kill().await;
    world.clock.set_by(-HOUR_MS);
    world.start(Effects::new());
    let begun = Instant::now();
    world.wait_until("failed", Duration::from_secs(2 * 3600), has_failed).await;
    assert_eq!(begun.elapsed().as_secs(), 60);
    world.kill().await;
}

#[tokio::test(start_paused = true)]
async fn a_creation_waits_for_capacity_as_long_as_it_would_have() {
    let failure = InstanceFailure {
        fault: Fault::Capacity,
        phase: Phase::Starting,
        container: None,
        cause: FailureCause::Other,
        aws_sentence: None,
        detail: "no room".to_owned(),
    };
    let begun = Instant::now();
    let mut world = creating(|world| world.compute.decide(move |_| Outcome::Fails(failure.clone()))).await;
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_secs(300)).await;
        world.clock.set_by(-HOUR_MS);
    }
    world.wait_until("failed", Duration::from_secs(4 * 3600), has_failed).await;
    // Twenty minutes, seen at the end of a pause of at most one.
    let took = begun.elapsed().as_secs();
    assert!((1200..1265).contains(&took), "{took}");
    world.kill().await;
}

#[tokio::test(start_paused = true)]
async fn the_times_of_an_endpoint_do_not_go_back() {
    let mut world = in_service().await;
    let describe = async |world: &SimWorld| {
        let shown = world.call("DescribeEndpoint", json!({ "EndpointName": "e" })).await.unwrap();
        (shown["CreationTime"].to_string(), shown["LastModifiedTime"].as_f64().unwrap())
    };
    let before = describe(&world).await;
    for is_restarted in [false, true] {
        world.clock.set_by(-HOUR_MS);
        if is_restarted {
            world.kill().await;
            world.start(Effects::new());
        }
        tokio::time::sleep(Duration::from_secs(30)).await;
        assert_eq!(describe(&world).await, before, "nothing happened to it");
    }
    let id = world.instances().await.remove(0);
    world.routes().begin(&id);
    world.delete_endpoint().await;
    let after = describe(&world).await;
    assert_eq!(after.0, before.0);
    assert!(after.1 >= before.1, "{after:?} {before:?}");
    world.kill().await;
}

/// Begins an update by a canary that is watched for two minutes, after which the former instances stay for one more.
async fn begin_update(world: &SimWorld) {
    let variant = json!({
        "VariantName": "v", "ModelName": "m", "InstanceType": "ml.t2.medium", "InitialInstanceCount": 2,
    });
    let config = json!({ "EndpointConfigName": "next", "ProductionVariants": [variant] });
    world.call("CreateEndpointConfig", config).await.unwrap();
    let input = json!({
        "EndpointName": "e",
        "EndpointConfigName": "next",
        "DeploymentConfig": { "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": {
                "Type": "CANARY",
                "CanarySize": { "Type": "INSTANCE_COUNT", "Value": 1 },
                "WaitIntervalInSeconds": 120
            },
            "TerminationWaitInSeconds": 60
        } }
    });
    world.call("UpdateEndpoint", input).await.unwrap();
}

/// How long the update takes that is on its way.
async fn until_updated(world: &SimWorld, begun: Instant) -> u64 {
    let is_over = |record: Option<&EndpointRecord>, instances: &[InstanceId]| {
        instances.len() == 2 && record.is_some_and(|record| record.update.is_none())
    };
    world.wait_until("updated", Duration::from_secs(2 * 3600), is_over).await;
    assert_eq!(world.record().await.unwrap().config_name(), "next");
    begun.elapsed().as_secs()
}

#[tokio::test(start_paused = true)]
async fn the_waits_of_an_update_last_as_long_as_they_would_have() {
    let mut world = in_service().await;
    let begun = Instant::now();
    begin_update(&world).await;
    tokio::time::sleep(Duration::from_secs(50)).await;
    world.clock.set_by(-HOUR_MS);
    let took = until_updated(&world, begun).await;
    assert_eq!(took, 120 + 60);
    world.kill().await;
}

#[tokio::test(start_paused = true)]
async fn a_wait_of_an_update_begins_anew_once_when_the_clock_was_set_back_before_a_restart() {
    let mut world = in_service().await;
    let begun = Instant::now();
    begin_update(&world).await;
    tokio::time::sleep(Duration::from_secs(50)).await;
    world.kill().await;
    world.clock.set_by(-HOUR_MS);
    world.start(Effects::new());
    let took = until_updated(&world, begun).await;
    assert_eq!(took, 50 + 120 + 60);
    world.kill().await;
}
