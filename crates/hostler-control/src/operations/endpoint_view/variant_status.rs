//! VariantStatus: what goes on with a variant while its endpoint is created or updated.
//!
//! Source: the five words are the service model's. Of the messages AWS documents one, for baking; the others are made
//! after it.

use hostler_shapes::{ProductionVariantStatus, Timestamp, VariantStatus};
use hostler_types::{Change, Deployment, EndpointRecord, EndpointStatus, Millis, Stage, Update};

use crate::plan::goals::FleetGoal;
use crate::rollout::Rollout;

/// The status of one fleet; none while nothing goes on with it.
pub(super) fn of(
    record: &EndpointRecord,
    deployment: &Deployment,
    goal: &FleetGoal,
) -> Option<ProductionVariantStatus> {
    if record.status == EndpointStatus::Creating {
        return Some(status(VariantStatus::Creating, creating(goal), record.deployment.started_at));
    }
    let update = record.update.as_ref().filter(|_| record.status.is_passing())?;
    let (word, message) = match &update.change {
        Change::Scale { .. } => (VariantStatus::Updating, scaling(&update.stage)),
        Change::Deploy { deployment: coming, .. } => {
            let is_coming = coming.generation == deployment.generation;
            deploying(update, coming, goal, is_coming)?
        }
    };
    Some(status(word, message, update.stage_since))
}

fn creating(goal: &FleetGoal) -> String {
    format!("Creating inference resources for {} instance(s).", goal.count)
}

fn scaling(stage: &Stage) -> String {
    match stage {
        Stage::RollingBack { .. } => "Going back to the former capacity and weights.".to_owned(),
        _ => "Updating capacity and weights.".to_owned(),
    }
}

fn deploying(
    update: &Update,
    coming: &Deployment,
    goal: &FleetGoal,
    is_coming: bool,
) -> Option<(VariantStatus, String)> {
    let Change::Deploy { deployment_config, .. } = &update.change else { return None };
    let rollout = Rollout::of(deployment_config.as_ref());
    match (&update.stage, is_coming) {
        (Stage::Provisioning { .. }, true) => Some((VariantStatus::Creating, creating(goal))),
        (Stage::Baking { step }, true) => {
            let is_last = step.saturating_add(1) >= rollout.steps(&coming.fleets);
            let seconds = rollout.wait_ms(is_last) / 1000;
            let member = if is_last && !rollout.is_rolling() {
                "TerminationWaitInSeconds"
            } else {
                "WaitIntervalInSeconds"
            };
            let stage = rollout.stage_name(*step, is_last);
            let message = format!(
                "Baking for {seconds} seconds ({member}) with traffic enabled on {stage} capacity of {} instance(s).",
                goal.active
            );
            Some((VariantStatus::Baking, message))
        }
        (Stage::Finishing, true) => {
            Some((VariantStatus::ActivatingTraffic, "All traffic is on this fleet.".to_owned()))
        }
        (Stage::Finishing, false) | (Stage::RollingBack { .. }, true) => {
            Some((VariantStatus::Deleting, "Terminating inference resources.".to_owned()))
        }
        (Stage::RollingBack { .. }, false) => {
            Some((VariantStatus::Updating, "Going back to this fleet.".to_owned()))
        }
        (Stage::Provisioning { .. } | Stage::Baking { .. }, false) => None,
    }
}

fn status(status: VariantStatus, message: String, since: Millis) -> ProductionVariantStatus {
    ProductionVariantStatus {
        status,
        status_message: Some(message),
        start_time: Some(Timestamp::from_millis(since.0)),
    }
}
