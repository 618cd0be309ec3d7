//! One HTTP/1.1 connection to a container, driven by whoever uses it.
//!
//! Why: hyper gives a connection as two halves, one that sends and one that must be polled; polled by the very task
//! that waits for the answer, an exchange needs no other task and no wake-up from one to the other.
//! Invariants: both halves live and die together: a dropped exchange closes its connection. Whatever the driver hands
//! over it hands over while it is polled, so the receiving ends need no waker of their own.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::coop::unconstrained;
use tokio::time::timeout;

use super::Call;

/// A container must take a connection within 250 ms; a busy machine gets some more.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// A connection between two exchanges, or during one.
pub(super) struct Connection {
    sender: http1::SendRequest<Full<Bytes>>,
    /// None when the connection has ended.
    driver: Option<http1::Connection<TokioIo<TcpStream>, Full<Bytes>>>,
}

/// Why an exchange came to nothing.
pub(super) enum SendError {
    /// Nothing was written; here is the request again.
    Unsent(Call, hyper::Error),
    /// The container may have it.
    Lost(hyper::Error),
}

impl Connection {
    /// A new connection.
    pub(super) async fn open(address: SocketAddr) -> io::Result<Self> {
        let opening = timeout(CONNECT_TIMEOUT, TcpStream::connect(address));
        let stream = opening.await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        stream.set_nodelay(true)?;
        let (sender, driver) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        Ok(Self { sender, driver: Some(driver) })
    }

    /// Sends a request and waits for the head of its answer; the connection is given back to drive the body.
    pub(super) async fn send(mut self, call: Call) -> Result<(Response<Incoming>, Self), SendError> {
        // Without the budget of tasks: it would have a receiver that found it used up wake its waker, which is none.
        let mut answer = pin!(unconstrained(self.sender.try_send_request(call)));
        let answered = poll_fn(|context| {
            drive(&mut self.driver, context);
            answer.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        });
        match answered.await {
            Ok(answer) => Ok((answer, self)),
            Err(mut error) => Err(match error.take_message() {
                Some(call) => SendError::Unsent(call, error.into_error()),
                None => SendError::Lost(error.into_error()),
            }),
        }
    }

    /// Gets on with whatever is under way.
    pub(super) fn drive(&mut self, context: &mut Context<'_>) {
        drive(&mut self.driver, context);
    }

    /// Whether it can take a request now; nobody is woken by it until it gets one.
    pub(super) fn is_ready(&mut self) -> bool {
        self.drive(&mut Context::from_waker(Waker::noop()));
        self.driver.is_some() && self.sender.is_ready()
    }
}

/// A driver that is done is dropped, which answers whatever still waits for it.
fn drive(driver: &mut Option<http1::Connection<TokioIo<TcpStream>, Full<Bytes>>>, context: &mut Context<'_>) {
    if let Some(running) = driver
        && let Poll::Ready(_) = Pin::new(running).poll(context)
    {
        *driver = None;
    }
}
