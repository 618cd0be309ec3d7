//! The way to the containers: one exchange over a connection that is kept or made for it.
//!
//! Why: a pool with a task of its own for each connection (hyper-util's) hands every request and every answer from
//! one task to another; here whoever waits for the answer drives the connection.
//! Invariants: an error says whether the request may have reached the container: only one that surely did not may be
//! sent again. A kept connection that turns out to be closed costs nobody an error.

mod bell;
mod body;
mod connection;
mod kept;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use http::{HeaderMap, Method, Request, Response, Uri, header};
use thiserror::Error;

pub(crate) use body::ModelBody;
use connection::{Connection, SendError};
pub(crate) use kept::Kept;

use crate::payload::PayloadReader;

/// The request that a connection takes.
type Call = Request<PayloadReader>;

/// Why there is no answer.
#[derive(Debug, Error)]
pub(crate) enum UpstreamError {
    /// Nobody listens there, or nobody took the connection in time.
    #[error("connecting to {address} failed")]
    Connect { address: SocketAddr, source: io::Error },
    /// A fresh connection was closed before the request was written.
    #[error("{address} closed a new connection before it had the request")]
    Closed { address: SocketAddr, source: hyper::Error },
    /// The request may have been read.
    #[error("{address} had the request and gave no answer")]
    Lost { address: SocketAddr, source: hyper::Error },
}

impl UpstreamError {
    /// Whether the request surely was not written, so that another instance may get it.
    pub(crate) fn is_unsent(&self) -> bool {
        match self {
            Self::Connect { .. } | Self::Closed { .. } => true,
            Self::Lost { .. } => false,
        }
    }
}

/// `POST /invocations` to the instance of `kept`.
pub(crate) async fn invoke(
    kept: &Arc<Kept>,
    headers: HeaderMap,
    body: impl Into<PayloadReader>,
) -> Result<Response<ModelBody>, UpstreamError> {
    let mut call = Request::new(body.into());
    *call.method_mut() = Method::POST;
    *call.uri_mut() = Uri::from_static("/invocations");
    *call.headers_mut() = headers;
    call.headers_mut().insert(header::HOST, kept.host().clone());
    call.headers_mut().insert(header::USER_AGENT, header::HeaderValue::from_static("hostler"));
    let address = kept.address();
    loop {
        let waiting = kept.take();
        let is_fresh = waiting.is_none();
        let connection = match waiting {
            Some(connection) => connection,
            None => Connection::open(address)
                .await
                .map_err(|source| UpstreamError::Connect { address, source })?,
        };
        match connection.send(call).await {
            Ok((answer, connection)) => {
                return Ok(answer.map(|body| ModelBody::new(body, connection, kept.clone())));
            }
            Err(SendError::Unsent(unsent, _)) if !is_fresh => call = *unsent,
            Err(SendError::Unsent(_, source)) => return Err(UpstreamError::Closed { address, source }),
            Err(SendError::Lost(source)) => return Err(UpstreamError::Lost { address, source }),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
