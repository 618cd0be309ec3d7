//! The layers of a call, top to bottom; the order is the design.
//!
//! 1. size: a body over the limit is refused by its header, before anything is read or computed.
//! 2. head: key, scope and date are checked before the body is read, so that strangers cost little.
//! 3. body: read whole, within a limit and a time, because its hash is part of the signature.
//! 4. signature: compared in constant time.
//! 5. rate of the account: after the signature, so that strangers use up nobody's, and before any work.
//! 6. model of the service: every header against its constraint.
//! 7. route: endpoint, variant, instance; waits a bounded time while no instance is healthy.
//! 8. send: retried on another instance only while nothing was written, or once where the owner allows it.
//! 9. answer: small ones whole, so that a model that dies in the middle is an error and not half an answer; large
//!    ones streamed, the permit in the body until it ends.
//!
//! Invariants: every wait has a deadline. One that expires names itself in AWS's words.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use hostler_aws::sigv4::{Caller, Rules, Verifier, payload_hash};
use hostler_aws::{ApiError, Protocol};
use hostler_types::{InstanceId, InvocationClass, InvocationFailure, Key, Kind, Scope};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use http_body::Body;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::time::{Instant, timeout_at};
use tracing::debug;

use crate::answer::{AnswerBody, BoxError, ModelStream, whole};
use crate::gateway::{Gateway, GatewaySettings};
use crate::invocation::Invocation;
use crate::model_error::{NoAnswer, answered, unanswered};
use crate::pick::{by_name, by_weight, least_busy, others, twins};
use crate::table::{Lane, Permit};
use crate::tally::{Call, Silence};
use crate::upstream::{self, ModelBody};

/// Answers up to this size are read whole before the first byte goes to the client.
const WHOLE_ANSWER_BYTES_MAX: usize = 256 * 1024;

/// Of an error's body this much is read for ModelError, whose text is cut anyway.
const ERROR_BODY_BYTES_MAX: usize = 64 * 1024;

/// The answer's headers that come from the container.
const RETURNED: [&str; 2] = ["content-type", "x-amzn-sagemaker-custom-attributes"];

/// Layers 1 to 4: who calls, and the whole body.
pub(crate) async fn authenticate<B>(
    verifier: &Verifier,
    settings: &GatewaySettings,
    parts: &Parts,
    body: B,
) -> Result<(Caller, Bytes), ApiError>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let limit = settings.payload_bytes_max;
    let announced =
        parts.headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if announced.is_some_and(|bytes: u64| bytes > limit) {
        return Err(ApiError::payload_too_large(limit));
    }
    let denied = |error: hostler_aws::sigv4::AuthError| error.to_api_error(Protocol::RestJson);
    let claim = verifier.check(parts, &Rules::GATEWAY).map_err(denied)?;
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
    Ok((caller, body))
}

