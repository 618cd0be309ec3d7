//! What DescribeEndpoint shows of a record.
//!
//! Why: the view is a pure function, so that its shape can be checked without a server.
//! Invariants: while an endpoint is created, its variants stand in PendingDeploymentSummary only; afterwards they
//! stand in ProductionVariants. A count is of instances that passed their health check.

use hostler_shapes::{
    CaptureStatus, DataCaptureConfigSummary, DeployedImage, DescribeEndpointOutput, PendingDeploymentSummary,
    PendingProductionVariantSummary, ProductionVariant, ProductionVariantSummary, Timestamp,
};
use hostler_types::{EndpointRecord, EndpointStatus, Fleet, InstanceIntent};

pub(super) fn describe(record: &EndpointRecord) -> DescribeEndpointOutput {
    let config = &record.deployment.config;
    let is_creating = record.status == EndpointStatus::Creating;
    let status = hostler_shapes::EndpointStatus::from_value(record.status.as_str())
        .expect("both enums are AWS's, a test compares them");
    DescribeEndpointOutput {
        endpoint_name: record.name.clone(),
        endpoint_arn: record.arn().into(),
        endpoint_config_name: Some(record.config_name().to_owned()),
        production_variants: (!is_creating).then(|| each(record, summary)),
        data_capture_config: config.data_capture_config.as_ref().map(|capture| DataCaptureConfigSummary {
            enable_capture: capture.enable_capture.unwrap_or(false),
            capture_status: CaptureStatus::Stopped,
            current_sampling_percentage: capture.initial_sampling_percentage,
            destination_s3_uri: capture.destination_s3_uri.clone(),
            kms_key_id: capture.kms_key_id.clone().unwrap_or_default(),
        }),
        endpoint_status: status,
        failure_reason: record.failure_reason.clone(),
        creation_time: Timestamp::from_millis(record.created_at.0),
        last_modified_time: Timestamp::from_millis(record.modified_at.0),
        last_deployment_config: None,
        async_inference_config: config.async_inference_config.clone(),
        pending_deployment_summary: is_creating.then(|| PendingDeploymentSummary {
            endpoint_config_name: record.config_name().to_owned(),
            production_variants: Some(each(record, pending)),
            start_time: Some(Timestamp::from_millis(record.deployment.started_at.0)),
            shadow_production_variants: None,
        }),
        explainer_config: config.explainer_config.clone(),
        shadow_production_variants: None,
        metrics_config: config.metrics_config.clone(),
        cross_region_traffic_config: config.cross_region_traffic_config.clone(),
    }
}

fn each<T>(
    record: &EndpointRecord,
    view: impl Fn(&EndpointRecord, &Fleet, &ProductionVariant) -> T,
) -> Vec<T> {
    let deployment = &record.deployment;
    let pairs = deployment.fleets.iter().zip(&deployment.config.production_variants);
    pairs.map(|(fleet, variant)| view(record, fleet, variant)).collect()
}

fn summary(record: &EndpointRecord, fleet: &Fleet, variant: &ProductionVariant) -> ProductionVariantSummary {
    ProductionVariantSummary {
        variant_name: variant.variant_name.clone(),
        deployed_images: deployed_images(record, fleet),
        current_weight: Some(fleet.weight),
        desired_weight: Some(fleet.weight),
        current_instance_count: Some(healthy_count(record, fleet)),
        desired_instance_count: Some(count(fleet.count)),
        instance_pools: None,
        variant_status: None,
        current_serverless_config: None,
        desired_serverless_config: None,
        managed_instance_scaling: None,
        routing_config: variant.routing_config.clone(),
        capacity_reservation_config: None,
        accelerator_partition_layouts: None,
    }
}

fn pending(
    record: &EndpointRecord,
    fleet: &Fleet,
    variant: &ProductionVariant,
) -> PendingProductionVariantSummary {
    PendingProductionVariantSummary {
        variant_name: variant.variant_name.clone(),
        deployed_images: deployed_images(record, fleet),
        current_weight: Some(0.0),
        desired_weight: Some(fleet.weight),
        current_instance_count: Some(healthy_count(record, fleet)),
        desired_instance_count: Some(count(fleet.count)),
        instance_type: variant.instance_type,
        instance_pools: None,
        accelerator_type: variant.accelerator_type,
        variant_status: None,
        current_serverless_config: None,
        desired_serverless_config: None,
        managed_instance_scaling: None,
        routing_config: variant.routing_config.clone(),
        accelerator_partition_layouts: None,
    }
}

/// No image is pulled, so none has a digest: the resolved name is the one that was given.
fn deployed_images(record: &EndpointRecord, fleet: &Fleet) -> Option<Vec<DeployedImage>> {
    let model = record.deployment.model(&fleet.model_name)?;
    let containers = model.request.primary_container.iter().chain(model.request.containers.iter().flatten());
    let image = |container: &hostler_shapes::ContainerDefinition| DeployedImage {
        specified_image: container.image.clone(),
        resolved_image: container.image.clone(),
        resolution_time: Some(Timestamp::from_millis(record.deployment.started_at.0)),
    };
    Some(containers.map(image).collect())
}

fn healthy_count(record: &EndpointRecord, fleet: &Fleet) -> i32 {
    let generation = record.deployment.generation;
    let healthy = record.instances.iter().filter(|instance| {
        instance.intent == InstanceIntent::Wanted
            && instance.healthy_at.is_some()
            && instance.id.generation == generation
            && instance.id.variant == fleet.variant
    });
    count(u32::try_from(healthy.count()).unwrap_or(u32::MAX))
}

fn count(instances: u32) -> i32 {
    i32::try_from(instances).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    #[test]
    fn both_status_enums_hold_the_same_words() {
        let mut ours: Vec<&str> =
            hostler_types::EndpointStatus::ALL.iter().map(|status| status.as_str()).collect();
        let mut theirs = hostler_shapes::EndpointStatus::VALUES.to_vec();
        ours.sort_unstable();
        theirs.sort_unstable();
        assert_eq!(ours, theirs);
    }
}
