//! What the admin API says of an endpoint that changes: from what to what, how far it is, and what each fleet has.
//!
//! Why: a person who waits for an update wants the planner's own numbers; the record's form is nobody's business.
//! Invariants: pure; the numbers are the planner's.

use hostler_types::{Change, Deployment, EndpointRecord, Fleet, FleetSize, InstanceId, Stage, Update};
use serde_json::{Value, json};

use crate::fleets::FleetView;
use crate::rollout::Rollout;

/// The change on its way.
pub(super) fn update(record: &EndpointRecord) -> Option<Value> {
    let update = record.update.as_ref()?;
    let mut view = json!({
        "From": deployment(&record.deployment),
        "StartedAt": update.started_at,
        "Stage": stage_word(&update.stage),
        "StageSince": update.stage_since,
    });
    match &update.change {
        Change::Deploy { deployment: coming, deployment_config } => {
            view["Kind"] = json!("Deploy");
            view["To"] = deployment(coming);
            set_step(&mut view, update, coming, Rollout::of(deployment_config.as_ref()));
        }
        Change::Scale { sizes } => {
            view["Kind"] = json!("Scale");
            view["To"] = deployment(&record.deployment);
            let pairs = record.deployment.fleets.iter().zip(sizes);
            view["Sizes"] = pairs.map(|(fleet, size)| sizes_of(fleet, size)).collect();
        }
    }
    Some(view)
}

/// A deployment by its names.
pub(super) fn deployment(deployment: &Deployment) -> Value {
    json!({
        "EndpointConfigName": deployment.config.endpoint_config_name,
        "Generation": deployment.generation,
    })
}

/// What each fleet in play is to have and has.
pub(super) fn fleets(record: &EndpointRecord, is_healthy: impl Fn(&InstanceId) -> bool) -> Vec<Value> {
    let views = crate::fleets::fleets(record, is_healthy);
    views.iter().map(|view| fleet(record, view)).collect()
}

/// One fleet, with the names of what it runs.
pub(super) fn fleet(record: &EndpointRecord, view: &FleetView) -> Value {
    let deployment = record.deployment_of(view.generation);
    let fleet = deployment.and_then(|deployment| deployment.fleet(&view.variant));
    json!({
        "Generation": view.generation,
        "EndpointConfigName": deployment.map(|deployment| &deployment.config.endpoint_config_name),
        "Variant": view.variant,
        "ModelName": fleet.map(|fleet| &fleet.model_name),
        "Wanted": view.wanted,
        "Healthy": view.healthy,
        "Leaving": view.leaving,
        "Traffic": view.traffic,
    })
}

fn set_step(view: &mut Value, update: &Update, coming: &Deployment, rollout: Rollout) {
    let steps = rollout.steps(&coming.fleets);
    view["Steps"] = json!(steps);
    let (Stage::Provisioning { step } | Stage::Baking { step } | Stage::RollingBack { step, .. }) =
        &update.stage
    else {
        return;
    };
    view["Step"] = json!(step.saturating_add(1));
    if matches!(update.stage, Stage::RollingBack { .. }) {
        return;
    }
    let is_last = step.saturating_add(1) >= steps;
    view["StepName"] = json!(rollout.stage_name(*step, is_last));
    if matches!(update.stage, Stage::Baking { .. }) {
        view["StageUntil"] = json!(update.stage_since.plus(rollout.wait_ms(is_last)));
    }
}

fn sizes_of(fleet: &Fleet, size: &FleetSize) -> Value {
    json!({
        "Variant": fleet.variant,
        "Count": fleet.count, "NewCount": size.count,
        "Weight": fleet.weight, "NewWeight": size.weight,
    })
}

pub(super) fn stage_word(stage: &Stage) -> &'static str {
    match stage {
        Stage::Provisioning { .. } => "Provisioning",
        Stage::Baking { .. } => "Baking",
        Stage::Finishing => "Finishing",
        Stage::RollingBack { .. } => "RollingBack",
    }
}
