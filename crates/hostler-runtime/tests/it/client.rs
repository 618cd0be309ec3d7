//! A small HTTP/1.1 client that shares no code with the server and can also misbehave.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// No test waits this long unless something hangs.
const DEADLINE: Duration = Duration::from_mins(1);

pub(crate) struct Client {
    reader: BufReader<TcpStream>,
}

#[derive(Debug, PartialEq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(known, _)| known == name)?;
        Some(value)
    }
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        Self { reader: BufReader::new(stream) }
    }

    pub(crate) fn send(&mut self, text: &str) {
        self.reader.get_mut().write_all(text.as_bytes()).unwrap();
    }

    /// Says that nothing more will be sent.
    pub(crate) fn finish_sending(&mut self) {
        self.reader.get_mut().shutdown(std::net::Shutdown::Write).unwrap();
    }

    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.reader.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Reads one answer; one to HEAD has no body, whatever length it names.
    pub(crate) fn reply(&mut self, has_body: bool) -> Reply {
        let (mut reply, body) = self.reply_of_bytes(has_body);
        reply.body = String::from_utf8(body).unwrap();
        reply
    }

    /// An answer whose body is no text; it stands beside the reply.
    fn reply_of_bytes(&mut self, has_body: bool) -> (Reply, Vec<u8>) {
        let status_line = self.line();
        let status = status_line.split(' ').nth(1).expect(&status_line).parse().unwrap();
        let mut headers = Vec::new();
        loop {
            let line = self.line();
            let Some((name, value)) = line.split_once(':') else {
                break;
            };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let reply = Reply { status, headers, body: String::new() };
        let length = reply.header("content-length").map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; if has_body { length } else { 0 }];
        self.reader.read_exact(&mut body).unwrap();
        (reply, body)
    }

    pub(crate) fn get(&mut self, path: &str) -> Reply {
        self.send(&format!("GET {path} HTTP/1.1\r\nHost: model\r\n\r\n"));
        self.reply(true)
    }

    /// `headers` are whole lines, each with its line end.
    pub(crate) fn invoke(&mut self, headers: &str, body: &str) -> Reply {
        self.send(&invocation(headers, body));
        self.reply(true)
    }

    /// The same for bodies that are no text.
    pub(crate) fn invoke_bytes(&mut self, headers: &str, body: &[u8]) -> (Reply, Vec<u8>) {
        self.send(&invocation_head(headers, body.len()));
        self.reader.get_mut().write_all(body).unwrap();
        self.reply_of_bytes(true)
    }

    pub(crate) fn is_closed(&mut self) -> bool {
        matches!(self.reader.read(&mut [0]), Ok(0) | Err(_))
    }
}

pub(crate) fn invocation(headers: &str, body: &str) -> String {
    invocation_head(headers, body.len()) + body
}

fn invocation_head(headers: &str, length: usize) -> String {
    format!("POST /invocations HTTP/1.1\r\nHost: model\r\nContent-Length: {length}\r\n{headers}\r\n")
}
