//! Copies a container's output from the engine into the instance's log, each piece once.
//!
//! Why: the engine's own log goes with the container, knows no positions, and is rotated by its rules; the log that a
//! person reads must outlive the instance and be read in pieces. The engine keeps what is written while no server runs.
//! Invariants: one writer. What was copied is written down after each batch: up to which position of our log, and how
//! many pieces of the engine's since a moment. A restart cuts our log back to that position and goes on with the next
//! piece, so nothing is lost and nothing stands there twice.
//! Failure: a full disk loses output, as the log says itself, and never blocks the container.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use hostler_compute_local::container_dir::ContainerDir;
use hostler_compute_local::directory::InstanceDir;
use hostler_compute_local::logs::{self, LogWriter};
use hostler_compute_local::{LogLimits, blocking};
use serde::{Deserialize, Serialize};

use crate::engine::Frame;

/// The moment from which pieces are counted is moved on after so many, so that a restart reads few again.
const COUNTED_MAX: u64 = 1000;

/// How far a container's output was copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Copied {
    /// The end of our log.
    position: u64,
    /// The engine is asked for output from this moment on …
    since_ns: i64,
    /// … of which so many pieces are in our log.
    pieces: u64,
    /// The latest moment of a piece in our log.
    last_ns: i64,
}

/// Where a container's log is, and the file that says how far it was copied.
#[derive(Clone, Debug)]
struct Place {
    logs: PathBuf,
    copied: String,
}

/// A container's log, opened when it is first written.
#[derive(Clone)]
pub(crate) struct ContainerLog {
    dir: InstanceDir,
    place: Place,
    limits: LogLimits,
    copy: Arc<Mutex<Option<LogCopy>>>,
}

impl ContainerLog {
    /// The logs of all containers of an instance, which have these names.
    pub(crate) fn all(dir: &InstanceDir, names: &[String], limits: LogLimits) -> Vec<Self> {
        let limits = limits.divided_among(names.len());
        let places = ContainerDir::all(dir, names).into_iter().enumerate();
        let log = |(position, home): (usize, ContainerDir)| Self {
            dir: dir.clone(),
            place: Place { logs: home.logs().to_owned(), copied: format!("copied-{position}.json") },
            limits,
            copy: Arc::default(),
        };
        places.map(log).collect()
    }

    /// The last lines.
    pub(crate) fn tail(&self) -> String {
        logs::tail(&self.place.logs)
    }

    /// A stream is about to be read: from this moment on it is to be asked for.
    pub(crate) async fn begin(&self) -> io::Result<i64> {
        self.with(LogCopy::begin).await
    }

    /// The next pieces of the stream.
    pub(crate) async fn add(&self, frames: Vec<Frame>) -> io::Result<()> {
        self.with(move |copy| copy.add(&frames)).await
    }

    /// Words of this server's own, such as how far a pull is. That they cannot be written harms nobody.
    pub(crate) async fn say(&self, line: String) {
        if let Err(error) = self.with(move |copy| copy.say(&line)).await {
            tracing::debug!(%error, "a line could not be written into the log of an instance");
        }
    }

    /// One at a time, also where somebody who waited for it has gone.
    async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut LogCopy) -> T + Send + 'static,
    ) -> io::Result<T> {
        let Self { dir, place, limits, copy } = self.clone();
        blocking(move || {
            let mut copy = copy.lock().unwrap_or_else(PoisonError::into_inner);
            let copy = match &mut *copy {
                Some(copy) => copy,
                none => none.insert(LogCopy::open(&dir, &place, limits)?),
            };
            Ok(work(copy))
        })
        .await
    }
}

/// The copy of one container's output.
struct LogCopy {
    dir: InstanceDir,
    file: String,
    log: LogWriter,
    copied: Copied,
    /// Pieces of a stream that was opened anew which are in our log already.
    to_skip: u64,
}

impl LogCopy {
    /// Goes on where the last server stopped. Blocks shortly.
    fn open(dir: &InstanceDir, place: &Place, limits: LogLimits) -> io::Result<Self> {
        let copied: Option<Copied> = dir.read(&place.copied)?;
        if let Some(copied) = copied {
            logs::cut(&place.logs, copied.position)?;
        }
        let log = LogWriter::open(&place.logs, limits)?;
        let copied = copied.unwrap_or_else(|| Copied { position: log.position(), ..Copied::default() });
        Ok(Self { dir: dir.clone(), file: place.copied.clone(), log, copied, to_skip: 0 })
    }

