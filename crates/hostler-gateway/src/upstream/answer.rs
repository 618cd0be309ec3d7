//! A container's answer, from the bytes as they come: its head, then its data, then its end.
//!
//! Why: an answer of HTTP/1.1 is a small language, and what a general client does around it (a body's own channel, every
//! header in a map, buffers that grow by themselves) cost more than all the rest of an exchange; the figures stand in
//! `upstream.rs`. No I/O here, so that a test can cut the bytes wherever it likes.
//! Invariants: how the bytes were cut changes nothing of what they mean. What can be read in two ways is refused: both a
//! length and chunks, two lengths, any other transfer coding. No byte is taken for data of another answer, and bytes
//! after the end are seen, so that the connection is not used again. Heads, interim answers, chunks' lines and trailers
//! are bounded; data is handed on and not kept.

mod chunked;
mod head;

use bytes::{Buf, Bytes};
use thiserror::Error;

use chunked::Chunked;
pub(crate) use head::Head;

/// A head, with all interim answers before it, has at most so many bytes; common servers send some 200.
pub(super) const HEAD_BYTES_MAX: usize = 64 * 1024;

/// Interim answers before the answer.
const INTERIM_MAX: usize = 16;

/// How an answer is not HTTP/1.1, or could be read in two ways.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(crate) enum Flaw {
    #[error("its head is not one of HTTP/1.1")]
    Head,
    #[error("its head has more than {HEAD_BYTES_MAX} bytes")]
    HeadTooLong,
    #[error("its head has more than {} headers", head::HEADERS_MAX)]
    TooManyHeaders,
    #[error("more than {INTERIM_MAX} interim answers came before it")]
    TooManyInterim,
    #[error("it has a Content-Length that is no length")]
    Length,
    #[error("it has a Content-Length and a Transfer-Encoding")]
    TwoFramings,
    #[error("it has a Transfer-Encoding other than `chunked`")]
    Coding,
    #[error("it has a chunk whose size is no size")]
    ChunkSize,
    #[error("it has a chunk that ends elsewhere than where its size says")]
    ChunkEnd,
    #[error("a chunk's size has too many extensions")]
    ChunkLineTooLong,
    #[error("its trailers are none")]
    Trailers,
    #[error("its trailers are too long")]
    TrailersTooLong,
    #[error("the connection ended before it did")]
    BrokeOff,
}

/// How the end of an answer is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    Length(u64),
    Chunked,
    UntilClose,
}

/// What has been read of one answer.
pub(crate) struct Reader {
    state: State,
    /// Bytes after those that were decoded. Empty but when one read brought several pieces of data.
    rest: Bytes,
    /// Nothing stands against another request on its connection.
    may_keep: bool,
}

enum State {
    /// The beginning of a head, and the bytes of heads before it.
    Head {
        begun: Vec<u8>,
        before: usize,
        interim: usize,
    },
    Length(u64),
    Chunked(Chunked),
    UntilClose,
    /// What was read before the flaw was handed on.
    Flawed(Flaw),
    Ended,
}

/// Which part of some bytes is data, and how many of them were decoded.
struct Piece {
    from: usize,
    to: usize,
    decoded: usize,
}

impl Reader {
    pub(crate) fn new() -> Self {
        let state = State::Head { begun: Vec::new(), before: 0, interim: 0 };
        Self { state, rest: Bytes::new(), may_keep: false }
    }

    /// Takes more bytes. When they end the head: the head, and the data that came with it.
    pub(crate) fn read_head(&mut self, fresh: &[u8]) -> Result<Option<(Head, Bytes)>, Flaw> {
        let State::Head { begun, before, interim } = &mut self.state else {
            unreachable!("a head is read once");
        };
        let joined;
        let mut input = if begun.is_empty() {
            fresh
        } else {
            // Two bytes of a head's end may have come before.
            let look_from = begun.len().saturating_sub(2);
            begun.extend_from_slice(fresh);
            if begun.len() + *before > HEAD_BYTES_MAX + fresh.len() {
                return Err(Flaw::HeadTooLong);
            }
            if !head::may_end_in(&begun[look_from..]) {
                return Ok(None);
            }
            joined = std::mem::take(begun);
            &joined
        };
        loop {
            let Some((length, head)) = head::read(input)? else {
                if *before + input.len() > HEAD_BYTES_MAX {
                    return Err(Flaw::HeadTooLong);
                }
                *begun = input.to_vec();
                return Ok(None);
            };
            input = &input[length..];
            *before += length;
            if *before > HEAD_BYTES_MAX {
                return Err(Flaw::HeadTooLong);
            }
            let Some(head) = head else {
                *interim += 1;
                if *interim > INTERIM_MAX {
                    return Err(Flaw::TooManyInterim);
                }
                continue;
            };
            self.may_keep = head.may_keep;
            self.state = match head.framing {
                Framing::Length(0) => State::Ended,
                Framing::Length(left) => State::Length(left),
                Framing::Chunked => State::Chunked(Chunked::new()),
                Framing::UntilClose => State::UntilClose,
            };
            // A flaw of the body comes after the head, as it does when the bytes come one by one.
            let data = self.read_data(input).unwrap_or_else(|flaw| {
                self.state = State::Flawed(flaw);
                None
            });
            return Ok(Some((head, data.unwrap_or_default())));
        }
    }

