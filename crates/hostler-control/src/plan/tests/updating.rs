//! Deployments step by step: who gets which share of the requests, what is launched, and when what leaves.

use hostler_types::{EndpointStatus, InstanceId, Stage};
use serde_json::{Value, json};

use super::super::Health;
use super::scene::{Scene, blue_green, instances};
use super::{running, sighting, step};

#[test]
fn without_a_policy_all_is_switched_at_once_when_every_new_instance_is_healthy() {
    let mut scene = Scene::new(2);
    scene.deploy(3, Value::Null);
    // One of the three is slow.
    step(&mut scene.record, &scene.seen, scene.now);
    let coming: Vec<InstanceId> =
        scene.record.instances.iter().map(|i| i.id.clone()).filter(|id| id.generation == 3).collect();
    assert_eq!(coming.len(), 3);
    for id in &coming[..2] {
        scene.seen.push(sighting(id, running(scene.now), Health::Healthy));
    }
    scene.seen.push(sighting(&coming[2], running(scene.now), Health::Unknown));
    assert_eq!(scene.traffic(), [(0, 2, 100)]);
    assert_eq!(scene.record.status, EndpointStatus::Updating);
    scene.seen.last_mut().unwrap().health = Health::Healthy;
    let plan = step(&mut scene.record, &scene.seen, scene.now);
    let draining = plan.route.unwrap().variants.into_iter().flat_map(|variant| variant.instances);
    assert_eq!(draining.filter(|instance| instance.draining).count(), 2, "the former ones drain first");
    assert_eq!(plan.actions, []);
    scene.run();
    assert_eq!(scene.population(), [0, 3, 0]);
    assert_eq!((scene.record.status, &scene.record.update), (EndpointStatus::InService, &None));
    assert_eq!(scene.record.deployment.generation, 3);
}

#[test]
fn a_canary_gets_its_part_is_watched_and_then_gets_the_rest() {
    let mut scene = Scene::new(4);
    let traffic = json!({ "Type": "CANARY", "WaitIntervalInSeconds": 60, "CanarySize": instances(1) });
    scene.deploy(4, blue_green(traffic, 300));
    scene.run();
    assert_eq!(scene.stage(), Some(&Stage::Baking { step: 0 }));
    assert_eq!(scene.traffic(), [(0, 4, 75), (1, 1, 25)]);
    assert_eq!(scene.pass(59).requeue_after_ms.map(|ms| ms / 1000), Some(0));
    assert_eq!(scene.traffic(), [(0, 4, 75), (1, 1, 25)]);
    scene.pass(1);
    // All on the new; the former stands by, for the way back.
    assert_eq!(scene.traffic(), [(0, 4, 0), (1, 4, 100)]);
    assert_eq!(scene.population(), [4, 4, 0]);
    scene.pass(300);
    assert_eq!(scene.population(), [0, 4, 0]);
    assert_eq!(scene.record.status, EndpointStatus::InService);
}

#[test]
fn a_linear_deployment_shifts_step_by_step() {
    let mut scene = Scene::new(2);
    let traffic = json!({ "Type": "LINEAR", "WaitIntervalInSeconds": 10, "LinearStepSize": instances(2) });
    scene.deploy(6, blue_green(traffic, 0));
    let mut shares = Vec::new();
    scene.run();
    while scene.record.update.is_some() {
        shares.push(scene.traffic());
        scene.pass(10);
    }
    assert_eq!(shares, [vec![(0, 2, 67), (1, 2, 33)], vec![(0, 2, 33), (1, 4, 67)]]);
    assert_eq!(scene.population(), [0, 6, 0]);
}

#[test]
fn rolling_never_has_less_than_before_nor_more_than_a_batch_beyond() {
    let mut scene = Scene::new(4);
    scene.deploy(
        4,
        json!({ "RollingUpdatePolicy": { "MaximumBatchSize": instances(2), "WaitIntervalInSeconds": 30 } }),
    );
    scene.run();
    assert_eq!((scene.traffic(), scene.population()), (vec![(0, 4, 67), (1, 2, 33)], vec![4, 2, 0]));
    scene.pass(30);
    // The first batch was watched: two of the former left, the second batch came.
    assert_eq!((scene.traffic(), scene.population()), (vec![(0, 2, 33), (1, 4, 67)], vec![2, 4, 0]));
    scene.pass(30);
    assert_eq!((scene.record.status, scene.population()), (EndpointStatus::InService, vec![0, 4, 0]));
}

#[test]
fn a_canary_beside_a_variant_of_weight_nothing_gets_no_more_than_its_part() {
    let mut scene = Scene::new(2);
    scene.record.deployment.fleets[0].weight = 0.0;
    let traffic = json!({ "Type": "CANARY", "WaitIntervalInSeconds": 60, "CanarySize": instances(1) });
    scene.deploy(2, blue_green(traffic, 0));
    scene.run();
    let route = step(&mut scene.record, &scene.seen, scene.now).route.unwrap();
    let parts: Vec<f64> = route.variants.iter().map(|fleet| fleet.weight * fleet.share).collect();
    assert_eq!(parts, [0.5, 0.5]);
}
