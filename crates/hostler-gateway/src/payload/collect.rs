//! Reads a body to its end: hashed as it comes (a large one by another thread), within its limit, its pace and the budget of all bodies.
//!
//! Why: what hyper hands out keeps the whole buffer alive that it was read into, a page for a byte if a client wants it
//! so; so everything is copied together but a body that comes in one piece, as nearly all do.
//! Invariants: memory is taken before it is used, in segments as large as what came before them; when there is none
//! left the rest goes to disk. Never more is read than there is room for.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use hostler_aws::sigv4::payload_hash;
use http_body::{Body, Frame};
use thiserror::Error;
use tokio::time::Instant;

use super::budget::{BodyBudget, Overdraft};
use super::hashing::Hashing;
use super::pace::{Late, Pace, PaceLimits};
use super::pool::{Place, Share, Taken};
use super::spool::SpoolFile;
use super::{Payload, Pieces};
use crate::answer::BoxError;

/// Up to here a body is small: its room is taken whoever it is for.
const SMALL_BYTES: u64 = 64 * 1024;
/// The first segment and the largest.
const SEGMENT_BYTES_MIN: u64 = 16 * 1024;
const SEGMENT_BYTES_MAX: u64 = 256 * 1024;

/// What a body is held to.
pub(crate) struct Terms<'a> {
    pub(crate) budget: &'a Arc<BodyBudget>,
    pub(crate) bytes_max: u64,
    /// What the head says of its length.
    pub(crate) announced: Option<u64>,
    pub(crate) pace: PaceLimits,
    /// Its hash is part of a signature; one that is not wanted is not taken.
    pub(crate) is_signed: bool,
}

/// Why there is no body.
#[derive(Debug, Error)]
pub(crate) enum CollectError {
    #[error("the body is larger than it may be")]
    TooLarge,
    #[error("reading the body failed")]
    BrokenOff(#[source] BoxError),
    #[error("the body did not come fast enough")]
    Late,
    #[error("there was no room for the body")]
    NoRoom,
    #[error("keeping the body on disk failed")]
    Disk(#[source] std::io::Error),
    #[error("hashing the body failed")]
    Hash(#[source] std::io::Error),
}

/// Reads a body to its end; `share` is asked for when it is not small.
pub(crate) async fn collect<B>(
    body: B,
    terms: Terms<'_>,
    share: impl FnOnce() -> Arc<Share>,
) -> Result<(Payload, [u8; 32]), CollectError>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let mut body = pin!(body);
    let mut pace = Pace::new(terms.pace, Instant::now());
    let mut length = 0;
    let Some(first) = next_piece(body.as_mut(), &mut pace, length).await? else {
        return Ok((Payload::in_memory(Bytes::new()), payload_hash(&[])));
    };
    length += first.len() as u64;
    if length > terms.bytes_max {
        return Err(CollectError::TooLarge);
    }
    if body.is_end_stream() && length <= SMALL_BYTES {
        let mut taken = Taken::nothing(terms.budget.clone(), Place::Memory);
        if !taken.take_small(length) {
            let taking = terms.budget.wait_for_room(|| taken.take_small(length).then_some(()));
            taking.await.ok_or(CollectError::NoRoom)?;
        }
        let hash = if terms.is_signed { payload_hash(&first) } else { [0; 32] };
        return Ok((Payload::whole(first, taken), hash));
    }
    let mut collected = Box::new(Collected::new(&terms, share()));
    let mut next = Some(first);
    while let Some(piece) = next {
        if collected.add(&piece).await? {
            pace.forget();
        }
        drop(piece);
        next = next_piece(body.as_mut(), &mut pace, length).await?;
        length += next.as_ref().map_or(0, |piece| piece.len() as u64);
        if length > terms.bytes_max {
            return Err(CollectError::TooLarge);
        }
    }
    collected.finish().await
}

/// The next bytes; none at the end.
async fn next_piece<B>(
    mut body: Pin<&mut B>,
    pace: &mut Pace,
    length: u64,
) -> Result<Option<Bytes>, CollectError>
where
    B: Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    loop {
        let frame = poll_fn(|context| match body.as_mut().poll_frame(context) {
            Poll::Ready(frame) => Poll::Ready(Ok(frame)),
            Poll::Pending => pace.poll(length, context).map(Err),
        });
        match frame.await {
            Err(Late) => return Err(CollectError::Late),
            Ok(None) => return Ok(None),
            Ok(Some(Err(error))) => return Err(CollectError::BrokenOff(error.into())),
            Ok(Some(Ok(frame))) => match Frame::into_data(frame) {
                Ok(piece) if !piece.is_empty() => return Ok(Some(piece)),
                _ => {}
            },
        }
    }
}

/// What came so far.
struct Collected {
    budget: Arc<BodyBudget>,
    share: Arc<Share>,
    announced: Option<u64>,
    full: Vec<Bytes>,
    segment: Vec<u8>,
    /// Taken for the segment.
    segment_bytes: u64,
    memory: Taken,
    /// What comes after the full segments.
    file: Option<SpoolFile>,
    overdraft: Option<Overdraft>,
    length: u64,
    hashing: Hashing,
}

impl Collected {
    fn new(terms: &Terms<'_>, share: Arc<Share>) -> Self {
        Self {
            budget: terms.budget.clone(),
            share,
            announced: terms.announced,
            full: Vec::new(),
            segment: Vec::new(),
            segment_bytes: 0,
            memory: Taken::nothing(terms.budget.clone(), Place::Memory),
            file: None,
            overdraft: None,
            length: 0,
            hashing: if terms.is_signed { Hashing::new() } else { Hashing::NotWanted },
        }
    }

