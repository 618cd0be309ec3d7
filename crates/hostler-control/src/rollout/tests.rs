//! The numbers of each way of deployment, worked out by hand from AWS's description of it.

use hostler_types::VariantName;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn rollout(config: Value) -> Rollout {
    Rollout::of(Some(&serde_json::from_value(config).unwrap()))
}

fn blue_green(kind: &str, member: &str, unit: &str, value: u32) -> Rollout {
    let mut traffic = json!({ "Type": kind, "WaitIntervalInSeconds": 60 });
    if !member.is_empty() {
        traffic[member] = json!({ "Type": unit, "Value": value });
    }
    rollout(json!({ "BlueGreenUpdatePolicy": {
        "TrafficRoutingConfiguration": traffic, "TerminationWaitInSeconds": 300,
        "MaximumExecutionTimeoutInSeconds": 1800,
    }}))
}

fn rolling(unit: &str, value: u32, rollback: Option<(&str, u32)>) -> Rollout {
    let mut policy = json!({
        "MaximumBatchSize": { "Type": unit, "Value": value }, "WaitIntervalInSeconds": 30,
    });
    if let Some((unit, value)) = rollback {
        policy["RollbackMaximumBatchSize"] = json!({ "Type": unit, "Value": value });
    }
    rollout(json!({ "RollingUpdatePolicy": policy }))
}

fn fleets(counts: &[u32]) -> Vec<Fleet> {
    let fleet = |(index, &count): (usize, &u32)| Fleet {
        variant: VariantName::new(format!("v{index}")),
        model_name: "m".to_owned(),
        weight: 1.0,
        count,
        instance_type: None,
        download_timeout_ms: 1,
        startup_timeout_ms: 1,
    };
    counts.iter().enumerate().map(fleet).collect()
}

/// (active, share) of a fleet of `count` at each step.
fn traffic(rollout: &Rollout, count: u32) -> Vec<(u32, f64)> {
    let steps = rollout.steps(&fleets(&[count]));
    (0..steps).map(|step| (rollout.active(step, count), rollout.share(step, count))).collect()
}

#[test]
fn without_a_config_everything_is_switched_at_once_and_nothing_is_waited_for() {
    let rollout = Rollout::of(None);
    assert_eq!(traffic(&rollout, 4), [(4, 1.0)]);
    assert_eq!((rollout.wait_ms(true), rollout.timeout_ms()), (0, None));
}

#[test]
fn a_canary_is_a_part_and_then_the_rest() {
    let canary = blue_green("CANARY", "CanarySize", "INSTANCE_COUNT", 1);
    assert_eq!(traffic(&canary, 4), [(1, 0.25), (4, 1.0)]);
    assert_eq!((canary.wait_ms(false), canary.wait_ms(true)), (60_000, 300_000));
    assert_eq!(canary.timeout_ms(), Some(1_800_000));
    let canary = blue_green("CANARY", "CanarySize", "CAPACITY_PERCENT", 10);
    assert_eq!(traffic(&canary, 1), [(1, 0.1), (1, 1.0)]);
    assert_eq!(traffic(&canary, 15), [(2, 0.1), (15, 1.0)]);
}

#[test]
fn a_linear_deployment_goes_in_equal_steps_and_the_last_takes_what_is_left() {
    let linear = blue_green("LINEAR", "LinearStepSize", "CAPACITY_PERCENT", 40);
    let expected = [(2, 0.4), (4, 0.8), (5, 1.0)];
    for ((active, share), expected) in traffic(&linear, 5).into_iter().zip(expected) {
        assert_eq!(active, expected.0);
        assert!((share - expected.1).abs() < 1e-12, "{share}");
    }
    let linear = blue_green("LINEAR", "LinearStepSize", "INSTANCE_COUNT", 2);
    assert_eq!(traffic(&linear, 4), [(2, 0.5), (4, 1.0)]);
    assert_eq!(linear.steps(&fleets(&[4, 5])), 3);
}

#[test]
fn rolling_batches_replace_as_many_as_they_bring() {
    let rolling = rolling("INSTANCE_COUNT", 2, None);
    assert_eq!(rolling.steps(&fleets(&[5])), 3);
    let numbers = |step| (rolling.provisioned(step, 5), rolling.kept(step, 5, 5));
    assert_eq!([numbers(0), numbers(1), numbers(2)], [(2, 3), (4, 1), (5, 0)]);
    // From 2 to 4: each of the two batches takes one of the old.
    assert_eq!([rolling.kept(0, 2, 4), rolling.kept(1, 2, 4)], [1, 0]);
    // From 4 to 2, in one batch.
    assert_eq!((rolling.kept(0, 4, 2), rolling.steps(&fleets(&[2]))), (0, 1));
    assert_eq!(rolling.peak(5, 5, 3), 7);
    assert_eq!(rolling.wait_ms(true), 30_000);
}

#[test]
fn the_way_back_is_at_once_unless_a_batch_is_named() {
    assert_eq!(rolling("INSTANCE_COUNT", 1, None).restored(0, 1, 6), 6);
    let small = rolling("INSTANCE_COUNT", 1, Some(("CAPACITY_PERCENT", 34)));
    assert_eq!([0, 1, 2].map(|step| small.restored(step, 1, 6)), [3, 5, 6]);
    assert_eq!(Rollout::of(None).restored(0, 6, 6), 6);
}

fn any_rollout() -> impl Strategy<Value = Rollout> {
    let unit = prop_oneof![Just("INSTANCE_COUNT"), Just("CAPACITY_PERCENT")];
    (0..4, unit, 1..60_u32).prop_map(|(kind, unit, value)| match kind {
        0 => blue_green("ALL_AT_ONCE", "", "", 0),
        1 => blue_green("CANARY", "CanarySize", unit, value),
        2 => blue_green("LINEAR", "LinearStepSize", unit, value),
        _ => rolling(unit, value, Some((unit, value))),
    })
}

proptest! {
    #[test]
    fn steps_never_go_back_and_end_with_everything(rollout in any_rollout(), old in 1..20_u32, new in 1..20_u32) {
        let steps = rollout.steps(&fleets(&[new]));
        let mut before = (0, 0, 0.0, old);
        for step in 0..steps {
            let now = (
                rollout.provisioned(step, new), rollout.active(step, new), rollout.share(step, new),
                rollout.kept(step, old, new),
            );
            prop_assert!(now.0 >= before.0 && now.1 >= before.1 && now.2 >= before.2 && now.3 <= before.3);
            prop_assert!(now.1 >= 1 && now.1 <= now.0 && now.0 <= new);
            prop_assert!(now.3 + now.1 >= 1);
            let peak = rollout.peak(old, new, steps);
            let both = before.3 + now.0;
            prop_assert!(both <= peak, "{both} at once");
            before = now;
        }
        prop_assert_eq!((before.0, before.1), (new, new));
        prop_assert!((before.2 - 1.0).abs() < 1e-9);
        prop_assert!(before.3 == 0 || !rollout.is_rolling());
    }
}
