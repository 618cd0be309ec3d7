//! Updates that fail, or whose instances do while they run: what is gone back to, and what answers meanwhile.

use hostler_compute::InstanceState;
use hostler_types::{EndpointStatus, FailureCause, Stage};
use serde_json::{Value, json};

use super::super::{Action, Health};
use super::scene::{Scene, blue_green, end_some, instances};
use super::{exited, running, sighting, step};

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
        container: None,
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

#[test]
fn what_an_earlier_failed_rollback_left_goes_on_answering_through_another_one() {
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
    scene.fails = |id| id.generation != 3;
    for _ in 0..20 {
        scene.pass(1);
    }
    assert_eq!(
        (scene.record.status, scene.population()),
        (EndpointStatus::UpdateRollbackFailed, vec![2, 4, 0])
    );
    // The next one comes up and is watched; then it ends, and so does one of the former, which cannot start again.
    scene.fails = |id| id.generation == 2;
    scene.deploy(2, blue_green(json!({ "Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0 }), 600));
    scene.run();
    assert_eq!(scene.population(), [2, 4, 2]);
    scene.fails = |id| id.generation != 3;
    end_some(&mut scene, 2, 0..1);
    end_some(&mut scene, 4, 0..1);
    for _ in 0..30 {
        scene.pass(1);
    }
    assert_eq!(scene.record.status, EndpointStatus::UpdateRollbackFailed);
    assert_eq!((scene.population()[1], scene.population()[2]), (4, 0));
    assert_eq!(scene.record.stranded.as_ref().map(|stranded| stranded.deployment.generation), Some(3));
}

#[test]
fn an_update_that_ends_with_nobody_to_answer_keeps_what_is_in_the_way() {
    let mut scene = Scene::new(1);
    scene.fails = |_| true;
    scene.seen[0].state = exited(1, "");
    super::begin_scale(&mut scene.record, &[1], scene.now);
    for _ in 0..100 {
        scene.run();
        scene.seen.retain(|seen| !matches!(seen.state, InstanceState::Exited { .. }));
        scene.now = scene.now.plus(1_000);
    }
    assert_eq!(scene.record.status, EndpointStatus::UpdateRollbackFailed);
    let failure = scene.record.failure.unwrap();
    assert_eq!(failure.cause, FailureCause::Exited { code: 3 });
    assert!(failure.made_from.is_some_and(|made_from| made_from.model == "m"));
}
