//! Updates step by step: who gets which share of the requests, what is launched, and when what leaves.

use hostler_compute::InstanceState;
use hostler_shapes::DeploymentConfig;
use hostler_types::{EndpointRecord, EndpointStatus, InstanceId, Millis, Stage};
use serde_json::{Value, json};

use super::super::{Action, Health, Plan, Sighting};
use super::{START, begin_deploy, begin_scale, exited, in_service, running, sighting, step};

/// An endpoint in service whose instances appear healthy as soon as they are launched, unless they are to fail.
struct Scene {
    record: EndpointRecord,
    seen: Vec<Sighting>,
    now: Millis,
    fails: fn(&InstanceId) -> bool,
}

impl Scene {
    /// One variant `v` of so many instances.
    fn new(count: u32) -> Self {
        let (record, seen) = in_service();
        let mut scene = Self { record, seen: vec![seen], now: START, fails: |_| false };
        if count > 1 {
            begin_scale(&mut scene.record, &[count], START);
            scene.record.update.as_mut().unwrap().change =
                hostler_types::Change::Scale { sizes: vec![hostler_types::FleetSize { weight: 1.0, count }] };
            scene.run();
        }
        assert_eq!(scene.record.status, EndpointStatus::InService);
        scene
    }

    fn deploy(&mut self, count: u32, config: Value) {
        let config: Option<DeploymentConfig> = serde_json::from_value(config).unwrap();
        begin_deploy(&mut self.record, &[("v", count)], config, self.now);
        assert_eq!(self.record.status, EndpointStatus::Updating);
    }

    /// Plans until nothing moves at this moment; the last plan.
    fn run(&mut self) -> Plan {
        for _ in 0..50 {
            let before = (self.record.clone(), self.seen.clone());
            let plan = step(&mut self.record, &self.seen, self.now);
            for action in &plan.actions {
                match action {
                    Action::Launch(id) if (self.fails)(id) => {
                        self.seen.push(sighting(id, exited(3, "no such file"), Health::Unknown));
                    }
                    Action::Launch(id) => self.seen.push(sighting(id, running(self.now), Health::Healthy)),
                    Action::Remove { id, .. } => self.seen.retain(|seen| seen.id != *id),
                }
            }
            // Draining is judged a moment after it began; every other wait is longer than that.
            let waits_a_moment = plan.requeue_after_ms == Some(1);
            self.now = self.now.plus(1);
            if before == (self.record.clone(), self.seen.clone()) && !waits_a_moment {
                return plan;
            }
        }
        panic!("it never rests: {:#?}", self.record)
    }

    fn pass(&mut self, seconds: i64) -> Plan {
        self.now = self.now.plus(seconds * 1000);
        self.run()
    }

    /// (generation counted from the first, instances that take requests, share in hundredths) of each fleet told.
    fn traffic(&mut self) -> Vec<(u64, usize, u32)> {
        let plan = step(&mut self.record, &self.seen, self.now);
        let route = plan.route.unwrap();
        let first = super::GENERATION;
        let of = |variant: &hostler_types::VariantRoute| {
            let takers = variant.instances.iter().filter(|instance| !instance.draining).count();
            (variant.instances[0].id.generation - first, takers, (variant.share * 100.0).round() as u32)
        };
        route.variants.iter().filter(|variant| !variant.instances.is_empty()).map(of).collect()
    }

    /// How many instances of each generation there are.
    fn population(&self) -> Vec<usize> {
        let of = |generation: u64| self.seen.iter().filter(|seen| seen.id.generation == generation).count();
        (0..3).map(|newer| of(super::GENERATION + newer)).collect()
    }

    fn stage(&self) -> Option<&Stage> {
        self.record.update.as_ref().map(|update| &update.stage)
    }
}

fn blue_green(traffic: Value, termination_wait: u32) -> Value {
    json!({ "BlueGreenUpdatePolicy": {
        "TrafficRoutingConfiguration": traffic, "TerminationWaitInSeconds": termination_wait,
    }})
}

