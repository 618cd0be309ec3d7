//! Packs a directory into the archive that a deployment unpacks.
//!
//! Why: `tar czf` follows local habits (owners, times, sparse files, links to anywhere); this writes what the unpacker
//! accepts and nothing else, the same bytes for the same content, so that an unchanged model is recognised.
//! Invariants: entries are sorted by path; owners, times and modes beyond "may be executed" are left out; a link must
//! stay inside and anything that is neither file, directory nor link is refused, never left out in silence. Memory is
//! bounded by the list of names.
//! Failure: a file that changes while it is packed fails the packing.

mod walk;

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{EntryType, Header};

use crate::contents::{Contents, LookError};
use crate::unpack::UnpackLimits;
use walk::{Found, FoundKind, walk};

/// Weights hardly compress; time is better spent elsewhere.
const LEVEL: Compression = Compression::fast();
const FILE_MODE: u32 = 0o644;
const PROGRAM_MODE: u32 = 0o755;

/// Why a directory was not packed.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// A deployment would refuse it.
    #[error("`{}` cannot be packed:\n  - {}", dir.display(), problems.join("\n  - "))]
    Refused {
        /// The directory.
        dir: PathBuf,
        /// Everything that is wrong.
        problems: Vec<String>,
    },
    /// It could not be read.
    #[error(transparent)]
    Look(#[from] LookError),
    /// A file was another one a moment before.
    #[error("`{}` changed while it was packed", file.display())]
    Changed {
        /// Which.
        file: PathBuf,
    },
    /// Whoever takes the archive went away.
    #[error("writing the archive failed")]
    Write(#[source] io::Error),
}

/// What was packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packed {
    /// Files, directories and links.
    pub entries: u64,
    /// Bytes of all files.
    pub bytes: u64,
}

/// What a directory holds, and what of it could not be packed.
pub fn look_at_directory(dir: &Path, limits: &UnpackLimits) -> Result<Contents, LookError> {
    Ok(walk(dir, limits)?.contents)
}

/// Writes the directory as a gzip-compressed tar archive to `out`. Blocks.
pub fn pack(dir: &Path, out: impl Write, limits: &UnpackLimits) -> Result<Packed, PackError> {
    let walked = walk(dir, limits)?;
    if !walked.contents.problems.is_empty() {
        return Err(PackError::Refused { dir: dir.to_owned(), problems: walked.contents.problems });
    }
    let mut tar = tar::Builder::new(GzEncoder::new(out, LEVEL));
    for found in &walked.found {
        append(&mut tar, dir, found)?;
    }
    let gzip = tar.into_inner().map_err(PackError::Write)?;
    gzip.finish().and_then(|mut out| out.flush()).map_err(PackError::Write)?;
    Ok(Packed { entries: walked.found.len() as u64, bytes: walked.contents.bytes })
}

fn append(tar: &mut tar::Builder<impl Write>, dir: &Path, found: &Found) -> Result<(), PackError> {
    let mut header = Header::new_gnu();
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    match &found.kind {
        FoundKind::Directory => {
            header.set_entry_type(EntryType::Directory);
            header.set_mode(PROGRAM_MODE);
            header.set_size(0);
            tar.append_data(&mut header, &found.path, io::empty()).map_err(PackError::Write)
        }
        FoundKind::Link { target } => {
            header.set_entry_type(EntryType::Symlink);
            header.set_mode(0o777);
            header.set_size(0);
            tar.append_link(&mut header, &found.path, target).map_err(PackError::Write)
        }
        FoundKind::File { bytes, executable } => {
            header.set_entry_type(EntryType::Regular);
            header.set_mode(if *executable { PROGRAM_MODE } else { FILE_MODE });
            header.set_size(*bytes);
            let path = dir.join(&found.path);
            let reading =
                |source| LookError { doing: format!("reading `{}` failed", path.display()), source };
            let file = walk::open(&path).map_err(reading)?;
            let mut exact = Exact { file, left: *bytes, failed: None };
            let appended = tar.append_data(&mut header, &found.path, &mut exact);
            if let Some(source) = exact.failed {
                return Err(reading(source).into());
            }
            appended.map_err(PackError::Write)?;
            if exact.left > 0 || exact.has_more() {
                return Err(PackError::Changed { file: path });
            }
            Ok(())
        }
    }
}

/// A file that gives just as many bytes as its header promised, and remembers why it could not.
struct Exact {
    file: File,
    left: u64,
    failed: Option<io::Error>,
}

impl Exact {
    fn has_more(&mut self) -> bool {
        matches!(self.file.read(&mut [0]), Ok(1..))
    }
}

impl Read for Exact {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        match self.file.read(&mut buffer[..wanted]) {
            Ok(count) => {
                self.left -= count as u64;
                Ok(count)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(error),
            Err(error) => {
                let shown = io::Error::new(error.kind(), error.to_string());
                self.failed = Some(error);
                Err(shown)
            }
        }
    }
}

#[cfg(test)]
mod tests;
