//! Where a connection's bytes are read: a buffer of the thread's, for as long as there is something in it.
//!
//! Why: a connection that waits for its next request should hold no memory, and most requests come in one read; so a
//! buffer is taken when there is something to read, kept while it holds something, and given back.
//! Invariants: bounded in size and, of those that nobody holds, in number. What is read comes after what was read.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};

/// The head of a request and what comes with it; a head that does not fit is not for us.
pub(super) const BUFFER_BYTES: usize = 16 * 1024;

/// Buffers that a thread keeps for the next connection.
const SPARE_MAX: usize = 64;

thread_local! {
    static SPARE: RefCell<Vec<Box<[u8]>>> = const { RefCell::new(Vec::new()) };
}

/// Bytes that were read and not used.
pub(super) struct Buffer {
    bytes: Box<[u8]>,
    from: usize,
    to: usize,
}

impl Buffer {
    /// An empty one.
    pub(super) fn take() -> Self {
        let spare = SPARE.with_borrow_mut(Vec::pop);
        let bytes = spare.unwrap_or_else(|| vec![0; BUFFER_BYTES].into_boxed_slice());
        Self { bytes, from: 0, to: 0 }
    }

    pub(super) fn filled(&self) -> &[u8] {
        &self.bytes[self.from..self.to]
    }

    pub(super) fn is_empty(&self) -> bool {
        self.from == self.to
    }

    pub(super) fn is_full(&self) -> bool {
        self.to - self.from == self.bytes.len()
    }

    /// The first so many bytes were used.
    pub(super) fn consume(&mut self, bytes: usize) {
        assert!(bytes <= self.to - self.from, "more was used than read");
        self.from += bytes;
    }

    /// Reads more; how much, and nothing at the end. To be asked only when there is room.
    pub(super) fn poll_fill<S: AsyncRead + Unpin>(
        &mut self,
        stream: &mut S,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if self.from > 0 && (self.is_empty() || self.to == self.bytes.len()) {
            self.bytes.copy_within(self.from..self.to, 0);
            (self.from, self.to) = (0, self.to - self.from);
        }
        let mut room = ReadBuf::new(&mut self.bytes[self.to..]);
        ready!(Pin::new(stream).poll_read(context, &mut room))?;
        let read = room.filled().len();
        self.to += read;
        Poll::Ready(Ok(read))
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        // A thread that ends has no spare buffers any more.
        let _ = SPARE.try_with(|spare| {
            if let Ok(mut spare) = spare.try_borrow_mut()
                && spare.len() < SPARE_MAX
            {
                spare.push(bytes);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    fn fill(buffer: &mut Buffer, mut from: &[u8]) -> usize {
        let mut context = Context::from_waker(Waker::noop());
        let Poll::Ready(read) = buffer.poll_fill(&mut from, &mut context) else { panic!("a slice is there") };
        read.unwrap()
    }

    #[test]
    fn what_is_read_comes_after_what_was_read_and_room_is_made_when_there_is_none() {
        let mut buffer = Buffer::take();
        assert_eq!((fill(&mut buffer, b"abc"), fill(&mut buffer, b"def")), (3, 3));
        buffer.consume(2);
        assert_eq!(buffer.filled(), b"cdef");
        assert_eq!(fill(&mut buffer, &[b'x'; BUFFER_BYTES]), BUFFER_BYTES - 6);
        assert!(!buffer.is_full());
        assert_eq!(fill(&mut buffer, b"yyyy"), 2);
        assert!(
            buffer.is_full() && buffer.filled().starts_with(b"cdefx") && buffer.filled().ends_with(b"xyy")
        );
    }

    #[test]
    fn a_buffer_that_was_given_back_is_empty_when_it_is_taken_again() {
        let mut buffer = Buffer::take();
        fill(&mut buffer, b"somebody's");
        drop(buffer);
        assert!(Buffer::take().is_empty());
        drop((0..2 * SPARE_MAX).map(|_| Buffer::take()).collect::<Vec<_>>());
        assert_eq!(SPARE.with_borrow(Vec::len), SPARE_MAX);
    }
}
