//! Carries an object's bytes from the network into what writes them, which blocks, through a short channel.
//!
//! Why: data is unpacked or stored while it arrives, so a model costs its disk space once and no second pass. Rejected: a
//! temporary file, which doubles both. A connection that breaks is taken up where it broke, so that the last gigabyte of
//! a large model does not cost the first ones again.
//! Invariants: at most `PIECES_IN_FLIGHT` pieces wait in memory; the writing side sees an end only when every byte the
//! look promised has come, so a broken transfer is never taken for a broken archive. Two reads are put together only
//! when the version is sure to be the same: the reader opens just the version that was looked at, and one that no strong
//! ETag or version id identifies is not resumed.
//! Failure: when the reading side is dropped, the writing side gets [`Abandoned`], stops, and its directory goes away.

use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes};
use futures_util::StreamExt;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::cache::WorkDir;
use crate::port::{ArchiveFlaw, ArtifactSource, ArtifactVersion, FetchError, ObjectReader};
use crate::unpack::{UnpackError, UnpackLimits, Unpacked, unpack};

/// Pieces between network and writer; a piece is what the client read at once, at most some hundred kilobytes.
pub(crate) const PIECES_IN_FLIGHT: usize = 8;
/// Wait before a broken download is taken up; doubles each time, up to the next.
const PAUSE_FIRST: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// One object to be read from its beginning to its end.
pub(crate) struct Download {
    pub(crate) reader: Arc<dyn ObjectReader>,
    pub(crate) source: ArtifactSource,
    pub(crate) version: ArtifactVersion,
    /// How long a download that brings nothing more is taken up again.
    pub(crate) patience: Duration,
}

/// Marks the read error of a writer whose source went away.
#[derive(Debug, thiserror::Error)]
#[error("the transfer was given up")]
pub(crate) struct Abandoned;

pub(crate) enum Piece {
    Bytes(Bytes),
    End,
}

/// How one stream ended when it did not break.
enum Fed {
    All,
    /// The writer wants no more; its own verdict tells why.
    Unwanted,
}

/// Unpacks an archive into `work`, telling `received` of the bytes as they come.
pub(crate) async fn unpack_archive(
    download: &Download,
    limits: UnpackLimits,
    work: WorkDir,
    received: impl Fn(u64) + Send,
) -> Result<(WorkDir, Unpacked), FetchError> {
    let uri = &download.source.uri;
    let (pieces, incoming) = mpsc::channel(PIECES_IN_FLIGHT);
    let unpacking = tokio::task::spawn_blocking(move || {
        let outcome =
            unpack(PieceReader { incoming, current: Bytes::new(), at_end: false }, work.model(), &limits);
        (work, outcome)
    });
    let fed = download.feed(pieces, received).await;
    let (work, outcome) =
        unpacking.await.map_err(|error| FetchError::disk(uri, "unpacking", &error.into()))?;
    settle(uri, outcome, fed).map(|unpacked| (work, unpacked))
}

/// One verdict from both ends: a break explains why a writer starved, and a writer's own verdict why it wanted no more.
pub(crate) fn settle<T>(
    uri: &str,
    outcome: Result<T, UnpackError>,
    fed: Result<(), FetchError>,
) -> Result<T, FetchError> {
    let uri = uri.to_owned();
    match (outcome, fed) {
        (Ok(_) | Err(UnpackError::Source(_)), Err(broken)) => Err(broken),
        (Ok(done), Ok(())) => Ok(done),
        (Err(UnpackError::Source(error)), Ok(())) => {
            Err(FetchError::Interrupted { uri, detail: error.to_string() })
        }
        (Err(error @ UnpackError::Refused(_)), _) => {
            Err(FetchError::BadArchive { uri, detail: error.to_string(), flaw: ArchiveFlaw::Other })
        }
        (Err(error @ UnpackError::Flawed(flaw, _)), _) => {
            Err(FetchError::BadArchive { uri, detail: error.to_string(), flaw })
        }
        (Err(error @ UnpackError::OverLimit(_)), _) => {
            Err(FetchError::OverLimit { uri, detail: error.to_string() })
        }
        (Err(error @ UnpackError::Disk { .. }), _) => {
            Err(FetchError::Disk { uri, detail: error.to_string(), is_full: error.is_full() })
        }
    }
}

impl Download {
    /// Sends all pieces, taking up what broke; ends early without an error when the writer wants no more.
    pub(crate) async fn feed(
        &self,
        pieces: mpsc::Sender<Piece>,
        received: impl Fn(u64),
    ) -> Result<(), FetchError> {
        let mut came = 0;
        let mut pause = PAUSE_FIRST;
        let mut progress_at = Instant::now();
        loop {
            let before = came;
            let error = match self.feed_from(&mut came, &pieces, &received).await {
                Ok(Fed::All) => break,
                Ok(Fed::Unwanted) => return Ok(()),
                Err(error) => error,
            };
            if came > before {
                (pause, progress_at) = (PAUSE_FIRST, Instant::now());
            }
            // One that brought nothing at all is the caller's to try again, with another look.
            let may_resume =
                came > 0 && matches!(error, FetchError::Interrupted { .. }) && self.version.pins_bytes();
            if !may_resume || progress_at.elapsed() + pause > self.patience {
                return Err(error);
            }
            tracing::debug!(uri = self.source.uri, came, %error, "download broke off, taking it up there");
            tokio::time::sleep(pause).await;
            pause = PAUSE_MAX.min(pause * 2);
        }
        // A receiver that is gone has its own verdict.
        let _ = pieces.send(Piece::End).await;
        Ok(())
    }

    /// Opens the object behind the bytes that have come, and sends what comes.
    async fn feed_from(
        &self,
        came: &mut u64,
        pieces: &mpsc::Sender<Piece>,
        received: &impl Fn(u64),
    ) -> Result<Fed, FetchError> {
        let promised = self.version.bytes;
        let mut stream = self.reader.open(&self.source, &self.version, *came).await?;
        while let Some(piece) = stream.next().await {
            let piece = match piece {
                Ok(piece) => piece,
                // Everything came; how the connection ended says nothing.
                Err(FetchError::Interrupted { .. }) if *came == promised => return Ok(Fed::All),
                Err(error) => return Err(error),
            };
            let count = piece.len() as u64;
            *came += count;
            if *came > promised {
                return Err(self.wrong_length(*came));
            }
            if pieces.send(Piece::Bytes(piece)).await.is_err() {
                return Ok(Fed::Unwanted);
            }
            received(count);
        }
        if *came < promised { Err(self.wrong_length(*came)) } else { Ok(Fed::All) }
    }

    fn wrong_length(&self, came: u64) -> FetchError {
        let (uri, promised) = (self.source.uri.clone(), self.version.bytes);
        if came > promised {
            return FetchError::Changed { uri };
        }
        FetchError::Interrupted { uri, detail: format!("{came} bytes came where the object has {promised}") }
    }
}

/// The unpacker's end of the channel.
struct PieceReader {
    incoming: mpsc::Receiver<Piece>,
    current: Bytes,
    at_end: bool,
}

impl Read for PieceReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.current.is_empty() && !self.at_end {
            match self.incoming.blocking_recv() {
                Some(Piece::Bytes(bytes)) => self.current = bytes,
                Some(Piece::End) => self.at_end = true,
                None => return Err(io::Error::other(Abandoned)),
            }
        }
        let count = buffer.len().min(self.current.len());
        self.current.copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}
