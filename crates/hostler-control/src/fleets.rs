//! What each fleet in play is to have and has: the numbers that `describe` shows and that a plan foretells.
//!
//! Why: both must show the planner's own numbers, and the same ones, or a person compares two different things.
//! Invariants: pure. The parts of the traffic of all fleets add up to 1 while the endpoint serves.

use hostler_types::{EndpointRecord, InstanceId, InstanceIntent, VariantName};

use crate::plan::goals::{FleetGoal, goals};

/// One fleet at one moment.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FleetView {
    pub(crate) generation: u64,
    pub(crate) variant: VariantName,
    /// Places that are to be filled.
    pub(crate) wanted: u32,
    /// Wanted instances that can answer.
    pub(crate) healthy: usize,
    /// Instances on their way out.
    pub(crate) leaving: usize,
    /// The part of all requests, as the gateway draws.
    pub(crate) traffic: f64,
}

/// Every fleet in play, in the order of deployments and configs.
pub(crate) fn fleets(record: &EndpointRecord, is_healthy: impl Fn(&InstanceId) -> bool) -> Vec<FleetView> {
    let goals = goals(record);
    let parts = traffic(record, &goals);
    let pairs = goals.into_iter().zip(parts);
    pairs.map(|(goal, part)| fleet(record, goal, part, &is_healthy)).collect()
}

fn fleet(
    record: &EndpointRecord,
    goal: FleetGoal,
    traffic: f64,
    is_healthy: impl Fn(&InstanceId) -> bool,
) -> FleetView {
    let is_of_fleet = |id: &InstanceId| id.generation == goal.generation && id.variant == goal.variant;
    let instances = || record.instances.iter().filter(|instance| is_of_fleet(&instance.id));
    let wanted = || instances().filter(|instance| instance.intent == InstanceIntent::Wanted);
    let healthy = wanted().filter(|instance| is_healthy(&instance.id)).count();
    let leaving = instances().count() - wanted().count();
    FleetView {
        generation: goal.generation,
        wanted: goal.count,
        variant: goal.variant,
        healthy,
        leaving,
        traffic,
    }
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
