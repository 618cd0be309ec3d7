//! One moment of a course: what is decided then, and what each fleet has.
//!
//! Invariants: derived from the record before and after and from the plan; nothing is decided here.

use std::collections::BTreeMap;

use hostler_compute::InstanceState;
use hostler_types::{
    EndpointRecord, EndpointRoute, EndpointStatus, InstanceId, InstanceIntent, Stage, VariantName,
};

use crate::fleets::{FleetView, fleets};
use crate::plan::{Action, Health, Plan, Sighting};

/// What one plan brings.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Moment {
    /// From the beginning.
    pub(crate) at_ms: i64,
    pub(crate) status: EndpointStatus,
    pub(crate) stage: Option<Stage>,
    pub(crate) launched: Vec<InstanceId>,
    /// Get no new request from now on.
    pub(crate) drained: Vec<InstanceId>,
    pub(crate) removed: Vec<InstanceId>,
    pub(crate) fleets: Vec<FleetView>,
    /// Instances that exist then, by type; those without one under an empty name.
    pub(crate) present: BTreeMap<String, u32>,
    /// Of each variant, the instances that take requests.
    pub(crate) serving: BTreeMap<VariantName, u32>,
}

impl Moment {
    pub(super) fn between(
        at_ms: i64,
        before: &EndpointRecord,
        after: &EndpointRecord,
        seen: &[Sighting],
        plan: &Plan,
    ) -> Self {
        let is_wanted = |record: &EndpointRecord, id: &InstanceId| {
            let mut known = record.instances.iter();
            known.any(|known| known.id == *id && known.intent == InstanceIntent::Wanted)
        };
        let drained = after.instances.iter().filter(|instance| {
            matches!(instance.intent, InstanceIntent::Draining { .. }) && is_wanted(before, &instance.id)
        });
        let launched = plan.actions.iter().filter_map(|action| match action {
            Action::Launch(id) => Some(id.clone()),
            Action::Remove { .. } => None,
        });
        let removed = plan.actions.iter().filter_map(|action| match action {
            Action::Remove { id, .. } => Some(id.clone()),
            Action::Launch(_) => None,
        });
        Self {
            at_ms,
            status: after.status,
            stage: after.update.as_ref().map(|update| update.stage.clone()),
            launched: launched.collect(),
            drained: drained.map(|instance| instance.id.clone()).collect(),
            removed: removed.collect(),
            fleets: fleets(after, |id| is_healthy(after, seen, id)),
            present: present(after),
            serving: serving(plan.route.as_ref()),
        }
    }

    /// Whether there is anything to tell.
    pub(super) fn is_news_after(&self, former: Option<&Self>) -> bool {
        let is_quiet = self.launched.is_empty() && self.drained.is_empty() && self.removed.is_empty();
        // That an instance which was removed is gone is no news.
        let stays = |fleet: &FleetView| FleetView { leaving: 0, ..fleet.clone() };
        let fleets = |moment: &Self| moment.fleets.iter().map(stays).collect::<Vec<_>>();
        let is_same = former.is_some_and(|former| {
            (former.status, &former.stage) == (self.status, &self.stage) && fleets(former) == fleets(self)
        });
        !(is_quiet && is_same)
    }
}

/// As a restarted server has it: what was healthy and is not seen ill can answer.
fn is_healthy(record: &EndpointRecord, seen: &[Sighting], id: &InstanceId) -> bool {
    let was_healthy =
        record.instances.iter().any(|instance| instance.id == *id && instance.healthy_at.is_some());
    let mut sightings = seen.iter().filter(|sighting| sighting.id == *id);
    sightings.any(|sighting| {
        was_healthy
            && matches!(sighting.state, InstanceState::Running { .. })
            && !matches!(sighting.health, Health::Sick(_))
    })
}

/// The instances that exist, by type.
pub(crate) fn present(record: &EndpointRecord) -> BTreeMap<String, u32> {
    let mut counts = BTreeMap::new();
    for instance in &record.instances {
        let deployment = record.deployment_of(instance.id.generation);
        let fleet = deployment.and_then(|deployment| deployment.fleet(&instance.id.variant));
        let name = fleet.and_then(|fleet| fleet.instance_type.clone()).unwrap_or_default();
        *counts.entry(name).or_default() += 1;
    }
    counts
}

/// A fleet of share 0 answers only where no other of the variant can.
fn serving(route: Option<&EndpointRoute>) -> BTreeMap<VariantName, u32> {
    let mut counts = BTreeMap::new();
    for fleet in route.iter().flat_map(|route| &route.variants).filter(|fleet| fleet.share > 0.0) {
        let taking = fleet.instances.iter().filter(|instance| !instance.draining).count();
        *counts.entry(fleet.name.clone()).or_default() += u32::try_from(taking).unwrap_or(u32::MAX);
    }
    counts
}
