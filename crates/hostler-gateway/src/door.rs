//! What the fuzz harnesses and the measurements reach of this room besides its public face.
//!
//! Why: a harness holds the reader of answers itself, and that of requests, against independent ones, and an exchange with a container is
//! measured without everything that comes before and after it.
//! Invariants: forwards and decides nothing; nobody but `hostler-fuzz` and `examples/` calls it.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use hostler_aws::Field;
use http::StatusCode;
use http_body_util::BodyExt;

use crate::upstream::answer::Reader;
use crate::upstream::{self, Kept};

/// One container and the connections that are kept to it.
pub struct Container(Arc<Kept>);

impl Container {
    /// The container that listens there.
    pub fn at(address: SocketAddr) -> Self {
        Self(Arc::new(Kept::new(address)))
    }

    /// One exchange, its answer read to the end.
    pub async fn exchange(
        &self,
        headers: Vec<Field<'_>>,
        body: Bytes,
    ) -> Result<(StatusCode, Bytes), String> {
        let answer = upstream::invoke(&self.0, headers, body).await.map_err(|error| error.to_string())?;
        let status = answer.status;
        let mut body = answer.body;
        let mut first = Bytes::new();
        let mut all = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(|error| error.to_string())?.into_data() else { continue };
            if first.is_empty() && all.is_empty() {
                first = data;
            } else {
                all.extend_from_slice(&std::mem::take(&mut first));
                all.extend_from_slice(&data);
            }
        }
        Ok((status, if all.is_empty() { first } else { all.freeze() }))
    }
}

/// What the reader of requests makes of some bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadHead {
    /// Somebody else has to read it.
    Foreign,
    /// Its end has not come.
    GoesOn,
    /// The head of an invocation.
    Taken(RequestHead),
}

/// The head of an invocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestHead {
    /// So many bytes are the head.
    pub length: usize,
    /// So many bytes after it are its body.
    pub body_bytes: u64,
    /// The client wants nothing more.
    pub closes: bool,
    /// Its path, as it came.
    pub path: String,
    /// Its query, as it came.
    pub query: Option<String>,
    /// Its fields, in their order.
    pub fields: Vec<(String, Vec<u8>)>,
}

/// Reads the head of a request.
pub fn read_request_head(bytes: &[u8]) -> ReadHead {
    crate::downstream::read_head(bytes)
}

/// What was read of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadAnswer {
    /// Its status.
    pub status: u16,
    /// Those of its headers that the gateway keeps.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Its data, up to where it ended or broke off.
    pub data: Vec<u8>,
    /// It did not break off.
    pub is_whole: bool,
    /// Another request could go along its connection.
    pub may_keep: bool,
}

/// Reads an answer that comes in these pieces, and then the connection's end. None when not even its head can be read.
pub fn read_answer<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Option<ReadAnswer> {
    read_pieces(pieces, false)
}

/// As [`read_answer`], and all data of which the reader knows before it is there goes past it, as it does in an answer
/// that flows.
pub fn read_flowing_answer<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Option<ReadAnswer> {
    read_pieces(pieces, true)
}

fn read_pieces<'a>(pieces: impl Iterator<Item = &'a [u8]>, flows: bool) -> Option<ReadAnswer> {
    let mut pieces = pieces.filter(|piece| !piece.is_empty());
    let mut reader = Reader::new();
    let (head, first) = loop {
        if let Some(answer) = reader.read_head(pieces.next()?).ok()? {
            break answer;
        }
    };
    let mut data = first.to_vec();
    // Of a piece that was data at its beginning.
    let mut more: &[u8] = &[];
    let is_whole = loop {
        let read = if reader.has_rest() {
            reader.read_data(&[])
        } else if reader.has_ended() {
            break true;
        } else {
            let piece =
                if more.is_empty() { pieces.next().unwrap_or_default() } else { std::mem::take(&mut more) };
            let ahead = usize::try_from(reader.data_ahead()).unwrap_or(usize::MAX).min(piece.len());
            if piece.is_empty() {
                reader.close().map(|()| None)
            } else if flows && ahead > 0 {
                reader.skip_data(ahead);
                data.extend_from_slice(&piece[..ahead]);
                more = &piece[ahead..];
                continue;
            } else {
                reader.read_data(piece)
            }
        };
        match read {
            Ok(read) => data.extend(read.unwrap_or_default()),
            Err(_) => break false,
        }
    };
    let headers = head.fields.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()));
    Some(ReadAnswer {
        status: head.status.as_u16(),
        headers: headers.collect(),
        data,
        is_whole,
        may_keep: is_whole && reader.may_keep() && more.is_empty() && pieces.next().is_none(),
    })
}
