//! Where the chunks of a streamed answer come from: the model's body, under a watch that ends it in time.
//!
//! Why: a body is asked for more only while its client reads, so a limit that is looked at when it is asked would never
//! come for a client that reads nothing; the watch is a task of its own that sleeps until the limit, or until the server ends all streams.
//! Invariants: the model's connection and the permit end with the stream: at the model's last byte, at its failure, at
//! the limit, at the server's end, or when the client goes away, whichever is first. Only then is the invocation counted, once.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use hostler_aws::StreamFailure;
use hostler_types::{InvocationClass, InvocationFailure};
use http_body::Body;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until};
use tracing::warn;

use crate::model_error::{request_is_gone, stream_ended};
use crate::tally::{Call, Silence};
use crate::upstream::{ExchangeError, ModelBody};

/// The model's side of a stream.
pub(crate) struct Source {
    stage: Arc<Mutex<Stage>>,
    watch: AbortHandle,
}

/// What comes next.
pub(crate) enum Next {
    /// Some of the answer, never nothing.
    Chunk(Bytes),
    /// There is no more of it, and this is why.
    Failure(StreamFailure, String),
    /// That was all.
    End,
}

// Running => (Running | Failed | Ended), Failed => Ended
enum Stage {
    Running(Running),
    /// Ended before its time; the client is to be told.
    Failed(StreamFailure, String),
    Ended,
}

struct Running {
    rest: ModelBody,
    call: Call,
    /// Whoever waits for the model; none while the client has not taken what came last.
    waiting: Option<Waker>,
}

impl Source {
    /// The rest of an answer that must end by `deadline`, or when `end`, if there is one, becomes true.
    pub(crate) fn new(
        rest: ModelBody,
        mut call: Call,
        deadline: Instant,
        mut end: Option<watch::Receiver<bool>>,
    ) -> Self {
        let stage = if rest.is_end_stream() {
            succeeded(&mut call);
            Stage::Ended
        } else {
            Stage::Running(Running { rest, call, waiting: None })
        };
        let stage = Arc::new(Mutex::new(stage));
        let watched = Arc::downgrade(&stage);
        let watch = tokio::spawn(async move {
            let failure = tokio::select! {
                () = sleep_until(deadline) => StreamFailure::TimeExceeded,
                () = has_come(&mut end) => StreamFailure::Internal,
            };
            if let Some(stage) = watched.upgrade() {
                lock(&stage).is_cut_off(failure);
            }
        });
        Self { stage, watch: watch.abort_handle() }
    }

    pub(crate) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Next> {
        lock(&self.stage).poll_next(context)
    }

    /// How much is still to come, where that is known.
    pub(crate) fn data_left(&self) -> Option<u64> {
        match &*lock(&self.stage) {
            Stage::Running(running) => running.rest.size_hint().exact(),
            Stage::Failed(..) => None,
            Stage::Ended => Some(0),
        }
    }

    pub(crate) fn has_ended(&self) -> bool {
        matches!(*lock(&self.stage), Stage::Ended)
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        self.watch.abort();
    }
}

impl Stage {
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Next> {
        let Self::Running(running) = self else {
            return Poll::Ready(match std::mem::replace(self, Self::Ended) {
                Self::Failed(failure, message) => Next::Failure(failure, message),
                Self::Running(_) | Self::Ended => Next::End,
            });
        };
        loop {
            let frame = match Pin::new(&mut running.rest).poll_frame(context) {
                Poll::Pending => {
                    running.waiting = Some(context.waker().clone());
                    return Poll::Pending;
                }
                Poll::Ready(frame) => frame,
            };
            running.waiting = None;
            let next = match frame {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(chunk) if !chunk.is_empty() => Next::Chunk(chunk),
                    _ => continue,
                },
                Some(Err(error)) => {
                    let (failure, message) = running.broke_off(error);
                    *self = Self::Ended;
                    return Poll::Ready(Next::Failure(failure, message));
                }
                None => Next::End,
            };
            if running.rest.is_end_stream() {
                succeeded(&mut running.call);
                *self = Self::Ended;
            }
            return Poll::Ready(next);
        }
    }

    /// The watch ends it.
    fn is_cut_off(&mut self, failure: StreamFailure) {
        let Self::Running(running) = self else { return };
        let message = stream_ended(failure, &running.call.lane().tally.of.name);
        let waiting = running.waiting.take();
        match failure {
            StreamFailure::TimeExceeded if waiting.is_some() => {
                running.call.ends_without_answer(Silence::Timeout);
                running.call.lane().failed(InvocationFailure::TimedOut);
            }
            // It is the client who did not take what the model had said.
            StreamFailure::TimeExceeded => running.call.ends(InvocationClass::Abandoned),
            StreamFailure::Internal | StreamFailure::Broken => {
                running.call.ends(InvocationClass::ServerError);
            }
        }
        *self = Self::Failed(failure, message);
        if let Some(waiting) = waiting {
            waiting.wake();
        }
    }
}

impl Running {
    /// What the client is told of it.
    fn broke_off(&mut self, error: ExchangeError) -> (StreamFailure, String) {
        let lane = self.call.lane().clone();
        let endpoint = &lane.tally.of.name;
        if let ExchangeError::Payload(error) = error {
            // No failure of the instance.
            let error: &dyn std::error::Error = &error;
            warn!(endpoint, error, "the rest of a request's body could not be read");
            self.call.ends(InvocationClass::ServerError);
            return (StreamFailure::Internal, request_is_gone(endpoint));
        }
        self.call.ends_without_answer(Silence::Lost);
        lane.failed(InvocationFailure::Lost);
        (StreamFailure::Broken, stream_ended(StreamFailure::Broken, endpoint))
    }
}

/// Never, where there is no such end.
async fn has_come(end: &mut Option<watch::Receiver<bool>>) {
    if let Some(end) = end
        && end.wait_for(|has_come| *has_come).await.is_ok()
    {
        return;
    }
    std::future::pending::<()>().await;
}

fn succeeded(call: &mut Call) {
    call.ends(InvocationClass::Success);
    call.lane().succeeded();
}

fn lock(stage: &Mutex<Stage>) -> MutexGuard<'_, Stage> {
    stage.lock().unwrap_or_else(PoisonError::into_inner)
}
