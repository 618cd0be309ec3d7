//! A fault, and a crash, at every call that leaves the control plane: everything converges all the same.
//!
//! Each scenario runs once to count its calls, then once for each call and each way in which it can go wrong.

use std::time::Duration;

use hostler_compute::{Delays, Effect, ExitCause, Fault, InstanceFailure, Outcome, Phase};
use hostler_testkit::{Effects, Mishap, SimWorld, When};
use hostler_types::{EndpointRecord, EndpointStatus, FailureCause, InstanceId};
use serde_json::json;

const DELAYS: Delays = Delays { start: Duration::from_millis(30), stop: Duration::from_millis(20) };
/// Longer than any pause after failures and any sweep.
const LIMIT: Duration = Duration::from_secs(60);
const INSTANCES: usize = 2;

#[derive(Clone, Copy, Debug)]
enum Scenario {
    /// Create, and serve.
    Create,
    /// Create, lose an instance, heal.
    Heal,
    /// Create, serve, be updated.
    Update,
    /// Create, serve, lose a new instance for good while being updated, go back.
    RollBack,
    /// Create, serve, delete.
    Delete,
    /// Delete before anything serves.
    DeleteAtOnce,
}

/// Waits; when the server crashes, the next one takes over. A crash that nobody had to wait for is one too.
async fn settle(
    world: &mut SimWorld,
    crashes: &mut usize,
    is_done: impl Fn(Option<&EndpointRecord>, &[InstanceId]) -> bool,
) {
    while !world.wait_until("settled", LIMIT, &is_done).await {
        *crashes += 1;
        world.kill().await;
        world.start(Effects::new());
    }
}

fn is_serving(record: Option<&EndpointRecord>, instances: &[InstanceId]) -> bool {
    instances.len() == INSTANCES
        && record.is_some_and(|record| {
            record.status == EndpointStatus::InService
                && record.instances.len() == INSTANCES
                && record.instances.iter().all(|instance| instance.healthy_at.is_some())
        })
}

fn is_gone(record: Option<&EndpointRecord>, instances: &[InstanceId]) -> bool {
    record.is_none() && instances.is_empty()
}

/// UpdateEndpoint to another config of the same model.
async fn update(world: &SimWorld) {
    let variant = json!({
        "VariantName": "v", "ModelName": "m", "InstanceType": "ml.t2.medium", "InitialInstanceCount": INSTANCES,
    });
    let config = json!({ "EndpointConfigName": "c2", "ProductionVariants": [variant] });
    world.call("CreateEndpointConfig", config).await.unwrap();
    world.call("UpdateEndpoint", json!({ "EndpointName": "e", "EndpointConfigName": "c2" })).await.unwrap();
}

/// Runs it, checks it; the calls of its last server, and whether a server crashed.
async fn run(scenario: Scenario, effects: Effects) -> (usize, bool) {
    let mut crashes = 0;
    let mut world = SimWorld::new(DELAYS);
    world.create_config(u32::try_from(INSTANCES).unwrap()).await;
    world.start(effects);
    world.create_endpoint().await;
    let mut expected_launches = INSTANCES;
    match scenario {
        Scenario::Create => settle(&mut world, &mut crashes, is_serving).await,
        Scenario::Heal => {
            settle(&mut world, &mut crashes, is_serving).await;
            let lost = world.instances().await.remove(0);
            assert!(world.compute.exit(&lost, ExitCause::Signal(9), ""));
            expected_launches += 1;
            let is_healed = |record: Option<&EndpointRecord>, instances: &[InstanceId]| {
                is_serving(record, instances) && !instances.contains(&lost)
            };
            settle(&mut world, &mut crashes, is_healed).await;
        }
        Scenario::Update => {
            settle(&mut world, &mut crashes, is_serving).await;
            update(&world).await;
            expected_launches += INSTANCES;
            let is_updated = |record: Option<&EndpointRecord>, instances: &[InstanceId]| {
                is_serving(record, instances)
                    && record.is_some_and(|record| record.deployment.generation == 2)
            };
            settle(&mut world, &mut crashes, is_updated).await;
        }
        Scenario::RollBack => {
            settle(&mut world, &mut crashes, is_serving).await;
            world.compute.decide(|spec| {
                let failure = || InstanceFailure {
                    fault: Fault::User,
                    phase: Phase::Starting,
                    container: None,
                    cause: FailureCause::Other,
                    aws_sentence: None,
                    detail: "it was told to".to_owned(),
                };
                if spec.id.generation == 2 { Outcome::Fails(failure()) } else { Outcome::Runs }
            });
            update(&world).await;
            let is_back = |record: Option<&EndpointRecord>, instances: &[InstanceId]| {
                is_serving(record, instances)
                    && record.is_some_and(|record| record.update.is_none() && record.failure_reason.is_some())
            };
            settle(&mut world, &mut crashes, is_back).await;
            assert_eq!(world.record().await.map(|record| record.deployment.generation), Some(1));
        }
        Scenario::Delete => {
            settle(&mut world, &mut crashes, is_serving).await;
            world.delete_endpoint().await;
            settle(&mut world, &mut crashes, is_gone).await;
        }
        Scenario::DeleteAtOnce => {
            world.wait_until("begun", LIMIT, |_, instances| !instances.is_empty()).await;
            world.delete_endpoint().await;
            settle(&mut world, &mut crashes, is_gone).await;
        }
    }
    world.compute.assert_no_double_launch();
    let launched = world.compute.effects().into_iter();
    let launched = launched.filter(|effect| matches!(effect, Effect::Launched(_))).count();
    if matches!(scenario, Scenario::DeleteAtOnce) {
        assert!(launched <= INSTANCES, "{launched} launches");
    } else {
        assert_eq!(launched, expected_launches, "launches");
    }
    // Quotas are neither leaked nor lost: what is held is what is there.
    let held = world.holdings().await.into_iter().collect::<Vec<_>>();
    let expected: &[(&str, u64)] = match scenario {
        Scenario::Create | Scenario::Heal | Scenario::Update | Scenario::RollBack => {
            &[("endpoints", 1), ("ml.t2.medium", INSTANCES as u64)]
        }
        Scenario::Delete | Scenario::DeleteAtOnce => &[],
    };
    let expected: Vec<_> = expected.iter().map(|(what, count)| ((*what).to_owned(), *count)).collect();
    assert_eq!(held, expected);
    let has_crashed = crashes > 0 || world.effects().has_crashed();
    (world.kill().await, has_crashed)
}

