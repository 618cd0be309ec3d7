//! Layers 1 to 4: who calls, and the whole body.
//!
//! Why: nothing of a stranger's is kept, computed or looked up beyond the head of the request.
//! Invariants: bounded in size and time; the caller is known before the body is read, the body before the call. What
//! an endpoint's owner set is looked up only for who presents a good key; before that the server's own bound holds.

use std::pin::pin;

use bytes::Bytes;
use hostler_aws::sigv4::{Caller, PayloadHasher, Rules, Verifier, payload_hash};
use hostler_aws::{ApiError, Protocol};
use http::header;
use http::request::Parts;
use http_body::Body;
use http_body_util::BodyExt;

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
    let (payload, hash) = tokio::time::timeout(settings.body_timeout, read(body, limit))
        .await
        .map_err(|_| ApiError::validation_error("The request body did not arrive in time."))??;
    let caller = claim.verify_payload(&hash).map_err(denied)?;
    Ok((caller, payload))
}

/// Reads a body to its end, hashing it as it comes.
async fn read<B>(body: B, limit: u64) -> Result<(Payload, [u8; 32]), ApiError>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let mut body = pin!(body);
    let mut pieces = Vec::new();
    let mut hasher = PayloadHasher::new();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame
            .map_err(|error| ApiError::validation_error("The request body broke off.").with_source(error))?;
        let Ok(piece) = frame.into_data() else { continue };
        length += piece.len() as u64;
        if length > limit {
            return Err(ApiError::payload_too_large(limit));
        }
        // Nearly every body is one piece: it is passed on without a copy.
        if pieces.is_empty() && body.is_end_stream() {
            let hash = payload_hash(&piece);
            return Ok((Payload::in_memory(piece), hash));
        }
        hasher.update(&piece);
        pieces.push(piece);
    }
    Ok((Payload::in_pieces(pieces), hasher.finish()))
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
