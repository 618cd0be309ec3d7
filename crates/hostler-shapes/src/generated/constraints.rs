//! The constraints of every shape of the implemented operations.
//!
//! Made by `cargo xtask codegen` from the pinned service model; change the generator, not this file.

use super::enums;
use crate::pattern::Pattern;
use crate::pattern::by_hand;
use crate::shape::{Kind, Member, Shape, Text};

pub(super) static ACCELERATOR_PARTITION_LAYOUT: Shape = Shape {
    name: "AcceleratorPartitionLayout",
    kind: Kind::Structure(&[Member {
        name: "AcceleratorPartitionTypes",
        required: false,
        shape: &ACCELERATOR_PARTITION_TYPE_LIST,
    }]),
};

pub(super) static ACCELERATOR_PARTITION_LAYOUTS: Shape = Shape {
    name: "AcceleratorPartitionLayouts",
    kind: Kind::List { min: Some(0), max: Some(32), member: &ACCELERATOR_PARTITION_LAYOUT },
};

pub(super) static ACCELERATOR_PARTITION_TYPE: Shape = Shape {
    name: "AcceleratorPartitionType",
    kind: Kind::String(Text {
        min: Some(0),
        max: Some(32),
        pattern: Some(Pattern::regex(
            "mig-[0-9]+g\\.[0-9]+gb([+-][a-z0-9.]+)*",
            "mig-[0-9]+g\\.[0-9]+gb([+-][a-z0-9.]+)*",
        )),
        values: &[],
        sensitive: false,
    }),
};

pub(super) static ACCELERATOR_PARTITION_TYPE_LIST: Shape = Shape {
    name: "AcceleratorPartitionTypeList",
    kind: Kind::List { min: Some(0), max: Some(32), member: &ACCELERATOR_PARTITION_TYPE },
};

pub(super) static ACCEPT_EULA: Shape = Shape { name: "AcceptEula", kind: Kind::Boolean };

pub(super) static ADD_TAGS_INPUT: Shape = Shape {
    name: "AddTagsInput",
    kind: Kind::Structure(&[
        Member { name: "ResourceArn", required: true, shape: &RESOURCE_ARN },
        Member { name: "Tags", required: true, shape: &TAG_LIST },
    ]),
};

pub(super) static ADD_TAGS_OUTPUT: Shape = Shape {
    name: "AddTagsOutput",
    kind: Kind::Structure(&[Member { name: "Tags", required: false, shape: &TAG_LIST }]),
};

pub(super) static ADDITIONAL_MODEL_CHANNEL_NAME: Shape = Shape {
    name: "AdditionalModelChannelName",
    kind: Kind::String(Text {
        min: Some(1),
        max: Some(64),
        pattern: Some(Pattern::regex("[A-Za-z0-9\\.\\-_]+", "[A-Za-z0-9\\.\\-_]+")),
        values: &[],
        sensitive: false,
    }),
};

pub(super) static ADDITIONAL_MODEL_DATA_SOURCE: Shape = Shape {
    name: "AdditionalModelDataSource",
    kind: Kind::Structure(&[
        Member { name: "ChannelName", required: true, shape: &ADDITIONAL_MODEL_CHANNEL_NAME },
        Member { name: "S3DataSource", required: true, shape: &S3_MODEL_DATA_SOURCE },
    ]),
};

pub(super) static ADDITIONAL_MODEL_DATA_SOURCES: Shape = Shape {
    name: "AdditionalModelDataSources",
    kind: Kind::List { min: Some(0), max: Some(5), member: &ADDITIONAL_MODEL_DATA_SOURCE },
};

pub(super) static ALARM: Shape = Shape {
    name: "Alarm",
    kind: Kind::Structure(&[Member { name: "AlarmName", required: false, shape: &ALARM_NAME }]),
};

pub(super) static ALARM_LIST: Shape =
    Shape { name: "AlarmList", kind: Kind::List { min: Some(1), max: Some(10), member: &ALARM } };

pub(super) static ALARM_NAME: Shape = Shape {
    name: "AlarmName",
    kind: Kind::String(Text {
        min: Some(1),
        max: Some(255),
        pattern: Some(Pattern::by_hand("(?!\\s*$).+", by_hand::not_blank)),
        values: &[],
        sensitive: false,
    }),
};

pub(super) static ASYNC_INFERENCE_CLIENT_CONFIG: Shape = Shape {
    name: "AsyncInferenceClientConfig",
    kind: Kind::Structure(&[Member {
        name: "MaxConcurrentInvocationsPerInstance",
        required: false,
        shape: &MAX_CONCURRENT_INVOCATIONS_PER_INSTANCE,
    }]),
};

pub(super) static ASYNC_INFERENCE_CONFIG: Shape = Shape {
    name: "AsyncInferenceConfig",
    kind: Kind::Structure(&[
        Member { name: "ClientConfig", required: false, shape: &ASYNC_INFERENCE_CLIENT_CONFIG },
        Member { name: "OutputConfig", required: true, shape: &ASYNC_INFERENCE_OUTPUT_CONFIG },
    ]),
};

pub(super) static ASYNC_INFERENCE_NOTIFICATION_CONFIG: Shape = Shape {
    name: "AsyncInferenceNotificationConfig",
    kind: Kind::Structure(&[
        Member { name: "SuccessTopic", required: false, shape: &SNS_TOPIC_ARN },
        Member { name: "ErrorTopic", required: false, shape: &SNS_TOPIC_ARN },
        Member {
            name: "IncludeInferenceResponseIn",
            required: false,
            shape: &ASYNC_NOTIFICATION_TOPIC_TYPE_LIST,
        },
    ]),
};

pub(super) static ASYNC_INFERENCE_OUTPUT_CONFIG: Shape = Shape {
    name: "AsyncInferenceOutputConfig",
    kind: Kind::Structure(&[
        Member { name: "KmsKeyId", required: false, shape: &KMS_KEY_ID },
        Member { name: "S3OutputPath", required: false, shape: &DESTINATION_S3_URI },
        Member { name: "NotificationConfig", required: false, shape: &ASYNC_INFERENCE_NOTIFICATION_CONFIG },
        Member { name: "S3FailurePath", required: false, shape: &DESTINATION_S3_URI },
    ]),
};

pub(super) static ASYNC_NOTIFICATION_TOPIC_TYPE_LIST: Shape = Shape {
    name: "AsyncNotificationTopicTypeList",
    kind: Kind::List { min: Some(0), max: Some(2), member: &ASYNC_NOTIFICATION_TOPIC_TYPES },
};

pub(super) static ASYNC_NOTIFICATION_TOPIC_TYPES: Shape = Shape {
    name: "AsyncNotificationTopicTypes",
    kind: Kind::String(Text {
        min: None,
        max: None,
        pattern: None,
        values: enums::AsyncNotificationTopicTypes::VALUES,
        sensitive: false,
    }),
};

pub(super) static AUTO_ROLLBACK_CONFIG: Shape = Shape {
    name: "AutoRollbackConfig",
    kind: Kind::Structure(&[Member { name: "Alarms", required: false, shape: &ALARM_LIST }]),
};

pub(super) static BLUE_GREEN_UPDATE_POLICY: Shape = Shape {
    name: "BlueGreenUpdatePolicy",
    kind: Kind::Structure(&[
        Member { name: "TrafficRoutingConfiguration", required: true, shape: &TRAFFIC_ROUTING_CONFIG },
        Member { name: "TerminationWaitInSeconds", required: false, shape: &TERMINATION_WAIT_IN_SECONDS },
        Member {
            name: "MaximumExecutionTimeoutInSeconds",
            required: false,
            shape: &MAXIMUM_EXECUTION_TIMEOUT_IN_SECONDS,
        },
    ]),
};

pub(super) static BOOLEAN: Shape = Shape { name: "Boolean", kind: Kind::Boolean };

pub(super) static CAPACITY_RESERVATION_PREFERENCE: Shape = Shape {
    name: "CapacityReservationPreference",
    kind: Kind::String(Text {
        min: None,
        max: None,
        pattern: None,
        values: enums::CapacityReservationPreference::VALUES,
        sensitive: false,
    }),
};

pub(super) static CAPACITY_SIZE: Shape = Shape {
    name: "CapacitySize",
    kind: Kind::Structure(&[
        Member { name: "Type", required: true, shape: &CAPACITY_SIZE_TYPE },
        Member { name: "Value", required: true, shape: &CAPACITY_SIZE_VALUE },
    ]),
};

pub(super) static CAPACITY_SIZE_TYPE: Shape = Shape {
    name: "CapacitySizeType",
    kind: Kind::String(Text {
        min: None,
        max: None,
        pattern: None,
        values: enums::CapacitySizeType::VALUES,
        sensitive: false,
    }),
};

pub(super) static CAPACITY_SIZE_VALUE: Shape =
    Shape { name: "CapacitySizeValue", kind: Kind::Integer { min: Some(1), max: None } };

pub(super) static CAPTURE_CONTENT_TYPE_HEADER: Shape = Shape {
    name: "CaptureContentTypeHeader",
    kind: Kind::Structure(&[
        Member { name: "CsvContentTypes", required: false, shape: &CSV_CONTENT_TYPES },
        Member { name: "JsonContentTypes", required: false, shape: &JSON_CONTENT_TYPES },
    ]),
};

pub(super) static CAPTURE_MODE: Shape = Shape {
    name: "CaptureMode",
    kind: Kind::String(Text {
        min: None,
        max: None,
        pattern: None,
        values: enums::CaptureMode::VALUES,
        sensitive: false,
    }),
};

pub(super) static CAPTURE_OPTION: Shape = Shape {
    name: "CaptureOption",
    kind: Kind::Structure(&[Member { name: "CaptureMode", required: true, shape: &CAPTURE_MODE }]),
};

pub(super) static CAPTURE_OPTION_LIST: Shape = Shape {
    name: "CaptureOptionList",
    kind: Kind::List { min: Some(1), max: Some(32), member: &CAPTURE_OPTION },
};

pub(super) static CAPTURE_STATUS: Shape = Shape {
    name: "CaptureStatus",
    kind: Kind::String(Text {
        min: None,
        max: None,
        pattern: None,
        values: enums::CaptureStatus::VALUES,
        sensitive: false,
    }),
};

pub(super) static CLARIFY_CONTENT_TEMPLATE: Shape = Shape {
    name: "ClarifyContentTemplate",
    kind: Kind::String(Text {
        min: Some(1),
        max: Some(64),
        pattern: Some(Pattern::regex(".*", "[^\\n\\r\\u{85}\\u{2028}\\u{2029}]*")),
        values: &[],
        sensitive: false,
    }),
};

pub(super) static CLARIFY_ENABLE_EXPLANATIONS: Shape = Shape {
    name: "ClarifyEnableExplanations",
    kind: Kind::String(Text {
        min: Some(1),
        max: Some(64),
        pattern: Some(Pattern::regex(".*", "[^\\n\\r\\u{85}\\u{2028}\\u{2029}]*")),
        values: &[],
        sensitive: false,
    }),
};

pub(super) static CLARIFY_EXPLAINER_CONFIG: Shape = Shape {
    name: "ClarifyExplainerConfig",
    kind: Kind::Structure(&[
        Member { name: "EnableExplanations", required: false, shape: &CLARIFY_ENABLE_EXPLANATIONS },
        Member { name: "InferenceConfig", required: false, shape: &CLARIFY_INFERENCE_CONFIG },
        Member { name: "ShapConfig", required: true, shape: &CLARIFY_SHAP_CONFIG },
    ]),
};

pub(super) static CLARIFY_FEATURE_HEADERS: Shape = Shape {
    name: "ClarifyFeatureHeaders",
    kind: Kind::List { min: Some(1), max: Some(256), member: &CLARIFY_HEADER },
};

pub(super) static CLARIFY_FEATURE_TYPE: Shape = Shape {
    name: "ClarifyFeatureType",
    kind: Kind::String(Text {
        min: None,
        max: None,
        pattern: None,
        values: enums::ClarifyFeatureType::VALUES,
        sensitive: false,
    }),
};

pub(super) static CLARIFY_FEATURE_TYPES: Shape = Shape {
    name: "ClarifyFeatureTypes",
    kind: Kind::List { min: Some(1), max: Some(256), member: &CLARIFY_FEATURE_TYPE },
};

