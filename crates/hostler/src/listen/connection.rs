//! One connection of a client, from its first byte to its last.
//!
//! Why: most connections wait most of the time. One that waits keeps its socket and nothing else: hyper, its buffers
//! and the future of a request (some twenty kilobytes, a hundred after a large body) come with its next bytes.
//! Invariants: a client whose request was refused before it was read can read the answer: the connection is not reset
//! while it still sends, within bounds. Hyper is given back only when it holds nothing that was read or is to be written. A stop closes idle connections at once and busy ones after their answer.

use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use hostler_gateway::{AnswerBody, Gateway};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tracing::debug;

use super::bodies::{Answer, RequestBody};
use super::pulse::{Activity, Order, Pulse};
use super::watched::{OverTcp, Watched};
use super::{Transport, invocations};
use crate::front::Front;

/// A request's head may have this size.
const HEAD_BYTES_MAX: usize = 64 * 1024;
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// A client may go on sending so long and so much after its answer.
const LINGER_TIMEOUT: Duration = Duration::from_secs(5);
const LINGER_BYTES_MAX: u64 = 64 * 1024 * 1024;
const LINGER_BUFFER_BYTES: usize = 16 * 1024;

/// What answers the requests of a connection.
pub(super) trait Door: Clone {
    fn answer(&self, request: Request<RequestBody>) -> impl Future<Output = Response<AnswerBody>>;

    /// Who reads invocations off the connection without anybody else; nobody behind a door that has none.
    fn gateway(&self) -> Option<&Gateway>;
}

impl Door for Front {
    async fn answer(&self, request: Request<RequestBody>) -> Response<AnswerBody> {
        Self::answer(self, request).await
    }

    fn gateway(&self) -> Option<&Gateway> {
        Self::gateway(self)
    }
}

/// One connection of a client.
pub(super) struct Connection<D> {
    pub(super) peer: SocketAddr,
    pub(super) door: D,
    pub(super) pulse: Arc<Pulse>,
}

/// How serving ended.
pub(super) enum Served<S> {
    /// Something is there that it is not for whoever served to read.
    Foreign(Watched<S>),
    /// There is nothing to do but to wait.
    Rests(Watched<S>),
    /// No request comes any more; the client may still send.
    Over(Watched<S>),
}

