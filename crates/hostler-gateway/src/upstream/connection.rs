//! A connection to a container: bytes out, bytes in.
//!
//! Why: a connection that waits for its next request should hold no memory, and an ordinary answer should be read
//! without asking for any: what comes is read into a buffer of the thread's, and only what is wanted is copied out.
//! Invariants: it knows nothing of requests and answers. Nobody else reads or writes meanwhile.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{BufMut as _, BytesMut};
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::io::poll_read_buf;

/// A container must take a connection within 250 ms; a busy machine gets some more.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// What is read at once; the kernel has seldom more.
pub(super) const READ_BYTES: usize = 64 * 1024;

thread_local! {
    /// Where this thread's connections read.
    static READ: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BYTES].into_boxed_slice());
}

/// A connection between two exchanges, or during one.
pub(super) struct Connection(TcpStream);

impl Connection {
    /// A new connection.
    pub(super) async fn open(address: SocketAddr) -> io::Result<Self> {
        let opening = timeout(CONNECT_TIMEOUT, TcpStream::connect(address));
        let stream = opening.await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        stream.set_nodelay(true)?;
        Ok(Self(stream))
    }

    #[cfg(test)]
    pub(super) fn of(stream: TcpStream) -> Self {
        Self(stream)
    }

    /// Whether nothing has come, neither bytes nor the end. It costs no system call as long as the runtime has had no
    /// news of the connection; what the kernel knows and the runtime has not been told is not seen here.
    pub(super) fn is_quiet(&self) -> bool {
        matches!(self.0.try_read(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Writes of both, in this order, as much as goes.
    pub(super) fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        head: &[u8],
        piece: &[u8],
    ) -> Poll<io::Result<usize>> {
        let stream = Pin::new(&mut self.0);
        let written = if head.is_empty() {
            ready!(stream.poll_write(context, piece))?
        } else {
            ready!(stream.poll_write_vectored(context, &[IoSlice::new(head), IoSlice::new(piece)]))?
        };
        if written == 0 {
            Poll::Ready(Err(io::ErrorKind::WriteZero.into()))
        } else {
            Poll::Ready(Ok(written))
        }
    }

    /// Reads what is there and gives it to `take`; none at the end.
    pub(super) fn poll_read<T>(
        &mut self,
        context: &mut Context<'_>,
        take: impl FnOnce(&[u8]) -> T,
    ) -> Poll<io::Result<T>> {
        READ.with_borrow_mut(|buffer| {
            let mut buffer = ReadBuf::new(buffer);
            ready!(Pin::new(&mut self.0).poll_read(context, &mut buffer))?;
            Poll::Ready(Ok(take(buffer.filled())))
        })
    }

    /// Reads at most so many bytes to the end of `space`; how many, none at the end.
    pub(super) fn poll_read_into(
        &mut self,
        context: &mut Context<'_>,
        space: &mut BytesMut,
        bytes_max: usize,
    ) -> Poll<io::Result<usize>> {
        space.reserve(bytes_max);
        poll_read_buf(Pin::new(&mut self.0), context, &mut space.limit(bytes_max))
    }
}
