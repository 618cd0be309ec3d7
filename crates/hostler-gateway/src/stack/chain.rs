//! Layer 8 for instances of several containers: all of them one after the other, or the one that the request names.
//!
//! Why: to those who wait and to those who choose an instance, a pipeline is one instance and one request: the permit, the
//! deadline and the client's leaving hold for all of it. So the chain stands where otherwise one exchange does, and gives
//! back the last answer as that would.
//! What each container gets: the body and the Content-Type of the one before it. The client's Accept is about the answer
//! that the client gets: it goes to the last container, the others hear `*/*` and answer in their own default form, as
//! SageMaker's images (SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT) expect. Everything else of the client's, custom attributes
//! and ids, goes to each; of the answers' headers the client sees the last one's.
//! Invariants: what stands between two containers is whole before the next one gets any of it, bounded, and counted like
//! bodies of requests. A request that one container has answered is not sent to another instance as if nobody had seen
//! it. An answer that is no success ends the chain, whoever gave it.

use std::ops::Range;
use std::time::Duration;

use hostler_aws::{ApiError, Field};

use hostler_shapes::InferenceExecutionMode;
use hostler_types::{Key, Kind};
use http::{HeaderValue, header};
use tokio::time::Instant;
use tracing::warn;

use crate::gateway::Gateway;
use crate::invocation::Invocation;
use crate::lane::Lane;
use crate::model_error::{NoAnswer, unanswered};
use crate::payload::{CollectError, PaceLimits, Payload, Terms, collect};
use crate::tally::Call;
use crate::upstream::{self, ExchangeError, ModelAnswer, UpstreamError};

/// What one container may hand to the next: AWS's 5 MB.
const BETWEEN_BYTES_MAX: u64 = 5 * 1024 * 1024;
/// The deadline of the whole comes before that of what stands between.
const MARGIN: Duration = Duration::from_secs(1);

/// The containers that a request goes through, by their positions, one after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Course(Range<usize>);

/// Why the chain did not come to its last container.
pub(super) enum Stopped {
    /// A container gave no answer.
    Upstream(UpstreamError),
    /// What one of them said cannot be passed on.
    Between(ApiError),
}

impl Course {
    /// Of this request through an instance; what it says of a container must fit.
    pub(super) fn of(invocation: &Invocation<'_>, lane: &Lane) -> Result<Self, ApiError> {
        let name = invocation.endpoint_name;
        let hostnames = lane.pipeline.as_ref().map(|pipeline| (pipeline.mode, &pipeline.hostnames));
        match (hostnames, invocation.target_container) {
            (None, None) => Ok(Self(0..1)),
            (Some((InferenceExecutionMode::Serial, hostnames)), None) => Ok(Self(0..hostnames.len())),
            (None | Some((InferenceExecutionMode::Serial, _)), Some(_)) => {
                Err(ApiError::validation_error(format!(
                    "Endpoint {name} does not invoke its containers directly and does not support target container \
                     hostname header."
                )))
            }
            (Some((InferenceExecutionMode::Direct, hostnames)), None) => {
                Err(ApiError::validation_error(format!(
                    "Endpoint {name} invokes its containers directly and the request is missing a target container \
                     hostname header. Its containers are {}.",
                    hostnames.join(", ")
                )))
            }
            (Some((InferenceExecutionMode::Direct, hostnames)), Some(wanted)) => {
                let position = hostnames.iter().position(|hostname| hostname == wanted);
                let position = position.ok_or_else(|| {
                    ApiError::validation_error(format!(
                        "Container {wanted} not found for endpoint {name}. Its containers are {}.",
                        hostnames.join(", ")
                    ))
                })?;
                Ok(Self(position..position + 1))
            }
        }
    }

    fn is_last(&self, position: usize) -> bool {
        position + 1 == self.0.end
    }
}

/// What is passed on to the next container.
struct Handed {
    content_type: Option<HeaderValue>,
    body: Payload,
}

