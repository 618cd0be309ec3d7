//! Lists a directory, sorted, and says what of it an unpacker would not take.
//!
//! Why: packing and looking must agree on what is there, and a person wants all problems at once.
//! Invariants: links are not followed; the rules for names and targets are the unpacker's own functions.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use crate::contents::{Contents, EntryKind, LookError};
use crate::unpack::UnpackLimits;
use crate::unpack::name::{check_link, inside, quoted};

const EXECUTE_BITS: u32 = 0o111;

/// One entry to pack.
pub(super) struct Found {
    /// Below the directory.
    pub(super) path: PathBuf,
    pub(super) kind: FoundKind,
}

pub(super) enum FoundKind {
    File { bytes: u64, executable: bool },
    Directory,
    Link { target: PathBuf },
}

/// A directory's list.
#[derive(Default)]
pub(super) struct Walked {
    /// Without what has a problem.
    pub(super) found: Vec<Found>,
    pub(super) contents: Contents,
}

/// Lists everything below `dir`.
pub(super) fn walk(dir: &Path, limits: &UnpackLimits) -> Result<Walked, LookError> {
    let mut walked = Walked::default();
    let mut made = 0;
    // Directories still to be listed, the next one last.
    let mut waiting = vec![PathBuf::new()];
    while let Some(below) = waiting.pop() {
        let here = if below.as_os_str().is_empty() { dir.to_owned() } else { dir.join(&below) };
        let mut names = list(&here)?;
        names.sort();
        let mut directories = Vec::new();
        for name in names {
            let path = below.join(&name);
            made += 1;
            if made > limits.files {
                let problem = format!("it holds more than {} files and directories", limits.files);
                walked.contents.problem(problem);
                return Ok(walked);
            }
            if walked.add(dir, &path, limits)? {
                directories.push(path);
            }
        }
        waiting.extend(directories.into_iter().rev());
    }
    if walked.contents.bytes > limits.bytes {
        walked.contents.problem(format!("it unpacks to more than {} bytes", limits.bytes));
    }
    walked.found.sort_by(|left, right| left.path.cmp(&right.path));
    walked.contents.entries.sort_by(|left, right| Path::new(&left.path).cmp(Path::new(&right.path)));
    Ok(walked)
}

impl Walked {
    /// Whether it is a directory to go into.
    fn add(&mut self, dir: &Path, path: &Path, limits: &UnpackLimits) -> Result<bool, LookError> {
        let full = dir.join(path);
        let failed = |source| LookError { doing: format!("looking at `{}` failed", full.display()), source };
        let metadata = fs::symlink_metadata(&full).map_err(failed)?;
        let (bytes, file_type) = (path.as_os_str().as_bytes(), metadata.file_type());
        let depth = match inside(bytes, limits) {
            Ok(steps) => steps.len(),
            Err(error) => {
                self.contents.problem(error.to_string());
                return Ok(false);
            }
        };
        let kind = if file_type.is_dir() {
            self.contents.add(bytes, EntryKind::Directory);
            FoundKind::Directory
        } else if file_type.is_symlink() {
            let target = fs::read_link(&full).map_err(failed)?;
            let shown = target.to_string_lossy().into_owned();
            self.contents.add(bytes, EntryKind::Link { target: shown });
            if let Err(error) = check_link(bytes, depth, target.as_os_str().as_bytes(), limits) {
                self.contents.problem(error.to_string());
                return Ok(false);
            }
            FoundKind::Link { target }
        } else if file_type.is_file() {
            self.contents.add(bytes, EntryKind::File { bytes: metadata.len() });
            if let Err(error) = open(&full) {
                self.contents.problem(format!("{} cannot be read: {error}", quoted(bytes)));
                return Ok(false);
            }
            let executable = metadata.permissions().mode() & EXECUTE_BITS != 0;
            FoundKind::File { bytes: metadata.len(), executable }
        } else {
            let what = if file_type.is_socket() {
                "a socket"
            } else if file_type.is_fifo() {
                "a named pipe"
            } else {
                "a device"
            };
            self.contents.problem(format!("{} is {what}", quoted(bytes)));
            return Ok(false);
        };
        let is_directory = matches!(kind, FoundKind::Directory);
        self.found.push(Found { path: path.to_owned(), kind });
        Ok(is_directory)
    }
}

fn list(dir: &Path) -> Result<Vec<std::ffi::OsString>, LookError> {
    let failed = |source| LookError { doing: format!("listing `{}` failed", dir.display()), source };
    let entries = fs::read_dir(dir).map_err(failed)?;
    entries.map(|entry| entry.map(|entry| entry.file_name()).map_err(failed)).collect()
}

/// Opens a file to read, and nothing else that has come into its place.
pub(super) fn open(path: &Path) -> io::Result<File> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    OpenOptions::new().read(true).custom_flags(flags).open::<&OsStr>(path.as_ref())
}