    /// A stream is about to be read: from this moment on it is to be asked for.
    fn begin(&mut self) -> i64 {
        self.to_skip = self.copied.pieces;
        self.copied.since_ns
    }

    /// Words of this server's own, such as how far a pull is.
    fn say(&mut self, line: &str) {
        self.log.add(format!("hostler: {line}\n").as_bytes());
        self.write_down();
    }

    /// The next pieces of the stream. Blocks shortly.
    fn add(&mut self, frames: &[Frame]) {
        for frame in frames {
            if self.to_skip > 0 && frame.at_ns <= self.copied.last_ns {
                self.to_skip -= 1;
                continue;
            }
            self.to_skip = 0;
            self.log.add(&frame.bytes);
            if self.copied.pieces >= COUNTED_MAX && frame.at_ns > self.copied.last_ns {
                (self.copied.since_ns, self.copied.pieces) = (frame.at_ns, 0);
            }
            self.copied.pieces += u64::from(frame.at_ns >= self.copied.since_ns);
            self.copied.last_ns = self.copied.last_ns.max(frame.at_ns);
        }
        self.write_down();
    }

    fn write_down(&mut self) {
        self.copied.position = self.log.position();
        if let Err(error) = self.dir.write(&self.file, &self.copied) {
            tracing::debug!(%error, "how far the output was copied could not be written down");
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use hostler_compute::conformance::instance_id;

    use super::*;

    fn place(dir: &InstanceDir) -> Place {
        Place { logs: dir.logs(), copied: "copied-0.json".to_owned() }
    }

    fn frames(numbers: std::ops::Range<u64>) -> Vec<Frame> {
        let frame = |number: u64| Frame {
            // Some at one moment, as parts of a long line are.
            at_ns: i64::try_from(number / 3 * 10).unwrap(),
            bytes: Bytes::from(format!("line {number}\n")),
        };
        numbers.map(frame).collect()
    }

    fn text(dir: &InstanceDir) -> String {
        String::from_utf8(logs::read(&dir.logs(), 0, usize::MAX).unwrap().bytes).unwrap()
    }

    #[test]
    fn output_is_copied_once_however_often_the_copy_begins_anew() {
        let root = tempfile::tempdir().unwrap();
        let dir = InstanceDir::create(root.path(), &instance_id("e1", 0), &1, &[]).unwrap();
        let open = || LogCopy::open(&dir, &place(&dir), LogLimits::default()).unwrap();
        let all = frames(0..5000);
        open().say("pulling");
        let mut end = 0;
        for step in [1, 2, 3, 1000, 7, 2000, 1, 1986] {
            let mut copy = open();
            let since = copy.begin();
            end += step;
            // What an engine gives: everything since that moment, in order.
            let given: Vec<Frame> = all[..end].iter().filter(|frame| frame.at_ns >= since).cloned().collect();
            assert!(given.len() as u64 <= COUNTED_MAX + 2005, "{} are read again", given.len());
            copy.add(&given);
        }
        let wanted: Vec<String> = (0..5000).map(|number| format!("line {number}")).collect();
        assert_eq!(text(&dir), format!("hostler: pulling\n{}\n", wanted.join("\n")));
    }

    #[test]
    fn what_was_written_and_not_noted_is_written_again() {
        let root = tempfile::tempdir().unwrap();
        let dir = InstanceDir::create(root.path(), &instance_id("e1", 0), &1, &[]).unwrap();
        let mut copy = LogCopy::open(&dir, &place(&dir), LogLimits::default()).unwrap();
        copy.begin();
        copy.add(&frames(0..3));
        // A server that is killed between the write and the note.
        copy.log.add(b"line 3\nli");
        drop(copy);
        let mut copy = LogCopy::open(&dir, &place(&dir), LogLimits::default()).unwrap();
        copy.begin();
        copy.add(&frames(0..5));
        assert_eq!(text(&dir), "line 0\nline 1\nline 2\nline 3\nline 4\n");
    }
}
