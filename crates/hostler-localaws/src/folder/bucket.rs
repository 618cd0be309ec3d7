//! Buckets: directories that belong to an account.
//!
//! Why: names are unique in the whole folder, as S3's are in the world, so another account's bucket is there but
//! closed, and two accounts cannot both believe that they own a name.
//! Invariants: callers pass only names that S3 allows, which are safe as file names. A bucket without its `objects`
//! directory is deleted: removing that empty directory is the one step that decides.
//! Failure: a crash within a deletion leaves such a remainder, which the next start removes.

use std::fs;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use hostler_types::{AccountId, Millis, Region};

use super::error::{FolderError, found};
use super::{Folder, sync_dir, write_synced};

/// Whose a bucket is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BucketRecord {
    pub(crate) version: u32,
    pub(crate) account: AccountId,
    pub(crate) region: Region,
    pub(crate) created_ms: Millis,
}

/// What became of a request to make a bucket.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Created {
    New,
    /// It was there before, and the same account's.
    Existed,
}

impl Folder {
    /// Makes a bucket, at most `limit` per account.
    pub(crate) fn create_bucket(
        &self,
        name: &str,
        record: &BucketRecord,
        limit: usize,
    ) -> Result<Created, FolderError> {
        let _guard = self.commit.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match self.bucket(name) {
            Ok(existing) if existing.account == record.account => return Ok(Created::Existed),
            Ok(existing) => return Err(FolderError::BucketExists { account: existing.account.to_string() }),
            Err(FolderError::NoSuchBucket) => {}
            Err(error) => return Err(error),
        }
        let own = self.buckets()?.into_iter().filter(|(_, other)| other.account == record.account).count();
        if own >= limit {
            return Err(FolderError::Full { what: "buckets", limit });
        }
        let new = self.tmp_path()?;
        for path in [new.clone(), new.join("objects"), new.join("uploads")] {
            fs::create_dir(&path).map_err(|error| FolderError::io("making", &path, error))?;
        }
        let json =
            serde_json::to_vec(record).map_err(|error| FolderError::damaged(&new, error.to_string()))?;
        write_synced(&new.join("bucket.json"), &json)?;
        sync_dir(&new)?;
        let path = self.bucket_dir(name);
        fs::rename(&new, &path).map_err(|error| FolderError::io("making", &path, error))?;
        sync_dir(&self.buckets)?;
        Ok(Created::New)
    }

    /// A bucket's record.
    pub(crate) fn bucket(&self, name: &str) -> Result<BucketRecord, FolderError> {
        let dir = self.bucket_dir(name);
        let path = dir.join("bucket.json");
        let bytes = found(fs::read(&path), "reading", &path)?.ok_or(FolderError::NoSuchBucket)?;
        if !dir.join("objects").is_dir() {
            return Err(FolderError::NoSuchBucket);
        }
        let record: BucketRecord =
            serde_json::from_slice(&bytes).map_err(|error| FolderError::damaged(&path, error.to_string()))?;
        if record.version != 1 {
            return Err(FolderError::damaged(&path, "it is of another version of Hostler"));
        }
        Ok(record)
    }

    /// Every bucket of every account, by name.
    pub(crate) fn buckets(&self) -> Result<Vec<(String, BucketRecord)>, FolderError> {
        let mut buckets = Vec::new();
        for name in self.bucket_names()? {
            match self.bucket(&name) {
                Ok(record) => buckets.push((name, record)),
                Err(FolderError::NoSuchBucket) => {}
                Err(error) => return Err(error),
            }
        }
        buckets.sort_by(|(left, _), (right, _)| left.cmp(right));
        Ok(buckets)
    }

    /// Deletes an empty bucket; unfinished uploads go with it, as in S3.
    pub(crate) fn delete_bucket(&self, name: &str) -> Result<(), FolderError> {
        self.bucket(name)?;
        let objects = self.objects_dir(name);
        match fs::remove_dir(&objects) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {
                return Err(FolderError::BucketNotEmpty);
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(FolderError::NoSuchBucket),
            Err(error) => return Err(FolderError::io("removing", &objects, error)),
        }
        self.remove_remainder(name)
    }

    /// Removes what is left of buckets whose deletion a crash interrupted.
    pub(super) fn finish_deletions(&self) -> Result<(), FolderError> {
        for name in self.bucket_names()? {
            if !self.objects_dir(&name).is_dir() {
                self.remove_remainder(&name)?;
            }
        }
        Ok(())
    }

    pub(super) fn bucket_dir(&self, name: &str) -> PathBuf {
        self.buckets.join(name)
    }

    pub(super) fn objects_dir(&self, name: &str) -> PathBuf {
        self.bucket_dir(name).join("objects")
    }

    pub(super) fn uploads_dir(&self, name: &str) -> PathBuf {
        self.bucket_dir(name).join("uploads")
    }

    /// The name is free again after one rename; emptying the rest may take longer.
    fn remove_remainder(&self, name: &str) -> Result<(), FolderError> {
        let (dir, grave) = (self.bucket_dir(name), self.tmp_path()?);
        fs::rename(&dir, &grave).map_err(|error| FolderError::io("removing", &dir, error))?;
        sync_dir(&self.buckets)?;
        fs::remove_dir_all(&grave).map_err(|error| FolderError::io("removing", &grave, error))
    }

    fn bucket_names(&self) -> Result<Vec<String>, FolderError> {
        let io = |error| FolderError::io("listing", &self.buckets, error);
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.buckets).map_err(io)? {
            let entry = entry.map_err(io)?;
            let name = entry.file_name().into_string();
            if let (Ok(name), true) = (name, entry.path().is_dir()) {
                names.push(name);
            }
        }
        Ok(names)
    }
}
