//! The way to the clients: invocations off a connection, and their answers onto it.
//!
//! Why: nearly every request of the data plane is one shape of HTTP/1.1, a POST whose length is said, and a general
//! server (a body's own channel, every header in a map, a dispatcher that polls in all directions) cost more than the
//! signature, the routing and the exchange with the container together; figures stand in bench/README.md. What has any
//! other shape, or is another room's, is left alone: its bytes are handed on as they came, and hyper reads them.
//! Invariants: a request is taken only when it can be read in one way; nothing that hyper would refuse is taken. Requests
//! of a connection are answered in their order, one at a time. What follows a request that was not read to its end is
//! never read. A connection that waits holds no buffer.

mod body;
mod buffer;
mod connection;
mod date;
mod head;
mod writer;

pub use connection::{After, ClientConnection, News, Watcher};

use crate::door::{ReadHead, RequestHead};

/// What the decoder makes of these bytes.
pub(crate) fn read_head(bytes: &[u8]) -> ReadHead {
    let decoded = match head::decode(bytes) {
        Ok(Some(decoded)) => decoded,
        Ok(None) => return ReadHead::GoesOn,
        Err(head::Foreign) => return ReadHead::Foreign,
    };
    let fields = decoded.head.fields.iter().map(|field| (field.name.to_owned(), field.value.to_vec()));
    ReadHead::Taken(RequestHead {
        length: decoded.length,
        body_bytes: decoded.body_bytes,
        closes: decoded.closes,
        path: decoded.head.path.to_owned(),
        query: decoded.head.query.map(str::to_owned),
        fields: fields.collect(),
    })
}
