//! The one error that a request to Hostler can end with, before it becomes a document of some protocol.
//!
//! Why: handlers say what went wrong in AWS's words once; which bytes, headers and status a client gets for it is
//! decided in `document.rs` alone, so that the four protocols cannot drift apart.
//! Invariants: `internal` and `source` are for the log; no document shows them.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use http::StatusCode;

/// Characters that the service model allows in `Message` and `OriginalMessage` of a ModelError.
pub const MODEL_MESSAGE_CHARS_MAX: usize = 2048;

/// An error with AWS's code, text and natural status.
#[derive(Debug)]
pub struct ApiError(Box<Inner>);

#[derive(Debug)]
struct Inner {
    code: Cow<'static, str>,
    message: Option<String>,
    status: StatusCode,
    error_code: Option<Cow<'static, str>>,
    fault: Option<ModelFault>,
    internal: Option<String>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// What a model's container answered, for the members of ModelError.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelFault {
    /// `INTERNAL_FAILURE_FROM_MODEL` or `CLIENT_ERROR_FROM_MODEL`.
    pub error_code: &'static str,
    /// The container's status, 0 when there was none.
    pub original_status_code: u16,
    /// The container's body as text, cut to [`MODEL_MESSAGE_CHARS_MAX`].
    pub original_message: String,
    /// The log group's ARN, which AWS sends under this name.
    pub log_stream_arn: String,
}

impl ApiError {
    /// An error of any code; prefer the named constructors.
    pub fn new(code: impl Into<Cow<'static, str>>, status: StatusCode, message: impl Into<String>) -> Self {
        Self::build(code.into(), status, Some(message.into()))
    }

    /// Control plane: what AWS says to nearly every mistake of a client.
    pub fn validation(message: impl Into<String>) -> Self {
        Self::new("ValidationException", StatusCode::BAD_REQUEST, message)
    }

    /// Data plane and STS: the same under its other name.
    pub fn validation_error(message: impl Into<String>) -> Self {
        Self::new("ValidationError", StatusCode::BAD_REQUEST, message)
    }

    /// A quota of the account.
    pub fn resource_limit_exceeded(message: impl Into<String>) -> Self {
        Self::new("ResourceLimitExceeded", StatusCode::BAD_REQUEST, message)
    }

    /// A resource that something else holds.
    pub fn resource_in_use(message: impl Into<String>) -> Self {
        Self::new("ResourceInUse", StatusCode::BAD_REQUEST, message)
    }

    /// A resource that is not there, for the few operations that do not answer ValidationException.
    pub fn resource_not_found(message: impl Into<String>) -> Self {
        Self::new("ResourceNotFound", StatusCode::BAD_REQUEST, message)
    }

