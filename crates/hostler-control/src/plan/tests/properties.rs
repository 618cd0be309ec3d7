//! Whatever happens, the rules hold; and once nothing happens any more, everything comes to its end.

use hostler_types::{EndpointStatus, Goal, InstanceId, Stage};
use proptest::collection::vec;
use proptest::prelude::*;

use super::deployment_configs;
use super::world::{Event, World, event};

const FLEETS: [(&str, u32); 2] = [("a", 2), ("b", 1)];

/// No file of failed seeds: the smallest failing case is printed, and belongs into the table as a test of its own.
fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn when_faults_stop_it_serves_or_has_failed_or_is_gone(events in vec(event(), 0..80)) {
        let mut world = World::new(&FLEETS);
        for event in &events {
            world.happen(event)?;
        }
        world.settle(|_| false)?;
        match &world.record {
            None => prop_assert!(world.is_empty(), "something is left behind"),
            Some(record) => {
                prop_assert_eq!(record.goal, Goal::Serve);
                // In service a reason tells of the last update, which went back.
                let has_failed = record.status == EndpointStatus::Failed;
                prop_assert!(record.failure_reason.is_some() || !has_failed);
            }
        }
    }

    #[test]
    fn deletion_comes_to_its_end_from_wherever_it_starts(events in vec(event(), 0..80)) {
        let mut world = World::new(&FLEETS);
        for event in &events {
            world.happen(event)?;
        }
        world.happen(&Event::Delete)?;
        world.settle(|_| false)?;
        prop_assert!(world.record.is_none() && world.is_empty());
    }

    #[test]
    fn an_update_that_only_crashes_goes_back_whole_and_says_why(
        config in 0..deployment_configs().len(),
        counts in [1..5_u32, 1..3_u32],
        events in vec(event(), 0..20),
    ) {
        let mut world = World::new(&FLEETS);
        world.settle(|_| false)?;
        let before = world.record.clone().unwrap();
        world.happen(&Event::Deploy(config, counts))?;
        for event in &events {
            world.happen(event)?;
        }
        let generation = before.deployment.generation + 1;
        let is_on_its_way = world.record.as_ref().is_some_and(|record| {
            let is_it = record.generations == generation && record.status == EndpointStatus::Updating;
            is_it && record.update.as_ref().is_some_and(|update| update.stage != Stage::Finishing)
        });
        prop_assume!(is_on_its_way);
        world.settle(|id| id.generation == generation)?;
        let record = world.record.as_ref().unwrap();
        prop_assert_eq!(record.status, EndpointStatus::InService);
        prop_assert_eq!(&record.deployment, &before.deployment);
        prop_assert!(record.failure_reason.is_some());
    }

    #[test]
    fn an_update_comes_to_its_end_also_when_one_side_can_never_start_again(
        config in 0..deployment_configs().len(),
        counts in [1..5_u32, 1..3_u32],
        is_scale in any::<bool>(),
        broken in 0..3_u64,
        broken_variant in prop_oneof![Just("a"), Just("b"), Just("both")],
        events in vec(event(), 0..20),
    ) {
        let mut world = World::new(&FLEETS);
        world.settle(|_| false)?;
        let generation = world.record.as_ref().unwrap().deployment.generation;
        world.happen(&if is_scale { Event::Scale(counts) } else { Event::Deploy(config, counts) })?;
        for event in &events {
            world.happen(event)?;
        }
        // Instances of one side, or of both, crash at every start; what can move is to move.
        let is_broken = |id: &InstanceId| {
            let is_side = broken == 2 || id.generation == generation + broken;
            is_side && (broken_variant == "both" || id.variant.as_str() == broken_variant)
        };
        world.rest(is_broken, 400)?;
        let status = world.record.as_ref().map(|record| record.status);
        prop_assert!(status.is_none_or(|status| !status.is_passing()), "it is {status:?} for ever");
    }

    #[test]
    fn a_creation_that_only_crashes_fails_and_leaves_nothing(events in vec(event(), 0..10)) {
        let mut world = World::new(&FLEETS);
        for event in &events {
            world.happen(event)?;
        }
        let is_creating =
            world.record.as_ref().is_some_and(|record| record.status == EndpointStatus::Creating);
        prop_assume!(is_creating);
        world.settle(|_| true)?;
        let status = world.record.as_ref().map(|record| record.status);
        prop_assert_eq!(status, Some(EndpointStatus::Failed));
    }
}
