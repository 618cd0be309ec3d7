//! What is in use: the two settings that refuse deletions, and what documents tell of their use.

use std::collections::BTreeSet;
use std::time::Duration;

use hostler_aws::ApiError;
use hostler_compute::Delays;
use hostler_control::ControlSettings;
use hostler_store::{Document, Transaction, Write};
use hostler_testkit::{Effects, SimWorld, caller};
use hostler_types::{EndpointRecord, EndpointStatus, Goal, InstanceId, Key, Kind, Record};
use serde_json::{Value, json};

const DELAYS: Delays = Delays { start: Duration::from_millis(30), stop: Duration::from_millis(20) };
const SOON: Duration = Duration::from_secs(2);
const PREFIX: &str = "arn:aws:sagemaker:us-east-1:000000000000";

#[track_caller]
fn check_refused(answer: Result<Value, ApiError>, expected: &str) {
    let error = answer.expect_err(expected);
    assert_eq!((error.code(), error.message()), ("ValidationException", Some(expected)));
    assert_eq!(error.status().as_u16(), 400);
}

fn has_status(status: EndpointStatus) -> impl Fn(Option<&EndpointRecord>, &[InstanceId]) -> bool {
    move |record, _| record.is_some_and(|record| record.status == status)
}

/// Model `m` and config `c`, where nothing in use is deleted.
async fn protected() -> SimWorld {
    let settings = ControlSettings { protect_in_use: true, ..ControlSettings::default() };
    let world = SimWorld::with_settings(DELAYS, settings);
    world.create_config(1).await;
    world
}

async fn create_model(world: &SimWorld, name: &str) {
    let container = json!({ "Image": "i", "ModelDataUrl": "s3://b/model.tar.gz" });
    let role = "arn:aws:iam::000000000000:role/r";
    let model = json!({ "ModelName": name, "PrimaryContainer": container, "ExecutionRoleArn": role });
    world.call("CreateModel", model).await.unwrap();
}

async fn delete_config(world: &SimWorld) -> Result<Value, ApiError> {
    world.call("DeleteEndpointConfig", json!({ "EndpointConfigName": "C" })).await
}

async fn delete_model(world: &SimWorld) -> Result<Value, ApiError> {
    world.call("DeleteModel", json!({ "ModelName": "M" })).await
}

fn config_in_use() -> String {
    format!(
        "Cannot delete endpoint configuration \"{PREFIX}:endpoint-config/c\" while endpoint \"{PREFIX}:endpoint/e\" \
         uses it."
    )
}

fn model_in_use(user: &str) -> String {
    format!("Cannot delete model \"{PREFIX}:model/m\" while {user} uses it.")
}

async fn document(world: &SimWorld, kind: Kind, name: &str) -> Document {
    world.store.get(&Key::new(&caller().scope, kind, name)).await.unwrap().unwrap()
}

fn keys(uses: &[(Kind, &str)]) -> BTreeSet<Key> {
    uses.iter().map(|(kind, name)| Key::new(&caller().scope, *kind, name)).collect()
}

/// As another server, or another release, wrote it.
async fn write(world: &SimWorld, document: Document) {
    let transaction = Transaction { writes: vec![Write::Put(document)], ..Transaction::default() };
    world.store.commit(transaction).await.unwrap();
}

/// The endpoint in a status that nothing here brings it to, wanted by its owner.
async fn put_in_status(world: &SimWorld, status: EndpointStatus) {
    let mut document = document(world, Kind::Endpoint, "e").await;
    let mut record = world.record().await.unwrap();
    (record.status, record.goal) = (status, Goal::Serve);
    document.status = Some(status.as_str().to_owned());
    document.body = record.to_body();
    write(world, document).await;
}

