//! Layer 7, of endpoints with many models: the model that a request names is loaded before the request is sent.
//!
//! Why: the instance is chosen first, rather one that has the model, and the request keeps its place there while the
//! model comes: whoever comes later for a model that is there goes past it through the other places.
//! Invariants: a wait for a model ends when an answer's would, in AWS's minute at the latest, with the answer that says
//! so; the load goes on.
//! What a container says of a model that it should have (404, 507) leads to one more try, and then is the answer.
//! Texts: those of a header that is missing or too much were seen at AWS; the others are ours but for the one of missing
//! data, whose words are AWS's from memory.

use std::sync::Arc;
use std::time::Duration;

use hostler_aws::ApiError;
use hostler_types::InvocationClass;
use http::StatusCode;
use tokio::time::Instant;
use tracing::debug;

use crate::invocation::Invocation;
use crate::lane::{Lane, Permit};
use crate::model_error::{NoAnswer, answered, unanswered};
use crate::models::{LoadError, LoaderError, NotReady, READY_TIMEOUT};
use crate::tally::PRIMARY;

/// How often a request is sent again because its model was not there, or had no room.
const AGAIN_MAX: u32 = 3;

/// What a request to one of many models has been through.
#[derive(Default)]
pub(super) struct Again(u32);

impl Again {
    /// Whether a request whose model gave this status is to be sent once more: after the model was loaded again, or
    /// others have made room.
    pub(super) async fn is_worth_it(&mut self, permit: &Permit, status: StatusCode) -> bool {
        let Some(model) = permit.model() else { return false };
        if self.0 >= AGAIN_MAX {
            return false;
        }
        match status {
            // A model may have its own reasons for a 404.
            StatusCode::NOT_FOUND if self.0 == 0 && model.is_unknown().await => {}
            StatusCode::INSUFFICIENT_STORAGE if model.make_room().await => {}
            _ => return false,
        }
        self.0 += 1;
        debug!(instance = %permit.lane().id, %status, "a container did not have a model as it should, once more");
        true
    }
}

/// Loads the model that the request names, where the instance has many.
pub(super) async fn name_model(
    invocation: &Invocation<'_>,
    permit: &mut Permit,
    model_timeout: Duration,
) -> Result<(), (InvocationClass, ApiError)> {
    let refused = |error| (InvocationClass::ClientError, error);
    let lane = permit.lane().clone();
    let (models, target) = match (&lane.models, invocation.target_model) {
        (None, None) => return Ok(()),
        (None, Some(_)) => return Err(refused(not_supported(invocation))),
        (Some(_), None) => {
            return Err(refused(
                ApiError::validation_error(format!(
                    "Request {} is missing a target model header for endpoint {}.",
                    invocation.request_id, invocation.endpoint_name
                ))
                .with_error_code("TARGET_MODEL_HEADER_MISSING"),
            ));
        }
        (Some(models), Some(target)) => (models, target),
    };
    let target = check(target).map_err(refused)?;
    match models.ready(target, Instant::now() + model_timeout.min(READY_TIMEOUT)).await {
        Ok(model) => {
            permit.names(model);
            Ok(())
        }
        Err(NotReady::Late) => Err((
            InvocationClass::ClientError,
            ApiError::model_not_ready(format!(
                "Model {target} is not ready for inference yet. Try again later."
            )),
        )),
        Err(NotReady::Failed(error)) => {
            let (class, answer) = failed(invocation, &lane, target, &error);
            Err((class, answer.with_source(error)))
        }
    }
}

fn failed(
    invocation: &Invocation<'_>,
    lane: &Arc<Lane>,
    target: &str,
    error: &LoadError,
) -> (InvocationClass, ApiError) {
    let (client, server) = (InvocationClass::ClientError, InvocationClass::ServerError);
    match error {
        LoadError::Files(LoaderError::Missing { uri }) => (client, ApiError::validation_error(no_data(uri))),
        LoadError::Files(LoaderError::Refused { detail }) => {
            (client, ApiError::validation_error(format!("Model {target} cannot be loaded: {detail}")))
        }
        LoadError::Files(LoaderError::NoRoom { .. }) => {
            let text = "There is no room on disk for one more model. Try again later.";
            (server, ApiError::service_unavailable(text))
        }
        LoadError::Files(LoaderError::Failed { .. }) => {
            let text = format!("Model {target} could not be fetched. Try again later.");
            (server, ApiError::service_unavailable(text))
        }
        LoadError::Container { status, body } => {
            let class = if status.is_client_error() { client } else { server };
            (class, answered(invocation, PRIMARY, status.as_u16(), Some(body)))
        }
        LoadError::Unreached { .. } => {
            lane.unreached();
            (server, unanswered(invocation, PRIMARY, NoAnswer::Lost))
        }
        LoadError::TooSlow => (server, unanswered(invocation, PRIMARY, NoAnswer::TimedOut)),
    }
}

pub(super) fn not_supported(invocation: &Invocation<'_>) -> ApiError {
    ApiError::validation_error(format!(
        "Endpoint {} is not a multi-model endpoint and does not support target model header.",
        invocation.endpoint_name
    ))
    .with_error_code("TARGET_MODEL_HEADER_NOT_SUPPORTED")
}

fn no_data(uri: &str) -> String {
    let (bucket, key) = uri.strip_prefix("s3://").and_then(|rest| rest.split_once('/')).unwrap_or(("", uri));
    format!(
        "Failed to download model data(bucket: {bucket}, key: {key}). Please ensure that there is an object located at \
         the URL and that the role passed to CreateModel has permissions to download the model."
    )
}

/// A target is a key below the endpoint's prefix, and nothing else; with a slash before it, it is the same one.
fn check(target: &str) -> Result<&str, ApiError> {
    let relative = target.strip_prefix('/').unwrap_or(target);
    let is_plain = |segment: &str| !matches!(segment, "" | "." | "..") && !segment.contains('\0');
    if relative.split('/').all(is_plain) {
        return Ok(relative);
    }
    Err(ApiError::validation_error(format!(
        "Target model {target} is not the path of an object below the endpoint's model data: no part of it may be empty, \
         \".\" or \"..\"."
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_stays_below_the_prefix() {
        for target in ["../other/model.tar.gz", "a/../../b", "", "/", "a//b", "./a", "a/", "//a"] {
            assert!(check(target).is_err(), "{target}");
        }
        for target in ["model.tar.gz", "/model.tar.gz", "a/b/model-1.tar.gz", "a/..b"] {
            assert_eq!(check(target).ok(), Some(target.trim_start_matches('/')), "{target}");
        }
    }
}
