//! What the admin API says of an endpoint that changes: from what to what, how far it is, and what each fleet has.
//!
//! Why: a person who waits for an update wants the planner's own numbers; the record's form is nobody's business.
//! Invariants: pure. The parts of the traffic of all fleets add up to 1 while the endpoint serves.

use hostler_types::{
    Change, Deployment, EndpointRecord, Fleet, FleetSize, InstanceId, InstanceIntent, Stage, Update,
};
use serde_json::{Value, json};

use crate::plan::goals::{FleetGoal, goals};
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
    let goals = goals(record);
    let parts = traffic(record, &goals);
    let pairs = goals.iter().zip(parts);
    pairs.map(|(goal, part)| fleet(record, goal, part, &is_healthy)).collect()
}

fn fleet(
    record: &EndpointRecord,
    goal: &FleetGoal,
    part: f64,
    is_healthy: impl Fn(&InstanceId) -> bool,
) -> Value {
    let is_of_fleet = |id: &InstanceId| id.generation == goal.generation && id.variant == goal.variant;
    let instances = || record.instances.iter().filter(|instance| is_of_fleet(&instance.id));
    let wanted = || instances().filter(|instance| instance.intent == InstanceIntent::Wanted);
    let deployment = record.deployment_of(goal.generation);
    let fleet = deployment.and_then(|deployment| deployment.fleet(&goal.variant));
    json!({
        "Generation": goal.generation,
        "EndpointConfigName": deployment.map(|deployment| &deployment.config.endpoint_config_name),
        "Variant": goal.variant,
        "ModelName": fleet.map(|fleet| &fleet.model_name),
        "Wanted": goal.count,
        "Healthy": wanted().filter(|instance| is_healthy(&instance.id)).count(),
        "Leaving": instances().count() - wanted().count(),
        "Traffic": part,
    })
}

/// Each fleet's part of all requests, as the gateway draws.
fn traffic(record: &EndpointRecord, goals: &[FleetGoal]) -> Vec<f64> {
    if !record.status.is_serving() {
        return vec![0.0; goals.len()];
    }
    let by_weight: Vec<f64> = goals.iter().map(|goal| goal.weight * goal.share).collect();
    let is_weightless = by_weight.iter().all(|part| *part <= 0.0);
    let parts = if is_weightless { goals.iter().map(|goal| goal.share).collect() } else { by_weight };
    let whole: f64 = parts.iter().sum();
    parts.iter().map(|part| if whole > 0.0 { part / whole } else { 0.0 }).collect()
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

fn stage_word(stage: &Stage) -> &'static str {
    match stage {
        Stage::Provisioning { .. } => "Provisioning",
        Stage::Baking { .. } => "Baking",
        Stage::Finishing => "Finishing",
        Stage::RollingBack { .. } => "RollingBack",
    }
}
