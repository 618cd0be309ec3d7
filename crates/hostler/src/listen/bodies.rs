//! The bodies of one request and of its answer, which say when they are gone.
//!
//! Why: what hyper still has to read or to write of them would be lost with it, so as long as they are there the
//! connection is busy.
//! Invariants: changes nothing of what passes. A body is gone before it is said to be: hyper has been woken by then.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hostler_gateway::{AnswerBody, BoxError};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::pulse::{BodyHeld, RequestUnderWay};

/// The body of a request on its way to us.
pub(crate) struct RequestBody {
    body: Incoming,
    _held: BodyHeld,
}

impl RequestBody {
    pub(super) fn new(body: Incoming, held: BodyHeld) -> Self {
        Self { body, _held: held }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// An answer on its way: its request is under way until hyper has taken all of it.
pub(super) struct Answer {
    body: AnswerBody,
    _under_way: RequestUnderWay,
}

impl Answer {
    pub(super) fn new(body: AnswerBody, under_way: RequestUnderWay) -> Self {
        Self { body, _under_way: under_way }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
