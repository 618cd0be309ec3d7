//! `GET /ping` to an instance that is out.
//!
//! Why: it costs no client anything to find out whether an instance is there again. A connection of its own, because
//! those that are kept are what may be broken, and its status line is all that matters.
//! Invariants: bounded in time and in bytes read.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::breaker::Probed;
use crate::upstream::is_want_of_descriptors;

/// As long as a request waits for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// `HTTP/1.1 200`.
const STATUS_BYTES: usize = 12;

/// Asks an instance for its health, and waits so long for its answer. None when there is no descriptor to ask with.
pub(super) async fn probe(address: SocketAddr, patience: Duration) -> Option<Probed> {
    let stream = match timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) if is_want_of_descriptors(&error) => return None,
        Ok(Err(_)) | Err(_) => return Some(Probed::Refused),
    };
    Some(match timeout(patience, ask(stream, address)).await {
        Ok(Some(status)) => Probed::Answered(status),
        Ok(None) => Probed::Refused,
        Err(_) => Probed::Silent,
    })
}

/// None when the connection broke, or what came is not HTTP.
async fn ask(mut stream: TcpStream, address: SocketAddr) -> Option<u16> {
    let call =
        format!("GET /ping HTTP/1.1\r\nHost: {address}\r\nUser-Agent: hostler\r\nConnection: close\r\n\r\n");
    stream.write_all(call.as_bytes()).await.ok()?;
    let mut line = [0; STATUS_BYTES];
    stream.read_exact(&mut line).await.ok()?;
    let line = std::str::from_utf8(&line).ok()?;
    line.strip_prefix("HTTP/1.")?.split_once(' ')?.1.parse().ok()
}
