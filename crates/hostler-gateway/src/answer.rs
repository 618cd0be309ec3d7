//! Answers: the head that a client gets, and a body that is there or comes.
//!
//! Why: an answer has four or five fields, which are written once, in their order. A map of them, which hashes every name
//! and holds room for more, cost an invocation more than its routing; so they stand in a row, and become a map only
//! where hyper writes them. A body that is there, as nearly all are, is in no box.

mod events;
mod fields;
mod source;

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hostler_aws::RequestId;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;

pub(crate) use self::events::EventStream;
pub(crate) use self::fields::Fields;
use self::source::Next;
pub(crate) use self::source::Source;

/// What may break a body half-way.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// The answer's header that names its request.
pub(crate) static REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// An answer of the gateway.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) fields: Fields,
    /// Where it is not among the fields.
    pub(crate) request_id: Option<RequestId>,
    pub(crate) body: AnswerBody,
}

impl Answer {
    /// One without an id as yet.
    pub(crate) fn new(status: StatusCode, fields: Fields, body: AnswerBody) -> Self {
        Self { status, fields, request_id: None, body }
    }
}

impl From<Response<AnswerBody>> for Answer {
    fn from(response: Response<AnswerBody>) -> Self {
        let (parts, body) = response.into_parts();
        Self::new(parts.status, Fields::from(parts.headers), body)
    }
}

impl From<Answer> for Response<AnswerBody> {
    fn from(answer: Answer) -> Self {
        let Answer { status, fields, request_id, body } = answer;
        let mut response = Self::new(body);
        *response.status_mut() = status;
        let headers = response.headers_mut();
        for (name, value) in fields {
            headers.append(name, value);
        }
        if let Some(Ok(value)) = request_id.map(|id| HeaderValue::from_str(id.as_str())) {
            headers.insert(&REQUEST_ID, value);
        }
        response
    }
}

/// The body of every answer.
pub struct AnswerBody(Form);

enum Form {
    /// All that there still is of it.
    Whole(Bytes),
    Coming(UnsyncBoxBody<Bytes, BoxError>),
}

impl AnswerBody {
    /// A body that is there.
    pub fn whole(bytes: impl Into<Bytes>) -> Self {
        Self(Form::Whole(bytes.into()))
    }

    /// A body that comes.
    pub fn coming<B>(body: B) -> Self
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Self(Form::Coming(body.map_err(Into::into).boxed_unsync()))
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match &mut self.0 {
            Form::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Form::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Form::Coming(body) => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Form::Whole(bytes) => bytes.is_empty(),
            Form::Coming(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Form::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Form::Coming(body) => body.size_hint(),
        }
    }
}

impl fmt::Debug for AnswerBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnswerBody").finish_non_exhaustive()
    }
}

/// What was read of a model's answer, then the rest of it.
pub(crate) struct ModelStream {
    first: Option<Bytes>,
    source: Source,
}

impl ModelStream {
    /// What was read of the answer already, and where the rest comes from.
    pub(crate) fn new(first: Bytes, source: Source) -> Self {
        Self { first: Some(first), source }
    }
}

impl Body for ModelStream {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        Poll::Ready(match ready!(self.source.poll_next(context)) {
            Next::Chunk(chunk) => Some(Ok(Frame::data(chunk))),
            Next::Failure(_, message) => Some(Err(message.into())),
            Next::End => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.source.has_ended()
    }

    fn size_hint(&self) -> SizeHint {
        let read = self.first.as_ref().map_or(0, |first| first.len() as u64);
        match self.source.data_left() {
            Some(left) => SizeHint::with_exact(read + left),
            None => SizeHint::default(),
        }
    }
}
