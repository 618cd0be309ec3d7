//! The layers of a call, top to bottom; the order is the design.
//!
//! 1. size: a body over the limit is refused by its header, before anything is read or computed.
//! 2. head: key, scope and date are checked before the body is read, so that strangers cost little.
//! 3. body: read whole, within a limit and a time, because its hash is part of the signature.
//! 4. signature: compared in constant time.
//! 5. rate of the account: after the signature, so that strangers use up nobody's, and before any work.
//! 6. model of the service: every header against its constraint.
//! 7. route: endpoint, variant, instance; waits in the endpoint's line, a bounded time and behind a bounded number, while
//!    no instance has a place. A session's request goes to the instance that holds it, or nowhere.
//! 8. send: through one container, or all of an instance's one after the other. Retried on another instance only while
//!    nothing was written, or once where the owner allows it.
//! 9. answer: small ones whole, so that a model that dies in the middle is an error and not half an answer; large
//!    ones streamed, the permit in the body until it ends. InvokeEndpointWithResponseStream answers in events, from the
//!    model's first byte on.
//!
//! Invariants: every wait has a deadline (all of them: ARCHITECTURE.md, the walk of InvokeEndpoint). One that expires
//! names itself in AWS's words.

mod arrival;
mod chain;
mod place;
mod reply;
mod session;
mod stream;
mod target;

use hostler_aws::ApiError;
use hostler_types::{InvocationClass, InvocationFailure};
use tokio::time::Instant;
use tracing::{debug, warn};

use self::chain::{Course, Stopped};
use self::place::{Found, Search};
use self::reply::{Unanswered, give_back, payload_is_gone};
use self::stream::{Limits, give_stream};
use self::target::{Again, name_model};
use crate::alarm::{Alarm, Rung};
use crate::answer::Answer;
use crate::gateway::Gateway;
use crate::invocation::{Form, Invocation};
use crate::lane::Lane;
use crate::model_error::{NoAnswer, unanswered};
use crate::tally::{Call, Silence};
use crate::upstream::UpstreamError;

impl Gateway {
    /// Layers 7 to 9.
    pub(crate) async fn invoke(
        &self,
        invocation: &mut Invocation<'_>,
        arrived: Instant,
        alarm: &mut Alarm,
    ) -> Result<Answer, ApiError> {
        let mut search = Search::begin(arrived, self.settings.hold_timeout);
        let mut was_lost = false;
        let mut again = Again::default();
        loop {
            let Found { mut permit, retries_lost, model_timeout, stream_timeout } =
                self.find_instance(invocation, &mut search).await?;
            let course = Course::of(invocation, permit.lane())?;
            let named = name_model(invocation, &mut permit, model_timeout).await;
            let mut call = Call::begin(permit, arrived);
            if let Err((class, error)) = named {
                call.ends(class);
                return Err(failed(invocation, &call.lane().clone(), error));
            }
            let last_byte = call.sent() + stream_timeout;
            let deadline = match invocation.form {
                Form::Whole => call.sent() + model_timeout,
                Form::Events => (call.sent() + model_timeout).min(last_byte),
            };
            let lane = call.lane().clone();
            let may_go_again = retries_lost && !was_lost;
            let keeps_body = may_go_again || call.permit().model().is_some();
            let sending = self.send(invocation, &course, &mut call, deadline, keeps_body);
            let sent = alarm.at(deadline, sending).await;
            let (mut call, lost) = match sent {
                Ok(Ok(answer)) => {
                    let status = answer.status;
                    let is_worth_it = again.is_worth_it(call.permit(), status);
                    if alarm.at(deadline, is_worth_it).await.unwrap_or(false) {
                        call.passed_on();
                        continue;
                    }
                    self.heed_closing(invocation, &lane, &answer.fields);
                    if !may_go_again {
                        invocation.body.let_go();
                    }
                    let given = match invocation.form {
                        Form::Whole => {
                            let given = give_back(invocation, answer, call, deadline, alarm).await;
                            given.inspect(|answer| self.heed_opening(invocation, &lane, &answer.fields))
                        }
                        Form::Events => {
                            let limits =
                                Limits { first_byte: deadline, last_byte, end: self.streams_end.subscribe() };
                            give_stream(invocation, answer, call, limits).await
                        }
                    };
                    match given {
                        Ok(answer) => return Ok(answer),
                        Err(Unanswered::Finally(error)) => {
                            lane.failed(if status.is_success() {
                                InvocationFailure::TimedOut
                            } else {
                                InvocationFailure::Answered { status: status.as_u16() }
                            });
                            return Err(failed(invocation, &lane, error));
                        }
                        Err(Unanswered::Ours(error)) => return Err(error),
                        Err(Unanswered::Lost(call, error)) => (call, error),
                    }
                }
                // No other instance could be reached either, nor get the request whole; none hears of it.
                Ok(Err(Stopped::Between(error))) => {
                    call.ends(InvocationClass::ServerError);
                    return Err(failed(invocation, &lane, error));
                }
                Ok(Err(Stopped::Upstream(error @ UpstreamError::NoDescriptor { .. }))) => {
                    call.ends(InvocationClass::ServerError);
                    return Err(no_descriptor(error));
                }
                Ok(Err(Stopped::Upstream(error @ UpstreamError::Payload { .. }))) => {
                    call.ends(InvocationClass::ServerError);
                    return Err(payload_is_gone(error));
                }
                Ok(Err(Stopped::Upstream(error))) if error.is_unsent() => {
                    let (endpoint, generation) = (invocation.endpoint_name, lane.id.generation);
                    let error: &dyn std::error::Error = &error;
                    debug!(endpoint, generation, instance = %lane.id, error, "trying another instance");
                    lane.unreached();
                    search.was_refused();
                    call.passed_on();
                    continue;
                }
                Ok(Err(Stopped::Upstream(error))) => {
                    let lost = unanswered(invocation, call.container(), NoAnswer::Lost).with_source(error);
                    (call, lost)
                }
                Err(Rung) => {
                    lane.failed(InvocationFailure::TimedOut);
                    call.ends_without_answer(Silence::Timeout);
                    let late = unanswered(invocation, call.container(), NoAnswer::TimedOut);
                    return Err(failed(invocation, &lane, late));
                }
            };
            lane.failed(InvocationFailure::Lost);
            // The model may have acted on it: once more only where the endpoint's owner allows it, and only once.
            if !may_go_again {
                call.ends_without_answer(Silence::Lost);
                return Err(failed(invocation, &lane, lost));
            }
            let (endpoint, generation) = (invocation.endpoint_name, lane.id.generation);
            debug!(endpoint, generation, instance = %lane.id, "a request was lost with its instance and is tried once more");
            was_lost = true;
            call.passed_on();
            search.begin_again(&lane.id, self.settings.hold_timeout);
        }
    }
}

/// This server has as many files and connections open as it may.
fn no_descriptor(cause: UpstreamError) -> ApiError {
    let error: &dyn std::error::Error = &cause;
    warn!(error, "a request found no descriptor for a connection to its model");
    ApiError::service_unavailable("Too many connections are open. Try again later.").with_source(cause)
}

/// Says which instance failed a request; what the client is told is said elsewhere.
fn failed(invocation: &Invocation<'_>, lane: &Lane, error: ApiError) -> ApiError {
    let (endpoint, generation) = (invocation.endpoint_name, lane.id.generation);
    let (code, internal) = (error.code(), error.internal_text());
    debug!(endpoint, generation, instance = %lane.id, code, internal, "an instance failed a request");
    error
}

#[cfg(test)]
mod tests;
