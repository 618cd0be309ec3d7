//! The operations over a memory store: most of them without any server.

use std::sync::Arc;
use std::time::Duration;

use hostler_artifacts::FetchError;
use hostler_aws::ApiError;
use hostler_catalog::ImageCatalog;
use hostler_compute::{Capabilities, Delays};
use hostler_control::{Control, ControlParts, ControlSettings};
use hostler_store::MemoryStore;
use hostler_testkit::{Effects, SimClock, SimObjects, SimWorld, caller};
use hostler_types::{EndpointRecord, EndpointStatus, Key, Kind, ModelRecord, Record};
use serde_json::{Value, json};
use tokio::time::Instant;

const DELAYS: Delays = Delays { start: Duration::from_millis(30), stop: Duration::from_millis(20) };
const ROLE: &str = "arn:aws:iam::000000000000:role/r";
const PREFIX: &str = "arn:aws:sagemaker:us-east-1:000000000000";

#[track_caller]
fn check_refused(answer: Result<Value, ApiError>, expected: &str) {
    let error = answer.expect_err(expected);
    assert_eq!((error.code(), error.message()), ("ValidationException", Some(expected)));
    assert_eq!(error.status().as_u16(), 400);
}

async fn world() -> SimWorld {
    let world = SimWorld::new(DELAYS);
    world.create_config(1).await;
    world
}

fn endpoint(name: &str) -> Value {
    json!({ "EndpointName": name, "EndpointConfigName": "c" })
}

fn model(name: &str) -> Value {
    let container = json!({ "Image": "i", "ModelDataUrl": "s3://b/model.tar.gz" });
    json!({ "ModelName": name, "PrimaryContainer": container, "ExecutionRoleArn": ROLE })
}

fn config(name: &str) -> Value {
    let variant = json!({
        "VariantName": "v", "ModelName": "m", "InstanceType": "ml.t2.medium", "InitialInstanceCount": 1
    });
    json!({ "EndpointConfigName": name, "ProductionVariants": [variant] })
}

