//! Reading a request body within its limits of size and time.
//!
//! Why: nearly every body is one small piece, which is passed on without a copy; only larger ones are gathered,
//! and only a few of those at once, so that memory is bounded by settings and not by clients.
//! Invariants: never holds more than `payload_bytes_max` of a body.

use std::pin::pin;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use thiserror::Error;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::Settings;

/// Bodies up to this size need no permit: a thousand of them are still little memory.
const SMALL_BODY_BYTES: usize = 64 * 1024;

/// How much of a body that is refused is read away, so that the client reads the answer instead of a reset.
const DRAIN_BYTES_MAX: u64 = 64 * 1024 * 1024;
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// Why there is no body to work on.
#[derive(Debug, Error)]
pub(super) enum BodyError {
    #[error("the request body is larger than the {bytes_max} bytes this model takes")]
    TooLarge { bytes_max: usize },
    #[error("the request body did not arrive within {} s", after.as_secs_f64())]
    TooSlow { after: Duration },
    #[error("the request body broke off before its end")]
    Broken,
    #[error("the model is busy with other large requests")]
    Busy,
}

impl BodyError {
    pub(super) fn status(&self) -> u16 {
        match self {
            Self::TooLarge { .. } => 413,
            Self::TooSlow { .. } => 408,
            Self::Broken => 400,
            Self::Busy => 503,
        }
    }
}

/// A body, and the permit that a large one holds until its answer is made.
pub(super) struct Payload<'a> {
    pub(super) bytes: Bytes,
    _permit: Option<SemaphorePermit<'a>>,
}

pub(super) async fn read<'a>(
    mut body: Incoming,
    expects_continue: bool,
    settings: &Settings,
    large_requests: &'a Semaphore,
) -> Result<Payload<'a>, BodyError> {
    let reading = gather(&mut body, settings, large_requests);
    let result = match timeout(settings.body_timeout, reading).await {
        Ok(result) => result,
        Err(_) => Err(BodyError::TooSlow { after: settings.body_timeout }),
    };
    // A client that waits for `100 Continue` has sent nothing and must not be asked to.
    if let Err(BodyError::TooLarge { .. } | BodyError::Busy) = result
        && !expects_continue
    {
        let _ = timeout(DRAIN_TIMEOUT, drain(body)).await;
    }
    result
}

async fn gather<'a>(
    body: &mut Incoming,
    settings: &Settings,
    large_requests: &'a Semaphore,
) -> Result<Payload<'a>, BodyError> {
    let bytes_max = settings.payload_bytes_max;
    let announced = body.size_hint().lower();
    if announced > bytes_max as u64 {
        return Err(BodyError::TooLarge { bytes_max });
    }
    let mut permit = None;
    if announced > SMALL_BODY_BYTES as u64 {
        permit = Some(large_permit(settings, large_requests).await?);
    }
    let Some(first) = next_piece(body).await? else {
        return Ok(Payload { bytes: Bytes::new(), _permit: permit });
    };
    if first.len() > bytes_max {
        return Err(BodyError::TooLarge { bytes_max });
    }
    if body.is_end_stream() {
        return Ok(Payload { bytes: first, _permit: permit });
    }
    let mut gathered = BytesMut::with_capacity((announced as usize).max(first.len()));
    gathered.extend_from_slice(&first);
    while let Some(piece) = next_piece(body).await? {
        let length = gathered.len() + piece.len();
        if length > bytes_max {
            return Err(BodyError::TooLarge { bytes_max });
        }
        if length > SMALL_BODY_BYTES && permit.is_none() {
            permit = Some(large_permit(settings, large_requests).await?);
        }
        gathered.extend_from_slice(&piece);
    }
    Ok(Payload { bytes: gathered.freeze(), _permit: permit })
}

async fn large_permit<'a>(
    settings: &Settings,
    large_requests: &'a Semaphore,
) -> Result<SemaphorePermit<'a>, BodyError> {
    match timeout(settings.large_wait, large_requests.acquire()).await {
        Ok(Ok(permit)) => Ok(permit),
        Ok(Err(_)) | Err(_) => Err(BodyError::Busy),
    }
}

/// The next bytes of the body; None at its end.
async fn next_piece(body: &mut Incoming) -> Result<Option<Bytes>, BodyError> {
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| BodyError::Broken)?;
        // Trailers are of no interest.
        if let Ok(data) = frame.into_data() {
            return Ok(Some(data));
        }
    }
    Ok(None)
}

async fn drain(body: Incoming) {
    let mut body = pin!(body);
    let mut drained = 0;
    while drained < DRAIN_BYTES_MAX
        && let Some(Ok(frame)) = body.frame().await
    {
        drained += frame.data_ref().map_or(0, |data| data.len() as u64);
    }
}
