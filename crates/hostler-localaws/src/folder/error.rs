//! What can go wrong in the folder.
//!
//! Why: the wire part turns each of these into S3's own words; the folder does not know HTTP.
//! Invariants: Display never includes the cause; whoever logs prints the source.

use std::io;
use std::path::Path;

/// An operation on the folder that did not happen.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FolderError {
    #[error("the bucket does not exist")]
    NoSuchBucket,
    #[error("the bucket is taken by account `{account}`")]
    BucketExists { account: String },
    #[error("the bucket still holds objects")]
    BucketNotEmpty,
    #[error("the key does not exist")]
    NoSuchKey,
    #[error("the upload does not exist")]
    NoSuchUpload,
    #[error("a part was replaced while the upload was completed")]
    PartChanged,
    #[error("the limit of {limit} {what} is reached")]
    Full { what: &'static str, limit: usize },
    #[error("the object is not in the state that the request demands")]
    Precondition,
    #[error("the disk is full")]
    DiskFull(#[source] io::Error),
    #[error("{tried} failed")]
    Io {
        tried: String,
        #[source]
        source: io::Error,
    },
    #[error("`{path}` is not a file that Hostler wrote: {detail}")]
    Damaged { path: String, detail: String },
}

impl FolderError {
    /// An error of the file system while doing `verb` to `path`.
    pub(crate) fn io(verb: &str, path: &Path, source: io::Error) -> Self {
        if matches!(source.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
            return Self::DiskFull(source);
        }
        Self::Io { tried: format!("{verb} `{}`", path.display()), source }
    }

    pub(crate) fn damaged(path: &Path, detail: impl Into<String>) -> Self {
        Self::Damaged { path: path.display().to_string(), detail: detail.into() }
    }
}

/// The same as `Option`: a file that is not there is an answer, not a failure.
pub(crate) fn found<T>(result: io::Result<T>, verb: &str, path: &Path) -> Result<Option<T>, FolderError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(FolderError::io(verb, path, error)),
    }
}