pub(super) static CLARIFY_FEATURES_ATTRIBUTE: Shape = Shape {
    name: "ClarifyFeaturesAttribute",
    kind: Kind::String(Text {
        min: Some(1),
        max: Some(64),
        pattern: Some(Pattern::regex(".*", "[^\\n\\r\\u{85}\\u{2028}\\u{2029}]*")),
        values: &[],
        sensitive: false,
    }),
};

pub(super) static CLARIFY_HEADER: Shape = Shape {
    name: "ClarifyHeader",
    kind: Kind::String(Text {
        min: Some(1),
        max: Some(64),
        pattern: Some(Pattern::regex(".*", "[^\\n\\r\\u{85}\\u{2028}\\u{2029}]*")),
        values: &[],
        sensitive: false,
    }),
};

pub(super) static CLARIFY_INFERENCE_CONFIG: Shape = Shape {
    name: "ClarifyInferenceConfig",
    kind: Kind::Structure(&[
        Member { name: "FeaturesAttribute", required: false, shape: &CLARIFY_FEATURES_ATTRIBUTE },
        Member { name: "ContentTemplate", required: false, shape: &CLARIFY_CONTENT_TEMPLATE },
        Member { name: "MaxRecordCount", required: false, shape: &CLARIFY_MAX_RECORD_COUNT },
        Member { name: "MaxPayloadInMB", required: false, shape: &CLARIFY_MAX_PAYLOAD_IN_MB },
        Member { name: "ProbabilityIndex", required: false, shape: &CLARIFY_PROBABILITY_INDEX },
        Member { name: "LabelIndex", required: false, shape: &CLARIFY_LABEL_INDEX },
        Member { name: "ProbabilityAttribute", required: false, shape: &CLARIFY_PROBABILITY_ATTRIBUTE },
        Member { name: "LabelAttribute", required: false, shape: &CLARIFY_LABEL_ATTRIBUTE },
        Member { name: "LabelHeaders", required: false, shape: &CLARIFY_LABEL_HEADERS },
        Member { name: "FeatureHeaders", required: false, shape: &CLARIFY_FEATURE_HEADERS },
        Member { name: "FeatureTypes", required: false, shape: &CLARIFY_FEATURE_TYPES },
    ]),
};

pub(super) static CLARIFY_LABEL_ATTRIBUTE: Shape = Shape {
    name: "ClarifyLabelAttribute",
    kind: Kind::String(Text {
        min: Some(1),
        max: Some(64),
        pattern: Some(Pattern::regex(".*", "[^\\n\\r\\u{85}\\u{2028}\\u{2029}]*")),
        values: &[],
        sensitive: false,
    }),
};

pub(super) static CLARIFY_LABEL_HEADERS: Shape = Shape {
    name: "ClarifyLabelHeaders",
    kind: Kind::List { min: Some(1), max: Some(16), member: &CLARIFY_HEADER },
};

pub(super) static CLARIFY_LABEL_INDEX: Shape =
    Shape { name: "ClarifyLabelIndex", kind: Kind::Integer { min: Some(0), max: None } };

pub(super) static CLARIFY_MAX_PAYLOAD_IN_MB: Shape =
    Shape { name: "ClarifyMaxPayloadInMB", kind: Kind::Integer { min: Some(1), max: Some(25) } };

pub(super) static CLARIFY_MAX_RECORD_COUNT: Shape =
    Shape { name: "ClarifyMaxRecordCount", kind: Kind::Integer { min: Some(1), max: None } };

pub(super) static CLARIFY_MIME_TYPE: Shape = Shape {
    name: "ClarifyMimeType",
    kind: Kind::String(Text {
        min: Some(0),
        max: Some(255),
        pattern: Some(Pattern::regex(
            "[a-zA-Z0-9](-*[a-zA-Z0-9])*\\/[a-zA-Z0-9](-*[a-zA-Z0-9+.])*",
            "[a-zA-Z0-9](-*[a-zA-Z0-9])*/[a-zA-Z0-9](-*[a-zA-Z0-9+.])*",
        )),
        values: &[],
        sensitive: false,
    }),
};

pub(super) static CLARIFY_PROBABILITY_ATTRIBUTE: Shape = Shape {
    name: "ClarifyProbabilityAttribute",
    kind: Kind::String(Text {
        min: Some(1),
        max: Some(64),
        pattern: Some(Pattern::regex(".*", "[^\\n\\r\\u{85}\\u{2028}\\u{2029}]*")),
        values: &[],
        sensitive: false,
    }),
};

pub(super) static CLARIFY_PROBABILITY_INDEX: Shape =
    Shape { name: "ClarifyProbabilityIndex", kind: Kind::Integer { min: Some(0), max: None } };

pub(super) static CLARIFY_SHAP_BASELINE: Shape = Shape {
    name: "ClarifyShapBaseline",
    kind: Kind::String(Text {
        min: Some(1),
        max: Some(4096),
        pattern: Some(Pattern::regex("[\\s\\S]+", "[[\\x09-\\x0D\\x20][^\\x09-\\x0D\\x20]]+")),
        values: &[],
        sensitive: false,
    }),
};

pub(super) static CLARIFY_SHAP_BASELINE_CONFIG: Shape = Shape {
    name: "ClarifyShapBaselineConfig",
    kind: Kind::Structure(&[
        Member { name: "MimeType", required: false, shape: &CLARIFY_MIME_TYPE },
        Member { name: "ShapBaseline", required: false, shape: &CLARIFY_SHAP_BASELINE },
        Member { name: "ShapBaselineUri", required: false, shape: &URL },
    ]),
};

pub(super) static CLARIFY_SHAP_CONFIG: Shape = Shape {
    name: "ClarifyShapConfig",
    kind: Kind::Structure(&[
        Member { name: "ShapBaselineConfig", required: true, shape: &CLARIFY_SHAP_BASELINE_CONFIG },
        Member { name: "NumberOfSamples", required: false, shape: &CLARIFY_SHAP_NUMBER_OF_SAMPLES },
        Member { name: "UseLogit", required: false, shape: &CLARIFY_SHAP_USE_LOGIT },
        Member { name: "Seed", required: false, shape: &CLARIFY_SHAP_SEED },
        Member { name: "TextConfig", required: false, shape: &CLARIFY_TEXT_CONFIG },
    ]),
};

pub(super) static CLARIFY_SHAP_NUMBER_OF_SAMPLES: Shape =
    Shape { name: "ClarifyShapNumberOfSamples", kind: Kind::Integer { min: Some(1), max: None } };

pub(super) static CLARIFY_SHAP_SEED: Shape =
    Shape { name: "ClarifyShapSeed", kind: Kind::Integer { min: None, max: None } };

pub(super) static CLARIFY_SHAP_USE_LOGIT: Shape = Shape { name: "ClarifyShapUseLogit", kind: Kind::Boolean };

pub(super) static CLARIFY_TEXT_CONFIG: Shape = Shape {
    name: "ClarifyTextConfig",
    kind: Kind::Structure(&[
        Member { name: "Language", required: true, shape: &CLARIFY_TEXT_LANGUAGE },
        Member { name: "Granularity", required: true, shape: &CLARIFY_TEXT_GRANULARITY },
    ]),
};

pub(super) static CLARIFY_TEXT_GRANULARITY: Shape = Shape {
    name: "ClarifyTextGranularity",
    kind: Kind::String(Text {
        min: None,
        max: None,
        pattern: None,
        values: enums::ClarifyTextGranularity::VALUES,
        sensitive: false,
    }),
};

pub(super) static CLARIFY_TEXT_LANGUAGE: Shape = Shape {
    name: "ClarifyTextLanguage",
    kind: Kind::String(Text {
        min: None,
        max: None,
        pattern: None,
        values: enums::ClarifyTextLanguage::VALUES,
        sensitive: false,
    }),
};

pub(super) static CONTAINER_DEFINITION: Shape = Shape {
    name: "ContainerDefinition",
    kind: Kind::Structure(&[
        Member { name: "ContainerHostname", required: false, shape: &CONTAINER_HOSTNAME },
        Member { name: "Image", required: false, shape: &CONTAINER_IMAGE },
        Member { name: "ImageConfig", required: false, shape: &IMAGE_CONFIG },
        Member { name: "Mode", required: false, shape: &CONTAINER_MODE },
        Member { name: "ModelDataUrl", required: false, shape: &URL },
        Member { name: "ModelDataSource", required: false, shape: &MODEL_DATA_SOURCE },
        Member { name: "AdditionalModelDataSources", required: false, shape: &ADDITIONAL_MODEL_DATA_SOURCES },
        Member { name: "Environment", required: false, shape: &ENVIRONMENT_MAP },
        Member { name: "ModelPackageName", required: false, shape: &VERSIONED_ARN_OR_NAME },
        Member { name: "InferenceSpecificationName", required: false, shape: &INFERENCE_SPECIFICATION_NAME },
        Member { name: "MultiModelConfig", required: false, shape: &MULTI_MODEL_CONFIG },
        Member { name: "ContainerMetricsConfig", required: false, shape: &CONTAINER_METRICS_CONFIG },
    ]),
};

pub(super) static CONTAINER_DEFINITION_LIST: Shape = Shape {
    name: "ContainerDefinitionList",
    kind: Kind::List { min: Some(0), max: Some(15), member: &CONTAINER_DEFINITION },
};

pub(super) static CONTAINER_HOSTNAME: Shape = Shape {
    name: "ContainerHostname",
    kind: Kind::String(Text {
        min: Some(0),
        max: Some(63),
        pattern: Some(Pattern::regex("[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", "[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")),
        values: &[],
        sensitive: false,
    }),
};

pub(super) static CONTAINER_IMAGE: Shape = Shape {
    name: "ContainerImage",
    kind: Kind::String(Text {
        min: Some(0),
        max: Some(255),
        pattern: Some(Pattern::regex("[\\S]+", "[[^\\x09-\\x0D\\x20]]+")),
        values: &[],
        sensitive: false,
    }),
};

pub(super) static CONTAINER_METRICS_CONFIG: Shape = Shape {
    name: "ContainerMetricsConfig",
    kind: Kind::Structure(&[Member {
        name: "MetricsEndpoints",
        required: false,
        shape: &METRICS_ENDPOINT_LIST,
    }]),
};

pub(super) static CONTAINER_MODE: Shape = Shape {
    name: "ContainerMode",
    kind: Kind::String(Text {
        min: None,
        max: None,
        pattern: None,
        values: enums::ContainerMode::VALUES,
        sensitive: false,
    }),
};

pub(super) static CREATE_ENDPOINT_CONFIG_INPUT: Shape = Shape {
    name: "CreateEndpointConfigInput",
    kind: Kind::Structure(&[
        Member { name: "EndpointConfigName", required: true, shape: &ENDPOINT_CONFIG_NAME },
        Member { name: "ProductionVariants", required: true, shape: &PRODUCTION_VARIANT_LIST },
        Member { name: "DataCaptureConfig", required: false, shape: &DATA_CAPTURE_CONFIG },
        Member { name: "Tags", required: false, shape: &TAG_LIST },
        Member { name: "KmsKeyId", required: false, shape: &KMS_KEY_ID },
        Member { name: "AsyncInferenceConfig", required: false, shape: &ASYNC_INFERENCE_CONFIG },
        Member { name: "ExplainerConfig", required: false, shape: &EXPLAINER_CONFIG },
        Member { name: "ShadowProductionVariants", required: false, shape: &PRODUCTION_VARIANT_LIST },
        Member { name: "ExecutionRoleArn", required: false, shape: &ROLE_ARN },
        Member { name: "VpcConfig", required: false, shape: &VPC_CONFIG },
        Member { name: "EnableNetworkIsolation", required: false, shape: &BOOLEAN },
        Member { name: "MetricsConfig", required: false, shape: &METRICS_CONFIG },
        Member { name: "CrossRegionTrafficConfig", required: false, shape: &CROSS_REGION_TRAFFIC_CONFIG },
    ]),
};

pub(super) static CREATE_ENDPOINT_CONFIG_OUTPUT: Shape = Shape {
    name: "CreateEndpointConfigOutput",
    kind: Kind::Structure(&[Member {
        name: "EndpointConfigArn",
        required: true,
        shape: &ENDPOINT_CONFIG_ARN,
    }]),
};

pub(super) static CREATE_ENDPOINT_INPUT: Shape = Shape {
    name: "CreateEndpointInput",
    kind: Kind::Structure(&[
        Member { name: "EndpointName", required: true, shape: &ENDPOINT_NAME },
        Member { name: "EndpointConfigName", required: true, shape: &ENDPOINT_CONFIG_NAME },
        Member { name: "DeploymentConfig", required: false, shape: &DEPLOYMENT_CONFIG },
        Member { name: "Tags", required: false, shape: &TAG_LIST },
    ]),
};

