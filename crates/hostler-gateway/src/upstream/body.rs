//! The body of a container's answer: reading it drives the connection, its end gives the connection back.
//!
//! Invariants: a connection is kept only when its answer was read to the end and it waits for the next request; one
//! whose body is dropped half-way is closed, so the container learns that nobody listens.

use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::task::coop::unconstrained;

use super::Kept;
use super::bell::Bell;
use super::connection::Connection;

/// What a container answers.
pub(crate) struct ModelBody {
    incoming: Incoming,
    /// None once it was given back, or closed.
    connection: Option<Connection>,
    kept: Arc<Kept>,
    has_ended: bool,
}

impl ModelBody {
    pub(super) fn new(incoming: Incoming, connection: Connection, kept: Arc<Kept>) -> Self {
        let has_ended = incoming.is_end_stream();
        let mut body = Self { incoming, connection: Some(connection), kept, has_ended };
        if has_ended {
            body.give_back();
        }
        body
    }

    fn give_back(&mut self) {
        self.has_ended = true;
        if let Some(mut connection) = self.connection.take()
            && connection.is_ready()
        {
            self.kept.keep(connection);
        }
    }

    /// What has been read already. It needs no waker: only the driver fills it, and it is looked at after that.
    fn poll_read_already(&mut self) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let mut frame = pin!(unconstrained(self.incoming.frame()));
        Bell::hush(|| frame.as_mut().poll(&mut Context::from_waker(Waker::noop())))
    }
}

impl Body for ModelBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        if self.has_ended {
            return Poll::Ready(None);
        }
        let mut frame = self.poll_read_already();
        if frame.is_pending() {
            if let Some(connection) = &mut self.connection {
                connection.drive(context);
            }
            frame = self.poll_read_already();
        }
        match &frame {
            Poll::Pending => {}
            Poll::Ready(Some(Err(_))) => {
                self.has_ended = true;
                self.connection = None;
            }
            Poll::Ready(Some(Ok(_))) if !self.incoming.is_end_stream() => {}
            Poll::Ready(_) => self.give_back(),
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.has_ended
    }

    fn size_hint(&self) -> SizeHint {
        if self.has_ended { SizeHint::with_exact(0) } else { self.incoming.size_hint() }
    }
}
