//! Unpacks a model archive into an empty directory, whatever the archive tries.
//!
//! Why: `model.tar.gz` comes from a bucket, so it is untrusted input. The walk over the members is our own (the `tar`
//! crate only decodes header fields), because a ready-made walk keeps long names and PAX records of any size in memory
//! and leaves the choice of what to refuse to others.
//! Invariants: memory stays bounded whatever the archive holds; nothing is created, followed or changed outside the
//! directory; only plain files, directories and links that stay inside exist afterwards, read-only, without setuid
//! bits; every limit is checked before the work it limits. It knows neither buckets nor roles.
//! Failure: it may leave a half-filled directory behind, which the caller removes.

mod gzip;
mod members;
pub(crate) mod name;
mod plain;
mod sniff;
#[cfg(test)]
mod tests;
mod tree;

use std::io::{self, Read, Write};
use std::path::Path;

use self::members::Members;
pub(crate) use self::members::{Member, MemberKind};
use self::plain::Plain;

use crate::port::{ArchiveFlaw, is_full};

pub(crate) use self::name::quoted;
pub(crate) use self::tree::{Tree, seal};

/// Members of one archive, directories included: the largest published model archives hold some ten thousand.
const FILES_MAX: u64 = 100_000;
/// Bytes after decompression, 64 GiB: above the largest model that is served from an archive in practice.
const UNPACKED_BYTES_MAX: u64 = 64 << 30;
/// How many times larger the content may be than the archive; real models stay below 20, gzip's own end is 1,032.
const RATIO_MAX: u64 = 200;
/// Bytes that any archive may unpack to before the ratio counts, 64 MiB: a small archive of zeros harms nobody.
const RATIO_FREE_BYTES: u64 = 64 << 20;
/// Bytes of one member's path, as long as an S3 key may be.
const PATH_BYTES_MAX: usize = 1024;
/// Directories above one another.
const DEPTH_MAX: usize = 64;
/// Bytes copied at once.
const COPY_BYTES: usize = 64 << 10;

/// What one archive may unpack to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnpackLimits {
    /// Members, and what has to be created for them.
    pub files: u64,
    /// Bytes of the tar stream after decompression, headers included.
    pub bytes: u64,
    /// Decompressed bytes per compressed byte.
    pub ratio: u64,
    /// Decompressed bytes before the ratio counts.
    pub ratio_free_bytes: u64,
    /// Bytes of one path.
    pub path_bytes: usize,
    /// Components of one path.
    pub depth: usize,
}

impl Default for UnpackLimits {
    fn default() -> Self {
        Self {
            files: FILES_MAX,
            bytes: UNPACKED_BYTES_MAX,
            ratio: RATIO_MAX,
            ratio_free_bytes: RATIO_FREE_BYTES,
            path_bytes: PATH_BYTES_MAX,
            depth: DEPTH_MAX,
        }
    }
}

/// What an archive turned into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unpacked {
    /// Bytes of all files.
    pub(crate) bytes: u64,
}

/// Why an archive was not unpacked. Display says which rule it breaks.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UnpackError {
    /// The bytes themselves did not come.
    #[error("the archive's bytes stopped coming")]
    Source(#[source] io::Error),
    /// The archive breaks a rule.
    #[error("{0}")]
    Refused(String),
    /// It breaks one of the rules that people break most.
    #[error("{1}")]
    Flawed(ArchiveFlaw, String),
    /// The archive breaks a limit.
    #[error("{0}")]
    OverLimit(String),
    /// This machine could not store it.
    #[error("{doing} failed: {error}")]
    Disk {
        /// What was tried.
        doing: String,
        /// What the system said.
        error: io::Error,
    },
}

impl UnpackError {
    /// There was no space left.
    pub(crate) fn is_full(&self) -> bool {
        matches!(self, Self::Disk { error, .. } if is_full(error))
    }

    pub(crate) fn disk(doing: impl Into<String>, error: impl Into<io::Error>) -> Self {
        Self::Disk { doing: doing.into(), error: error.into() }
    }
}

fn flawed(flaw: ArchiveFlaw, text: String) -> UnpackError {
    UnpackError::Flawed(flaw, text)
}

/// Hears of members while they are unpacked, and says whether one that is refused ends it.
pub(crate) trait Watcher {
    /// A member was met; nothing of it is written yet.
    fn met(&mut self, member: &Member);

    /// A member was refused: the error to end with, or none to go on without that member.
    fn refused(&mut self, error: UnpackError) -> Result<(), UnpackError>;
}

/// Ends at the first refusal and remembers nothing.
struct Strict;

impl Watcher for Strict {
    fn met(&mut self, _member: &Member) {}

    fn refused(&mut self, error: UnpackError) -> Result<(), UnpackError> {
        Err(error)
    }
}

/// Unpacks all of `source` into `into`, which exists and is empty. Blocks.
pub(crate) fn unpack(source: impl Read, into: &Path, limits: &UnpackLimits) -> Result<Unpacked, UnpackError> {
    unpack_watched(source, into, limits, &mut Strict)
}

/// The same, with somebody who watches.
pub(crate) fn unpack_watched(
    source: impl Read,
    into: &Path,
    limits: &UnpackLimits,
    watcher: &mut impl Watcher,
) -> Result<Unpacked, UnpackError> {
    let mut members = Members::new(Plain::open(source, *limits)?, *limits);
    let mut tree = Tree::open(into)?;
    let mut bytes = 0;
    while let Some(member) = members.next()? {
        watcher.met(&member);
        match place(&mut members, &mut tree, &member, limits) {
            Ok(written) => bytes += written,
            Err(error) => watcher.refused(error)?,
        }
        if tree.made() > limits.files {
            return Err(over_files(limits));
        }
    }
    members.finish()?;
    seal(into)?;
    Ok(Unpacked { bytes })
}

/// Makes what one member describes; how many bytes its file has.
fn place(
    members: &mut Members<impl Read>,
    tree: &mut Tree,
    member: &Member,
    limits: &UnpackLimits,
) -> Result<u64, UnpackError> {
    let at = name::inside(&member.name, limits)?;
    match &member.kind {
        // `./` is the directory itself.
        MemberKind::Directory if at.is_empty() => {}
        _ if at.is_empty() => {
            return Err(UnpackError::Refused("it holds a member without a name".into()));
        }
        MemberKind::Directory => tree.directory(&at)?,
        MemberKind::File { executable, size } => {
            let mut file = tree.file(&at)?;
            copy(members, &mut file, &member.name)?;
            tree.finish_file(&at, &file, *executable)?;
            return Ok(*size);
        }
        MemberKind::Symlink { target } => {
            name::check_link(&member.name, at.len(), target, limits)?;
            tree.symlink(&at, target)?;
        }
        MemberKind::HardLink { target } => {
            let target = name::inside(target, limits)?;
            tree.hard_link(&at, &target)?;
        }
    }
    Ok(0)
}

fn over_files(limits: &UnpackLimits) -> UnpackError {
    UnpackError::OverLimit(format!("it holds more than {} files and directories", limits.files))
}

fn copy<R: Read>(members: &mut Members<R>, file: &mut std::fs::File, name: &[u8]) -> Result<(), UnpackError> {
    let mut buffer = vec![0; COPY_BYTES];
    loop {
        let count = members.read(&mut buffer)?;
        if count == 0 {
            return Ok(());
        }
        file.write_all(&buffer[..count])
            .map_err(|error| UnpackError::disk(format!("writing {}", quoted(name)), error))?;
    }
}
