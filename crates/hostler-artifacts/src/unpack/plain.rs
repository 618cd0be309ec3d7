//! The plain tar stream inside an archive, decompressed and measured as it is read.
//!
//! Why: size and ratio must stop a bomb while it unpacks, so they are counted where the bytes appear. gzip is what
//! SageMaker asks for; an uncompressed tar costs nothing to accept and is what several tools write by mistake.
//! Invariants: the size limit and the ratio are checked after every read, before the bytes are handed on.

use std::io::{self, BufRead, BufReader, Chain, Cursor, Read};

use super::gzip::{Gzip, Trailing};
use super::{UnpackError, UnpackLimits, flawed, sniff};
use crate::feed::Abandoned;
use crate::port::ArchiveFlaw;

/// Bytes read to tell what an archive is: one tar block.
const HEAD_BYTES: usize = 512;

type Counted<R> = CountingReader<Chain<Cursor<Vec<u8>>, R>>;

enum Format<R: Read> {
    Gzip(Box<BufReader<Gzip<Counted<R>>>>),
    Tar(Box<BufReader<Counted<R>>>),
}

/// The decompressed stream.
pub(super) struct Plain<R: Read> {
    format: Format<R>,
    limits: UnpackLimits,
    produced_bytes: u64,
}

impl<R: Read> Plain<R> {
    /// Reads the first bytes of `source` to see what it is.
    pub(super) fn open(mut source: R, limits: UnpackLimits) -> Result<Self, UnpackError> {
        let mut head = Vec::with_capacity(HEAD_BYTES);
        Read::by_ref(&mut source)
            .take(HEAD_BYTES as u64)
            .read_to_end(&mut head)
            .map_err(UnpackError::Source)?;
        let (is_gzip, is_tar) = (sniff::is_gzip(&head), sniff::is_tar(&head));
        if !is_gzip && !is_tar {
            return Err(flawed(
                ArchiveFlaw::NotAnArchive,
                format!(
                    "not a gzip-compressed tar archive; it looks like this: {}",
                    sniff::looks_like(&head)
                ),
            ));
        }
        let counted = CountingReader { inner: Cursor::new(head).chain(source), bytes: 0 };
        let format = if is_gzip {
            Format::Gzip(Box::new(BufReader::new(Gzip::new(counted))))
        } else {
            Format::Tar(Box::new(BufReader::new(counted)))
        };
        Ok(Self { format, limits, produced_bytes: 0 })
    }

    /// Reads decompressed bytes; zero at the sound end of the archive.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, UnpackError> {
        let count = loop {
            let outcome = match &mut self.format {
                Format::Gzip(reader) => reader.read(buffer),
                Format::Tar(reader) => reader.read(buffer),
            };
            match outcome {
                Ok(count) => break count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(read_failed(error)),
            }
        };
        self.produced_bytes += count as u64;
        self.check(0)?;
        Ok(count)
    }

    /// Fails when `more` bytes would break the size limit, so that a claim is refused before it is unpacked.
    pub(super) fn check(&self, more: u64) -> Result<(), UnpackError> {
        let UnpackLimits { bytes, ratio, ratio_free_bytes, .. } = self.limits;
        if self.produced_bytes.saturating_add(more) > bytes {
            return Err(UnpackError::OverLimit(format!("it unpacks to more than {bytes} bytes")));
        }
        let compressed_bytes = match &self.format {
            Format::Gzip(reader) => reader.get_ref().source().bytes,
            Format::Tar(reader) => reader.get_ref().bytes,
        };
        let is_bomb = self.produced_bytes > ratio_free_bytes
            && self.produced_bytes > compressed_bytes.saturating_mul(ratio);
        if is_bomb {
            return Err(UnpackError::OverLimit(format!(
                "it unpacks to more than {ratio} times its own size (stopped after {} bytes)",
                self.produced_bytes
            )));
        }
        Ok(())
    }

    /// How much has come out.
    pub(super) fn produced_bytes(&self) -> u64 {
        self.produced_bytes
    }

    /// Whether a checksum over the whole stream tells a cut archive from a whole one.
    pub(super) fn is_checked(&self) -> bool {
        matches!(self.format, Format::Gzip(_))
    }

    /// Reads what is left, which checks gzip's length and checksum.
    pub(super) fn drain(&mut self) -> Result<(), UnpackError> {
        loop {
            let count = match &mut self.format {
                Format::Gzip(reader) => reader.fill_buf().map(<[u8]>::len),
                Format::Tar(reader) => reader.fill_buf().map(<[u8]>::len),
            };
            let count = count.map_err(read_failed)?;
            if count == 0 {
                return Ok(());
            }
            match &mut self.format {
                Format::Gzip(reader) => reader.consume(count),
                Format::Tar(reader) => reader.consume(count),
            }
            self.produced_bytes += count as u64;
            self.check(0)?;
        }
    }
}

fn read_failed(error: io::Error) -> UnpackError {
    if error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<Abandoned>) {
        return UnpackError::Source(error);
    }
    if error.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<Trailing>) {
        return UnpackError::Refused(error.to_string());
    }
    match error.kind() {
        io::ErrorKind::UnexpectedEof => {
            flawed(ArchiveFlaw::CutOff, "its gzip data was cut off before the end".into())
        }
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
            UnpackError::Refused(format!("its gzip data is damaged: {error}"))
        }
        _ => UnpackError::Source(error),
    }
}

/// Counts what is taken from the source.
struct CountingReader<R> {
    inner: R,
    bytes: u64,
}

impl<R: Read> Read for CountingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.bytes += count as u64;
        Ok(count)
    }
}
