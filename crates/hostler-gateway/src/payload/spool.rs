//! Where bodies wait on disk: files without a name.
//!
//! Why: a name would outlive a server that is killed. The kernel frees a file that has none with its last descriptor.
//! Invariants: a thread that serves connections never waits for the disk: it reads what the kernel has in memory, and
//! everything else is done where blocking is allowed.
//! Failure: where the file system makes no nameless files, one has a name for a moment; the next start removes it.

use std::fs::{self, File};
use std::io::{self, IoSliceMut};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use rustix::fs::{Mode, OFlags, open};
use rustix::io::{ReadWriteFlags, preadv2};
use tokio::task::{JoinHandle, spawn_blocking};

use super::pool::Taken;

/// So much is copied at once from what the kernel has in memory: about ten microseconds.
const READ_BYTES: usize = 64 * 1024;

/// The directory.
#[derive(Debug)]
pub(super) struct Spool {
    dir: PathBuf,
    named: AtomicU64,
}

impl Spool {
    pub(super) fn open(dir: &Path) -> io::Result<Self> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        for entry in fs::read_dir(dir)? {
            fs::remove_file(entry?.path())?;
        }
        Ok(Self { dir: dir.to_owned(), named: AtomicU64::new(0) })
    }

    /// A new file, which counts for what is in `taken`.
    pub(super) async fn create(&self, taken: Taken) -> io::Result<SpoolFile> {
        let name = format!("body-{}", self.named.fetch_add(1, Ordering::Relaxed));
        let dir = self.dir.clone();
        let file = blocking(move || make_nameless(&dir).or_else(|_| make_unlinked(&dir.join(name)))).await?;
        Ok(SpoolFile { file: Arc::new(file), length: 0, taken })
    }
}

fn make_nameless(dir: &Path) -> io::Result<File> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    Ok(open(dir, flags, Mode::RUSR | Mode::WUSR)?.into())
}

fn make_unlinked(path: &Path) -> io::Result<File> {
    let file = fs::OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)?;
    fs::remove_file(path)?;
    Ok(file)
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    spawn_blocking(work).await.map_err(io::Error::other)?
}

/// The end of a body, on disk.
#[derive(Debug)]
pub(super) struct SpoolFile {
    file: Arc<File>,
    length: u64,
    pub(super) taken: Taken,
}

impl SpoolFile {
    pub(super) fn len(&self) -> u64 {
        self.length
    }

    /// Writes all of `bytes` at the end, and gives the buffer back empty.
    pub(super) async fn append(&mut self, mut bytes: Vec<u8>) -> io::Result<Vec<u8>> {
        let (file, offset, length) = (self.file.clone(), self.length, bytes.len() as u64);
        bytes = blocking(move || file.write_all_at(&bytes, offset).map(|()| bytes)).await?;
        self.length += length;
        bytes.clear();
        Ok(bytes)
    }

    /// What is at `offset`, a part of it, if the kernel has it in memory.
    pub(super) fn read_now(&self, offset: u64) -> Option<Bytes> {
        let mut buffer = vec![0; self.part_at(offset)];
        let into = &mut [IoSliceMut::new(&mut buffer)];
        let read = preadv2(&self.file, into, offset, ReadWriteFlags::NOWAIT).ok().filter(|read| *read > 0)?;
        buffer.truncate(read);
        Some(buffer.into())
    }

    /// The same, read where blocking is allowed.
    pub(super) fn read_later(&self, offset: u64) -> JoinHandle<io::Result<Bytes>> {
        let (file, length) = (self.file.clone(), self.part_at(offset));
        spawn_blocking(move || {
            let mut buffer = vec![0; length];
            file.read_exact_at(&mut buffer, offset)?;
            Ok(buffer.into())
        })
    }

    fn part_at(&self, offset: u64) -> usize {
        usize::try_from(self.length.saturating_sub(offset)).unwrap_or(usize::MAX).min(READ_BYTES)
    }
}
