//! The body of a container's answer: reading it drives the exchange, its end gives the connection back.
//!
//! Invariants: data is given out as it came, one chunk or one read at a time; nothing is waited for to fill a buffer. A
//! connection is kept only when its answer was read to the end; one whose body is dropped half-way is closed, so the
//! container learns that nobody listens.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::Kept;
use super::exchange::{Exchange, ExchangeError};

/// What a container answers.
pub(crate) struct ModelBody {
    /// What came with the head.
    first: Bytes,
    /// None when everything was read; mostly it was read with the head.
    rest: Option<Box<Exchange>>,
    kept: Arc<Kept>,
}

impl ModelBody {
    pub(super) fn new(first: Bytes, exchange: Exchange, kept: &Arc<Kept>) -> Self {
        let mut body = Self { first, rest: None, kept: kept.clone() };
        if exchange.has_ended() {
            body.give_back(exchange);
        } else {
            body.rest = Some(Box::new(exchange));
        }
        body
    }

    fn give_back(&self, exchange: Exchange) {
        if let Some(connection) = exchange.into_connection() {
            self.kept.keep(connection);
        }
    }
}

impl std::fmt::Debug for ModelBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ModelBody").finish_non_exhaustive()
    }
}

impl Body for ModelBody {
    type Data = Bytes;
    type Error = ExchangeError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ExchangeError>>> {
        if !self.first.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(std::mem::take(&mut self.first)))));
        }
        let Some(exchange) = &mut self.rest else { return Poll::Ready(None) };
        let data = ready!(exchange.poll_data(context));
        let is_over = data.is_err() || exchange.has_ended();
        if is_over && let Some(exchange) = self.rest.take() {
            self.give_back(*exchange);
        }
        Poll::Ready(data.transpose().map(|data| data.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_empty() && self.rest.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let left = self.rest.as_ref().map_or(Some(0), |exchange| exchange.data_left());
        left.map_or_else(SizeHint::default, |left| SizeHint::with_exact(self.first.len() as u64 + left))
    }
}
