//! What a DeploymentConfig may say: the rules between its members.
//!
//! Why: the service model knows each member alone; which go together stands in its prose only. AWS's own words for
//! these refusals were never seen, so they are chosen here, in one place.
//! Invariants: what passes here is understood by [`crate::rollout::Rollout`] to the last member.

use hostler_aws::ApiError;
use hostler_shapes::{
    CapacitySize, CapacitySizeType, DeploymentConfig, RollingUpdatePolicy, TrafficRoutingConfig,
    TrafficRoutingConfigType,
};
use hostler_types::Fleet;

use crate::rollout::Rollout;

/// A canary, a linear step and a rolling batch are at most this part of a variant's instances.
const PORTION_MAX_PERCENT: i64 = 50;
const LINEAR_MIN_PERCENT: i64 = 10;
const BATCH_MIN_PERCENT: i64 = 5;

/// Refuses members that contradict each other.
pub(super) fn check_deployment_config(config: Option<&DeploymentConfig>) -> Result<(), ApiError> {
    let Some(config) = config else { return Ok(()) };
    match (&config.blue_green_update_policy, &config.rolling_update_policy) {
        (Some(_), Some(_)) => {
            refuse("You can only specify one of BlueGreenUpdatePolicy and RollingUpdatePolicy.")
        }
        (Some(policy), None) => check_traffic(&policy.traffic_routing_configuration),
        (None, Some(policy)) => check_rollback_batch(policy),
        (None, None) => Ok(()),
    }
}

/// Refuses portions that are too small or too large for the variants that are deployed, and waits that are too long.
pub(super) fn check_portions(config: Option<&DeploymentConfig>, fleets: &[Fleet]) -> Result<(), ApiError> {
    let Some(config) = config else { return Ok(()) };
    if let Some(policy) = &config.blue_green_update_policy {
        let traffic = &policy.traffic_routing_configuration;
        if let Some(size) = &traffic.canary_size {
            check_portion("CanarySize", size, 0, fleets)?;
        }
        if let Some(size) = &traffic.linear_step_size {
            check_portion("LinearStepSize", size, LINEAR_MIN_PERCENT, fleets)?;
        }
    }
    if let Some(policy) = &config.rolling_update_policy {
        check_portion("MaximumBatchSize", &policy.maximum_batch_size, BATCH_MIN_PERCENT, fleets)?;
    }
    check_time(Rollout::of(Some(config)), fleets)
}

/// What is accepted of it without effect, one sentence each.
pub(super) fn deployment_config_notes(config: Option<&DeploymentConfig>, is_creation: bool) -> Vec<String> {
    let Some(config) = config else { return Vec::new() };
    let mut notes = Vec::new();
    if is_creation {
        notes.push("DeploymentConfig is kept for a later update and has no effect on creation".to_owned());
    }
    let alarms = config.auto_rollback_configuration.as_ref().and_then(|rollback| rollback.alarms.as_ref());
    if alarms.is_some_and(|alarms| !alarms.is_empty()) {
        notes.push(
            "AutoRollbackConfiguration is kept and shown, and no alarm is watched yet: an update goes back when \
             its instances fail or its time is over"
                .to_owned(),
        );
    }
    notes
}

fn check_traffic(traffic: &TrafficRoutingConfig) -> Result<(), ApiError> {
    let kind = traffic.r#type;
    let of_kind = |is_given: bool, is_its_own: bool, member: &str| match (is_given, is_its_own) {
        (true, false) => {
            refuse(&format!("{member} cannot be specified for traffic routing type {}.", kind.as_str()))
        }
        (false, true) => refuse(&format!("{member} is required for traffic routing type {}.", kind.as_str())),
        _ => Ok(()),
    };
    of_kind(traffic.canary_size.is_some(), kind == TrafficRoutingConfigType::Canary, "CanarySize")?;
    of_kind(traffic.linear_step_size.is_some(), kind == TrafficRoutingConfigType::Linear, "LinearStepSize")
}

fn check_rollback_batch(policy: &RollingUpdatePolicy) -> Result<(), ApiError> {
    match &policy.rollback_maximum_batch_size {
        Some(size) if size.r#type == CapacitySizeType::CapacityPercent && size.value > 100 => {
            refuse("RollbackMaximumBatchSize must be at most 100 percent of the variant's instances.")
        }
        _ => Ok(()),
    }
}

/// What waits longer than it may take can only go back.
fn check_time(rollout: Rollout, fleets: &[Fleet]) -> Result<(), ApiError> {
    let steps = rollout.steps(fleets);
    let waits_ms: i64 = (1..=steps).map(|step| rollout.wait_ms(step == steps)).sum();
    match rollout.timeout_ms() {
        Some(timeout_ms) if timeout_ms <= waits_ms => refuse(&format!(
            "MaximumExecutionTimeoutInSeconds ({}) must be larger than the total waiting time of the deployment ({} \
             seconds).",
            timeout_ms / 1000,
            waits_ms / 1000
        )),
        _ => Ok(()),
    }
}

fn check_portion(member: &str, size: &CapacitySize, min: i64, fleets: &[Fleet]) -> Result<(), ApiError> {
    let range = if min == 0 {
        format!("at most {PORTION_MAX_PERCENT}")
    } else {
        format!("{min} to {PORTION_MAX_PERCENT}")
    };
    let refuse_for = |what: &str| {
        refuse(&format!("{member} must be {range} percent of the instances of production variant {what}."))
    };
    let value = i64::from(size.value);
    match size.r#type {
        CapacitySizeType::CapacityPercent if value < min || value > PORTION_MAX_PERCENT => {
            refuse(&format!("{member} must be {range} percent of the variant's instances; it is {value}."))
        }
        CapacitySizeType::CapacityPercent => Ok(()),
        CapacitySizeType::InstanceCount => {
            for fleet in fleets {
                let (portion, whole) = (value * 100, i64::from(fleet.count));
                if portion < min * whole || portion > PORTION_MAX_PERCENT * whole {
                    return refuse_for(&format!("\"{}\", which has {whole}", fleet.variant));
                }
            }
            Ok(())
        }
    }
}

fn refuse(message: &str) -> Result<(), ApiError> {
    Err(ApiError::validation(message.to_owned()))
}
