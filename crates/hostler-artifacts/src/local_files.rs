//! Model archives on this machine's own disk, from directories that the operator named; all else is another reader's.
//!
//! Why: `file://` spares a copy into the bucket, and shows a client the server's disk; so nothing is served unless its
//! directory was named. No role is asked, since files have none: whoever may create a model in the operator's own account
//! may serve what lies there, and no other account may.
//! Invariants: links are resolved before the check, and the file that was opened is checked once more by the name that
//! the kernel gives it, so nothing outside is read whatever changes in between. Only regular files are opened. A file
//! that changes while it is read is an error and no mixture.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use hostler_types::AccountId;
use rustix::fs::{Mode, OFlags};
use tokio_util::io::ReaderStream;

use crate::port::{ArtifactSource, ArtifactVersion, FetchError, ObjectReader, ObjectStream};

const SCHEME: &str = "file://";
/// Bytes read at once.
const PIECE_BYTES: usize = 128 << 10;
/// Without `NONBLOCK` opening a named pipe would wait for its other end.
const OPEN_FILE: OFlags =
    OFlags::RDONLY.union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);

/// Reads `file://` URLs below the allowed directories, and hands every other URI on.
pub struct LocalFiles {
    allowed: Arc<[PathBuf]>,
    owner: AccountId,
    others: Arc<dyn ObjectReader>,
}

impl LocalFiles {
    /// Files below `allowed`, each an absolute directory, for models of account `owner`; none allows none.
    pub fn new(allowed: Vec<PathBuf>, owner: AccountId, others: Arc<dyn ObjectReader>) -> Self {
        Self { allowed: allowed.into(), owner, others }
    }

    async fn opened(&self, source: &ArtifactSource) -> Result<(File, ArtifactVersion), FetchError> {
        if source.account != self.owner {
            let detail = "files of the server's machine are for models of the server's own account";
            return Err(refused(&source.uri, detail));
        }
        let (allowed, uri) = (Arc::clone(&self.allowed), source.uri.clone());
        let opening = tokio::task::spawn_blocking(move || open(&allowed, &uri));
        opening.await.map_err(|error| disk("opening a file", io::Error::other(error)))?
    }
}

#[async_trait]
impl ObjectReader for LocalFiles {
    async fn look(&self, source: &ArtifactSource) -> Result<ArtifactVersion, FetchError> {
        if !source.uri.starts_with(SCHEME) {
            return self.others.look(source).await;
        }
        Ok(self.opened(source).await?.1)
    }

    async fn list(
        &self,
        prefix: &ArtifactSource,
        keys_max: usize,
    ) -> Result<Vec<ArtifactVersion>, FetchError> {
        if !prefix.uri.starts_with(SCHEME) {
            return self.others.list(prefix, keys_max).await;
        }
        Err(refused(&prefix.uri, "one model archive is expected"))
    }

    async fn open(
        &self,
        source: &ArtifactSource,
        version: &ArtifactVersion,
        from: u64,
    ) -> Result<ObjectStream, FetchError> {
        if !source.uri.starts_with(SCHEME) {
            return self.others.open(source, version, from).await;
        }
        let uri = source.uri.clone();
        let (mut file, seen) = self.opened(source).await?;
        if seen != *version {
            return Err(FetchError::Changed { uri });
        }
        file.seek(SeekFrom::Start(from)).map_err(|error| disk(&uri, error))?;
        let watched = file.try_clone().map_err(|error| disk(&uri, error))?;
        let pieces = ReaderStream::with_capacity(tokio::fs::File::from_std(file), PIECE_BYTES);
        let (piece_uri, etag) = (uri.clone(), version.etag.clone());
        let pieces = pieces.map(move |piece| piece.map_err(|error| disk(&piece_uri, error)));
        // The last word, when every byte has been read: they were all of one version.
        let verdict = stream::once(async move {
            match watched.metadata() {
                Ok(metadata) if Some(etag_of(&metadata)) == etag => None,
                Ok(_) => Some(Err(FetchError::Changed { uri })),
                Err(error) => Some(Err(disk(&uri, error))),
            }
        });
        Ok(Box::pin(pieces.chain(verdict.filter_map(std::future::ready))))
    }
}

