//! The body of an answer: bytes that are there, or a model's stream that holds its permit until it ends.

mod events;
mod source;

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hostler_types::InvocationClass;
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};

pub(crate) use self::events::EventStream;
pub(crate) use self::source::Source;
use crate::tally::{Call, Silence};
use crate::upstream::{ExchangeError, ModelBody};

/// What may break a body half-way.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// The body of every answer.
pub type AnswerBody = UnsyncBoxBody<Bytes, BoxError>;

/// A body that is whole.
pub(crate) fn whole(bytes: Bytes) -> AnswerBody {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

/// What was read of a model's answer, then the rest of it.
pub(crate) struct ModelStream {
    pub(crate) first: Option<Bytes>,
    pub(crate) rest: ModelBody,
    pub(crate) deadline: Pin<Box<tokio::time::Sleep>>,
    /// The request counts as in flight until the client has the last byte.
    pub(crate) call: Call,
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
        if self.deadline.as_mut().poll(context).is_ready() {
            self.call.ends_without_answer(Silence::Timeout);
            return Poll::Ready(Some(Err("the model did not finish its answer in time".into())));
        }
        let frame = ready!(Pin::new(&mut self.rest).poll_frame(context));
        match &frame {
            // This server's failure.
            Some(Err(ExchangeError::Payload(_))) => self.call.ends(InvocationClass::ServerError),
            Some(Err(_)) => self.call.ends_without_answer(Silence::Lost),
            Some(Ok(_)) | None => {}
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let read = self.first.as_ref().map_or(0, |first| first.len() as u64);
        match self.rest.size_hint().exact() {
            Some(left) => SizeHint::with_exact(read + left),
            None => SizeHint::default(),
        }
    }
}

impl Drop for ModelStream {
    fn drop(&mut self) {
        if self.is_end_stream() {
            self.call.ends(InvocationClass::Success);
        }
    }
}
