//! What is foretold of an update or a creation is what happens then; and foretelling changes nothing.

use std::time::Duration;

use hostler_compute::{Delays, Effect};
use hostler_control::{ControlSettings, Quotas};
use hostler_testkit::{Effects, SimWorld};
use hostler_types::{EndpointRoute, EndpointStatus, InstanceId};
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::sync::broadcast::error::TryRecvError;
use tokio::time::Instant;

const DELAYS: Delays = Delays { start: Duration::from_millis(900), stop: Duration::from_millis(20) };
const SOON: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Longer than any update here.
const LONG: Duration = Duration::from_secs(3600);
/// What the course leaves out: stops, and the prober's pauses.
const LEFT_OUT_MS: i64 = 3_000;

/// `launch v.0 g2`, in order.
type Deeds = Vec<String>;
/// `v g2 0.25` of each fleet that gets requests; each change once.
type Shares = Vec<Vec<String>>;

/// Variants with their counts, weights and types.
type Variants = Vec<(&'static str, u32, f64, &'static str)>;

async fn create_config(world: &SimWorld, name: &str, variants: &Variants) {
    let variants: Vec<Value> = variants
        .iter()
        .map(|(variant, count, weight, instance_type)| {
            json!({
                "VariantName": variant, "ModelName": "m", "InstanceType": instance_type,
                "InitialInstanceCount": count, "InitialVariantWeight": weight,
            })
        })
        .collect();
    let config = json!({ "EndpointConfigName": name, "ProductionVariants": variants });
    world.call("CreateEndpointConfig", config).await.unwrap();
}

/// A world in which `c` is there with model `m`, and `e` runs the given variants.
async fn serving(variants: &Variants) -> SimWorld {
    let mut world = SimWorld::new(DELAYS);
    world.start(Effects::new());
    world.create_config(1).await;
    create_config(&world, "former", variants).await;
    world
        .call("CreateEndpoint", json!({ "EndpointName": "e", "EndpointConfigName": "former" }))
        .await
        .unwrap();
    settle(&world).await;
    world
}

