//! One InvokeEndpoint call after its checks: a validated request is another type than the one on the wire.
//!
//! Invariants: what stands here was checked against the service model; what this release cannot honour was refused.

use std::borrow::Cow;
use std::cell::Cell;

use hostler_aws::ApiError;
use hostler_shapes::{DecodeError, RuntimeOperation, validate_headers, validation_message};
use hostler_types::Scope;
use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::payload::Payload;
use crate::sessions::SessionAsked;

/// The headers that reach the container as they came.
static FORWARDED: [HeaderName; 4] = [
    header::CONTENT_TYPE,
    HeaderName::from_static("x-amzn-sagemaker-custom-attributes"),
    HeaderName::from_static("x-amzn-sagemaker-inference-id"),
    HeaderName::from_static("x-amzn-sagemaker-prefix-aware-id"),
];

/// The accept header of events.
static STREAM_ACCEPT: HeaderName = HeaderName::from_static("x-amzn-sagemaker-accept");

/// It reaches the container too, where there is one.
const SESSION_ID: &str = "x-amzn-sagemaker-session-id";

/// How SageMaker's own headers begin.
const SPECIAL: &str = "x-amzn-sagemaker-";

/// How a call is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// With the model's answer: InvokeEndpoint.
    Whole,
    /// With events that carry it: InvokeEndpointWithResponseStream.
    Events,
}

impl Form {
    /// That of the operations that there are.
    pub(crate) fn of(operation: &RuntimeOperation) -> Option<Self> {
        match operation.name {
            "InvokeEndpoint" => Some(Self::Whole),
            "InvokeEndpointWithResponseStream" => Some(Self::Events),
            _ => None,
        }
    }

    /// In which header the client says what the model may answer: that of events is about the events.
    fn accept(self) -> &'static HeaderName {
        match self {
            Self::Whole => &header::ACCEPT,
            Self::Events => &STREAM_ACCEPT,
        }
    }
}

/// A checked call.
pub(crate) struct Invocation<'a> {
    pub(crate) form: Form,
    pub(crate) scope: &'a Scope,
    pub(crate) endpoint_name: &'a str,
    pub(crate) target_variant: Option<&'a str>,
    /// Which of the containers of an instance is to answer; whether any may be named its instance says.
    pub(crate) target_container: Option<&'a str>,
    pub(crate) session: Option<SessionAsked<'a>>,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: Payload,
}

impl<'a> Invocation<'a> {
    /// Checks a call against the service model and against what there is.
    pub(crate) fn check(
        (operation, form): (&RuntimeOperation, Form),
        scope: &'a Scope,
        endpoint_name: &'a str,
        headers: &'a HeaderMap,
        body: Payload,
    ) -> Result<Self, ApiError> {
        // Most calls carry none of these: looking once is cheaper than asking for each of a dozen names.
        let has_special = headers.keys().any(|name| name.as_str().starts_with(SPECIAL));
        let find = |name: &str| {
            let is_special =
                name.get(..SPECIAL.len()).is_some_and(|start| start.eq_ignore_ascii_case(SPECIAL));
            if is_special && !has_special { None } else { headers.get(name) }
        };
        // What is not ASCII is there all the same, and breaks the constraint of nearly every member.
        let not_ascii = Cell::new(false);
        let checked = |name: &str| {
            let value = find(name)?;
            Some(value.to_str().map_or_else(
                |_| {
                    not_ascii.set(true);
                    String::from_utf8_lossy(value.as_bytes())
                },
                Cow::Borrowed,
            ))
        };
        validate_headers(operation, endpoint_name, checked).map_err(|error| match error {
            DecodeError::Validation(violations) => {
                ApiError::validation_error(validation_message(&violations))
            }
            DecodeError::Serialization(problem) => {
                ApiError::serialization(problem.message.unwrap_or_default())
            }
        })?;
        if not_ascii.get() {
            return Err(ApiError::validation_error("The value of a header has characters other than ASCII."));
        }
        let header = |name: &str| find(name).and_then(|value| value.to_str().ok());
        if find("x-amzn-sagemaker-target-model").is_some() {
            return Err(ApiError::validation_error(format!(
                "Endpoint {endpoint_name} is not a multi-model endpoint and does not support target model header."
            ))
            .with_error_code("TARGET_MODEL_HEADER_NOT_SUPPORTED"));
        }
        if find("x-amzn-sagemaker-inference-component").is_some() {
            return Err(ApiError::validation_error(format!(
                "Endpoint {endpoint_name} has no inference components and does not support inference component \
                 name header."
            )));
        }
        if find("x-amzn-sagemaker-enable-explanations").is_some() {
            return Err(ApiError::validation_error(
                "Explanations are not supported by Hostler yet: leave EnableExplanations out.",
            ));
        }
        let target_variant = header("x-amzn-sagemaker-target-variant");
        let target_container = header("x-amzn-sagemaker-target-container-hostname");
        let session = header(SESSION_ID).map(SessionAsked::read);
        Ok(Self { form, scope, endpoint_name, target_variant, target_container, session, headers, body })
    }

    /// The request that the container gets.
    pub(crate) fn container_headers(&self) -> HeaderMap {
        let mut forwarded = HeaderMap::with_capacity(FORWARDED.len() + 2);
        for name in &FORWARDED {
            if let Some(value) = self.headers.get(name) {
                forwarded.insert(name, value.clone());
            }
        }
        let accept = self.headers.get(self.form.accept()).cloned();
        forwarded.insert(header::ACCEPT, accept.unwrap_or(HeaderValue::from_static("*/*")));
        if self.session.is_some()
            && let Some(value) = self.headers.get(SESSION_ID)
        {
            forwarded.insert(HeaderName::from_static(SESSION_ID), value.clone());
        }
        forwarded
    }
}

#[cfg(test)]
mod tests;
