//! A connection's bytes, counted on their way.
//!
//! Invariants: changes nothing of what passes. What was read ahead comes before anything that is read now. Everything
//! that is tried to be written counts as unwritten until a flush has come to its end.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes, BytesMut};
use rustix::net::{RecvFlags, recv};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::pulse::Pulse;

/// A stream over TCP.
pub(super) trait OverTcp: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// What it is over.
    fn tcp(&self) -> &TcpStream;

    /// Whether something, or the end, was taken out of it that nobody has read yet.
    fn has_taken_more(&mut self) -> bool {
        false
    }
}

impl OverTcp for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

impl OverTcp for TlsStream<TcpStream> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref().0
    }

    fn has_taken_more(&mut self) -> bool {
        match self.get_mut().1.process_new_packets() {
            Ok(state) => state.plaintext_bytes_to_read() > 0 || state.peer_has_closed(),
            Err(_) => true,
        }
    }
}

/// A stream whose progress is noted.
pub(super) struct Watched<S> {
    stream: S,
    pulse: Arc<Pulse>,
    ahead: Bytes,
    has_ended: bool,
}

impl<S: OverTcp> Watched<S> {
    pub(super) fn new(stream: S, pulse: Arc<Pulse>) -> Self {
        Self { stream, pulse, ahead: Bytes::new(), has_ended: false }
    }

    /// Gives back what was read of it and not used.
    pub(super) fn put_back(&mut self, ahead: Bytes) {
        if self.ahead.is_empty() {
            self.ahead = ahead;
        } else if !ahead.is_empty() {
            let mut all = BytesMut::from(ahead);
            all.extend_from_slice(&self.ahead);
            self.ahead = all.freeze();
        }
    }

    /// Ready when there is something to read, or nothing will come any more. A first request may have come in one read
    /// with the end of TLS's handshake: the socket is silent then.
    pub(super) fn poll_has_news(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if !self.ahead.is_empty() || self.stream.has_taken_more() {
            return Poll::Ready(());
        }
        self.stream.tcp().poll_read_ready(context).map(drop)
    }

    /// Whether there is something to read, by a look at the socket itself.
    pub(super) fn has_unread(&mut self) -> bool {
        let look = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        !self.ahead.is_empty()
            || self.stream.has_taken_more()
            || recv(self.stream.tcp(), &mut [0_u8; 1][..], look).is_ok_and(|(_, read)| read > 0)
    }

    /// The client will send nothing any more.
    pub(super) fn has_ended(&self) -> bool {
        self.has_ended
    }
}

impl<S: OverTcp> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.ahead.is_empty() {
            let length = self.ahead.len().min(buffer.remaining());
            buffer.put_slice(&self.ahead[..length]);
            self.ahead.advance(length);
            self.pulse.has_read(length);
            return Poll::Ready(Ok(()));
        }
        let (before, room) = (buffer.filled().len(), buffer.remaining());
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        if let Poll::Ready(read) = &polled {
            let length = buffer.filled().len() - before;
            self.pulse.has_read(length);
            self.has_ended |= read.is_err() || (length == 0 && room > 0);
        } else {
            self.pulse.has_read_nothing();
        }
        polled
    }
}

impl<S: OverTcp> Watched<S> {
    fn note(&mut self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match &written {
            Poll::Pending => self.pulse.cannot_write(),
            Poll::Ready(Ok(bytes)) => self.pulse.has_written(*bytes),
            Poll::Ready(Err(_)) => self.has_ended = true,
        }
        written
    }
}

impl<S: OverTcp> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.pulse.has_to_write();
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.note(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.pulse.has_to_write();
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.note(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// TLS may keep bytes that the client does not take.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        match &flushed {
            Poll::Pending => self.pulse.cannot_write(),
            Poll::Ready(Ok(())) => self.pulse.has_flushed(),
            Poll::Ready(Err(_)) => self.has_ended = true,
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Whoever has begun to end does not rest any more.
        self.pulse.has_to_write();
        let ended = Pin::new(&mut self.stream).poll_shutdown(context);
        if ended.is_pending() {
            self.pulse.cannot_write();
        }
        ended
    }
}

#[cfg(test)]
mod tests;
