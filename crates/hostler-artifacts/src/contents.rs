//! What an archive or a directory holds, and what of it would be refused.
//!
//! Why: a person should learn before the upload what a deployment would say minutes later. The words are the
//! unpacker's own, because it is the unpacker that looks.
//! Invariants: every problem that can be told apart is collected, not only the first; lists are bounded, counts are not.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use crate::unpack::{self, Member, MemberKind, UnpackError, UnpackLimits, Watcher};

/// Entries kept by name; more are counted.
const ENTRIES_MAX: usize = 10_000;
/// Problems kept; who has more fixes these first.
const PROBLEMS_MAX: usize = 100;
/// Bytes read from an archive at once.
const READ_BYTES: usize = 256 << 10;

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A file.
    File {
        /// Its size.
        bytes: u64,
    },
    /// A directory.
    Directory,
    /// A symbolic or hard link.
    Link {
        /// Where it leads, as written.
        target: String,
    },
}

/// One file, directory or link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its path as written; bytes that are not UTF-8 are replaced.
    pub path: String,
    /// What it is.
    pub kind: EntryKind,
}

/// Everything that was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// In the order in which they stand; the first some thousand.
    pub entries: Vec<Entry>,
    /// How many files.
    pub files: u64,
    /// How many directories.
    pub directories: u64,
    /// How many links.
    pub links: u64,
    /// Bytes of all files.
    pub bytes: u64,
    /// Why a deployment would be refused, each a sentence about the whole; none: it would be accepted.
    pub problems: Vec<String>,
}

/// The look itself failed.
#[derive(Debug, thiserror::Error)]
#[error("{doing}")]
pub struct LookError {
    /// What was tried.
    pub doing: String,
    /// What the system said.
    #[source]
    pub source: std::io::Error,
}

impl Contents {
    pub(crate) fn add(&mut self, path: &[u8], kind: EntryKind) {
        match &kind {
            EntryKind::File { bytes } => {
                self.files += 1;
                self.bytes = self.bytes.saturating_add(*bytes);
            }
            EntryKind::Directory => self.directories += 1,
            EntryKind::Link { .. } => self.links += 1,
        }
        if self.entries.len() < ENTRIES_MAX {
            self.entries.push(Entry { path: text(path), kind });
        }
    }

    pub(crate) fn problem(&mut self, problem: String) {
        if self.problems.len() < PROBLEMS_MAX && !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl Watcher for Contents {
    fn met(&mut self, member: &Member) {
        let kind = match &member.kind {
            MemberKind::File { size, .. } => EntryKind::File { bytes: *size },
            MemberKind::Directory => EntryKind::Directory,
            MemberKind::Symlink { target } | MemberKind::HardLink { target } => {
                EntryKind::Link { target: text(target) }
            }
        };
        self.add(&member.name, kind);
    }

    fn refused(&mut self, error: UnpackError) -> Result<(), UnpackError> {
        match error {
            UnpackError::Refused(problem) | UnpackError::Flawed(_, problem) => {
                self.problem(problem);
                Ok(())
            }
            other => Err(other),
        }
    }
}

/// Unpacks the archive into `into`, which exists and is empty, just as a deployment would, and says what it met. What is
/// refused is left out. Blocks.
pub fn unpack_local(archive: &Path, into: &Path, limits: &UnpackLimits) -> Result<Contents, LookError> {
    let reading = || format!("reading `{}` failed", archive.display());
    let file = File::open(archive).map_err(|source| LookError { doing: reading(), source })?;
    let mut contents = Contents::default();
    let source = BufReader::with_capacity(READ_BYTES, file);
    match unpack::unpack_watched(source, into, limits, &mut contents) {
        Ok(_) => Ok(contents),
        Err(
            UnpackError::Refused(problem) | UnpackError::Flawed(_, problem) | UnpackError::OverLimit(problem),
        ) => {
            contents.problem(problem);
            Ok(contents)
        }
        Err(UnpackError::Source(source)) => Err(LookError { doing: reading(), source }),
        Err(UnpackError::Disk { doing, error }) => {
            Err(LookError { doing: format!("{doing} failed"), source: error })
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// An archive with these members, as the `tar` crate would never write some of them.
    fn archive(members: &[(&str, &str)]) -> tempfile::NamedTempFile {
        let mut builder = tar::Builder::new(Vec::new());
        for (name, content) in members {
            let mut header = tar::Header::new_gnu();
            header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            header.set_cksum();
            builder.append(&header, content.as_bytes()).unwrap();
        }
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&builder.into_inner().unwrap()).unwrap();
        file
    }

    fn look(file: &Path) -> Contents {
        let into = tempfile::tempdir().unwrap();
        let contents = unpack_local(file, into.path(), &UnpackLimits::default()).unwrap();
        crate::remove_tree(into.path()).unwrap();
        contents
    }

    #[test]
    fn every_problem_is_collected_and_the_rest_is_counted() {
        let file = archive(&[("/etc/passwd", "x"), ("model", "12345"), ("../up", "y"), ("a/b", "z")]);
        let contents = look(file.path());
        assert_eq!(contents.files, 4);
        assert_eq!(contents.bytes, 8);
        assert_eq!(contents.problems, ["`/etc/passwd` is an absolute path", "`../up` goes through `..`"]);
    }

    #[test]
    fn an_archive_that_is_none_is_a_problem_and_not_a_failure() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(b"PK\x03\x04 and so on").unwrap();
        let contents = look(file.path());
        assert!(contents.problems[0].starts_with("not a gzip-compressed tar archive"), "{contents:?}");
        assert!(unpack_local(Path::new("/nowhere"), Path::new("/"), &UnpackLimits::default()).is_err());
    }

    #[test]
    fn a_cut_archive_tells_what_it_held_until_then() {
        let file = archive(&[("first", "whole"), ("second", "a body that will be cut")]);
        file.as_file().set_len(512 * 3 + 5).unwrap();
        let contents = look(file.path());
        assert_eq!(contents.files, 2);
        assert_eq!(contents.problems.len(), 1, "{contents:?}");
    }
}
