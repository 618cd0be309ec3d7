//! One request and its answer over one connection, driven by whoever waits for the answer.
//!
//! Why: an exchange needs no task of its own and no wake-up from one to another. A container may answer before it has
//! the whole request (413, and goes): the answer is looked for as long as the request is being written, and after it
//! could not be written.
//! Invariants: a dropped exchange closes its connection. The connection comes out again only when the request went out
//! whole and the answer ended, with nothing after it.

use std::future::poll_fn;
use std::io;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use thiserror::Error;

use super::answer::{Flaw, Head, Reader};
use super::connection::{Connection, READ_BYTES};
use super::request::{Outgoing, WriteError};

/// Reads of so many bytes mean that more will come at once; those go where they stay.
const FLOW_BYTES: usize = 16 * 1024;

/// What went wrong in an exchange.
#[derive(Debug, Error)]
pub(crate) enum ExchangeError {
    #[error("reading its answer failed")]
    Read(#[source] io::Error),
    #[error("it did not take the whole request")]
    Write(#[source] io::Error),
    #[error("the rest of the request is gone")]
    Payload(#[source] io::Error),
    #[error("its answer cannot be read")]
    Answer(#[from] Flaw),
}

/// Why an exchange came to nothing.
pub(super) enum SendError {
    /// Nothing was written; here is the request again.
    Unsent(Outgoing, io::Error),
    /// The container may have it.
    Lost(ExchangeError),
}

/// A request and its answer.
pub(super) struct Exchange {
    connection: Connection,
    /// None when it was written, or could not be.
    outgoing: Option<Outgoing>,
    /// Why it could not be.
    refused: Option<io::Error>,
    reader: Reader,
    /// Where a long answer is read.
    space: BytesMut,
    flows: bool,
}

impl Exchange {
    /// Sends a request and waits for the head of its answer, which may come with data.
    pub(super) async fn send(
        connection: Connection,
        outgoing: Outgoing,
    ) -> Result<(Head, Bytes, Self), SendError> {
        if !connection.is_quiet() {
            return Err(SendError::Unsent(outgoing, io::ErrorKind::ConnectionAborted.into()));
        }
        let mut exchange = Self {
            connection,
            outgoing: Some(outgoing),
            refused: None,
            reader: Reader::new(),
            space: BytesMut::new(),
            flows: false,
        };
        match poll_fn(|context| exchange.poll_head(context)).await {
            Ok((head, data)) => Ok((head, data, exchange)),
            Err(error) => Err(match (exchange.outgoing, exchange.refused) {
                (Some(outgoing), Some(refused)) if !outgoing.has_begun() => {
                    SendError::Unsent(outgoing, refused)
                }
                (_, Some(refused)) => SendError::Lost(ExchangeError::Write(refused)),
                _ => SendError::Lost(error),
            }),
        }
    }

    fn poll_head(&mut self, context: &mut Context<'_>) -> Poll<Result<(Head, Bytes), ExchangeError>> {
        loop {
            self.write(context)?;
            let reader = &mut self.reader;
            let read = self.connection.poll_read(context, |bytes| match bytes {
                [] => reader.close().map(|()| None),
                bytes => reader.read_head(bytes),
            });
            if let Some(answer) = ready!(read).map_err(ExchangeError::Read)?? {
                return Poll::Ready(Ok(answer));
            }
        }
    }

    /// The next data; none at the end.
    pub(super) fn poll_data(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<Bytes>, ExchangeError>> {
        loop {
            if self.reader.has_rest()
                && let Some(data) = self.reader.read_data(&[])?
            {
                return Poll::Ready(Ok(Some(data)));
            }
            if self.reader.has_ended() {
                return Poll::Ready(Ok(None));
            }
            self.write(context)?;
            let ahead = usize::try_from(self.reader.data_ahead()).unwrap_or(usize::MAX);
            let data = if self.flows && ahead >= FLOW_BYTES {
                ready!(self.poll_much(context, ahead))?
            } else {
                let (reader, flows) = (&mut self.reader, &mut self.flows);
                let read = self.connection.poll_read(context, |bytes| {
                    *flows = bytes.len() >= FLOW_BYTES;
                    match bytes {
                        [] => reader.close().map(|()| None),
                        bytes => reader.read_data(bytes),
                    }
                });
                ready!(read).map_err(ExchangeError::Read)??
            };
            if data.is_some() {
                return Poll::Ready(Ok(data));
            }
        }
    }

    /// Of data that is long, the next part, without a copy.
    fn poll_much(
        &mut self,
        context: &mut Context<'_>,
        ahead: usize,
    ) -> Poll<Result<Option<Bytes>, ExchangeError>> {
        let reading = self.connection.poll_read_into(context, &mut self.space, ahead.min(READ_BYTES));
        let length = ready!(reading).map_err(ExchangeError::Read)?;
        if length == 0 {
            self.reader.close()?;
            return Poll::Ready(Ok(None));
        }
        self.reader.skip_data(length);
        self.flows = length >= FLOW_BYTES;
        // A small part of much space would hold all of it.
        Poll::Ready(Ok(Some(if self.flows {
            self.space.split().freeze()
        } else {
            Bytes::copy_from_slice(&std::mem::take(&mut self.space))
        })))
    }

    /// Writes on, if there is anything left to write. That it cannot be written is no error yet, if the container may
    /// have some of it: its answer may be there.
    fn write(&mut self, context: &mut Context<'_>) -> Result<(), ExchangeError> {
        let Some(outgoing) = &mut self.outgoing else { return Ok(()) };
        match outgoing.poll_write(&mut self.connection, context) {
            Poll::Pending => {}
            Poll::Ready(Ok(())) => self.outgoing = None,
            Poll::Ready(Err(WriteError::Payload(error))) => return Err(ExchangeError::Payload(error)),
            Poll::Ready(Err(WriteError::Refused(error))) => {
                let has_begun = outgoing.has_begun();
                self.refused = Some(error);
                if !has_begun {
                    return Err(ExchangeError::Answer(Flaw::BrokeOff));
                }
                self.outgoing = None;
            }
        }
        Ok(())
    }

    /// The answer came to its end.
    pub(super) fn has_ended(&self) -> bool {
        self.reader.has_ended()
    }

    /// How much data is still to come, where that is known.
    pub(super) fn data_left(&self) -> Option<u64> {
        self.reader.data_left()
    }

    /// The connection, if another request may go along it.
    pub(super) fn into_connection(self) -> Option<Connection> {
        let may_keep = self.reader.may_keep() && self.outgoing.is_none() && self.refused.is_none();
        may_keep.then_some(self.connection)
    }
}
