//! Decodes aws-chunked bodies, verifying each chunk, the trailer and its checksums.
//!
//! Why: S3 clients send bodies of which they know neither hash nor checksum beforehand; both come piece by piece, or
//! after the end. The decoder does no I/O: bytes are pushed in and data comes out, so that any server can drive it.
//! Invariants: never holds more than one line; data is a slice of what was pushed in. What comes out is provisional
//! until [`ChunkedDecoder::finish`] has answered: whoever stores it commits only then.
//! Failure: after an error every further call is the same error.

use bytes::{Buf, Bytes};

use super::ChunkedPayload;
use super::checksum::{Checksum, ChecksumKind};

use self::chain::Chain;

mod chain;
mod error;

pub use self::error::ChunkError;

/// Bytes of a chunk's header line: 16 digits of size and a signature make about 100.
const CHUNK_HEADER_BYTES_MAX: usize = 512;
/// Bytes of the whole trailer, line ends included.
const TRAILER_BYTES_MAX: usize = 8 * 1024;
/// Decodes one body.
#[derive(Debug)]
pub struct ChunkedDecoder {
    chain: Option<Chain>,
    has_trailer: bool,
    announced: Vec<String>,
    checksums: Vec<(String, Checksum)>,
    declared_length: u64,
    decoded_length: u64,
    line: Vec<u8>,
    trailer_bytes: usize,
    trailers: Vec<(String, String)>,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Reading a chunk's header line.
    Header,
    /// Reading a chunk's data.
    Data { remaining: u64 },
    /// Reading the line end after a chunk's data.
    DataEnd,
    /// Reading the trailer; without one, its closing empty line.
    Trailer,
    /// The closing empty line was read.
    Done,
    /// Something was wrong.
    Failed(ChunkError),
}

impl ChunkedDecoder {
    /// A decoder for the body of a verified head.
    pub fn new(payload: ChunkedPayload) -> Self {
        let ChunkedPayload { signing, has_trailer, trailer_names, decoded_length } = payload;
        let checksums = trailer_names
            .iter()
            .filter_map(|name| Some((name.clone(), Checksum::new(ChecksumKind::of_header(name)?))))
            .collect();
        Self {
            chain: signing.map(Chain::new),
            has_trailer,
            announced: trailer_names,
            checksums,
            declared_length: decoded_length,
            decoded_length: 0,
            line: Vec::new(),
            trailer_bytes: 0,
            trailers: Vec::new(),
            state: State::Header,
        }
    }

    /// Takes the next bytes of the body and gives the data in them.
    pub fn feed(&mut self, mut input: Bytes) -> Result<Vec<Bytes>, ChunkError> {
        if let State::Failed(error) = &self.state {
            return Err(error.clone());
        }
        let mut out = Vec::new();
        while !input.is_empty() {
            if let Err(error) = self.step(&mut input, &mut out) {
                self.state = State::Failed(error.clone());
                return Err(error);
            }
        }
        Ok(out)
    }

    /// Says whether the body was whole; everything before this answer is provisional.
    pub fn finish(mut self) -> Result<Vec<(String, String)>, ChunkError> {
        match self.state {
            State::Header | State::DataEnd => return Err(ChunkError::Truncated("chunk header")),
            State::Data { .. } => return Err(ChunkError::Truncated("chunk data")),
            State::Trailer => return Err(ChunkError::Truncated("trailer")),
            State::Failed(error) => return Err(error),
            State::Done => {}
        }
        if self.decoded_length != self.declared_length {
            return Err(ChunkError::Length { declared: self.declared_length, found: self.decoded_length });
        }
        for (name, checksum) in self.checksums.drain(..) {
            let declared = self.trailers.iter().find(|(found, _)| *found == name).map(|(_, value)| value);
            match (declared, checksum.finish()) {
                (Some(declared), Some(computed)) if *declared != computed => {
                    return Err(ChunkError::Checksum { name, declared: declared.clone(), computed });
                }
                _ => {}
            }
        }
        Ok(self.trailers)
    }

    fn step(&mut self, input: &mut Bytes, out: &mut Vec<Bytes>) -> Result<(), ChunkError> {
        match self.state {
            State::Header => {
                let limit = ("chunk header", CHUNK_HEADER_BYTES_MAX);
                let Some(line) = self.take_line(input, limit)? else { return Ok(()) };
                self.begin_chunk(&line)
            }
            State::Data { remaining } => {
                let length = usize::try_from(remaining).unwrap_or(usize::MAX).min(input.len());
                let data = input.split_to(length);
                self.take_data(&data);
                out.push(data);
                self.state = match remaining - length as u64 {
                    0 => State::DataEnd,
                    remaining => State::Data { remaining },
                };
                Ok(())
            }
            State::DataEnd => {
                let limit = ("line end after a chunk", 2);
                let Some(line) = self.take_line(input, limit)? else { return Ok(()) };
                if !line.is_empty() {
                    return Err(ChunkError::Header { offset: self.decoded_length });
                }
                self.end_chunk()?;
                self.state = State::Header;
                Ok(())
            }
            State::Trailer => {
                let limit = ("trailer", TRAILER_BYTES_MAX.saturating_sub(self.trailer_bytes));
                let before = input.len() + self.line.len();
                let Some(line) = self.take_line(input, limit)? else { return Ok(()) };
                self.trailer_bytes += before - input.len();
                self.take_trailer(&line)
            }
            State::Done => {
                // Some clients end the trailer with one line end too many.
                let is_line_end = input.iter().all(|byte| matches!(byte, b'\r' | b'\n'));
                self.trailer_bytes += input.len();
                input.advance(input.len());
                let is_short = self.trailer_bytes <= TRAILER_BYTES_MAX;
                if is_line_end && is_short { Ok(()) } else { Err(ChunkError::Excess) }
            }
            State::Failed(ref error) => Err(error.clone()),
        }
    }