/// Opens what a URL names, if it lies below an allowed directory. Blocks.
fn open(allowed: &[PathBuf], uri: &str) -> Result<(File, ArtifactVersion), FetchError> {
    if allowed.is_empty() {
        return Err(refused(
            uri,
            "this server reads no files of its own machine; its operator may name directories in `model_dirs`",
        ));
    }
    let path = path_of(uri)?;
    // A named directory may itself be a link, or not be there.
    let dirs: Vec<PathBuf> = allowed.iter().filter_map(|dir| dir.canonicalize().ok()).collect();
    let is_inside = |path: &Path| dirs.iter().any(|dir| path.starts_with(dir));
    let outside = || refused(uri, "it does not lie below a directory that the server's `model_dirs` names");
    let real = match path.canonicalize() {
        Ok(real) => real,
        // What is not there is told only of places that may be looked at.
        Err(error) if nearest_that_exists(&path).is_some_and(|near| is_inside(&near)) => {
            return Err(unfound(uri, error));
        }
        Err(_) => return Err(outside()),
    };
    if !is_inside(&real) {
        return Err(outside());
    }
    let file =
        rustix::fs::open(&real, OPEN_FILE, Mode::empty()).map_err(|error| unfound(uri, error.into()))?;
    let file = File::from(file);
    let metadata = file.metadata().map_err(|error| disk(uri, error))?;
    if !metadata.is_file() {
        return Err(refused(uri, "it is not a file; one model archive is expected"));
    }
    let opened = std::fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()));
    if !is_inside(&opened.map_err(|error| disk(uri, error))?) {
        return Err(outside());
    }
    let key = real.display().to_string();
    let etag = Some(etag_of(&metadata));
    // No bucket has an empty name, so no object is taken for a file.
    Ok((file, ArtifactVersion { bucket: String::new(), key, etag, bytes: metadata.len(), version_id: None }))
}

/// Which file it is and when it was last written to.
fn etag_of(metadata: &std::fs::Metadata) -> String {
    format!(
        "{:x}-{:x}-{:x}-{:x}.{:x}-{:x}.{:x}",
        metadata.dev(),
        metadata.ino(),
        metadata.len(),
        metadata.mtime(),
        metadata.mtime_nsec(),
        metadata.ctime(),
        metadata.ctime_nsec()
    )
}

/// The absolute path of `file:///path` or `file://localhost/path`, with its `%XX` resolved.
fn path_of(uri: &str) -> Result<PathBuf, FetchError> {
    let rest = uri.strip_prefix(SCHEME).unwrap_or_default();
    let rest = rest.strip_prefix("localhost").unwrap_or(rest);
    if !rest.starts_with('/') {
        return Err(refused(uri, "`file:///ABSOLUTE/PATH` is expected"));
    }
    let mut bytes = Vec::with_capacity(rest.len());
    let mut left = rest.as_bytes();
    while let [byte, tail @ ..] = left {
        left = tail;
        if *byte != b'%' {
            bytes.push(*byte);
            continue;
        }
        let decoded = tail.get(..2).and_then(|digits| hex::decode(digits).ok());
        let Some(decoded) = decoded else {
            return Err(refused(uri, "a `%` in it is not followed by two hexadecimal digits"));
        };
        bytes.extend(decoded);
        left = &tail[2..];
    }
    if bytes.contains(&0) {
        return Err(refused(uri, "it holds a zero byte"));
    }
    Ok(PathBuf::from(OsStr::from_bytes(&bytes)))
}

fn refused(uri: &str, detail: &str) -> FetchError {
    FetchError::Unreadable { uri: uri.to_owned(), detail: detail.to_owned() }
}

/// Where a path leads as far as it goes.
fn nearest_that_exists(path: &Path) -> Option<PathBuf> {
    path.ancestors().skip(1).find_map(|ancestor| ancestor.canonicalize().ok())
}

/// What could not be opened.
fn unfound(uri: &str, error: io::Error) -> FetchError {
    let uri = uri.to_owned();
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => FetchError::Missing { uri },
        _ => FetchError::Unreadable { uri, detail: error.to_string() },
    }
}

fn disk(uri: &str, error: io::Error) -> FetchError {
    FetchError::disk(uri, "reading it", &error)
}