    /// Takes more bytes, or none to go on with what came before. The next data; none when that needs more bytes, or
    /// never comes because the answer has ended.
    pub(crate) fn read_data(&mut self, fresh: &[u8]) -> Result<Option<Bytes>, Flaw> {
        if self.rest.is_empty() {
            let piece = self.decode(fresh)?;
            self.rest = Bytes::copy_from_slice(&fresh[piece.decoded..]);
            return Ok(piece.has_data().then(|| Bytes::copy_from_slice(&fresh[piece.from..piece.to])));
        }
        assert!(fresh.is_empty(), "bytes were read while others waited");
        let mut input = std::mem::take(&mut self.rest);
        let piece = self.decode(&input)?;
        let data = piece.has_data().then(|| input.slice(piece.from..piece.to));
        input.advance(piece.decoded);
        self.rest = input;
        Ok(data)
    }

    /// The next so many bytes were read elsewhere; they are all data.
    pub(crate) fn skip_data(&mut self, length: usize) {
        match &mut self.state {
            State::Length(left) => {
                *left -= length as u64;
                if *left == 0 {
                    self.state = State::Ended;
                }
            }
            State::Chunked(chunked) => chunked.take(length),
            State::UntilClose => {}
            State::Head { .. } | State::Flawed(_) | State::Ended => unreachable!("no data is expected"),
        }
    }

    /// The connection has ended.
    pub(crate) fn close(&mut self) -> Result<(), Flaw> {
        match self.state {
            State::UntilClose => self.state = State::Ended,
            State::Ended => {}
            State::Flawed(flaw) => return Err(flaw),
            State::Head { .. } | State::Length(_) | State::Chunked(_) => return Err(Flaw::BrokeOff),
        }
        Ok(())
    }

    pub(crate) fn has_ended(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    /// Bytes that were read wait to be decoded.
    pub(crate) fn has_rest(&self) -> bool {
        !self.rest.is_empty() || matches!(self.state, State::Flawed(_))
    }

    /// So many of the next bytes are nothing but data.
    pub(crate) fn data_ahead(&self) -> u64 {
        match &self.state {
            State::Length(left) => *left,
            State::Chunked(chunked) => chunked.left(),
            State::UntilClose => u64::MAX,
            State::Head { .. } | State::Flawed(_) | State::Ended => 0,
        }
    }

    /// How much data is still to come, where that is known.
    pub(crate) fn data_left(&self) -> Option<u64> {
        match &self.state {
            State::Length(left) => Some(*left),
            State::Ended => Some(0),
            State::Head { .. } | State::Chunked(_) | State::UntilClose | State::Flawed(_) => None,
        }
    }

    /// The answer came to its end, nothing came after it, and its connection may be used again.
    pub(crate) fn may_keep(&self) -> bool {
        self.may_keep && self.has_ended()
    }

    fn decode(&mut self, input: &[u8]) -> Result<Piece, Flaw> {
        let piece = match &mut self.state {
            State::Head { .. } => unreachable!("the head comes first"),
            State::Flawed(flaw) => return Err(*flaw),
            State::Ended => Piece { from: 0, to: 0, decoded: 0 },
            State::UntilClose => Piece { from: 0, to: input.len(), decoded: input.len() },
            State::Length(left) => {
                let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(input.len());
                *left -= taken as u64;
                if *left == 0 {
                    self.state = State::Ended;
                }
                Piece { from: 0, to: taken, decoded: taken }
            }
            State::Chunked(chunked) => {
                let from = chunked.skip(input)?;
                let taken = usize::try_from(chunked.left()).unwrap_or(usize::MAX).min(input.len() - from);
                chunked.take(taken);
                let to = from + taken;
                // The end is seen with the last data and not by waiting for more. A flaw comes after the data before it.
                let skipped = chunked.skip(&input[to..]);
                if chunked.has_ended() {
                    self.state = State::Ended;
                }
                match skipped {
                    Ok(skipped) => Piece { from, to, decoded: to + skipped },
                    Err(flaw) if taken == 0 => return Err(flaw),
                    Err(flaw) => {
                        self.state = State::Flawed(flaw);
                        Piece { from, to, decoded: input.len() }
                    }
                }
            }
        };
        if self.has_ended() && piece.decoded < input.len() {
            // What comes after the end is nobody's.
            self.may_keep = false;
            return Ok(Piece { decoded: input.len(), ..piece });
        }
        Ok(piece)
    }
}

impl Piece {
    fn has_data(&self) -> bool {
        self.from < self.to
    }
}

#[cfg(test)]
mod tests;
