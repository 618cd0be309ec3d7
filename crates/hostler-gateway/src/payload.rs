//! The body of a request, whole and verified.
//!
//! Why: its hash is part of the signature, so it is all there before the model gets any of it; and it may be sent twice.
//! Invariants: what it takes of memory and disk is counted until it is let go of, which is when nobody will send it
//! again.

mod budget;
mod collect;
mod hashing;
mod pace;
mod pool;
mod reader;
mod spool;

use std::sync::Arc;

use bytes::Bytes;

pub use self::budget::{BodyBudget, BodyLimits};
pub(crate) use self::collect::{CollectError, Terms, collect};
pub(crate) use self::pace::PaceLimits;
pub(crate) use self::reader::PayloadReader;

use self::budget::Overdraft;
use self::pool::Taken;
use self::spool::SpoolFile;

/// A body that can be sent as often as need be.
#[derive(Debug)]
pub(crate) struct Payload(Form);

#[derive(Debug)]
enum Form {
    /// In one piece: most are.
    Whole { bytes: Bytes, _taken: Option<Taken> },
    /// In several, in order.
    Pieces(Arc<Pieces>),
}

/// A body in pieces: first those in memory, then what is on disk.
#[derive(Debug)]
struct Pieces {
    in_memory: Vec<Bytes>,
    on_disk: Option<SpoolFile>,
    length: u64,
    _taken: (Taken, Option<Overdraft>),
}

impl Payload {
    /// A body that nobody counts.
    pub(crate) fn in_memory(bytes: Bytes) -> Self {
        Self(Form::Whole { bytes, _taken: None })
    }

    fn whole(bytes: Bytes, taken: Taken) -> Self {
        Self(Form::Whole { bytes, _taken: Some(taken) })
    }

    fn in_pieces(pieces: Pieces) -> Self {
        Self(Form::Pieces(Arc::new(pieces)))
    }

    /// Reads it from its beginning, piece by piece. What is in memory is given out at once.
    pub(crate) fn reader(&self) -> PayloadReader {
        match &self.0 {
            Form::Whole { bytes, .. } => bytes.clone().into(),
            Form::Pieces(pieces) => PayloadReader::of_pieces(pieces.clone()),
        }
    }

    /// A body whose rest nobody can read.
    #[cfg(test)]
    pub(crate) fn broken(beginning: Bytes, length: u64) -> Self {
        let budget = BodyBudget::in_memory(BodyLimits::default());
        let taken = Taken::nothing(budget, pool::Place::Memory);
        Self::in_pieces(Pieces { in_memory: vec![beginning], on_disk: None, length, _taken: (taken, None) })
    }

    /// Gives back what it takes up: nobody will send it again.
    pub(crate) fn let_go(&mut self) {
        self.0 = Form::Whole { bytes: Bytes::new(), _taken: None };
    }
}

#[cfg(test)]
mod tests;
