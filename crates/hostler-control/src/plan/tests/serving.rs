//! Creating, serving and healing, one situation each.

use hostler_compute::{ExitCause, Fault, InstanceState, Phase};
use hostler_types::{EndpointStatus, InstanceIntent, Millis};

use super::super::{Action, Health, Policy, backoff_ms, plan};
use super::{
    GENERATION, START, STARTUP_TIMEOUT_MS, endpoint, exited, id, in_service, never_ran, running, sighting,
    step,
};

fn launches(plan: &super::super::Plan) -> Vec<String> {
    let launched = plan.actions.iter().filter_map(|action| match action {
        Action::Launch(id) => Some(id.to_string()),
        Action::Remove { .. } => None,
    });
    launched.collect()
}

fn removals(plan: &super::super::Plan) -> Vec<String> {
    let removed = plan.actions.iter().filter_map(|action| match action {
        Action::Remove { id, .. } => Some(id.to_string()),
        Action::Launch(_) => None,
    });
    removed.collect()
}

#[test]
fn every_place_of_every_fleet_is_launched_at_once() {
    let mut record = endpoint(&[("a", 2), ("b", 1)]);
    let plan = step(&mut record, &[], START);
    assert_eq!(launches(&plan), ["e1.g2.a.0.1", "e1.g2.a.1.1", "e1.g2.b.0.1"]);
    assert_eq!(plan.route, None, "nothing is routed while it is created");
}

#[test]
fn a_launch_that_left_no_trace_is_said_again_with_the_same_id() {
    let mut record = endpoint(&[("v", 1)]);
    let first = step(&mut record, &[], START);
    let again = step(&mut record, &[], START.plus(5));
    assert_eq!(again.actions, first.actions);
    assert_eq!(again.record, None, "nothing new is written down");
}

#[test]
fn it_is_in_service_only_when_every_place_is_healthy() {
    let mut record = endpoint(&[("a", 1), ("b", 1)]);
    step(&mut record, &[], START);
    let (a, b) = (id("a", 0, 1), id("b", 0, 1));
    for (states, expected) in [
        ([Health::Healthy, Health::Unknown], EndpointStatus::Creating),
        ([Health::Healthy, Health::NotYet("503".into())], EndpointStatus::Creating),
        ([Health::Healthy, Health::Healthy], EndpointStatus::InService),
    ] {
        let [health_a, health_b] = states;
        let seen = [sighting(&a, running(START), health_a), sighting(&b, running(START), health_b)];
        let plan = step(&mut record, &seen, START.plus(10));
        assert_eq!(record.status, expected);
        assert_eq!(plan.route.is_some(), expected == EndpointStatus::InService);
    }
}

#[test]
fn a_users_fault_fails_at_once_with_awss_sentence_first() {
    let mut record = endpoint(&[("v", 2)]);
    step(&mut record, &[], START);
    let sentence = "Failed to download model data for container \"container_1\".";
    let seen = [
        sighting(&id("v", 0, 1), never_ran(Fault::User, Some(sentence), "403 for role r"), Health::Unknown),
        sighting(&id("v", 1, 1), running(START), Health::Unknown),
    ];
    let plan = step(&mut record, &seen, START.plus(20));
    assert_eq!(record.status, EndpointStatus::Failed);
    let reason = record.failure_reason.clone().unwrap();
    assert!(reason.starts_with(sentence) && reason.contains("403 for role r"), "{reason}");
    assert_eq!(removals(&plan), ["e1.g2.v.0.1", "e1.g2.v.1.1"], "the other instance goes too");
}

#[test]
fn a_creation_that_crashes_three_times_is_given_up_with_the_last_words() {
    let mut record = endpoint(&[("v", 1)]);
    let mut now = START;
    for attempt in 1..=3 {
        assert_eq!(launches(&step(&mut record, &[], now)), [format!("e1.g2.v.0.{attempt}")]);
        let log = "Traceback\nImportError: no module named digits\n";
        let crashed = sighting(&id("v", 0, attempt), exited(3, log), Health::Unknown);
        let plan = step(&mut record, &[crashed], now.plus(1));
        let expected = if attempt < 3 { EndpointStatus::Creating } else { EndpointStatus::Failed };
        assert_eq!(record.status, expected, "after attempt {attempt}");
        now = now.plus(1 + plan.requeue_after_ms.unwrap_or(0));
    }
    let reason = record.failure_reason.clone().unwrap();
    assert!(
        reason.starts_with(
            "The primary container for production variant v did not pass the ping health check."
        ),
        "{reason}"
    );
    assert!(reason.contains("code 3") && reason.contains("ImportError: no module named digits"), "{reason}");
    assert!(step(&mut record, &[], now.plus(60_000)).actions.is_empty(), "nothing is tried any more");
}