impl Gateway {
    /// Layers 7 to 9.
    pub(crate) async fn invoke(
        &self,
        invocation: &Invocation<'_>,
        arrived: Instant,
    ) -> Result<Response<AnswerBody>, ApiError> {
        let mut hold_until = Instant::now() + self.settings.hold_timeout;
        let mut tried = Vec::new();
        let mut was_lost = false;
        loop {
            let Found { permit, retries_lost } =
                self.find_instance(invocation, &mut tried, (arrived, hold_until)).await?;
            let mut call = Call::begin(permit, arrived);
            let deadline = call.sent() + self.settings.model_timeout;
            let lane = call.lane().clone();
            let sending =
                upstream::invoke(&lane.kept, invocation.container_headers(), invocation.body.clone());
            let (mut call, lost) = match timeout_at(deadline, sending).await {
                Ok(Ok(answer)) => {
                    let status = answer.status();
                    match give_back(invocation, answer, call, deadline).await {
                        Ok(answer) => {
                            lane.troubles.succeeded();
                            return Ok(answer);
                        }
                        Err(Unanswered::Finally(error)) => {
                            lane.troubles.failed(if status.is_success() {
                                InvocationFailure::TimedOut
                            } else {
                                InvocationFailure::Answered { status: status.as_u16() }
                            });
                            return Err(failed(invocation, &lane, error));
                        }
                        Err(Unanswered::Lost(call, error)) => (call, error),
                    }
                }
                Ok(Err(error)) if error.is_unsent() => {
                    let (endpoint, generation) = (invocation.endpoint_name, lane.id.generation);
                    let error: &dyn std::error::Error = &error;
                    debug!(endpoint, generation, instance = %lane.id, error, "trying another instance");
                    tried.push(lane.id.clone());
                    call.passed_on();
                    continue;
                }
                Ok(Err(error)) => (call, unanswered(invocation, NoAnswer::Lost).with_source(error)),
                Err(_) => {
                    lane.troubles.failed(InvocationFailure::TimedOut);
                    call.ends_without_answer(Silence::Timeout);
                    return Err(failed(invocation, &lane, unanswered(invocation, NoAnswer::TimedOut)));
                }
            };
            lane.troubles.failed(InvocationFailure::Lost);
            // The model may have acted on it: once more only where the endpoint's owner allows it, and only once.
            if !retries_lost || was_lost {
                call.ends_without_answer(Silence::Lost);
                return Err(failed(invocation, &lane, lost));
            }
            let (endpoint, generation) = (invocation.endpoint_name, lane.id.generation);
            debug!(endpoint, generation, instance = %lane.id, "a request was lost with its instance and is tried once more");
            was_lost = true;
            call.passed_on();
            tried.push(lane.id.clone());
            hold_until = Instant::now() + self.settings.hold_timeout;
        }
    }

    /// Waits a bounded time for an instance that takes the request.
    async fn find_instance(
        &self,
        invocation: &Invocation<'_>,
        tried: &mut Vec<InstanceId>,
        (arrived, hold_until): (Instant, Instant),
    ) -> Result<Found, ApiError> {
        let key = Key::new(invocation.scope, Kind::Endpoint, invocation.endpoint_name);
        loop {
            let endpoint = self
                .table
                .find(&key)
                .filter(|endpoint| endpoint.name == invocation.endpoint_name)
                .ok_or_else(|| no_endpoint(invocation.scope, invocation.endpoint_name))?;
            let fleet = match invocation.target_variant {
                Some(name) => by_name(&endpoint, name, rand::random()).ok_or_else(|| {
                    ApiError::validation_error(format!(
                        "Variant {name} not found for endpoint {}.",
                        invocation.endpoint_name
                    ))
                })?,
                None => by_weight(&endpoint.variants, rand::random())
                    .ok_or_else(|| ApiError::internal("an endpoint without variants was routed"))?,
            };
            let place = |fleet| least_busy(fleet, tried, rand::random());
            let beside = || twins(&endpoint, fleet).find_map(place);
            let elsewhere = || match invocation.target_variant {
                Some(_) => None,
                None => others(&endpoint, fleet).find_map(place),
            };
            if let Some(permit) = place(fleet).or_else(beside).or_else(elsewhere) {
                return Ok(Found { permit, retries_lost: endpoint.retries_lost });
            }
            // Whoever refused a connection may have come back, and no other news of it will come: ask again soon.
            let look_again = (Instant::now() + REFUSED_PAUSE).min(hold_until);
            let wait_until = if tried.is_empty() { hold_until } else { look_again };
            let held = Held::begin(&self.table.held);
            let waited = timeout_at(wait_until, endpoint.replaced()).await;
            drop(held);
            tried.clear();
            if waited.is_err() && Instant::now() >= hold_until {
                fleet.tally.found_no_instance(arrived);
                return Err(unanswered(invocation, NoAnswer::Lost));
            }
        }
    }
}

/// The pause before instances that refused a connection are asked again.
const REFUSED_PAUSE: Duration = Duration::from_millis(20);

/// AWS's text for an endpoint that is not there, not there yet, or spelled otherwise.
fn no_endpoint(scope: &Scope, name: &str) -> ApiError {
    ApiError::validation_error(format!("Endpoint {name} of account {} not found.", scope.account))
}

/// A request waits for an instance.
struct Held<'a>(&'a AtomicU64);

