//! Bytes on their way to becoming an object.
//!
//! Why: a put that breaks off, or whose hash is wrong, must leave nothing; so bytes go to a file in `tmp/` that
//! removes itself unless it is renamed.
//! Invariants: the sums are of exactly the bytes in the file; [`Staged::seal`] returns only after the disk has
//! them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use hostler_types::Millis;

use super::error::FolderError;
use super::record::{ObjectRecord, RECORD_VERSION, append_record};
use super::{Folder, ObjectFile};
use crate::digest::{Algorithm, StoredChecksum, Summed, Sums};

/// Bytes copied at a time.
const COPY_BYTES: usize = 256 * 1024;

/// What the request says about a new object.
#[derive(Clone, Debug, Default)]
pub(crate) struct NewObject {
    pub(crate) key: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) modified_ms: Millis,
}

/// A file in `tmp/`, removed when dropped.
#[derive(Debug)]
struct TmpFile {
    path: PathBuf,
    is_kept: bool,
}

impl Drop for TmpFile {
    fn drop(&mut self) {
        if !self.is_kept
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!(path = %self.path.display(), %error, "cannot remove a half-written file; the next start will");
        }
    }
}

/// An open file that grows.
pub(crate) struct StagedFile {
    tmp: TmpFile,
    file: File,
    size: u64,
    sums: Sums,
}

impl Folder {
    /// A new empty file; `algorithm` is summed beside MD5.
    pub(crate) fn stage(&self, algorithm: Option<Algorithm>) -> Result<StagedFile, FolderError> {
        let path = self.tmp_path()?;
        let file = File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)
            .map_err(|error| FolderError::io("making", &path, error))?;
        Ok(StagedFile { tmp: TmpFile { path, is_kept: false }, file, size: 0, sums: Sums::new(algorithm) })
    }
}

impl StagedFile {
    /// Appends bytes.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), FolderError> {
        self.file.write_all(bytes).map_err(|error| FolderError::io("writing", &self.tmp.path, error))?;
        self.sums.update(bytes);
        self.size += bytes.len() as u64;
        Ok(())
    }

    /// Appends `length` bytes of another object and sums them.
    pub(crate) fn copy(&mut self, source: &ObjectFile, start: u64, length: u64) -> Result<(), FolderError> {
        let mut buffer = vec![0; COPY_BYTES];
        let mut copied = 0;
        while copied < length {
            let step = usize::try_from(length - copied).unwrap_or(COPY_BYTES).min(COPY_BYTES);
            source.read_at(&mut buffer[..step], start + copied)?;
            self.write(&buffer[..step])?;
            copied += step as u64;
        }
        Ok(())
    }

    /// Appends a whole part without summing it: the sums of a multipart object come from its parts. The kernel copies.
    pub(crate) fn append(&mut self, source: &ObjectFile) -> Result<(), FolderError> {
        let mut content = source.file().take(source.record().size);
        let copied = std::io::copy(&mut content, &mut self.file)
            .map_err(|error| FolderError::io("joining", &self.tmp.path, error))?;
        if copied != source.record().size {
            return Err(FolderError::damaged(&self.tmp.path, "a part of it ended early"));
        }
        self.size += copied;
        Ok(())
    }

    /// Ends the sums; the caller compares them and then seals.
    pub(crate) fn finish(self) -> (Staged, Summed) {
        (Staged { tmp: self.tmp, file: self.file, size: self.size }, self.sums.finish())
    }
}

/// A file whose bytes are complete.
#[derive(Debug)]
pub(crate) struct Staged {
    tmp: TmpFile,
    file: File,
    size: u64,
}

/// The sums that an object's record keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RecordSums {
    pub(crate) etag: String,
    pub(crate) checksum: Option<StoredChecksum>,
    pub(crate) part_sizes: Vec<u64>,
}

impl From<Summed> for RecordSums {
    fn from(summed: Summed) -> Self {
        Self { etag: summed.etag(), checksum: summed.checksum, part_sizes: Vec::new() }
    }
}

/// A complete file on the disk that only lacks its name.
#[derive(Debug)]
pub(crate) struct Sealed {
    tmp: TmpFile,
    record: ObjectRecord,
}

impl Staged {
    /// Writes the record and waits for the disk.
    pub(crate) fn seal(mut self, new: NewObject, sums: RecordSums) -> Result<Sealed, FolderError> {
        let record = ObjectRecord {
            version: RECORD_VERSION,
            key: new.key,
            size: self.size,
            etag: sums.etag,
            modified_ms: new.modified_ms,
            headers: new.headers,
            metadata: new.metadata,
            checksum: sums.checksum,
            part_sizes: sums.part_sizes,
        };
        append_record(&mut self.file, &self.tmp.path, &record)?;
        self.file.sync_all().map_err(|error| FolderError::io("syncing", &self.tmp.path, error))?;
        Ok(Sealed { tmp: self.tmp, record })
    }
}

impl Sealed {
    /// What will be known of the object.
    pub(crate) fn record(&self) -> &ObjectRecord {
        &self.record
    }

    /// Gives the file its name, replacing what had it; the caller syncs the directory.
    pub(super) fn place(mut self, path: &Path) -> std::io::Result<ObjectRecord> {
        fs::rename(&self.tmp.path, path)?;
        self.tmp.is_kept = true;
        Ok(self.record)
    }
}
