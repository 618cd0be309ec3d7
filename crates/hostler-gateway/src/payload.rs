//! The body of a request, whole and verified.
//!
//! Why: its hash is part of the signature, so it is all there before the model gets any of it; and it may be sent twice.
//! Invariants: what it takes of memory and disk is counted until it is let go of, which is when nobody will send it
//! again.

mod reader;

use std::sync::Arc;

use bytes::Bytes;

pub(crate) use self::reader::PayloadReader;

/// A body that can be sent as often as need be.
#[derive(Debug)]
pub(crate) struct Payload(Form);

#[derive(Debug)]
enum Form {
    /// In one piece: most are.
    Whole(Bytes),
    /// In several, in order.
    Pieces(Arc<Pieces>),
}

/// A body in pieces.
#[derive(Debug)]
struct Pieces {
    in_memory: Vec<Bytes>,
    length: u64,
}

impl Payload {
    /// A body that is one piece of memory.
    pub(crate) fn in_memory(bytes: Bytes) -> Self {
        Self(Form::Whole(bytes))
    }

    /// A body of several pieces.
    pub(crate) fn in_pieces(in_memory: Vec<Bytes>) -> Self {
        let length = in_memory.iter().map(|piece| piece.len() as u64).sum();
        Self(Form::Pieces(Arc::new(Pieces { in_memory, length })))
    }

    /// Its length in bytes.
    #[cfg(test)]
    pub(crate) fn len(&self) -> u64 {
        match &self.0 {
            Form::Whole(bytes) => bytes.len() as u64,
            Form::Pieces(pieces) => pieces.length,
        }
    }

    /// Reads it from its beginning, piece by piece. What is in memory is given out at once.
    pub(crate) fn reader(&self) -> PayloadReader {
        match &self.0 {
            Form::Whole(bytes) => PayloadReader::of_whole(bytes.clone()),
            Form::Pieces(pieces) => PayloadReader::of_pieces(pieces.clone()),
        }
    }

    /// Gives back what it takes up: nobody will send it again.
    pub(crate) fn let_go(&mut self) {
        self.0 = Form::Whole(Bytes::new());
    }
}

#[cfg(test)]
mod tests;
