//! Objects: opening, putting in place, deleting.
//!
//! Why: an open file stays what it was while the key is overwritten or deleted, so a reader needs no lock.
//! Invariants: a put is visible whole or not at all; a condition and the rename that depends on it are one step.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::error::{FolderError, found};
use super::file_name::file_name;
use super::record::{ObjectRecord, read_record};
use super::staged::Sealed;
use super::{Folder, sync_dir};

/// An object as it was when it was opened.
#[derive(Debug)]
pub(crate) struct ObjectFile {
    file: File,
    path: PathBuf,
    record: ObjectRecord,
}

/// What must be true of a key for a put to happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    Always,
    /// `If-None-Match: *`.
    Absent,
    /// `If-Match`, without quotes.
    ETag(String),
}

impl ObjectFile {
    /// Opens a file of this folder's format.
    pub(super) fn open(path: &Path) -> Result<Option<Self>, FolderError> {
        let Some(file) = found(File::open(path), "opening", path)? else {
            return Ok(None);
        };
        let record = read_record(&file, path)?;
        Ok(Some(Self { file, path: path.to_owned(), record }))
    }

    /// What is known of it.
    pub(crate) fn record(&self) -> &ObjectRecord {
        &self.record
    }

    /// Fills `buffer` from `offset`; the caller stays within the object's size.
    pub(crate) fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<(), FolderError> {
        self.file.read_exact_at(buffer, offset).map_err(|error| FolderError::io("reading", &self.path, error))
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }
}

impl Folder {
    /// Opens the object under `key`.
    pub(crate) fn object(&self, bucket: &str, key: &str) -> Result<ObjectFile, FolderError> {
        match ObjectFile::open(&self.object_path(bucket, key))? {
            Some(object) if object.record.key == key => Ok(object),
            Some(object) => Err(FolderError::damaged(&object.path, "its record names another key")),
            None => Err(FolderError::NoSuchKey),
        }
    }

    /// Puts a sealed file under its key.
    pub(crate) fn put_object(
        &self,
        bucket: &str,
        sealed: Sealed,
        condition: &Condition,
    ) -> Result<ObjectRecord, FolderError> {
        let (dir, path) = (self.objects_dir(bucket), self.object_path(bucket, &sealed.record().key));
        let record = self.place_if(condition, sealed, &path)?;
        sync_dir(&dir)?;
        Ok(record)
    }

    fn place_if(
        &self,
        condition: &Condition,
        sealed: Sealed,
        path: &Path,
    ) -> Result<ObjectRecord, FolderError> {
        let _guard = self.commit.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match condition {
            Condition::Absent if path.exists() => return Err(FolderError::Precondition),
            Condition::Always | Condition::Absent => {}
            Condition::ETag(etag) => {
                let existing = ObjectFile::open(path)?.ok_or(FolderError::NoSuchKey)?;
                if existing.record.etag != *etag {
                    return Err(FolderError::Precondition);
                }
            }
        }
        sealed.place(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => FolderError::NoSuchBucket,
            _ => FolderError::io("putting", path, error),
        })
    }

    /// Deletes; a key that is not there is as good as deleted.
    pub(crate) fn delete_object(&self, bucket: &str, key: &str) -> Result<(), FolderError> {
        let path = self.object_path(bucket, key);
        if found(fs::remove_file(&path), "deleting", &path)?.is_some() {
            sync_dir(&self.objects_dir(bucket))?;
        }
        Ok(())
    }

    fn object_path(&self, bucket: &str, key: &str) -> PathBuf {
        self.objects_dir(bucket).join(file_name(key))
    }
}