/// `value` with one more member.
fn with(mut value: Value, pointer: &str, member: &str, added: Value) -> Value {
    value.pointer_mut(pointer).unwrap()[member] = added;
    value
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_keeps_its_snapshot_when_config_and_model_are_deleted() {
    let mut world = world().await;
    world.start(Effects::new());
    world.create_endpoint().await;
    let limit = Duration::from_secs(2);
    world
        .wait_until("in service", limit, |record, _| {
            record.is_some_and(|record| record.status == EndpointStatus::InService)
        })
        .await;
    let before = world.record().await.unwrap().deployment;
    let describe = || world.call("DescribeEndpoint", json!({ "EndpointName": "e" }));
    let described = describe().await.unwrap();
    assert_eq!(described["EndpointConfigName"], "c");
    assert_eq!(described["ProductionVariants"][0]["DeployedImages"].as_array().map(Vec::len), Some(1));
    world.call("DeleteEndpointConfig", json!({ "EndpointConfigName": "c" })).await.unwrap();
    world.call("DeleteModel", json!({ "ModelName": "m" })).await.unwrap();
    // Others under the same names are others.
    let other = with(model("m"), "/PrimaryContainer", "Image", json!("another"));
    world.call("CreateModel", other).await.unwrap();
    let lost = world.instances().await.remove(0);
    let spec = world.compute.spec(&lost).unwrap();
    world.compute.exit(&lost, hostler_compute::ExitCause::Code(1), "");
    world
        .wait_until("healed", limit, |record, instances| {
            let is_healthy = |record: &EndpointRecord| {
                matches!(&record.instances[..], [instance] if instance.healthy_at.is_some())
            };
            instances.len() == 1
                && instances[0] != lost
                && record.is_some_and(is_healthy)
                && world.compute.spec(&instances[0]).is_some_and(|healed| healed.hash() == spec.hash())
        })
        .await;
    assert_eq!(world.record().await.unwrap().deployment, before);
    assert_eq!(describe().await.unwrap(), described, "it is described as fully as before");
    // It scales too, by what it keeps.
    let sizes = json!([{ "VariantName": "v", "DesiredInstanceCount": 3 }]);
    let input = json!({ "EndpointName": "e", "DesiredWeightsAndCapacities": sizes });
    world.call("UpdateEndpointWeightsAndCapacities", input).await.unwrap();
    world
        .wait_until("scaled out", limit, |record, instances| {
            instances.len() == 3 && record.is_some_and(|record| record.status == EndpointStatus::InService)
        })
        .await;
    for instance in world.instances().await {
        assert_eq!(world.compute.spec(&instance).unwrap().hash(), spec.hash(), "as the deleted model says");
    }
    world.kill().await;
}

#[tokio::test(start_paused = true)]
async fn a_config_cannot_be_deleted_while_an_endpoint_is_created_with_it() {
    let world = world().await;
    world.create_endpoint().await;
    let expected = format!(
        "Cannot delete endpoint configuration \"{PREFIX}:endpoint-config/c\" while endpoint \
         \"{PREFIX}:endpoint/e\" is being created or updated with it."
    );
    let input = json!({ "EndpointConfigName": "C" });
    check_refused(world.call("DeleteEndpointConfig", input.clone()).await, &expected);
    world.delete_endpoint().await;
    world.call("DeleteEndpointConfig", input).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn names_are_unique_whatever_their_case() {
    let world = world().await;
    world.create_endpoint().await;
    for (operation, input, kind) in [
        ("CreateModel", model("M"), "model \"arn:aws:sagemaker:us-east-1:000000000000:model/m\""),
        (
            "CreateEndpointConfig",
            config("C"),
            "endpoint configuration \"arn:aws:sagemaker:us-east-1:000000000000:endpoint-config/c\"",
        ),
        ("CreateEndpoint", endpoint("E"), "endpoint \"arn:aws:sagemaker:us-east-1:000000000000:endpoint/e\""),
    ] {
        let expected = format!("Cannot create already existing {kind}.");
        check_refused(world.call(operation, input).await, &expected);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_missing_is_named_by_its_arn() {
    let world = SimWorld::new(DELAYS);
    let missing = |kind: &str, resource: &str| format!("Could not find {kind} \"{PREFIX}:{resource}\".");
    check_refused(
        world.call("CreateEndpoint", endpoint("e")).await,
        &missing("endpoint configuration", "endpoint-config/c"),
    );
    world.call("CreateEndpointConfig", config("c")).await.unwrap();
    check_refused(world.call("CreateEndpoint", endpoint("e")).await, &missing("model", "model/m"));
    for operation in ["DescribeEndpoint", "DeleteEndpoint"] {
        let answer = world.call(operation, json!({ "EndpointName": "Nobody" })).await;
        check_refused(answer, &missing("endpoint", "endpoint/nobody"));
    }
}

#[tokio::test(start_paused = true)]
async fn of_many_who_create_one_endpoint_exactly_one_wins() {
    let world = world().await;
    let calls = (0..20).map(|index| {
        let (control, name) = (world.control.clone(), if index % 2 == 0 { "race" } else { "RACE" });
        tokio::spawn(async move {
            let body = endpoint(name).to_string();
            control.call(&caller(), "CreateEndpoint", body.as_bytes()).await
        })
    });
    let mut won = 0;
    for call in calls.collect::<Vec<_>>() {
        match call.await.unwrap() {
            Ok(_) => won += 1,
            Err(error) => assert!(error.message().unwrap().starts_with("Cannot create already existing")),
        }
    }
    assert_eq!(won, 1);
}

async fn describe(world: &SimWorld) -> (String, Duration) {
    let asked = Instant::now();
    let shown = world.call("DescribeEndpoint", json!({ "EndpointName": "e" })).await.unwrap();
    (shown["EndpointStatus"].as_str().unwrap().to_owned(), asked.elapsed())
}

#[tokio::test(start_paused = true)]
async fn describe_answers_as_soon_as_the_status_settles() {
    let mut world = world().await;
    world.start(Effects::new());
    world.create_endpoint().await;
    let (status, took) = describe(&world).await;
    assert_eq!(status, "InService");
    assert!(took < Duration::from_millis(100), "{took:?}");
    let (_, took) = describe(&world).await;
    assert_eq!(took, Duration::ZERO, "a settled status is not held");
    world.delete_endpoint().await;
    let asked = Instant::now();
    let gone = world.call("DescribeEndpoint", json!({ "EndpointName": "e" })).await;
    check_refused(gone, &format!("Could not find endpoint \"{PREFIX}:endpoint/e\"."));
    assert!(asked.elapsed() < Duration::from_millis(100));
    world.kill().await;
}

#[tokio::test(start_paused = true)]
async fn describe_is_held_for_a_second_at_most() {
    let world = world().await;
    world.create_endpoint().await;
    let (status, took) = describe(&world).await;
    assert_eq!((status.as_str(), took), ("Creating", Duration::from_secs(1)));
}

#[tokio::test(start_paused = true)]
async fn deletion_is_accepted_twice_and_in_every_status() {
    let world = world().await;
    world.create_endpoint().await;
    world.delete_endpoint().await;
    world.delete_endpoint().await;
    assert_eq!(world.record().await.unwrap().status, EndpointStatus::Deleting);
}

#[tokio::test(start_paused = true)]
async fn members_without_effect_are_noted() {
    let world = world().await;
    let mut input = endpoint("e");
    input["DeploymentConfig"] = json!({ "RollingUpdatePolicy": {
        "MaximumBatchSize": { "Type": "INSTANCE_COUNT", "Value": 1 }, "WaitIntervalInSeconds": 30
    } });
    world.call("CreateEndpoint", input).await.unwrap();
    let notes = world.record().await.unwrap().notes;
    assert!(notes.len() == 1 && notes[0].starts_with("DeploymentConfig"), "{notes:?}");
}

#[tokio::test(start_paused = true)]
async fn a_way_of_execution_is_given_back_and_noted_as_one_container_has_no_other() {
    let world = world().await;
    let mut input = model("m2");
    input["InferenceExecutionConfig"] = json!({ "Mode": "Direct" });
    world.call("CreateModel", input).await.unwrap();
    let seen = world.call("DescribeModel", json!({ "ModelName": "m2" })).await.unwrap();
    assert_eq!(seen["InferenceExecutionConfig"], json!({ "Mode": "Direct" }));
    let key = Key::new(&caller().scope, Kind::Model, "m2");
    let stored = world.store.get(&key).await.unwrap().unwrap();
    let notes = ModelRecord::from_body(&stored.body).unwrap().notes;
    assert!(notes.len() == 1 && notes[0].starts_with("InferenceExecutionConfig has no effect"), "{notes:?}");
}

/// Operations over a backend that runs processes, which promises less than the simulated one.
fn process_control() -> Control {
    Control::new(ControlParts {
        store: Arc::new(MemoryStore::new()),
        clock: Arc::new(SimClock::new()),
        reader: Arc::new(SimObjects::default()),
        capabilities: Capabilities {
            name: "process",
            limits_memory: true,
            limits_cpu: true,
            memory_bytes_max: None,
            isolates_network: false,
            runs_images: false,
            isolates_images: false,
            devices: [].into(),
        },
        catalog: Arc::new(ImageCatalog::default()),
        new_uid: Arc::new(|| "00".to_owned()),
        settings: ControlSettings::default(),
    })
}

#[tokio::test(start_paused = true)]
async fn what_would_change_answers_or_safety_is_refused_by_name() {
    let control = process_control();
    let variant = "/ProductionVariants/0";
    let explainer = json!({ "ClarifyExplainerConfig": { "ShapConfig": { "ShapBaselineConfig": {} } } });
    let output = json!({ "S3OutputPath": "s3://b/o" });
    let serverless = json!({ "MemorySizeInMB": 1024, "MaxConcurrency": 1 });
    for (operation, input, named) in [
        (
            "CreateModel",
            with(model("m"), "", "EnableNetworkIsolation", json!(true)),
            "EnableNetworkIsolation",
        ),
        (
            "CreateModel",
            with(model("m"), "/PrimaryContainer", "ModelPackageName", json!("p")),
            "ModelPackageName",
        ),
        (
            "CreateEndpointConfig",
            with(config("c"), "", "EnableNetworkIsolation", json!(true)),
            "EnableNetworkIsolation",
        ),
        ("CreateEndpointConfig", with(config("c"), "", "ExplainerConfig", explainer), "ExplainerConfig"),
        (
            "CreateEndpointConfig",
            with(config("c"), "", "AsyncInferenceConfig", json!({ "OutputConfig": output })),
            "AsyncInferenceConfig",
        ),
        (
            "CreateEndpointConfig",
            with(config("c"), variant, "ServerlessConfig", serverless),
            "ServerlessConfig",
        ),
    ] {
        let error = control.call(&caller(), operation, input.to_string().as_bytes()).await.unwrap_err();
        assert_eq!(error.code(), "ValidationException", "{named}");
        let text = error.message().unwrap();
        assert!(text.contains(named) && text.contains("not supported by Hostler yet"), "{named}: {text}");
    }
}

#[tokio::test(start_paused = true)]
async fn model_data_that_is_missing_or_forbidden_is_reported_at_once() {
    let world = SimWorld::new(DELAYS);
    let uri = "s3://b/model.tar.gz";
    world.objects.refuse(uri, FetchError::Missing { uri: uri.to_owned() });
    check_refused(
        world.call("CreateModel", model("m")).await,
        &format!("Could not find model data at {uri}."),
    );
    let forbidden =
        FetchError::Forbidden { uri: uri.to_owned(), role_arn: ROLE.to_owned(), detail: "403".to_owned() };
    world.objects.refuse(uri, forbidden);
    let error = world.call("CreateModel", model("m")).await.unwrap_err();
    let text = error.message().unwrap();
    assert!(text.starts_with(&format!("Could not access model data at {uri}. ")), "{text}");
    assert!(text.contains(ROLE), "{text}");
    let interrupted = FetchError::Interrupted { uri: uri.to_owned(), detail: "reset".to_owned() };
    world.objects.refuse(uri, interrupted);
    world.call("CreateModel", model("m")).await.expect("a store that is down is no reason to refuse");
}

#[tokio::test(start_paused = true)]
async fn every_form_of_model_data_is_looked_at() {
    let world = SimWorld::new(DELAYS);
    let missing = "s3://b/missing/";
    world.objects.refuse(missing, FetchError::Missing { uri: missing.to_owned() });
    let text = format!("Could not find model data at {missing}.");
    let from = |uri: &str, data_type: &str| json!({ "S3DataSource": { "S3Uri": uri, "S3DataType": data_type, "CompressionType": "None" } });
    let without_url = |source: Value| {
        let mut model = with(model("m"), "/PrimaryContainer", "ModelDataSource", source);
        model["PrimaryContainer"].as_object_mut().unwrap().remove("ModelDataUrl");
        model
    };
    check_refused(world.call("CreateModel", without_url(from(missing, "S3Prefix"))).await, &text);
    check_refused(world.call("CreateModel", without_url(from(missing, "S3Object"))).await, &text);
    let channel = |name: &str, uri: &str| {
        let mut channel = from(uri, "S3Prefix");
        channel["ChannelName"] = name.into();
        channel
    };
    let additional = |channels: Vec<Value>| {
        with(model("m"), "/PrimaryContainer", "AdditionalModelDataSources", channels.into())
    };
    let model = additional(vec![channel("one", "s3://b/there/"), channel("two", missing)]);
    check_refused(world.call("CreateModel", model).await, &text);
    check_refused(
        world.call("CreateModel", additional(vec![channel("..", "s3://b/there/")])).await,
        "ChannelName \"..\" cannot be the name of a directory.",
    );
    check_refused(
        world
            .call("CreateModel", additional(vec![channel("c", "s3://b/1/"), channel("c", "s3://b/2/")]))
            .await,
        "The channel name \"c\" was non-unique within the request.",
    );
    let accepted = additional(vec![channel("one", "s3://b/1/"), channel("two", "s3://b/2/")]);
    world.call("CreateModel", accepted).await.expect("all of it is there");
}

#[tokio::test(start_paused = true)]
async fn a_local_file_reaches_the_reader_and_is_given_back() {
    let world = SimWorld::new(DELAYS);
    let url = "file:///srv/models/model.tar.gz";
    let refusal = FetchError::Unreadable { uri: url.to_owned(), detail: "it is not allowed".to_owned() };
    world.objects.refuse(url, refusal);
    let local = |url: &str| with(model("m"), "/PrimaryContainer", "ModelDataUrl", json!(url));
    check_refused(
        world.call("CreateModel", local(url)).await,
        &format!("Could not access model data at {url}: it is not allowed."),
    );
    let allowed = "file:///srv/models/other.tar.gz";
    world.call("CreateModel", local(allowed)).await.expect("the reader allows it");
    let seen = world.call("DescribeModel", json!({ "ModelName": "m" })).await.unwrap();
    assert_eq!(seen["PrimaryContainer"]["ModelDataUrl"], allowed);
    // Every other constraint holds as ever.
    let error =
        world.call("CreateModel", with(local(allowed), "", "ModelName", json!("a b"))).await.unwrap_err();
    assert!(error.message().unwrap().starts_with("1 validation error detected: Value 'a b' at 'modelName'"));
}

#[tokio::test(start_paused = true)]
async fn fifty_tags_are_the_most_a_resource_holds() {
    let world = world().await;
    let arn = format!("{PREFIX}:model/m");
    let tags = |from: usize, to: usize| -> Vec<Value> {
        (from..to).map(|n| json!({ "Key": format!("k{n}"), "Value": "x" })).collect()
    };
    let add = |tags: Vec<Value>| json!({ "ResourceArn": arn, "Tags": tags });
    world.call("AddTags", add(tags(0, 50))).await.unwrap();
    let error = world.call("AddTags", add(tags(50, 51))).await.unwrap_err();
    assert!(error.message().unwrap().contains("50"), "{error:?}");
    world.call("AddTags", add(tags(0, 50))).await.expect("the same keys again take no room");
    let listed = world.call("ListTags", json!({ "ResourceArn": arn })).await.unwrap();
    assert_eq!(listed["Tags"].as_array().unwrap().len(), 50);
}

#[tokio::test(start_paused = true)]
async fn every_other_operation_of_the_service_says_that_it_is_not_there() {
    let world = SimWorld::new(DELAYS);
    let error = world.call("CreateTrainingJob", json!({})).await.unwrap_err();
    assert_eq!(error.code(), "NotImplementedByHostler");
    let error = world.call("MakeCoffee", json!({})).await.unwrap_err();
    assert_eq!(error.code(), "UnknownOperationException");
}
