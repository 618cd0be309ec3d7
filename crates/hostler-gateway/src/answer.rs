//! The body of an answer: bytes that are there, or a model's stream that holds its permit until it ends.

mod events;
mod source;

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};

pub(crate) use self::events::EventStream;
use self::source::Next;
pub(crate) use self::source::Source;

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
