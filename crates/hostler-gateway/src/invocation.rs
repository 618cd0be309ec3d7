//! One InvokeEndpoint call after its checks: a validated request is another type than the one on the wire.
//!
//! Invariants: what stands here was checked against the service model; what this release cannot honour was refused.

use std::cell::Cell;

use hostler_aws::{ApiError, Field, Head, RequestId};
use hostler_shapes::{DecodeError, RuntimeOperation, validate_headers, validation_message};
use hostler_types::Scope;

use crate::payload::Payload;
use crate::sessions::SessionAsked;

/// SageMaker's headers that reach the container as they came, beside the content type.
const FORWARDED_SPECIAL: [&str; 4] = [
    "x-amzn-sagemaker-target-model",
    "x-amzn-sagemaker-custom-attributes",
    "x-amzn-sagemaker-inference-id",
    "x-amzn-sagemaker-prefix-aware-id",
];

/// The accept header of events.
const STREAM_ACCEPT: &str = "x-amzn-sagemaker-accept";

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
    fn accept(self) -> &'static str {
        match self {
            Self::Whole => "accept",
            Self::Events => STREAM_ACCEPT,
        }
    }
}

/// A checked call.
pub(crate) struct Invocation<'a> {
    pub(crate) request_id: &'a RequestId,
    pub(crate) form: Form,
    pub(crate) scope: &'a Scope,
    pub(crate) endpoint_name: &'a str,
    pub(crate) target_variant: Option<&'a str>,
    /// Which of many models is to answer; whether an instance has many its route says.
    pub(crate) target_model: Option<&'a str>,
    /// Which of the containers of an instance is to answer; whether any may be named its instance says.
    pub(crate) target_container: Option<&'a str>,
    pub(crate) session: Option<SessionAsked<'a>>,
    pub(crate) head: &'a Head<'a>,
    /// Some header of it begins as SageMaker's own do.
    pub(crate) has_special: bool,
    pub(crate) body: Payload,
}

impl<'a> Invocation<'a> {
    /// Checks a call against the service model and against what there is.
    pub(crate) fn check(
        request_id: &'a RequestId,
        (operation, form): (&RuntimeOperation, Form),
        scope: &'a Scope,
        endpoint_name: &'a str,
        head: &'a Head<'a>,
        body: Payload,
    ) -> Result<Self, ApiError> {
        // Most calls carry none of these: looking once is cheaper than asking for each of a dozen names.
        let has_special = head.fields.iter().any(|field| field.begins(SPECIAL));
        let find = |name: &str| {
            let is_special =
                name.get(..SPECIAL.len()).is_some_and(|start| start.eq_ignore_ascii_case(SPECIAL));
            if is_special && !has_special { None } else { head.find(name) }
        };
        // What is not ASCII is there all the same, and breaks the constraint of nearly every member.
        let not_ascii = Cell::new(false);
        let checked = |name: &str| {
            let value = find(name)?;
            not_ascii.set(not_ascii.get() || !value.is_ascii());
            Some(String::from_utf8_lossy(value))
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
        let header = |name: &str| if has_special { head.text(name) } else { None };
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
        let target_model = header("x-amzn-sagemaker-target-model");
        let target_container = header("x-amzn-sagemaker-target-container-hostname");
        let session = header(SESSION_ID).map(SessionAsked::read);
        Ok(Self {
            request_id,
            form,
            scope,
            endpoint_name,
            target_variant,
            target_model,
            target_container,
            session,
            head,
            has_special,
            body,
        })
    }

    /// The headers that the container gets.
    pub(crate) fn container_headers(&self) -> Vec<Field<'a>> {
        let mut forwarded = Vec::with_capacity(FORWARDED_SPECIAL.len() + 3);
        let mut forward = |name: &'static str, value: Option<&'a [u8]>| {
            forwarded.extend(value.map(|value| Field { name, value }));
        };
        let special = if self.has_special { &FORWARDED_SPECIAL[..] } else { &[] };
        for name in ["content-type"].iter().chain(special) {
            forward(name, self.head.find(name));
        }
        forward("accept", Some(self.head.find(self.form.accept()).unwrap_or(b"*/*")));
        if self.session.is_some() {
            forward(SESSION_ID, self.head.find(SESSION_ID));
        }
        forwarded
    }
}

#[cfg(test)]
mod tests;
