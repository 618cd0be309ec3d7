//! Reads one HTTP/1.1 request.
//!
//! Invariants: bounded head and body; header names in lower case, values as Latin-1, as Python's servers show them.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;

const HEAD_BYTES_MAX: usize = 64 * 1024;
const HEADERS_MAX: usize = 128;
/// Above what a gateway lets through.
const BODY_BYTES_MAX: u64 = 256 * 1024 * 1024;
const LINE_BYTES_MAX: u64 = 1024;

/// A request as it came.
#[derive(Debug, Default)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Request {
    /// The value of a header, by its name in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|header| header.0 == name).map(|header| header.1.as_str())
    }

    /// The next request of a connection; none when the client hung up between two.
    pub(super) fn read(reader: &mut BufReader<TcpStream>) -> io::Result<Option<Self>> {
        let Some(head) = read_head(reader)? else { return Ok(None) };
        let mut request = parse_head(&head)?;
        let is = |name: &str, value: &str| {
            request.header(name).is_some_and(|text| text.trim().eq_ignore_ascii_case(value))
        };
        if is("expect", "100-continue") {
            reader.get_mut().write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        request.body = if is("transfer-encoding", "chunked") {
            read_chunks(reader)?
        } else {
            let length = request.header("content-length").map_or(Ok(0), |text| text.trim().parse());
            read_exactly(reader, length.map_err(|_| broken("its Content-Length is not a number"))?)?
        };
        Ok(Some(request))
    }
}

fn read_head(reader: &mut BufReader<TcpStream>) -> io::Result<Option<Vec<u8>>> {
    let mut head = Vec::new();
    loop {
        let before = head.len();
        let limit = (HEAD_BYTES_MAX - before) as u64;
        reader.by_ref().take(limit).read_until(b'\n', &mut head)?;
        match &head[before..] {
            [] if head.is_empty() => return Ok(None),
            [] => return Err(broken("its head does not end, or is too long")),
            b"\r\n" | b"\n" => return Ok(Some(head)),
            _ => {}
        }
    }
}

fn parse_head(head: &[u8]) -> io::Result<Request> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut parsed = httparse::Request::new(&mut headers);
    parsed.parse(head).map_err(|error| broken(&error.to_string()))?;
    let headers = parsed.headers.iter().map(|header| {
        let value = header.value.iter().copied().map(char::from).collect();
        (header.name.to_ascii_lowercase(), value)
    });
    Ok(Request {
        method: parsed.method.unwrap_or_default().to_owned(),
        path: parsed.path.unwrap_or_default().to_owned(),
        headers: headers.collect(),
        body: Vec::new(),
    })
}

fn read_chunks(reader: &mut BufReader<TcpStream>) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = read_line(reader)?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = u64::from_str_radix(size, 16).map_err(|_| broken("a chunk's size is not a number"))?;
        if size == 0 {
            while !read_line(reader)?.is_empty() {}
            return Ok(body);
        }
        if body.len() as u64 + size > BODY_BYTES_MAX {
            return Err(broken("its body is too long"));
        }
        body.append(&mut read_exactly(reader, size)?);
        read_line(reader)?;
    }
}

fn read_line(reader: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut line = String::new();
    reader.by_ref().take(LINE_BYTES_MAX).read_line(&mut line)?;
    if line.ends_with('\n') { Ok(line.trim().to_owned()) } else { Err(broken("a line does not end")) }
}

fn read_exactly(reader: &mut BufReader<TcpStream>, length: u64) -> io::Result<Vec<u8>> {
    if length > BODY_BYTES_MAX {
        return Err(broken("its body is too long"));
    }
    let mut body = Vec::new();
    reader.by_ref().take(length).read_to_end(&mut body)?;
    if body.len() as u64 == length { Ok(body) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

fn broken(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the request is broken: {why}"))
}
