//! Layers 1 to 4: who calls, and the whole body.
//!
//! Why: nothing of a stranger's is kept, computed or looked up beyond the head of the request.
//! Invariants: bounded in size, time and room; the caller is known before the body is read, the body before the call.
//! What an endpoint's owner set is looked up only for who names a known key in a good head, before the signature is
//! decided: whoever knows a key's id may learn a limit by it. Before that the server's own bound holds.

use bytes::Bytes;
use hostler_aws::sigv4::{Caller, Rules};
use hostler_aws::{ApiError, Head, Protocol};
use hostler_types::{Key, Kind, Scope};
use http_body::Body;
use tracing::warn;

use crate::answer::BoxError;
use crate::gateway::Gateway;
use crate::payload::{CollectError, PaceLimits, Payload, Terms, collect};

impl Gateway {
    /// Layers 1 to 4: who calls, and the whole body.
    pub(crate) async fn authenticate<B>(
        &self,
        endpoint_name: &str,
        head: &Head<'_>,
        body: B,
    ) -> Result<(Caller, Payload), ApiError>
    where
        B: Body<Data = Bytes>,
        B::Error: Into<BoxError>,
    {
        let announced = announced(head);
        refuse_announced(announced, self.settings.payload_bytes_max)?;
        let denied = |error: hostler_aws::sigv4::AuthError| error.to_api_error(Protocol::RestJson);
        let claim = self.verifier.check_head(head, &Rules::GATEWAY).map_err(denied)?;
        let limit =
            self.payload_bytes_max(claim.claimed(), endpoint_name).min(self.settings.payload_bytes_max);
        refuse_announced(announced, limit)?;
        let terms = Terms {
            budget: &self.bodies,
            bytes_max: limit,
            announced,
            pace: PaceLimits { whole: self.settings.body_timeout, window: self.settings.stall_timeout },
            is_signed: true,
        };
        let share = || {
            let caller = claim.claimed();
            let scope = Scope::new(&caller.identity.account, &caller.region);
            let key = Key::new(&scope, Kind::Endpoint, endpoint_name);
            self.bodies.share(self.table.find(&key).map(|_| key))
        };
        let (payload, hash) = collect(body, terms, share).await.map_err(|error| refusal(error, limit))?;
        let caller = claim.verify_payload(&hash).map_err(denied)?;
        Ok((caller, payload))
    }
}

/// What the head says of the body's length.
fn announced(head: &Head<'_>) -> Option<u64> {
    head.text("content-length")?.parse().ok()
}

/// A body over a limit is refused by its header.
fn refuse_announced(announced: Option<u64>, limit: u64) -> Result<(), ApiError> {
    match announced {
        Some(bytes) if bytes > limit => Err(ApiError::payload_too_large(limit)),
        _ => Ok(()),
    }
}

fn refusal(error: CollectError, limit: u64) -> ApiError {
    match error {
        CollectError::TooLarge => ApiError::payload_too_large(limit),
        CollectError::BrokenOff(source) => {
            ApiError::validation_error("The request body broke off.").with_source(source)
        }
        CollectError::Late => ApiError::validation_error("The request body did not arrive in time."),
        CollectError::NoRoom => {
            ApiError::service_unavailable("Too many request bodies are under way. Try again later.")
        }
        CollectError::Disk(source) => {
            let error: &dyn std::error::Error = &source;
            warn!(error, "a request body could not be kept on disk");
            ApiError::service_unavailable("Too many request bodies are under way. Try again later.")
                .with_source(source)
        }
        CollectError::Hash(source) => {
            ApiError::internal("the hash of a request body was not finished").with_source(source)
        }
    }
}