fn instances(value: u32) -> Value {
    json!({ "Type": "INSTANCE_COUNT", "Value": value })
}

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
fn a_new_instance_that_crashes_brings_the_former_fleet_back_and_a_reason() {
    let mut scene = Scene::new(2);
    scene.fails = |id| id.generation == 3;
    scene.deploy(2, Value::Null);
    let mut statuses = vec![scene.record.status];
    for _ in 0..20 {
        scene.run();
        assert_eq!(scene.traffic()[0], (0, 2, 100), "the former fleet stopped answering");
        statuses.push(scene.record.status);
        scene.now = scene.now.plus(1000);
    }
    assert_eq!(statuses.last(), Some(&EndpointStatus::InService));
    assert_eq!((scene.record.deployment.generation, scene.population()), (2, vec![2, 0, 0]));
    let reason = scene.record.failure_reason.clone().unwrap();
    assert!(reason.starts_with("The primary container for production variant v did not pass"), "{reason}");
    assert!(reason.contains("exited with code 3"), "{reason}");
    // The next update gets a new generation, and a success clears the reason.
    scene.fails = |_| false;
    scene.deploy(1, Value::Null);
    scene.run();
    assert_eq!((scene.record.deployment.generation, scene.population()), (4, vec![0, 0, 1]));
    assert_eq!(scene.record.failure_reason, None);
}