pub(super) static CREATE_ENDPOINT_OUTPUT: Shape = Shape {
    name: "CreateEndpointOutput",
    kind: Kind::Structure(&[Member { name: "EndpointArn", required: true, shape: &ENDPOINT_ARN }]),
};

pub(super) static CREATE_MODEL_INPUT: Shape = Shape {
    name: "CreateModelInput",
    kind: Kind::Structure(&[
        Member { name: "ModelName", required: true, shape: &MODEL_NAME },
        Member { name: "PrimaryContainer", required: false, shape: &CONTAINER_DEFINITION },
        Member { name: "Containers", required: false, shape: &CONTAINER_DEFINITION_LIST },
        Member { name: "InferenceExecutionConfig", required: false, shape: &INFERENCE_EXECUTION_CONFIG },
        Member { name: "ExecutionRoleArn", required: false, shape: &ROLE_ARN },
        Member { name: "Tags", required: false, shape: &TAG_LIST },
        Member { name: "VpcConfig", required: false, shape: &VPC_CONFIG },
        Member { name: "EnableNetworkIsolation", required: false, shape: &BOOLEAN },
    ]),
};

pub(super) static CREATE_MODEL_OUTPUT: Shape = Shape {
    name: "CreateModelOutput",
    kind: Kind::Structure(&[Member { name: "ModelArn", required: true, shape: &MODEL_ARN }]),
};

pub(super) static CROSS_REGION_MAX_INVOCATIONS_PER_SECOND_PER_INSTANCE: Shape = Shape {
    name: "CrossRegionMaxInvocationsPerSecondPerInstance",
    kind: Kind::Integer { min: Some(1), max: Some(10000) },
};

pub(super) static CROSS_REGION_PERCENT_PER_ENDPOINT: Shape =
    Shape { name: "CrossRegionPercentPerEndpoint", kind: Kind::Integer { min: Some(1), max: Some(100) } };

pub(super) static CROSS_REGION_TRAFFIC_CONFIG: Shape = Shape {
    name: "CrossRegionTrafficConfig",
    kind: Kind::Structure(&[
        Member {
            name: "MaxInvocationsPerSecondPerInstance",
            required: true,
            shape: &CROSS_REGION_MAX_INVOCATIONS_PER_SECOND_PER_INSTANCE,
        },
        Member {
            name: "MaxCrossRegionPercentPerEndpoint",
            required: true,
            shape: &CROSS_REGION_PERCENT_PER_ENDPOINT,
        },
    ]),
};

pub(super) static CSV_CONTENT_TYPE: Shape = Shape {
    name: "CsvContentType",
    kind: Kind::String(Text {
        min: Some(1),
        max: Some(256),
        pattern: Some(Pattern::regex(
            "[a-zA-Z0-9](-*[a-zA-Z0-9])*\\/[a-zA-Z0-9](-*[a-zA-Z0-9.])*",
            "[a-zA-Z0-9](-*[a-zA-Z0-9])*/[a-zA-Z0-9](-*[a-zA-Z0-9.])*",
        )),
        values: &[],
        sensitive: false,
    }),
};

pub(super) static CSV_CONTENT_TYPES: Shape = Shape {
    name: "CsvContentTypes",
    kind: Kind::List { min: Some(1), max: Some(10), member: &CSV_CONTENT_TYPE },
};

pub(super) static DATA_CAPTURE_CONFIG: Shape = Shape {
    name: "DataCaptureConfig",
    kind: Kind::Structure(&[
        Member { name: "EnableCapture", required: false, shape: &ENABLE_CAPTURE },
        Member { name: "InitialSamplingPercentage", required: true, shape: &SAMPLING_PERCENTAGE },
        Member { name: "DestinationS3Uri", required: true, shape: &DESTINATION_S3_URI },
        Member { name: "KmsKeyId", required: false, shape: &KMS_KEY_ID },
        Member { name: "CaptureOptions", required: true, shape: &CAPTURE_OPTION_LIST },
        Member { name: "CaptureContentTypeHeader", required: false, shape: &CAPTURE_CONTENT_TYPE_HEADER },
    ]),
};

pub(super) static DATA_CAPTURE_CONFIG_SUMMARY: Shape = Shape {
    name: "DataCaptureConfigSummary",
    kind: Kind::Structure(&[
        Member { name: "EnableCapture", required: true, shape: &ENABLE_CAPTURE },
        Member { name: "CaptureStatus", required: true, shape: &CAPTURE_STATUS },
        Member { name: "CurrentSamplingPercentage", required: true, shape: &SAMPLING_PERCENTAGE },
        Member { name: "DestinationS3Uri", required: true, shape: &DESTINATION_S3_URI },
        Member { name: "KmsKeyId", required: true, shape: &KMS_KEY_ID },
    ]),
};

pub(super) static DELETE_ENDPOINT_CONFIG_INPUT: Shape = Shape {
    name: "DeleteEndpointConfigInput",
    kind: Kind::Structure(&[Member {
        name: "EndpointConfigName",
        required: true,
        shape: &ENDPOINT_CONFIG_NAME,
    }]),
};

pub(super) static DELETE_ENDPOINT_INPUT: Shape = Shape {
    name: "DeleteEndpointInput",
    kind: Kind::Structure(&[Member { name: "EndpointName", required: true, shape: &ENDPOINT_NAME }]),
};

pub(super) static DELETE_MODEL_INPUT: Shape = Shape {
    name: "DeleteModelInput",
    kind: Kind::Structure(&[Member { name: "ModelName", required: true, shape: &MODEL_NAME }]),
};

pub(super) static DELETE_TAGS_INPUT: Shape = Shape {
    name: "DeleteTagsInput",
    kind: Kind::Structure(&[
        Member { name: "ResourceArn", required: true, shape: &RESOURCE_ARN },
        Member { name: "TagKeys", required: true, shape: &TAG_KEY_LIST },
    ]),
};

pub(super) static DELETE_TAGS_OUTPUT: Shape = Shape { name: "DeleteTagsOutput", kind: Kind::Structure(&[]) };

pub(super) static DEPLOYED_IMAGE: Shape = Shape {
    name: "DeployedImage",
    kind: Kind::Structure(&[
        Member { name: "SpecifiedImage", required: false, shape: &CONTAINER_IMAGE },
        Member { name: "ResolvedImage", required: false, shape: &CONTAINER_IMAGE },
        Member { name: "ResolutionTime", required: false, shape: &TIMESTAMP },
    ]),
};

pub(super) static DEPLOYED_IMAGES: Shape =
    Shape { name: "DeployedImages", kind: Kind::List { min: None, max: None, member: &DEPLOYED_IMAGE } };

pub(super) static DEPLOYMENT_CONFIG: Shape = Shape {
    name: "DeploymentConfig",
    kind: Kind::Structure(&[
        Member { name: "BlueGreenUpdatePolicy", required: false, shape: &BLUE_GREEN_UPDATE_POLICY },
        Member { name: "RollingUpdatePolicy", required: false, shape: &ROLLING_UPDATE_POLICY },
        Member { name: "AutoRollbackConfiguration", required: false, shape: &AUTO_ROLLBACK_CONFIG },
    ]),
};

pub(super) static DEPLOYMENT_RECOMMENDATION: Shape = Shape {
    name: "DeploymentRecommendation",
    kind: Kind::Structure(&[
        Member { name: "RecommendationStatus", required: true, shape: &RECOMMENDATION_STATUS },
        Member {
            name: "RealTimeInferenceRecommendations",
            required: false,
            shape: &REAL_TIME_INFERENCE_RECOMMENDATIONS,
        },
    ]),
};

pub(super) static DESCRIBE_ENDPOINT_CONFIG_INPUT: Shape = Shape {
    name: "DescribeEndpointConfigInput",
    kind: Kind::Structure(&[Member {
        name: "EndpointConfigName",
        required: true,
        shape: &ENDPOINT_CONFIG_NAME,
    }]),
};

pub(super) static DESCRIBE_ENDPOINT_CONFIG_OUTPUT: Shape = Shape {
    name: "DescribeEndpointConfigOutput",
    kind: Kind::Structure(&[
        Member { name: "EndpointConfigName", required: true, shape: &ENDPOINT_CONFIG_NAME },
        Member { name: "EndpointConfigArn", required: true, shape: &ENDPOINT_CONFIG_ARN },
        Member { name: "ProductionVariants", required: true, shape: &PRODUCTION_VARIANT_LIST },
        Member { name: "DataCaptureConfig", required: false, shape: &DATA_CAPTURE_CONFIG },
        Member { name: "KmsKeyId", required: false, shape: &KMS_KEY_ID },
        Member { name: "CreationTime", required: true, shape: &TIMESTAMP },
        Member { name: "AsyncInferenceConfig", required: false, shape: &ASYNC_INFERENCE_CONFIG },
        Member { name: "ExplainerConfig", required: false, shape: &EXPLAINER_CONFIG },
        Member { name: "ShadowProductionVariants", required: false, shape: &PRODUCTION_VARIANT_LIST },
        Member { name: "ExecutionRoleArn", required: false, shape: &ROLE_ARN },
        Member { name: "VpcConfig", required: false, shape: &VPC_CONFIG },
        Member { name: "EnableNetworkIsolation", required: false, shape: &BOOLEAN },
        Member { name: "MetricsConfig", required: false, shape: &METRICS_CONFIG },
        Member { name: "CrossRegionTrafficConfig", required: false, shape: &CROSS_REGION_TRAFFIC_CONFIG },
    ]),
};

pub(super) static DESCRIBE_ENDPOINT_INPUT: Shape = Shape {
    name: "DescribeEndpointInput",
    kind: Kind::Structure(&[Member { name: "EndpointName", required: true, shape: &ENDPOINT_NAME }]),
};

pub(super) static DESCRIBE_ENDPOINT_OUTPUT: Shape = Shape {
    name: "DescribeEndpointOutput",
    kind: Kind::Structure(&[
        Member { name: "EndpointName", required: true, shape: &ENDPOINT_NAME },
        Member { name: "EndpointArn", required: true, shape: &ENDPOINT_ARN },
        Member { name: "EndpointConfigName", required: false, shape: &ENDPOINT_CONFIG_NAME },
        Member { name: "ProductionVariants", required: false, shape: &PRODUCTION_VARIANT_SUMMARY_LIST },
        Member { name: "DataCaptureConfig", required: false, shape: &DATA_CAPTURE_CONFIG_SUMMARY },
        Member { name: "EndpointStatus", required: true, shape: &ENDPOINT_STATUS },
        Member { name: "FailureReason", required: false, shape: &FAILURE_REASON },
        Member { name: "CreationTime", required: true, shape: &TIMESTAMP },
        Member { name: "LastModifiedTime", required: true, shape: &TIMESTAMP },
        Member { name: "LastDeploymentConfig", required: false, shape: &DEPLOYMENT_CONFIG },
        Member { name: "AsyncInferenceConfig", required: false, shape: &ASYNC_INFERENCE_CONFIG },
        Member { name: "PendingDeploymentSummary", required: false, shape: &PENDING_DEPLOYMENT_SUMMARY },
        Member { name: "ExplainerConfig", required: false, shape: &EXPLAINER_CONFIG },
        Member { name: "ShadowProductionVariants", required: false, shape: &PRODUCTION_VARIANT_SUMMARY_LIST },
        Member { name: "MetricsConfig", required: false, shape: &METRICS_CONFIG },
        Member { name: "CrossRegionTrafficConfig", required: false, shape: &CROSS_REGION_TRAFFIC_CONFIG },
    ]),
};

pub(super) static DESCRIBE_MODEL_INPUT: Shape = Shape {
    name: "DescribeModelInput",
    kind: Kind::Structure(&[Member { name: "ModelName", required: true, shape: &MODEL_NAME }]),
};

pub(super) static DESCRIBE_MODEL_OUTPUT: Shape = Shape {
    name: "DescribeModelOutput",
    kind: Kind::Structure(&[
        Member { name: "ModelName", required: true, shape: &MODEL_NAME },
        Member { name: "PrimaryContainer", required: false, shape: &CONTAINER_DEFINITION },
        Member { name: "Containers", required: false, shape: &CONTAINER_DEFINITION_LIST },
        Member { name: "InferenceExecutionConfig", required: false, shape: &INFERENCE_EXECUTION_CONFIG },
        Member { name: "ExecutionRoleArn", required: false, shape: &ROLE_ARN },
        Member { name: "VpcConfig", required: false, shape: &VPC_CONFIG },
        Member { name: "CreationTime", required: true, shape: &TIMESTAMP },
        Member { name: "ModelArn", required: true, shape: &MODEL_ARN },
        Member { name: "EnableNetworkIsolation", required: false, shape: &BOOLEAN },
        Member { name: "DeploymentRecommendation", required: false, shape: &DEPLOYMENT_RECOMMENDATION },
    ]),
};

