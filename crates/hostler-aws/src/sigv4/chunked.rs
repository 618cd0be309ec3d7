//! Decodes aws-chunked bodies, verifying each chunk, the trailer and its checksums.
//!
//! Why: S3 clients send bodies of which they know neither hash nor checksum beforehand; both come piece by piece, or
//! after the end. The decoder does no I/O: bytes are pushed in and data comes out, so that any server can drive it.
//! Invariants: never holds more than one line; data is a slice of what was pushed in. What comes out is provisional
//! until [`ChunkedDecoder::finish`] has answered: whoever stores it commits only then.
//! Failure: after an error every further call is the same error.

use bytes::{Buf, Bytes};
use ring::digest;

use crate::ApiError;
use http::StatusCode;

use super::checksum::{Checksum, ChecksumKind};
use super::key::sha256_hex;
use super::verify::{ChunkSigning, ChunkedPayload};

/// Bytes of a chunk's header line: 16 digits of size and a signature make about 100.
const CHUNK_HEADER_BYTES_MAX: usize = 512;
/// Bytes of the whole trailer, line ends included.
const TRAILER_BYTES_MAX: usize = 8 * 1024;
/// SHA-256 of nothing, a part of every chunk's string to sign.
const EMPTY_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// Why a chunked body was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    /// A chunk's header line is not `size[;chunk-signature=…]`.
    #[error("the chunk at byte {offset} of the decoded body has a header that is not a size and a signature")]
    Header {
        /// Where the chunk would begin in the decoded body.
        offset: u64,
    },
    /// A line is longer than any honest one.
    #[error("a {what} of more than {max} bytes")]
    TooLong {
        /// Which line.
        what: &'static str,
        /// The limit.
        max: usize,
    },
    /// Chunks do not add up to `x-amz-decoded-content-length`.
    #[error("the chunks have {found} bytes or more, {declared} were declared")]
    Length {
        /// As declared.
        declared: u64,
        /// As found up to here.
        found: u64,
    },
    /// A chunk's or the trailer's signature is not the one.
    #[error("the signature of the {what} at byte {offset} of the decoded body does not match")]
    Signature {
        /// Chunk or trailer.
        what: &'static str,
        /// Where it stands.
        offset: u64,
    },
    /// The trailer is not what was announced.
    #[error("the trailer is not as announced: {0}")]
    Trailer(String),
    /// A checksum is not the body's.
    #[error("`{name}` is `{declared}`, the body has `{computed}`")]
    Checksum {
        /// The trailer's name.
        name: String,
        /// As sent.
        declared: String,
        /// As computed.
        computed: String,
    },
    /// The body ended early.
    #[error("the body ended inside the {0}")]
    Truncated(&'static str),
    /// Bytes after the end.
    #[error("bytes follow the end of the body")]
    Excess,
}

impl ChunkError {
    /// What an S3 client gets.
    pub fn to_api_error(&self) -> ApiError {
        let bad = |code: &'static str, text: String| ApiError::new(code, StatusCode::BAD_REQUEST, text);
        let error = match self {
            Self::Signature { .. } => ApiError::new(
                "SignatureDoesNotMatch",
                StatusCode::FORBIDDEN,
                "The request signature we calculated does not match the signature you provided. Check your key and \
                 signing method.",
            ),
            Self::Checksum { name, .. } => {
                let algorithm = name.rsplit('-').next().unwrap_or_default().to_ascii_uppercase();
                bad("BadDigest", format!("The {algorithm} you specified did not match the calculated checksum."))
            }
            Self::Length { .. } | Self::Truncated(_) => bad(
                "IncompleteBody",
                "You did not provide the number of bytes specified by the x-amz-decoded-content-length HTTP header"
                    .to_owned(),
            ),
            Self::Trailer(_) => bad(
                "MalformedTrailerError",
                "The request contained trailing data that was not well-formed or did not conform to our published \
                 schema."
                    .to_owned(),
            ),
            Self::Header { .. } | Self::TooLong { .. } | Self::Excess => {
                bad("InvalidRequest", format!("The aws-chunked body is malformed: {self}."))
            }
        };
        error.with_internal(self.to_string())
    }
}

/// Decodes one body.
#[derive(Debug)]
pub struct ChunkedDecoder {
    signatures: Option<Signatures>,
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

/// The chain of signatures.
#[derive(Debug)]
struct Signatures {
    signing: ChunkSigning,
    /// The last signature that was right, in hexadecimal.
    previous: String,
    /// The present chunk's.
    claimed: [u8; 32],
    data: Hash,
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
            signatures: signing.map(Signatures::new),
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
        if let Some(signatures) = &mut self.signatures {
            let signature = extension.trim().strip_prefix("chunk-signature=");
            let read = signature.and_then(|text| hex::decode(text).ok()?.try_into().ok());
            signatures.claimed = read.ok_or(ChunkError::Header { offset: self.decoded_length })?;
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
        if let Some(signatures) = &mut self.signatures {
            signatures.data.update(data);
        }
        for (_, checksum) in &mut self.checksums {
            checksum.update(data);
        }
    }

    fn end_chunk(&mut self) -> Result<(), ChunkError> {
        let is_signed = self.signatures.as_mut().is_none_or(Signatures::is_chunk_signed);
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
        if name == "x-amz-trailer-signature" && self.signatures.is_some() {
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
        let mut signatures = self.signatures.take();
        let is_signed = signatures.as_mut().is_none_or(|own| own.is_trailer_signed(&lines, signature));
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
        if self.has_trailer && self.signatures.is_some() {
            // Some clients put a second line end between the trailer and its signature.
            return Ok(());
        }
        self.state = State::Done;
        Ok(())
    }
}

impl Signatures {
    fn new(signing: ChunkSigning) -> Self {
        let previous = hex::encode(signing.seed);
        Self { signing, previous, claimed: [0; 32], data: Hash::new() }
    }

    fn is_chunk_signed(&mut self) -> bool {
        let data = std::mem::replace(&mut self.data, Hash::new()).finish();
        let last = format!("{EMPTY_SHA256}\n{data}");
        let claimed = self.claimed;
        self.is_next("AWS4-HMAC-SHA256-PAYLOAD", &last, &claimed)
    }

    fn is_trailer_signed(&mut self, lines: &str, signature: &str) -> bool {
        let mut claimed = [0; 32];
        hex::decode_to_slice(signature, &mut claimed).is_ok()
            && self.is_next("AWS4-HMAC-SHA256-TRAILER", &sha256_hex(lines.as_bytes()), &claimed)
    }

    fn is_next(&mut self, algorithm: &str, last: &str, claimed: &[u8; 32]) -> bool {
        let ChunkSigning { key, date, scope, .. } = &self.signing;
        let text = format!("{algorithm}\n{date}\n{scope}\n{}\n{last}", self.previous);
        self.previous = hex::encode(claimed);
        key.is_signature(&text, claimed)
    }
}

/// SHA-256 in the making.
struct Hash(digest::Context);

impl Hash {
    fn new() -> Self {
        Self(digest::Context::new(&digest::SHA256))
    }

    fn update(&mut self, data: &[u8]) {
        self.0.update(data);
    }

    fn finish(self) -> String {
        hex::encode(self.0.finish())
    }
}

impl std::fmt::Debug for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hash(…)")
    }
}

fn cut(text: &str) -> String {
    text.chars().take(64).collect()
}
