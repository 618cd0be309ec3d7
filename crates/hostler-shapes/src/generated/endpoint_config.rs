//! The structures that only the operations on `endpoint_config` use.
//!
//! Made by `cargo xtask codegen` from the pinned service model; change the generator, not this file.

use serde::{Deserialize, Serialize};

use super::enums::{
    CapacityReservationPreference, CaptureMode, EndpointConfigSortKey, OrderKey,
    ProductionVariantAcceleratorType, ProductionVariantInferenceAmiVersion, ProductionVariantInstanceType,
};
use super::shared::{
    AcceleratorPartitionLayout, AsyncInferenceConfig, CrossRegionTrafficConfig, ExplainerConfig,
    MetricsConfig, ProductionVariantManagedInstanceScaling, ProductionVariantRoutingConfig,
    ProductionVariantServerlessConfig, Tag, VpcConfig,
};
use crate::timestamp::Timestamp;

#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CaptureContentTypeHeader {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub csv_content_types: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub json_content_types: Option<Vec<String>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CaptureOption {
    pub capture_mode: CaptureMode,
}

#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateEndpointConfigInput {
    pub endpoint_config_name: String,
    pub production_variants: Vec<ProductionVariant>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_capture_config: Option<DataCaptureConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<Tag>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kms_key_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub async_inference_config: Option<AsyncInferenceConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explainer_config: Option<ExplainerConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shadow_production_variants: Option<Vec<ProductionVariant>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execution_role_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vpc_config: Option<VpcConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_network_isolation: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics_config: Option<MetricsConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cross_region_traffic_config: Option<CrossRegionTrafficConfig>,
}

#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateEndpointConfigOutput {
    pub endpoint_config_arn: String,
}

#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DataCaptureConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_capture: Option<bool>,
    pub initial_sampling_percentage: i32,
    pub destination_s3_uri: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kms_key_id: Option<String>,
    pub capture_options: Vec<CaptureOption>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capture_content_type_header: Option<CaptureContentTypeHeader>,
}

#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteEndpointConfigInput {
    pub endpoint_config_name: String,
}

#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeEndpointConfigInput {
    pub endpoint_config_name: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeEndpointConfigOutput {
    pub endpoint_config_name: String,
    pub endpoint_config_arn: String,
    pub production_variants: Vec<ProductionVariant>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_capture_config: Option<DataCaptureConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kms_key_id: Option<String>,
    pub creation_time: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub async_inference_config: Option<AsyncInferenceConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explainer_config: Option<ExplainerConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shadow_production_variants: Option<Vec<ProductionVariant>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execution_role_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vpc_config: Option<VpcConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_network_isolation: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics_config: Option<MetricsConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cross_region_traffic_config: Option<CrossRegionTrafficConfig>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct EndpointConfigSummary {
    pub endpoint_config_name: String,
    pub endpoint_config_arn: String,
    pub creation_time: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct InstancePool {
    pub instance_type: ProductionVariantInstanceType,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_name_override: Option<String>,
    pub priority: i32,
}

#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListEndpointConfigsInput {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sort_by: Option<EndpointConfigSortKey>,
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
}

#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListEndpointConfigsOutput {
    pub endpoint_configs: Vec<EndpointConfigSummary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ProductionVariant {
    pub variant_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initial_instance_count: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_type: Option<ProductionVariantInstanceType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_pools: Option<Vec<InstancePool>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant_instance_provision_timeout_in_seconds: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initial_variant_weight: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accelerator_type: Option<ProductionVariantAcceleratorType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub core_dump_config: Option<ProductionVariantCoreDumpConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serverless_config: Option<ProductionVariantServerlessConfig>,
    #[serde(rename = "VolumeSizeInGB", skip_serializing_if = "Option::is_none")]
    pub volume_size_in_gb: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_data_download_timeout_in_seconds: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container_startup_health_check_timeout_in_seconds: Option<i32>,
    #[serde(rename = "EnableSSMAccess", skip_serializing_if = "Option::is_none")]
    pub enable_ssm_access: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub managed_instance_scaling: Option<ProductionVariantManagedInstanceScaling>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub routing_config: Option<ProductionVariantRoutingConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inference_ami_version: Option<ProductionVariantInferenceAmiVersion>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capacity_reservation_config: Option<ProductionVariantCapacityReservationConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accelerator_partition_layouts: Option<Vec<AcceleratorPartitionLayout>>,
}

#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ProductionVariantCapacityReservationConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capacity_reservation_preference: Option<CapacityReservationPreference>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ml_reservation_arn: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ProductionVariantCoreDumpConfig {
    pub destination_s3_uri: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kms_key_id: Option<String>,
}