impl<D: Door> Connection<D> {
    pub(super) async fn open(self, stream: TcpStream, transport: Transport) {
        match transport {
            Transport::Plain => self.live(stream).await,
            Transport::Tls(acceptor) => {
                let handshake = tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream));
                let mut handshake = Box::pin(handshake);
                let shaken = poll_fn(|context| match self.pulse.order(context) {
                    Order::Nothing | Order::Rest => handshake.as_mut().poll(context).map(Some),
                    Order::CloseIdle | Order::Close | Order::Stop => Poll::Ready(None),
                });
                let shaken = shaken.await;
                drop(handshake);
                match shaken {
                    None => {}
                    Some(Ok(Ok(stream))) => Box::pin(self.live(stream)).await,
                    Some(Ok(Err(error))) => debug!(peer = %self.peer, %error, "the TLS handshake failed"),
                    Some(Err(_)) => debug!(peer = %self.peer, "the TLS handshake took too long"),
                }
            }
        }
    }

    async fn live<S: OverTcp>(&self, stream: S) {
        let mut stream = Watched::new(stream, self.pulse.clone());
        while self.rest(&mut stream).await {
            let served = match self.door.gateway() {
                Some(gateway) => Box::pin(invocations::serve(gateway, &self.pulse, stream)).await,
                None => Some(Served::Foreign(stream)),
            };
            let served = match served {
                Some(Served::Foreign(stream)) => self.serve(stream).await,
                served => served,
            };
            match served {
                Some(Served::Rests(rests) | Served::Foreign(rests)) => stream = rests,
                Some(Served::Over(rest)) => return Box::pin(self.linger(rest)).await,
                None => return,
            }
        }
    }

    /// Waits for the next bytes; false when it is to close.
    async fn rest<S: OverTcp>(&self, stream: &mut Watched<S>) -> bool {
        self.pulse.rests(true);
        let goes_on = poll_fn(|context| match self.pulse.order(context) {
            Order::Nothing => stream.poll_has_news(context).map(|()| true),
            Order::Rest => {
                self.pulse.done_with(Order::Rest);
                stream.poll_has_news(context).map(|()| true)
            }
            // A request that nobody has looked at yet is a request.
            Order::CloseIdle if stream.has_unread() => {
                self.pulse.done_with(Order::CloseIdle);
                Poll::Ready(true)
            }
            Order::CloseIdle | Order::Close | Order::Stop => Poll::Ready(false),
        });
        let goes_on = goes_on.await;
        self.pulse.rests(false);
        goes_on
    }

    /// Serves requests until there are none; nothing is left when it was told to close.
    async fn serve<S: OverTcp>(&self, stream: Watched<S>) -> Option<Served<S>> {
        let pulse = self.pulse.clone();
        let service = service_fn(|request: Request<Incoming>| {
            let (door, under_way) = (self.door.clone(), self.pulse.begin_request());
            let request = request.map(|body| RequestBody::new(body, self.pulse.hold_body()));
            async move {
                let answer = door.answer(request).await;
                Ok::<_, Infallible>(answer.map(|body| Answer::new(body, under_way)))
            }
        });
        let connection = http1::Builder::new()
            .max_buf_size(HEAD_BYTES_MAX)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = Box::new(connection);
        let mut is_stopping = false;
        let told = poll_fn(|context| {
            loop {
                // A body that was dropped meanwhile is something that hyper must still see.
                let was_idle = pulse.activity() == Activity::Idle;
                if let Poll::Ready(ended) = Pin::new(&mut *connection).poll(context) {
                    if let Err(error) = ended {
                        debug!(peer = %self.peer, %error, "a connection ended early");
                    }
                    return Poll::Ready(Order::Nothing);
                }
                let may_rest = pulse.may_rest();
                match pulse.order(context) {
                    Order::Nothing => return Poll::Pending,
                    Order::Rest | Order::CloseIdle if may_rest && !was_idle => {}
                    order @ (Order::Rest | Order::CloseIdle) if may_rest => return Poll::Ready(order),
                    // Hyper has been woken to do what is left, and is asked then.
                    Order::Rest | Order::CloseIdle if pulse.activity() == Activity::Idle => {
                        return Poll::Pending;
                    }
                    order @ (Order::Rest | Order::CloseIdle) => {
                        pulse.done_with(order);
                        return Poll::Pending;
                    }
                    Order::Close => return Poll::Ready(Order::Close),
                    Order::Stop if is_stopping => return Poll::Pending,
                    Order::Stop => {
                        is_stopping = true;
                        Pin::new(&mut *connection).graceful_shutdown();
                    }
                }
            }
        });
        let told = told.await;
        let parts = connection.into_parts();
        let mut stream = parts.io.into_inner();
        match told {
            Order::Nothing => Some(Served::Over(stream)),
            // Whether it closes is decided when it rests.
            Order::Rest | Order::CloseIdle => {
                stream.put_back(parts.read_buf);
                Some(Served::Rests(stream))
            }
            Order::Close | Order::Stop => None,
        }
    }

    /// Reads and forgets what the client still sends: closed at once, its kernel would be told to throw the answer away.
    async fn linger<S: OverTcp>(&self, mut stream: Watched<S>) {
        if stream.has_ended() {
            return;
        }
        let mut buffer = vec![0; LINGER_BUFFER_BYTES];
        let lingering = async {
            let mut left = LINGER_BYTES_MAX;
            while let Ok(read @ 1..) = stream.read(&mut buffer).await {
                left = left.saturating_sub(read as u64);
                if left == 0 {
                    break;
                }
            }
        };
        let mut lingering = Box::pin(tokio::time::timeout(LINGER_TIMEOUT, lingering));
        let over = poll_fn(|context| match self.pulse.order(context) {
            Order::Nothing | Order::Rest => lingering.as_mut().poll(context).map(drop),
            Order::CloseIdle | Order::Close | Order::Stop => Poll::Ready(()),
        });
        over.await;
    }
}

#[cfg(test)]
mod tests;
