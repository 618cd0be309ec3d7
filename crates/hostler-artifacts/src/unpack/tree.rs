//! Writes a model's files below one directory, never through a link.
//!
//! Why: every step goes by file descriptor and refuses links (`O_NOFOLLOW`), so a link that an archive planted earlier
//! cannot redirect a later member, and no check of a path can be outrun. `openat2` would do it in one call but is refused
//! inside some containers.
//! Invariants: nothing is opened, made or removed above the root; directories are never replaced; a file or link that
//! comes twice is replaced by the later one, as tar does, without writing through the earlier one.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::UnpackError;
use super::name::quoted;

/// While unpacking only this server may write.
const DIRECTORY_MODE: Mode = Mode::from_raw_mode(0o755);
const FILE_MODE_WHILE_WRITING: Mode = Mode::from_raw_mode(0o600);
const FILE_MODE: Mode = Mode::from_raw_mode(0o444);
const PROGRAM_MODE: Mode = Mode::from_raw_mode(0o555);
/// Directories of a finished tree: instances share it and must not write into it.
const SEALED_DIRECTORY_MODE: u32 = 0o555;

const OPEN_DIRECTORY: OFlags =
    OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC).union(OFlags::RDONLY);

/// The directory that an archive fills.
pub(crate) struct Tree {
    root: OwnedFd,
    made: u64,
}

impl Tree {
    pub(crate) fn open(root: &Path) -> Result<Self, UnpackError> {
        let root = rustix::fs::open(root, OPEN_DIRECTORY, Mode::empty())
            .map_err(|error| UnpackError::disk("opening the directory to unpack into", error))?;
        Ok(Self { root, made: 0 })
    }

    /// How many files, links and directories were made.
    pub(super) fn made(&self) -> u64 {
        self.made
    }

    /// Makes a directory and those above it; one that exists is fine.
    pub(super) fn directory(&mut self, at: &[&[u8]]) -> Result<(), UnpackError> {
        self.walk(at).map(drop)
    }

    /// Makes an empty file to be written.
    pub(crate) fn file(&mut self, at: &[&[u8]]) -> Result<File, UnpackError> {
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd =
            self.place(at, |parent, name| rustix::fs::openat(parent, name, flags, FILE_MODE_WHILE_WRITING))?;
        Ok(File::from(fd))
    }

    /// Gives a written file its permissions; only the right to execute is taken from the archive.
    #[expect(clippy::unused_self, reason = "belongs to the tree's life of a file")]
    pub(crate) fn finish_file(&self, at: &[&[u8]], file: &File, executable: bool) -> Result<(), UnpackError> {
        let mode = if executable { PROGRAM_MODE } else { FILE_MODE };
        rustix::fs::fchmod(file, mode).map_err(|error| failed("setting permissions of", at, error))
    }

    /// Makes a symbolic link whose target `name::check_link` found to stay inside.
    pub(super) fn symlink(&mut self, at: &[&[u8]], target: &[u8]) -> Result<(), UnpackError> {
        self.place(at, |parent, name| rustix::fs::symlinkat(target, parent, name))
    }

    /// Makes a second name for a file that is there already.
    pub(super) fn hard_link(&mut self, at: &[&[u8]], target: &[&[u8]]) -> Result<(), UnpackError> {
        let missing = || {
            UnpackError::Refused(format!(
                "{} is a hard link to {}, which is not a file that stands before it in the archive",
                quoted(&at.join(&b'/')),
                quoted(&target.join(&b'/'))
            ))
        };
        let Some((target_name, target_parents)) = target.split_last() else {
            return Err(missing());
        };
        let target_parent = self.existing(target_parents).map_err(|_| missing())?;
        let is_file = rustix::fs::statat(&target_parent, *target_name, AtFlags::SYMLINK_NOFOLLOW)
            .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile);
        if !is_file {
            return Err(missing());
        }
        if at == target {
            return Ok(());
        }
        self.place(at, |parent, name| {
            rustix::fs::linkat(&target_parent, *target_name, parent, name, AtFlags::empty())
        })
    }

    /// Makes something new at `at`, replacing a file or link, never a directory.
    fn place<T>(
        &mut self,
        at: &[&[u8]],
        make: impl Fn(&OwnedFd, &[u8]) -> Result<T, Errno>,
    ) -> Result<T, UnpackError> {
        let Some((name, parents)) = at.split_last() else {
            return Err(UnpackError::Refused("it holds a member without a name".into()));
        };
        let parent = self.walk(parents)?;
        let made = match make(&parent, name) {
            Err(Errno::EXIST) => {
                rustix::fs::unlinkat(&parent, *name, AtFlags::empty()).map_err(|error| match error {
                    Errno::ISDIR | Errno::PERM => collision(at),
                    other => failed("replacing", at, other),
                })?;
                make(&parent, name)
            }
            other => other,
        };
        self.made += 1;
        made.map_err(|error| failed("creating", at, error))
    }

    /// Opens a directory that must exist.
    fn existing(&self, at: &[&[u8]]) -> Result<OwnedFd, Errno> {
        at.iter().try_fold(rustix::io::fcntl_dupfd_cloexec(self.root.as_fd(), 0)?, |parent, name| {
            rustix::fs::openat(&parent, *name, OPEN_DIRECTORY, Mode::empty())
        })
    }

    /// Opens a directory, making what is missing on the way.
    fn walk(&mut self, at: &[&[u8]]) -> Result<OwnedFd, UnpackError> {
        let mut here = self.existing(&[]).map_err(|error| failed("opening", at, error))?;
        for (index, name) in at.iter().enumerate() {
            let opened = match rustix::fs::openat(&here, *name, OPEN_DIRECTORY, Mode::empty()) {
                Err(Errno::NOENT) => {
                    self.made += 1;
                    rustix::fs::mkdirat(&here, *name, DIRECTORY_MODE)
                        .and_then(|()| rustix::fs::openat(&here, *name, OPEN_DIRECTORY, Mode::empty()))
                }
                other => other,
            };
            here = opened.map_err(|error| match error {
                // A link (`ELOOP`; Linux says `ENOTDIR` when a directory is asked for) or a file.
                Errno::LOOP | Errno::NOTDIR => collision(&at[..=index]),
                other => failed("creating", &at[..=index], other),
            })?;
        }
        Ok(here)
    }
}

fn collision(at: &[&[u8]]) -> UnpackError {
    UnpackError::Refused(format!(
        "{} is a directory in one place and a file or a link in another",
        quoted(&at.join(&b'/'))
    ))
}

fn failed(doing: &str, at: &[&[u8]], error: Errno) -> UnpackError {
    UnpackError::disk(format!("{doing} {}", quoted(&at.join(&b'/'))), error)
}

/// Takes the right to write from every directory of a finished tree.
pub(crate) fn seal(root: &Path) -> Result<(), UnpackError> {
    let sealing = |error: io::Error| UnpackError::disk("making the unpacked model read-only", error);
    let mut waiting = vec![root.to_path_buf()];
    while let Some(directory) = waiting.pop() {
        for entry in fs::read_dir(&directory).map_err(sealing)? {
            let entry = entry.map_err(sealing)?;
            if entry.file_type().map_err(sealing)?.is_dir() {
                waiting.push(entry.path());
            }
        }
        fs::set_permissions(&directory, Permissions::from_mode(SEALED_DIRECTORY_MODE)).map_err(sealing)?;
    }
    Ok(())
}
