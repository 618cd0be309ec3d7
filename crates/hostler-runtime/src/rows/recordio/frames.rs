//! RecordIO frames: a magic number, a length, a payload, and padding to four bytes.
//!
//! Why: the format is MXNet's (dmlc-core's). Its writer splits a record wherever the record itself holds the
//! magic number at a multiple of four bytes, and marks the parts in the upper three bits of the length; the
//! reader puts the magic number back between them.
//! Invariants: a record in one part is a slice of the body; one in several is joined in one buffer, which is
//! never longer than the body. The padding's content and its absence at the very end mean nothing.

use crate::rows::RowsError;

pub(super) const MAGIC: u32 = 0xCED7_230A;

const HEADER_BYTES: usize = 8;
const LENGTH_BITS: u32 = 29;

pub(super) struct Frames<'a> {
    body: &'a [u8],
    at: usize,
    joined: Vec<u8>,
}

/// Which part of a record a frame holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Whole,
    First,
    Middle,
    Last,
}

impl<'a> Frames<'a> {
    pub(super) fn new(body: &'a [u8]) -> Self {
        Self { body, at: 0, joined: Vec::new() }
    }

    /// The next whole record; None at the end of the body.
    pub(super) fn next(&mut self) -> Result<Option<&[u8]>, RowsError> {
        if self.at == self.body.len() {
            return Ok(None);
        }
        let start = self.at;
        let (part, payload) = self.frame()?;
        match part {
            Part::Whole => return Ok(Some(payload)),
            Part::First => {}
            Part::Middle | Part::Last => {
                return Err(wrong(start, "a later part of a record without its first part"));
            }
        }
        self.joined.clear();
        self.joined.extend_from_slice(payload);
        loop {
            let start = self.at;
            if start == self.body.len() {
                return Err(wrong(start, "the body ends before the last part of a record"));
            }
            let (part, payload) = self.frame()?;
            if matches!(part, Part::Whole | Part::First) {
                return Err(wrong(start, "a new record begins before the last part of the one before it"));
            }
            self.joined.extend_from_slice(&MAGIC.to_le_bytes());
            self.joined.extend_from_slice(payload);
            if part == Part::Last {
                return Ok(Some(&self.joined));
            }
        }
    }

    fn frame(&mut self) -> Result<(Part, &'a [u8]), RowsError> {
        let start = self.at;
        let rest = &self.body[start..];
        let magic = word(rest);
        if magic != Some(MAGIC) {
            let found =
                magic.map_or_else(|| "the end of the body".to_owned(), |word| format!("0x{word:08x}"));
            return Err(wrong(
                start,
                format!("expected a frame's magic number 0x{MAGIC:08x}, found {found}"),
            ));
        }
        let Some(field) = word(&rest[4..]) else {
            return Err(wrong(start, "the body ends inside the header of a frame"));
        };
        let part = match field >> LENGTH_BITS {
            0 => Part::Whole,
            1 => Part::First,
            2 => Part::Middle,
            3 => Part::Last,
            flag => return Err(wrong(start + 4, format!("the continuation flag {flag} is not known"))),
        };
        let length = (field & ((1 << LENGTH_BITS) - 1)) as usize;
        let rest = &rest[HEADER_BYTES..];
        let Some(payload) = rest.get(..length) else {
            let problem = format!("the frame claims {length} bytes, the body has {} more", rest.len());
            return Err(wrong(start + 4, problem));
        };
        self.at = (start + HEADER_BYTES + length.next_multiple_of(4)).min(self.body.len());
        Ok((part, payload))
    }
}

/// How many frames a body has until its end or the first mistake.
pub(super) fn count(body: &[u8]) -> usize {
    let mut frames = Frames::new(body);
    let mut count = 0;
    while frames.at < body.len() && frames.frame().is_ok() {
        count += 1;
    }
    count
}

/// The little-endian number at the start of these bytes.
fn word(bytes: &[u8]) -> Option<u32> {
    bytes.first_chunk().map(|word| u32::from_le_bytes(*word))
}

fn wrong(at: usize, problem: impl Into<String>) -> RowsError {
    RowsError::Frame { at: at + 1, problem: problem.into() }
}
