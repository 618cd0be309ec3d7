//! What a plan says in sentences: what is assumed, what becomes of a failure, what changes and what does not.
//!
//! Invariants: pure; a sentence states what the record and the course say, nothing more.

use hostler_types::{Deployment, EndpointRecord, Fleet, Stage};

use crate::foresee::{Course, Pace};
use crate::rollout::Rollout;

pub(super) fn assumptions(coming: &Deployment, course: &Course, pace: &Pace) -> Vec<String> {
    let mut assumed = vec![
        "nothing fails; every launch becomes healthy".to_owned(),
        "requests in flight and stops take no time, so that it takes at least as long as is said here"
            .to_owned(),
    ];
    let is_launched = |fleet: &&Fleet| {
        let mut launched = course.moments.iter().flat_map(|moment| &moment.launched);
        launched.any(|id| id.generation == coming.generation && id.variant == fleet.variant)
    };
    let fleets = coming.fleets.iter().filter(is_launched);
    assumed.extend(fleets.map(|fleet| pace.assumption(&fleet.variant)));
    assumed
}

pub(super) fn on_failure(
    before: Option<&EndpointRecord>,
    record: &EndpointRecord,
    course: &Course,
    rollout: Rollout,
) -> String {
    let Some(before) = before else {
        return "if an instance cannot start, the endpoint becomes Failed: every instance is removed, and \
                FailureReason says why"
            .to_owned();
    };
    let within = match rollout.timeout_ms() {
        Some(ms) => format!(", or it takes more than {} s", ms / 1000),
        None => String::new(),
    };
    let former = format!("{} (generation {})", before.config_name(), before.deployment.generation);
    let how = if record.stranded.is_some() {
        "what serves now of both deployments goes on"
    } else if rollout.is_rolling() {
        "those of its instances that left are launched again, then the new ones leave"
    } else {
        "its instances take all requests at once, then the new ones leave"
    };
    let finishing = course.moments.iter().find(|moment| moment.stage == Some(Stage::Finishing));
    let until = match finishing {
        Some(moment) => format!("; from {:.1} s on there is no way back", moment.at_ms as f64 / 1000.0),
        None => String::new(),
    };
    format!("if a new instance cannot start{within}: back to {former}, {how}{until}")
}

/// What changes, and what stays as it is.
pub(super) fn changes(before: Option<&EndpointRecord>, coming: &Deployment) -> (Vec<String>, Vec<String>) {
    let Some(before) = before else { return (Vec::new(), Vec::new()) };
    let former = &before.deployment;
    let (mut changes, mut unchanged) = (Vec::new(), Vec::new());
    let fleets = former.fleets.iter().filter(|fleet| coming.fleet(&fleet.variant).is_none());
    changes.extend(fleets.map(|fleet| format!("variant {} goes", fleet.variant)));
    for fleet in &coming.fleets {
        let Some(twin) = former.fleet(&fleet.variant) else {
            changes.push(format!("variant {} comes", fleet.variant));
            continue;
        };
        let (mut own_changes, mut same) = (Vec::new(), Vec::new());
        let mut compare = |what: &str, was: String, is: String| {
            if was == is {
                same.push(format!("{what} {is}"));
            } else {
                own_changes.push(format!("{what} {was} -> {is}"));
            }
        };
        let of_type = |fleet: &Fleet| fleet.instance_type.clone().unwrap_or_else(|| "none".to_owned());
        let model = |deployment: &Deployment, fleet: &Fleet| {
            deployment.model(&fleet.model_name).map(|model| model.created_at)
        };
        let is_recreated = model(former, twin) != model(coming, fleet) && twin.model_name == fleet.model_name;
        let again = if is_recreated { " (created anew since)" } else { "" };
        compare("model", twin.model_name.clone(), format!("{}{again}", fleet.model_name));
        compare("type", of_type(twin), of_type(fleet));
        compare("count", twin.count.to_string(), fleet.count.to_string());
        compare("weight", twin.weight.to_string(), fleet.weight.to_string());
        let of_variant = |list: Vec<String>| format!("{}: {}", fleet.variant, list.join(", "));
        if !own_changes.is_empty() {
            changes.push(of_variant(own_changes));
        }
        if !same.is_empty() {
            unchanged.push(of_variant(same));
        }
    }
    if changes.is_empty() {
        unchanged
            .push("the same models in the same sizes; every instance is replaced all the same".to_owned());
    }
    unchanged.push("the endpoint's name, ARN and tags; it answers all the way through".to_owned());
    (changes, unchanged)
}
