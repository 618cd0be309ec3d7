//! The way to the containers: one exchange over a connection that is kept or made for it.
//!
//! Why: whoever waits for the answer drives the connection, so no request goes from one task to another; and it speaks
//! the little of HTTP/1.1 that it takes itself. An exchange of 1 KB each way by hyper's client, driven in the same way,
//! took 23.3 thousand instructions and 11.4 us of processor time with the kernel's, by this one 9.7 and 5.7; the runtime
//! has 2 of the 9.7 and the measurement 1 (`examples/upstream_exchange.rs` says how that is counted).
//! Invariants: an error says whether the request may have reached the container: only one that surely did not may be
//! sent again. It says whose doing it is: want of descriptors and a request that cannot be read any more are this
//! server's, and no instance hears of them. A kept connection whose end or stray bytes the runtime has heard of
//! before the request is written, or that refuses its first byte, costs nobody an error; one that is closed while the
//! request is under way is an error, since the container may have read it.

pub(crate) mod answer;
mod body;
mod connection;
mod exchange;
mod kept;
mod request;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use hostler_aws::Field;
use http::StatusCode;
use rustix::io::Errno;
use thiserror::Error;

pub(crate) use body::ModelBody;
use connection::Connection;
pub(crate) use exchange::ExchangeError;
use exchange::{Exchange, SendError};
pub(crate) use kept::Kept;
use request::Outgoing;

use crate::answer::Fields;
use crate::payload::PayloadReader;

/// Why there is no answer.
#[derive(Debug, Error)]
pub(crate) enum UpstreamError {
    /// Nobody listens there, or nobody took the connection in time.
    #[error("connecting to {address} failed")]
    Connect { address: SocketAddr, source: io::Error },
    /// A fresh connection was closed before the request was written.
    #[error("{address} closed a new connection before it had the request")]
    Closed { address: SocketAddr, source: io::Error },
    /// This server may open no more connections, to whomever.
    #[error("there is no descriptor for a connection to {address}")]
    NoDescriptor { address: SocketAddr, source: io::Error },
    /// The rest of the request could not be read from where it waits. The container may have its beginning.
    #[error("the rest of a request to {address} is gone")]
    Payload { address: SocketAddr, source: io::Error },
    /// The request may have been read.
    #[error("{address} had the request and gave no answer")]
    Lost { address: SocketAddr, source: ExchangeError },
}

impl UpstreamError {
    /// Whether the request surely was not written, so that another instance may get it.
    pub(crate) fn is_unsent(&self) -> bool {
        match self {
            Self::Connect { .. } | Self::Closed { .. } | Self::NoDescriptor { .. } => true,
            Self::Payload { .. } | Self::Lost { .. } => false,
        }
    }

    fn of_connecting(address: SocketAddr, source: io::Error) -> Self {
        if is_want_of_descriptors(&source) {
            Self::NoDescriptor { address, source }
        } else {
            Self::Connect { address, source }
        }
    }
}

/// Whether a connection could not be made because this server, or its machine, has as many files open as it may.
pub(crate) fn is_want_of_descriptors(error: &io::Error) -> bool {
    [Errno::MFILE, Errno::NFILE].map(|errno| Some(errno.raw_os_error())).contains(&error.raw_os_error())
}

/// What a container answered.
#[derive(Debug)]
pub(crate) struct ModelAnswer {
    pub(crate) status: StatusCode,
    /// `Content-Type` and those of SageMaker.
    pub(crate) fields: Fields,
    pub(crate) body: ModelBody,
}

/// `POST /invocations` to the instance of `kept`.
pub(crate) async fn invoke(
    kept: &Arc<Kept>,
    headers: Vec<Field<'_>>,
    body: impl Into<PayloadReader>,
) -> Result<ModelAnswer, UpstreamError> {
    invoke_at(kept, kept.beginning(), headers, body).await
}

/// The same with another beginning.
pub(crate) async fn invoke_at(
    kept: &Arc<Kept>,
    beginning: &[u8],
    headers: Vec<Field<'_>>,
    body: impl Into<PayloadReader>,
) -> Result<ModelAnswer, UpstreamError> {
    let address = kept.address();
    let mut outgoing = Outgoing::new(beginning, &headers, body.into());
    loop {
        let waiting = kept.take();
        let is_fresh = waiting.is_none();
        let connection = match waiting {
            Some(connection) => connection,
            None => Connection::open(address)
                .await
                .map_err(|source| UpstreamError::of_connecting(address, source))?,
        };
        match Exchange::send(connection, outgoing).await {
            Ok((head, data, exchange)) => {
                let body = ModelBody::new(data, exchange, kept);
                return Ok(ModelAnswer { status: head.status, fields: head.fields, body });
            }
            Err(SendError::Unsent(unsent, _)) if !is_fresh => outgoing = unsent,
            Err(SendError::Unsent(_, source)) => return Err(UpstreamError::Closed { address, source }),
            Err(SendError::Lost(ExchangeError::Payload(source))) => {
                return Err(UpstreamError::Payload { address, source });
            }
            Err(SendError::Lost(source)) => return Err(UpstreamError::Lost { address, source }),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
