//! The structures that only the operations on `model` use.
//!
//! Made by `cargo xtask codegen` from the pinned service model; change the generator, not this file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::enums::{
    ContainerMode, InferenceExecutionMode, ModelCacheSetting, ModelCompressionType, ModelSortKey, OrderKey,
    ProductionVariantInstanceType, RecommendationStatus, RepositoryAccessMode, S3ModelDataType,
};
use super::shared::{Tag, VpcConfig};
use crate::timestamp::Timestamp;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AdditionalModelDataSource {
    pub channel_name: String,
    pub s3_data_source: S3ModelDataSource,
}

#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ContainerDefinition {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container_hostname: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_config: Option<ImageConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<ContainerMode>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_data_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_data_source: Option<ModelDataSource>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub additional_model_data_sources: Option<Vec<AdditionalModelDataSource>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_package_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inference_specification_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub multi_model_config: Option<MultiModelConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container_metrics_config: Option<ContainerMetricsConfig>,
}

#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ContainerMetricsConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics_endpoints: Option<Vec<MetricsEndpoint>>,
}

#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateModelInput {
    pub model_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub primary_container: Option<ContainerDefinition>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub containers: Option<Vec<ContainerDefinition>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inference_execution_config: Option<InferenceExecutionConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execution_role_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tags: Option<Vec<Tag>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vpc_config: Option<VpcConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_network_isolation: Option<bool>,
}

#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateModelOutput {
    pub model_arn: String,
}

#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeleteModelInput {
    pub model_name: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DeploymentRecommendation {
    pub recommendation_status: RecommendationStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub real_time_inference_recommendations: Option<Vec<RealTimeInferenceRecommendation>>,
}

#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeModelInput {
    pub model_name: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct DescribeModelOutput {
    pub model_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub primary_container: Option<ContainerDefinition>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub containers: Option<Vec<ContainerDefinition>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inference_execution_config: Option<InferenceExecutionConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execution_role_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vpc_config: Option<VpcConfig>,
    pub creation_time: Timestamp,
    pub model_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_network_isolation: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployment_recommendation: Option<DeploymentRecommendation>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ImageConfig {
    pub repository_access_mode: RepositoryAccessMode,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repository_auth_config: Option<RepositoryAuthConfig>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct InferenceExecutionConfig {
    pub mode: InferenceExecutionMode,
}

#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct InferenceHubAccessConfig {
    pub hub_content_arn: String,
}

#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListModelsInput {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sort_by: Option<ModelSortKey>,
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
pub struct ListModelsOutput {
    pub models: Vec<ModelSummary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_token: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct MetricsEndpoint {
    pub metrics_endpoint_path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric_publish_frequency_in_seconds: Option<i32>,
}

#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ModelAccessConfig {
    pub accept_eula: bool,
}

#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ModelDataSource {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub s3_data_source: Option<S3ModelDataSource>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ModelSummary {
    pub model_name: String,
    pub model_arn: String,
    pub creation_time: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct MultiModelConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_cache_setting: Option<ModelCacheSetting>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RealTimeInferenceRecommendation {
    pub recommendation_id: String,
    pub instance_type: ProductionVariantInstanceType,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<BTreeMap<String, String>>,
}

#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RepositoryAuthConfig {
    pub repository_credentials_provider_arn: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct S3ModelDataSource {
    pub s3_uri: String,
    pub s3_data_type: S3ModelDataType,
    pub compression_type: ModelCompressionType,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model_access_config: Option<ModelAccessConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hub_access_config: Option<InferenceHubAccessConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manifest_s3_uri: Option<String>,
    #[serde(rename = "ETag", skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manifest_etag: Option<String>,
}
