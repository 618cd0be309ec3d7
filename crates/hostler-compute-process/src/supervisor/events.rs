//! What the supervisor waits for: a child that ended, a wish to stop.
//!
//! Why: one thread per source, each blocked in a read of a pipe that the signal handler writes to; the main thread
//! alone acts, so no signal is ever sent to a number that was reaped meanwhile.
//! Invariants: signals carry no data; the main thread looks at the state of the world after each.

use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM};
use signal_hook::low_level::pipe;

/// Threads that only read need no more.
pub(super) const STACK_BYTES: usize = 64 * 1024;

/// Something to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    Child,
    Stop,
}

/// Begins to listen; to be called before the first child exists.
pub(super) fn listen() -> io::Result<Receiver<Event>> {
    let (sender, receiver) = sync_channel(16);
    forward(&[SIGCHLD], Event::Child, sender.clone())?;
    forward(&[SIGTERM, SIGINT, SIGHUP], Event::Stop, sender)?;
    Ok(receiver)
}

fn forward(signals: &[i32], event: Event, sender: SyncSender<Event>) -> io::Result<()> {
    let (mut read, write) = UnixStream::pair()?;
    for &signal in signals {
        pipe::register(signal, write.try_clone()?)?;
    }
    let listen = move || {
        let mut bytes = [0; 64];
        while read.read(&mut bytes).is_ok_and(|count| count > 0) {
            if sender.send(event).is_err() {
                return;
            }
        }
    };
    thread::Builder::new().stack_size(STACK_BYTES).spawn(listen).map(drop)
}
