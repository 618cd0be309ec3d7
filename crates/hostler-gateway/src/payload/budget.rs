//! What all request bodies together may take of memory and disk, from their first byte until nobody will send them
//! again.
//!
//! Why: a signed body must be whole before the model gets any of it, so what is in flight is what is in memory. Bytes
//! are counted as they come and not as they are announced, or a slow client would hold what it has not sent.
//! Invariants: never more than the limits, but for the one body at a time that may go on beyond them: without it
//! bodies that are all half there would wait for each other. Whoever waits, waits a bounded time and reads nothing.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use hostler_types::Key;
use tokio::sync::Notify;

use super::pool::{Place, Pool, Share};
use super::spool::Spool;

/// How much room bodies have, where nobody says otherwise.
const MEMORY_BYTES_DEFAULT: u64 = 256 * 1024 * 1024;
const DISK_BYTES_DEFAULT: u64 = 1024 * 1024 * 1024;
const SPILL_BYTES_DEFAULT: u64 = 256 * 1024;
const WAIT_DEFAULT: Duration = Duration::from_secs(5);

/// How much room bodies have.
#[derive(Clone, Copy, Debug)]
pub struct BodyLimits {
    /// What all bodies together may take of memory.
    pub memory_bytes: u64,
    /// What all bodies together may take on disk when there is no memory left; none: they wait for memory.
    pub disk_bytes: u64,
    /// Bodies above this may wait on disk.
    pub spill_bytes: u64,
    /// How long the reading of a body stops for want of room, before the request is refused.
    pub wait: Duration,
}

impl Default for BodyLimits {
    fn default() -> Self {
        Self {
            memory_bytes: MEMORY_BYTES_DEFAULT,
            disk_bytes: DISK_BYTES_DEFAULT,
            spill_bytes: SPILL_BYTES_DEFAULT,
            wait: WAIT_DEFAULT,
        }
    }
}

/// The room that request bodies share.
#[derive(Debug)]
pub struct BodyBudget {
    memory: Pool,
    disk: Pool,
    pub(super) spool: Option<Spool>,
    pub(super) limits: BodyLimits,
    shares: Mutex<HashMap<Key, Weak<Share>>>,
    /// For names that lead nowhere: whoever makes them up has one share, not one for each.
    nobodys: Arc<Share>,
    is_overdrawn: AtomicBool,
    waiting: AtomicUsize,
    freed: Notify,
    refused: AtomicU64,
}

impl BodyBudget {
    /// Room in memory alone.
    pub fn in_memory(limits: BodyLimits) -> Arc<Self> {
        Self::new(BodyLimits { disk_bytes: 0, ..limits }, None)
    }

    /// Room in memory and below `dir`, which is made, and emptied of what an earlier server left.
    pub fn with_spool(limits: BodyLimits, dir: &Path) -> io::Result<Arc<Self>> {
        let spool = if limits.disk_bytes > 0 { Some(Spool::open(dir)?) } else { None };
        Ok(Self::new(limits, spool))
    }

    fn new(limits: BodyLimits, spool: Option<Spool>) -> Arc<Self> {
        Arc::new(Self {
            memory: Pool::new(limits.memory_bytes, true),
            disk: Pool::new(limits.disk_bytes, false),
            spool,
            limits,
            shares: Mutex::default(),
            nobodys: Arc::default(),
            is_overdrawn: AtomicBool::new(false),
            waiting: AtomicUsize::new(0),
            freed: Notify::new(),
            refused: AtomicU64::new(0),
        })
    }

    /// The share of an endpoint, or of all names that lead nowhere.
    pub(crate) fn share(&self, endpoint: Option<Key>) -> Arc<Share> {
        let Some(endpoint) = endpoint else { return self.nobodys.clone() };
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = shares.get(&endpoint).and_then(Weak::upgrade) {
            return share;
        }
        // Those that nobody holds any more go when there are as many again.
        if shares.len() == shares.capacity() {
            shares.retain(|_, share| share.strong_count() > 0);
        }
        let share = Arc::default();
        shares.insert(endpoint, Arc::downgrade(&share));
        share
    }

    pub(super) fn pool(&self, place: Place) -> &Pool {
        match place {
            Place::Memory => &self.memory,
            Place::Disk => &self.disk,
        }
    }

    /// The right to go on beyond the limits, if nobody else has it.
    pub(super) fn overdraw(self: &Arc<Self>) -> Option<Overdraft> {
        let was_overdrawn = self.is_overdrawn.swap(true, Ordering::SeqCst);
        (!was_overdrawn).then(|| Overdraft(self.clone()))
    }

    /// The same for a test of who may not go on.
    #[cfg(test)]
    pub(crate) fn overdraw_for_a_test(self: Arc<Self>) -> impl Drop {
        self.overdraw().expect("nobody has it")
    }

    /// Waits until something was given back after this was called and `try_again` finds it; none when that took
    /// too long.
    pub(super) async fn wait_for_room<T>(&self, mut try_again: impl FnMut() -> Option<T>) -> Option<T> {
        let _waiting = Waiting::begin(&self.waiting);
        let waiting = async {
            loop {
                let mut freed = std::pin::pin!(self.freed.notified());
                freed.as_mut().enable();
                if let Some(found) = try_again() {
                    return found;
                }
                freed.await;
            }
        };
        let found = tokio::time::timeout(self.limits.wait, waiting).await.ok();
        if found.is_none() {
            self.refuse();
        }
        found
    }

    /// Counts a body that found no room.
    pub(super) fn refuse(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Something was given back.
    pub(super) fn tell_waiting(&self) {
        if self.waiting.load(Ordering::SeqCst) > 0 {
            self.freed.notify_waiters();
        }
    }

    /// Bytes of bodies in memory, and on disk.
    pub(crate) fn taken(&self) -> (u64, u64) {
        (self.memory.taken(), self.disk.taken())
    }

    /// Bodies that found no room.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

/// The right to go on beyond the limits.
#[derive(Debug)]
pub(super) struct Overdraft(Arc<BodyBudget>);

impl Drop for Overdraft {
    fn drop(&mut self) {
        self.0.is_overdrawn.store(false, Ordering::SeqCst);
        self.0.tell_waiting();
    }
}

struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn begin(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::SeqCst);
        Self(waiting)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