#[test]
fn rolling_back_is_shown_while_the_new_instances_leave_and_long_enough_to_be_seen() {
    let mut scene = Scene::new(1);
    scene.deploy(1, blue_green(json!({ "Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0 }), 600));
    scene.run();
    assert_eq!(scene.traffic(), [(0, 1, 0), (1, 1, 100)]);
    // It crashes while it is watched, three times.
    for _ in 0..3 {
        if let Some(index) = scene.seen.iter().position(|seen| seen.id.generation == 3) {
            scene.seen[index].state = exited(1, "");
        }
        let mut plan = step(&mut scene.record, &scene.seen, scene.now);
        while scene.record.status == EndpointStatus::Updating
            && !plan.actions.iter().any(|action| matches!(action, Action::Launch(_)))
        {
            scene.seen.retain(|seen| !matches!(seen.state, InstanceState::Exited { .. }));
            scene.now = scene.now.plus(500);
            plan = step(&mut scene.record, &scene.seen, scene.now);
        }
        for action in &plan.actions {
            if let Action::Launch(id) = action {
                scene.seen.push(sighting(id, running(scene.now), Health::Healthy));
            }
        }
    }
    assert_eq!(scene.record.status, EndpointStatus::RollingBack);
    assert_eq!(scene.traffic()[0], (0, 1, 100));
    scene.run();
    assert_eq!((scene.record.status, scene.population()), (EndpointStatus::RollingBack, vec![1, 0, 0]));
    scene.pass(12);
    assert_eq!((scene.record.status, scene.population()), (EndpointStatus::InService, vec![1, 0, 0]));
}

#[test]
fn a_rolling_deployment_goes_back_in_its_own_batches() {
    let mut scene = Scene::new(4);
    scene.deploy(
        4,
        json!({ "RollingUpdatePolicy": {
            "MaximumBatchSize": instances(2), "WaitIntervalInSeconds": 30,
            "RollbackMaximumBatchSize": instances(1), "MaximumExecutionTimeoutInSeconds": 600,
        }}),
    );
    scene.run();
    scene.pass(30);
    assert_eq!(scene.population(), [2, 4, 0]);
    // The last batch is watched when the time is over.
    scene.record.update.as_mut().unwrap().started_at = scene.now.plus(-600_000);
    let mut seen = Vec::new();
    for _ in 0..30 {
        let plan = step(&mut scene.record, &scene.seen, scene.now);
        for action in &plan.actions {
            match action {
                Action::Launch(id) => scene.seen.push(sighting(id, running(scene.now), Health::Healthy)),
                Action::Remove { id, .. } => scene.seen.retain(|seen| seen.id != *id),
            }
        }
        scene.now = scene.now.plus(1);
        if seen.last() != Some(&scene.population()) {
            seen.push(scene.population());
        }
    }
    assert_eq!(scene.record.status, EndpointStatus::RollingBack);
    scene.pass(12);
    assert_eq!(scene.record.status, EndpointStatus::InService);
    assert_eq!(seen.last(), Some(&vec![4, 0, 0]));
    assert!(seen.iter().all(|population| population[0] + population[1] >= 4), "{seen:?}");
    assert!(seen.contains(&vec![4, 2, 0]), "{seen:?}");
    let reason = scene.record.failure_reason.unwrap();
    assert!(reason.contains("MaximumExecutionTimeoutInSeconds of 600"), "{reason}");
}

#[test]
fn when_the_way_back_fails_too_both_go_on_with_what_they_have_and_the_next_update_replaces_both() {
    let mut scene = Scene::new(4);
    scene.deploy(
        4,
        json!({ "RollingUpdatePolicy": {
            "MaximumBatchSize": instances(2), "WaitIntervalInSeconds": 30,
            "MaximumExecutionTimeoutInSeconds": 600,
        }}),
    );
    scene.run();
    scene.pass(30);
    scene.record.update.as_mut().unwrap().started_at = scene.now.plus(-600_000);
    scene.fails = |id| id.generation == 2;
    for _ in 0..20 {
        scene.run();
        scene.now = scene.now.plus(1000);
    }
    assert_eq!(scene.record.status, EndpointStatus::UpdateRollbackFailed);
    assert_eq!(scene.population(), [2, 4, 0]);
    assert_eq!(scene.traffic(), [(0, 2, 33), (1, 4, 67)]);
    let reason = scene.record.failure_reason.clone().unwrap();
    assert!(
        reason.contains("MaximumExecutionTimeoutInSeconds") && reason.contains("exited with code 3"),
        "{reason}"
    );
    // Both heal.
    let lost = scene.seen.iter().position(|seen| seen.id.generation == 3).unwrap();
    scene.seen.remove(lost);
    scene.run();
    assert_eq!(scene.population(), [2, 4, 0]);
    scene.deploy(1, Value::Null);
    scene.run();
    assert_eq!((scene.record.status, scene.population()), (EndpointStatus::InService, vec![0, 0, 1]));
    assert_eq!(scene.record.stranded, None);
}

#[test]
fn more_instances_come_before_weights_shift_and_fewer_go_after() {
    let mut scene = Scene::new(2);
    begin_scale(&mut scene.record, &[3], scene.now);
    let plan = step(&mut scene.record, &scene.seen, scene.now);
    assert_eq!(plan.actions.len(), 1, "only what is new is launched");
    assert_eq!(scene.record.deployment.fleets[0].count, 2);
    scene.run();
    assert_eq!((scene.record.status, scene.population()), (EndpointStatus::InService, vec![3, 0, 0]));
    assert_eq!((scene.record.deployment.fleets[0].count, scene.record.deployment.fleets[0].weight), (3, 2.0));
    begin_scale(&mut scene.record, &[1], scene.now);
    step(&mut scene.record, &scene.seen, scene.now);
    scene.seen.iter_mut().find(|seen| seen.id.ordinal == 2).unwrap().in_flight = 1;
    scene.run();
    assert_eq!((scene.record.status, scene.population()), (EndpointStatus::Updating, vec![2, 0, 0]));
    scene.seen.iter_mut().for_each(|seen| seen.in_flight = 0);
    scene.run();
    assert_eq!((scene.record.status, scene.population()), (EndpointStatus::InService, vec![1, 0, 0]));
}

#[test]
fn a_failed_scale_out_goes_back_to_what_there_was() {
    let mut scene = Scene::new(1);
    scene.fails = |id| id.ordinal > 0;
    begin_scale(&mut scene.record, &[3], scene.now);
    for _ in 0..20 {
        scene.run();
        scene.now = scene.now.plus(1000);
    }
    assert_eq!((scene.record.status, scene.population()), (EndpointStatus::InService, vec![1, 0, 0]));
    assert_eq!((scene.record.deployment.fleets[0].count, scene.record.deployment.fleets[0].weight), (1, 1.0));
    assert!(scene.record.failure_reason.is_some());
}

#[test]
fn a_former_instance_that_dies_during_an_update_is_replaced_and_the_update_goes_on() {
    let mut scene = Scene::new(1);
    let traffic = json!({ "Type": "CANARY", "WaitIntervalInSeconds": 60, "CanarySize": instances(1) });
    scene.deploy(2, blue_green(traffic, 0));
    scene.run();
    scene.seen.iter_mut().find(|seen| seen.id.generation == 2).unwrap().state = exited(9, "");
    scene.run();
    scene.pass(1);
    assert_eq!((scene.traffic(), scene.population()), (vec![(0, 1, 50), (1, 1, 50)], vec![1, 2, 0]));
    scene.pass(60);
    assert_eq!((scene.record.status, scene.population()), (EndpointStatus::InService, vec![0, 2, 0]));
}

#[test]
fn a_bake_does_not_end_while_the_new_instances_are_down() {
    let mut scene = Scene::new(2);
    scene.deploy(2, blue_green(json!({ "Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0 }), 60));
    scene.run();
    scene.now = scene.now.plus(59_000);
    for seen in scene.seen.iter_mut().filter(|seen| seen.id.generation == 3) {
        seen.state = exited(1, "");
    }
    scene.now = scene.now.plus(1_500);
    step(&mut scene.record, &scene.seen, scene.now);
    assert_eq!(scene.stage(), Some(&Stage::Baking { step: 0 }));
    assert_eq!(scene.traffic()[0], (0, 2, 0), "the former fleet stands by");
    scene.seen.retain(|seen| !matches!(seen.state, InstanceState::Exited { .. }));
    for _ in 0..3 {
        scene.pass(1);
    }
    assert_eq!((scene.record.status, scene.population()), (EndpointStatus::InService, vec![0, 2, 0]));
}

#[test]
fn a_fleet_does_not_shrink_to_instances_that_are_down() {
    let mut scene = Scene::new(4);
    for seen in scene.seen.iter_mut().filter(|seen| seen.id.ordinal < 2) {
        seen.state = exited(1, "");
    }
    begin_scale(&mut scene.record, &[2], scene.now);
    step(&mut scene.record, &scene.seen, scene.now);
    assert_eq!(scene.traffic()[0].1, 2, "the two that can answer were let go");
    // They come back, and then the others go.
    scene.seen.retain(|seen| !matches!(seen.state, InstanceState::Exited { .. }));
    for _ in 0..3 {
        scene.pass(1);
    }
    assert_eq!((scene.record.status, scene.population()), (EndpointStatus::InService, vec![2, 0, 0]));
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

#[test]
fn what_comes_back_gets_requests_when_it_is_back() {
    let mut scene = Scene::new(4);
    scene.deploy(
        4,
        json!({ "RollingUpdatePolicy": {
            "MaximumBatchSize": instances(2), "WaitIntervalInSeconds": 30,
            "MaximumExecutionTimeoutInSeconds": 600,
        }}),
    );
    scene.run();
    scene.pass(30);
    assert_eq!(scene.traffic(), [(0, 2, 33), (1, 4, 67)]);
    scene.record.update.as_mut().unwrap().started_at = scene.now.plus(-600_000);
    step(&mut scene.record, &scene.seen, scene.now);
    assert_eq!(scene.record.status, EndpointStatus::RollingBack);
    assert_eq!(scene.traffic(), [(0, 2, 33), (1, 4, 67)], "two of the former four are still to come");
}

#[test]
fn an_endpoint_that_is_broken_for_good_can_be_updated_again_after_a_failed_repair() {
    let mut scene = Scene::new(1);
    scene.fails = |id| id.generation < 4;
    scene.seen[0].state = exited(1, "");
    scene.run();
    scene.seen.clear();
    scene.deploy(1, Value::Null);
    for _ in 0..100 {
        scene.run();
        scene.seen.retain(|seen| !matches!(seen.state, InstanceState::Exited { .. }));
        scene.now = scene.now.plus(1_000);
    }
    assert_eq!(scene.record.status, EndpointStatus::UpdateRollbackFailed);
    let reason = scene.record.failure_reason.clone().unwrap();
    assert!(reason.contains("The rollback failed too"), "{reason}");
    scene.deploy(1, Value::Null);
    scene.run();
    assert_eq!((scene.record.status, scene.record.deployment.generation), (EndpointStatus::InService, 4));
}

#[test]
fn hours_of_watching_are_no_waiting_for_capacity() {
    let mut scene = Scene::new(1);
    scene.deploy(1, blue_green(json!({ "Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0 }), 3600));
    scene.run();
    scene.pass(30 * 60);
    // It vanishes once, after more than the time that capacity is waited for.
    scene.seen.retain(|seen| seen.id.generation != 3);
    scene.pass(1);
    assert_eq!((scene.record.status, scene.population()), (EndpointStatus::Updating, vec![1, 1, 0]));
}

/// Four instances of which the first, one of the two that stay, has just ended.
fn scaled_in_while_the_first_is_down() -> Scene {
    let mut scene = Scene::new(4);
    scene.seen.iter_mut().find(|seen| seen.id.ordinal == 0).unwrap().state = exited(1, "gone");
    begin_scale(&mut scene.record, &[1], scene.now);
    scene
}

#[test]
fn a_scale_in_lets_nothing_go_before_what_stays_is_healthy() {
    let mut scene = scaled_in_while_the_first_is_down();
    assert_eq!(scene.traffic(), [(0, 3, 100)]);
    scene.run();
    assert_eq!(scene.record.status, EndpointStatus::Updating);
    scene.pass(60);
    assert_eq!(scene.population(), [1, 0, 0]);
    assert_eq!(scene.record.status, EndpointStatus::InService);
}

#[test]
fn a_scale_in_whose_rest_cannot_be_had_goes_back_and_says_why() {
    let mut scene = scaled_in_while_the_first_is_down();
    scene.fails = |id| id.ordinal == 0;
    for _ in 0..10 {
        scene.run();
        scene.pass(60);
        assert_eq!(scene.traffic(), [(0, 3, 100)]);
    }
    assert_eq!(scene.record.status, EndpointStatus::InService);
    assert_eq!(scene.record.deployment.fleets[0].count, 4);
    assert!(scene.record.failure_reason.is_some());
}

/// Two of four new ones end; what happens next is up to the test.
fn end_some(scene: &mut Scene, generation: u64, ordinals: std::ops::Range<u32>) {
    let is_chosen = |id: &InstanceId| id.generation == generation && ordinals.contains(&id.ordinal);
    for seen in scene.seen.iter_mut().filter(|seen| is_chosen(&seen.id)) {
        seen.state = exited(1, "gone");
    }
}

#[test]
fn the_former_ones_stay_while_the_new_ones_are_down_when_the_wait_is_over() {
    let mut scene = Scene::new(2);
    scene.deploy(2, blue_green(json!({ "Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0 }), 60));
    scene.run();
    assert_eq!(scene.stage(), Some(&Stage::Baking { step: 0 }));
    scene.now = scene.now.plus(60_000);
    end_some(&mut scene, super::GENERATION + 1, 0..2);
    step(&mut scene.record, &scene.seen, scene.now);
    assert_eq!(scene.stage(), Some(&Stage::Baking { step: 0 }));
    assert_eq!(scene.population(), [2, 2, 0]);
    scene.pass(60);
    assert_eq!(scene.population(), [0, 2, 0]);
    assert_eq!(scene.record.status, EndpointStatus::InService);
}

#[test]
fn a_scale_out_that_goes_back_lets_nothing_go_before_the_former_ones_are_healthy() {
    let mut scene = Scene::new(1);
    scene.fails = |id| id.ordinal == 2;
    begin_scale(&mut scene.record, &[3], scene.now);
    scene.run();
    scene.pass(1);
    assert_eq!(scene.record.status, EndpointStatus::Updating);
    // The only former one ends shortly before the third one fails for the last time.
    scene.now = scene.now.plus(1_000);
    end_some(&mut scene, super::GENERATION, 0..1);
    scene.run();
    assert_eq!(scene.record.status, EndpointStatus::RollingBack);
    assert_eq!(scene.traffic(), [(0, 1, 100)]);
    scene.pass(60);
    assert_eq!(scene.record.status, EndpointStatus::InService);
    assert_eq!(scene.seen.iter().map(|seen| seen.id.ordinal).collect::<Vec<_>>(), [0]);
}

#[test]
fn an_update_that_goes_back_keeps_its_healthy_instances_while_the_former_ones_are_down() {
    let mut scene = Scene::new(2);
    let traffic = json!({ "Type": "CANARY", "WaitIntervalInSeconds": 60, "CanarySize": instances(1) });
    scene.deploy(2, blue_green(traffic, 300));
    scene.run();
    scene.pass(60);
    assert_eq!(scene.traffic(), [(0, 2, 0), (1, 2, 100)]);
    end_some(&mut scene, super::GENERATION, 0..2);
    let given_up = scene.seen.iter_mut().find(|seen| seen.id.generation > super::GENERATION).unwrap();
    given_up.state = InstanceState::Exited {
        cause: hostler_compute::ExitCause::OutOfMemory { limit_bytes: 1 << 30 },
        log_tail: String::new(),
    };
    step(&mut scene.record, &scene.seen, scene.now);
    assert_eq!(scene.record.status, EndpointStatus::RollingBack);
    scene.now = scene.now.plus(1);
    assert_eq!(scene.traffic(), [(1, 1, 0)], "who is left takes what the former ones cannot");
    scene.pass(60);
    assert_eq!((scene.record.status, scene.population()), (EndpointStatus::RollingBack, vec![2, 0, 0]));
    scene.pass(12);
    assert_eq!(scene.record.status, EndpointStatus::InService);
}
