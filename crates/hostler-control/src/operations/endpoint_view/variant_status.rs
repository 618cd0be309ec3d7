//! VariantStatus: what goes on with a variant while its endpoint is created or updated.
//!
//! Source: the five words are the service model's. Of the messages AWS documents one, for baking; the others are made
//! after it.

use hostler_shapes::{ProductionVariantStatus, Timestamp, VariantStatus};
use hostler_types::{Change, Deployment, EndpointRecord, EndpointStatus, Millis, Stage, Update, VariantName};

use crate::plan::goals::{FleetGoal, rollout_of};
use crate::rollout::Rollout;

/// The status of one fleet; none while nothing goes on with it.
pub(super) fn of(
    record: &EndpointRecord,
    deployment: &Deployment,
    variant: &VariantName,
    goals: &[FleetGoal],
) -> Option<ProductionVariantStatus> {
    let of_side = |generation: u64| {
        let mut fleets = goals.iter().filter(move |goal| goal.generation == generation);
        fleets.find(|goal| goal.variant == *variant)
    };
    if record.status == EndpointStatus::Creating {
        let creating = creating(of_side(deployment.generation)?.count);
        return Some(status(VariantStatus::Creating, creating, record.deployment.started_at));
    }
    let is_on_its_way = matches!(record.status, EndpointStatus::Updating | EndpointStatus::RollingBack);
    let update = record.update.as_ref().filter(|_| is_on_its_way)?;
    let (word, message) = match &update.change {
        Change::Scale { .. } => (VariantStatus::Updating, scaling(&update.stage)),
        Change::Deploy { deployment: coming, deployment_config } => {
            let rollout = rollout_of(record, deployment_config.as_ref());
            let is_coming = coming.generation == deployment.generation;
            // A variant that only goes is told of the stage, which is the same for all.
            let side = of_side(coming.generation);
            let (count, active) = side.map_or((0, 0), |goal| (goal.count, goal.active));
            deploying(update, rollout, rollout.steps(&coming.fleets), Side { is_coming, count, active })?
        }
    };
    Some(status(word, message, update.stage_since))
}

/// Which side is told of, and what the coming one has.
struct Side {
    is_coming: bool,
    count: u32,
    active: u32,
}

fn creating(count: u32) -> String {
    format!("Creating inference resources for {count} instance(s).")
}

fn scaling(stage: &Stage) -> String {
    match stage {
        Stage::RollingBack { .. } => "Going back to the former capacity and weights.".to_owned(),
        _ => "Updating capacity and weights.".to_owned(),
    }
}

fn deploying(update: &Update, rollout: Rollout, steps: u32, side: Side) -> Option<(VariantStatus, String)> {
    let Side { is_coming, count, active } = side;
    match &update.stage {
        Stage::Provisioning { step } if *step == 0 || rollout.is_rolling() => {
            Some((VariantStatus::Creating, creating(count)))
        }
        Stage::Provisioning { .. } => {
            Some((VariantStatus::ActivatingTraffic, "Turning on traffic for the next step.".to_owned()))
        }
        Stage::Baking { step } => {
            let is_last = step.saturating_add(1) >= steps;
            let seconds = rollout.wait_ms(is_last) / 1000;
            let member = if is_last && !rollout.is_rolling() {
                "TerminationWaitInSeconds"
            } else {
                "WaitIntervalInSeconds"
            };
            let stage = rollout.stage_name(*step, is_last);
            let message = format!(
                "Baking for {seconds} seconds ({member}) with traffic enabled on {stage} capacity of {active} instance(s)."
            );
            Some((VariantStatus::Baking, message))
        }
        Stage::Finishing if is_coming => None,
        Stage::RollingBack { .. } if !is_coming => {
            Some((VariantStatus::Updating, "Going back to this fleet.".to_owned()))
        }
        Stage::Finishing | Stage::RollingBack { .. } => {
            Some((VariantStatus::Deleting, "Terminating inference resources.".to_owned()))
        }
    }
}

fn status(status: VariantStatus, message: String, since: Millis) -> ProductionVariantStatus {
    ProductionVariantStatus {
        status,
        status_message: Some(message),
        start_time: Some(Timestamp::from_millis(since.0)),
    }
}
