//! `GET /ping` over HTTP/1.1.
//!
//! Why: a new connection for each question, as the container contract expects, and no pool that could hide a server
//! that stopped accepting.
//! Invariants: bounded in time and in bytes read.

use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use hostler_types::FailureCause;
use http_body_util::Empty;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::{Ping, PingTrouble};

/// AWS's limit for one answer.
const PING_TIMEOUT: Duration = Duration::from_secs(2);

/// Asks over the network.
#[derive(Clone, Copy, Debug, Default)]
pub struct HttpPing;

#[async_trait]
impl Ping for HttpPing {
    async fn ping(&self, address: SocketAddr) -> Result<(), PingTrouble> {
        match tokio::time::timeout(PING_TIMEOUT, ask(address)).await {
            Ok(Ok(StatusCode::OK)) => Ok(()),
            Ok(Ok(status)) => Err(PingTrouble::new(
                FailureCause::PingAnswered { status: status.as_u16() },
                format!("it answered {status}"),
            )),
            Ok(Err(trouble)) => Err(trouble),
            Err(_) => Err(PingTrouble::new(
                FailureCause::PingSilent,
                format!("no answer within {} s", PING_TIMEOUT.as_secs()),
            )),
        }
    }
}

async fn ask(address: SocketAddr) -> Result<StatusCode, PingTrouble> {
    let stream = TcpStream::connect(address).await.map_err(|error| {
        let words = format!("connecting to port {} failed: {error}", address.port());
        PingTrouble::new(FailureCause::PingRefused, words)
    })?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(why)?;
    let request = Request::get("/ping")
        .header(hyper::header::HOST, address.to_string())
        .body(Empty::<Bytes>::new())
        .map_err(|error| PingTrouble::from(error.to_string().as_str()))?;
    let mut connection = Box::pin(connection);
    let mut exchange = Box::pin(sender.send_request(request));
    let answer = tokio::select! {
        answer = &mut exchange => answer,
        // A server that closes at once may have answered all the same: the answer then waits in the exchange.
        _ = &mut connection => {
            drop(connection);
            exchange.await
        }
    };
    answer.map(|answer| answer.status()).map_err(why)
}

fn why(error: hyper::Error) -> PingTrouble {
    let words = if error.is_incomplete_message() || error.is_canceled() || error.is_closed() {
        "the connection was closed without an answer".to_owned()
    } else {
        format!("the connection broke: {error}")
    };
    PingTrouble::new(FailureCause::PingBroken, words)
}
