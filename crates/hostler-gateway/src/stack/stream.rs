//! Layer 9 of a streamed call: the model's answer becomes events.
//!
//! Why: the client's head says 200, and what fails after it can be told by an event only. So the head waits for the
//! model's first byte: until then everything that fails is a plain error, as of InvokeEndpoint, and what was lost may
//! be tried again. No byte of the answer waits for that.
//! Invariants: the first byte comes within the limit of an invocation, the last one within the limit of a stream.

use bytes::Bytes;
use hostler_aws::EVENT_STREAM_TYPE;
use http::{HeaderName, HeaderValue, StatusCode, header};
use http_body::Body;
use http_body_util::BodyExt;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::reply::{INVOKED_VARIANT, Unanswered, Unread, refused};
use crate::answer::{Answer, AnswerBody, EventStream, Fields, Source};
use crate::invocation::Invocation;
use crate::tally::Call;
use crate::upstream::{ModelAnswer, ModelBody};

/// Names of the container's headers, and of those that the client gets.
static RETURNED: [(HeaderName, HeaderName); 2] = [
    (header::CONTENT_TYPE, HeaderName::from_static("x-amzn-sagemaker-content-type")),
    (
        HeaderName::from_static("x-amzn-sagemaker-custom-attributes"),
        HeaderName::from_static("x-amzn-sagemaker-custom-attributes"),
    ),
];

/// When a stream must have begun, and what ends it.
pub(super) struct Limits {
    pub(super) first_byte: Instant,
    pub(super) last_byte: Instant,
    /// Becomes true when all streams have to end.
    pub(super) end: watch::Receiver<bool>,
}

/// Layer 9.
pub(super) async fn give_stream(
    invocation: &Invocation<'_>,
    answer: ModelAnswer,
    call: Call,
    limits: Limits,
) -> Result<Answer, Unanswered> {
    let ModelAnswer { status, fields: said, mut body } = answer;
    if !status.is_success() {
        return Err(refused(invocation, status, body, call, limits.first_byte).await);
    }
    let first = match read_first(&mut body, limits.first_byte).await {
        Ok(first) => first,
        Err(why) => return Err(why.end(invocation, call)),
    };
    let variant = call.lane().variant.clone();
    let stream = EventStream::new(first, Source::new(body, call, limits.last_byte, Some(limits.end)));
    let mut fields = Fields::with_room_for(RETURNED.len() + 2);
    fields.push(header::CONTENT_TYPE, HeaderValue::from_static(EVENT_STREAM_TYPE));
    for (name, returned) in &RETURNED {
        if let Some(value) = said.get(name) {
            fields.push(returned.clone(), value.clone());
        }
    }
    if let Some(variant) = variant {
        fields.push(INVOKED_VARIANT.clone(), variant);
    }
    Ok(Answer::new(StatusCode::OK, fields, AnswerBody::coming(stream)))
}

/// The first chunk; an empty one for an answer without any.
async fn read_first(body: &mut ModelBody, deadline: Instant) -> Result<Bytes, Unread> {
    while !body.is_end_stream() {
        match timeout_at(deadline, body.frame()).await {
            Err(_) => return Err(Unread::TimedOut),
            Ok(Some(Err(error))) => return Err(Unread::Broken(error)),
            Ok(None) => break,
            Ok(Some(Ok(frame))) => {
                if let Ok(data) = frame.into_data()
                    && !data.is_empty()
                {
                    return Ok(data);
                }
            }
        }
    }
    Ok(Bytes::new())
}

#[cfg(test)]
mod tests;