pub(super) static DESIRED_WEIGHT_AND_CAPACITY: Shape = Shape {
    name: "DesiredWeightAndCapacity",
    kind: Kind::Structure(&[
        Member { name: "VariantName", required: true, shape: &VARIANT_NAME },
        Member { name: "DesiredWeight", required: false, shape: &VARIANT_WEIGHT },
        Member { name: "DesiredInstanceCount", required: false, shape: &TASK_COUNT },
        Member {
            name: "ServerlessUpdateConfig",
            required: false,
            shape: &PRODUCTION_VARIANT_SERVERLESS_UPDATE_CONFIG,
        },
    ]),
};

pub(super) static DESIRED_WEIGHT_AND_CAPACITY_LIST: Shape = Shape {
    name: "DesiredWeightAndCapacityList",
    kind: Kind::List { min: Some(1), max: None, member: &DESIRED_WEIGHT_AND_CAPACITY },
};

pub(super) static DESTINATION_S3_URI: Shape = Shape {
    name: "DestinationS3Uri",
    kind: Kind::String(Text {
        min: Some(0),
        max: Some(512),
        pattern: Some(Pattern::regex(
            "(https|s3)://([^/])/?(.*)",
            "(https|s3)://([^/])/?([^\\n\\r\\u{85}\\u{2028}\\u{2029}]*)",
        )),
        values: &[],
        sensitive: false,
    }),
};

pub(super) static EC2_CAPACITY_RESERVATION: Shape = Shape {
    name: "Ec2CapacityReservation",
    kind: Kind::Structure(&[
        Member { name: "Ec2CapacityReservationId", required: false, shape: &EC2_CAPACITY_RESERVATION_ID },
        Member { name: "TotalInstanceCount", required: false, shape: &TASK_COUNT },
        Member { name: "AvailableInstanceCount", required: false, shape: &TASK_COUNT },
        Member { name: "UsedByCurrentEndpoint", required: false, shape: &TASK_COUNT },
    ]),
};

pub(super) static EC2_CAPACITY_RESERVATION_ID: Shape = Shape {
    name: "Ec2CapacityReservationId",
    kind: Kind::String(Text { min: None, max: None, pattern: None, values: &[], sensitive: false }),
};

pub(super) static EC2_CAPACITY_RESERVATIONS_LIST: Shape = Shape {
    name: "Ec2CapacityReservationsList",
    kind: Kind::List { min: None, max: None, member: &EC2_CAPACITY_RESERVATION },
};

pub(super) static ENABLE_CAPTURE: Shape = Shape { name: "EnableCapture", kind: Kind::Boolean };

pub(super) static ENABLE_DETAILED_OBSERVABILITY: Shape =
    Shape { name: "EnableDetailedObservability", kind: Kind::Boolean };

pub(super) static ENABLE_ENHANCED_METRICS: Shape =
    Shape { name: "EnableEnhancedMetrics", kind: Kind::Boolean };

pub(super) static ENDPOINT_ARN: Shape = Shape {
    name: "EndpointArn",
    kind: Kind::String(Text {
        min: Some(20),
        max: Some(2048),
        pattern: Some(Pattern::regex(
            "arn:aws[a-z\\-]*:sagemaker:[a-z0-9\\-]*:[0-9]{12}:endpoint/.*",
            "arn:aws[a-z\\-]*:sagemaker:[a-z0-9\\-]*:[0-9]{12}:endpoint/[^\\n\\r\\u{85}\\u{2028}\\u{2029}]*",
        )),
        values: &[],
        sensitive: false,
    }),
};

pub(super) static ENDPOINT_CONFIG_ARN: Shape = Shape {
    name: "EndpointConfigArn",
    kind: Kind::String(Text {
        min: Some(20),
        max: Some(2048),
        pattern: Some(Pattern::regex(
            "arn:aws[a-z\\-]*:sagemaker:[a-z0-9\\-]*:[0-9]{12}:endpoint-config/.*",
            "arn:aws[a-z\\-]*:sagemaker:[a-z0-9\\-]*:[0-9]{12}:endpoint-config/[^\\n\\r\\u{85}\\u{2028}\\u{2029}]*",
        )),
        values: &[],
        sensitive: false,
    }),
};

pub(super) static ENDPOINT_CONFIG_NAME: Shape = Shape {
    name: "EndpointConfigName",
    kind: Kind::String(Text {
        min: Some(0),
        max: Some(63),
        pattern: Some(Pattern::regex("[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", "[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")),
        values: &[],
        sensitive: false,
    }),
};

pub(super) static ENDPOINT_CONFIG_NAME_CONTAINS: Shape = Shape {
    name: "EndpointConfigNameContains",
    kind: Kind::String(Text {
        min: Some(0),
        max: Some(63),
        pattern: Some(Pattern::regex("[a-zA-Z0-9-]+", "[a-zA-Z0-9-]+")),
        values: &[],
        sensitive: false,
    }),
};

pub(super) static ENDPOINT_CONFIG_SORT_KEY: Shape = Shape {
    name: "EndpointConfigSortKey",
    kind: Kind::String(Text {
        min: None,
        max: None,
        pattern: None,
        values: enums::EndpointConfigSortKey::VALUES,
        sensitive: false,
    }),
};

pub(super) static ENDPOINT_CONFIG_SUMMARY: Shape = Shape {
    name: "EndpointConfigSummary",
    kind: Kind::Structure(&[
        Member { name: "EndpointConfigName", required: true, shape: &ENDPOINT_CONFIG_NAME },
        Member { name: "EndpointConfigArn", required: true, shape: &ENDPOINT_CONFIG_ARN },
        Member { name: "CreationTime", required: true, shape: &TIMESTAMP },
    ]),
};

pub(super) static ENDPOINT_CONFIG_SUMMARY_LIST: Shape = Shape {
    name: "EndpointConfigSummaryList",
    kind: Kind::List { min: None, max: None, member: &ENDPOINT_CONFIG_SUMMARY },
};

pub(super) static ENDPOINT_NAME: Shape = Shape {
    name: "EndpointName",
    kind: Kind::String(Text {
        min: Some(0),
        max: Some(63),
        pattern: Some(Pattern::regex("[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", "[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")),
        values: &[],
        sensitive: false,
    }),
};

pub(super) static ENDPOINT_NAME_CONTAINS: Shape = Shape {
    name: "EndpointNameContains",
    kind: Kind::String(Text {
        min: Some(0),
        max: Some(63),
        pattern: Some(Pattern::regex("[a-zA-Z0-9-]+", "[a-zA-Z0-9-]+")),
        values: &[],
        sensitive: false,
    }),
};

pub(super) static ENDPOINT_SORT_KEY: Shape = Shape {
    name: "EndpointSortKey",
    kind: Kind::String(Text {
        min: None,
        max: None,
        pattern: None,
        values: enums::EndpointSortKey::VALUES,
        sensitive: false,
    }),
};

pub(super) static ENDPOINT_STATUS: Shape = Shape {
    name: "EndpointStatus",
    kind: Kind::String(Text {
        min: None,
        max: None,
        pattern: None,
        values: enums::EndpointStatus::VALUES,
        sensitive: false,
    }),
};

pub(super) static ENDPOINT_SUMMARY: Shape = Shape {
    name: "EndpointSummary",
    kind: Kind::Structure(&[
        Member { name: "EndpointName", required: true, shape: &ENDPOINT_NAME },
        Member { name: "EndpointArn", required: true, shape: &ENDPOINT_ARN },
        Member { name: "CreationTime", required: true, shape: &TIMESTAMP },
        Member { name: "LastModifiedTime", required: true, shape: &TIMESTAMP },
        Member { name: "EndpointStatus", required: true, shape: &ENDPOINT_STATUS },
    ]),
};

pub(super) static ENDPOINT_SUMMARY_LIST: Shape = Shape {
    name: "EndpointSummaryList",
    kind: Kind::List { min: None, max: None, member: &ENDPOINT_SUMMARY },
};

pub(super) static ENVIRONMENT_KEY: Shape = Shape {
    name: "EnvironmentKey",
    kind: Kind::String(Text {
        min: Some(0),
        max: Some(1024),
        pattern: Some(Pattern::regex("[a-zA-Z_][a-zA-Z0-9_]*", "[a-zA-Z_][a-zA-Z0-9_]*")),
        values: &[],
        sensitive: false,
    }),
};

pub(super) static ENVIRONMENT_MAP: Shape = Shape {
    name: "EnvironmentMap",
    kind: Kind::Map { min: Some(0), max: Some(100), key: &ENVIRONMENT_KEY, value: &ENVIRONMENT_VALUE },
};

pub(super) static ENVIRONMENT_VALUE: Shape = Shape {
    name: "EnvironmentValue",
    kind: Kind::String(Text {
        min: Some(0),
        max: Some(1024),
        pattern: Some(Pattern::regex("[\\S\\s]*", "[[^\\x09-\\x0D\\x20][\\x09-\\x0D\\x20]]*")),
        values: &[],
        sensitive: false,
    }),
};

pub(super) static EXPLAINER_CONFIG: Shape = Shape {
    name: "ExplainerConfig",
    kind: Kind::Structure(&[Member {
        name: "ClarifyExplainerConfig",
        required: false,
        shape: &CLARIFY_EXPLAINER_CONFIG,
    }]),
};

pub(super) static FAILURE_REASON: Shape = Shape {
    name: "FailureReason",
    kind: Kind::String(Text { min: Some(0), max: Some(1024), pattern: None, values: &[], sensitive: false }),
};

pub(super) static HUB_CONTENT_ARN: Shape = Shape {
    name: "HubContentArn",
    kind: Kind::String(Text {
        min: Some(0),
        max: Some(255),
        pattern: Some(Pattern::regex(".*", "[^\\n\\r\\u{85}\\u{2028}\\u{2029}]*")),
        values: &[],
        sensitive: false,
    }),
};

pub(super) static IMAGE_CONFIG: Shape = Shape {
    name: "ImageConfig",
    kind: Kind::Structure(&[
        Member { name: "RepositoryAccessMode", required: true, shape: &REPOSITORY_ACCESS_MODE },
        Member { name: "RepositoryAuthConfig", required: false, shape: &REPOSITORY_AUTH_CONFIG },
    ]),
};

pub(super) static INFERENCE_EXECUTION_CONFIG: Shape = Shape {
    name: "InferenceExecutionConfig",
    kind: Kind::Structure(&[Member { name: "Mode", required: true, shape: &INFERENCE_EXECUTION_MODE }]),
};

pub(super) static INFERENCE_EXECUTION_MODE: Shape = Shape {
    name: "InferenceExecutionMode",
    kind: Kind::String(Text {
        min: None,
        max: None,
        pattern: None,
        values: enums::InferenceExecutionMode::VALUES,
        sensitive: false,
    }),
};

pub(super) static INFERENCE_HUB_ACCESS_CONFIG: Shape = Shape {
    name: "InferenceHubAccessConfig",
    kind: Kind::Structure(&[Member { name: "HubContentArn", required: true, shape: &HUB_CONTENT_ARN }]),
};

pub(super) static INFERENCE_SPECIFICATION_NAME: Shape = Shape {
    name: "InferenceSpecificationName",
    kind: Kind::String(Text {
        min: Some(1),
        max: Some(63),
        pattern: Some(Pattern::regex("[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", "[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")),
        values: &[],
        sensitive: false,
    }),
};

pub(super) static INITIAL_TASK_COUNT: Shape =
    Shape { name: "InitialTaskCount", kind: Kind::Integer { min: Some(1), max: None } };

pub(super) static INSTANCE_POOL: Shape = Shape {
    name: "InstancePool",
    kind: Kind::Structure(&[
        Member { name: "InstanceType", required: true, shape: &PRODUCTION_VARIANT_INSTANCE_TYPE },
        Member { name: "ModelNameOverride", required: false, shape: &MODEL_NAME },
        Member { name: "Priority", required: true, shape: &INSTANCE_POOL_PRIORITY },
    ]),
};