#[tokio::test(start_paused = true)]
async fn an_unprotected_config_stays_while_an_endpoint_is_changed_with_it_and_no_longer() {
    use EndpointStatus::{Creating, RollingBack, Updating};
    let world = SimWorld::new(DELAYS);
    world.create_config(1).await;
    world.create_endpoint().await;
    let config = document(&world, Kind::EndpointConfig, "c").await;
    let expected = format!(
        "Cannot delete endpoint configuration \"{PREFIX}:endpoint-config/c\" while endpoint \"{PREFIX}:endpoint/e\" \
         is being created or updated with it."
    );
    for status in EndpointStatus::ALL {
        put_in_status(&world, status).await;
        if [Creating, Updating, RollingBack].contains(&status) {
            check_refused(delete_config(&world).await, &expected);
        } else {
            delete_config(&world).await.unwrap();
            write(&world, config.clone()).await;
        }
        delete_model(&world).await.unwrap();
        create_model(&world, "m").await;
    }
}

/// Config `name` of model `model`.
async fn create_config(world: &SimWorld, name: &str, model: &str) {
    let variant = json!({
        "VariantName": "v", "ModelName": model, "InstanceType": "ml.t2.medium", "InitialInstanceCount": 1
    });
    let config = json!({ "EndpointConfigName": name, "ProductionVariants": [variant] });
    world.call("CreateEndpointConfig", config).await.unwrap();
}

