//! The head of an answer: what the gateway wants of it, and how the body's end will be found.
//!
//! Why: lines and fields are read by httparse, which hyper and others read them with; here is only what they mean. Of the
//! headers those are kept that somebody above may ask for; the others end here.
//! Invariants: RFC 9112, sections 6 and 9.3, and where they leave a choice the strict one (see `framing`).

use http::{HeaderName, HeaderValue, StatusCode, header};
use httparse::{Error, Header, ParserConfig, Response, Status};

use super::{Flaw, Framing};
use crate::answer::Fields;
use std::mem::MaybeUninit;

/// Headers of a head.
pub(super) const HEADERS_MAX: usize = 100;

/// How SageMaker's headers begin.
const SPECIAL: &str = "x-amzn-";

/// What an answer begins with.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) status: StatusCode,
    /// `Content-Type` and those of SageMaker.
    pub(crate) fields: Fields,
    pub(crate) framing: Framing,
    /// The container would take another request on the connection.
    pub(crate) may_keep: bool,
}

/// Whether a head may end in these bytes; those before them had no end.
pub(super) fn may_end_in(bytes: &[u8]) -> bool {
    bytes.windows(2).any(|pair| pair == b"\n\n") || bytes.windows(3).any(|three| three == b"\n\r\n")
}

/// Reads a head: its length, and the head unless it is one of an interim answer. None when it has not ended.
pub(super) fn read(bytes: &[u8]) -> Result<Option<(usize, Option<Head>)>, Flaw> {
    // Empty lines before an answer would be passed over, and could be without end.
    if bytes.first().is_some_and(|first| *first != b'H') {
        return Err(Flaw::Head);
    }
    let mut headers = [const { MaybeUninit::<Header>::uninit() }; HEADERS_MAX];
    let mut response = Response::new(&mut []);
    let parsed =
        ParserConfig::default().parse_response_with_uninit_headers(&mut response, bytes, &mut headers);
    let length = match parsed {
        Ok(Status::Complete(length)) => length,
        Ok(Status::Partial) => return Ok(None),
        Err(Error::TooManyHeaders) => return Err(Flaw::TooManyHeaders),
        Err(_) => return Err(Flaw::Head),
    };
    let status = StatusCode::from_u16(response.code.unwrap_or_default()).map_err(|_| Flaw::Head)?;
    // Nobody asked for another protocol: such an answer is one like any other, and the last.
    if status.is_informational() && status != StatusCode::SWITCHING_PROTOCOLS {
        return Ok(Some((length, None)));
    }
    interpret(status, response.version == Some(1), response.headers).map(|head| Some((length, Some(head))))
}

fn interpret(status: StatusCode, is_1_1: bool, lines: &[Header<'_>]) -> Result<Head, Flaw> {
    let mut fields = Fields::default();
    let (mut length, mut is_chunked) = (None, false);
    let (mut says_close, mut says_keep_alive) = (false, false);
    for line in lines {
        let name = line.name;
        if name.eq_ignore_ascii_case("content-length") {
            length = Some(read_length(line.value, length)?);
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            // Nobody asked for another coding, and twice chunked is one too.
            if is_chunked || !line.value.eq_ignore_ascii_case(b"chunked") {
                return Err(Flaw::Coding);
            }
            is_chunked = true;
        } else if name.eq_ignore_ascii_case("connection") {
            for option in line.value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
                says_close |= option.eq_ignore_ascii_case(b"close");
                says_keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
            }
        } else if name.eq_ignore_ascii_case("content-type") {
            keep(&mut fields, header::CONTENT_TYPE, line.value)?;
        } else if name.get(..SPECIAL.len()).is_some_and(|start| start.eq_ignore_ascii_case(SPECIAL)) {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| Flaw::Head)?;
            keep(&mut fields, name, line.value)?;
        }
    }
    let framing = framing(length, is_chunked, is_1_1)?;
    let has_no_body =
        matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED | StatusCode::SWITCHING_PROTOCOLS);
    // One that has no body and announces one may send it all the same.
    let is_clear = if has_no_body { length.unwrap_or(0) == 0 && !is_chunked } else { true };
    let framing = if has_no_body { Framing::Length(0) } else { framing };
    let may_keep = is_clear
        && framing != Framing::UntilClose
        && status != StatusCode::SWITCHING_PROTOCOLS
        && !says_close
        && (is_1_1 || says_keep_alive);
    Ok(Head { status, fields, framing, may_keep })
}

/// Where the standard lets a client choose between two readings, this is an error: whoever wrote the other may have
/// meant the rest of the bytes for somebody else.
fn framing(length: Option<u64>, is_chunked: bool, is_1_1: bool) -> Result<Framing, Flaw> {
    match (length, is_chunked) {
        (Some(_), true) => Err(Flaw::TwoFramings),
        // HTTP/1.0 has no chunks.
        (None, true) if !is_1_1 => Err(Flaw::Coding),
        (None, true) => Ok(Framing::Chunked),
        (Some(length), false) => Ok(Framing::Length(length)),
        (None, false) => Ok(Framing::UntilClose),
    }
}

/// A length may be said twice, if it is the same.
fn read_length(value: &[u8], before: Option<u64>) -> Result<u64, Flaw> {
    let mut length = before;
    for text in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
        let mut read: u64 = 0;
        if text.is_empty() {
            return Err(Flaw::Length);
        }
        for byte in text {
            if !byte.is_ascii_digit() {
                return Err(Flaw::Length);
            }
            let larger = read.checked_mul(10).and_then(|read| read.checked_add(u64::from(byte - b'0')));
            read = larger.ok_or(Flaw::Length)?;
        }
        if length.is_some_and(|length| length != read) {
            return Err(Flaw::Length);
        }
        length = Some(read);
    }
    length.ok_or(Flaw::Length)
}

fn keep(fields: &mut Fields, name: HeaderName, value: &[u8]) -> Result<(), Flaw> {
    let value = HeaderValue::from_bytes(value).map_err(|_| Flaw::Head)?;
    fields.push(name, value);
    Ok(())
}