pub(super) static INSTANCE_POOL_LIST: Shape = Shape {
    name: "InstancePoolList",
    kind: Kind::List { min: Some(1), max: Some(5), member: &INSTANCE_POOL },
};

pub(super) static INSTANCE_POOL_PRIORITY: Shape =
    Shape { name: "InstancePoolPriority", kind: Kind::Integer { min: Some(1), max: Some(5) } };

pub(super) static INSTANCE_POOL_SUMMARY: Shape = Shape {
    name: "InstancePoolSummary",
    kind: Kind::Structure(&[
        Member { name: "InstanceType", required: true, shape: &PRODUCTION_VARIANT_INSTANCE_TYPE },
        Member { name: "CurrentInstanceCount", required: true, shape: &TASK_COUNT },
    ]),
};

pub(super) static INSTANCE_POOL_SUMMARY_LIST: Shape = Shape {
    name: "InstancePoolSummaryList",
    kind: Kind::List { min: Some(1), max: None, member: &INSTANCE_POOL_SUMMARY },
};

pub(super) static JSON_CONTENT_TYPE: Shape = Shape {
    name: "JsonContentType",
    kind: Kind::String(Text {
        min: Some(1),
        max: Some(256),
        pattern: Some(Pattern::regex(
            "[a-zA-Z0-9](-*[a-zA-Z0-9])*\\/[a-zA-Z0-9](-*[a-zA-Z0-9.])*",
            "[a-zA-Z0-9](-*[a-zA-Z0-9])*/[a-zA-Z0-9](-*[a-zA-Z0-9.])*",
        )),
        values: &[],
        sensitive: false,
    }),
};

pub(super) static JSON_CONTENT_TYPES: Shape = Shape {
    name: "JsonContentTypes",
    kind: Kind::List { min: Some(1), max: Some(10), member: &JSON_CONTENT_TYPE },
};

pub(super) static KMS_KEY_ID: Shape = Shape {
    name: "KmsKeyId",
    kind: Kind::String(Text {
        min: Some(0),
        max: Some(2048),
        pattern: Some(Pattern::regex("[a-zA-Z0-9:/_-]*", "[a-zA-Z0-9:/_-]*")),
        values: &[],
        sensitive: false,
    }),
};

pub(super) static LIST_ENDPOINT_CONFIGS_INPUT: Shape = Shape {
    name: "ListEndpointConfigsInput",
    kind: Kind::Structure(&[
        Member { name: "SortBy", required: false, shape: &ENDPOINT_CONFIG_SORT_KEY },
        Member { name: "SortOrder", required: false, shape: &ORDER_KEY },
        Member { name: "NextToken", required: false, shape: &PAGINATION_TOKEN },
        Member { name: "MaxResults", required: false, shape: &MAX_RESULTS },
        Member { name: "NameContains", required: false, shape: &ENDPOINT_CONFIG_NAME_CONTAINS },
        Member { name: "CreationTimeBefore", required: false, shape: &TIMESTAMP },
        Member { name: "CreationTimeAfter", required: false, shape: &TIMESTAMP },
    ]),
};

pub(super) static LIST_ENDPOINT_CONFIGS_OUTPUT: Shape = Shape {
    name: "ListEndpointConfigsOutput",
    kind: Kind::Structure(&[
        Member { name: "EndpointConfigs", required: true, shape: &ENDPOINT_CONFIG_SUMMARY_LIST },
        Member { name: "NextToken", required: false, shape: &PAGINATION_TOKEN },
    ]),
};

pub(super) static LIST_ENDPOINTS_INPUT: Shape = Shape {
    name: "ListEndpointsInput",
    kind: Kind::Structure(&[
        Member { name: "SortBy", required: false, shape: &ENDPOINT_SORT_KEY },
        Member { name: "SortOrder", required: false, shape: &ORDER_KEY },
        Member { name: "NextToken", required: false, shape: &PAGINATION_TOKEN },
        Member { name: "MaxResults", required: false, shape: &MAX_RESULTS },
        Member { name: "NameContains", required: false, shape: &ENDPOINT_NAME_CONTAINS },
        Member { name: "CreationTimeBefore", required: false, shape: &TIMESTAMP },
        Member { name: "CreationTimeAfter", required: false, shape: &TIMESTAMP },
        Member { name: "LastModifiedTimeBefore", required: false, shape: &TIMESTAMP },
        Member { name: "LastModifiedTimeAfter", required: false, shape: &TIMESTAMP },
        Member { name: "StatusEquals", required: false, shape: &ENDPOINT_STATUS },
    ]),
};

pub(super) static LIST_ENDPOINTS_OUTPUT: Shape = Shape {
    name: "ListEndpointsOutput",
    kind: Kind::Structure(&[
        Member { name: "Endpoints", required: true, shape: &ENDPOINT_SUMMARY_LIST },
        Member { name: "NextToken", required: false, shape: &PAGINATION_TOKEN },
    ]),
};

pub(super) static LIST_MODELS_INPUT: Shape = Shape {
    name: "ListModelsInput",
    kind: Kind::Structure(&[
        Member { name: "SortBy", required: false, shape: &MODEL_SORT_KEY },
        Member { name: "SortOrder", required: false, shape: &ORDER_KEY },
        Member { name: "NextToken", required: false, shape: &PAGINATION_TOKEN },
        Member { name: "MaxResults", required: false, shape: &MAX_RESULTS },
        Member { name: "NameContains", required: false, shape: &MODEL_NAME_CONTAINS },
        Member { name: "CreationTimeBefore", required: false, shape: &TIMESTAMP },
        Member { name: "CreationTimeAfter", required: false, shape: &TIMESTAMP },
    ]),
};

pub(super) static LIST_MODELS_OUTPUT: Shape = Shape {
    name: "ListModelsOutput",
    kind: Kind::Structure(&[
        Member { name: "Models", required: true, shape: &MODEL_SUMMARY_LIST },
        Member { name: "NextToken", required: false, shape: &PAGINATION_TOKEN },
    ]),
};

pub(super) static LIST_TAGS_INPUT: Shape = Shape {
    name: "ListTagsInput",
    kind: Kind::Structure(&[
        Member { name: "ResourceArn", required: true, shape: &RESOURCE_ARN },
        Member { name: "NextToken", required: false, shape: &NEXT_TOKEN },
        Member { name: "MaxResults", required: false, shape: &LIST_TAGS_MAX_RESULTS },
    ]),
};

pub(super) static LIST_TAGS_MAX_RESULTS: Shape =
    Shape { name: "ListTagsMaxResults", kind: Kind::Integer { min: Some(50), max: None } };

pub(super) static LIST_TAGS_OUTPUT: Shape = Shape {
    name: "ListTagsOutput",
    kind: Kind::Structure(&[
        Member { name: "Tags", required: false, shape: &TAG_LIST },
        Member { name: "NextToken", required: false, shape: &NEXT_TOKEN },
    ]),
};

pub(super) static MANAGED_INSTANCE_SCALING_COOLDOWN_IN_MINUTES: Shape = Shape {
    name: "ManagedInstanceScalingCooldownInMinutes",
    kind: Kind::Integer { min: Some(5), max: Some(1440) },
};

pub(super) static MANAGED_INSTANCE_SCALING_MAX_INSTANCE_COUNT: Shape =
    Shape { name: "ManagedInstanceScalingMaxInstanceCount", kind: Kind::Integer { min: Some(1), max: None } };

pub(super) static MANAGED_INSTANCE_SCALING_MAXIMUM_STEP_SIZE: Shape = Shape {
    name: "ManagedInstanceScalingMaximumStepSize",
    kind: Kind::Integer { min: Some(1), max: Some(100) },
};

pub(super) static MANAGED_INSTANCE_SCALING_MIN_INSTANCE_COUNT: Shape =
    Shape { name: "ManagedInstanceScalingMinInstanceCount", kind: Kind::Integer { min: Some(0), max: None } };

pub(super) static MANAGED_INSTANCE_SCALING_SCALE_IN_STRATEGY: Shape = Shape {
    name: "ManagedInstanceScalingScaleInStrategy",
    kind: Kind::String(Text {
        min: None,
        max: None,
        pattern: None,
        values: enums::ManagedInstanceScalingScaleInStrategy::VALUES,
        sensitive: false,
    }),
};

pub(super) static MANAGED_INSTANCE_SCALING_STATUS: Shape = Shape {
    name: "ManagedInstanceScalingStatus",
    kind: Kind::String(Text {
        min: None,
        max: None,
        pattern: None,
        values: enums::ManagedInstanceScalingStatus::VALUES,
        sensitive: false,
    }),
};

pub(super) static MAX_CONCURRENT_INVOCATIONS_PER_INSTANCE: Shape = Shape {
    name: "MaxConcurrentInvocationsPerInstance",
    kind: Kind::Integer { min: Some(1), max: Some(1000) },
};

pub(super) static MAX_RESULTS: Shape =
    Shape { name: "MaxResults", kind: Kind::Integer { min: Some(1), max: Some(100) } };

pub(super) static MAXIMUM_EXECUTION_TIMEOUT_IN_SECONDS: Shape = Shape {
    name: "MaximumExecutionTimeoutInSeconds",
    kind: Kind::Integer { min: Some(600), max: Some(28800) },
};

pub(super) static METRIC_PUBLISH_FREQUENCY_IN_SECONDS: Shape =
    Shape { name: "MetricPublishFrequencyInSeconds", kind: Kind::Integer { min: None, max: None } };

pub(super) static METRICS_CONFIG: Shape = Shape {
    name: "MetricsConfig",
    kind: Kind::Structure(&[
        Member { name: "EnableEnhancedMetrics", required: false, shape: &ENABLE_ENHANCED_METRICS },
        Member {
            name: "EnableDetailedObservability",
            required: false,
            shape: &ENABLE_DETAILED_OBSERVABILITY,
        },
        Member {
            name: "MetricPublishFrequencyInSeconds",
            required: false,
            shape: &METRIC_PUBLISH_FREQUENCY_IN_SECONDS,
        },
    ]),
};

pub(super) static METRICS_ENDPOINT: Shape = Shape {
    name: "MetricsEndpoint",
    kind: Kind::Structure(&[
        Member { name: "MetricsEndpointPath", required: true, shape: &METRICS_ENDPOINT_PATH },
        Member {
            name: "MetricPublishFrequencyInSeconds",
            required: false,
            shape: &METRIC_PUBLISH_FREQUENCY_IN_SECONDS,
        },
    ]),
};

pub(super) static METRICS_ENDPOINT_LIST: Shape = Shape {
    name: "MetricsEndpointList",
    kind: Kind::List { min: Some(0), max: Some(1), member: &METRICS_ENDPOINT },
};

pub(super) static METRICS_ENDPOINT_PATH: Shape = Shape {
    name: "MetricsEndpointPath",
    kind: Kind::String(Text {
        min: Some(0),
        max: Some(256),
        pattern: Some(Pattern::by_hand("/(?!.*\\.\\.)[a-zA-Z0-9/_.\\-]+", by_hand::metrics_endpoint_path)),
        values: &[],
        sensitive: false,
    }),
};

pub(super) static ML_RESERVATION_ARN: Shape = Shape {
    name: "MlReservationArn",
    kind: Kind::String(Text {
        min: Some(20),
        max: Some(258),
        pattern: Some(Pattern::regex(
            "arn:aws[a-z\\-]*:sagemaker:[a-z0-9\\-]*:[0-9]{12}:[a-z0-9\\-]{1,14}/.*",
            "arn:aws[a-z\\-]*:sagemaker:[a-z0-9\\-]*:[0-9]{12}:[a-z0-9\\-]{1,14}/[^\\n\\r\\u{85}\\u{2028}\\u{2029}]*",
        )),
        values: &[],
        sensitive: false,
    }),
};

pub(super) static MODEL_ACCESS_CONFIG: Shape = Shape {
    name: "ModelAccessConfig",
    kind: Kind::Structure(&[Member { name: "AcceptEula", required: true, shape: &ACCEPT_EULA }]),
};

pub(super) static MODEL_ARN: Shape = Shape {
    name: "ModelArn",
    kind: Kind::String(Text {
        min: Some(20),
        max: Some(2048),
        pattern: Some(Pattern::regex(
            "arn:aws[a-z\\-]*:sagemaker:[a-z0-9\\-]*:[0-9]{12}:model/.*",
            "arn:aws[a-z\\-]*:sagemaker:[a-z0-9\\-]*:[0-9]{12}:model/[^\\n\\r\\u{85}\\u{2028}\\u{2029}]*",
        )),
        values: &[],
        sensitive: false,
    }),
};

