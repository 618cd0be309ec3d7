//! Checks a plan against the rules that always hold, from the outside.
//!
//! Why: a planner that checks itself while planning checks what its author thought of; this reads only the plan, the
//! record before it and what was seen. The executor runs it in debug builds, every test and simulation runs it.

use hostler_compute::InstanceState;
use hostler_types::{EndpointRecord, EndpointStatus, Fleet, Goal, InstanceId, InstanceIntent, Stage};

use super::{Action, Health, Plan, Sighting};

/// The broken rules, one sentence each; empty when all hold.
pub fn lint_plan(before: &EndpointRecord, seen: &[Sighting], plan: &Plan) -> Vec<String> {
    let mut broken = Vec::new();
    let after = plan.record.as_ref().unwrap_or(before);
    if before.status != after.status && !before.status.can_become(after.status) {
        broken.push(format!("illegal move {} -> {}", before.status, after.status));
    }
    if before.status != EndpointStatus::InService && after.status == EndpointStatus::InService {
        let healthy = |fleet: &&Fleet| {
            seen.iter().any(|sighting| {
                sighting.id.variant == fleet.variant
                    && sighting.id.generation == after.deployment.generation
                    && is_well(sighting)
            })
        };
        let mut fleets = after.deployment.fleets.iter().filter(|fleet| fleet.count > 0);
        // A creation needs all of its variants; what served already goes on healing one that cannot start.
        let is_healthy = match before.status {
            EndpointStatus::Creating => fleets.all(|fleet| healthy(&fleet)),
            _ => fleets.any(|fleet| healthy(&fleet)),
        };
        if !is_healthy {
            broken.push("InService without a healthy instance".to_owned());
        }
    }
    for action in &plan.actions {
        match action {
            Action::Launch(id) => lint_launch(id, after, seen, &mut broken),
            Action::Remove { id, .. } => {
                let is_wanted = after
                    .instances
                    .iter()
                    .any(|instance| instance.id == *id && instance.intent == InstanceIntent::Wanted);
                // A plan to forget writes no record down: what stands in the old one is wanted no more.
                if is_wanted && !plan.forget {
                    broken.push(format!("wanted instance `{id}` is removed"));
                }
                if is_routed(plan, id) {
                    broken.push(format!("instance `{id}` is removed while it is routed"));
                }
            }
        }
    }
    if plan.forget && !seen.is_empty() {
        broken.push("forgotten while instances are seen".to_owned());
    }
    if plan.forget && before.goal != Goal::Gone {
        broken.push("forgotten while it is to serve".to_owned());
    }
    lint_places(after, &mut broken);
    lint_service(before, after, seen, plan, &mut broken);
    broken
}

/// Whoever could answer before the plan is followed by somebody who can: nothing goes before it is made up for.
fn lint_service(
    before: &EndpointRecord,
    after: &EndpointRecord,
    seen: &[Sighting],
    plan: &Plan,
    broken: &mut Vec<String>,
) {
    if !before.status.is_serving() || !after.status.is_serving() || after.goal != Goal::Serve {
        return;
    }
    // From the point of no return on, what the coming deployment does not have is to go.
    let going_on = match &after.update {
        Some(update) if update.stage == Stage::Finishing => update.deployment().unwrap_or(&after.deployment),
        _ => &after.deployment,
    };
    let variants = before.deployment.fleets.iter().map(|fleet| &fleet.variant);
    for variant in variants.filter(|variant| going_on.fleet(variant).is_some()) {
        let could_answer = before.instances.iter().any(|instance| {
            instance.intent == InstanceIntent::Wanted
                && instance.healthy_at.is_some()
                && instance.id.variant == *variant
                && instance.id.generation == before.deployment.generation
                && seen.iter().any(|sighting| sighting.id == instance.id && is_well(sighting))
        });
        let fleets =
            plan.route.iter().flat_map(|route| &route.variants).filter(|fleet| fleet.name == *variant);
        if could_answer && !fleets.flat_map(|fleet| &fleet.instances).any(|instance| !instance.draining) {
            broken.push(format!("nobody takes requests for `{variant}`, though an instance could"));
        }
    }
    let turned_on = |record: &EndpointRecord| match record.update.as_ref().map(|update| &update.stage) {
        Some(Stage::Baking { step }) => i64::from(*step),
        Some(Stage::Finishing) => i64::MAX,
        _ => -1,
    };
    if let Some(update) = &after.update
        && turned_on(after) > turned_on(before)
        && let Some(coming) = update.deployment()
    {
        for fleet in &coming.fleets {
            let is_well = |sighting: &&Sighting| {
                sighting.id.generation == coming.generation
                    && sighting.id.variant == fleet.variant
                    && is_well(sighting)
            };
            if fleet.count > 0 && !seen.iter().any(|sighting| is_well(&sighting)) {
                broken.push(format!("traffic is turned on for `{}`, where nobody is healthy", fleet.variant));
            }
        }
    }
}

fn is_well(sighting: &Sighting) -> bool {
    matches!(sighting.state, InstanceState::Running { .. }) && !matches!(sighting.health, Health::Sick(_))
}

fn lint_launch(id: &InstanceId, after: &EndpointRecord, seen: &[Sighting], broken: &mut Vec<String>) {
    if seen.iter().any(|sighting| sighting.id == *id) {
        broken.push(format!("instance `{id}` is launched while it is there"));
    }
    if after.deployment_of(id.generation).is_none() || id.endpoint != after.uid {
        broken.push(format!("foreign instance `{id}` is launched"));
    }
    let is_written_down = after.instances.iter().any(|instance| {
        instance.id == *id && instance.intent == InstanceIntent::Wanted && !instance.was_seen
    });
    if !is_written_down {
        broken.push(format!("instance `{id}` is launched without being written down, or a second time"));
    }
}

fn lint_places(after: &EndpointRecord, broken: &mut Vec<String>) {
    for (index, instance) in after.instances.iter().enumerate() {
        let twin = after.instances[index + 1..].iter().any(|other| {
            let same_place = (other.id.generation, &other.id.variant, other.id.ordinal)
                == (instance.id.generation, &instance.id.variant, instance.id.ordinal);
            let both_wanted =
                other.intent == InstanceIntent::Wanted && instance.intent == InstanceIntent::Wanted;
            other.id == instance.id || same_place && both_wanted
        });
        if twin {
            broken.push(format!("the place of `{}` is filled twice", instance.id));
        }
    }
}

fn is_routed(plan: &Plan, id: &InstanceId) -> bool {
    let variants = plan.route.iter().flat_map(|route| &route.variants);
    variants.flat_map(|variant| &variant.instances).any(|instance| instance.id == *id)
}
