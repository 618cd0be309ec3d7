//! The operations of the data plane and the constraints of their inputs.
//!
//! Made by `cargo xtask codegen` from the pinned service model; change the generator, not this file.

use crate::operation::{Binding, RuntimeOperation};
use crate::pattern::{Pattern, by_hand};
use crate::shape::{Kind, Member, Shape, Text};

/// Every operation of the data plane, sorted by name.
pub static RUNTIME_OPERATIONS: [RuntimeOperation; 3] = [
    RuntimeOperation {
        name: "InvokeEndpoint",
        method: "POST",
        path: "/endpoints/{EndpointName}/invocations",
        status: 200,
        input: &INVOKE_ENDPOINT_INPUT,
        request: &[
            Binding { member: "ContentType", header: "Content-Type" },
            Binding { member: "Accept", header: "Accept" },
            Binding { member: "CustomAttributes", header: "X-Amzn-SageMaker-Custom-Attributes" },
            Binding { member: "TargetModel", header: "X-Amzn-SageMaker-Target-Model" },
            Binding { member: "TargetVariant", header: "X-Amzn-SageMaker-Target-Variant" },
            Binding {
                member: "TargetContainerHostname",
                header: "X-Amzn-SageMaker-Target-Container-Hostname",
            },
            Binding { member: "InferenceId", header: "X-Amzn-SageMaker-Inference-Id" },
            Binding { member: "EnableExplanations", header: "X-Amzn-SageMaker-Enable-Explanations" },
            Binding { member: "InferenceComponentName", header: "X-Amzn-SageMaker-Inference-Component" },
            Binding { member: "SessionId", header: "X-Amzn-SageMaker-Session-Id" },
            Binding { member: "PrefixAwareId", header: "X-Amzn-SageMaker-Prefix-Aware-Id" },
        ],
        response: &[
            Binding { member: "ContentType", header: "Content-Type" },
            Binding { member: "InvokedProductionVariant", header: "x-Amzn-Invoked-Production-Variant" },
            Binding { member: "CustomAttributes", header: "X-Amzn-SageMaker-Custom-Attributes" },
            Binding { member: "NewSessionId", header: "X-Amzn-SageMaker-New-Session-Id" },
            Binding { member: "ClosedSessionId", header: "X-Amzn-SageMaker-Closed-Session-Id" },
        ],
    },
    RuntimeOperation {
        name: "InvokeEndpointAsync",
        method: "POST",
        path: "/endpoints/{EndpointName}/async-invocations",
        status: 202,
        input: &INVOKE_ENDPOINT_ASYNC_INPUT,
        request: &[
            Binding { member: "ContentType", header: "X-Amzn-SageMaker-Content-Type" },
            Binding { member: "Accept", header: "X-Amzn-SageMaker-Accept" },
            Binding { member: "CustomAttributes", header: "X-Amzn-SageMaker-Custom-Attributes" },
            Binding { member: "InferenceId", header: "X-Amzn-SageMaker-Inference-Id" },
            Binding { member: "InputLocation", header: "X-Amzn-SageMaker-InputLocation" },
            Binding { member: "S3OutputPathExtension", header: "X-Amzn-SageMaker-S3OutputPathExtension" },
            Binding { member: "Filename", header: "X-Amzn-SageMaker-Filename" },
            Binding { member: "RequestTTLSeconds", header: "X-Amzn-SageMaker-RequestTTLSeconds" },
            Binding {
                member: "InvocationTimeoutSeconds",
                header: "X-Amzn-SageMaker-InvocationTimeoutSeconds",
            },
        ],
        response: &[
            Binding { member: "OutputLocation", header: "X-Amzn-SageMaker-OutputLocation" },
            Binding { member: "FailureLocation", header: "X-Amzn-SageMaker-FailureLocation" },
        ],
    },
    RuntimeOperation {
        name: "InvokeEndpointWithResponseStream",
        method: "POST",
        path: "/endpoints/{EndpointName}/invocations-response-stream",
        status: 200,
        input: &INVOKE_ENDPOINT_WITH_RESPONSE_STREAM_INPUT,
        request: &[
            Binding { member: "ContentType", header: "Content-Type" },
            Binding { member: "Accept", header: "X-Amzn-SageMaker-Accept" },
            Binding { member: "CustomAttributes", header: "X-Amzn-SageMaker-Custom-Attributes" },
            Binding { member: "TargetVariant", header: "X-Amzn-SageMaker-Target-Variant" },
            Binding {
                member: "TargetContainerHostname",
                header: "X-Amzn-SageMaker-Target-Container-Hostname",
            },
            Binding { member: "InferenceId", header: "X-Amzn-SageMaker-Inference-Id" },
            Binding { member: "InferenceComponentName", header: "X-Amzn-SageMaker-Inference-Component" },
            Binding { member: "SessionId", header: "X-Amzn-SageMaker-Session-Id" },
            Binding { member: "PrefixAwareId", header: "X-Amzn-SageMaker-Prefix-Aware-Id" },
        ],
        response: &[
            Binding { member: "ContentType", header: "X-Amzn-SageMaker-Content-Type" },
            Binding { member: "InvokedProductionVariant", header: "x-Amzn-Invoked-Production-Variant" },
            Binding { member: "CustomAttributes", header: "X-Amzn-SageMaker-Custom-Attributes" },
        ],
    },
];

