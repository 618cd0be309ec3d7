//! A model's answer as events: each chunk becomes a part as it arrives, and what goes wrong becomes the last event.
//!
//! Why: the client has a head that says 200, so a failure can be told only inside the body; a body that merely broke
//! off would be a network's fault to the SDKs.
//! Invariants: a chunk of the model is read when the client has room for it and not before, so a stream holds one chunk
//! and what the connection buffers. The body always ends well-formed. Nothing is sent after a failure.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hostler_aws::{PART_BYTES_MAX, payload_part, payload_part_around, stream_failure};
use http_body::{Body, Frame};

use super::BoxError;
use super::source::{Next, Source};

/// Up to here a part is copied into its message: three pieces cost the connection more than such a copy.
const COPIED_BYTES_MAX: usize = 8 * 1024;

/// The body of a streamed answer.
pub(crate) struct EventStream {
    /// What of the last chunk is to become parts.
    chunk: Bytes,
    /// What of the last message is to be sent.
    pieces: VecDeque<Bytes>,
    source: Source,
}

impl EventStream {
    /// What was read of the answer already, and where the rest comes from.
    pub(crate) fn new(first: Bytes, source: Source) -> Self {
        Self { chunk: first, pieces: VecDeque::new(), source }
    }

    /// The next part of the chunk, or its first piece.
    fn cut(&mut self) -> Bytes {
        let part = self.chunk.split_to(self.chunk.len().min(PART_BYTES_MAX));
        if part.len() <= COPIED_BYTES_MAX {
            return payload_part(&part);
        }
        let (before, after) = payload_part_around(&part);
        self.pieces.extend([part, after]);
        before
    }
}

impl Body for EventStream {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let sent = |bytes| Poll::Ready(Some(Ok(Frame::data(bytes))));
        if let Some(piece) = self.pieces.pop_front() {
            return sent(piece);
        }
        while self.chunk.is_empty() {
            match ready!(self.source.poll_next(context)) {
                Next::Chunk(chunk) => self.chunk = chunk,
                Next::Failure(failure, message) => return sent(stream_failure(failure, &message)),
                Next::End => return Poll::Ready(None),
            }
        }
        sent(self.cut())
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty() && self.chunk.is_empty() && self.source.has_ended()
    }
}