    /// A conflicting change.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new("ConflictException", StatusCode::BAD_REQUEST, message)
    }

    /// A body that cannot be read as the operation's input.
    pub fn serialization(message: impl Into<String>) -> Self {
        Self::new("SerializationException", StatusCode::BAD_REQUEST, message)
    }

    /// The same for a body that is not even JSON: AWS sends no text.
    pub fn serialization_without_message() -> Self {
        Self::build("SerializationException".into(), StatusCode::BAD_REQUEST, None)
    }

    /// A target or path that the service model does not know; AWS sends no text.
    pub fn unknown_operation() -> Self {
        Self::build("UnknownOperationException".into(), StatusCode::BAD_REQUEST, None)
    }

    /// STS's answer to an `Action` that it does not know.
    pub fn invalid_action(action: &str, version: &str) -> Self {
        let message = format!("Could not find operation {action} for version {version}");
        Self::new("InvalidAction", StatusCode::BAD_REQUEST, message)
    }

    /// An operation of the service model that Hostler does not have.
    ///
    /// The status is 400: no SDK retries it (500 to 504 are retried by most of them, and proxies count 501 as a
    /// broken server), and AWS answers unknown operations with 400 too.
    pub fn not_implemented(operation: &str) -> Self {
        let message = format!("The operation {operation} is not implemented by Hostler.");
        Self::new("NotImplementedByHostler", StatusCode::BAD_REQUEST, message)
    }

    /// Something failed inside; the text goes to the log, and the document names the request id to look for.
    pub fn internal(internal: impl Into<String>) -> Self {
        Self::build("InternalFailure".into(), StatusCode::INTERNAL_SERVER_ERROR, None).with_internal(internal)
    }

    /// The same where whoever calls can be told what to do about it.
    pub fn internal_told(internal: impl Into<String>, message: impl Into<String>) -> Self {
        let message = Some(message.into());
        Self::build("InternalFailure".into(), StatusCode::INTERNAL_SERVER_ERROR, message)
            .with_internal(internal)
    }

    /// The model's container failed or refused (424); texts are cut to what the service model allows.
    pub fn model_error(message: impl Into<String>, fault: ModelFault) -> Self {
        let original_message = cut(fault.original_message);
        let mut error = Self::new("ModelError", StatusCode::FAILED_DEPENDENCY, cut(message.into()));
        error.0.error_code = Some(fault.error_code.into());
        error.0.fault = Some(ModelFault { original_message, ..fault });
        error
    }

    /// The model is being loaded; SDKs retry it.
    pub fn model_not_ready(message: impl Into<String>) -> Self {
        Self::new("ModelNotReadyException", StatusCode::TOO_MANY_REQUESTS, message)
    }

    /// No capacity at the moment; SDKs retry it.
    pub fn service_unavailable(message: impl Into<String>) -> Self {
        Self::new("ServiceUnavailable", StatusCode::SERVICE_UNAVAILABLE, message)
    }

    /// Something that the data plane depends on failed; SDKs do not retry 530.
    pub fn internal_dependency(message: impl Into<String>) -> Self {
        let status = StatusCode::from_u16(530).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self::new("InternalDependencyException", status, message)
    }

    /// Too many requests; SDKs retry it by its code.
    pub fn throttling() -> Self {
        Self::new("ThrottlingException", StatusCode::BAD_REQUEST, "Rate exceeded")
    }

    /// The caller may not do this. The document spells code and status as the protocol does.
    pub fn access_denied(message: impl Into<String>) -> Self {
        Self::new("AccessDeniedException", StatusCode::FORBIDDEN, message)
    }

    /// A body over the data plane's limit; AWS sends the bare status as code.
    pub fn payload_too_large(limit_bytes: u64) -> Self {
        let message = format!("HTTP content length exceeded {limit_bytes} bytes.");
        Self::new("413", StatusCode::PAYLOAD_TOO_LARGE, message)
    }

    /// Adds the data plane's machine-readable `ErrorCode`, as in `TARGET_MODEL_HEADER_NOT_SUPPORTED`.
    pub fn with_error_code(mut self, error_code: impl Into<Cow<'static, str>>) -> Self {
        self.0.error_code = Some(error_code.into());
        self
    }

    /// Adds what only the log may know.
    pub fn with_internal(mut self, internal: impl Into<String>) -> Self {
        self.0.internal = Some(internal.into());
        self
    }

    /// Adds the cause.
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// AWS's code, as the JSON protocols spell it.
    pub fn code(&self) -> &str {
        &self.0.code
    }

    /// The text for the client.
    pub fn message(&self) -> Option<&str> {
        self.0.message.as_deref()
    }

    /// The natural status; the document may show another where a protocol differs.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// `ErrorCode` of the data plane.
    pub fn error_code(&self) -> Option<&str> {
        self.0.error_code.as_deref()
    }

    /// What the container answered, for a ModelError.
    pub fn fault(&self) -> Option<&ModelFault> {
        self.0.fault.as_ref()
    }

    /// For the log alone.
    pub fn internal_text(&self) -> Option<&str> {
        self.0.internal.as_deref()
    }

    fn build(code: Cow<'static, str>, status: StatusCode, message: Option<String>) -> Self {
        Self(Box::new(Inner {
            code,
            message,
            status,
            error_code: None,
            fault: None,
            internal: None,
            source: None,
        }))
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.message {
            Some(message) => write!(f, "{}: {message}", self.0.code),
            None => f.write_str(&self.0.code),
        }
    }
}

impl Error for ApiError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

fn cut(text: String) -> String {
    match text.char_indices().nth(MODEL_MESSAGE_CHARS_MAX) {
        Some((end, _)) => text[..end].to_owned(),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_internal_is_never_displayed() {
        let error = ApiError::internal("the disk is full").with_source(std::io::Error::other("secret path"));
        assert_eq!(error.to_string(), "InternalFailure");
        assert_eq!(error.internal_text(), Some("the disk is full"));
        assert!(error.source().is_some());
    }

    #[test]
    fn model_texts_are_cut_at_2048_characters() {
        let long = "ä".repeat(3000);
        let fault = ModelFault {
            error_code: "CLIENT_ERROR_FROM_MODEL",
            original_status_code: 400,
            original_message: long.clone(),
            log_stream_arn: String::new(),
        };
        let error = ApiError::model_error(long, fault);
        assert_eq!(error.message().unwrap().chars().count(), 2048);
        assert_eq!(error.fault().unwrap().original_message.chars().count(), 2048);
    }
}
