//! What the gateway is to know: derived from the record and the sightings, never remembered.
//!
//! Invariants: only instances that passed their health check are listed; one that is not wanted is listed as draining
//! for as long as it runs, so that its requests are counted.

use std::net::SocketAddr;
use std::sync::Arc;

use hostler_compute::InstanceState;
use hostler_types::{
    EndpointRecord, EndpointRoute, Goal, InstanceId, InstanceIntent, InstanceRecord, InstanceRoute,
    VariantRoute, multi_model, pipeline,
};

use super::{Health, Step};

impl Step<'_> {
    pub(super) fn route(&self) -> Option<EndpointRoute> {
        let record: &EndpointRecord = &self.record;
        if record.goal != Goal::Serve || !record.status.is_serving() {
            return None;
        }
        let coming = self.coming_generation();
        let variants = self.goals().into_iter().map(|goal| VariantRoute {
            instances: record
                .instances
                .iter()
                .filter(|instance| {
                    instance.id.generation == goal.generation && instance.id.variant == goal.variant
                })
                .filter(|instance| {
                    // New ones may wait for a later step. Former ones that come back answer as soon as they can, and
                    // what is wanted beyond all places stands in for one of them.
                    let is_new = coming == Some(goal.generation);
                    let waits = is_new && (goal.active..goal.count).contains(&instance.id.ordinal);
                    instance.intent != InstanceIntent::Wanted || !waits
                })
                .filter_map(|instance| self.instance_route(instance))
                .collect(),
            instance_type: record
                .deployment_of(goal.generation)
                .and_then(|deployment| deployment.fleet(&goal.variant)?.instance_type.clone()),
            routing: record
                .deployment_of(goal.generation)
                .and_then(|deployment| deployment.routing(&goal.variant)),
            pipeline: record
                .deployment_of(goal.generation)
                .and_then(|deployment| deployment.model(&deployment.fleet(&goal.variant)?.model_name))
                .and_then(|model| pipeline(&model.request))
                .map(Arc::new),
            multi_model: record
                .deployment_of(goal.generation)
                .and_then(|deployment| deployment.model(&deployment.fleet(&goal.variant)?.model_name))
                .and_then(|model| multi_model(&model.request)),
            name: goal.variant,
            weight: goal.weight,
            share: goal.share,
        });
        let mut variants: Vec<VariantRoute> = variants.collect();
        // A fleet without a share and without instances is not there; one with a share waits for its instances.
        variants.retain(|route| route.share > 0.0 || !route.instances.is_empty());
        Some(EndpointRoute {
            key: record.key(),
            name: record.name.clone(),
            uid: record.uid.clone(),
            retries_lost: record.retries_lost(),
            limits: self.policy.limit_bounds.limits(&record.tags),
            variants,
        })
    }

    fn instance_route(&self, instance: &InstanceRecord) -> Option<InstanceRoute> {
        let mut addresses = self.addresses(&instance.id)?.into_iter();
        let address = addresses.next()?;
        let draining = match instance.intent {
            InstanceIntent::Wanted => {
                if !self.can_answer(&instance.id) {
                    return None;
                }
                false
            }
            InstanceIntent::Draining { .. } => true,
            InstanceIntent::Removing => return None,
        };
        Some(InstanceRoute { id: instance.id.clone(), address, further: addresses.collect(), draining })
    }

    fn addresses(&self, id: &InstanceId) -> Option<Vec<SocketAddr>> {
        let containers = self.sighting(id)?.state.containers();
        Some(containers.iter().map(|container| container.address).collect())
    }

    /// It runs, it passed its health check, and it has not failed it since. A restarted server that has not asked
    /// yet trusts what was written down: the gateway tries another instance if that was wrong.
    pub(super) fn can_answer(&self, id: &InstanceId) -> bool {
        let Some(sighting) = self.sighting(id) else { return false };
        let was_healthy =
            self.record.instances.iter().any(|instance| instance.id == *id && instance.healthy_at.is_some());
        matches!(sighting.state, InstanceState::Running { .. })
            && match sighting.health {
                Health::Healthy => true,
                Health::Unknown | Health::NotYet(_) => was_healthy,
                Health::Sick(_) => false,
            }
    }
}
