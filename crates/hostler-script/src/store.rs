//! The environments of this machine: each made once, kept while it is used, deleted when others need the room.
//!
//! Why: ten instances that start at once want one environment, and pip takes minutes. Locks of the kernel tell who makes and
//! who uses: they end with their holders, however those end, so nothing has to be written down and mended later.
//! Invariants: a directory named by a key is whole. It is deleted only by somebody who alone holds its lock of use; who uses
//! it holds that lock for life. What is made has another name until it is whole.
//! Failure: a maker that was killed leaves a directory that the next maker of this key, or the next start of the server,
//! deletes.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustix::fs::{FlockOperation, flock};
use rustix::io::{Errno, FdFlags, fcntl_setfd};

use crate::environment::say;
use crate::refusal::Refusal;

const NEW: &str = ".new-";
const OLD: &str = ".old-";
const USE: &str = "use";
const MAKE: &str = "make";
const SIZE: &str = "size";
const FAILED: &str = "failed";
/// More than there are environments on any machine.
const TRIES_MAX: u32 = 1000;

/// The directory of all environments.
pub(crate) struct Store {
    dir: PathBuf,
    bytes_max: u64,
}

/// An environment that nobody deletes while this lives.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) path: PathBuf,
    lock: File,
}

impl Held {
    /// The lock is kept by the program that this process becomes.
    pub(crate) fn hand_on(&self) -> io::Result<()> {
        Ok(fcntl_setfd(&self.lock, FdFlags::empty())?)
    }
}

impl Store {
    pub(crate) fn open(dir: &Path, bytes_max: u64) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        Ok(Self { dir: dir.canonicalize()?, bytes_max })
    }

    /// The environment of this key; made by `make` in the directory it is given where nobody has made it. The second
    /// directory that `make` gets is where it will be.
    pub(crate) fn enter(
        &self,
        key: &str,
        make: impl FnOnce(&Path, &Path) -> Result<(), Refusal>,
    ) -> Result<Held, Refusal> {
        let failed = |error: io::Error| Refusal::of_machine("entering the virtual environment", &error);
        let path = self.dir.join(key);
        let lock = lock_shared(&self.file(key, USE)).map_err(failed)?;
        let held = Held { path, lock };
        if !held.path.is_dir() {
            self.make_once(key, &held.path, make)?;
        }
        note_use(&held).map_err(failed)?;
        Ok(held)
    }

    fn make_once(
        &self,
        key: &str,
        path: &Path,
        make: impl FnOnce(&Path, &Path) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let failed = |error: io::Error| Refusal::of_machine("making the virtual environment", &error);
        let known_failure = self.failure(key);
        let making = open_lock(&self.file(key, MAKE)).map_err(failed)?;
        if !try_lock(&making).map_err(failed)? {
            say("another instance is making the virtual environment; waiting for it");
            flock(&making, FlockOperation::LockExclusive).map_err(|error| failed(error.into()))?;
        }
        if path.is_dir() {
            return Ok(());
        }
        // Whoever was waited for has failed: the same again would fail again, one after the other.
        if let Some((at, refusal)) = self.failure(key)
            && known_failure.is_none_or(|(known, _)| known != at)
        {
            return Err(refusal);
        }
        self.delete_all(&format!("{NEW}{key}-")).map_err(failed)?;
        let new = self.dir.join(format!("{NEW}{key}-{}", std::process::id()));
        let made = make(&new, path).and_then(|()| self.finish(key, &new, path).map_err(failed));
        if let Err(refusal) = &made {
            let _ = fs::remove_dir_all(&new);
            if let Ok(text) = serde_json::to_vec(refusal) {
                let _ = fs::write(self.file(key, FAILED), text);
            }
        }
        made
    }

    /// Whole, on the disk, and in its place; then others may have to go.
    fn finish(&self, key: &str, new: &Path, path: &Path) -> io::Result<()> {
        let bytes = size(new)?;
        fs::write(self.file(key, SIZE), bytes.to_string())?;
        rustix::fs::syncfs(File::open(new)?)?;
        fs::rename(new, path)?;
        remove_if_there(&self.file(key, FAILED))?;
        say(&format!("the virtual environment is ready, {} MiB", bytes >> 20));
        self.collect()
    }

    fn failure(&self, key: &str) -> Option<(SystemTime, Refusal)> {
        let file = self.file(key, FAILED);
        let at = fs::metadata(&file).ok()?.modified().ok()?;
        Some((at, serde_json::from_slice(&fs::read(file).ok()?).ok()?))
    }

    /// Deletes unused environments, the longest unused first, until all of them together are small enough.
    fn collect(&self) -> io::Result<()> {
        let mut known = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let Ok(name) = entry?.file_name().into_string() else { continue };
            let Some(key) = name.strip_suffix(".size") else { continue };
            // Another maker may have deleted it meanwhile.
            let Ok(bytes) = fs::read_to_string(self.file(key, SIZE)) else { continue };
            let bytes: u64 = bytes.trim().parse().unwrap_or_default();
            let used = fs::metadata(self.file(key, USE)).and_then(|meta| meta.modified());
            known.push((used.unwrap_or(SystemTime::UNIX_EPOCH), bytes, key.to_owned()));
        }
        known.sort();
        let mut total: u64 = known.iter().map(|(_, bytes, _)| bytes).sum();
        for (_, bytes, key) in known {
            if total <= self.bytes_max {
                break;
            }
            if self.delete(&key)? {
                say(&format!("deleted an unused virtual environment of {} MiB", bytes >> 20));
                total = total.saturating_sub(bytes);
            }
        }
        Ok(())
    }

    /// Whether it was there and nobody used it.
    fn delete(&self, key: &str) -> io::Result<bool> {
        let file = self.file(key, USE);
        let lock = open_lock(&file)?;
        if !try_lock(&lock)? || !is_at(&lock, &file)? {
            return Ok(false);
        }
        let (path, aside) = (self.dir.join(key), self.dir.join(format!("{OLD}{key}-{}", std::process::id())));
        match fs::rename(&path, &aside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        for name in [SIZE, FAILED, MAKE, USE] {
            remove_if_there(&self.file(key, name))?;
        }
        remove_tree(&aside)?;
        Ok(true)
    }

    fn delete_all(&self, prefix: &str) -> io::Result<()> {
        for entry in fs::read_dir(&self.dir)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(prefix) {
                remove_tree(&entry.path())?;
            }
        }
        Ok(())
    }

    fn file(&self, key: &str, name: &str) -> PathBuf {
        self.dir.join(format!("{key}.{name}"))
    }
}

