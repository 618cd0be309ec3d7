//! UpdateEndpoint: another config takes over.
//!
//! Why: like creation it takes a snapshot and sets a goal; the way there is the planner's. The former deployment stays
//! in the record until the new one has come, so that going back needs nothing but the record.
//! Invariants: refused while anything else is on its way; committed only while the endpoint, the config and the models
//! are the versions it read.

use hostler_aws::ApiError;
use hostler_shapes::{UpdateEndpointInput, UpdateEndpointOutput, VariantPropertyType};
use hostler_store::{Check, Event, Expect};
use hostler_types::{Change, Deployment, EndpointRecord, EndpointStatus, Goal, RECORD_SCHEMA, Stage, Update};

use super::decided::Decided;
use super::deployment_config::{check_deployment_config, check_portions, deployment_config_notes};
use crate::control::{Caller, Control};
use crate::history::{self, By};
use crate::texts::{in_progress, not_updatable};

impl Control {
    pub(crate) async fn update_endpoint(
        &self,
        caller: &Caller,
        input: UpdateEndpointInput,
    ) -> Result<UpdateEndpointOutput, ApiError> {
        loop {
            let decided = self.decide_update(caller, &input).await?;
            if self.commit_endpoint(&decided).await? {
                return Ok(UpdateEndpointOutput { endpoint_arn: decided.record.arn().into() });
            }
        }
    }

    /// What an update would write down; nothing is.
    pub(crate) async fn decide_update(
        &self,
        caller: &Caller,
        input: &UpdateEndpointInput,
    ) -> Result<Decided, ApiError> {
        check_deployment_config(input.deployment_config.as_ref())?;
        let (stored, mut record) = self.endpoint(caller, &input.endpoint_name).await?;
        check_updatable(&record)?;
        let mut checks = vec![Check { key: stored.key, expect: Expect::Version(stored.version) }];
        if self.parts.settings.strict_aws {
            // AWS needs the former config, and says so as if it were the new one.
            self.endpoint_config(caller, record.config_name()).await?;
        }
        let generation = record.newest_generation().saturating_add(1);
        let mut deployment =
            self.snapshot(caller, &input.endpoint_config_name, generation, &mut checks).await?;
        retain_sizes(&mut deployment, &record.deployment, input);
        let is_retained = input.retain_deployment_config == Some(true);
        let retained = record.deployment_config.clone().filter(|_| is_retained);
        let deployment_config = input.deployment_config.clone().or(retained);
        check_portions(deployment_config.as_ref(), &deployment.fleets)?;
        record.notes = deployment_config_notes(deployment_config.as_ref(), false);
        record.generations = generation;
        let change = Change::Deploy { deployment: Box::new(deployment), deployment_config };
        let event = self.begin_update(caller, &mut record, change);
        Ok(Decided { record, checks, event })
    }

    /// Makes the record that of an endpoint whose update begins now, and gives the event that tells of it.
    pub(super) fn begin_update(&self, caller: &Caller, record: &mut EndpointRecord, change: Change) -> Event {
        let now = self.parts.clock.now();
        let (from, operation) = (record.status, history::update(record, &change));
        record.schema = RECORD_SCHEMA;
        record.status = EndpointStatus::Updating;
        record.modified_at = record.modified_at.max(now);
        record.update = Some(Update {
            change,
            started_at: now,
            stage: Stage::Provisioning { step: 0 },
            stage_since: now,
        });
        record.forget_places();
        By { caller, at: now }.changed_endpoint(record, Some(from), operation)
    }
}

/// Whether an update may begin.
pub(super) fn check_updatable(record: &EndpointRecord) -> Result<(), ApiError> {
    let status = record.status;
    if record.goal == Goal::Gone || status.is_passing() {
        return Err(in_progress(&record.scope, &record.name));
    }
    if !status.can_become(EndpointStatus::Updating) {
        return Err(not_updatable(&record.scope, &record.name, status));
    }
    Ok(())
}

/// RetainAllVariantProperties: variants that go on keep the sizes they have now, except what is excluded.
fn retain_sizes(deployment: &mut Deployment, former: &Deployment, input: &UpdateEndpointInput) {
    if input.retain_all_variant_properties != Some(true) {
        return;
    }
    let is_excluded = |property: VariantPropertyType| {
        let excluded = input.exclude_retained_variant_properties.iter().flatten();
        excluded.into_iter().any(|excluded| excluded.variant_property_type == property)
    };
    for fleet in &mut deployment.fleets {
        let Some(before) = former.fleet(&fleet.variant) else { continue };
        if !is_excluded(VariantPropertyType::DesiredInstanceCount) {
            fleet.count = before.count;
        }
        if !is_excluded(VariantPropertyType::DesiredWeight) {
            fleet.weight = before.weight;
        }
    }
}