static ASYNC_BODY_BLOB: Shape = Shape { name: "AsyncBodyBlob", kind: Kind::Blob { max: Some(128000) } };

static BODY_BLOB: Shape = Shape { name: "BodyBlob", kind: Kind::Blob { max: Some(6291456) } };

static CUSTOM_ATTRIBUTES_HEADER: Shape = Shape {
    name: "CustomAttributesHeader",
    kind: Kind::String(Text {
        min: None,
        max: Some(1024),
        pattern: Some(Pattern::regex("\\p{ASCII}*", "[\\x00-\\x7F]*")),
        values: &[],
        sensitive: true,
    }),
};

static ENABLE_EXPLANATIONS_HEADER: Shape = Shape {
    name: "EnableExplanationsHeader",
    kind: Kind::String(Text {
        min: Some(1),
        max: Some(64),
        pattern: Some(Pattern::regex(".*", "[^\\n\\r\\u{85}\\u{2028}\\u{2029}]*")),
        values: &[],
        sensitive: false,
    }),
};

static ENDPOINT_NAME: Shape = Shape {
    name: "EndpointName",
    kind: Kind::String(Text {
        min: None,
        max: Some(63),
        pattern: Some(Pattern::regex("^[a-zA-Z0-9](-*[a-zA-Z0-9])*", "^[a-zA-Z0-9](-*[a-zA-Z0-9])*")),
        values: &[],
        sensitive: false,
    }),
};

static FILENAME_HEADER: Shape = Shape {
    name: "FilenameHeader",
    kind: Kind::String(Text {
        min: Some(1),
        max: Some(32),
        pattern: Some(Pattern::by_hand("^(?!.*\\..*\\.)[a-zA-Z0-9][a-zA-Z0-9-_\\.]*$", by_hand::file_name)),
        values: &[],
        sensitive: false,
    }),
};

static HEADER: Shape = Shape {
    name: "Header",
    kind: Kind::String(Text {
        min: None,
        max: Some(1024),
        pattern: Some(Pattern::regex("\\p{ASCII}*", "[\\x00-\\x7F]*")),
        values: &[],
        sensitive: false,
    }),
};

static INFERENCE_COMPONENT_HEADER: Shape = Shape {
    name: "InferenceComponentHeader",
    kind: Kind::String(Text {
        min: None,
        max: Some(63),
        pattern: Some(Pattern::regex(
            "^[a-zA-Z0-9]([\\-a-zA-Z0-9]*[a-zA-Z0-9])?$",
            "^[a-zA-Z0-9]([\\-a-zA-Z0-9]*[a-zA-Z0-9])?$",
        )),
        values: &[],
        sensitive: false,
    }),
};

static INFERENCE_ID: Shape = Shape {
    name: "InferenceId",
    kind: Kind::String(Text {
        min: Some(1),
        max: Some(64),
        pattern: Some(Pattern::regex("\\A\\S[\\p{Print}]*\\z", "\\A[^\\x09-\\x0D\\x20][[\\x20-\\x7E]]*\\z")),
        values: &[],
        sensitive: false,
    }),
};

