//! The process: start, listen, a thread per connection, and its end by SIGTERM.
//!
//! Why: blocking threads, because a command may sleep, hang or spin, and nobody else may notice.
//! Invariants: bounded connections; memory that was eaten is never given back.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{self, Child, Command, ExitCode};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rustix::process::setsid;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::low_level::pipe;

use super::connection;
use super::fate::kill_self;
use super::models::Models;
use super::ping::Health;
use super::session::Sessions;
use super::start::{Start, Stop};
use super::wish::Wish;

/// A test that opens more has lost count.
const CONNECTIONS_MAX: usize = 2048;
const MIB: usize = 1024 * 1024;
/// The hidden argument that makes the process a child that only SIGKILL ends.
const CHILD: &str = "child-that-ignores-sigterm";
/// A child that somebody forgot ends by itself.
const CHILD_LIFE: Duration = Duration::from_secs(3600);
const EXIT_CODE_USAGE: u8 = 2;
const EXIT_CODE_AFTER: i32 = 7;

/// What the connections share.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) model_dir: PathBuf,
    pub(super) every: Wish,
    pub(super) health: Health,
    pub(super) sessions: Sessions,
    pub(super) models: Models,
    invocations: AtomicU64,
    in_flight: AtomicU64,
    eaten: Mutex<Vec<Vec<u8>>>,
}

/// An invocation under way.
pub(super) struct InFlight<'a>(&'a Server);

impl Server {
    pub(super) fn begin(&self) -> InFlight<'_> {
        self.invocations.fetch_add(1, Ordering::Relaxed);
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(self)
    }

    /// Begun so far.
    pub(super) fn invocations(&self) -> u64 {
        self.invocations.load(Ordering::Relaxed)
    }

    pub(super) fn in_flight(&self) -> u64 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Takes memory and writes to all of it.
    pub(super) fn eat(&self, mib: u64) {
        for _ in 0..mib {
            // A value other than zero, so that the kernel has to give real pages.
            let piece = vec![1; MIB];
            self.eaten.lock().unwrap_or_else(PoisonError::into_inner).push(piece);
        }
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The whole program; the arguments come without its name.
pub fn run(arguments: Vec<String>) -> ExitCode {
    if arguments == [CHILD] {
        return live_as_child();
    }
    let result = Start::read(&arguments).and_then(|start| {
        serve(start).map_err(|error| error.to_string()) //
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(what) => {
            complain(&what);
            ExitCode::from(EXIT_CODE_USAGE)
        }
    }
}

/// A line on standard error.
pub(super) fn complain(what: &str) {
    let _ = writeln!(io::stderr(), "hostler-testmodel: {what}");
}

/// A line on standard output.
pub(super) fn say(what: &str) {
    let _ = writeln!(io::stdout(), "{what}");
}

fn serve(start: Start) -> io::Result<()> {
    // Before anything that takes time: a start must be stoppable too.
    let (mut signals, on_signal) = UnixStream::pair()?;
    pipe::register(SIGTERM, on_signal.try_clone()?)?;
    pipe::register(SIGINT, on_signal)?;
    let stop = start.stop;
    let child = start.child.then(keep_child).transpose()?;
    thread::spawn(move || {
        if let Err(error) = begin(start) {
            complain(&error.to_string());
            process::exit(i32::from(EXIT_CODE_USAGE));
        }
    });
    loop {
        signals.read_exact(&mut [0])?;
        if let Stop::After(delay) = stop {
            thread::sleep(delay);
            if let Some(mut child) = child {
                child.kill()?;
                child.wait()?;
            }
            return Ok(());
        }
    }
}

/// Everything up to listening, then listening for ever.
fn begin(start: Start) -> io::Result<()> {
    let server = Arc::new(Server {
        model_dir: start.model_dir,
        every: start.every,
        health: Health::new(start.ping),
        sessions: Sessions::default(),
        models: Models::new(start.many_models, start.models_most, start.keeps_models),
        invocations: AtomicU64::new(0),
        in_flight: AtomicU64::new(0),
        eaten: Mutex::default(),
    });
    if let Some(words) = start.words {
        let _ = writeln!(io::stderr(), "{words}");
    }
    server.eat(start.eat_mib);
    thread::sleep(start.delay);
    if let Some(signal) = start.signal {
        kill_self(signal);
    }
    if let Some(code) = start.exit {
        process::exit(code);
    }
    if start.hang || start.signal.is_some() {
        loop {
            thread::park();
        }
    }
    let listener = TcpListener::bind((start.listen, start.port))?;
    say(&format!(
        "listening on {} with model directory {}, pid {}",
        listener.local_addr()?,
        server.model_dir.display(),
        process::id()
    ));
    if let Some(after) = start.exit_after {
        thread::spawn(move || {
            thread::sleep(after);
            process::exit(EXIT_CODE_AFTER);
        });
    }
    let open = Arc::new(AtomicUsize::new(0));
    for stream in listener.incoming() {
        accept(stream?, &server, &open);
    }
    Ok(())
}

fn accept(stream: TcpStream, server: &Arc<Server>, open: &Arc<AtomicUsize>) {
    if open.fetch_add(1, Ordering::Relaxed) >= CONNECTIONS_MAX {
        open.fetch_sub(1, Ordering::Relaxed);
        complain("too many connections");
        return;
    }
    let (server, open) = (Arc::clone(server), Arc::clone(open));
    thread::spawn(move || {
        if let Err(error) = connection::serve(stream, &server) {
            complain(&error.to_string());
        }
        open.fetch_sub(1, Ordering::Relaxed);
    });
}

fn keep_child() -> io::Result<Child> {
    Command::new(std::env::current_exe()?).arg(CHILD).spawn()
}

fn live_as_child() -> ExitCode {
    // Whatever is registered takes the place of the signal's own effect.
    let ignored = UnixStream::pair().and_then(|(_, write)| pipe::register(SIGTERM, write));
    if let Err(error) = ignored {
        complain(&error.to_string());
        return ExitCode::FAILURE;
    }
    let _ = setsid();
    thread::sleep(CHILD_LIFE);
    ExitCode::SUCCESS
}