/// Looks seldom: it is minutes away.
async fn settle(world: &SimWorld) {
    let deadline = Instant::now() + LONG;
    while world.record().await.is_none_or(|record| record.status.is_passing()) {
        assert!(Instant::now() < deadline, "{:?}", world.record().await);
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn plan(world: &SimWorld, input: &Value) -> Value {
    world.admin("POST", "endpoints/e/plan", input).await.unwrap()
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().unwrap_or_else(|| panic!("{key} in {value}"))
}

fn foretold(plan: &Value) -> (Deeds, Shares) {
    let (mut deeds, mut shares) = (Deeds::new(), Shares::new());
    for moment in list(plan, "Moments") {
        for (key, verb) in [("Launched", "launch"), ("Removed", "remove")] {
            deeds.extend(list(moment, key).iter().map(|instance| {
                let (variant, ordinal) = (&instance["Variant"], &instance["Ordinal"]);
                format!("{verb} {}.{ordinal} g{}", variant.as_str().unwrap(), instance["Generation"])
            }));
        }
        let of = |fleet: &Value| {
            (
                fleet["Variant"].as_str().unwrap().to_owned(),
                fleet["Generation"].as_u64().unwrap(),
                fleet["Traffic"].as_f64().unwrap(),
            )
        };
        add(&mut shares, list(moment, "Fleets").iter().map(of));
    }
    (deeds, shares)
}

fn add(shares: &mut Shares, fleets: impl Iterator<Item = (String, u64, f64)>) {
    let serving = fleets.filter(|(.., part)| *part > 0.0);
    let words: Vec<String> =
        serving.map(|(variant, generation, part)| format!("{variant} g{generation} {part:.6}")).collect();
    if !words.is_empty() && shares.last() != Some(&words) {
        shares.push(words);
    }
}

/// What the backend was told and the gateway drew by, since there were so many of both.
fn happened(world: &SimWorld, effects: usize, routes: usize) -> (Deeds, Shares) {
    let deed = |verb: &str, id: &InstanceId| {
        Some(format!("{verb} {}.{} g{}", id.variant, id.ordinal, id.generation))
    };
    let deeds = world.compute.effects()[effects..]
        .iter()
        .filter_map(|effect| match effect {
            Effect::Created(id) => deed("launch", id),
            Effect::Stopping(id) => deed("remove", id),
            _ => None,
        })
        .collect();
    let mut shares = Shares::new();
    for route in &world.routes().history()[routes..] {
        add(&mut shares, drawn(route).into_iter());
    }
    (deeds, shares)
}

/// As the gateway draws: a variant by its weight, then a fleet of it by its share.
fn drawn(route: &EndpointRoute) -> Vec<(String, u64, f64)> {
    let part = |fleet: &hostler_types::VariantRoute| fleet.weight * fleet.share;
    let whole: f64 = route.variants.iter().map(part).sum();
    let fleet = |fleet: &hostler_types::VariantRoute| {
        let generation = fleet.instances.first().map_or(0, |instance| instance.id.generation);
        (fleet.name.to_string(), generation, part(fleet) / whole)
    };
    route.variants.iter().map(fleet).collect()
}

/// Foretells the update of `e` to config `coming`, does it, and compares.
async fn check_update(world: &SimWorld, deployment_config: Option<Value>) {
    let mut input = json!({ "EndpointConfigName": "coming" });
    if let Some(config) = deployment_config {
        input["DeploymentConfig"] = config;
    }
    let told = plan(world, &input).await;
    let (effects, routes) = (world.compute.effects().len(), world.routes().history().len().saturating_sub(1));
    input["EndpointName"] = json!("e");
    let begun = Instant::now();
    if let Err(refusal) = world.call("UpdateEndpoint", input.clone()).await {
        assert_eq!(told["Accepted"], false, "{input}: {refusal:?}");
        assert_eq!(told["Refusals"][0]["Code"], refusal.code());
        assert_eq!(told["Refusals"][0]["Message"].as_str(), refusal.message());
        return;
    }
    assert_eq!((&told["Accepted"], &told["EndStatus"]), (&json!(true), &json!("InService")), "{told}");
    settle(world).await;
    let took_ms = i64::try_from(begun.elapsed().as_millis()).unwrap();
    assert_eq!(foretold(&told), happened(world, effects, routes), "{input}");
    let told_ms = told["DurationMs"].as_i64().unwrap();
    assert!((told_ms..told_ms + LEFT_OUT_MS).contains(&took_ms), "{told_ms} and {took_ms}: {input}");
}

fn blue_green(traffic: &Value, termination_s: u32) -> Value {
    json!({ "BlueGreenUpdatePolicy": {
        "TrafficRoutingConfiguration": traffic, "TerminationWaitInSeconds": termination_s,
    } })
}

fn instances(value: u32) -> Value {
    json!({ "Type": "INSTANCE_COUNT", "Value": value })
}

fn percent(value: u32) -> Value {
    json!({ "Type": "CAPACITY_PERCENT", "Value": value })
}

/// A way of every kind; many are refused for the sizes that they meet.
fn ways() -> Vec<Option<Value>> {
    vec![
        None,
        Some(blue_green(&json!({ "Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0 }), 30)),
        Some(blue_green(
            &json!({ "Type": "CANARY", "WaitIntervalInSeconds": 40, "CanarySize": percent(25) }),
            0,
        )),
        Some(blue_green(
            &json!({ "Type": "LINEAR", "WaitIntervalInSeconds": 20, "LinearStepSize": percent(40) }),
            10,
        )),
        Some(blue_green(
            &json!({ "Type": "LINEAR", "WaitIntervalInSeconds": 0, "LinearStepSize": instances(1) }),
            5,
        )),
        Some(json!({ "RollingUpdatePolicy": {
            "MaximumBatchSize": percent(50), "WaitIntervalInSeconds": 0,
        } })),
        Some(json!({ "RollingUpdatePolicy": {
            "MaximumBatchSize": instances(1), "WaitIntervalInSeconds": 15,
            "MaximumExecutionTimeoutInSeconds": 600,
        } })),
    ]
}

#[tokio::test(start_paused = true)]
async fn every_way_of_an_update_goes_as_it_was_foretold() {
    for way in ways() {
        let mut world = serving(&vec![("v", 3, 1.0, "ml.t2.medium")]).await;
        create_config(&world, "coming", &vec![("v", 4, 1.0, "ml.t2.medium")]).await;
        check_update(&world, way).await;
        world.kill().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_canary_is_foretold_step_by_step() {
    let mut world = serving(&vec![("v", 2, 1.0, "ml.t2.medium")]).await;
    create_config(&world, "coming", &vec![("v", 4, 1.0, "ml.c5.xlarge")]).await;
    let canary =
        blue_green(&json!({ "Type": "CANARY", "WaitIntervalInSeconds": 40, "CanarySize": instances(1) }), 60);
    let told = plan(&world, &json!({ "EndpointConfigName": "coming", "DeploymentConfig": canary })).await;
    let (deeds, shares) = foretold(&told);
    let launches = ["launch v.0 g2", "launch v.1 g2", "launch v.2 g2", "launch v.3 g2"];
    assert_eq!(deeds, [&launches[..], &["remove v.0 g1", "remove v.1 g1"]].concat());
    let expected: [&[&str]; 3] =
        [&["v g1 1.000000"], &["v g1 0.750000", "v g2 0.250000"], &["v g2 1.000000"]];
    assert_eq!(shares, expected);
    // One launch, which is known to take a little more than its 900 ms, and both waits.
    let duration_ms = told["DurationMs"].as_i64().unwrap();
    assert!((100_900..102_000).contains(&duration_ms), "{duration_ms}");
    let peak = |instance_type: &str| {
        let row = list(&told, "Peak").iter().find(|row| row["InstanceType"] == instance_type).unwrap();
        [&row["Before"], &row["Peak"], &row["After"], &row["Vcpus"], &row["Quota"]["UsedMeanwhile"]]
            .map(|number| number.as_u64().unwrap())
    };
    // Two and four vCPUs each, as AWS's price list says.
    assert_eq!(peak("ml.t2.medium"), [2, 2, 0, 4, 2]);
    assert_eq!(peak("ml.c5.xlarge"), [0, 4, 4, 16, 4]);
    let serving = &list(&told, "Serving")[0];
    assert_eq!((&serving["Before"], &serving["Fewest"]), (&json!(2), &json!(2)));
    let (changes, failure) = (told["Changes"].to_string(), told["OnFailure"].as_str().unwrap());
    assert!(changes.contains("type ml.t2.medium -> ml.c5.xlarge, count 2 -> 4"), "{changes}");
    assert!(failure.contains("back to former (generation 1)"), "{failure}");
    world.kill().await;
}

#[tokio::test(start_paused = true)]
async fn a_creation_goes_as_it_was_foretold() {
    let mut world = SimWorld::new(DELAYS);
    world.start(Effects::new());
    world.create_config(3).await;
    let told = plan(&world, &json!({ "EndpointConfigName": "c" })).await;
    assert_eq!((&told["Operation"], &told["From"]), (&json!("CreateEndpoint"), &Value::Null));
    let assumptions = told["Assumptions"].to_string();
    assert!(assumptions.contains("is not known"), "{assumptions}");
    world.create_endpoint().await;
    settle(&world).await;
    assert_eq!(foretold(&told), happened(&world, 0, 0));
    world.kill().await;
}

#[tokio::test(start_paused = true)]
async fn foretelling_leaves_store_backend_and_routes_as_they_are() {
    let mut world = serving(&vec![("v", 2, 1.0, "ml.t2.medium")]).await;
    create_config(&world, "coming", &vec![("v", 2, 1.0, "ml.t2.medium")]).await;
    tokio::time::sleep(SOON).await;
    let before = world.store.get(&SimWorld::key()).await.unwrap();
    let (effects, routes) = (world.compute.effects(), world.routes().history());
    let held = world.holdings().await;
    let mut changes = world.store.changes();
    for input in [
        json!({ "EndpointConfigName": "coming" }),
        json!({ "EndpointConfigName": "coming", "DeploymentConfig": ways()[2] }),
        json!({ "EndpointConfigName": "nothing" }),
    ] {
        plan(&world, &input).await;
        world.admin("POST", "endpoints/another/plan", &input).await.unwrap();
    }
    tokio::time::sleep(SOON).await;
    assert_eq!(changes.try_recv(), Err(TryRecvError::Empty));
    assert_eq!(world.store.get(&SimWorld::key()).await.unwrap(), before, "the version too");
    assert_eq!(world.compute.effects(), effects);
    assert_eq!(world.routes().history(), routes);
    assert_eq!(world.holdings().await, held);
    world.kill().await;
}

#[tokio::test(start_paused = true)]
async fn what_would_refuse_it_is_said_in_the_words_of_the_refusal() {
    let quotas = Quotas { default_instances: 5, endpoints: 1, ..Quotas::default() };
    let settings = ControlSettings { quotas, ..ControlSettings::default() };
    let mut world = SimWorld::with_settings(DELAYS, settings);
    world.start(Effects::new());
    world.create_config(3).await;
    world.create_endpoint().await;
    // Nothing is updated while it is created, and nothing is foretold of it.
    create_config(&world, "coming", &vec![("v", 3, 1.0, "ml.t2.medium")]).await;
    check_update(&world, None).await;
    settle(&world).await;
    // Three and three are more than five: refused, and foretold all the same.
    check_update(&world, None).await;
    let told = plan(&world, &json!({ "EndpointConfigName": "coming" })).await;
    assert_eq!((&told["Accepted"], &told["EndStatus"]), (&json!(false), &json!("InService")));
    assert_eq!(list(&told, "Peak")[0]["Quota"], json!({ "Limit": 5, "Used": 3, "UsedMeanwhile": 6 }));
    // A second endpoint breaks two quotas, and each is said.
    let input = json!({ "EndpointConfigName": "coming" });
    let told = world.admin("POST", "endpoints/another/plan", &input).await.unwrap();
    let refusal = world
        .call("CreateEndpoint", json!({ "EndpointName": "another", "EndpointConfigName": "coming" }))
        .await
        .unwrap_err();
    assert_eq!(list(&told, "Refusals").len(), 2);
    assert_eq!(told["Refusals"][0]["Message"].as_str(), refusal.message());
    // A member that is wrong is refused as the operation refuses it.
    let wrong = json!({ "EndpointConfigName": "?", "DeploymentConfig": { "RollingUpdatePolicy": {} } });
    let told = plan(&world, &wrong).await;
    let mut call = wrong;
    call["EndpointName"] = json!("e");
    let refusal = world.call("UpdateEndpoint", call).await.unwrap_err();
    assert_eq!(told["Refusals"][0]["Message"].as_str(), refusal.message());
    world.kill().await;
}

#[tokio::test(start_paused = true)]
async fn a_type_that_can_never_run_here_is_named() {
    let mut world = serving(&vec![("v", 1, 1.0, "ml.t2.medium")]).await;
    create_config(&world, "coming", &vec![("v", 1, 1.0, "ml.g5.xlarge")]).await;
    let told = plan(&world, &json!({ "EndpointConfigName": "coming" })).await;
    let obstacles = told["Obstacles"].to_string();
    assert!(obstacles.contains("no instance of v can ever run here: 1 x NVIDIA A10G"), "{obstacles}");
    world
        .call("UpdateEndpoint", json!({ "EndpointName": "e", "EndpointConfigName": "coming" }))
        .await
        .unwrap();
    settle(&world).await;
    let record = world.record().await.unwrap();
    assert_eq!((record.status, record.config_name()), (EndpointStatus::InService, "former"));
    assert!(record.failure_reason.unwrap().contains("1 x NVIDIA A10G"));
    world.kill().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_too_large_to_follow_is_said_and_not_followed() {
    let quotas = Quotas { default_instances: 5000, ..Quotas::default() };
    let settings = ControlSettings { quotas, ..ControlSettings::default() };
    let mut world = SimWorld::with_settings(DELAYS, settings);
    world.start(Effects::new());
    world.create_config(1001).await;
    let told = plan(&world, &json!({ "EndpointConfigName": "c" })).await;
    assert_eq!(
        (&told["Accepted"], &told["NotFollowed"]),
        (&json!(true), &json!("more than 1000 instances are not followed"))
    );
    world.kill().await;
}

fn variants() -> impl Strategy<Value = Variants> {
    let types = prop_oneof![3 => Just("ml.t2.medium"), 1 => Just("ml.c5.xlarge")];
    let weights = prop_oneof![3 => Just(1.0), 1 => Just(3.0), 1 => Just(0.0)];
    let fleet = (1..6_u32, weights, types);
    (fleet.clone(), fleet, 0..3_u8).prop_map(|(a, b, which)| {
        let (a, b) = (("a", a.0, a.1, a.2), ("b", b.0, b.1, b.2));
        match which {
            0 => vec![a],
            1 => vec![b],
            _ => vec![a, b],
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_update_goes_as_it_was_foretold(former in variants(), coming in variants(), way in 0..7_usize) {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let mut world = serving(&former).await;
            create_config(&world, "coming", &coming).await;
            check_update(&world, ways().swap_remove(way)).await;
            world.kill().await;
        });
    }
}
