//! The structures that several resources share.
//!
//! Made by `cargo xtask codegen` from the pinned service model; change the generator, not this file.

use serde::{Deserialize, Serialize};

use super::enums::{
    AsyncNotificationTopicTypes, ClarifyFeatureType, ClarifyTextGranularity, ClarifyTextLanguage,
    ManagedInstanceScalingScaleInStrategy, ManagedInstanceScalingStatus, RoutingStrategy,
};

#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AcceleratorPartitionLayout {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accelerator_partition_types: Option<Vec<String>>,
}

#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AsyncInferenceClientConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_concurrent_invocations_per_instance: Option<i32>,
}

#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AsyncInferenceConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_config: Option<AsyncInferenceClientConfig>,
    pub output_config: AsyncInferenceOutputConfig,
}

#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AsyncInferenceNotificationConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub success_topic: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_topic: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub include_inference_response_in: Option<Vec<AsyncNotificationTopicTypes>>,
}

#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AsyncInferenceOutputConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kms_key_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub s3_output_path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notification_config: Option<AsyncInferenceNotificationConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub s3_failure_path: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ClarifyExplainerConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_explanations: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inference_config: Option<ClarifyInferenceConfig>,
    pub shap_config: ClarifyShapConfig,
}

#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ClarifyInferenceConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub features_attribute: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_template: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_record_count: Option<i32>,
    #[serde(rename = "MaxPayloadInMB", skip_serializing_if = "Option::is_none")]
    pub max_payload_in_mb: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probability_index: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label_index: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probability_attribute: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label_attribute: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label_headers: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feature_headers: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub feature_types: Option<Vec<ClarifyFeatureType>>,
}

#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ClarifyShapBaselineConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mime_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shap_baseline: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shap_baseline_uri: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ClarifyShapConfig {
    pub shap_baseline_config: ClarifyShapBaselineConfig,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number_of_samples: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub use_logit: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text_config: Option<ClarifyTextConfig>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ClarifyTextConfig {
    pub language: ClarifyTextLanguage,
    pub granularity: ClarifyTextGranularity,
}

#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct CrossRegionTrafficConfig {
    pub max_invocations_per_second_per_instance: i32,
    pub max_cross_region_percent_per_endpoint: i32,
}

#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ExplainerConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clarify_explainer_config: Option<ClarifyExplainerConfig>,
}

#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct MetricsConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_enhanced_metrics: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_detailed_observability: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric_publish_frequency_in_seconds: Option<i32>,
}

#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct PrefixAwareRoutingConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix_length: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concurrency_threshold: Option<i32>,
}

#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ProductionVariantManagedInstanceScaling {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<ManagedInstanceScalingStatus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_instance_count: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_instance_count: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale_in_policy: Option<ProductionVariantManagedInstanceScalingScaleInPolicy>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ProductionVariantManagedInstanceScalingScaleInPolicy {
    pub strategy: ManagedInstanceScalingScaleInStrategy,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maximum_step_size: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cooldown_in_minutes: Option<i32>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ProductionVariantRoutingConfig {
    pub routing_strategy: RoutingStrategy,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix_aware_routing_config: Option<PrefixAwareRoutingConfig>,
}

#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ProductionVariantServerlessConfig {
    #[serde(rename = "MemorySizeInMB")]
    pub memory_size_in_mb: i32,
    pub max_concurrency: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provisioned_concurrency: Option<i32>,
}

#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Tag {
    pub key: String,
    pub value: String,
}

#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct VpcConfig {
    pub security_group_ids: Vec<String>,
    pub subnets: Vec<String>,
}
