//! Multipart uploads: parts that become one object.
//!
//! Why: boto3 sends every file of more than 8 MiB this way. A part is kept as an object file, so its size, ETag and
//! checksum are in its own record, and a part that is sent again replaces the former by one rename.
//! Invariants: an upload is a directory that exists until it is completed or aborted; completing checks every part
//! that the client names before anything is written.
//! Failure: a crash while completing leaves the upload as it was; the client completes again.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use hostler_types::Millis;

use super::error::{FolderError, found};
use super::object::{Condition, ObjectFile};
use super::record::ObjectRecord;
use super::staged::{NewObject, RecordSums, Sealed};
use super::{Folder, random_id, sync_dir, write_synced};
use crate::digest::{Algorithm, ChecksumType};

/// What the request says about an upload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct UploadRecord {
    pub(crate) version: u32,
    pub(crate) key: String,
    pub(crate) started_ms: Millis,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) checksum: Option<(Algorithm, ChecksumType)>,
}

/// A part that was checked and will be joined. It is not kept open: 10,000 open files are more than a process may have.
#[derive(Clone, Debug)]
pub(crate) struct ChosenPart {
    pub(crate) number: u16,
    pub(crate) etag: String,
}

impl Folder {
    /// Starts an upload, at most `limit` open ones per bucket; answers its id.
    pub(crate) fn create_upload(
        &self,
        bucket: &str,
        record: &UploadRecord,
        limit: usize,
    ) -> Result<String, FolderError> {
        let _guard = self.commit.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if self.upload_ids(bucket)?.len() >= limit {
            return Err(FolderError::Full { what: "open multipart uploads in the bucket", limit });
        }
        let (id, new) = (random_id()?, self.tmp_path()?);
        let json =
            serde_json::to_vec(record).map_err(|error| FolderError::damaged(&new, error.to_string()))?;
        fs::create_dir(&new).map_err(|error| FolderError::io("making", &new, error))?;
        write_synced(&new.join("upload.json"), &json)?;
        let path = self.uploads_dir(bucket).join(&id);
        fs::rename(&new, &path).map_err(|error| missing_bucket(error, &path))?;
        sync_dir(&self.uploads_dir(bucket))?;
        Ok(id)
    }

    /// An upload's record.
    pub(crate) fn upload(&self, bucket: &str, id: &str, key: &str) -> Result<UploadRecord, FolderError> {
        let record = Self::upload_record(&self.upload_dir(bucket, id)?)?.ok_or(FolderError::NoSuchUpload)?;
        if record.key != key {
            return Err(FolderError::NoSuchUpload);
        }
        Ok(record)
    }

    /// Every open upload of a bucket, by key and id.
    pub(crate) fn uploads(&self, bucket: &str) -> Result<Vec<(String, UploadRecord)>, FolderError> {
        let mut uploads = Vec::new();
        for id in self.upload_ids(bucket)? {
            if let Some(record) = Self::upload_record(&self.uploads_dir(bucket).join(&id))? {
                uploads.push((id, record));
            }
        }
        uploads.sort_by(|left, right| (&left.1.key, &left.0).cmp(&(&right.1.key, &right.0)));
        Ok(uploads)
    }

    /// Puts a sealed file in place as part `number`.
    pub(crate) fn put_part(
        &self,
        bucket: &str,
        id: &str,
        number: u16,
        sealed: Sealed,
    ) -> Result<ObjectRecord, FolderError> {
        let dir = self.upload_dir(bucket, id)?;
        let path = part_path(&dir, number);
        let record = sealed.place(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => FolderError::NoSuchUpload,
            _ => FolderError::io("putting", &path, error),
        })?;
        sync_dir(&dir)?;
        Ok(record)
    }

    /// Every part that has arrived, by number.
    pub(crate) fn parts(&self, bucket: &str, id: &str) -> Result<Vec<(u16, ObjectRecord)>, FolderError> {
        let dir = self.upload_dir(bucket, id)?;
        let entries = found(fs::read_dir(&dir), "listing", &dir)?.ok_or(FolderError::NoSuchUpload)?;
        let mut parts = Vec::new();
        for entry in entries {
            let name = entry.map_err(|error| FolderError::io("listing", &dir, error))?.file_name();
            let Some(number) = name.to_str().and_then(|name| name.strip_prefix("part-")?.parse().ok()) else {
                continue;
            };
            if let Some(part) = ObjectFile::open(&part_path(&dir, number))? {
                parts.push((number, part.record().clone()));
            }
        }
        parts.sort_by_key(|(number, _)| *number);
        Ok(parts)
    }

    /// Joins the parts into the object and ends the upload.
    pub(crate) fn complete_upload(
        &self,
        bucket: &str,
        id: &str,
        parts: &[ChosenPart],
        (new, sums, condition): (NewObject, RecordSums, &Condition),
    ) -> Result<ObjectRecord, FolderError> {
        let mut staged = self.stage(None)?;
        let dir = self.upload_dir(bucket, id)?;
        for part in parts {
            let file = ObjectFile::open(&part_path(&dir, part.number))?.ok_or(FolderError::PartChanged)?;
            if file.record().etag != part.etag {
                return Err(FolderError::PartChanged);
            }
            staged.append(&file)?;
        }
        let (staged, _) = staged.finish();
        let record = self.put_object(bucket, staged.seal(new, sums)?, condition)?;
        self.abort_upload(bucket, id)?;
        Ok(record)
    }

    /// Ends an upload and drops its parts.
    pub(crate) fn abort_upload(&self, bucket: &str, id: &str) -> Result<(), FolderError> {
        let (dir, grave) = (self.upload_dir(bucket, id)?, self.tmp_path()?);
        if found(fs::rename(&dir, &grave), "ending", &dir)?.is_none() {
            return Err(FolderError::NoSuchUpload);
        }
        sync_dir(&self.uploads_dir(bucket))?;
        fs::remove_dir_all(&grave).map_err(|error| FolderError::io("removing", &grave, error))
    }

    /// Ids come from clients: only what [`random_id`] makes may reach the file system.
    fn upload_dir(&self, bucket: &str, id: &str) -> Result<PathBuf, FolderError> {
        let is_ours = id.len() == 32 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if is_ours { Ok(self.uploads_dir(bucket).join(id)) } else { Err(FolderError::NoSuchUpload) }
    }

    fn upload_record(dir: &Path) -> Result<Option<UploadRecord>, FolderError> {
        let path = dir.join("upload.json");
        let Some(json) = found(fs::read(&path), "reading", &path)? else {
            return Ok(None);
        };
        let record: UploadRecord =
            serde_json::from_slice(&json).map_err(|error| FolderError::damaged(&path, error.to_string()))?;
        if record.version != 1 {
            return Err(FolderError::damaged(&path, "it is of another version of Hostler"));
        }
        Ok(Some(record))
    }

    fn upload_ids(&self, bucket: &str) -> Result<Vec<String>, FolderError> {
        let dir = self.uploads_dir(bucket);
        let entries = found(fs::read_dir(&dir), "listing", &dir)?.ok_or(FolderError::NoSuchBucket)?;
        let mut ids = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| FolderError::io("listing", &dir, error))?;
            ids.extend(entry.file_name().into_string());
        }
        Ok(ids)
    }
}

fn part_path(dir: &Path, number: u16) -> PathBuf {
    dir.join(format!("part-{number:05}"))
}

fn missing_bucket(error: io::Error, path: &Path) -> FolderError {
    match error.kind() {
        io::ErrorKind::NotFound => FolderError::NoSuchBucket,
        _ => FolderError::io("making", path, error),
    }
}
