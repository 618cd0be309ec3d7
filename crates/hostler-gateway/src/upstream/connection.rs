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
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use http::Response;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::coop::unconstrained;
use tokio::time::timeout;

use super::Call;
use super::bell::Bell;
use crate::payload::PayloadReader;

/// A container must take a connection within 250 ms; a busy machine gets some more.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// A connection between two exchanges, or during one.
pub(super) struct Connection {
    sender: http1::SendRequest<PayloadReader>,
    driver: Driver,
}

/// The half that reads and writes.
struct Driver {
    /// None when the connection has ended.
    running: Option<http1::Connection<TokioIo<TcpStream>, PayloadReader>>,
    bell: Arc<Bell>,
    /// The bell's.
    waker: Waker,
}

/// Why an exchange came to nothing.
pub(super) enum SendError {
    /// Nothing was written; here is the request again.
    Unsent(Box<Call>, hyper::Error),
    /// The container may have it.
    Lost(hyper::Error),
}

impl Connection {
    /// A new connection.
    pub(super) async fn open(address: SocketAddr) -> io::Result<Self> {
        let opening = timeout(CONNECT_TIMEOUT, TcpStream::connect(address));
        let stream = opening.await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        stream.set_nodelay(true)?;
        let (sender, running) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        let bell = Bell::new();
        let waker = Waker::from(bell.clone());
        Ok(Self { sender, driver: Driver { running: Some(running), bell, waker } })
    }

    /// Sends a request and waits for the head of its answer; the connection is given back to drive the body.
    pub(super) async fn send(mut self, call: Call) -> Result<(Response<Incoming>, Self), SendError> {
        // Without the budget of tasks: it would have a receiver that found it used up wake its waker, which is none.
        let mut answer = pin!(unconstrained(self.sender.try_send_request(call)));
        let answered = poll_fn(|context| {
            self.driver.drive(context);
            answer.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        });
        match answered.await {
            Ok(answer) => Ok((answer, self)),
            Err(mut error) => Err(match error.take_message() {
                Some(call) => SendError::Unsent(Box::new(call), error.into_error()),
                None => SendError::Lost(error.into_error()),
            }),
        }
    }

    /// Gets on with whatever is under way.
    pub(super) fn drive(&mut self, context: &mut Context<'_>) {
        self.driver.drive(context);
    }

    /// Whether it can take a request now; nobody is woken by it until it gets one.
    pub(super) fn is_ready(&mut self) -> bool {
        self.driver.bell.wakes_nobody();
        // Mostly it has been waiting for a request since it read the end of the answer.
        if !self.sender.is_ready() {
            self.driver.poll();
        }
        self.driver.running.is_some() && self.sender.is_ready()
    }
}

impl Driver {
    fn drive(&mut self, context: &mut Context<'_>) {
        self.bell.wakes(context);
        self.poll();
    }

    /// One that is done is dropped, which answers whatever still waits for it.
    fn poll(&mut self) {
        if let Some(running) = &mut self.running
            && Pin::new(running).poll(&mut Context::from_waker(&self.waker)).is_ready()
        {
            self.running = None;
        }
    }
}
