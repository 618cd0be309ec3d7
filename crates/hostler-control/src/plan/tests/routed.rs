//! What a route says of its owner's wishes: how instances are chosen, and within which limits.

use std::time::Duration;

use hostler_compute::{InstanceState, RunningContainer};
use hostler_shapes::{
    ContainerDefinition, InferenceExecutionConfig, InferenceExecutionMode, ProductionVariantRoutingConfig,
    RoutingStrategy, Tag,
};
use hostler_types::{Change, Deployment, InstanceIntent, InvocationLimits};

use serde_json::json;

use super::super::Action;
use super::scene::{self, Scene};
use super::{Plan, START, in_service, step};

fn ask_for(deployment: &mut Deployment, routing_strategy: RoutingStrategy) {
    deployment.config.production_variants[0].routing_config =
        Some(ProductionVariantRoutingConfig { routing_strategy, prefix_aware_routing_config: None });
}

fn tag(key: &str, value: &str) -> Tag {
    Tag { key: key.to_owned(), value: value.to_owned() }
}

#[test]
fn each_fleet_is_routed_as_its_own_deployments_config_says() {
    let mut scene = Scene::new(2);
    assert_eq!(scene.run().route.unwrap().variants[0].routing, None, "its config does not say");
    ask_for(&mut scene.record.deployment, RoutingStrategy::Random);
    let traffic = json!({ "Type": "CANARY", "WaitIntervalInSeconds": 60, "CanarySize": scene::instances(1) });
    scene.deploy(2, scene::blue_green(traffic, 0));
    let update = scene.record.update.as_mut().unwrap();
    let Change::Deploy { deployment, .. } = &mut update.change else { panic!("it is a deployment") };
    ask_for(deployment, RoutingStrategy::LeastOutstandingRequests);
    let variants = scene.run().route.unwrap().variants;
    let told: Vec<_> = variants.iter().map(|fleet| fleet.routing).collect();
    assert_eq!(told, [Some(RoutingStrategy::Random), Some(RoutingStrategy::LeastOutstandingRequests)]);
}

#[test]
fn an_instance_of_several_containers_is_routed_with_all_of_them_and_none_of_one_is_a_pipeline() {
    let (mut record, mut healthy) = in_service();
    let alone = step(&mut record, std::slice::from_ref(&healthy), START.plus(1)).route.unwrap();
    assert_eq!(alone.variants[0].pipeline, None);
    assert_eq!(alone.variants[0].instances[0].further, []);
    let model = &mut record.deployment.models[0].request;
    let container = model.primary_container.take().unwrap_or_default();
    let hostnames = ["first", "second", "third"];
    let named = |hostname: &str| ContainerDefinition {
        container_hostname: Some(hostname.to_owned()),
        ..container.clone()
    };
    model.containers = Some(hostnames.map(named).into());
    model.inference_execution_config =
        Some(InferenceExecutionConfig { mode: InferenceExecutionMode::Direct });
    let InstanceState::Running { containers, .. } = &mut healthy.state else { panic!("it runs") };
    let running = |(port, name): (u16, &str)| RunningContainer {
        name: name.to_owned(),
        address: ([127, 0, 0, 1], port).into(),
        pid: None,
    };
    *containers = (1..).zip(hostnames).map(running).collect();
    let route = step(&mut record, std::slice::from_ref(&healthy), START.plus(2)).route.unwrap();
    let pipeline = route.variants[0].pipeline.as_ref().unwrap();
    assert_eq!(
        (pipeline.mode, &pipeline.hostnames[..]),
        (InferenceExecutionMode::Direct, &hostnames.map(str::to_owned)[..])
    );
    let instance = &route.variants[0].instances[0];
    let ports: Vec<u16> = instance.further.iter().map(std::net::SocketAddr::port).collect();
    assert_eq!((instance.address.port(), ports.as_slice()), (1, &[2, 3][..]));
}

#[test]
fn limits_follow_the_tags_as_far_as_the_operator_allows() {
    let (mut record, healthy) = in_service();
    let mut limits = |tags: Vec<Tag>| {
        record.tags = tags;
        step(&mut record, std::slice::from_ref(&healthy), START.plus(1)).route.unwrap().limits
    };
    assert_eq!(limits(Vec::new()), InvocationLimits::default());
    let set = limits(vec![tag("hostler:model_timeout_s", "999999"), tag("hostler:waiting", "7")]);
    let expected = InvocationLimits {
        model_timeout: Some(Duration::from_secs(3600)),
        waiting: Some(7),
        ..InvocationLimits::default()
    };
    assert_eq!(set, expected);
}

#[test]
fn an_instance_drains_as_long_as_its_model_may_take() {
    for (tags, drains_ms) in [
        (Vec::new(), 65_000),
        (vec![tag("hostler:model_timeout_s", "2")], 65_000),
        (vec![tag("hostler:model_timeout_s", "600")], 605_000),
        (vec![tag("hostler:model_timeout_s", "600"), tag("hostler:stream_timeout_s", "900")], 905_000),
    ] {
        let mut scene = Scene::new(1);
        scene.record.tags.clone_from(&tags);
        scene.deploy(1, json!(null));
        for seen in &mut scene.seen {
            seen.in_flight = 1;
        }
        scene.run();
        let draining = scene.record.instances.iter().find_map(|instance| match instance.intent {
            InstanceIntent::Draining { since } => Some((instance.id.clone(), since)),
            _ => None,
        });
        let (id, since) = draining.expect("the former instance drains");
        let removes = |plan: &Plan| plan.actions.iter().any(|action| matches!(action, Action::Remove { .. }));
        let last = step(&mut scene.record, &scene.seen, since.plus(drains_ms - 1));
        assert!(!removes(&last), "{tags:?}");
        let plan = step(&mut scene.record, &scene.seen, since.plus(drains_ms));
        let [Action::Remove { id: removed, .. }] = &plan.actions[..] else { panic!("{tags:?}: {plan:?}") };
        assert_eq!(*removed, id);
    }
}