    /// The next line without its end; none when it is not whole yet.
    fn take_line(
        &mut self,
        input: &mut Bytes,
        (what, max): (&'static str, usize),
    ) -> Result<Option<Vec<u8>>, ChunkError> {
        let end = input.iter().position(|byte| *byte == b'\n');
        let taken = end.map_or(input.len(), |end| end + 1);
        if self.line.len() + taken > max {
            return Err(ChunkError::TooLong { what, max });
        }
        self.line.extend_from_slice(&input.split_to(taken));
        if end.is_none() {
            return Ok(None);
        }
        let mut line = std::mem::take(&mut self.line);
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        Ok(Some(line))
    }

    fn begin_chunk(&mut self, line: &[u8]) -> Result<(), ChunkError> {
        let malformed = || ChunkError::Header { offset: self.decoded_length };
        let line = std::str::from_utf8(line).map_err(|_| malformed())?;
        let (size, extension) = line.split_once(';').unwrap_or((line, ""));
        let is_hex =
            !size.is_empty() && size.len() <= 16 && size.bytes().all(|byte| byte.is_ascii_hexdigit());
        let size = u64::from_str_radix(size, 16).ok().filter(|_| is_hex).ok_or_else(malformed)?;
        if let Some(chain) = &mut self.chain {
            let signature = extension.trim().strip_prefix("chunk-signature=");
            let read = signature.and_then(|text| hex::decode(text).ok()?.try_into().ok());
            chain.claim(read.ok_or(ChunkError::Header { offset: self.decoded_length })?);
        }
        let found = self.decoded_length.saturating_add(size);
        if found > self.declared_length {
            return Err(ChunkError::Length { declared: self.declared_length, found });
        }
        if size == 0 {
            self.end_chunk()?;
            self.state = State::Trailer;
        } else {
            self.state = State::Data { remaining: size };
        }
        Ok(())
    }

    fn take_data(&mut self, data: &[u8]) {
        self.decoded_length += data.len() as u64;
        if let Some(chain) = &mut self.chain {
            chain.take_data(data);
        }
        for (_, checksum) in &mut self.checksums {
            checksum.update(data);
        }
    }

    fn end_chunk(&mut self) -> Result<(), ChunkError> {
        let is_signed = self.chain.as_mut().is_none_or(Chain::is_chunk_signed);
        let offset = self.decoded_length;
        if is_signed { Ok(()) } else { Err(ChunkError::Signature { what: "chunk", offset }) }
    }

    fn take_trailer(&mut self, line: &[u8]) -> Result<(), ChunkError> {
        if line.is_empty() {
            return self.end_trailer();
        }
        if !self.has_trailer {
            return Err(ChunkError::Trailer("it has none".to_owned()));
        }
        let text =
            std::str::from_utf8(line).map_err(|_| ChunkError::Trailer("it is not UTF-8".to_owned()))?;
        let (name, value) = text
            .split_once(':')
            .ok_or_else(|| ChunkError::Trailer("a line is not a name and a value".to_owned()))?;
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim().to_owned());
        if name == "x-amz-trailer-signature" && self.chain.is_some() {
            return self.verify_trailer(&value);
        }
        if !self.announced.contains(&name) {
            return Err(ChunkError::Trailer(format!("`{}` was not announced", cut(&name))));
        }
        if self.trailers.iter().any(|(found, _)| *found == name) {
            return Err(ChunkError::Trailer(format!("`{name}` comes twice")));
        }
        self.trailers.push((name, value));
        Ok(())
    }

    fn verify_trailer(&mut self, signature: &str) -> Result<(), ChunkError> {
        let mut lines = String::new();
        for (name, value) in &self.trailers {
            lines.extend([name.as_str(), ":", value, "\n"]);
        }
        // Taken out: a second signature has nothing left to sign.
        let mut chain = self.chain.take();
        let is_signed = chain.as_mut().is_none_or(|own| own.is_trailer_signed(&lines, signature));
        let offset = self.decoded_length;
        if is_signed { Ok(()) } else { Err(ChunkError::Signature { what: "trailer", offset }) }
    }

    fn end_trailer(&mut self) -> Result<(), ChunkError> {
        if let Some(missing) =
            self.announced.iter().find(|name| !self.trailers.iter().any(|(found, _)| found == *name))
            && self.has_trailer
        {
            return Err(ChunkError::Trailer(format!("`{}` was announced and is missing", cut(missing))));
        }
        if self.has_trailer && self.chain.is_some() {
            // Some clients put a second line end between the trailer and its signature.
            return Ok(());
        }
        self.state = State::Done;
        Ok(())
    }
}

fn cut(text: &str) -> String {
    text.chars().take(64).collect()
}
