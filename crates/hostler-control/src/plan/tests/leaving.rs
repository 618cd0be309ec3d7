//! Draining, teardown and deletion.

use hostler_compute::InstanceState;
use hostler_types::{EndpointStatus, Goal, InstanceIntent};

use super::super::{Action, Health, Policy};
use super::{START, endpoint, id, in_service, running, sighting, step};

#[test]
fn draining_waits_for_requests_up_to_the_deadline() {
    let (mut record, mut seen) = in_service();
    record.goal = Goal::Gone;
    seen.in_flight = 3;
    let begun = START.plus(100);
    let drain_ms = Policy::default().drain_timeout_ms;
    assert!(step(&mut record, std::slice::from_ref(&seen), begun).actions.is_empty());
    let plan = step(&mut record, std::slice::from_ref(&seen), begun.plus(drain_ms - 4));
    assert!(plan.actions.is_empty());
    assert_eq!(plan.requeue_after_ms, Some(4));
    let plan = step(&mut record, std::slice::from_ref(&seen), begun.plus(drain_ms));
    let expected = Action::Remove { id: id("v", 0, 1), grace_ms: Policy::default().stop_grace_ms };
    assert_eq!(plan.actions, [expected], "the deadline ends it");
}

#[test]
fn draining_ends_with_the_last_request_but_not_in_the_step_it_began() {
    let (mut record, seen) = in_service();
    record.goal = Goal::Gone;
    let begun = START.plus(100);
    let plan = step(&mut record, std::slice::from_ref(&seen), begun);
    assert!(plan.actions.is_empty(), "the gateway has not been told yet");
    assert_eq!(plan.requeue_after_ms, Some(1));
    assert_eq!(plan.route, None);
    assert_eq!(step(&mut record, &[seen], begun.plus(1)).actions.len(), 1);
}

#[test]
fn an_instance_that_dies_while_draining_is_not_waited_for() {
    let (mut record, mut seen) = in_service();
    record.goal = Goal::Gone;
    seen.in_flight = 1;
    step(&mut record, std::slice::from_ref(&seen), START.plus(1));
    seen.state = super::exited(0, "");
    assert_eq!(step(&mut record, &[seen], START.plus(2)).actions.len(), 1);
}

#[test]
fn removal_is_repeated_until_the_backend_shows_it_leaving() {
    let (mut record, mut seen) = in_service();
    record.goal = Goal::Gone;
    step(&mut record, std::slice::from_ref(&seen), START.plus(1));
    for ms in 2..5 {
        assert_eq!(step(&mut record, std::slice::from_ref(&seen), START.plus(ms)).actions.len(), 1);
    }
    seen.state = InstanceState::Removing;
    let plan = step(&mut record, &[seen], START.plus(5));
    assert!(plan.actions.is_empty() && !plan.forget, "it is still there");
    assert!(step(&mut record, &[], START.plus(6)).forget);
}

#[test]
fn deletion_leads_to_nothing_from_every_status() {
    for status in EndpointStatus::ALL {
        let (mut record, seen) = in_service();
        record.status = status;
        record.goal = Goal::Gone;
        let plan = step(&mut record, std::slice::from_ref(&seen), START.plus(1));
        assert_eq!(record.status, EndpointStatus::Deleting, "from {status}");
        assert_eq!(plan.route, None, "from {status}");
        step(&mut record, std::slice::from_ref(&seen), START.plus(2));
        assert_eq!(record.instances[0].intent, InstanceIntent::Removing, "from {status}");
        assert!(step(&mut record, &[], START.plus(3)).forget, "from {status}");
    }
}

#[test]
fn deletion_before_the_first_launch_needs_one_step() {
    let mut record = endpoint(&[("v", 3)]);
    record.goal = Goal::Gone;
    let plan = step(&mut record, &[], START);
    assert!(plan.forget && plan.actions.is_empty());
}

#[test]
fn deletion_takes_even_what_it_does_not_know() {
    let mut record = endpoint(&[("v", 1)]);
    record.goal = Goal::Gone;
    let mut newer = id("v", 0, 9);
    newer.generation += 1;
    let plan = step(&mut record, &[sighting(&newer, running(START), Health::Unknown)], START);
    assert!(!plan.forget);
    assert!(matches!(&plan.actions[..], [Action::Remove { id, .. }] if *id == newer));
}

#[test]
fn a_launch_on_its_way_when_the_endpoint_goes_is_taken_back() {
    let mut record = endpoint(&[("v", 1)]);
    step(&mut record, &[], START);
    record.goal = Goal::Gone;
    let plan = step(&mut record, &[], START.plus(1));
    assert_eq!(plan.actions, [Action::Remove { id: id("v", 0, 1), grace_ms: 0 }]);
    assert!(plan.forget);
}
