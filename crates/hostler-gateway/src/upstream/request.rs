//! A request on its way to a container.
//!
//! Why: it is one head and one body whose length is known, so there is nothing to decide: the head is written into one
//! buffer, and goes out with the body's first piece in one system call.
//! Invariants: names and values hold no line end: they come out of a head that was taken apart at them. As long as nothing was written it can go out
//! along another connection.

use std::io;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use hostler_aws::Field;
use http::HeaderValue;

use super::connection::Connection;
use crate::decimal::push_decimal;
use crate::payload::PayloadReader;

/// Enough for the head of nearly every request.
const HEAD_BYTES: usize = 512;

/// What is still to be written.
pub(super) struct Outgoing {
    head: Vec<u8>,
    head_written: usize,
    /// Of the body, what comes next.
    piece: Bytes,
    body: PayloadReader,
    has_begun: bool,
}

/// Why it was not written to its end.
pub(super) enum WriteError {
    /// The connection takes no more.
    Refused(io::Error),
    /// There is no more to write, though there should be.
    Payload(io::Error),
}

/// How a request of this kind to that container begins.
pub(super) fn beginning(method: &str, path: &str, host: &HeaderValue) -> Box<[u8]> {
    let line = format!("{method} {path} HTTP/1.1\r\nuser-agent: hostler\r\nhost: ");
    [line.as_bytes(), host.as_bytes(), b"\r\n"].concat().into_boxed_slice()
}

impl Outgoing {
    /// A request with these headers and what every one has.
    pub(super) fn new(beginning: &[u8], headers: &[Field<'_>], body: PayloadReader) -> Self {
        let mut head = Vec::with_capacity(HEAD_BYTES);
        head.extend_from_slice(beginning);
        for Field { name, value } in headers {
            head.extend_from_slice(name.as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(value);
            head.extend_from_slice(b"\r\n");
        }
        head.extend_from_slice(b"content-length: ");
        push_decimal(&mut head, body.left());
        head.extend_from_slice(b"\r\n\r\n");
        Self { head, head_written: 0, piece: Bytes::new(), body, has_begun: false }
    }

    /// Whether the container may have some of it.
    pub(super) fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// Writes as much as goes; ready when that was everything.
    pub(super) fn poll_write(
        &mut self,
        connection: &mut Connection,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), WriteError>> {
        loop {
            let mut is_whole = false;
            if self.piece.is_empty() {
                match self.body.poll_piece(context) {
                    Poll::Ready(Some(Ok(piece))) => self.piece = piece,
                    Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(WriteError::Payload(error))),
                    Poll::Ready(None) => is_whole = true,
                    Poll::Pending => {}
                }
            }
            let head = &self.head[self.head_written..];
            if head.is_empty() && self.piece.is_empty() {
                return if is_whole { Poll::Ready(Ok(())) } else { Poll::Pending };
            }
            let length = head.len();
            let written =
                ready!(connection.poll_write(context, head, &self.piece)).map_err(WriteError::Refused)?;
            self.has_begun = true;
            let of_head = written.min(length);
            self.head_written += of_head;
            self.piece.advance(written - of_head);
        }
    }
}
