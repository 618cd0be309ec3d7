//! Carries out the commands of one invocation.
//!
//! Invariants: the order is fixed: log, memory, CPU, health, delay, then head and body, with the fate wherever `at`
//! says. Bytes are written as they come, so that whatever was sent before a fate is on the wire.

use std::fs::File;
use std::io::{self, Write};
use std::net::TcpStream;
use std::thread::sleep;
use std::time::Duration;

use tokio::time::Instant;

use super::connection::plain;
use super::request::Request;
use super::server::{Server, complain, say};
use super::wish::{At, Form, Length, Wish};
use super::{fate::Fate, tell};

const BINARY: &str = "application/octet-stream";
const LOOK_AGAIN: Duration = Duration::from_millis(2);
const WRITE_BYTES: usize = 64 * 1024;

/// What becomes of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    KeepOpen,
    Close,
}

/// Answers one invocation.
pub(super) fn give(stream: &mut TcpStream, request: &Request, server: &Server) -> io::Result<Then> {
    let mut wish = match Wish::of(request, &server.every) {
        Ok(wish) => wish,
        Err(what) => {
            complain(&what);
            return plain(stream, 400, &what);
        }
    };
    prepare(&wish, server)?;
    server.sessions.take_part(&mut wish, request);
    write(stream, request, server, &wish)
}

/// Writes the answer that was prepared.
pub(super) fn write(
    stream: &mut TcpStream,
    request: &Request,
    server: &Server,
    wish: &Wish,
) -> io::Result<Then> {
    let piece = match (&wish.body, wish.tell) {
        (_, Some(tell)) => tell::document(tell, request, server).to_string().into_bytes(),
        (Some(body), None) => body.clone(),
        (None, None) => request.body.clone(),
    };
    let mut out = Out { stream, fate: wish.fate, at: wish.at, sent: 0 };
    if wish.at == At::Start {
        out.meet_fate()?;
    }
    if let Some(status) = wish.interim {
        write!(out.stream, "HTTP/1.1 {status} Test\r\n\r\n")?;
    }
    out.stream.write_all(head(wish, request, piece.len() as u64).as_bytes())?;
    // A fate after no byte of the body, or after its head, is the same moment.
    if matches!(wish.at, At::Head | At::Byte(0)) {
        out.meet_fate()?;
    }
    match wish.form {
        Form::Plain => out.repeat(&piece, wish.repeat.unwrap_or(1), wish.pause_ms)?,
        Form::Chunks(count) => {
            let piece = piece.repeat(usize::try_from(wish.repeat.unwrap_or(1)).unwrap_or(usize::MAX));
            out.chunks(wish, count, |_| piece.clone())?;
        }
        Form::Events(count) => out.chunks(wish, count, |number| event(number, &piece))?,
    }
    // One that was to be met after more bytes than there are.
    if matches!(wish.at, At::Byte(_)) {
        out.meet_fate()?;
    }
    Ok(match wish.length {
        Length::None => Then::Close,
        Length::Off(off) if off > 0 || wish.form != Form::Plain => Then::Close,
        Length::Exact | Length::Off(_) => Then::KeepOpen,
    })
}

/// What comes before an answer's first byte.
pub(super) fn prepare(wish: &Wish, server: &Server) -> io::Result<()> {
    if let Some(text) = &wish.log {
        say(text);
    }
    server.eat(wish.eat_mib);
    let until = Instant::now() + Duration::from_millis(wish.spin_ms);
    while Instant::now() < until {
        std::hint::spin_loop();
    }
    if let Some(ping) = wish.ping {
        server.health.command(ping);
    }
    if let Some(listing) = wish.models {
        server.models.list_so(listing);
    }
    if let Some(path) = &wish.touch {
        File::create(path)?;
    }
    while wish.until.as_ref().is_some_and(|path| !path.exists()) {
        sleep(LOOK_AGAIN);
    }
    sleep(Duration::from_millis(wish.delay_ms));
    Ok(())
}

