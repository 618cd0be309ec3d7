//! Quotas: AWS's words, one winner for the last place, and places that are given back when their holder is gone.

use std::collections::BTreeMap;
use std::time::Duration;

use hostler_aws::ApiError;
use hostler_compute::{Delays, Fault, InstanceFailure, Outcome, Phase};
use hostler_control::{ControlSettings, Quotas};
use hostler_store::{Holdings, Transaction, Write};
use hostler_testkit::{Effects, SimWorld, caller};
use hostler_types::{EndpointStatus, FailureCause, InstanceIntent, Region};
use serde_json::{Value, json};

const DELAYS: Delays = Delays { start: Duration::from_millis(30), stop: Duration::from_millis(20) };
const SOON: Duration = Duration::from_secs(2);

/// AWS's text, put together as the public sightings have it: aws-samples/sagemaker-custom-project-templates#51 for the
/// sentence, aws-samples/aws-genai-llm-chatbot#244 for its present end.
fn sighted(quota: &str, unit: &str, limit: u64, used: u64, delta: u64) -> String {
    format!(
        "The account-level service limit '{quota}' is {limit} {unit}, with current utilization of {used} {unit} and a request delta of {delta} {unit}. Please use AWS Service Quotas to request an increase for this quota. If AWS Service Quotas is not available, contact AWS support to request an increase for this quota."
    )
}

#[track_caller]
fn check_refused(answer: Result<Value, ApiError>, expected: &str) {
    let error = answer.expect_err(expected);
    assert_eq!((error.code(), error.message()), ("ResourceLimitExceeded", Some(expected)));
    assert_eq!(error.status().as_u16(), 400);
}

/// A world with these limits, model `m` and config `c` of so many instances of `ml.t2.medium`.
async fn world(quotas: Quotas, instances: u32) -> SimWorld {
    let world = SimWorld::with_settings(DELAYS, ControlSettings { quotas, ..ControlSettings::default() });
    world.create_config(instances).await;
    world
}

fn of_type(instance_type: &str, limit: u64) -> Quotas {
    let instances = BTreeMap::from([(instance_type.to_owned(), limit)]);
    Quotas { instances, ..Quotas::default() }
}

async fn create(world: &SimWorld, name: &str) -> Result<Value, ApiError> {
    world.call("CreateEndpoint", json!({ "EndpointName": name, "EndpointConfigName": "c" })).await
}

async fn held(world: &SimWorld) -> Vec<(String, u64)> {
    world.holdings().await.into_iter().collect()
}

fn pairs(counts: &[(&str, u64)]) -> Vec<(String, u64)> {
    counts.iter().map(|(what, count)| ((*what).to_owned(), *count)).collect()
}

#[tokio::test(start_paused = true)]
async fn more_instances_than_their_type_allows_are_refused_in_awss_words() {
    let world = world(of_type("ml.t2.medium", 5), 3).await;
    create(&world, "first").await.unwrap();
    let expected = sighted("ml.t2.medium for endpoint usage", "Instances", 5, 3, 3);
    check_refused(create(&world, "second").await, &expected);
    assert_eq!(held(&world).await, pairs(&[("endpoints", 1), ("ml.t2.medium", 3)]));
}

#[tokio::test(start_paused = true)]
async fn a_type_without_a_limit_of_its_own_has_the_default() {
    let quotas = Quotas { default_instances: 0, ..of_type("ml.m5.large", 9) };
    let world = world(quotas, 1).await;
    let expected = sighted("ml.t2.medium for endpoint usage", "Instances", 0, 0, 1);
    check_refused(create(&world, "e").await, &expected);
}

