//! One program in the background of an engine: started with a log, waited for until it answers, ended by its process id.
//!
//! Why: the engine and the registries are all such; a test that fails for want of one must show its last words.
//! Invariants: the process is a child and not yet waited for while it is signalled, so its id is nobody else's.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use super::POLL;
use crate::test::Stopwatch;

/// How long one may take to its first answer, on a busy machine.
const START: Duration = Duration::from_secs(60);
/// SIGTERM first; an engine stops its containers within 15 seconds of it.
const STOP: Duration = Duration::from_secs(30);
const LINES: usize = 20;

/// Where it answers.
#[derive(Clone, Debug)]
pub(super) enum Address {
    Tcp(&'static str),
    Unix(PathBuf),
}

pub(super) struct Daemon {
    name: &'static str,
    log: PathBuf,
    child: Child,
}

impl Daemon {
    pub(super) fn start(name: &'static str, directory: &Path, command: &mut Command) -> Result<Self> {
        let log = directory.join(format!("{name}.log"));
        let file = File::create(&log).with_context(|| format!("making `{}`", log.display()))?;
        let errors = file.try_clone().context("sharing the log")?;
        command.stdin(Stdio::null()).stdout(file).stderr(errors);
        let child = command.spawn().with_context(|| format!("starting `{name}`"))?;
        Ok(Self { name, log, child })
    }

    /// Waits until it answers `path` with one of the statuses of a server that is well.
    pub(super) fn wait(&mut self, address: &Address, path: &str) -> Result<()> {
        let watch = Stopwatch::start();
        loop {
            if let Some(status) =
                self.child.try_wait().with_context(|| format!("asking for `{}`", self.name))?
            {
                bail!("`{}` ended with {status}:\n{}", self.name, self.last_words());
            }
            if matches!(ask(address, path), Ok(200 | 401)) {
                return Ok(());
            }
            if watch.elapsed() > START {
                bail!("`{}` did not answer within {} s:\n{}", self.name, START.as_secs(), self.last_words());
            }
            thread::sleep(POLL);
        }
    }

    pub(super) fn stop(&mut self) {
        let watch = Stopwatch::start();
        if let Some(pid) = Pid::from_raw(self.child.id() as i32) {
            let _ = kill_process(pid, Signal::TERM);
        }
        while watch.elapsed() < STOP {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(POLL);
        }
        // Both fail only when it ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn last_words(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LINES)..].join("\n")
    }
}

/// The status of one GET.
fn ask(address: &Address, path: &str) -> io::Result<u16> {
    match address {
        Address::Tcp(address) => exchange(TcpStream::connect(address)?, path),
        Address::Unix(socket) => exchange(UnixStream::connect(socket)?, path),
    }
}

fn exchange(mut stream: impl Read + Write, path: &str) -> io::Result<u16> {
    write!(stream, "GET {path} HTTP/1.1\r\nHost: engine\r\nConnection: close\r\n\r\n")?;
    let mut head = [0; 12];
    stream.read_exact(&mut head)?;
    let status = std::str::from_utf8(&head[9..]).ok().and_then(|digits| digits.parse().ok());
    status.ok_or_else(|| io::Error::other("no status"))
}
