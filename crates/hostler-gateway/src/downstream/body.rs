//! The body of a request: what came with its head, then what comes.
//!
//! Invariants: gives just as many bytes as the head says, or an error. Never reads beyond them.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{BufMut as _, Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use tokio::io::AsyncRead;
use tokio_util::io::poll_read_buf;

/// What is read at once.
const READ_BYTES: u64 = 64 * 1024;

/// A body on its way to us.
pub(super) struct Incoming<'a, S> {
    /// What came with the head, of this body alone.
    buffered: &'a [u8],
    /// Of the body, with what is buffered.
    left: u64,
    stream: &'a mut S,
    space: BytesMut,
}

impl<'a, S> Incoming<'a, S> {
    /// A body of so many bytes; `buffered` may hold more than that.
    pub(super) fn new(buffered: &'a [u8], length: u64, stream: &'a mut S) -> Self {
        let own = usize::try_from(length).unwrap_or(usize::MAX).min(buffered.len());
        Self { buffered: &buffered[..own], left: length, stream, space: BytesMut::new() }
    }

    /// What nobody has asked for: all of it, and of that what came with the head.
    pub(super) fn left(&self) -> (u64, usize) {
        (self.left, self.buffered.len())
    }
}

impl<S: AsyncRead + Unpin> Body for Incoming<'_, S> {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let this = self.get_mut();
        if this.left == 0 {
            return Poll::Ready(None);
        }
        if !this.buffered.is_empty() {
            let piece = Bytes::copy_from_slice(std::mem::take(&mut this.buffered));
            this.left -= piece.len() as u64;
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        let bytes_max = this.left.min(READ_BYTES) as usize;
        this.space.reserve(bytes_max);
        let reading =
            poll_read_buf(Pin::new(&mut *this.stream), context, &mut (&mut this.space).limit(bytes_max));
        let read = ready!(reading)?;
        if read == 0 {
            return Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into())));
        }
        this.left -= read as u64;
        Poll::Ready(Some(Ok(Frame::data(this.space.split().freeze()))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
