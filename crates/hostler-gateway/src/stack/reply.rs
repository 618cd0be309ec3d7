//! Layer 9: the model's answer becomes the client's.
//!
//! Invariants: an answer that breaks off while nothing of it was given out is an error, never half an answer.

use std::error::Error;

use bytes::{Bytes, BytesMut};
use hostler_types::InvocationClass;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};
use http_body::Body;
use http_body_util::{BodyExt, Limited};
use tokio::time::{Instant, timeout_at};

use super::session::{CLOSES, OPENS};
use crate::answer::{AnswerBody, ModelStream, Source, whole};
use crate::invocation::Invocation;
use crate::model_error::{NoAnswer, answered, unanswered};
use crate::tally::{Call, Silence};
use crate::upstream::{ExchangeError, ModelBody};
use hostler_aws::ApiError;

/// Answers up to this size are read whole before the first byte goes to the client.
pub(super) const WHOLE_ANSWER_BYTES_MAX: usize = 256 * 1024;

/// Of an error's body this much is read for ModelError, whose text is cut anyway.
const ERROR_BODY_BYTES_MAX: usize = 64 * 1024;

/// The answer's headers that come from the container.
static RETURNED: [HeaderName; 2] =
    [header::CONTENT_TYPE, HeaderName::from_static("x-amzn-sagemaker-custom-attributes")];

/// The answer's header that says who gave it.
static INVOKED_VARIANT: HeaderName = HeaderName::from_static("x-amzn-invoked-production-variant");

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
    answer: Response<ModelBody>,
    mut call: Call,
    deadline: Instant,
) -> Result<Response<AnswerBody>, Unanswered> {
    let (parts, mut body) = answer.into_parts();
    if !parts.status.is_success() {
        return Err(refused(invocation, parts.status, body, call, deadline).await);
    }
    let variant = HeaderValue::from_str(call.lane().id.variant.as_str());
    let first = match read_first(&mut body, deadline).await {
        Ok(first) => first,
        Err(why) => return Err(why.end(invocation, call)),
    };
    let body = if body.is_end_stream() {
        call.ends(InvocationClass::Success);
        call.lane().succeeded();
        whole(first)
    } else {
        // Whether it succeeds is known at its end.
        ModelStream::new(first, Source::new(body, call, deadline, None)).boxed_unsync()
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::OK;
    let headers = response.headers_mut();
    headers.reserve(RETURNED.len() + 2);
    for name in &RETURNED {
        if let Some(value) = parts.headers.get(name) {
            headers.insert(name, value.clone());
        }
    }
    if invocation.session.is_some() {
        for name in [OPENS, CLOSES] {
            if let Some(value) = parts.headers.get(name) {
                headers.insert(HeaderName::from_static(name), value.clone());
            }
        }
    }
    if let Ok(value) = variant {
        headers.insert(&INVOKED_VARIANT, value);
    }
    Ok(response)
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
async fn read_first(body: &mut ModelBody, deadline: Instant) -> Result<Bytes, Unread> {
    let mut first: Option<Bytes> = None;
    let mut more = BytesMut::new();
    while !body.is_end_stream() {
        let frame = match timeout_at(deadline, body.frame()).await {
            Err(_) => return Err(Unread::TimedOut),
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