impl<'a> Held<'a> {
    fn begin(held: &'a AtomicU64) -> Self {
        held.fetch_add(1, Ordering::Relaxed);
        Self(held)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// An instance that takes the request.
struct Found {
    permit: Permit,
    /// The endpoint's owner allows a second try of what was lost with its instance.
    retries_lost: bool,
}

/// Why nothing was given back.
enum Unanswered {
    /// The instance broke off, and the client has seen nothing of it.
    Lost(Call, ApiError),
    /// There is an answer of its own, or no time left.
    Finally(ApiError),
}

/// Says which instance failed a request; what the client is told is said elsewhere.
fn failed(invocation: &Invocation<'_>, lane: &Lane, error: ApiError) -> ApiError {
    let (endpoint, generation) = (invocation.endpoint_name, lane.id.generation);
    let (code, internal) = (error.code(), error.internal_text());
    debug!(endpoint, generation, instance = %lane.id, code, internal, "an instance failed a request");
    error
}

/// Layer 9.
async fn give_back(
    invocation: &Invocation<'_>,
    answer: Response<ModelBody>,
    mut call: Call,
    deadline: Instant,
) -> Result<Response<AnswerBody>, Unanswered> {
    let (parts, mut body) = answer.into_parts();
    if !parts.status.is_success() {
        let reading = Limited::new(body, ERROR_BODY_BYTES_MAX).collect();
        let body = match timeout_at(deadline, reading).await {
            Ok(Ok(body)) => Some(body.to_bytes()),
            Ok(Err(_)) | Err(_) => None,
        };
        let error = answered(invocation, parts.status.as_u16(), body.as_deref());
        call.ends(if parts.status.is_client_error() {
            InvocationClass::ClientError
        } else {
            InvocationClass::ServerError
        });
        return Err(Unanswered::Finally(error));
    }
    let variant = call.lane().id.variant.to_string();
    let first = match read_first(&mut body, deadline).await {
        Ok(first) => first,
        Err(NoAnswer::Lost) => return Err(Unanswered::Lost(call, unanswered(invocation, NoAnswer::Lost))),
        Err(why @ NoAnswer::TimedOut) => {
            call.ends_without_answer(Silence::Timeout);
            return Err(Unanswered::Finally(unanswered(invocation, why)));
        }
    };
    let body = if body.is_end_stream() {
        call.ends(InvocationClass::Success);
        whole(first)
    } else {
        let deadline = Box::pin(tokio::time::sleep_until(deadline));
        ModelStream { first: Some(first), rest: body, deadline, call }.boxed_unsync()
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    for name in RETURNED {
        if let Some(value) = parts.headers.get(name) {
            headers.insert(HeaderName::from_static(name), value.clone());
        }
    }
    if let Ok(value) = HeaderValue::from_str(&variant) {
        headers.insert("x-amzn-invoked-production-variant", value);
    }
    Ok(response)
}

/// Reads until the end or until it is too much to keep.
async fn read_first(body: &mut ModelBody, deadline: Instant) -> Result<Bytes, NoAnswer> {
    let mut first: Option<Bytes> = None;
    let mut more = BytesMut::new();
    while !body.is_end_stream() {
        let frame = match timeout_at(deadline, body.frame()).await {
            Err(_) => return Err(NoAnswer::TimedOut),
            Ok(Some(Err(_))) => return Err(NoAnswer::Lost),
            Ok(None) => break,
            Ok(Some(Ok(frame))) => frame,
        };
        let Ok(data) = frame.into_data() else { continue };
        // Nearly every answer is one frame: it is passed on without a copy.
        match first.take() {
            None if more.is_empty() => first = Some(data),
            None => more.extend_from_slice(&data),
            Some(earlier) => {
                more.extend_from_slice(&earlier);
                more.extend_from_slice(&data);
            }
        }
        if first.as_ref().map_or(more.len(), Bytes::len) >= WHOLE_ANSWER_BYTES_MAX {
            break;
        }
    }
    Ok(first.unwrap_or_else(|| more.freeze()))
}

#[cfg(test)]
mod tests;
