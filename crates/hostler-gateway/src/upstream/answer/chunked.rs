//! What stands around the data of a body in chunks: sizes, extensions, line ends and trailers.
//!
//! Invariants: a line ends with CR and LF, and with nothing less. Extensions and trailers are bounded and mean nothing
//! here. A size that does not fit into 64 bits is none. Nothing is data before the line with its size has ended.

use super::Flaw;

/// The line with a chunk's size, its extensions included.
const LINE_BYTES_MAX: usize = 4 * 1024;

/// All trailers.
const TRAILERS_BYTES_MAX: usize = 16 * 1024;

/// Where a body in chunks is being read.
pub(super) struct Chunked {
    at: At,
    /// The data of this chunk that is still to come; before it, what has been read of its size.
    left: u64,
    /// Bytes of this line, or of the trailers.
    length: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    /// Before a size.
    Start,
    Size,
    /// Blanks after a size.
    Blank,
    Extension,
    SizeLineFeed,
    Data,
    DataReturn,
    DataLineFeed,
    /// Where a trailer or the last line begins.
    TrailerStart,
    Trailer,
    TrailerLineFeed,
    LastLineFeed,
    End,
}

impl Chunked {
    pub(super) fn new() -> Self {
        Self { at: At::Start, left: 0, length: 0 }
    }

    /// So many of the next bytes are data: none as long as something else comes first.
    pub(super) fn left(&self) -> u64 {
        if self.at == At::Data { self.left } else { 0 }
    }

    pub(super) fn has_ended(&self) -> bool {
        self.at == At::End
    }

    /// So much of the data was taken.
    pub(super) fn take(&mut self, length: usize) {
        self.left -= length as u64;
        if self.left == 0 && self.at == At::Data {
            self.at = At::DataReturn;
        }
    }

    /// Reads on up to the next data or the end; how many bytes that were.
    pub(super) fn skip(&mut self, input: &[u8]) -> Result<usize, Flaw> {
        for (index, byte) in input.iter().enumerate() {
            if matches!(self.at, At::Data | At::End) {
                return Ok(index);
            }
            self.at = self.read(*byte)?;
        }
        Ok(input.len())
    }

    fn read(&mut self, byte: u8) -> Result<At, Flaw> {
        self.length += 1;
        let is_text = byte == b'\t' || (byte >= b' ' && byte != 0x7f);
        Ok(match (self.at, byte) {
            (At::Start | At::Size, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                let digit = char::from(byte).to_digit(16).expect("it is a digit");
                let larger = self.left.checked_mul(16).ok_or(Flaw::ChunkSize)?;
                self.left = larger | u64::from(digit);
                self.within(LINE_BYTES_MAX, Flaw::ChunkLineTooLong, At::Size)?
            }
            (At::Size | At::Blank, b' ' | b'\t') => {
                self.within(LINE_BYTES_MAX, Flaw::ChunkLineTooLong, At::Blank)?
            }
            (At::Size | At::Blank, b';') => At::Extension,
            (At::Extension, _) if is_text => {
                self.within(LINE_BYTES_MAX, Flaw::ChunkLineTooLong, At::Extension)?
            }
            (At::Size | At::Blank | At::Extension, b'\r') => At::SizeLineFeed,
            (At::SizeLineFeed, b'\n') => {
                self.length = 0;
                if self.left == 0 { At::TrailerStart } else { At::Data }
            }
            (At::DataReturn, b'\r') => At::DataLineFeed,
            (At::DataLineFeed, b'\n') => {
                self.length = 0;
                At::Start
            }
            (At::TrailerStart, b'\r') => At::LastLineFeed,
            (At::Trailer, b'\r') => At::TrailerLineFeed,
            (At::TrailerStart | At::Trailer, _) if is_text => {
                self.within(TRAILERS_BYTES_MAX, Flaw::TrailersTooLong, At::Trailer)?
            }
            (At::TrailerLineFeed, b'\n') => At::TrailerStart,
            (At::LastLineFeed, b'\n') => At::End,
            (At::Start | At::Size | At::Blank | At::Extension | At::SizeLineFeed, _) => {
                return Err(Flaw::ChunkSize);
            }
            (At::DataReturn | At::DataLineFeed, _) => return Err(Flaw::ChunkEnd),
            (At::TrailerStart | At::Trailer | At::TrailerLineFeed | At::LastLineFeed, _) => {
                return Err(Flaw::Trailers);
            }
            (At::Data | At::End, _) => unreachable!("data and what comes after the end are not read here"),
        })
    }

    fn within(&self, bytes_max: usize, flaw: Flaw, next: At) -> Result<At, Flaw> {
        if self.length > bytes_max { Err(flaw) } else { Ok(next) }
    }
}
