//! Carries an object's bytes from the network into the unpacker, which blocks, through a short channel.
//!
//! Why: the archive is unpacked while it arrives, so a model costs its disk space once and no second pass. Rejected: a
//! temporary file, which doubles both.
//! Invariants: at most `PIECES_IN_FLIGHT` pieces wait in memory; the unpacker sees an end only when every byte the look
//! promised has come, so a broken transfer is never taken for a broken archive.
//! Failure: when the reading side is dropped, the unpacker gets [`Abandoned`], stops and its directory goes away.

use std::io::{self, Read};

use bytes::{Buf, Bytes};
use futures_util::StreamExt;
use tokio::sync::mpsc;

use crate::cache::WorkDir;
use crate::port::{ArtifactVersion, FetchError, ObjectStream};
use crate::unpack::{UnpackError, UnpackLimits, Unpacked, unpack};

/// Pieces between network and unpacker; a piece is what the client read at once, at most some hundred kilobytes.
const PIECES_IN_FLIGHT: usize = 8;

/// What is fetched, for counting and for error texts.
pub(crate) struct Transfer<'a> {
    pub(crate) uri: &'a str,
    pub(crate) version: &'a ArtifactVersion,
    pub(crate) limits: UnpackLimits,
}

/// Marks the read error of an unpacker whose source went away.
#[derive(Debug, thiserror::Error)]
#[error("the transfer was given up")]
pub(crate) struct Abandoned;

enum Piece {
    Bytes(Bytes),
    End,
}

/// Unpacks `stream` into `work`, telling `received` how many bytes have come.
pub(crate) async fn unpack_stream(
    transfer: Transfer<'_>,
    stream: ObjectStream,
    work: WorkDir,
    received: impl Fn(u64) + Send,
) -> Result<(WorkDir, Unpacked), FetchError> {
    let uri = transfer.uri.to_owned();
    let (pieces, incoming) = mpsc::channel(PIECES_IN_FLIGHT);
    let limits = transfer.limits;
    let unpacking = tokio::task::spawn_blocking(move || {
        let outcome =
            unpack(PieceReader { incoming, current: Bytes::new(), at_end: false }, work.model(), &limits);
        (work, outcome)
    });
    let fed = feed(&transfer, stream, pieces, received).await;
    let (work, outcome) = unpacking.await.map_err(|error| FetchError::Disk {
        uri: uri.clone(),
        detail: format!("the unpacking task ended early: {error}"),
    })?;
    match (outcome, fed) {
        (Ok(_) | Err(UnpackError::Source(_)), Err(broken)) => Err(broken),
        (Ok(unpacked), Ok(())) => Ok((work, unpacked)),
        (Err(UnpackError::Source(error)), Ok(())) => {
            Err(FetchError::Interrupted { uri, detail: error.to_string() })
        }
        (Err(error @ UnpackError::Refused(_)), _) => {
            Err(FetchError::BadArchive { uri, detail: error.to_string() })
        }
        (Err(error @ UnpackError::OverLimit(_)), _) => {
            Err(FetchError::OverLimit { uri, detail: error.to_string() })
        }
        (Err(error @ UnpackError::Disk { .. }), _) => {
            Err(FetchError::Disk { uri, detail: error.to_string() })
        }
    }
}

/// Sends all pieces; ends early without an error when the unpacker wants no more.
async fn feed(
    transfer: &Transfer<'_>,
    mut stream: ObjectStream,
    pieces: mpsc::Sender<Piece>,
    received: impl Fn(u64),
) -> Result<(), FetchError> {
    let promised = transfer.version.bytes;
    let broken = |came: u64| FetchError::Interrupted {
        uri: transfer.uri.to_owned(),
        detail: format!("{came} bytes came where the object has {promised}"),
    };
    let mut came = 0;
    while let Some(piece) = stream.next().await {
        let piece = piece?;
        came += piece.len() as u64;
        if came > promised {
            return Err(broken(came));
        }
        if pieces.send(Piece::Bytes(piece)).await.is_err() {
            return Ok(());
        }
        received(came);
    }
    if came < promised {
        return Err(broken(came));
    }
    // A receiver that is gone has its own verdict.
    let _ = pieces.send(Piece::End).await;
    Ok(())
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
