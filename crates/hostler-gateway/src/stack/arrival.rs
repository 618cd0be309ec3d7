//! Layers 1 to 4: who calls, and the whole body.
//!
//! Why: nothing of a stranger's is kept, computed or looked up beyond the head of the request.
//! Invariants: bounded in size and time; the caller is known before the body is read, the body before the call. What
//! an endpoint's owner set is looked up only for who presents a good key; before that the server's own bound holds.

use bytes::Bytes;
use hostler_aws::sigv4::{Caller, Rules, Verifier, payload_hash};
use hostler_aws::{ApiError, Protocol};
use http::header;
use http::request::Parts;
use http_body::Body;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::answer::BoxError;
use crate::gateway::GatewaySettings;
use crate::payload::Payload;

/// Layers 1 to 4: who calls, and the whole body.
pub(crate) async fn authenticate<B>(
    verifier: &Verifier,
    settings: &GatewaySettings,
    parts: &Parts,
    body: B,
    bytes_max_of: impl FnOnce(&Caller) -> u64,
) -> Result<(Caller, Payload), ApiError>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    refuse_announced(parts, settings.payload_bytes_max)?;
    let denied = |error: hostler_aws::sigv4::AuthError| error.to_api_error(Protocol::RestJson);
    let claim = verifier.check(parts, &Rules::GATEWAY).map_err(denied)?;
    let limit = bytes_max_of(claim.claimed()).min(settings.payload_bytes_max);
    refuse_announced(parts, limit)?;
    let reading = Limited::new(body, usize::try_from(limit).unwrap_or(usize::MAX)).collect();
    let body = match tokio::time::timeout(settings.body_timeout, reading).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<LengthLimitError>() => return Err(ApiError::payload_too_large(limit)),
        Ok(Err(error)) => {
            return Err(ApiError::validation_error("The request body broke off.").with_source(error));
        }
        Err(_) => return Err(ApiError::validation_error("The request body did not arrive in time.")),
    };
    let caller = claim.verify_payload(&payload_hash(&body)).map_err(denied)?;
    Ok((caller, Payload::in_memory(body)))
}

/// A body over a limit is refused by its header.
fn refuse_announced(parts: &Parts, limit: u64) -> Result<(), ApiError> {
    let announced =
        parts.headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    match announced {
        Some(bytes) if bytes > limit => Err(ApiError::payload_too_large(limit)),
        _ => Ok(()),
    }
}
