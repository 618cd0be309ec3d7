//! What the fuzz harnesses reach of this room besides its public face.
//!
//! Why: a harness unpacks from memory and must tell an archive that breaks a rule from a disk that failed, since bytes
//! from outside may only ever cause the former.
//! Invariants: forwards and decides nothing; nobody but `hostler-fuzz` calls it.

use std::path::Path;

use crate::unpack::{self, UnpackError, UnpackLimits};
use crate::{layout, manifest};

/// How unpacking ended when it did not end well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The archive breaks a rule or a limit.
    Archive(String),
    /// This machine or the source failed.
    Machine(String),
}

/// Unpacks an archive into an empty directory; the bytes of all files.
pub fn unpack(archive: &[u8], into: &Path, limits: &UnpackLimits) -> Result<u64, Refusal> {
    match unpack::unpack(archive, into, limits) {
        Ok(unpacked) => Ok(unpacked.bytes),
        Err(UnpackError::Refused(text) | UnpackError::Flawed(_, text) | UnpackError::OverLimit(text)) => {
            Err(Refusal::Archive(text))
        }
        Err(error) => Err(Refusal::Machine(format!("{error}: {error:?}"))),
    }
}

/// Judges the names of objects that are to be laid out as files.
pub fn check_layout(paths: &[&str], limits: &UnpackLimits) -> Result<(), String> {
    layout::check("s3://bucket/prefix/", paths, limits).map_err(|error| error.to_string())
}

/// Reads a manifest.
pub fn read_manifest(text: &[u8], below: &str, objects_max: usize) -> Result<Vec<String>, String> {
    manifest::read(text, below, objects_max).map_err(|error| error.to_string())
}
