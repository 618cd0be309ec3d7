//! One connection: requests one after the other, each to its path.

use std::io::{self, BufReader, Write};
use std::net::TcpStream;

use super::answer::{self, Then};
use super::fate::Fate;
use super::models;
use super::ping::PingAnswer;
use super::request::Request;
use super::server::Server;

/// Serves until either side closes.
pub(super) fn serve(stream: TcpStream, server: &Server) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    while let Some(request) = Request::read(&mut reader)? {
        let stream = reader.get_mut();
        let then = match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/ping") => ping(stream, server)?,
            ("POST", "/invocations") => {
                let _in_flight = server.begin();
                answer::give(stream, &request, server)?
            }
            _ => match models::serve(stream, &request, server) {
                Some(then) => then?,
                None => plain(stream, 404, "no such path")?,
            },
        };
        let asked = request.header("connection").is_some_and(|text| text.eq_ignore_ascii_case("close"));
        if asked || then == Then::Close {
            break;
        }
    }
    Ok(())
}

/// A short answer without commands.
pub(super) fn plain(stream: &mut TcpStream, status: u16, text: &str) -> io::Result<Then> {
    let length = text.len();
    let answer = format!(
        "HTTP/1.1 {status} Test\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{text}"
    );
    stream.write_all(answer.as_bytes())?;
    Ok(Then::KeepOpen)
}

fn ping(stream: &mut TcpStream, server: &Server) -> io::Result<Then> {
    match server.health.next(server.invocations()) {
        PingAnswer::Status(status) => plain(stream, status, ""),
        PingAnswer::Hang => {
            Fate::Hang.meet(stream);
            Ok(Then::Close)
        }
    }
}