pub(super) static MODEL_CACHE_SETTING: Shape = Shape {
    name: "ModelCacheSetting",
    kind: Kind::String(Text {
        min: None,
        max: None,
        pattern: None,
        values: enums::ModelCacheSetting::VALUES,
        sensitive: false,
    }),
};

pub(super) static MODEL_COMPRESSION_TYPE: Shape = Shape {
    name: "ModelCompressionType",
    kind: Kind::String(Text {
        min: None,
        max: None,
        pattern: None,
        values: enums::ModelCompressionType::VALUES,
        sensitive: false,
    }),
};

pub(super) static MODEL_DATA_SOURCE: Shape = Shape {
    name: "ModelDataSource",
    kind: Kind::Structure(&[Member { name: "S3DataSource", required: false, shape: &S3_MODEL_DATA_SOURCE }]),
};

pub(super) static MODEL_NAME: Shape = Shape {
    name: "ModelName",
    kind: Kind::String(Text {
        min: Some(0),
        max: Some(63),
        pattern: Some(Pattern::regex(
            "[a-zA-Z0-9]([\\-a-zA-Z0-9]*[a-zA-Z0-9])?",
            "[a-zA-Z0-9]([\\-a-zA-Z0-9]*[a-zA-Z0-9])?",
        )),
        values: &[],
        sensitive: false,
    }),
};

pub(super) static MODEL_NAME_CONTAINS: Shape = Shape {
    name: "ModelNameContains",
    kind: Kind::String(Text {
        min: Some(0),
        max: Some(63),
        pattern: Some(Pattern::regex("[a-zA-Z0-9-]+", "[a-zA-Z0-9-]+")),
        values: &[],
        sensitive: false,
    }),
};

pub(super) static MODEL_SORT_KEY: Shape = Shape {
    name: "ModelSortKey",
    kind: Kind::String(Text {
        min: None,
        max: None,
        pattern: None,
        values: enums::ModelSortKey::VALUES,
        sensitive: false,
    }),
};

pub(super) static MODEL_SUMMARY: Shape = Shape {
    name: "ModelSummary",
    kind: Kind::Structure(&[
        Member { name: "ModelName", required: true, shape: &MODEL_NAME },
        Member { name: "ModelArn", required: true, shape: &MODEL_ARN },
        Member { name: "CreationTime", required: true, shape: &TIMESTAMP },
    ]),
};

pub(super) static MODEL_SUMMARY_LIST: Shape =
    Shape { name: "ModelSummaryList", kind: Kind::List { min: None, max: None, member: &MODEL_SUMMARY } };

pub(super) static MULTI_MODEL_CONFIG: Shape = Shape {
    name: "MultiModelConfig",
    kind: Kind::Structure(&[Member {
        name: "ModelCacheSetting",
        required: false,
        shape: &MODEL_CACHE_SETTING,
    }]),
};

pub(super) static NEXT_TOKEN: Shape = Shape {
    name: "NextToken",
    kind: Kind::String(Text {
        min: Some(0),
        max: Some(8192),
        pattern: Some(Pattern::regex(".*", "[^\\n\\r\\u{85}\\u{2028}\\u{2029}]*")),
        values: &[],
        sensitive: false,
    }),
};

pub(super) static ORDER_KEY: Shape = Shape {
    name: "OrderKey",
    kind: Kind::String(Text {
        min: None,
        max: None,
        pattern: None,
        values: enums::OrderKey::VALUES,
        sensitive: false,
    }),
};

pub(super) static PAGINATION_TOKEN: Shape = Shape {
    name: "PaginationToken",
    kind: Kind::String(Text {
        min: Some(0),
        max: Some(8192),
        pattern: Some(Pattern::regex(".*", "[^\\n\\r\\u{85}\\u{2028}\\u{2029}]*")),
        values: &[],
        sensitive: false,
    }),
};

pub(super) static PENDING_DEPLOYMENT_SUMMARY: Shape = Shape {
    name: "PendingDeploymentSummary",
    kind: Kind::Structure(&[
        Member { name: "EndpointConfigName", required: true, shape: &ENDPOINT_CONFIG_NAME },
        Member {
            name: "ProductionVariants",
            required: false,
            shape: &PENDING_PRODUCTION_VARIANT_SUMMARY_LIST,
        },
        Member { name: "StartTime", required: false, shape: &TIMESTAMP },
        Member {
            name: "ShadowProductionVariants",
            required: false,
            shape: &PENDING_PRODUCTION_VARIANT_SUMMARY_LIST,
        },
    ]),
};

pub(super) static PENDING_PRODUCTION_VARIANT_SUMMARY: Shape = Shape {
    name: "PendingProductionVariantSummary",
    kind: Kind::Structure(&[
        Member { name: "VariantName", required: true, shape: &VARIANT_NAME },
        Member { name: "DeployedImages", required: false, shape: &DEPLOYED_IMAGES },
        Member { name: "CurrentWeight", required: false, shape: &VARIANT_WEIGHT },
        Member { name: "DesiredWeight", required: false, shape: &VARIANT_WEIGHT },
        Member { name: "CurrentInstanceCount", required: false, shape: &TASK_COUNT },
        Member { name: "DesiredInstanceCount", required: false, shape: &TASK_COUNT },
        Member { name: "InstanceType", required: false, shape: &PRODUCTION_VARIANT_INSTANCE_TYPE },
        Member { name: "InstancePools", required: false, shape: &INSTANCE_POOL_SUMMARY_LIST },
        Member { name: "AcceleratorType", required: false, shape: &PRODUCTION_VARIANT_ACCELERATOR_TYPE },
        Member { name: "VariantStatus", required: false, shape: &PRODUCTION_VARIANT_STATUS_LIST },
        Member {
            name: "CurrentServerlessConfig",
            required: false,
            shape: &PRODUCTION_VARIANT_SERVERLESS_CONFIG,
        },
        Member {
            name: "DesiredServerlessConfig",
            required: false,
            shape: &PRODUCTION_VARIANT_SERVERLESS_CONFIG,
        },
        Member {
            name: "ManagedInstanceScaling",
            required: false,
            shape: &PRODUCTION_VARIANT_MANAGED_INSTANCE_SCALING,
        },
        Member { name: "RoutingConfig", required: false, shape: &PRODUCTION_VARIANT_ROUTING_CONFIG },
        Member {
            name: "AcceleratorPartitionLayouts",
            required: false,
            shape: &ACCELERATOR_PARTITION_LAYOUTS,
        },
    ]),
};

pub(super) static PENDING_PRODUCTION_VARIANT_SUMMARY_LIST: Shape = Shape {
    name: "PendingProductionVariantSummaryList",
    kind: Kind::List { min: Some(1), max: None, member: &PENDING_PRODUCTION_VARIANT_SUMMARY },
};

pub(super) static PREFIX_AWARE_ROUTING_CONCURRENCY_THRESHOLD: Shape = Shape {
    name: "PrefixAwareRoutingConcurrencyThreshold",
    kind: Kind::Integer { min: Some(1), max: Some(1024) },
};

pub(super) static PREFIX_AWARE_ROUTING_CONFIG: Shape = Shape {
    name: "PrefixAwareRoutingConfig",
    kind: Kind::Structure(&[
        Member { name: "PrefixLength", required: false, shape: &PREFIX_AWARE_ROUTING_PREFIX_LENGTH },
        Member {
            name: "ConcurrencyThreshold",
            required: false,
            shape: &PREFIX_AWARE_ROUTING_CONCURRENCY_THRESHOLD,
        },
    ]),
};

pub(super) static PREFIX_AWARE_ROUTING_PREFIX_LENGTH: Shape = Shape {
    name: "PrefixAwareRoutingPrefixLength",
    kind: Kind::Integer { min: Some(1024), max: Some(65536) },
};

pub(super) static PRODUCTION_VARIANT: Shape = Shape {
    name: "ProductionVariant",
    kind: Kind::Structure(&[
        Member { name: "VariantName", required: true, shape: &VARIANT_NAME },
        Member { name: "ModelName", required: false, shape: &MODEL_NAME },
        Member { name: "InitialInstanceCount", required: false, shape: &INITIAL_TASK_COUNT },
        Member { name: "InstanceType", required: false, shape: &PRODUCTION_VARIANT_INSTANCE_TYPE },
        Member { name: "InstancePools", required: false, shape: &INSTANCE_POOL_LIST },
        Member {
            name: "VariantInstanceProvisionTimeoutInSeconds",
            required: false,
            shape: &VARIANT_INSTANCE_PROVISION_TIMEOUT_IN_SECONDS,
        },
        Member { name: "InitialVariantWeight", required: false, shape: &VARIANT_WEIGHT },
        Member { name: "AcceleratorType", required: false, shape: &PRODUCTION_VARIANT_ACCELERATOR_TYPE },
        Member { name: "CoreDumpConfig", required: false, shape: &PRODUCTION_VARIANT_CORE_DUMP_CONFIG },
        Member { name: "ServerlessConfig", required: false, shape: &PRODUCTION_VARIANT_SERVERLESS_CONFIG },
        Member { name: "VolumeSizeInGB", required: false, shape: &PRODUCTION_VARIANT_VOLUME_SIZE_IN_GB },
        Member {
            name: "ModelDataDownloadTimeoutInSeconds",
            required: false,
            shape: &PRODUCTION_VARIANT_MODEL_DATA_DOWNLOAD_TIMEOUT_IN_SECONDS,
        },
        Member {
            name: "ContainerStartupHealthCheckTimeoutInSeconds",
            required: false,
            shape: &PRODUCTION_VARIANT_CONTAINER_STARTUP_HEALTH_CHECK_TIMEOUT_IN_SECONDS,
        },
        Member { name: "EnableSSMAccess", required: false, shape: &PRODUCTION_VARIANT_SSM_ACCESS },
        Member {
            name: "ManagedInstanceScaling",
            required: false,
            shape: &PRODUCTION_VARIANT_MANAGED_INSTANCE_SCALING,
        },
        Member { name: "RoutingConfig", required: false, shape: &PRODUCTION_VARIANT_ROUTING_CONFIG },
        Member {
            name: "InferenceAmiVersion",
            required: false,
            shape: &PRODUCTION_VARIANT_INFERENCE_AMI_VERSION,
        },
        Member {
            name: "CapacityReservationConfig",
            required: false,
            shape: &PRODUCTION_VARIANT_CAPACITY_RESERVATION_CONFIG,
        },
        Member {
            name: "AcceleratorPartitionLayouts",
            required: false,
            shape: &PRODUCTION_VARIANT_ACCELERATOR_PARTITION_LAYOUTS_LIST,
        },
    ]),
};

pub(super) static PRODUCTION_VARIANT_ACCELERATOR_PARTITION_LAYOUTS_LIST: Shape = Shape {
    name: "ProductionVariantAcceleratorPartitionLayoutsList",
    kind: Kind::List { min: Some(1), max: Some(32), member: &ACCELERATOR_PARTITION_LAYOUT },
};

pub(super) static PRODUCTION_VARIANT_ACCELERATOR_TYPE: Shape = Shape {
    name: "ProductionVariantAcceleratorType",
    kind: Kind::String(Text {
        min: None,
        max: None,
        pattern: None,
        values: enums::ProductionVariantAcceleratorType::VALUES,
        sensitive: false,
    }),
};

pub(super) static PRODUCTION_VARIANT_CAPACITY_RESERVATION_CONFIG: Shape = Shape {
    name: "ProductionVariantCapacityReservationConfig",
    kind: Kind::Structure(&[
        Member {
            name: "CapacityReservationPreference",
            required: false,
            shape: &CAPACITY_RESERVATION_PREFERENCE,
        },
        Member { name: "MlReservationArn", required: false, shape: &ML_RESERVATION_ARN },
    ]),
};

pub(super) static PRODUCTION_VARIANT_CAPACITY_RESERVATION_SUMMARY: Shape = Shape {
    name: "ProductionVariantCapacityReservationSummary",
    kind: Kind::Structure(&[
        Member { name: "MlReservationArn", required: false, shape: &ML_RESERVATION_ARN },
        Member {
            name: "CapacityReservationPreference",
            required: false,
            shape: &CAPACITY_RESERVATION_PREFERENCE,
        },
        Member { name: "TotalInstanceCount", required: false, shape: &TASK_COUNT },
        Member { name: "AvailableInstanceCount", required: false, shape: &TASK_COUNT },
        Member { name: "UsedByCurrentEndpoint", required: false, shape: &TASK_COUNT },
        Member { name: "Ec2CapacityReservations", required: false, shape: &EC2_CAPACITY_RESERVATIONS_LIST },
    ]),
};

