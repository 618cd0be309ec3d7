//! The folder behind the embedded S3: buckets, objects and uploads as plain files.
//!
//! Why: the file system is the only state, so there is nothing to load at a start, nothing to rebuild after a crash
//! and no cache to go stale. s3s-fs was weighed for this job and left: it sums a whole file for each ETag, lets `..`
//! leave a bucket, cannot hold both `a` and `a/b`, and keeps an object's metadata in a second file that a crash can
//! part from the first.
//! Invariants: nothing is visible before it is complete and on disk; everything appears by one rename. Functions
//! here block; the wire part calls them on threads that may. HTTP, signatures and roles are unknown here.
//! Failure: a crash leaves files in `tmp/`, which the next [`Folder::open`] removes.
//!
//! ```text
//! tmp/                                  what is being written
//! buckets/<bucket>/bucket.json          whose it is
//! buckets/<bucket>/objects/<file name>  bytes and record of one object
//! buckets/<bucket>/uploads/<id>/        upload.json and one object file per part
//! ```

mod bucket;
mod error;
mod file_name;
mod listing;
mod object;
mod record;
mod staged;
mod upload;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

pub(crate) use bucket::{BucketRecord, Created};
pub(crate) use error::FolderError;
pub(crate) use listing::{ListQuery, Listed, Listing};
pub(crate) use object::{Condition, ObjectFile};
pub(crate) use record::ObjectRecord;
pub(crate) use staged::{NewObject, RecordSums, Staged, StagedFile};
pub(crate) use upload::{ChosenPart, UploadRecord};

/// The folder; share it behind an `Arc`.
#[derive(Debug)]
pub(crate) struct Folder {
    buckets: PathBuf,
    tmp: PathBuf,
    /// Held while a condition is checked and the rename that depends on it is made.
    commit: Mutex<()>,
}

impl Folder {
    /// Opens or makes the folder, and removes what a crash left half-written.
    pub(crate) fn open(dir: &Path) -> Result<Self, FolderError> {
        let folder = Self { buckets: dir.join("buckets"), tmp: dir.join("tmp"), commit: Mutex::new(()) };
        if folder.tmp.exists() {
            fs::remove_dir_all(&folder.tmp)
                .map_err(|error| FolderError::io("clearing", &folder.tmp, error))?;
        }
        for path in [&folder.buckets, &folder.tmp] {
            fs::create_dir_all(path).map_err(|error| FolderError::io("making", path, error))?;
        }
        folder.finish_deletions()?;
        sync_dir(dir)?;
        Ok(folder)
    }

    /// A new name in `tmp/`.
    fn tmp_path(&self) -> Result<PathBuf, FolderError> {
        Ok(self.tmp.join(random_id()?))
    }
}

/// 32 random hexadecimal digits.
fn random_id() -> Result<String, FolderError> {
    let bytes: ring::rand::Random<[u8; 16]> = ring::rand::generate(&ring::rand::SystemRandom::new())
        .map_err(|_| FolderError::Io {
            tried: "drawing a random name".into(),
            source: std::io::Error::other("the system's random source failed"),
        })?;
    Ok(hex::encode(bytes.expose()))
}

/// Makes a rename in `dir` last through a power cut.
fn sync_dir(dir: &Path) -> Result<(), FolderError> {
    File::open(dir).and_then(|file| file.sync_all()).map_err(|error| FolderError::io("syncing", dir, error))
}

/// Writes `bytes` to a new file and waits for the disk.
fn write_synced(path: &Path, bytes: &[u8]) -> Result<(), FolderError> {
    use std::io::Write as _;
    let mut file = File::create_new(path).map_err(|error| FolderError::io("making", path, error))?;
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .map_err(|error| FolderError::io("writing", path, error))
}

#[cfg(test)]
mod tests;