static INPUT_LOCATION_HEADER: Shape = Shape {
    name: "InputLocationHeader",
    kind: Kind::String(Text {
        min: Some(1),
        max: Some(1024),
        pattern: Some(Pattern::regex(
            "^(https|s3)://([^/]+)/?(.*)$",
            "^(https|s3)://([^/]+)/?([^\\n\\r\\u{85}\\u{2028}\\u{2029}]*)$",
        )),
        values: &[],
        sensitive: false,
    }),
};

static INVOCATION_TIMEOUT_SECONDS_HEADER: Shape =
    Shape { name: "InvocationTimeoutSecondsHeader", kind: Kind::Integer { min: Some(1), max: Some(3600) } };

static INVOKE_ENDPOINT_ASYNC_INPUT: Shape = Shape {
    name: "InvokeEndpointAsyncInput",
    kind: Kind::Structure(&[
        Member { name: "EndpointName", required: true, shape: &ENDPOINT_NAME },
        Member { name: "ContentType", required: false, shape: &HEADER },
        Member { name: "Accept", required: false, shape: &HEADER },
        Member { name: "CustomAttributes", required: false, shape: &CUSTOM_ATTRIBUTES_HEADER },
        Member { name: "InferenceId", required: false, shape: &INFERENCE_ID },
        Member { name: "InputLocation", required: false, shape: &INPUT_LOCATION_HEADER },
        Member { name: "S3OutputPathExtension", required: false, shape: &S3_OUTPUT_PATH_EXTENSION_HEADER },
        Member { name: "Filename", required: false, shape: &FILENAME_HEADER },
        Member { name: "RequestTTLSeconds", required: false, shape: &REQUEST_TTL_SECONDS_HEADER },
        Member {
            name: "InvocationTimeoutSeconds",
            required: false,
            shape: &INVOCATION_TIMEOUT_SECONDS_HEADER,
        },
        Member { name: "Body", required: false, shape: &ASYNC_BODY_BLOB },
    ]),
};

static INVOKE_ENDPOINT_INPUT: Shape = Shape {
    name: "InvokeEndpointInput",
    kind: Kind::Structure(&[
        Member { name: "EndpointName", required: true, shape: &ENDPOINT_NAME },
        Member { name: "Body", required: true, shape: &BODY_BLOB },
        Member { name: "ContentType", required: false, shape: &HEADER },
        Member { name: "Accept", required: false, shape: &HEADER },
        Member { name: "CustomAttributes", required: false, shape: &CUSTOM_ATTRIBUTES_HEADER },
        Member { name: "TargetModel", required: false, shape: &TARGET_MODEL_HEADER },
        Member { name: "TargetVariant", required: false, shape: &TARGET_VARIANT_HEADER },
        Member { name: "TargetContainerHostname", required: false, shape: &TARGET_CONTAINER_HOSTNAME_HEADER },
        Member { name: "InferenceId", required: false, shape: &INFERENCE_ID },
        Member { name: "EnableExplanations", required: false, shape: &ENABLE_EXPLANATIONS_HEADER },
        Member { name: "InferenceComponentName", required: false, shape: &INFERENCE_COMPONENT_HEADER },
        Member { name: "SessionId", required: false, shape: &SESSION_ID_OR_NEW_SESSION_CONSTANT_HEADER },
        Member { name: "PrefixAwareId", required: false, shape: &PREFIX_AWARE_ID_HEADER },
    ]),
};