fn head(wish: &Wish, request: &Request, piece_bytes: u64) -> String {
    let content_type = match (&wish.content_type, wish.tell, wish.form) {
        (Some(asked), _, _) => asked.as_str(),
        (None, _, Form::Events(_)) => "text/event-stream",
        (None, Some(_), _) => "application/json",
        (None, None, _) => match request.header("accept") {
            Some(accept) if !accept.contains(['*', ',']) => accept,
            _ => request.header("content-type").unwrap_or(BINARY),
        },
    };
    let mut head =
        format!("HTTP/1.1 {} Test\r\nContent-Type: {content_type}\r\n", wish.status.unwrap_or(200));
    for header in &wish.headers {
        head += &format!("{header}\r\n");
    }
    let bytes = piece_bytes.saturating_mul(wish.repeat.unwrap_or(1));
    match (wish.form, wish.length) {
        (Form::Chunks(_) | Form::Events(_), _) => head += "Transfer-Encoding: chunked\r\n",
        (Form::Plain, Length::Exact) => head += &format!("Content-Length: {bytes}\r\n"),
        (Form::Plain, Length::Off(off)) => {
            head += &format!("Content-Length: {}\r\n", bytes.saturating_add_signed(off));
        }
        (Form::Plain, Length::None) => head += "Connection: close\r\n",
    }
    head + "\r\n"
}

/// An event with its number and the body's lines.
fn event(number: u64, piece: &[u8]) -> Vec<u8> {
    let mut event = format!("id: {number}\n").into_bytes();
    for line in piece.split(|&byte| byte == b'\n') {
        event.extend_from_slice(b"data: ");
        event.extend_from_slice(line);
        event.push(b'\n');
    }
    event.push(b'\n');
    event
}

/// The way out, which counts the body's bytes and knows when to stop.
struct Out<'a> {
    stream: &'a mut TcpStream,
    fate: Option<Fate>,
    at: At,
    sent: u64,
}

impl Out<'_> {
    fn meet_fate(&mut self) -> io::Result<()> {
        self.fate.take().map_or(Ok(()), |fate| Err(fate.meet(self.stream)))
    }

    fn repeat(&mut self, piece: &[u8], count: u64, pause_ms: u64) -> io::Result<()> {
        if pause_ms == 0 {
            // Many small bodies make one write.
            let at_once = (WRITE_BYTES / piece.len().max(1)).max(1) as u64;
            let block = piece.repeat(usize::try_from(at_once.min(count)).unwrap_or(1));
            for _ in 0..count / at_once {
                self.send(&block)?;
            }
            let left = usize::try_from(count % at_once).unwrap_or(0);
            return self.send(&block[..left * piece.len()]);
        }
        for number in 0..count {
            if number > 0 {
                sleep(Duration::from_millis(pause_ms));
            }
            self.send(piece)?;
        }
        Ok(())
    }

    fn chunks(&mut self, wish: &Wish, count: u64, piece: impl Fn(u64) -> Vec<u8>) -> io::Result<()> {
        for number in 0..count {
            if number > 0 {
                sleep(Duration::from_millis(wish.pause_ms));
            }
            let piece = piece(number);
            let mut size = piece.len() as u64;
            if let Length::Off(off) = wish.length
                && number + 1 == count
            {
                size = size.saturating_add_signed(off);
            }
            write!(self.stream, "{size:x}\r\n")?;
            self.send(&piece)?;
            self.stream.write_all(b"\r\n")?;
        }
        // A chunk that lied is the last thing that is said.
        if matches!(wish.length, Length::Off(_)) { Ok(()) } else { self.stream.write_all(b"0\r\n\r\n") }
    }

    /// Bytes of the body; the fate may be among them.
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let before = match self.at {
            At::Byte(at) if self.fate.is_some() && at > self.sent => {
                usize::try_from(at - self.sent).unwrap_or(usize::MAX).min(bytes.len())
            }
            _ => bytes.len(),
        };
        let (now, rest) = bytes.split_at(before);
        self.stream.write_all(now)?;
        self.sent += now.len() as u64;
        if self.at == At::Byte(self.sent) {
            self.meet_fate()?;
        }
        self.stream.write_all(rest)?;
        self.sent += rest.len() as u64;
        Ok(())
    }
}
