//! Model artifacts on this machine's disk: fetched once per version, shared by all that use them.
//!
//! Why: ten instances of one model must not read it ten times, and a restart must not read it again. Every use looks
//! through the role first, so a hit never skips permission and an overwritten object is seen at once.
//! Invariants: what is leased is never removed; after each fetch the entries together are at most `cache_bytes`; an entry
//! appears whole, by one rename, or not at all. Space of fetches under way comes on top (`FETCHES_AT_ONCE` times the
//! unpacking limit at worst). One server owns the directory.
//! Failure: leftovers of a killed server are removed at the next start. Entries are not synced to the disk, so those of
//! an earlier boot of the machine are not trusted and removed too; the objects themselves are in the bucket.

mod disk;
mod evict;
mod flight;
mod lease;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;

use self::disk::Disk;
use self::flight::{Flight, FlightId, Waiter};
use self::lease::Lease;
use crate::key::CacheKey;
use crate::port::{ArtifactSource, ArtifactVersion, FetchError, ObjectReader};
use crate::unpack::UnpackLimits;

pub(crate) use self::disk::WorkDir;
pub use self::disk::remove_tree;

/// The object itself, 64 GiB: what SageMaker's largest instances still download within their longest timeout.
const OBJECT_BYTES_MAX: u64 = 64 << 30;
/// All entries together, 128 GiB.
const CACHE_BYTES_MAX: u64 = 128 << 30;
/// Downloads under way; more than a few only share the same network.
const FETCHES_AT_ONCE: usize = 4;
/// Tries of one `prepare` when the service breaks off.
const ATTEMPTS: u32 = 4;
/// Wait before the second try; doubles each time.
const BACKOFF_MS: u64 = 100;

/// What the cache may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheLimits {
    /// Bytes of one object as it is stored in the bucket.
    pub object_bytes: u64,
    /// Bytes of all unpacked entries.
    pub cache_bytes: u64,
    /// What one archive may unpack to.
    pub unpack: UnpackLimits,
}

impl Default for CacheLimits {
    fn default() -> Self {
        Self { object_bytes: OBJECT_BYTES_MAX, cache_bytes: CACHE_BYTES_MAX, unpack: UnpackLimits::default() }
    }
}

/// How far a `prepare` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PreparePhase {
    /// Asking, as the role, whether the object is there and which version it is.
    Looking,
    /// Reading and unpacking it, for this caller or another one.
    Fetching {
        /// Bytes that have come.
        received_bytes: u64,
        /// Bytes of the object.
        total_bytes: u64,
    },
    /// It is there.
    Ready {
        /// Whether it was there before.
        was_cached: bool,
    },
}

/// An unpacked model that stays on disk for as long as this, or a clone of it, lives.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The directory that holds the model's files, read-only.
    pub path: PathBuf,
    /// The version it was unpacked from.
    pub version: ArtifactVersion,
    /// Its name in the cache: keep it with the instance, to adopt the entry after a restart.
    pub key: CacheKey,
    _lease: Arc<Lease>,
}

/// The cache of one machine. Clones share it.
#[derive(Clone)]
pub struct ArtifactCache {
    shared: Arc<Shared>,
}

struct Shared {
    disk: Disk,
    limits: CacheLimits,
    reader: Arc<dyn ObjectReader>,
    fetches: Semaphore,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    entries: HashMap<CacheKey, Entry>,
    flights: HashMap<CacheKey, Flight>,
    next_flight: FlightId,
    /// Counts uses; orders entries by their last one.
    uses: u64,
}

struct Entry {
    version: ArtifactVersion,
    bytes: u64,
    leases: usize,
    last_use: u64,
}

/// What a caller gets for a key.
enum Joined {
    Hit(Prepared),
    Flight(Waiter),
}

impl ArtifactCache {
    /// Opens the cache in `dir`, which is created if need be and belongs to this server alone; removes what an earlier
    /// one left half done.
    ///
    /// Whoever still uses entries calls [`adopt`](Self::adopt) for each before the first `prepare`.
    pub async fn open(
        dir: impl Into<PathBuf>,
        limits: CacheLimits,
        reader: Arc<dyn ObjectReader>,
    ) -> std::io::Result<Self> {
        let dir = dir.into();
        let opened = tokio::task::spawn_blocking(move || Disk::open(dir)).await;
        let (disk, found) = opened.map_err(std::io::Error::other)??;
        let mut state = State::default();
        // Found in the order of their last use.
        for found in found {
            state.uses += 1;
            let entry = Entry { version: found.version, bytes: found.bytes, leases: 0, last_use: state.uses };
            state.entries.insert(found.key, entry);
        }
        let (fetches, state) = (Semaphore::new(FETCHES_AT_ONCE), Mutex::new(state));
        Ok(Self { shared: Arc::new(Shared { disk, limits, reader, fetches, state }) })
    }