#[tokio::test(start_paused = true)]
async fn the_variants_of_one_config_count_together_by_their_types() {
    let world = world(of_type("ml.m5.large", 6), 1).await;
    let variant = |name: &str, instance_type: &str, count: u32| json!({ "VariantName": name, "ModelName": "m", "InstanceType": instance_type, "InitialInstanceCount": count });
    let variants =
        [variant("a", "ml.m5.large", 2), variant("b", "ml.c5.large", 1), variant("d", "ml.m5.large", 3)];
    let config = json!({ "EndpointConfigName": "many", "ProductionVariants": variants });
    world.call("CreateEndpointConfig", config).await.unwrap();
    let create = async |name: &str| {
        world.call("CreateEndpoint", json!({ "EndpointName": name, "EndpointConfigName": "many" })).await
    };
    create("first").await.unwrap();
    assert_eq!(held(&world).await, pairs(&[("endpoints", 1), ("ml.c5.large", 1), ("ml.m5.large", 5)]));
    let expected = sighted("ml.m5.large for endpoint usage", "Instances", 6, 5, 5);
    check_refused(create("second").await, &expected);
}

#[tokio::test(start_paused = true)]
async fn more_endpoints_than_allowed_are_refused_in_the_account_and_region_alone() {
    let world = world(Quotas { endpoints: 1, ..Quotas::default() }, 1).await;
    create(&world, "first").await.unwrap();
    check_refused(create(&world, "second").await, &sighted("Number of endpoints", "Endpoints", 1, 1, 1));
    let mut elsewhere = caller();
    elsewhere.scope.region = Region::new("eu-central-1");
    for (operation, input) in [
        (
            "CreateModel",
            json!({ "ModelName": "m", "PrimaryContainer": { "Image": "i" }, "ExecutionRoleArn": "arn:aws:iam::000000000000:role/r" }),
        ),
        (
            "CreateEndpointConfig",
            json!({ "EndpointConfigName": "c", "ProductionVariants": [
            { "VariantName": "v", "ModelName": "m", "InstanceType": "ml.t2.medium", "InitialInstanceCount": 1 } ] }),
        ),
        ("CreateEndpoint", json!({ "EndpointName": "second", "EndpointConfigName": "c" })),
    ] {
        world.control.call(&elsewhere, operation, input.to_string().as_bytes()).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_there_already_or_missing_is_said_before_a_quota() {
    let world = world(Quotas { endpoints: 1, ..Quotas::default() }, 1).await;
    create(&world, "first").await.unwrap();
    let error = create(&world, "FIRST").await.unwrap_err();
    assert!(error.message().unwrap().starts_with("Cannot create already existing endpoint"), "{error:?}");
    let input = json!({ "EndpointName": "other", "EndpointConfigName": "nobody" });
    let error = world.call("CreateEndpoint", input).await.unwrap_err();
    assert!(error.message().unwrap().starts_with("Could not find endpoint configuration"), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_config_of_too_many_variants_is_refused() {
    let world = world(Quotas { variants: 2, ..Quotas::default() }, 1).await;
    let config = |count: usize| {
        let variant = |index| {
            json!({ "VariantName": format!("v{index}"), "ModelName": "m", "InstanceType": "ml.m5.large",
                    "InitialInstanceCount": 1 })
        };
        let variants: Vec<Value> = (0..count).map(variant).collect();
        json!({ "EndpointConfigName": format!("of-{count}"), "ProductionVariants": variants })
    };
    world.call("CreateEndpointConfig", config(2)).await.unwrap();
    let expected = sighted("Number of production variants per endpoint configuration", "Variants", 2, 0, 3);
    check_refused(world.call("CreateEndpointConfig", config(3)).await, &expected);
    let error = world.call("CreateEndpointConfig", config(11)).await.unwrap_err();
    assert_eq!(error.code(), "ValidationException", "more than ten are refused by the service model");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_who_ask_for_the_last_places_just_so_many_get_one() {
    let world = world(of_type("ml.t2.medium", 7), 2).await;
    let calls = (0..40).map(|index| {
        let control = world.control.clone();
        tokio::spawn(async move {
            let input = json!({ "EndpointName": format!("e{index}"), "EndpointConfigName": "c" }).to_string();
            control.call(&caller(), "CreateEndpoint", input.as_bytes()).await
        })
    });
    let mut won = 0;
    for call in calls.collect::<Vec<_>>() {
        match call.await.unwrap() {
            Ok(_) => won += 1,
            Err(error) => {
                let expected = sighted("ml.t2.medium for endpoint usage", "Instances", 7, 6, 2);
                assert_eq!(error.message(), Some(expected.as_str()), "refused only when no two are left");
            }
        }
    }
    assert_eq!(won, 3);
    assert_eq!(held(&world).await, pairs(&[("endpoints", 3), ("ml.t2.medium", 6)]));
}

#[tokio::test(start_paused = true)]
async fn a_deleted_endpoint_holds_its_places_until_its_instances_and_its_record_are_gone() {
    let quotas = Quotas { endpoints: 1, ..of_type("ml.t2.medium", 2) };
    let mut world = world(quotas, 2).await;
    world.start(Effects::new());
    world.create_endpoint().await;
    let is_in_service = |record: Option<&hostler_types::EndpointRecord>, _: &[_]| {
        record.is_some_and(|record| record.status == EndpointStatus::InService)
    };
    world.wait_until("in service", SOON, is_in_service).await;
    // A request in flight holds up one of the two.
    let held_up = world.instances().await.remove(0);
    world.routes().begin(&held_up);
    world.delete_endpoint().await;
    world.wait_until("one left", SOON, |_, instances| instances == [held_up.clone()]).await;
    world
        .wait_until("one written down", SOON, |record, _| {
            record.is_some_and(|record| record.instances.len() == 1)
        })
        .await;
    assert_eq!(held(&world).await, pairs(&[("endpoints", 1), ("ml.t2.medium", 1)]));
    check_refused(create(&world, "next").await, &sighted("Number of endpoints", "Endpoints", 1, 1, 1));
    world.routes().end(&held_up);
    world.wait_until("gone", Duration::from_secs(90), |record, _| record.is_none()).await;
    assert_eq!(held(&world).await, []);
    create(&world, "next").await.unwrap();
    world.kill().await;
}

#[tokio::test(start_paused = true)]
async fn a_failed_endpoint_holds_its_own_place_and_no_instances() {
    let mut world = world(of_type("ml.t2.medium", 2), 2).await;
    world.compute.decide(|_| {
        let detail = "no such archive".to_owned();
        Outcome::Fails(InstanceFailure {
            fault: Fault::User,
            phase: Phase::Fetching,
            container: None,
            cause: FailureCause::Other,
            aws_sentence: None,
            detail,
        })
    });
    world.start(Effects::new());
    world.create_endpoint().await;
    assert_eq!(held(&world).await, pairs(&[("endpoints", 1), ("ml.t2.medium", 2)]));
    let has_failed = |record: Option<&hostler_types::EndpointRecord>, instances: &[_]| {
        record.is_some_and(|record| record.status == EndpointStatus::Failed && record.instances.is_empty())
            && instances.is_empty()
    };
    world.wait_until("failed", SOON, has_failed).await;
    assert_eq!(held(&world).await, pairs(&[("endpoints", 1)]));
    create(&world, "next").await.unwrap();
    world.kill().await;
}

#[tokio::test(start_paused = true)]
async fn a_document_that_holds_something_else_than_its_record_is_written_anew() {
    let mut world = world(Quotas::default(), 2).await;
    world.create_endpoint().await;
    let mut document = world.store.get(&SimWorld::key()).await.unwrap().unwrap();
    // As a release from before quotas wrote it.
    document.holds = Holdings::new();
    let transaction = Transaction { writes: vec![Write::Put(document)], ..Transaction::default() };
    world.store.commit(transaction).await.unwrap();
    assert_eq!(held(&world).await, []);
    world.start(Effects::new());
    world.wait_until("launched", SOON, |_, instances| instances.len() == 2).await;
    assert_eq!(held(&world).await, pairs(&[("endpoints", 1), ("ml.t2.medium", 2)]));
    world.kill().await;
}

#[tokio::test(start_paused = true)]
async fn a_rolling_update_to_another_type_holds_all_of_the_new_and_all_of_the_old() {
    let mut world = world(Quotas::default(), 4).await;
    world.start(Effects::new());
    create(&world, "e").await.unwrap();
    let is_in_service = |record: Option<&hostler_types::EndpointRecord>, _: &[_]| {
        record.is_some_and(|record| record.status == EndpointStatus::InService)
    };
    world.wait_until("in service", SOON, is_in_service).await;
    let variant = json!({ "VariantName": "v", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 4 });
    let config = json!({ "EndpointConfigName": "other", "ProductionVariants": [variant] });
    world.call("CreateEndpointConfig", config).await.unwrap();
    let batch = json!({ "Type": "INSTANCE_COUNT", "Value": 1 });
    let policy = json!({ "MaximumBatchSize": batch, "WaitIntervalInSeconds": 60 });
    let update = json!({
        "EndpointName": "e", "EndpointConfigName": "other",
        "DeploymentConfig": { "RollingUpdatePolicy": policy },
    });
    world.call("UpdateEndpoint", update).await.unwrap();
    let expected = pairs(&[("endpoints", 1), ("ml.m5.large", 4), ("ml.t2.medium", 4)]);
    assert_eq!(held(&world).await, expected);
    world.kill().await;
}

#[tokio::test(start_paused = true)]
async fn a_way_back_in_one_batch_holds_what_it_takes_and_gives_it_back() {
    let mut world = world(Quotas::default(), 4).await;
    world.start(Effects::new());
    create(&world, "e").await.unwrap();
    let has_status = |status: EndpointStatus| {
        move |record: Option<&hostler_types::EndpointRecord>, _: &[_]| {
            record.is_some_and(|record| record.status == status)
        }
    };
    world.wait_until("in service", SOON, has_status(EndpointStatus::InService)).await;
    let batch = json!({ "Type": "INSTANCE_COUNT", "Value": 1 });
    let policy = json!({ "MaximumBatchSize": batch, "WaitIntervalInSeconds": 30 });
    let update = json!({
        "EndpointName": "e", "EndpointConfigName": "c", "DeploymentConfig": { "RollingUpdatePolicy": policy },
    });
    world.call("UpdateEndpoint", update).await.unwrap();
    assert_eq!(held(&world).await, pairs(&[("endpoints", 1), ("ml.t2.medium", 5)]));
    // Three new ones serve and one former is left when a new one is given up for its memory.
    let is_late = |_: Option<&hostler_types::EndpointRecord>, instances: &[hostler_types::InstanceId]| {
        instances.iter().filter(|id| id.generation == 2).count() == 4 && instances.len() == 5
    };
    world.wait_until("late", Duration::from_secs(200), is_late).await;
    let new = world.instances().await.into_iter().find(|id| id.generation == 2).unwrap();
    let cause = hostler_compute::ExitCause::OutOfMemory { limit_bytes: 1 << 30 };
    world.compute.decide(|_| Outcome::Runs);
    assert!(world.compute.exit(&new, cause, ""));
    world.wait_until("going back", SOON, has_status(EndpointStatus::RollingBack)).await;
    let instances = world.record().await.unwrap().instances;
    let is_wanted = |instance: &&hostler_types::InstanceRecord| instance.intent == InstanceIntent::Wanted;
    let wanted = instances.iter().filter(is_wanted).count() as u64;
    let holds = held(&world).await;
    assert!(holds[1].1 >= wanted, "{wanted} are wanted and {holds:?} are held");
    world.wait_until("back", Duration::from_secs(200), has_status(EndpointStatus::InService)).await;
    assert_eq!(held(&world).await, pairs(&[("endpoints", 1), ("ml.t2.medium", 4)]));
    world.kill().await;
}