static INVOKE_ENDPOINT_WITH_RESPONSE_STREAM_INPUT: Shape = Shape {
    name: "InvokeEndpointWithResponseStreamInput",
    kind: Kind::Structure(&[
        Member { name: "EndpointName", required: true, shape: &ENDPOINT_NAME },
        Member { name: "Body", required: true, shape: &BODY_BLOB },
        Member { name: "ContentType", required: false, shape: &HEADER },
        Member { name: "Accept", required: false, shape: &HEADER },
        Member { name: "CustomAttributes", required: false, shape: &CUSTOM_ATTRIBUTES_HEADER },
        Member { name: "TargetVariant", required: false, shape: &TARGET_VARIANT_HEADER },
        Member { name: "TargetContainerHostname", required: false, shape: &TARGET_CONTAINER_HOSTNAME_HEADER },
        Member { name: "InferenceId", required: false, shape: &INFERENCE_ID },
        Member { name: "InferenceComponentName", required: false, shape: &INFERENCE_COMPONENT_HEADER },
        Member { name: "SessionId", required: false, shape: &SESSION_ID_HEADER },
        Member { name: "PrefixAwareId", required: false, shape: &PREFIX_AWARE_ID_HEADER },
    ]),
};

static PREFIX_AWARE_ID_HEADER: Shape = Shape {
    name: "PrefixAwareIdHeader",
    kind: Kind::String(Text {
        min: Some(1),
        max: Some(64),
        pattern: Some(Pattern::regex("\\A\\S[\\p{Print}]*\\z", "\\A[^\\x09-\\x0D\\x20][[\\x20-\\x7E]]*\\z")),
        values: &[],
        sensitive: false,
    }),
};

static REQUEST_TTL_SECONDS_HEADER: Shape =
    Shape { name: "RequestTTLSecondsHeader", kind: Kind::Integer { min: Some(60), max: Some(21600) } };

static S3_OUTPUT_PATH_EXTENSION_HEADER: Shape = Shape {
    name: "S3OutputPathExtensionHeader",
    kind: Kind::String(Text {
        min: Some(1),
        max: Some(512),
        pattern: Some(Pattern::by_hand(
            "^(?!s3:|https:)[a-zA-Z0-9!_.*'()/-]+$",
            by_hand::output_path_extension,
        )),
        values: &[],
        sensitive: false,
    }),
};

static SESSION_ID_HEADER: Shape = Shape {
    name: "SessionIdHeader",
    kind: Kind::String(Text {
        min: None,
        max: Some(256),
        pattern: Some(Pattern::regex("^[a-zA-Z0-9](-*[a-zA-Z0-9])*$", "^[a-zA-Z0-9](-*[a-zA-Z0-9])*$")),
        values: &[],
        sensitive: false,
    }),
};

static SESSION_ID_OR_NEW_SESSION_CONSTANT_HEADER: Shape = Shape {
    name: "SessionIdOrNewSessionConstantHeader",
    kind: Kind::String(Text {
        min: None,
        max: Some(256),
        pattern: Some(Pattern::regex(
            "^(NEW_SESSION)$|^[a-zA-Z0-9](-*[a-zA-Z0-9])*$",
            "^(NEW_SESSION)$|^[a-zA-Z0-9](-*[a-zA-Z0-9])*$",
        )),
        values: &[],
        sensitive: false,
    }),
};

static TARGET_CONTAINER_HOSTNAME_HEADER: Shape = Shape {
    name: "TargetContainerHostnameHeader",
    kind: Kind::String(Text {
        min: None,
        max: Some(63),
        pattern: Some(Pattern::regex("^[a-zA-Z0-9](-*[a-zA-Z0-9])*", "^[a-zA-Z0-9](-*[a-zA-Z0-9])*")),
        values: &[],
        sensitive: false,
    }),
};

static TARGET_MODEL_HEADER: Shape = Shape {
    name: "TargetModelHeader",
    kind: Kind::String(Text {
        min: Some(1),
        max: Some(1024),
        pattern: Some(Pattern::regex("\\A\\S[\\p{Print}]*\\z", "\\A[^\\x09-\\x0D\\x20][[\\x20-\\x7E]]*\\z")),
        values: &[],
        sensitive: false,
    }),
};

static TARGET_VARIANT_HEADER: Shape = Shape {
    name: "TargetVariantHeader",
    kind: Kind::String(Text {
        min: None,
        max: Some(63),
        pattern: Some(Pattern::regex("^[a-zA-Z0-9](-*[a-zA-Z0-9])*", "^[a-zA-Z0-9](-*[a-zA-Z0-9])*")),
        values: &[],
        sensitive: false,
    }),
};
