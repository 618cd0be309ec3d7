//! Layer 9: the model's answer becomes the client's.
//!
//! Invariants: an answer that breaks off while nothing of it was given out is an error, never half an answer.

use std::error::Error;

use bytes::{Bytes, BytesMut};
use hostler_types::InvocationClass;
use http::{HeaderName, StatusCode, header};
use http_body::Body;
use http_body_util::{BodyExt, Limited};
use tokio::time::{Instant, timeout_at};

use super::session::{CLOSES, OPENS};
use crate::alarm::{Alarm, Rung};
use crate::answer::{Answer, AnswerBody, Fields, ModelStream, Source};
use crate::invocation::Invocation;
use crate::model_error::{NoAnswer, answered, unanswered};
use crate::tally::{Call, Silence};
use crate::upstream::{ExchangeError, ModelAnswer, ModelBody};
use hostler_aws::ApiError;

/// Answers up to this size are read whole before the first byte goes to the client.
pub(super) const WHOLE_ANSWER_BYTES_MAX: usize = 256 * 1024;

/// Of an error's body this much is read for ModelError, whose text is cut anyway.
const ERROR_BODY_BYTES_MAX: usize = 64 * 1024;

/// The answer's headers that come from the container.
static RETURNED: [HeaderName; 2] =
    [header::CONTENT_TYPE, HeaderName::from_static("x-amzn-sagemaker-custom-attributes")];

/// The answer's header that says who gave it.
pub(super) static INVOKED_VARIANT: HeaderName = HeaderName::from_static("x-amzn-invoked-production-variant");

/// Why nothing was given back.
pub(super) enum Unanswered {
    /// The instance broke off, and the client has seen nothing of it.
    Lost(Call, ApiError),
    /// There is an answer of its own, or no time left.
    Finally(ApiError),
    /// This server failed, whatever the instance did.
    Ours(ApiError),
}

/// Why the beginning of an answer could not be read.
pub(super) enum Unread {
    TimedOut,
    Broken(ExchangeError),
}

impl Unread {
    /// What that is to the call.
    pub(super) fn end(self, invocation: &Invocation<'_>, mut call: Call) -> Unanswered {
        match self {
            Self::TimedOut => {
                call.ends_without_answer(Silence::Timeout);
                Unanswered::Finally(unanswered(invocation, call.container(), NoAnswer::TimedOut))
            }
            Self::Broken(error @ ExchangeError::Payload(_)) => {
                call.ends(InvocationClass::ServerError);
                Unanswered::Ours(payload_is_gone(error))
            }
            Self::Broken(error) => {
                let lost = unanswered(invocation, call.container(), NoAnswer::Lost).with_source(error);
                Unanswered::Lost(call, lost)
            }
        }
    }
}

/// The rest of a request cannot be read from where it waits.
pub(super) fn payload_is_gone(error: impl Error + Send + Sync + 'static) -> ApiError {
    ApiError::internal("the rest of a request's body could not be read").with_source(error)
}

/// Layer 9.
pub(super) async fn give_back(
    invocation: &Invocation<'_>,
    answer: ModelAnswer,
    mut call: Call,
    deadline: Instant,
    alarm: &mut Alarm,
) -> Result<Answer, Unanswered> {
    let ModelAnswer { status, fields: said, mut body } = answer;
    if !status.is_success() {
        return Err(refused(invocation, status, body, call, deadline).await);
    }
    let variant = call.lane().variant.clone();
    let first = match read_first(&mut body, deadline, alarm).await {
        Ok(first) => first,
        Err(why) => return Err(why.end(invocation, call)),
    };
    let body = if body.is_end_stream() {
        call.ends(InvocationClass::Success);
        call.lane().succeeded();
        AnswerBody::whole(first)
    } else {
        // Whether it succeeds is known at its end.
        AnswerBody::coming(ModelStream::new(first, Source::new(body, call, deadline, None)))
    };
    let mut fields = Fields::with_room_for(RETURNED.len() + 3);
    let of_session: &[&HeaderName] = if invocation.session.is_some() { &[&OPENS, &CLOSES] } else { &[] };
    for name in RETURNED.iter().chain(of_session.iter().copied()) {
        if let Some(value) = said.get(name) {
            fields.push(name.clone(), value.clone());
        }
    }
    if let Some(variant) = variant {
        fields.push(INVOKED_VARIANT.clone(), variant);
    }
    Ok(Answer::new(StatusCode::OK, fields, body))
}

/// The model answered with something else than success.
pub(super) async fn refused(
    invocation: &Invocation<'_>,
    status: StatusCode,
    body: ModelBody,
    mut call: Call,
    deadline: Instant,
) -> Unanswered {
    let reading = Limited::new(body, ERROR_BODY_BYTES_MAX).collect();
    let body = match timeout_at(deadline, reading).await {
        Ok(Ok(body)) => Some(body.to_bytes()),
        Ok(Err(_)) | Err(_) => None,
    };
    let error = answered(invocation, call.container(), status.as_u16(), body.as_deref());
    call.ends(if status.is_client_error() {
        InvocationClass::ClientError
    } else {
        InvocationClass::ServerError
    });
    Unanswered::Finally(error)
}

/// Reads until the end or until it is too much to keep.
async fn read_first(body: &mut ModelBody, deadline: Instant, alarm: &mut Alarm) -> Result<Bytes, Unread> {
    let mut first: Option<Bytes> = None;
    let mut more = BytesMut::new();
    while !body.is_end_stream() {
        let frame = match alarm.at(deadline, body.frame()).await {
            Err(Rung) => return Err(Unread::TimedOut),
            Ok(Some(Err(error))) => return Err(Unread::Broken(error)),
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