impl Gateway {
    /// Sends a request through its course; the answer is the last container's, or that of the first one that refuses.
    /// `keeps_body`: it may be sent once more.
    pub(super) async fn send(
        &self,
        invocation: &mut Invocation<'_>,
        course: &Course,
        call: &mut Call,
        deadline: Instant,
        keeps_body: bool,
    ) -> Result<ModelAnswer, Stopped> {
        let lane = call.lane().clone();
        let mut handed: Option<Handed> = None;
        for (position, kept) in lane.containers().enumerate().skip(course.0.start) {
            call.is_with(position);
            let mut headers = invocation.container_headers();
            if !course.is_last(position) {
                name_so(&mut headers, "accept", Some(b"*/*"));
            }
            let body = match &handed {
                None => invocation.body.reader(),
                Some(handed) => {
                    let content_type = handed.content_type.as_ref().map(HeaderValue::as_bytes);
                    name_so(&mut headers, "content-type", content_type);
                    handed.body.reader()
                }
            };
            let sent = match call.permit().model().map(|model| model.beginning().clone()) {
                None => upstream::invoke(kept, headers, body).await,
                Some(beginning) => upstream::invoke_at(kept, &beginning, headers, body).await,
            };
            let answer =
                sent.map_err(|error| Stopped::Upstream(sent_at(position > course.0.start, error)))?;
            if course.is_last(position) || !answer.status.is_success() {
                return Ok(answer);
            }
            let next = self.take_between(invocation, answer, call, deadline).await?;
            handed = Some(next);
            if !keeps_body {
                invocation.body.let_go();
            }
        }
        Err(Stopped::Between(ApiError::internal("an instance has fewer containers than its pipeline")))
    }

    /// Reads an answer that is to be passed on.
    async fn take_between(
        &self,
        invocation: &Invocation<'_>,
        answer: ModelAnswer,
        call: &Call,
        deadline: Instant,
    ) -> Result<Handed, Stopped> {
        let ModelAnswer { fields, body, .. } = answer;
        let left = deadline.saturating_duration_since(Instant::now()) + MARGIN;
        let terms = Terms {
            budget: &self.bodies,
            bytes_max: BETWEEN_BYTES_MAX,
            announced: http_body::Body::size_hint(&body).exact(),
            pace: PaceLimits { whole: left, window: left },
            is_signed: false,
        };
        let key = Key::new(invocation.scope, Kind::Endpoint, invocation.endpoint_name);
        let share = || self.bodies.share(Some(key));
        if terms.announced.is_some_and(|announced| announced > BETWEEN_BYTES_MAX) {
            return Err(too_long(invocation, call));
        }
        match collect(body, terms, share).await {
            Ok((body, _)) => Ok(Handed { content_type: fields.get(&header::CONTENT_TYPE).cloned(), body }),
            Err(CollectError::TooLarge) => Err(too_long(invocation, call)),
            Err(CollectError::BrokenOff(source)) => {
                let address = call.lane().address;
                let source = source.downcast::<ExchangeError>().map_or_else(
                    |other| ExchangeError::Read(std::io::Error::other(other)),
                    |exchange| *exchange,
                );
                Err(Stopped::Upstream(UpstreamError::Lost { address, source }))
            }
            Err(CollectError::Late) => {
                Err(Stopped::Between(unanswered(invocation, call.container(), NoAnswer::TimedOut)))
            }
            Err(CollectError::NoRoom) => Err(Stopped::Between(no_room())),
            Err(CollectError::Disk(source) | CollectError::Hash(source)) => {
                let error: &dyn std::error::Error = &source;
                warn!(error, "what one container said to the next could not be kept on disk");
                Err(Stopped::Between(no_room().with_source(source)))
            }
        }
    }
}

/// The container gets this header so, or not at all.
fn name_so<'a>(headers: &mut Vec<Field<'a>>, name: &'static str, value: Option<&'a [u8]>) {
    headers.retain(|field| field.name != name);
    headers.extend(value.map(|value| Field { name, value }));
}

/// That a later container could not be reached: another one has acted on the request, so it was sent.
fn sent_at(is_later: bool, error: UpstreamError) -> UpstreamError {
    match error {
        UpstreamError::Connect { address, source } | UpstreamError::Closed { address, source }
            if is_later =>
        {
            UpstreamError::Lost { address, source: ExchangeError::Write(source) }
        }
        error => error,
    }
}

fn too_long(invocation: &Invocation<'_>, call: &Call) -> Stopped {
    let why = NoAnswer::TooLong { bytes_max: BETWEEN_BYTES_MAX };
    Stopped::Between(unanswered(invocation, call.container(), why))
}

fn no_room() -> ApiError {
    ApiError::service_unavailable("Too many responses are under way between containers. Try again later.")
}

#[cfg(test)]
mod tests;
