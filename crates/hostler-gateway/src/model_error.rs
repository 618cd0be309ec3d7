//! ModelError (424) in all its forms, in AWS's words.
//!
//! Source: facts gathered from public issues; the console's address is printed as AWS prints it, because people and
//! programs cut the message at `See https://`.

use hostler_aws::{ApiError, ModelFault, StreamFailure};

use crate::invocation::Invocation;
use crate::tally::PRIMARY;

/// Why a model gave no answer of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoAnswer {
    /// It took longer than it may.
    TimedOut,
    /// It could not be reached, or it died with the request.
    Lost,
    /// It said more than may be passed on to the next container.
    TooLong {
        /// What may be.
        bytes_max: u64,
    },
}

/// The model answered with something else than success.
pub(crate) fn answered(
    invocation: &Invocation<'_>,
    container: &str,
    status: u16,
    body: Option<&[u8]>,
) -> ApiError {
    let (word, error_code) = match status {
        400..=499 => ("client", "CLIENT_ERROR_FROM_MODEL"),
        _ => ("server", "INTERNAL_FAILURE_FROM_MODEL"),
    };
    let see = see(invocation);
    let original = body.map(|body| String::from_utf8_lossy(body).into_owned());
    let message = match &original {
        Some(text) => {
            format!("Received {word} error ({status}) from {container} with message \"{text}\". {see}")
        }
        None => {
            format!(
                "Received {word} error ({status}) from {container} and could not load the entire response body. {see}"
            )
        }
    };
    let fault = ModelFault {
        error_code,
        original_status_code: status,
        original_message: original.unwrap_or_default(),
        log_stream_arn: log_group_arn(invocation),
    };
    ApiError::model_error(message, fault)
}

/// The model did not answer, or not so that anything could be made of it. The text for an answer that is too long is ours:
/// AWS's was not seen.
pub(crate) fn unanswered(invocation: &Invocation<'_>, container: &str, why: NoAnswer) -> ApiError {
    let text = match why {
        NoAnswer::TimedOut => format!(
            "Your invocation timed out while waiting for a response from container {container}. Review the latency \
             metrics for each container in Amazon CloudWatch, resolve the issue, and try again."
        ),
        NoAnswer::TooLong { bytes_max } => format!(
            "The response of container {container} is longer than the {bytes_max} bytes that may be passed on to the \
             next container of the inference pipeline."
        ),
        NoAnswer::Lost => format!(
            "Amazon SageMaker could not get a response from the {} endpoint. This can occur when CPU or memory \
             utilization is high. To check your utilization, see Amazon CloudWatch. To fix this problem, use an \
             instance type with more CPU capacity or memory.",
            invocation.endpoint_name
        ),
    };
    let container = match why {
        NoAnswer::Lost if container == PRIMARY => "model",
        NoAnswer::TimedOut | NoAnswer::Lost | NoAnswer::TooLong { .. } => container,
    };
    let message =
        format!("Received server error (0) from {container} with message \"{text}\". {}", see(invocation));
    let fault = ModelFault {
        error_code: "INTERNAL_FAILURE_FROM_MODEL",
        original_status_code: 0,
        original_message: text,
        log_stream_arn: log_group_arn(invocation),
    };
    ApiError::model_error(message, fault)
}

/// What the client of a stream is told when it ends before its time. AWS's texts were not seen, so these are ours.
pub(crate) fn stream_ended(failure: StreamFailure, endpoint_name: &str) -> String {
    match failure {
        StreamFailure::Broken => format!(
            "The connection to the model of endpoint {endpoint_name} was closed before the end of its response."
        ),
        StreamFailure::TimeExceeded => {
            format!(
                "The model of endpoint {endpoint_name} did not finish its response in the time that a stream may take."
            )
        }
        StreamFailure::Internal => {
            format!(
                "The server stopped while the model of endpoint {endpoint_name} was streaming its response."
            )
        }
    }
}

/// The same when the model answers a request whose rest this server cannot read any more.
pub(crate) fn request_is_gone(endpoint_name: &str) -> String {
    format!(
        "The rest of the request could not be read while the model of endpoint {endpoint_name} was streaming its response."
    )
}

fn see(invocation: &Invocation<'_>) -> String {
    let (name, region, account) =
        (invocation.endpoint_name, &invocation.scope.region, &invocation.scope.account);
    format!(
        "See https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}#logEventViewer:group=/aws/sagemaker/Endpoints/{name} in account {account} for more information."
    )
}

fn log_group_arn(invocation: &Invocation<'_>) -> String {
    let scope = invocation.scope;
    format!(
        "arn:{}:logs:{}:{}:log-group:/aws/sagemaker/Endpoints/{}",
        scope.partition(),
        scope.region,
        scope.account,
        invocation.endpoint_name
    )
}