#[test]
fn a_memory_kill_while_creating_is_not_tried_again() {
    let mut record = endpoint(&[("v", 1)]);
    step(&mut record, &[], START);
    let cause = ExitCause::OutOfMemory { limit_bytes: 4 << 30 };
    let killed = InstanceState::Exited { container: None, cause, log_tail: String::new() };
    step(&mut record, &[sighting(&id("v", 0, 1), killed, Health::Unknown)], START.plus(9));
    assert_eq!(record.status, EndpointStatus::Failed);
    assert!(record.failure_reason.clone().unwrap().contains("4096 MiB"));
}

#[test]
fn missing_capacity_is_waited_for_and_then_given_up() {
    let mut record = endpoint(&[("v", 1)]);
    step(&mut record, &[], START);
    let refused = never_ran(Fault::Capacity, None, "no room");
    let seen = [sighting(&id("v", 0, 1), refused.clone(), Health::Unknown)];
    step(&mut record, &seen, START.plus(1_000));
    assert_eq!(record.status, EndpointStatus::Creating);
    let later = START.plus(Policy::default().provision_timeout_ms);
    assert_eq!(launches(&step(&mut record, &[], later)), ["e1.g2.v.0.2"]);
    step(&mut record, &[sighting(&id("v", 0, 2), refused, Health::Unknown)], later);
    assert_eq!(record.status, EndpointStatus::Failed);
    assert!(record.failure_reason.unwrap().contains("InsufficientInstanceCapacity"));
}

#[test]
fn what_can_never_fit_fails_a_creation_at_once_for_want_of_capacity() {
    let mut record = endpoint(&[("v", 2)]);
    step(&mut record, &[], START);
    let too_large = never_ran(Fault::NeverFits, None, "768 GiB are asked for, 16 GiB is all there is");
    step(&mut record, &[sighting(&id("v", 0, 1), too_large, Health::Unknown)], START.plus(1));
    assert_eq!(record.status, EndpointStatus::Failed);
    let reason = record.failure_reason.clone().unwrap();
    // facts/sagemaker-api.md 3.3.
    let sentence =
        "Unable to provision requested ML compute capacity due to InsufficientInstanceCapacity error.";
    assert!(reason.starts_with(sentence) && reason.contains("16 GiB is all there is"), "{reason}");
    assert_eq!(launches(&step(&mut record, &[], START.plus(60_000))), Vec::<String>::new());
}

#[test]
fn an_endpoint_in_service_whose_replacement_never_fits_goes_on_trying() {
    let (mut record, _) = in_service();
    let now = START.plus(Policy::default().stable_after_ms);
    let crashed = sighting(&id("v", 0, 1), exited(1, ""), Health::Unknown);
    step(&mut record, &[crashed], now);
    step(&mut record, &[], now.plus(1));
    let too_large = never_ran(Fault::NeverFits, None, "its GPU is gone");
    let plan = step(&mut record, &[sighting(&id("v", 0, 2), too_large, Health::Unknown)], now.plus(2));
    assert_eq!(record.status, EndpointStatus::InService);
    assert!(plan.requeue_after_ms.is_some(), "the machine may be given back what it lost");
    assert_eq!(record.places[0].last_failure.as_deref(), Some("its GPU is gone"));
}

#[test]
fn a_creation_whose_launches_never_get_through_is_given_up_in_time() {
    let mut record = endpoint(&[("v", 1)]);
    step(&mut record, &[], START);
    let timeout = Policy::default().provision_timeout_ms;
    assert_eq!(launches(&step(&mut record, &[], START.plus(timeout - 1))), ["e1.g2.v.0.1"]);
    assert_eq!(record.status, EndpointStatus::Creating);
    step(&mut record, &[], START.plus(timeout));
    assert_eq!(record.status, EndpointStatus::Failed);
    let reason = record.failure_reason.unwrap();
    assert!(reason.starts_with("Request to service failed."), "{reason}");
}

