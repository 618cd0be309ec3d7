//! What DescribeEndpoint shows of a record.
//!
//! Why: the view is a pure function, so that its shape can be checked without a server.
//! Invariants: until an endpoint first serves, its variants stand in PendingDeploymentSummary only; afterwards those of
//! the deployment it runs stand in ProductionVariants, and those of one that comes in PendingDeploymentSummary. A count
//! is of instances that passed their health check.

mod variant_status;

use hostler_shapes::{
    CaptureStatus, DataCaptureConfigSummary, DeployedImage, DescribeEndpointOutput, PendingDeploymentSummary,
    PendingProductionVariantSummary, ProductionVariant, ProductionVariantStatus, ProductionVariantSummary,
    Timestamp,
};
use hostler_types::{
    Change, Deployment, EndpointRecord, EndpointStatus, Fleet, FleetSize, InstanceIntent, Stage, Update,
};

use crate::plan::goals::{FleetGoal, goals};

pub(super) fn describe(record: &EndpointRecord) -> DescribeEndpointOutput {
    let config = &record.deployment.config;
    let is_creating = record.status == EndpointStatus::Creating;
    let status = hostler_shapes::EndpointStatus::from_value(record.status.as_str())
        .expect("both enums are AWS's, a test compares them");
    let view = View { record, goals: goals(record) };
    let has_deployed = !is_creating && record.status != EndpointStatus::Failed;
    DescribeEndpointOutput {
        endpoint_name: record.name.clone(),
        endpoint_arn: record.arn().into(),
        endpoint_config_name: Some(record.config_name().to_owned()),
        production_variants: (!is_creating).then(|| view.each(&record.deployment, View::summary)),
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
        last_deployment_config: has_deployed.then(|| record.deployment_config.clone()).flatten(),
        async_inference_config: config.async_inference_config.clone(),
        pending_deployment_summary: view.pending_deployment(),
        explainer_config: config.explainer_config.clone(),
        shadow_production_variants: None,
        metrics_config: config.metrics_config.clone(),
        cross_region_traffic_config: config.cross_region_traffic_config.clone(),
    }
}

struct View<'a> {
    record: &'a EndpointRecord,
    goals: Vec<FleetGoal>,
}