/// Deletes what makers left that were killed, and deletions that were. To be called when the server starts.
pub fn sweep(dir: &Path) -> io::Result<()> {
    if !dir.is_dir() {
        return Ok(());
    }
    let store = Store::open(dir, u64::MAX)?;
    for entry in fs::read_dir(&store.dir)? {
        let Ok(name) = entry?.file_name().into_string() else { continue };
        if name.starts_with(OLD) {
            remove_tree(&store.dir.join(&name))?;
        }
        let Some((key, _)) = name.strip_prefix(NEW).and_then(|rest| rest.rsplit_once('-')) else { continue };
        let making = open_lock(&store.file(key, MAKE))?;
        if try_lock(&making)? {
            remove_tree(&store.dir.join(&name))?;
        }
    }
    Ok(())
}

/// The time of the lock's file is that of the last use.
fn note_use(held: &Held) -> io::Result<()> {
    rustix::fs::futimens(
        &held.lock,
        &rustix::fs::Timestamps {
            last_access: rustix::fs::Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_OMIT },
            last_modification: rustix::fs::Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_NOW },
        },
    )?;
    Ok(())
}

/// A lock that was deleted while it was waited for is no lock.
fn lock_shared(file: &Path) -> io::Result<File> {
    for _ in 0..TRIES_MAX {
        let lock = open_lock(file)?;
        flock(&lock, FlockOperation::LockShared)?;
        if is_at(&lock, file)? {
            return Ok(lock);
        }
    }
    Err(io::Error::other("the lock of the environment is deleted again and again"))
}

fn open_lock(file: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(file)
}

fn try_lock(file: &File) -> io::Result<bool> {
    match flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Whether the open file is the one that the path leads to.
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let ours = file.metadata()?;
    match fs::metadata(path) {
        Ok(there) => Ok((ours.dev(), ours.ino()) == (there.dev(), there.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn remove_if_there(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn remove_tree(dir: &Path) -> io::Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn size(dir: &Path) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        bytes += if entry.file_type()?.is_dir() {
            size(&entry.path())?
        } else {
            // What it takes up, not what it holds.
            entry.metadata()?.blocks() * 512
        };
    }
    Ok(bytes)
}

#[cfg(test)]
#[path = "store/tests.rs"]
mod tests;
