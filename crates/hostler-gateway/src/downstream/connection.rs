//! A client's connection, request after request.
//!
//! Why: whoever serves it drives it: the request is read, judged, sent to its model and answered by one task, which looks
//! at the connection's other direction only when it waits. When to wait, to rest and to close is the listener's.
//! Invariants: a client that goes away takes its call along: while a call is under way the connection's end is looked
//! for, unless a next request is there already. A request whose body was not read to its end is the last one.

use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hostler_aws::{FrontKind, classify_head};
use tokio::io::{AsyncRead, AsyncWrite};
use tracing::debug;

use super::body::Incoming;
use super::buffer::Buffer;
use super::head::{Decoded, Foreign, decode, may_begin, may_end_in};
use super::writer::{Then, WriteError, Writer};
use crate::alarm::Alarm;
use crate::gateway::{Gateway, Visit};

/// A connection between two requests, or during one.
pub struct ClientConnection<S> {
    stream: S,
    /// What was read and not used; none when that is nothing.
    buffer: Option<Buffer>,
    /// So many bytes of it are a head that has not ended.
    looked_at: usize,
    /// Where heads of answers are written.
    space: Vec<u8>,
    /// For what requests wait for.
    alarm: Alarm,
}

/// What came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum News {
    /// A request, or the most of it: it is worth [`ClientConnection::answer`].
    Request,
    /// Something that somebody else has to read.
    Foreign,
    /// The client's end.
    Ended,
}

/// What is to be done after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// To wait for what comes next.
    Wait,
    /// It was not answered: somebody else has to read it.
    Foreign,
    /// To close: there is no next request, or the answer broke off.
    Close,
    /// To forget it: the client has gone.
    Gone,
}

/// Whoever watches over a connection.
pub trait Watcher {
    /// Dropped when the answer was written, or will not be.
    type UnderWay;

    /// A request is there and will be answered.
    fn request_begins(&self) -> Self::UnderWay;

    /// Whether no request may come after this one; asked when its answer is there.
    fn is_last(&self) -> bool;
}

impl<S: AsyncRead + AsyncWrite + Unpin> ClientConnection<S> {
    /// A connection of which nothing was read.
    pub fn new(stream: S) -> Self {
        Self { stream, buffer: None, looked_at: 0, space: Vec::new(), alarm: Alarm::default() }
    }

    /// The connection, and what was read of it and not used.
    pub fn into_parts(self) -> (S, Bytes) {
        let unused = self.buffer.map(|buffer| Bytes::copy_from_slice(buffer.filled()));
        (self.stream, unused.unwrap_or_default())
    }

    /// Whether nothing of a request is there.
    pub fn is_blank(&self) -> bool {
        self.buffer.is_none()
    }

    /// Waits for a request.
    pub fn poll_news(&mut self, context: &mut Context<'_>) -> Poll<News> {
        loop {
            if let Some(buffer) = &self.buffer
                && buffer.filled().len() > self.looked_at
            {
                let filled = buffer.filled();
                if !may_begin(filled) {
                    return Poll::Ready(News::Foreign);
                }
                // Two bytes of a head's end may have come before. Most heads come whole.
                if self.looked_at == 0 || may_end_in(&filled[self.looked_at.saturating_sub(2)..]) {
                    return Poll::Ready(News::Request);
                }
                self.looked_at = filled.len();
            }
            if self.buffer.as_ref().is_some_and(Buffer::is_full) {
                return Poll::Ready(News::Foreign);
            }
            if !matches!(ready!(self.poll_fill(context)), Ok(1..)) {
                return Poll::Ready(News::Ended);
            }
        }
    }

    /// Reads more; nothing at the end.
    fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut buffer = self.buffer.take().unwrap_or_else(Buffer::take);
        let read = buffer.poll_fill(&mut self.stream, context);
        self.buffer = Some(buffer).filter(|buffer| !buffer.is_empty());
        read
    }

    /// Ready when the client has gone. A next request is kept for later; what comes after that is not looked at.
    fn poll_gone(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            if !self.is_blank() {
                return Poll::Pending;
            }
            if !matches!(ready!(self.poll_fill(context)), Ok(1..)) {
                return Poll::Ready(());
            }
        }
    }

    /// Answers the request that came.
    pub async fn answer(&mut self, gateway: &Gateway, watcher: &impl Watcher) -> After {
        let Some(mut buffer) = self.buffer.take() else { return After::Wait };
        let Decoded { length, head, body_bytes, closes } = match decode(buffer.filled()) {
            Ok(Some(decoded)) if classify_head(&decoded.head) == FrontKind::Gateway => decoded,
            Ok(None) => {
                self.looked_at = buffer.filled().len();
                self.buffer = Some(buffer);
                return After::Wait;
            }
            Ok(Some(_)) | Err(Foreign) => {
                self.buffer = Some(buffer);
                return After::Foreign;
            }
        };
        self.looked_at = 0;
        let under_way = watcher.request_begins();
        let visit = Visit::begin();
        let mut body = Incoming::new(&buffer.filled()[length..], body_bytes, &mut self.stream);
        let arrived = gateway.arrive(&head, Pin::new(&mut body)).await;
        let (left, buffered) = body.left();
        // Of its body nothing is left to be read from the connection.
        let is_whole = left == buffered as u64;
        let used = usize::try_from(body_bytes).unwrap_or(usize::MAX).saturating_add(length);
        let has_next = buffer.filled().len() > used;
        let answer = match arrived {
            Err(error) => Err(error),
            Ok(arrived) => {
                let mut alarm = std::mem::take(&mut self.alarm);
                let answer = {
                    let mut answering = pin!(gateway.forward(&visit, &head, arrived, &mut alarm));
                    poll_fn(|context| {
                        if let Poll::Ready(answer) = answering.as_mut().poll(context) {
                            return Poll::Ready(Some(answer));
                        }
                        if has_next { Poll::Pending } else { self.poll_gone(context).map(|()| None) }
                    })
                    .await
                };
                self.alarm = alarm;
                let Some(answer) = answer else { return After::Gone };
                answer
            }
        };
        let answer = gateway.finish(&visit, &head, answer);
        if has_next {
            buffer.consume(used);
            self.buffer = Some(buffer);
        } else {
            drop(buffer);
        }
        let then = if closes || !is_whole || watcher.is_last() { Then::Close } else { Then::Keep };
        let mut writer = Writer::new(answer, then, gateway.now(), std::mem::take(&mut self.space));
        let written = poll_fn(|context| {
            if let Poll::Ready(written) = writer.poll(&mut self.stream, context) {
                return Poll::Ready(Some(written));
            }
            // What comes of a body that nobody reads says nothing.
            if is_whole { self.poll_gone(context).map(|()| None) } else { Poll::Pending }
        });
        match written.await {
            Some(Ok(())) => {}
            Some(Err(error)) => {
                let after = if matches!(error, WriteError::Refused(_)) { After::Gone } else { After::Close };
                let error: &dyn std::error::Error = &error;
                debug!(error, "an answer was not written to its end");
                return after;
            }
            None => return After::Gone,
        }
        self.space = writer.into_space();
        drop(under_way);
        match then {
            Then::Keep => After::Wait,
            Then::Close => After::Close,
        }
    }

    /// Ready when everything that was written has gone out.
    pub fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    /// Ready when the client has been told that nothing more comes.
    pub fn poll_shutdown(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