#[expect(clippy::print_stdout, reason = "a failing test shows where it was")]
async fn run_with_every_mishap(scenario: Scenario) {
    let (calls, _) = run(scenario, Effects::new()).await;
    assert!(calls > 5, "only {calls} calls were counted");
    for number in 1..=calls {
        for mishap in [
            Mishap::Fault(When::Before),
            Mishap::Fault(When::After),
            Mishap::Crash(When::Before),
            Mishap::Crash(When::After),
        ] {
            println!("{scenario:?} with {mishap:?} at call {number} of {calls}");
            let (_, has_crashed) = run(scenario, Effects::with(number, mishap)).await;
            assert_eq!(has_crashed, matches!(mishap, Mishap::Crash(_)), "the mishap did not happen");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_panics_is_repeated_like_one_that_fails() {
    let effects = Effects::with_panic_at("observe");
    run(Scenario::Delete, effects).await;
}

#[tokio::test(start_paused = true)]
async fn two_controllers_over_one_store_launch_nothing_twice() {
    let mut world = SimWorld::new(DELAYS);
    world.create_config(u32::try_from(INSTANCES).unwrap()).await;
    world.start(Effects::new());
    world.start(Effects::new());
    world.create_endpoint().await;
    world.wait_until("serving", LIMIT, is_serving).await;
    let lost = world.instances().await.remove(0);
    assert!(world.compute.exit(&lost, ExitCause::Signal(9), ""));
    let is_healed = |record: Option<&EndpointRecord>, instances: &[InstanceId]| {
        is_serving(record, instances) && !instances.contains(&lost)
    };
    world.wait_until("healed", LIMIT, is_healed).await;
    world.delete_endpoint().await;
    world.wait_until("gone", LIMIT, is_gone).await;
    world.compute.assert_no_double_launch();
    world.kill().await;
}

#[tokio::test(start_paused = true)]
async fn creation_converges_after_a_mishap_at_every_call() {
    run_with_every_mishap(Scenario::Create).await;
}

#[tokio::test(start_paused = true)]
async fn healing_converges_after_a_mishap_at_every_call() {
    run_with_every_mishap(Scenario::Heal).await;
}

#[tokio::test(start_paused = true)]
async fn an_update_converges_after_a_mishap_at_every_call() {
    run_with_every_mishap(Scenario::Update).await;
}

#[tokio::test(start_paused = true)]
async fn a_rollback_converges_after_a_mishap_at_every_call() {
    run_with_every_mishap(Scenario::RollBack).await;
}

#[tokio::test(start_paused = true)]
async fn deletion_converges_after_a_mishap_at_every_call() {
    run_with_every_mishap(Scenario::Delete).await;
}

#[tokio::test(start_paused = true)]
async fn deletion_of_what_is_being_created_converges_after_a_mishap_at_every_call() {
    run_with_every_mishap(Scenario::DeleteAtOnce).await;
}
