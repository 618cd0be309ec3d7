//! The lock that lets one server at a time use a data directory.
//!
//! Why: two servers on one directory would both adopt, launch and stop the same instances. The kernel's lock goes
//! away with its process, however that ends; a file that is merely there would not.
//! Invariants: the lock file is never deleted: a new one could be locked by one server while another still holds the
//! old one. The descriptor is closed on exec, so that an instance which outlives its server does not hold the lock.
//! Failure: after `kill -9` the lock is free as soon as the last process that was being started has executed its program
//! (until then it has a copy of the descriptor), which is waited for; the process id left in the file means nothing
//! without the lock.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

/// The lock's name in the data directory.
const LOCK_FILE: &str = "lock";

/// A process id is at most this long.
const PID_BYTES_MAX: u64 = 20;

/// How long a lock is waited for whose holder is dead, in steps of a millisecond.
const DEAD_HOLDER_STEPS_MAX: u32 = 10_000;
const STEP: Duration = Duration::from_millis(1);

/// Held for as long as this value lives.
#[derive(Debug)]
pub struct DataDirLock {
    file: File,
}

/// Why the data directory is not ours.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another server has it.
    #[error("the data directory `{}` is in use by {}", dir.display(), holder(*pid))]
    Held {
        /// The directory.
        dir: PathBuf,
        /// The process that holds it, when it has told.
        pid: Option<u32>,
    },
    /// It could not be made or locked.
    #[error("failed to {action} `{}`", path.display())]
    Failed {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What came back.
        #[source]
        source: std::io::Error,
    },
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}

impl DataDirLock {
    /// Makes the directory if it is not there, and locks it.
    pub fn acquire(dir: &Path) -> Result<Self, LockError> {
        let failed = |action: &'static str, path: &Path| {
            let path = path.to_owned();
            move |source| LockError::Failed { action, path, source }
        };
        create_private_dir(dir).map_err(failed("create the data directory", dir))?;
        let path = dir.join(LOCK_FILE);
        // The standard library opens every file with O_CLOEXEC.
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(failed("open the lock file", &path))?;
        let mut steps = 0;
        while let Err(errno) = flock(&file, FlockOperation::NonBlockingLockExclusive) {
            if errno != Errno::WOULDBLOCK {
                return Err(failed("lock", &path)(errno.into()));
            }
            let pid = read_pid(&mut file);
            if steps == DEAD_HOLDER_STEPS_MAX || !pid.is_some_and(is_dead) {
                return Err(LockError::Held { dir: dir.to_owned(), pid });
            }
            steps += 1;
            std::thread::sleep(STEP);
        }
        match write_pid(&mut file) {
            // A server that comes back on a full disk serves what runs; the number is only for those who look.
            Err(error) if error.kind() == std::io::ErrorKind::StorageFull => {}
            written => written.map_err(failed("write the process id to", &path))?,
        }
        Ok(Self { file })
    }
}

impl Drop for DataDirLock {
    fn drop(&mut self) {
        // Closing the file unlocks it; an id that stays in it is harmless.
        let _ = self.file.set_len(0);
    }
}

/// Makes `dir` for its owner alone, and leaves one that is there as it is.
pub(crate) fn create_private_dir(dir: &Path) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

fn read_pid(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(PID_BYTES_MAX).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn is_dead(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| test_kill_process(pid) == Err(Errno::SRCH))
}

fn write_pid(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}