    /// The model of `source`, looked at through the role and fetched unless this version is on disk already.
    ///
    /// Callers of one version share one fetch. Dropping the future gives up the caller's part; the fetch goes on for the
    /// others, and stops and cleans up when there are none. A deadline is therefore the caller's.
    pub async fn prepare(
        &self,
        source: &ArtifactSource,
        progress: impl Fn(PreparePhase) + Send + Sync,
    ) -> Result<Prepared, FetchError> {
        let mut attempt = 1;
        loop {
            match self.try_prepare(source, &progress).await {
                Err(error @ FetchError::Interrupted { .. }) if attempt < ATTEMPTS => {
                    tracing::debug!(uri = source.uri, attempt, %error, "fetch broke off, trying again");
                    tokio::time::sleep(Duration::from_millis(BACKOFF_MS << (attempt - 1))).await;
                    attempt += 1;
                }
                outcome => return outcome,
            }
        }
    }

    /// Leases an entry that an instance of an earlier server still uses; none when it is not there any more.
    ///
    /// It asks no permission: the instance has the model already.
    pub fn adopt(&self, key: &CacheKey) -> Option<Prepared> {
        let mut state = self.shared.lock();
        self.shared.lease(&mut state, key)
    }

    /// Bytes of all entries.
    pub fn bytes(&self) -> u64 {
        self.shared.lock().bytes()
    }

    async fn try_prepare(
        &self,
        source: &ArtifactSource,
        progress: &(impl Fn(PreparePhase) + Send + Sync),
    ) -> Result<Prepared, FetchError> {
        progress(PreparePhase::Looking);
        let version = self.shared.reader.look(source).await?;
        let object_bytes_max = self.shared.limits.object_bytes;
        if version.bytes > object_bytes_max {
            return Err(FetchError::OverLimit {
                uri: source.uri.clone(),
                detail: format!("it has {} bytes; at most {object_bytes_max} are fetched", version.bytes),
            });
        }
        let key = CacheKey::of(source, &version);
        loop {
            let mut waiter = match self.shared.join(&key, source, &version) {
                Joined::Hit(prepared) => {
                    self.shared.disk.touch(&key);
                    progress(PreparePhase::Ready { was_cached: true });
                    return Ok(prepared);
                }
                Joined::Flight(waiter) => waiter,
            };
            let outcome = waiter.landed(|received_bytes| {
                progress(PreparePhase::Fetching { received_bytes, total_bytes: version.bytes });
            });
            match outcome.await {
                // Somebody else's role was refused in the middle; ours was just found good.
                Err(FetchError::Forbidden { .. } | FetchError::Role { .. })
                    if waiter.role_arn() != source.role_arn => {}
                Err(error) => return Err(error),
                Ok(prepared) => {
                    progress(PreparePhase::Ready { was_cached: false });
                    return Ok(prepared);
                }
            }
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A lease of the entry, or a place among those who wait for it.
    fn join(self: &Arc<Self>, key: &CacheKey, source: &ArtifactSource, version: &ArtifactVersion) -> Joined {
        let mut state = self.lock();
        if let Some(prepared) = self.lease(&mut state, key) {
            return Joined::Hit(prepared);
        }
        Joined::Flight(flight::board(self, &mut state, key, source, version))
    }

    /// Leases an entry whose files are there.
    fn lease(self: &Arc<Self>, state: &mut State, key: &CacheKey) -> Option<Prepared> {
        let entry = state.entries.get_mut(key)?;
        if !self.disk.has(key) {
            tracing::warn!(%key, "a cached model was removed by somebody else");
            state.entries.remove(key);
            return None;
        }
        state.uses += 1;
        entry.last_use = state.uses;
        entry.leases += 1;
        Some(Prepared {
            path: self.disk.model(key),
            version: entry.version.clone(),
            key: key.clone(),
            _lease: Arc::new(Lease::new(Arc::clone(self), key.clone())),
        })
    }
}

impl State {
    fn bytes(&self) -> u64 {
        self.entries.values().map(|entry| entry.bytes).sum()
    }
}