pub(super) static PRODUCTION_VARIANT_CONTAINER_STARTUP_HEALTH_CHECK_TIMEOUT_IN_SECONDS: Shape = Shape {
    name: "ProductionVariantContainerStartupHealthCheckTimeoutInSeconds",
    kind: Kind::Integer { min: Some(60), max: Some(3600) },
};

pub(super) static PRODUCTION_VARIANT_CORE_DUMP_CONFIG: Shape = Shape {
    name: "ProductionVariantCoreDumpConfig",
    kind: Kind::Structure(&[
        Member { name: "DestinationS3Uri", required: true, shape: &DESTINATION_S3_URI },
        Member { name: "KmsKeyId", required: false, shape: &KMS_KEY_ID },
    ]),
};

pub(super) static PRODUCTION_VARIANT_INFERENCE_AMI_VERSION: Shape = Shape {
    name: "ProductionVariantInferenceAmiVersion",
    kind: Kind::String(Text {
        min: None,
        max: None,
        pattern: None,
        values: enums::ProductionVariantInferenceAmiVersion::VALUES,
        sensitive: false,
    }),
};

pub(super) static PRODUCTION_VARIANT_INSTANCE_TYPE: Shape = Shape {
    name: "ProductionVariantInstanceType",
    kind: Kind::String(Text {
        min: None,
        max: None,
        pattern: None,
        values: enums::ProductionVariantInstanceType::VALUES,
        sensitive: false,
    }),
};

pub(super) static PRODUCTION_VARIANT_LIST: Shape = Shape {
    name: "ProductionVariantList",
    kind: Kind::List { min: Some(1), max: Some(10), member: &PRODUCTION_VARIANT },
};

pub(super) static PRODUCTION_VARIANT_MANAGED_INSTANCE_SCALING: Shape = Shape {
    name: "ProductionVariantManagedInstanceScaling",
    kind: Kind::Structure(&[
        Member { name: "Status", required: false, shape: &MANAGED_INSTANCE_SCALING_STATUS },
        Member {
            name: "MinInstanceCount",
            required: false,
            shape: &MANAGED_INSTANCE_SCALING_MIN_INSTANCE_COUNT,
        },
        Member {
            name: "MaxInstanceCount",
            required: false,
            shape: &MANAGED_INSTANCE_SCALING_MAX_INSTANCE_COUNT,
        },
        Member {
            name: "ScaleInPolicy",
            required: false,
            shape: &PRODUCTION_VARIANT_MANAGED_INSTANCE_SCALING_SCALE_IN_POLICY,
        },
    ]),
};

pub(super) static PRODUCTION_VARIANT_MANAGED_INSTANCE_SCALING_SCALE_IN_POLICY: Shape = Shape {
    name: "ProductionVariantManagedInstanceScalingScaleInPolicy",
    kind: Kind::Structure(&[
        Member { name: "Strategy", required: true, shape: &MANAGED_INSTANCE_SCALING_SCALE_IN_STRATEGY },
        Member {
            name: "MaximumStepSize",
            required: false,
            shape: &MANAGED_INSTANCE_SCALING_MAXIMUM_STEP_SIZE,
        },
        Member {
            name: "CooldownInMinutes",
            required: false,
            shape: &MANAGED_INSTANCE_SCALING_COOLDOWN_IN_MINUTES,
        },
    ]),
};

pub(super) static PRODUCTION_VARIANT_MODEL_DATA_DOWNLOAD_TIMEOUT_IN_SECONDS: Shape = Shape {
    name: "ProductionVariantModelDataDownloadTimeoutInSeconds",
    kind: Kind::Integer { min: Some(60), max: Some(3600) },
};

pub(super) static PRODUCTION_VARIANT_ROUTING_CONFIG: Shape = Shape {
    name: "ProductionVariantRoutingConfig",
    kind: Kind::Structure(&[
        Member { name: "RoutingStrategy", required: true, shape: &ROUTING_STRATEGY },
        Member { name: "PrefixAwareRoutingConfig", required: false, shape: &PREFIX_AWARE_ROUTING_CONFIG },
    ]),
};

pub(super) static PRODUCTION_VARIANT_SSM_ACCESS: Shape =
    Shape { name: "ProductionVariantSSMAccess", kind: Kind::Boolean };

pub(super) static PRODUCTION_VARIANT_SERVERLESS_CONFIG: Shape = Shape {
    name: "ProductionVariantServerlessConfig",
    kind: Kind::Structure(&[
        Member { name: "MemorySizeInMB", required: true, shape: &SERVERLESS_MEMORY_SIZE_IN_MB },
        Member { name: "MaxConcurrency", required: true, shape: &SERVERLESS_MAX_CONCURRENCY },
        Member {
            name: "ProvisionedConcurrency",
            required: false,
            shape: &SERVERLESS_PROVISIONED_CONCURRENCY,
        },
    ]),
};

pub(super) static PRODUCTION_VARIANT_SERVERLESS_UPDATE_CONFIG: Shape = Shape {
    name: "ProductionVariantServerlessUpdateConfig",
    kind: Kind::Structure(&[
        Member { name: "MaxConcurrency", required: false, shape: &SERVERLESS_MAX_CONCURRENCY },
        Member {
            name: "ProvisionedConcurrency",
            required: false,
            shape: &SERVERLESS_PROVISIONED_CONCURRENCY,
        },
    ]),
};

pub(super) static PRODUCTION_VARIANT_STATUS: Shape = Shape {
    name: "ProductionVariantStatus",
    kind: Kind::Structure(&[
        Member { name: "Status", required: true, shape: &VARIANT_STATUS },
        Member { name: "StatusMessage", required: false, shape: &VARIANT_STATUS_MESSAGE },
        Member { name: "StartTime", required: false, shape: &TIMESTAMP },
    ]),
};

pub(super) static PRODUCTION_VARIANT_STATUS_LIST: Shape = Shape {
    name: "ProductionVariantStatusList",
    kind: Kind::List { min: Some(0), max: Some(5), member: &PRODUCTION_VARIANT_STATUS },
};

pub(super) static PRODUCTION_VARIANT_SUMMARY: Shape = Shape {
    name: "ProductionVariantSummary",
    kind: Kind::Structure(&[
        Member { name: "VariantName", required: true, shape: &VARIANT_NAME },
        Member { name: "DeployedImages", required: false, shape: &DEPLOYED_IMAGES },
        Member { name: "CurrentWeight", required: false, shape: &VARIANT_WEIGHT },
        Member { name: "DesiredWeight", required: false, shape: &VARIANT_WEIGHT },
        Member { name: "CurrentInstanceCount", required: false, shape: &TASK_COUNT },
        Member { name: "DesiredInstanceCount", required: false, shape: &TASK_COUNT },
        Member { name: "InstancePools", required: false, shape: &INSTANCE_POOL_SUMMARY_LIST },
        Member { name: "VariantStatus", required: false, shape: &PRODUCTION_VARIANT_STATUS_LIST },
        Member {
            name: "CurrentServerlessConfig",
            required: false,
            shape: &PRODUCTION_VARIANT_SERVERLESS_CONFIG,
        },
        Member {
            name: "DesiredServerlessConfig",
            required: false,
            shape: &PRODUCTION_VARIANT_SERVERLESS_CONFIG,
        },
        Member {
            name: "ManagedInstanceScaling",
            required: false,
            shape: &PRODUCTION_VARIANT_MANAGED_INSTANCE_SCALING,
        },
        Member { name: "RoutingConfig", required: false, shape: &PRODUCTION_VARIANT_ROUTING_CONFIG },
        Member {
            name: "CapacityReservationConfig",
            required: false,
            shape: &PRODUCTION_VARIANT_CAPACITY_RESERVATION_SUMMARY,
        },
        Member {
            name: "AcceleratorPartitionLayouts",
            required: false,
            shape: &ACCELERATOR_PARTITION_LAYOUTS,
        },
    ]),
};

pub(super) static PRODUCTION_VARIANT_SUMMARY_LIST: Shape = Shape {
    name: "ProductionVariantSummaryList",
    kind: Kind::List { min: Some(1), max: None, member: &PRODUCTION_VARIANT_SUMMARY },
};

pub(super) static PRODUCTION_VARIANT_VOLUME_SIZE_IN_GB: Shape =
    Shape { name: "ProductionVariantVolumeSizeInGB", kind: Kind::Integer { min: Some(1), max: Some(512) } };

pub(super) static REAL_TIME_INFERENCE_RECOMMENDATION: Shape = Shape {
    name: "RealTimeInferenceRecommendation",
    kind: Kind::Structure(&[
        Member { name: "RecommendationId", required: true, shape: &STRING },
        Member { name: "InstanceType", required: true, shape: &PRODUCTION_VARIANT_INSTANCE_TYPE },
        Member { name: "Environment", required: false, shape: &ENVIRONMENT_MAP },
    ]),
};

pub(super) static REAL_TIME_INFERENCE_RECOMMENDATIONS: Shape = Shape {
    name: "RealTimeInferenceRecommendations",
    kind: Kind::List { min: Some(0), max: Some(3), member: &REAL_TIME_INFERENCE_RECOMMENDATION },
};

pub(super) static RECOMMENDATION_STATUS: Shape = Shape {
    name: "RecommendationStatus",
    kind: Kind::String(Text {
        min: None,
        max: None,
        pattern: None,
        values: enums::RecommendationStatus::VALUES,
        sensitive: false,
    }),
};

pub(super) static REPOSITORY_ACCESS_MODE: Shape = Shape {
    name: "RepositoryAccessMode",
    kind: Kind::String(Text {
        min: None,
        max: None,
        pattern: None,
        values: enums::RepositoryAccessMode::VALUES,
        sensitive: false,
    }),
};

pub(super) static REPOSITORY_AUTH_CONFIG: Shape = Shape {
    name: "RepositoryAuthConfig",
    kind: Kind::Structure(&[Member {
        name: "RepositoryCredentialsProviderArn",
        required: true,
        shape: &REPOSITORY_CREDENTIALS_PROVIDER_ARN,
    }]),
};

pub(super) static REPOSITORY_CREDENTIALS_PROVIDER_ARN: Shape = Shape {
    name: "RepositoryCredentialsProviderArn",
    kind: Kind::String(Text {
        min: Some(1),
        max: Some(2048),
        pattern: Some(Pattern::regex(".*", "[^\\n\\r\\u{85}\\u{2028}\\u{2029}]*")),
        values: &[],
        sensitive: false,
    }),
};

pub(super) static RESOURCE_ARN: Shape = Shape {
    name: "ResourceArn",
    kind: Kind::String(Text {
        min: Some(0),
        max: Some(256),
        pattern: Some(Pattern::regex(
            "arn:aws[a-z-]*:sagemaker:[a-z0-9-]*:[0-9]{12}:.+",
            "arn:aws[a-z-]*:sagemaker:[a-z0-9-]*:[0-9]{12}:[^\\n\\r\\u{85}\\u{2028}\\u{2029}]+",
        )),
        values: &[],
        sensitive: false,
    }),
};

pub(super) static ROLE_ARN: Shape = Shape {
    name: "RoleArn",
    kind: Kind::String(Text {
        min: Some(20),
        max: Some(2048),
        pattern: Some(Pattern::regex(
            "arn:aws[a-z\\-]*:iam::\\d{12}:role/?[a-zA-Z_0-9+=,.@\\-_/]+",
            "arn:aws[a-z\\-]*:iam::[0-9]{12}:role/?[a-zA-Z_0-9+=,.@\\-_/]+",
        )),
        values: &[],
        sensitive: false,
    }),
};

pub(super) static ROLLING_UPDATE_POLICY: Shape = Shape {
    name: "RollingUpdatePolicy",
    kind: Kind::Structure(&[
        Member { name: "MaximumBatchSize", required: true, shape: &CAPACITY_SIZE },
        Member { name: "WaitIntervalInSeconds", required: true, shape: &WAIT_INTERVAL_IN_SECONDS },
        Member {
            name: "MaximumExecutionTimeoutInSeconds",
            required: false,
            shape: &MAXIMUM_EXECUTION_TIMEOUT_IN_SECONDS,
        },
        Member { name: "RollbackMaximumBatchSize", required: false, shape: &CAPACITY_SIZE },
    ]),
};

