//! An answer on its way to a client.
//!
//! Why: an answer that is whole goes out with its head in one system call; one that comes in pieces is asked for its
//! next piece when the client has taken the one before.
//! Invariants: a body of known length has that length, or the answer is broken off; one of unknown length goes in chunks.
//! It holds one piece at a time. No piece waits for the next.

use std::io::{self, IoSlice, Write as _};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes};
use hostler_types::Millis;
use http::header;
use http_body::Body;
use tokio::io::AsyncWrite;

use super::date::push_date;
use crate::answer::{Answer, AnswerBody, BoxError, REQUEST_ID};
use crate::decimal::push_decimal;

/// The end of a chunk; of a chunk and the body; of a body after its last chunk.
const CHUNK_END: &[u8] = b"\r\n";
const LAST_CHUNK_END: &[u8] = b"\r\n0\r\n\r\n";
const BODY_END: &[u8] = b"0\r\n\r\n";

/// Why an answer was not written to its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum WriteError {
    #[error("the client takes no more")]
    Refused(#[source] io::Error),
    #[error("the answer broke off")]
    BrokeOff(#[source] BoxError),
    #[error("the answer has another length than it said")]
    Length,
}

/// What is still to be written.
pub(super) struct Writer {
    /// The head, then the line of each chunk.
    front: Vec<u8>,
    front_written: usize,
    piece: Bytes,
    back: &'static [u8],
    framing: Framing,
    body: AnswerBody,
    has_ended: bool,
}

enum Framing {
    /// So much is still to come.
    Length(u64),
    Chunked,
}

/// What becomes of the connection after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    Keep,
    Close,
}

impl Writer {
    /// Writes an answer; `space` is where its head goes.
    pub(super) fn new(answer: Answer, then: Then, now: Millis, mut space: Vec<u8>) -> Self {
        space.clear();
        let framing = answer.body.size_hint().exact().map_or(Framing::Chunked, Framing::Length);
        push_head(&mut space, &answer, &framing, then, now);
        let body = answer.body;
        Self {
            front: space,
            front_written: 0,
            piece: Bytes::new(),
            back: b"",
            framing,
            body,
            has_ended: false,
        }
    }

    /// The space that it was given.
    pub(super) fn into_space(self) -> Vec<u8> {
        self.front
    }

    /// Writes as much as goes; ready when that was everything.
    pub(super) fn poll<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), WriteError>> {
        loop {
            // The head goes with the first piece when that is there.
            let mut waits = false;
            if !self.has_ended && self.piece.is_empty() && self.back.is_empty() {
                match Pin::new(&mut self.body).poll_frame(context) {
                    Poll::Pending => waits = true,
                    Poll::Ready(frame) => {
                        let data = frame.transpose().map_err(WriteError::BrokeOff)?;
                        self.take_in(data.map(|frame| frame.into_data().unwrap_or_default()))?;
                    }
                }
            }
            if self.is_empty() {
                match (self.has_ended, waits) {
                    (true, _) => return Poll::Ready(Ok(())),
                    // What TLS took and could not write yet is written while nothing else comes.
                    (false, true) => {
                        ready!(Pin::new(&mut *stream).poll_flush(context)).map_err(WriteError::Refused)?;
                        return Poll::Pending;
                    }
                    (false, false) => continue,
                }
            }
            ready!(self.poll_write(stream, context)).map_err(WriteError::Refused)?;
        }
    }

    fn is_empty(&self) -> bool {
        self.front_written == self.front.len() && self.piece.is_empty() && self.back.is_empty()
    }

    /// The next piece of the body, or its end.
    fn take_in(&mut self, data: Option<Bytes>) -> Result<(), WriteError> {
        self.has_ended = data.is_none() || self.body.is_end_stream();
        let piece = data.unwrap_or_default();
        match &mut self.framing {
            Framing::Length(left) => {
                *left = left.checked_sub(piece.len() as u64).ok_or(WriteError::Length)?;
                if self.has_ended && *left > 0 {
                    return Err(WriteError::Length);
                }
            }
            Framing::Chunked if piece.is_empty() => self.back = if self.has_ended { BODY_END } else { b"" },
            Framing::Chunked => {
                if self.front_written == self.front.len() {
                    self.front.clear();
                    self.front_written = 0;
                }
                write!(self.front, "{:x}\r\n", piece.len()).expect("memory takes it");
                self.back = if self.has_ended { LAST_CHUNK_END } else { CHUNK_END };
            }
        }
        self.piece = piece;
        Ok(())
    }

    fn poll_write<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let front = &self.front[self.front_written..];
        let slices = [IoSlice::new(front), IoSlice::new(&self.piece), IoSlice::new(self.back)];
        let mut written = ready!(Pin::new(stream).poll_write_vectored(context, &slices))?;
        if written == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        let of_front = written.min(front.len());
        self.front_written += of_front;
        written -= of_front;
        let of_piece = written.min(self.piece.len());
        self.piece.advance(of_piece);
        self.back = &self.back[written - of_piece..];
        Poll::Ready(Ok(()))
    }
}

/// The head of an answer, as hyper writes it.
fn push_head(out: &mut Vec<u8>, answer: &Answer, framing: &Framing, then: Then, now: Millis) {
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(answer.status.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(answer.status.canonical_reason().unwrap_or("<none>").as_bytes());
    out.extend_from_slice(b"\r\n");
    let mut has_date = false;
    let mut push = |name: &[u8], value: &[u8]| {
        for part in [name, b": ", value, b"\r\n"] {
            out.extend_from_slice(part);
        }
    };
    for (name, value) in answer.fields.iter() {
        has_date |= *name == header::DATE;
        push(name.as_str().as_bytes(), value.as_bytes());
    }
    if let Some(request_id) = &answer.request_id {
        push(REQUEST_ID.as_str().as_bytes(), request_id.as_str().as_bytes());
    }
    match framing {
        Framing::Length(length) => {
            out.extend_from_slice(b"content-length: ");
            push_decimal(out, *length);
            out.extend_from_slice(b"\r\n");
        }
        Framing::Chunked => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
    }
    if then == Then::Close {
        out.extend_from_slice(b"connection: close\r\n");
    }
    if !has_date {
        out.extend_from_slice(b"date: ");
        push_date(out, now);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"\r\n");
}
