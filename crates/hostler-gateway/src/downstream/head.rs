//! The head of a request: whether it is an invocation of the plain shape, and what it says.
//!
//! Why: lines and fields are read by httparse, which hyper reads them with, set as hyper sets it; here is only which of
//! them are taken. No I/O here, so that a test can cut the bytes wherever it likes.
//! Invariants: what is taken means the same to hyper. One length of digits alone, no coding, no expectation, no upgrade,
//! HTTP/1.1, a path that nobody could read in two ways: everything else is foreign, and hyper's to judge.

use std::mem::MaybeUninit;

use hostler_aws::{Field, Head};
use httparse::{Header, ParserConfig, Status};

/// How every request begins that is taken.
const BEGINNING: &[u8] = b"POST /endpoints/";

/// Fields of a head; hyper refuses more.
const FIELDS_MAX: usize = 100;

/// Something else than an invocation, or a head that somebody else has to judge.
#[derive(Debug)]
pub(super) struct Foreign;

/// The head of an invocation.
#[derive(Debug)]
pub(super) struct Decoded<'a> {
    /// So many bytes are the head.
    pub(super) length: usize,
    pub(super) head: Head<'a>,
    /// So many bytes after it are its body.
    pub(super) body_bytes: u64,
    /// The client wants nothing more.
    pub(super) closes: bool,
}

/// Whether these bytes, which may go on, may be the beginning of an invocation.
pub(super) fn may_begin(bytes: &[u8]) -> bool {
    let length = bytes.len().min(BEGINNING.len());
    bytes[..length] == BEGINNING[..length]
}

/// Whether a head may end in these bytes; those before them had no end.
pub(super) fn may_end_in(bytes: &[u8]) -> bool {
    bytes.windows(2).any(|pair| pair == b"\n\n") || bytes.windows(3).any(|three| three == b"\n\r\n")
}

/// Reads a head; none when it goes on.
pub(super) fn decode(bytes: &[u8]) -> Result<Option<Decoded<'_>>, Foreign> {
    if !may_begin(bytes) {
        return Err(Foreign);
    }
    let mut fields = [const { MaybeUninit::<Header>::uninit() }; FIELDS_MAX];
    let mut request = httparse::Request::new(&mut []);
    let parsed = ParserConfig::default().parse_request_with_uninit_headers(&mut request, bytes, &mut fields);
    let length = match parsed {
        Ok(Status::Complete(length)) => length,
        Ok(Status::Partial) => return Ok(None),
        Err(_) => return Err(Foreign),
    };
    let (Some(1), Some(target)) = (request.version, request.path) else { return Err(Foreign) };
    interpret(length, target, request.headers).map(Some).ok_or(Foreign)
}

fn interpret<'a>(length: usize, target: &'a str, lines: &[Header<'a>]) -> Option<Decoded<'a>> {
    if !target.bytes().all(is_plain) {
        return None;
    }
    let (mut body_bytes, mut closes) = (None, false);
    let mut fields = Vec::with_capacity(lines.len());
    for &Header { name, value } in lines {
        let field = Field { name, value };
        match name.len() {
            6 if field.is("expect") => return None,
            7 if field.is("upgrade") => return None,
            10 if field.is("connection") => closes |= read_connection(value)?,
            14 if field.is("content-length") => {
                if body_bytes.is_some() {
                    return None;
                }
                body_bytes = Some(read_length(value)?);
            }
            17 if field.is("transfer-encoding") => return None,
            _ => {}
        }
        fields.push(field);
    }
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let head = Head { method: "POST", path, query, authority: None, fields };
    Some(Decoded { length, head, body_bytes: body_bytes?, closes })
}

/// Of a path and a query, what every reader reads as it stands.
fn is_plain(byte: u8) -> bool {
    PLAIN[usize::from(byte)]
}

static PLAIN: [bool; 256] = {
    let (mut plain, others) = ([false; 256], b"/-._~%?=&+:,;@!$'()*");
    let mut byte = 0;
    while byte < plain.len() {
        plain[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let mut at = 0;
    while at < others.len() {
        plain[others[at] as usize] = true;
        at += 1;
    }
    plain
};

/// Digits alone, and not more of them than a number has.
fn read_length(value: &[u8]) -> Option<u64> {
    if value.is_empty() || value.len() > 19 || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(value.iter().fold(0, |length, digit| length * 10 + u64::from(digit - b'0')))
}

/// Whether it says that the connection closes; none when it says anything that is not known here.
fn read_connection(value: &[u8]) -> Option<bool> {
    let mut closes = false;
    for option in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
        if option.eq_ignore_ascii_case(b"close") {
            closes = true;
        } else if !option.eq_ignore_ascii_case(b"keep-alive") {
            return None;
        }
    }
    Some(closes)
}

#[cfg(test)]
mod tests;