pub(super) static ROUTING_STRATEGY: Shape = Shape {
    name: "RoutingStrategy",
    kind: Kind::String(Text {
        min: None,
        max: None,
        pattern: None,
        values: enums::RoutingStrategy::VALUES,
        sensitive: false,
    }),
};

pub(super) static S3_MODEL_DATA_SOURCE: Shape = Shape {
    name: "S3ModelDataSource",
    kind: Kind::Structure(&[
        Member { name: "S3Uri", required: true, shape: &S3_MODEL_URI },
        Member { name: "S3DataType", required: true, shape: &S3_MODEL_DATA_TYPE },
        Member { name: "CompressionType", required: true, shape: &MODEL_COMPRESSION_TYPE },
        Member { name: "ModelAccessConfig", required: false, shape: &MODEL_ACCESS_CONFIG },
        Member { name: "HubAccessConfig", required: false, shape: &INFERENCE_HUB_ACCESS_CONFIG },
        Member { name: "ManifestS3Uri", required: false, shape: &S3_MODEL_URI },
        Member { name: "ETag", required: false, shape: &STRING },
        Member { name: "ManifestEtag", required: false, shape: &STRING },
    ]),
};

pub(super) static S3_MODEL_DATA_TYPE: Shape = Shape {
    name: "S3ModelDataType",
    kind: Kind::String(Text {
        min: None,
        max: None,
        pattern: None,
        values: enums::S3ModelDataType::VALUES,
        sensitive: false,
    }),
};

pub(super) static S3_MODEL_URI: Shape = Shape {
    name: "S3ModelUri",
    kind: Kind::String(Text {
        min: Some(0),
        max: Some(1024),
        pattern: Some(Pattern::regex(
            "(https|s3)://([^/]+)/?(.*)",
            "(https|s3)://([^/]+)/?([^\\n\\r\\u{85}\\u{2028}\\u{2029}]*)",
        )),
        values: &[],
        sensitive: false,
    }),
};

pub(super) static SAMPLING_PERCENTAGE: Shape =
    Shape { name: "SamplingPercentage", kind: Kind::Integer { min: Some(0), max: Some(100) } };

pub(super) static SECURITY_GROUP_ID: Shape = Shape {
    name: "SecurityGroupId",
    kind: Kind::String(Text {
        min: Some(0),
        max: Some(32),
        pattern: Some(Pattern::regex("[-0-9a-zA-Z]+", "[-0-9a-zA-Z]+")),
        values: &[],
        sensitive: false,
    }),
};

pub(super) static SERVERLESS_MAX_CONCURRENCY: Shape =
    Shape { name: "ServerlessMaxConcurrency", kind: Kind::Integer { min: Some(1), max: Some(200) } };

pub(super) static SERVERLESS_MEMORY_SIZE_IN_MB: Shape =
    Shape { name: "ServerlessMemorySizeInMB", kind: Kind::Integer { min: Some(1024), max: Some(6144) } };

pub(super) static SERVERLESS_PROVISIONED_CONCURRENCY: Shape =
    Shape { name: "ServerlessProvisionedConcurrency", kind: Kind::Integer { min: Some(1), max: Some(200) } };

pub(super) static SNS_TOPIC_ARN: Shape = Shape {
    name: "SnsTopicArn",
    kind: Kind::String(Text {
        min: Some(0),
        max: Some(2048),
        pattern: Some(Pattern::regex(
            "arn:aws[a-z\\-]*:sns:[a-z0-9\\-]*:[0-9]{12}:[a-zA-Z0-9_.-]+",
            "arn:aws[a-z\\-]*:sns:[a-z0-9\\-]*:[0-9]{12}:[a-zA-Z0-9_.-]+",
        )),
        values: &[],
        sensitive: false,
    }),
};

pub(super) static STRING: Shape = Shape {
    name: "String",
    kind: Kind::String(Text { min: None, max: None, pattern: None, values: &[], sensitive: false }),
};

pub(super) static SUBNET_ID: Shape = Shape {
    name: "SubnetId",
    kind: Kind::String(Text {
        min: Some(0),
        max: Some(32),
        pattern: Some(Pattern::regex("[-0-9a-zA-Z]+", "[-0-9a-zA-Z]+")),
        values: &[],
        sensitive: false,
    }),
};

pub(super) static SUBNETS: Shape =
    Shape { name: "Subnets", kind: Kind::List { min: Some(1), max: Some(16), member: &SUBNET_ID } };

pub(super) static TAG: Shape = Shape {
    name: "Tag",
    kind: Kind::Structure(&[
        Member { name: "Key", required: true, shape: &TAG_KEY },
        Member { name: "Value", required: true, shape: &TAG_VALUE },
    ]),
};

pub(super) static TAG_KEY: Shape = Shape {
    name: "TagKey",
    kind: Kind::String(Text {
        min: Some(1),
        max: Some(128),
        pattern: Some(Pattern::regex(
            "([\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*)",
            "([\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*)",
        )),
        values: &[],
        sensitive: false,
    }),
};

pub(super) static TAG_KEY_LIST: Shape =
    Shape { name: "TagKeyList", kind: Kind::List { min: Some(1), max: Some(50), member: &TAG_KEY } };

pub(super) static TAG_LIST: Shape =
    Shape { name: "TagList", kind: Kind::List { min: Some(0), max: Some(50), member: &TAG } };

pub(super) static TAG_VALUE: Shape = Shape {
    name: "TagValue",
    kind: Kind::String(Text {
        min: Some(0),
        max: Some(256),
        pattern: Some(Pattern::regex(
            "([\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*)",
            "([\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*)",
        )),
        values: &[],
        sensitive: false,
    }),
};

pub(super) static TASK_COUNT: Shape =
    Shape { name: "TaskCount", kind: Kind::Integer { min: Some(0), max: None } };

pub(super) static TERMINATION_WAIT_IN_SECONDS: Shape =
    Shape { name: "TerminationWaitInSeconds", kind: Kind::Integer { min: Some(0), max: Some(3600) } };

pub(super) static TIMESTAMP: Shape = Shape { name: "Timestamp", kind: Kind::Timestamp };

pub(super) static TRAFFIC_ROUTING_CONFIG: Shape = Shape {
    name: "TrafficRoutingConfig",
    kind: Kind::Structure(&[
        Member { name: "Type", required: true, shape: &TRAFFIC_ROUTING_CONFIG_TYPE },
        Member { name: "WaitIntervalInSeconds", required: true, shape: &WAIT_INTERVAL_IN_SECONDS },
        Member { name: "CanarySize", required: false, shape: &CAPACITY_SIZE },
        Member { name: "LinearStepSize", required: false, shape: &CAPACITY_SIZE },
    ]),
};

pub(super) static TRAFFIC_ROUTING_CONFIG_TYPE: Shape = Shape {
    name: "TrafficRoutingConfigType",
    kind: Kind::String(Text {
        min: None,
        max: None,
        pattern: None,
        values: enums::TrafficRoutingConfigType::VALUES,
        sensitive: false,
    }),
};

pub(super) static UPDATE_ENDPOINT_INPUT: Shape = Shape {
    name: "UpdateEndpointInput",
    kind: Kind::Structure(&[
        Member { name: "EndpointName", required: true, shape: &ENDPOINT_NAME },
        Member { name: "EndpointConfigName", required: true, shape: &ENDPOINT_CONFIG_NAME },
        Member { name: "RetainAllVariantProperties", required: false, shape: &BOOLEAN },
        Member { name: "ExcludeRetainedVariantProperties", required: false, shape: &VARIANT_PROPERTY_LIST },
        Member { name: "DeploymentConfig", required: false, shape: &DEPLOYMENT_CONFIG },
        Member { name: "RetainDeploymentConfig", required: false, shape: &BOOLEAN },
    ]),
};

pub(super) static UPDATE_ENDPOINT_OUTPUT: Shape = Shape {
    name: "UpdateEndpointOutput",
    kind: Kind::Structure(&[Member { name: "EndpointArn", required: true, shape: &ENDPOINT_ARN }]),
};

pub(super) static UPDATE_ENDPOINT_WEIGHTS_AND_CAPACITIES_INPUT: Shape = Shape {
    name: "UpdateEndpointWeightsAndCapacitiesInput",
    kind: Kind::Structure(&[
        Member { name: "EndpointName", required: true, shape: &ENDPOINT_NAME },
        Member {
            name: "DesiredWeightsAndCapacities",
            required: true,
            shape: &DESIRED_WEIGHT_AND_CAPACITY_LIST,
        },
    ]),
};

pub(super) static UPDATE_ENDPOINT_WEIGHTS_AND_CAPACITIES_OUTPUT: Shape = Shape {
    name: "UpdateEndpointWeightsAndCapacitiesOutput",
    kind: Kind::Structure(&[Member { name: "EndpointArn", required: true, shape: &ENDPOINT_ARN }]),
};

pub(super) static URL: Shape = Shape {
    name: "Url",
    kind: Kind::String(Text {
        min: Some(0),
        max: Some(1024),
        pattern: Some(Pattern::regex(
            "(https|s3)://([^/]+)/?(.*)",
            "(https|s3)://([^/]+)/?([^\\n\\r\\u{85}\\u{2028}\\u{2029}]*)",
        )),
        values: &[],
        sensitive: false,
    }),
};

pub(super) static VARIANT_INSTANCE_PROVISION_TIMEOUT_IN_SECONDS: Shape = Shape {
    name: "VariantInstanceProvisionTimeoutInSeconds",
    kind: Kind::Integer { min: Some(300), max: Some(3600) },
};

pub(super) static VARIANT_NAME: Shape = Shape {
    name: "VariantName",
    kind: Kind::String(Text {
        min: Some(0),
        max: Some(63),
        pattern: Some(Pattern::regex("[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", "[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")),
        values: &[],
        sensitive: false,
    }),
};

pub(super) static VARIANT_PROPERTY: Shape = Shape {
    name: "VariantProperty",
    kind: Kind::Structure(&[Member {
        name: "VariantPropertyType",
        required: true,
        shape: &VARIANT_PROPERTY_TYPE,
    }]),
};

pub(super) static VARIANT_PROPERTY_LIST: Shape = Shape {
    name: "VariantPropertyList",
    kind: Kind::List { min: Some(0), max: Some(3), member: &VARIANT_PROPERTY },
};

pub(super) static VARIANT_PROPERTY_TYPE: Shape = Shape {
    name: "VariantPropertyType",
    kind: Kind::String(Text {
        min: None,
        max: None,
        pattern: None,
        values: enums::VariantPropertyType::VALUES,
        sensitive: false,
    }),
};

pub(super) static VARIANT_STATUS: Shape = Shape {
    name: "VariantStatus",
    kind: Kind::String(Text {
        min: None,
        max: None,
        pattern: None,
        values: enums::VariantStatus::VALUES,
        sensitive: false,
    }),
};

pub(super) static VARIANT_STATUS_MESSAGE: Shape = Shape {
    name: "VariantStatusMessage",
    kind: Kind::String(Text { min: Some(0), max: Some(1024), pattern: None, values: &[], sensitive: false }),
};

pub(super) static VARIANT_WEIGHT: Shape =
    Shape { name: "VariantWeight", kind: Kind::Float { min: Some(0.0), max: None } };

pub(super) static VERSIONED_ARN_OR_NAME: Shape = Shape {
    name: "VersionedArnOrName",
    kind: Kind::String(Text {
        min: Some(1),
        max: Some(176),
        pattern: Some(Pattern::by_hand(
            "(arn:aws[a-z\\-]*:sagemaker:[a-z0-9\\-]*:[0-9]{12}:[a-z\\-]*\\/)?([a-zA-Z0-9]([a-zA-Z0-9-]){0,62})(?<!-)(\\/[0-9]{1,9})?",
            by_hand::versioned_arn_or_name,
        )),
        values: &[],
        sensitive: false,
    }),
};

pub(super) static VPC_CONFIG: Shape = Shape {
    name: "VpcConfig",
    kind: Kind::Structure(&[
        Member { name: "SecurityGroupIds", required: true, shape: &VPC_SECURITY_GROUP_IDS },
        Member { name: "Subnets", required: true, shape: &SUBNETS },
    ]),
};

pub(super) static VPC_SECURITY_GROUP_IDS: Shape = Shape {
    name: "VpcSecurityGroupIds",
    kind: Kind::List { min: Some(1), max: Some(5), member: &SECURITY_GROUP_ID },
};

pub(super) static WAIT_INTERVAL_IN_SECONDS: Shape =
    Shape { name: "WaitIntervalInSeconds", kind: Kind::Integer { min: Some(0), max: Some(3600) } };
