//! Whatever happens, the rules hold; and once nothing happens any more, everything comes to its end.

use hostler_types::{EndpointStatus, Goal};
use proptest::collection::vec;
use proptest::prelude::*;

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
        world.settle(false)?;
        match &world.record {
            None => prop_assert!(world.is_empty(), "something is left behind"),
            Some(record) => {
                prop_assert_eq!(record.goal, Goal::Serve);
                let has_failed = record.status == EndpointStatus::Failed;
                prop_assert_eq!(record.failure_reason.is_some(), has_failed);
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
        world.settle(false)?;
        prop_assert!(world.record.is_none() && world.is_empty());
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
        world.settle(true)?;
        let status = world.record.as_ref().map(|record| record.status);
        prop_assert_eq!(status, Some(EndpointStatus::Failed));
    }
}