#[test]
fn a_container_that_does_not_answer_ping_in_time_fails_the_creation() {
    let mut record = endpoint(&[("v", 1)]);
    step(&mut record, &[], START);
    let since = START.plus(500);
    let seen = [sighting(&id("v", 0, 1), running(since), Health::NotYet("it answered 503".into()))];
    let plan = step(&mut record, &seen, since.plus(STARTUP_TIMEOUT_MS - 7));
    assert_eq!(record.status, EndpointStatus::Creating);
    assert_eq!(plan.requeue_after_ms, Some(7), "looked at again just when the time is over");
    step(&mut record, &seen, since.plus(STARTUP_TIMEOUT_MS));
    assert_eq!(record.status, EndpointStatus::Failed);
    assert!(record.failure_reason.unwrap().contains("it answered 503"));
}

#[test]
fn preparing_takes_nothing_from_the_time_for_ping() {
    let mut record = endpoint(&[("v", 1)]);
    step(&mut record, &[], START);
    let fetching = InstanceState::Preparing { phase: Phase::Fetching };
    let seen = [sighting(&id("v", 0, 1), fetching, Health::Unknown)];
    step(&mut record, &seen, START.plus(10 * STARTUP_TIMEOUT_MS));
    assert_eq!(record.status, EndpointStatus::Creating);
}

#[test]
fn pauses_double_from_a_quarter_second_to_a_minute() {
    let expected = [250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000];
    for (failures, expected) in (1..).zip(expected) {
        assert_eq!(backoff_ms(failures, &Policy::default()), expected, "after {failures} failures");
    }
    assert_eq!(backoff_ms(u32::MAX, &Policy::default()), 60_000);
}

#[test]
fn a_crash_loop_in_service_waits_longer_each_time_until_it_stays_healthy() {
    let (mut record, _) = in_service();
    let mut now = START.plus(10);
    for (attempt, pause) in [(1, 250), (2, 500), (3, 1_000), (4, 2_000)] {
        let crashed = sighting(&id("v", 0, attempt), exited(1, ""), Health::Unknown);
        let plan = step(&mut record, &[crashed], now);
        assert_eq!(plan.requeue_after_ms, Some(pause));
        assert!(launches(&step(&mut record, &[], now.plus(pause - 1))).is_empty());
        now = now.plus(pause);
        assert_eq!(launches(&step(&mut record, &[], now)), [format!("e1.g2.v.0.{}", attempt + 1)]);
    }
    assert_eq!(record.status, EndpointStatus::InService, "an endpoint in service heals, it does not fail");
    let healthy = sighting(&id("v", 0, 5), running(now), Health::Healthy);
    step(&mut record, std::slice::from_ref(&healthy), now);
    let plan = step(&mut record, std::slice::from_ref(&healthy), now.plus(1));
    assert_eq!(plan.requeue_after_ms, Some(Policy::default().stable_after_ms - 1));
    step(&mut record, &[healthy], now.plus(Policy::default().stable_after_ms));
    assert_eq!(record.places[0].failures, 0, "staying healthy forgives");
}

#[test]
fn an_instance_that_lived_long_is_replaced_at_once() {
    let (mut record, _) = in_service();
    let now = START.plus(Policy::default().stable_after_ms);
    let crashed = sighting(&id("v", 0, 1), exited(1, ""), Health::Unknown);
    assert_eq!(step(&mut record, &[crashed], now).requeue_after_ms, Some(1));
    assert_eq!(launches(&step(&mut record, &[], now)), ["e1.g2.v.0.2"]);
}

#[test]
fn a_sick_instance_drains_while_its_replacement_starts() {
    let (mut record, healthy) = in_service();
    let now = START.plus(Policy::default().stable_after_ms);
    let mut sick = healthy;
    sick.health = Health::Sick("it answered 500".into());
    sick.in_flight = 2;
    let plan = step(&mut record, std::slice::from_ref(&sick), now);
    assert!(plan.actions.is_empty(), "it is not removed before it drained: {:?}", plan.actions);
    assert!(plan.route.unwrap().variants[0].instances[0].draining);
    let plan = step(&mut record, std::slice::from_ref(&sick), now.plus(1));
    assert_eq!(launches(&plan), ["e1.g2.v.0.2"]);
    assert!(removals(&plan).is_empty());
    let fresh = sighting(&id("v", 0, 2), running(now), Health::Healthy);
    let plan = step(&mut record, &[sick.clone(), fresh.clone()], now.plus(2));
    let instances = &plan.route.as_ref().unwrap().variants[0].instances;
    let shown: Vec<_> = instances.iter().map(|instance| (instance.id.attempt, instance.draining)).collect();
    assert_eq!(shown, [(1, true), (2, false)]);
    sick.in_flight = 0;
    let plan = step(&mut record, &[sick, fresh], now.plus(3));
    assert_eq!(removals(&plan), ["e1.g2.v.0.1"]);
    assert_eq!(record.status, EndpointStatus::InService);
}

