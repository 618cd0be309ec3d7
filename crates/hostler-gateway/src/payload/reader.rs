//! Reads a payload from its beginning, piece by piece.
//!
//! Why: a body that is not in memory as a whole is sent without ever being there as a whole.
//! Invariants: gives the payload's bytes in their order, and just as many as it announced, or an error. What is in
//! memory is there at once; of what is on disk one part is in memory at a time.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::task::JoinHandle;

use super::Pieces;

/// The rest of a payload.
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
    reading: Option<JoinHandle<io::Result<Bytes>>>,
}

impl PayloadReader {
    pub(super) fn of_pieces(pieces: Arc<Pieces>) -> Self {
        let left = pieces.length;
        Self { next: None, further: Some(Further { pieces, index: 0, reading: None }), left }
    }

    /// Bytes that were not given out yet.
    pub(crate) fn left(&self) -> u64 {
        self.left
    }

    /// The next piece; none at the end.
    pub(crate) fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Bytes>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let piece = match (self.next.take(), &mut self.further) {
            (Some(piece), _) => Ok(piece),
            (None, Some(further)) => ready!(further.poll(self.left, context)),
            (None, None) => Err(io::ErrorKind::UnexpectedEof.into()),
        };
        self.left -= piece.as_ref().map_or(self.left, |piece| piece.len() as u64);
        Poll::Ready(Some(piece))
    }
}

impl Further {
    fn poll(&mut self, left: u64, context: &mut Context<'_>) -> Poll<io::Result<Bytes>> {
        if let Some(piece) = self.pieces.in_memory.get(self.index) {
            self.index += 1;
            return Poll::Ready(Ok(piece.clone()));
        }
        let Some(file) = &self.pieces.on_disk else {
            return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
        };
        let reading = if let Some(reading) = &mut self.reading {
            reading
        } else {
            let offset = file.len().saturating_sub(left);
            if let Some(piece) = file.read_now(offset) {
                return Poll::Ready(Ok(piece));
            }
            self.reading.insert(file.read_later(offset))
        };
        let read = ready!(Pin::new(reading).poll(context));
        self.reading = None;
        Poll::Ready(read.map_err(io::Error::other).flatten())
    }
}

impl From<Bytes> for PayloadReader {
    fn from(bytes: Bytes) -> Self {
        let left = bytes.len() as u64;
        Self { next: Some(bytes), further: None, left }
    }
}
