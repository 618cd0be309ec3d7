//! Reads a payload from its beginning, piece by piece.
//!
//! Why: a body that is not in memory as a whole is sent without ever being there as a whole.
//! Invariants: gives the payload's bytes in their order, and just as many as it announced, or an error.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::Pieces;

/// The rest of a payload. It is a body, too.
pub(crate) struct PayloadReader {
    /// The next piece, and all of it for most payloads.
    next: Option<Bytes>,
    /// Where further ones come from.
    further: Option<Further>,
    left: u64,
}

struct Further {
    pieces: Arc<Pieces>,
    /// Of the pieces in memory this one comes next.
    index: usize,
}

impl PayloadReader {
    pub(super) fn of_whole(bytes: Bytes) -> Self {
        let left = bytes.len() as u64;
        Self { next: (left > 0).then_some(bytes), further: None, left }
    }

    pub(super) fn of_pieces(pieces: Arc<Pieces>) -> Self {
        let left = pieces.length;
        Self { next: None, further: Some(Further { pieces, index: 0 }), left }
    }

    /// The next piece; none at the end.
    pub(crate) fn poll_piece(&mut self, _context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if let Some(piece) = self.next.take() {
            self.left -= piece.len() as u64;
            return Poll::Ready(Some(Ok(piece)));
        }
        let Some(further) = self.further.as_mut().filter(|_| self.left > 0) else {
            return Poll::Ready(None);
        };
        let Some(piece) = further.pieces.in_memory.get(further.index).cloned() else {
            return Poll::Ready(None);
        };
        further.index += 1;
        self.left -= piece.len() as u64;
        Poll::Ready(Some(Ok(piece)))
    }
}

impl From<Bytes> for PayloadReader {
    fn from(bytes: Bytes) -> Self {
        Self::of_whole(bytes)
    }
}

impl Body for PayloadReader {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.poll_piece(context).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