#[test]
fn an_instance_that_vanished_is_replaced_under_a_new_id() {
    let (mut record, _) = in_service();
    let now = START.plus(Policy::default().stable_after_ms);
    step(&mut record, &[], now);
    assert_eq!(launches(&step(&mut record, &[], now.plus(1))), ["e1.g2.v.0.2"]);
    assert_eq!(record.instances.len(), 1);
}

#[test]
fn what_was_stopped_with_the_server_is_replaced_at_once_and_counts_as_no_failure() {
    let (mut record, _) = in_service();
    for restart in 1..10 {
        // Each time the server stops everything a moment after it was launched.
        let emptied_at = record.instances[0].launched_at;
        let policy = Policy { emptied_at, ..Policy::default() };
        let now = emptied_at.plus(1);
        let replaced = plan(&record, &[], now, &policy);
        assert_eq!(launches(&replaced), [format!("e1.g2.v.0.{}", restart + 1)]);
        record = replaced.record.unwrap();
        let healthy = sighting(&id("v", 0, restart + 1), running(now), Health::Healthy);
        record = plan(&record, &[healthy], now, &policy).record.unwrap();
    }
    assert_eq!((record.places[0].failures, &record.places[0].last_failure), (0, &None));
    assert_eq!((record.status, record.instances.len()), (EndpointStatus::InService, 1));
}

#[test]
fn a_restarted_server_trusts_what_was_healthy_until_the_prober_says_otherwise() {
    let (mut record, mut seen) = in_service();
    seen.health = Health::Unknown;
    let plan = step(&mut record, &[seen], START.plus(50));
    assert_eq!(plan.route.unwrap().variants[0].instances.len(), 1);
    assert!(plan.actions.is_empty());
}

#[test]
fn what_runs_for_an_older_generation_is_removed() {
    let (mut record, healthy) = in_service();
    let mut old = id("v", 0, 1);
    old.generation = GENERATION - 1;
    let seen = [healthy, sighting(&old, running(START), Health::Unknown)];
    assert_eq!(removals(&step(&mut record, &seen, START.plus(5))), ["e1.g1.v.0.1"]);
}

#[test]
fn what_a_newer_record_launched_is_left_alone() {
    let (mut record, healthy) = in_service();
    let mut newer = id("v", 0, 1);
    newer.generation = GENERATION + 1;
    let seen = [
        healthy,
        sighting(&newer, running(START), Health::Unknown),
        sighting(&id("v", 0, 7), running(START), Health::Unknown),
    ];
    assert!(step(&mut record, &seen, START.plus(5)).actions.is_empty(), "this record may be old news");
}

#[test]
fn an_id_that_exists_is_never_given_out_again() {
    let (mut record, _) = in_service();
    let stranger = sighting(&id("v", 0, 2), running(START), Health::Unknown);
    let now = START.plus(Policy::default().stable_after_ms);
    step(&mut record, std::slice::from_ref(&stranger), now);
    assert_eq!(launches(&step(&mut record, &[stranger], now.plus(1))), ["e1.g2.v.0.3"]);
}

#[test]
fn a_place_that_gives_up_takes_back_the_launches_of_the_same_step() {
    let mut record = endpoint(&[("v", 2)]);
    step(&mut record, &[], START);
    let first = sighting(&id("v", 0, 1), exited(1, ""), Health::Unknown);
    let second = sighting(&id("v", 1, 1), running(START), Health::Unknown);
    step(&mut record, &[first, second], START.plus(1));
    // The first place's pause is over in the very step in which the second place fails for good.
    let seen = [sighting(&id("v", 1, 1), never_ran(Fault::User, None, "bad archive"), Health::Unknown)];
    let plan = step(&mut record, &seen, START.plus(1_000));
    assert_eq!(record.status, EndpointStatus::Failed);
    assert_eq!(launches(&plan), Vec::<String>::new());
}

#[test]
fn the_time_of_the_last_change_never_goes_back() {
    let mut record = endpoint(&[("v", 1)]);
    step(&mut record, &[], START);
    let healthy = sighting(&id("v", 0, 1), running(START), Health::Healthy);
    step(&mut record, &[healthy], Millis(START.0 - 60_000));
    assert_eq!(record.status, EndpointStatus::InService);
    assert_eq!(record.modified_at, START);
    assert_eq!(record.instances[0].intent, InstanceIntent::Wanted);
}
