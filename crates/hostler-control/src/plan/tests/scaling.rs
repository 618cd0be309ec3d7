//! Other sizes of the same deployment.

use hostler_compute::InstanceState;
use hostler_types::EndpointStatus;

use super::scene::{Scene, end_some};
use super::{begin_scale, exited, step};

/// Four instances of which the first, one of the two that stay, has just ended.
fn scaled_in_while_the_first_is_down() -> Scene {
    let mut scene = Scene::new(4);
    scene.seen.iter_mut().find(|seen| seen.id.ordinal == 0).unwrap().state = exited(1, "gone");
    begin_scale(&mut scene.record, &[1], scene.now);
    scene
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
