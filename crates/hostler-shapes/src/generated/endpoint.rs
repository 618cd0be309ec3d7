//! The structures that only the operations on `endpoint` use.
//!
//! Made by `cargo xtask codegen` from the pinned service model; change the generator, not this file.

use serde::{Deserialize, Serialize};

use super::enums::{
    CapacityReservationPreference, CapacitySizeType, CaptureStatus, EndpointSortKey, EndpointStatus,
    OrderKey, ProductionVariantAcceleratorType, ProductionVariantInstanceType, TrafficRoutingConfigType,
    VariantPropertyType, VariantStatus,
};
use super::shared::{
    AcceleratorPartitionLayout, AsyncInferenceConfig, CrossRegionTrafficConfig, ExplainerConfig,
    MetricsConfig, ProductionVariantManagedInstanceScaling, ProductionVariantRoutingConfig,
    ProductionVariantServerlessConfig, Tag,
};
use crate::timestamp::Timestamp;

#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Alarm {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alarm_name: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AutoRollbackConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alarms: Option<Vec<Alarm>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct BlueGreenUpdatePolicy {
    pub traffic_routing_configuration: TrafficRoutingConfig,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub termination_wait_in_seconds: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maximum_execution_timeout_in_seconds: Option<i32>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CapacitySize {
    pub r#type: CapacitySizeType,
    pub value: i32,
}

#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateEndpointInput {
    pub endpoint_name: String,
    pub endpoint_config_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment_config: Option<DeploymentConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<Tag>>,
}

#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateEndpointOutput {
    pub endpoint_arn: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DataCaptureConfigSummary {
    pub enable_capture: bool,
    pub capture_status: CaptureStatus,
    pub current_sampling_percentage: i32,
    pub destination_s3_uri: String,
    pub kms_key_id: String,
}

#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteEndpointInput {
    pub endpoint_name: String,
}

#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeployedImage {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub specified_image: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolved_image: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolution_time: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeploymentConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blue_green_update_policy: Option<BlueGreenUpdatePolicy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rolling_update_policy: Option<RollingUpdatePolicy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto_rollback_configuration: Option<AutoRollbackConfig>,
}

#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeEndpointInput {
    pub endpoint_name: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeEndpointOutput {
    pub endpoint_name: String,
    pub endpoint_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub endpoint_config_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub production_variants: Option<Vec<ProductionVariantSummary>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_capture_config: Option<DataCaptureConfigSummary>,
    pub endpoint_status: EndpointStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure_reason: Option<String>,
    pub creation_time: Timestamp,
    pub last_modified_time: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_deployment_config: Option<DeploymentConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub async_inference_config: Option<AsyncInferenceConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pending_deployment_summary: Option<PendingDeploymentSummary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explainer_config: Option<ExplainerConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shadow_production_variants: Option<Vec<ProductionVariantSummary>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics_config: Option<MetricsConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cross_region_traffic_config: Option<CrossRegionTrafficConfig>,
}

#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DesiredWeightAndCapacity {
    pub variant_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub desired_weight: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub desired_instance_count: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serverless_update_config: Option<ProductionVariantServerlessUpdateConfig>,
}

#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Ec2CapacityReservation {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ec2_capacity_reservation_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_instance_count: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub available_instance_count: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub used_by_current_endpoint: Option<i32>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct EndpointSummary {
    pub endpoint_name: String,
    pub endpoint_arn: String,
    pub creation_time: Timestamp,
    pub last_modified_time: Timestamp,
    pub endpoint_status: EndpointStatus,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct InstancePoolSummary {
    pub instance_type: ProductionVariantInstanceType,
    pub current_instance_count: i32,
}

#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListEndpointsInput {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sort_by: Option<EndpointSortKey>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sort_order: Option<OrderKey>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_results: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name_contains: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creation_time_before: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creation_time_after: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_modified_time_before: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_modified_time_after: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_equals: Option<EndpointStatus>,
}

#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListEndpointsOutput {
    pub endpoints: Vec<EndpointSummary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PendingDeploymentSummary {
    pub endpoint_config_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub production_variants: Option<Vec<PendingProductionVariantSummary>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shadow_production_variants: Option<Vec<PendingProductionVariantSummary>>,
}

#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PendingProductionVariantSummary {
    pub variant_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployed_images: Option<Vec<DeployedImage>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_weight: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub desired_weight: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_instance_count: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub desired_instance_count: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_type: Option<ProductionVariantInstanceType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_pools: Option<Vec<InstancePoolSummary>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accelerator_type: Option<ProductionVariantAcceleratorType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant_status: Option<Vec<ProductionVariantStatus>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_serverless_config: Option<ProductionVariantServerlessConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub desired_serverless_config: Option<ProductionVariantServerlessConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub managed_instance_scaling: Option<ProductionVariantManagedInstanceScaling>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub routing_config: Option<ProductionVariantRoutingConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accelerator_partition_layouts: Option<Vec<AcceleratorPartitionLayout>>,
}

#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ProductionVariantCapacityReservationSummary {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ml_reservation_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capacity_reservation_preference: Option<CapacityReservationPreference>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_instance_count: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub available_instance_count: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub used_by_current_endpoint: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ec2_capacity_reservations: Option<Vec<Ec2CapacityReservation>>,
}

#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ProductionVariantServerlessUpdateConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_concurrency: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provisioned_concurrency: Option<i32>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ProductionVariantStatus {
    pub status: VariantStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ProductionVariantSummary {
    pub variant_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployed_images: Option<Vec<DeployedImage>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_weight: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub desired_weight: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_instance_count: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub desired_instance_count: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_pools: Option<Vec<InstancePoolSummary>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant_status: Option<Vec<ProductionVariantStatus>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current_serverless_config: Option<ProductionVariantServerlessConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub desired_serverless_config: Option<ProductionVariantServerlessConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub managed_instance_scaling: Option<ProductionVariantManagedInstanceScaling>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub routing_config: Option<ProductionVariantRoutingConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capacity_reservation_config: Option<ProductionVariantCapacityReservationSummary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accelerator_partition_layouts: Option<Vec<AcceleratorPartitionLayout>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RollingUpdatePolicy {
    pub maximum_batch_size: CapacitySize,
    pub wait_interval_in_seconds: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maximum_execution_timeout_in_seconds: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rollback_maximum_batch_size: Option<CapacitySize>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct TrafficRoutingConfig {
    pub r#type: TrafficRoutingConfigType,
    pub wait_interval_in_seconds: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canary_size: Option<CapacitySize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub linear_step_size: Option<CapacitySize>,
}

#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateEndpointInput {
    pub endpoint_name: String,
    pub endpoint_config_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retain_all_variant_properties: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exclude_retained_variant_properties: Option<Vec<VariantProperty>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment_config: Option<DeploymentConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retain_deployment_config: Option<bool>,
}

#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateEndpointOutput {
    pub endpoint_arn: String,
}

#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateEndpointWeightsAndCapacitiesInput {
    pub endpoint_name: String,
    pub desired_weights_and_capacities: Vec<DesiredWeightAndCapacity>,
}

#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct UpdateEndpointWeightsAndCapacitiesOutput {
    pub endpoint_arn: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct VariantProperty {
    pub variant_property_type: VariantPropertyType,
}