impl View<'_> {
    /// What is on its way: the creation, or another deployment.
    fn pending_deployment(&self) -> Option<PendingDeploymentSummary> {
        let record = self.record;
        let pending = match (record.status, &record.update) {
            (EndpointStatus::Creating, _) => &record.deployment,
            (EndpointStatus::Updating | EndpointStatus::RollingBack, Some(update)) => update.deployment()?,
            _ => return None,
        };
        Some(PendingDeploymentSummary {
            endpoint_config_name: pending.config.endpoint_config_name.clone(),
            production_variants: Some(self.each(pending, Self::pending)),
            start_time: Some(Timestamp::from_millis(pending.started_at.0)),
            shadow_production_variants: None,
        })
    }

    fn each<T>(
        &self,
        deployment: &Deployment,
        view: impl Fn(&Self, &Deployment, &Fleet, &ProductionVariant) -> T,
    ) -> Vec<T> {
        let pairs = deployment.fleets.iter().zip(&deployment.config.production_variants);
        pairs.map(|(fleet, variant)| view(self, deployment, fleet, variant)).collect()
    }

    fn summary(
        &self,
        deployment: &Deployment,
        fleet: &Fleet,
        variant: &ProductionVariant,
    ) -> ProductionVariantSummary {
        let desired = self.desired(fleet);
        ProductionVariantSummary {
            variant_name: variant.variant_name.clone(),
            deployed_images: deployed_images(deployment, fleet),
            current_weight: Some(self.current_weight(deployment, fleet)),
            desired_weight: Some(desired.weight),
            current_instance_count: Some(self.healthy_count(deployment, fleet)),
            desired_instance_count: Some(count(desired.count)),
            instance_pools: None,
            variant_status: self.variant_status(deployment, fleet),
            current_serverless_config: None,
            desired_serverless_config: None,
            managed_instance_scaling: None,
            routing_config: variant.routing_config.clone(),
            capacity_reservation_config: None,
            accelerator_partition_layouts: None,
        }
    }

    fn pending(
        &self,
        deployment: &Deployment,
        fleet: &Fleet,
        variant: &ProductionVariant,
    ) -> PendingProductionVariantSummary {
        PendingProductionVariantSummary {
            variant_name: variant.variant_name.clone(),
            deployed_images: deployed_images(deployment, fleet),
            current_weight: Some(self.current_weight(deployment, fleet)),
            desired_weight: Some(fleet.weight),
            current_instance_count: Some(self.healthy_count(deployment, fleet)),
            desired_instance_count: Some(count(fleet.count)),
            instance_type: variant.instance_type,
            instance_pools: None,
            accelerator_type: variant.accelerator_type,
            variant_status: self.variant_status(deployment, fleet),
            current_serverless_config: None,
            desired_serverless_config: None,
            managed_instance_scaling: None,
            routing_config: variant.routing_config.clone(),
            accelerator_partition_layouts: None,
        }
    }

    fn goal(&self, deployment: &Deployment, fleet: &Fleet) -> Option<&FleetGoal> {
        self.goals
            .iter()
            .find(|goal| goal.generation == deployment.generation && goal.variant == fleet.variant)
    }

    /// What it gets of the traffic by now, in the measure of its own weight.
    fn current_weight(&self, deployment: &Deployment, fleet: &Fleet) -> f64 {
        match self.record.update.as_ref().map(|update| (&update.change, &update.stage)) {
            _ if self.record.status == EndpointStatus::Creating => 0.0,
            Some((Change::Scale { .. }, Stage::Finishing)) => self.desired(fleet).weight,
            Some((Change::Deploy { .. }, _)) => {
                self.goal(deployment, fleet).map_or(0.0, |goal| fleet.weight * goal.share)
            }
            _ => fleet.weight,
        }
    }

    /// The size that is wanted of a fleet of the deployment that runs.
    fn desired(&self, fleet: &Fleet) -> FleetSize {
        let fleets = &self.record.deployment.fleets;
        let index = fleets.iter().position(|other| other.variant == fleet.variant);
        let scaled = match &self.record.update {
            // What a rollback gives up is wanted no more.
            Some(Update { change: Change::Scale { sizes }, stage, .. })
                if !matches!(stage, Stage::RollingBack { .. }) =>
            {
                index.and_then(|index| sizes.get(index).copied())
            }
            _ => None,
        };
        scaled.unwrap_or(FleetSize { weight: fleet.weight, count: fleet.count })
    }

    fn variant_status(&self, deployment: &Deployment, fleet: &Fleet) -> Option<Vec<ProductionVariantStatus>> {
        let status = variant_status::of(self.record, deployment, &fleet.variant, &self.goals)?;
        Some(vec![status])
    }

    fn healthy_count(&self, deployment: &Deployment, fleet: &Fleet) -> i32 {
        let healthy = self.record.instances.iter().filter(|instance| {
            instance.intent == InstanceIntent::Wanted
                && instance.healthy_at.is_some()
                && instance.id.generation == deployment.generation
                && instance.id.variant == fleet.variant
        });
        count(u32::try_from(healthy.count()).unwrap_or(u32::MAX))
    }
}

/// What is not pulled has no digest: the resolved name is the one that was given.
fn deployed_images(deployment: &Deployment, fleet: &Fleet) -> Option<Vec<DeployedImage>> {
    let model = deployment.model(&fleet.model_name)?;
    let containers = model.request.primary_container.iter().chain(model.request.containers.iter().flatten());
    let image = |container: &hostler_shapes::ContainerDefinition| DeployedImage {
        specified_image: container.image.clone(),
        resolved_image: container
            .image
            .as_ref()
            .map(|image| deployment.images.get(image).unwrap_or(image).clone()),
        resolution_time: Some(Timestamp::from_millis(deployment.started_at.0)),
    };
    Some(containers.map(image).collect())
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