/// Endpoint `e` on its way from config `c` to config `Next` of model `next`; without a server it stays on its way.
async fn begin_update(world: &SimWorld) {
    create_model(world, "next").await;
    create_config(world, "Next", "Next").await;
    world.create_endpoint().await;
    put_in_status(world, EndpointStatus::InService).await;
    let input = json!({ "EndpointName": "e", "EndpointConfigName": "next" });
    world.call("UpdateEndpoint", input).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn neither_the_old_nor_the_new_config_of_an_update_may_go_before_its_end() {
    let mut world = SimWorld::new(DELAYS);
    world.create_config(1).await;
    begin_update(&world).await;
    let both = keys(&[
        (Kind::EndpointConfig, "c"),
        (Kind::EndpointConfig, "next"),
        (Kind::Model, "m"),
        (Kind::Model, "next"),
    ]);
    assert_eq!(document(&world, Kind::Endpoint, "e").await.uses, both);
    for name in ["c", "next"] {
        let expected = format!(
            "Cannot delete endpoint configuration \"{PREFIX}:endpoint-config/{name}\" while endpoint \
             \"{PREFIX}:endpoint/e\" is being created or updated with it."
        );
        let input = json!({ "EndpointConfigName": name });
        check_refused(world.call("DeleteEndpointConfig", input).await, &expected);
    }
    world.start(Effects::new());
    world.wait_until("in service", SOON, has_status(EndpointStatus::InService)).await;
    let new = keys(&[(Kind::EndpointConfig, "next"), (Kind::Model, "next")]);
    assert_eq!(document(&world, Kind::Endpoint, "e").await.uses, new);
    for name in ["c", "next"] {
        world.call("DeleteEndpointConfig", json!({ "EndpointConfigName": name })).await.unwrap();
    }
    world.kill().await;
}

#[tokio::test(start_paused = true)]
async fn what_an_update_comes_from_and_goes_to_is_protected_until_nothing_uses_it() {
    let mut world = protected().await;
    begin_update(&world).await;
    let refused = |name: &str| {
        format!(
            "Cannot delete endpoint configuration \"{PREFIX}:endpoint-config/{name}\" while endpoint \
             \"{PREFIX}:endpoint/e\" uses it."
        )
    };
    for name in ["c", "next"] {
        let answer = world.call("DeleteEndpointConfig", json!({ "EndpointConfigName": name })).await;
        check_refused(answer, &refused(name));
    }
    world.start(Effects::new());
    world.wait_until("in service", SOON, has_status(EndpointStatus::InService)).await;
    delete_config(&world).await.unwrap();
    delete_model(&world).await.unwrap();
    let answer = world.call("DeleteEndpointConfig", json!({ "EndpointConfigName": "Next" })).await;
    check_refused(answer, &refused("next"));
    world.kill().await;
}

#[tokio::test(start_paused = true)]
async fn a_protected_config_stays_while_an_endpoint_uses_it_in_any_status() {
    let world = protected().await;
    world.create_endpoint().await;
    for status in EndpointStatus::ALL {
        put_in_status(&world, status).await;
        check_refused(delete_config(&world).await, &config_in_use());
    }
}

#[tokio::test(start_paused = true)]
async fn a_protected_config_may_go_when_the_last_endpoint_is_gone() {
    let mut world = protected().await;
    world.start(Effects::new());
    world.create_endpoint().await;
    world.wait_until("in service", SOON, has_status(EndpointStatus::InService)).await;
    check_refused(delete_config(&world).await, &config_in_use());
    world.delete_endpoint().await;
    check_refused(delete_config(&world).await, &config_in_use());
    world.wait_until("gone", SOON, |record, _| record.is_none()).await;
    delete_config(&world).await.unwrap();
    delete_model(&world).await.unwrap();
    world.kill().await;
}

#[tokio::test(start_paused = true)]
async fn a_protected_model_stays_while_a_config_names_it() {
    let world = protected().await;
    check_refused(
        delete_model(&world).await,
        &model_in_use(&format!("endpoint configuration \"{PREFIX}:endpoint-config/c\"")),
    );
    delete_config(&world).await.unwrap();
    delete_model(&world).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_protected_model_stays_while_an_endpoint_runs_it_whose_config_is_gone() {
    // The config went while nothing was protected.
    let world = protected().await;
    world.create_endpoint().await;
    let config = Key::new(&caller().scope, Kind::EndpointConfig, "c");
    let transaction = Transaction { writes: vec![Write::Delete(config)], ..Transaction::default() };
    world.store.commit(transaction).await.unwrap();
    let by_endpoint = model_in_use(&format!("endpoint \"{PREFIX}:endpoint/e\""));
    for status in EndpointStatus::ALL {
        put_in_status(&world, status).await;
        check_refused(delete_model(&world).await, &by_endpoint);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_creation_and_a_deletion_of_what_it_uses_exactly_one_wins() {
    let world = protected().await;
    let call = |operation: &'static str, input: Value| {
        let (control, body) = (world.control.clone(), input.to_string());
        tokio::spawn(async move { control.call(&caller(), operation, body.as_bytes()).await })
    };
    for round in 0..100 {
        let name = format!("e{round}");
        let create = json!({ "EndpointName": name, "EndpointConfigName": "c" });
        let delete = json!({ "EndpointConfigName": "c" });
        // Now the one is first, now the other.
        let (creation, deletion) = if round % 2 == 0 {
            (call("CreateEndpoint", create), call("DeleteEndpointConfig", delete))
        } else {
            let deletion = call("DeleteEndpointConfig", delete);
            (call("CreateEndpoint", create), deletion)
        };
        match (creation.await.unwrap(), deletion.await.unwrap()) {
            (Ok(_), Err(error)) => {
                let expected = format!("while endpoint \"{PREFIX}:endpoint/{name}\" uses it.");
                assert!(error.message().unwrap().ends_with(&expected), "{error:?}");
                let key = Key::new(&caller().scope, Kind::Endpoint, &name);
                let writes = vec![Write::Delete(key)];
                world.store.commit(Transaction { writes, ..Transaction::default() }).await.unwrap();
            }
            (Err(error), Ok(_)) => {
                let expected =
                    format!("Could not find endpoint configuration \"{PREFIX}:endpoint-config/c\".");
                assert_eq!(error.message(), Some(expected.as_str()));
                delete_model(&world).await.expect("its config is gone");
                world.create_config(1).await;
            }
            both => panic!("exactly one wins: {both:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_nothing_uses_is_deleted_though_it_is_protected() {
    let world = protected().await;
    world.create_endpoint().await;
    create_model(&world, "spare").await;
    create_config(&world, "spare", "M").await;
    world.call("DeleteEndpointConfig", json!({ "EndpointConfigName": "spare" })).await.unwrap();
    world.call("DeleteModel", json!({ "ModelName": "spare" })).await.unwrap();
    let missing = world.call("DeleteModel", json!({ "ModelName": "spare" })).await;
    check_refused(missing, &format!("Could not find model \"{PREFIX}:model/spare\"."));
}

#[tokio::test(start_paused = true)]
async fn a_config_uses_the_models_of_all_its_variants() {
    let world = SimWorld::new(DELAYS);
    let variant = |name: &str, model: &str| json!({ "VariantName": name, "ModelName": model, "InstanceType": "ml.t2.medium", "InitialInstanceCount": 1 });
    let config = json!({
        "EndpointConfigName": "many",
        "ProductionVariants": [variant("a", "One"), variant("b", "one"), variant("c", "two")],
        "ShadowProductionVariants": [variant("s", "Shadow")],
    });
    world.call("CreateEndpointConfig", config).await.unwrap();
    let uses = document(&world, Kind::EndpointConfig, "many").await.uses;
    assert_eq!(uses, keys(&[(Kind::Model, "one"), (Kind::Model, "two"), (Kind::Model, "shadow")]));
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_tells_of_another_use_than_its_record_is_written_anew() {
    let mut world = SimWorld::new(DELAYS);
    world.create_config(1).await;
    world.create_endpoint().await;
    let expected = keys(&[(Kind::EndpointConfig, "c"), (Kind::Model, "m")]);
    let mut document = document(&world, Kind::Endpoint, "e").await;
    assert_eq!(document.uses, expected);
    world.start(Effects::new());
    world.wait_until("in service", SOON, has_status(EndpointStatus::InService)).await;
    // A steady endpoint, of which nothing else is written any more.
    document = self::document(&world, Kind::Endpoint, "e").await;
    document.uses = keys(&[(Kind::EndpointConfig, "another")]);
    write(&world, document).await;
    let deadline = tokio::time::Instant::now() + SOON;
    while self::document(&world, Kind::Endpoint, "e").await.uses != expected {
        assert!(tokio::time::Instant::now() < deadline, "it was not written anew in {SOON:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    world.kill().await;
}

#[tokio::test(start_paused = true)]
async fn a_strict_server_refuses_to_delete_an_endpoint_in_a_passing_status() {
    use EndpointStatus::{Creating, Deleting, RollingBack, SystemUpdating, Updating};
    let settings = ControlSettings { strict_aws: true, ..ControlSettings::default() };
    let world = SimWorld::with_settings(DELAYS, settings);
    world.create_config(1).await;
    world.create_endpoint().await;
    let expected = format!("Cannot update in-progress endpoint \"{PREFIX}:endpoint/e\".");
    let input = json!({ "EndpointName": "E" });
    for status in [Creating, Updating, SystemUpdating, RollingBack, Deleting] {
        put_in_status(&world, status).await;
        check_refused(world.call("DeleteEndpoint", input.clone()).await, &expected);
        assert_eq!(world.record().await.unwrap().status, status);
    }
    // In every other it is deleted, a failed one too.
    for status in EndpointStatus::ALL {
        if [Creating, Updating, SystemUpdating, RollingBack, Deleting].contains(&status) {
            continue;
        }
        put_in_status(&world, status).await;
        world.call("DeleteEndpoint", input.clone()).await.unwrap();
        assert_eq!(world.record().await.unwrap().status, Deleting, "from {status:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_strict_server_deletes_an_endpoint_once() {
    let settings = ControlSettings { strict_aws: true, ..ControlSettings::default() };
    let mut world = SimWorld::with_settings(DELAYS, settings);
    world.start(Effects::new());
    world.create_config(1).await;
    world.create_endpoint().await;
    world.wait_until("in service", SOON, has_status(EndpointStatus::InService)).await;
    world.delete_endpoint().await;
    let again = world.call("DeleteEndpoint", json!({ "EndpointName": "e" })).await;
    check_refused(again, &format!("Cannot update in-progress endpoint \"{PREFIX}:endpoint/e\"."));
    world.wait_until("gone", SOON, |record, _| record.is_none()).await;
    world.kill().await;
}
