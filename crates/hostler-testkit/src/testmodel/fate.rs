//! The ways in which an invocation does not end as it should.
//!
//! Invariants: every fate flushes nothing: what was written before is on the wire, what was not is lost.

use std::io::{self, Read};
use std::net::{Shutdown, TcpStream};
use std::process;

use rustix::process::Signal;

/// One way to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Exit(i32),
    Signal(i32),
    Hang,
    Close,
}

impl Fate {
    /// Meets it on this connection; what is returned (if it returns) ends the connection.
    pub(super) fn meet(self, stream: &mut TcpStream) -> io::Error {
        match self {
            Self::Exit(code) => process::exit(code),
            Self::Signal(signal) => {
                kill_self(signal);
                wait_for_hang_up(stream)
            }
            Self::Hang => wait_for_hang_up(stream),
            Self::Close => {
                let _ = stream.shutdown(Shutdown::Both);
                io::ErrorKind::ConnectionAborted.into()
            }
        }
    }
}

/// A signal by number or by one of the names that tests use.
pub(super) fn parse_signal(text: &str) -> Option<i32> {
    let named = match text {
        "KILL" => Signal::KILL,
        "SEGV" => Signal::SEGV,
        "ABRT" => Signal::ABORT,
        "TERM" => Signal::TERM,
        "STOP" => Signal::STOP,
        _ => return text.parse().ok().filter(|number| Signal::from_named_raw(*number).is_some()),
    };
    Some(named.as_raw())
}

/// Does to this process what the signal does by default, whatever handler is there: Rust has one for `SEGV`.
pub(super) fn kill_self(signal: i32) {
    let _ = signal_hook::low_level::emulate_default_handler(signal);
}

fn wait_for_hang_up(stream: &mut TcpStream) -> io::Error {
    let mut ignored = [0; 4096];
    loop {
        match stream.read(&mut ignored) {
            Ok(0) => return io::ErrorKind::ConnectionAborted.into(),
            Ok(_) => {}
            Err(error) => return error,
        }
    }
}
