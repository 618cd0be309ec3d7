//! UpdateEndpointWeightsAndCapacities: the same deployment in other sizes.
//!
//! Invariants: the deployment's own sizes stay as they are until the new ones are reached, so that a failed scale-out
//! goes back to them.

use std::collections::BTreeSet;

use hostler_aws::ApiError;
use hostler_shapes::{
    DesiredWeightAndCapacity, UpdateEndpointWeightsAndCapacitiesInput,
    UpdateEndpointWeightsAndCapacitiesOutput,
};
use hostler_store::{Check, Expect};
use hostler_types::{Change, EndpointRecord, EndpointStatus, FleetSize};

use super::decided::Decided;
use super::update_endpoint::check_updatable;
use crate::control::{Caller, Control};
use crate::texts::{not_updatable, refused};

impl Control {
    pub(crate) async fn update_endpoint_weights_and_capacities(
        &self,
        caller: &Caller,
        input: UpdateEndpointWeightsAndCapacitiesInput,
    ) -> Result<UpdateEndpointWeightsAndCapacitiesOutput, ApiError> {
        let desired = &input.desired_weights_and_capacities;
        check_entries(desired)?;
        loop {
            let (stored, mut record) = self.endpoint(caller, &input.endpoint_name).await?;
            check_updatable(&record)?;
            if record.stranded.is_some() {
                let status = EndpointStatus::UpdateRollbackFailed;
                return Err(not_updatable(&record.scope, &record.name, status));
            }
            let sizes = sizes(&record, desired)?;
            let checks = vec![Check { key: stored.key, expect: Expect::Version(stored.version) }];
            let event = self.begin_update(caller, &mut record, Change::Scale { sizes });
            let decided = Decided { record, checks, event };
            if self.commit_endpoint(&decided).await? {
                let endpoint_arn = decided.record.arn().into();
                return Ok(UpdateEndpointWeightsAndCapacitiesOutput { endpoint_arn });
            }
        }
    }
}

fn check_entries(desired: &[DesiredWeightAndCapacity]) -> Result<(), ApiError> {
    let mut names = BTreeSet::new();
    for entry in desired {
        if !names.insert(entry.variant_name.as_str()) {
            return Err(ApiError::validation(format!(
                "The variant name \"{}\" was non-unique within the request.",
                entry.variant_name
            )));
        }
        if entry.serverless_update_config.is_some() {
            return Err(refused("ServerlessUpdateConfig", "serverless endpoints are not there"));
        }
        if entry.desired_instance_count == Some(0) {
            return Err(ApiError::validation(format!(
                "DesiredInstanceCount of production variant \"{}\" must be at least 1.",
                entry.variant_name
            )));
        }
    }
    Ok(())
}

/// The size of every fleet, in the deployment's order.
fn sizes(record: &EndpointRecord, desired: &[DesiredWeightAndCapacity]) -> Result<Vec<FleetSize>, ApiError> {
    let fleets = &record.deployment.fleets;
    let unknown: Vec<String> = desired
        .iter()
        .filter(|entry| !fleets.iter().any(|fleet| fleet.variant.as_str() == entry.variant_name))
        .map(|entry| format!("\"{}\"", entry.variant_name))
        .collect();
    if !unknown.is_empty() {
        return Err(ApiError::validation(format!(
            "The variant name(s) {} is/are not present within endpoint configuration \"{}\".",
            unknown.join(", "),
            record.config_name()
        )));
    }
    let size = |fleet: &hostler_types::Fleet| {
        let entry = desired.iter().find(|entry| fleet.variant.as_str() == entry.variant_name);
        let count = entry.and_then(|entry| entry.desired_instance_count);
        FleetSize {
            weight: entry.and_then(|entry| entry.desired_weight).unwrap_or(fleet.weight),
            count: count.and_then(|count| u32::try_from(count).ok()).unwrap_or(fleet.count),
        }
    };
    Ok(fleets.iter().map(size).collect())
}