    /// Takes a piece in; whether that took its time.
    async fn add(&mut self, mut piece: &[u8]) -> Result<bool, CollectError> {
        let mut has_waited = false;
        while !piece.is_empty() {
            let room = self.segment.capacity() - self.segment.len();
            if room == 0 {
                has_waited |= self.make_room().await?;
                continue;
            }
            let (now, later) = piece.split_at(room.min(piece.len()));
            self.segment.extend_from_slice(now);
            self.length += now.len() as u64;
            piece = later;
        }
        Ok(has_waited)
    }

    /// Makes the segment one with room; whether that took its time.
    async fn make_room(&mut self) -> Result<bool, CollectError> {
        if self.file.is_some() {
            self.spill().await?;
            return Ok(true);
        }
        let left = self.announced.map_or(u64::MAX, |announced| announced.saturating_sub(self.length));
        let size = self.length.clamp(SEGMENT_BYTES_MIN, SEGMENT_BYTES_MAX).min(left.max(1));
        let mut has_waited = false;
        if !self.take_memory(size) {
            has_waited = true;
            if self.may_spill() && !self.segment.is_empty() {
                self.spill().await?;
                return Ok(true);
            }
            let budget = self.budget.clone();
            let taking = budget.wait_for_room(|| self.take_memory_or_beyond(size).then_some(()));
            taking.await.ok_or(CollectError::NoRoom)?;
        }
        let next = Vec::with_capacity(usize::try_from(size).unwrap_or(usize::MAX));
        self.segment_bytes = size;
        let full = std::mem::replace(&mut self.segment, next);
        has_waited |= self.keep(full.into()).await?;
        Ok(has_waited)
    }

    /// Keeps a full segment in memory; whether that took its time.
    async fn keep(&mut self, full: Bytes) -> Result<bool, CollectError> {
        if full.is_empty() {
            return Ok(false);
        }
        self.full.push(full.clone());
        self.hashing.update(full).await.map_err(CollectError::Hash)
    }

    fn take_memory(&mut self, bytes: u64) -> bool {
        if self.memory.bytes() + bytes <= SMALL_BYTES {
            self.memory.take_small(bytes)
        } else {
            self.memory.take_large(bytes, &self.share)
        }
    }

    fn take_memory_or_beyond(&mut self, bytes: u64) -> bool {
        let has_taken = self.take_memory(bytes);
        if !has_taken && self.may_overdraw() {
            self.memory.take_beyond(bytes);
            return true;
        }
        has_taken
    }

    fn take_disk(&mut self, bytes: u64) -> bool {
        self.file.as_mut().is_some_and(|file| file.taken.take_large(bytes, &self.share))
    }

    fn take_disk_or_beyond(&mut self, bytes: u64) -> bool {
        if self.take_disk(bytes) {
            return true;
        }
        let may_overdraw = self.may_overdraw();
        if let Some(file) = self.file.as_mut().filter(|_| may_overdraw) {
            file.taken.take_beyond(bytes);
        }
        may_overdraw
    }

    fn may_overdraw(&mut self) -> bool {
        if self.overdraft.is_none() {
            self.overdraft = self.budget.overdraw();
        }
        self.overdraft.is_some()
    }

    fn may_spill(&self) -> bool {
        let expected = self.announced.unwrap_or(0).max(self.length);
        self.budget.spool.is_some() && expected > self.budget.limits.spill_bytes
    }

    /// Writes the segment to disk, and empties it.
    async fn spill(&mut self) -> Result<(), CollectError> {
        let bytes = self.segment.len() as u64;
        let budget = self.budget.clone();
        if self.file.is_none() {
            let spool = budget.spool.as_ref().ok_or(CollectError::NoRoom)?;
            let taken = Taken::nothing(budget.clone(), Place::Disk);
            self.file = Some(spool.create(taken).await.map_err(CollectError::Disk)?);
        }
        if !self.take_disk(bytes) {
            let taking = budget.wait_for_room(|| self.take_disk_or_beyond(bytes).then_some(()));
            taking.await.ok_or(CollectError::NoRoom)?;
        }
        let segment = std::mem::take(&mut self.segment);
        let segment = self.hashing.update_and_return(segment).await.map_err(CollectError::Hash)?;
        if let Some(file) = &mut self.file {
            self.segment = file.append(segment).await.map_err(CollectError::Disk)?;
        }
        Ok(())
    }

    /// The body and its hash.
    async fn finish(mut self: Box<Self>) -> Result<(Payload, [u8; 32]), CollectError> {
        if self.file.is_some() && !self.segment.is_empty() {
            self.spill().await?;
        }
        let last = std::mem::take(&mut self.segment);
        if self.file.is_some() {
            self.memory.give_back(self.segment_bytes);
        } else {
            self.keep(last.into()).await?;
        }
        let hash = self.hashing.finish().await.map_err(CollectError::Hash)?;
        if self.file.is_none() && self.full.len() == 1 {
            let whole = self.full.pop().unwrap_or_default();
            return Ok((Payload::whole(whole, self.memory), hash));
        }
        let payload = Payload::in_pieces(Pieces {
            in_memory: self.full,
            on_disk: self.file,
            length: self.length,
            _taken: (self.memory, self.overdraft),
        });
        Ok((payload, hash))
    }
}
