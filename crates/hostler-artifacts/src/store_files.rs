//! Stores objects as the files they are, a few at a time.
//!
//! Why: an uncompressed model is often a handful of large files, or some hundred small ones for which the way to the
//! bucket and back counts more than the bytes; both are served by a few downloads side by side.
//! Invariants: memory is bounded by `FILES_AT_ONCE` times what one download keeps in flight; files are made through
//! `unpack`'s tree, which follows no link and leaves the directory read-only.
//! Failure: the first failure drops the other downloads; the directory goes when the last writer has let go of it.

use std::fs::File;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::sync::mpsc;

use crate::cache::WorkDir;
use crate::feed::{Abandoned, Download, PIECES_IN_FLIGHT, Piece, settle};
use crate::port::{FetchError, ObjectReader};
use crate::snapshot::ObjectFile;
use crate::unpack::{Tree, UnpackError, Unpacked, quoted, seal};

/// Downloads of one model side by side.
const FILES_AT_ONCE: usize = 4;

/// Stores `files` in `work`, telling `received` of the bytes as they come.
pub(crate) async fn store_files(
    reader: &Arc<dyn ObjectReader>,
    patience: Duration,
    files: &[ObjectFile],
    work: WorkDir,
    received: impl Fn(u64) + Send + Sync,
) -> Result<(WorkDir, Unpacked), FetchError> {
    let uri = files.first().map(|file| file.source.uri.clone()).unwrap_or_default();
    let on_disk = |error: UnpackError| FetchError::Disk {
        uri: uri.clone(),
        detail: error.to_string(),
        is_full: error.is_full(),
    };
    let shelf = Shelf::open(work).map_err(on_disk)?;
    let received = &received;
    let storing = stream::iter(0..files.len()).map(|index| {
        let (file, shelf, reader) = (&files[index], shelf.clone(), Arc::clone(reader));
        async move {
            let (source, version) = (file.source.clone(), file.version.clone());
            shelf.store(Download { reader, source, version, patience }, &file.path, received).await
        }
    });
    storing.buffer_unordered(FILES_AT_ONCE).try_for_each(|()| async { Ok(()) }).await?;
    let bytes = files.iter().map(|file| file.version.bytes).sum();
    let sealing = tokio::task::spawn_blocking(move || {
        let work = Arc::try_unwrap(shelf.work).map_err(|_| {
            UnpackError::disk("finishing the directory", io::Error::other("it is still in use"))
        })?;
        seal(work.model())?;
        Ok(work)
    });
    let sealed =
        sealing.await.unwrap_or_else(|error| Err(UnpackError::disk("finishing the directory", error)));
    Ok((sealed.map_err(on_disk)?, Unpacked { bytes }))
}

/// The directory that is filled; clones share it.
#[derive(Clone)]
struct Shelf {
    tree: Arc<Mutex<Tree>>,
    work: Arc<WorkDir>,
}

impl Shelf {
    fn open(work: WorkDir) -> Result<Self, UnpackError> {
        Ok(Self { tree: Arc::new(Mutex::new(Tree::open(work.model())?)), work: Arc::new(work) })
    }

    async fn store(&self, download: Download, path: &str, received: impl Fn(u64)) -> Result<(), FetchError> {
        let (pieces, incoming) = mpsc::channel(PIECES_IN_FLIGHT);
        let (shelf, path) = (self.clone(), path.to_owned());
        // The shelf goes along, so that nobody removes the directory under a writer that was left behind.
        let writing = tokio::task::spawn_blocking(move || shelf.write(&path, incoming));
        let fed = download.feed(pieces, received).await;
        let written = writing.await.unwrap_or_else(|error| Err(UnpackError::disk("writing a file", error)));
        settle(&download.source.uri, written, fed)
    }

    fn write(self, path: &str, mut incoming: mpsc::Receiver<Piece>) -> Result<(), UnpackError> {
        let at: Vec<&[u8]> = path.split('/').map(str::as_bytes).collect();
        let mut file: File = self.tree().file(&at)?;
        loop {
            match incoming.blocking_recv() {
                Some(Piece::Bytes(bytes)) => file.write_all(&bytes).map_err(|error| {
                    UnpackError::disk(format!("writing {}", quoted(path.as_bytes())), error)
                })?,
                Some(Piece::End) => return self.tree().finish_file(&at, &file, false),
                None => return Err(UnpackError::Source(io::Error::other(Abandoned))),
            }
        }
    }

    fn tree(&self) -> std::sync::MutexGuard<'_, Tree> {
        self.tree.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
