//! Model artifacts on this machine's disk: fetched once per version, shared by all that use them.
//!
//! Why: ten instances of one model must not read it ten times, and a restart must not read it again. Every use looks
//! through the role first, so a hit never skips permission and an overwritten object is seen at once; and a hit holds
//! the files against what was written down of them, so one instance's writing never becomes another's model.
//! One archive, one file or a whole prefix is one entry; its key covers the version of every object in it.
//! Invariants: what is leased is never removed; after each fetch the entries together are at most `cache_bytes`; an entry
//! appears whole, by one rename, or not at all. Space of fetches under way comes on top (`FETCHES_AT_ONCE` times the
//! unpacking limit at worst); when the disk itself is full all that is not leased goes. One server owns the directory.
//! Failure: leftovers of a killed server are removed at the next start. Entries are not synced to the disk, so those of
//! an earlier boot of the machine are not trusted and removed too; the objects themselves are in the bucket.

mod disk;
mod evict;
mod flight;
mod lease;
mod metrics;
mod spoiled;
mod stamp;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;

use self::disk::Disk;
use self::flight::{Flight, FlightId, Waiter};
use self::lease::Lease;
use self::metrics::{CacheMetrics, Use};
use self::stamp::Stamp;
use crate::key::CacheKey;
use crate::port::{ArtifactVersion, DataForm, DataSource, FetchError, ObjectReader};
use crate::snapshot::{self, Snapshot, SnapshotLimits};
use crate::unpack::UnpackLimits;

pub(crate) use self::disk::WorkDir;
pub use self::disk::remove_tree;

/// One archive, or all files of one model, 64 GiB: what SageMaker's largest instances still download within their longest timeout.
const OBJECT_BYTES_MAX: u64 = 64 << 30;
/// Objects of one model that is kept as files: the largest sharded checkpoints have some hundred.
const OBJECTS_MAX: usize = 10_000;
/// A store that is away for so long has more than a hiccup.
const PATIENCE: Duration = Duration::from_secs(60);
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
    /// Bytes of one archive, or of all files of one model, as they are stored in the bucket.
    pub object_bytes: u64,
    /// Objects of one model that is kept as files.
    pub objects: usize,
    /// How long a download that broke and brings nothing more is taken up again.
    pub patience: Duration,
    /// Bytes of all unpacked entries.
    pub cache_bytes: u64,
    /// What one archive may unpack to; paths and the number of files hold for others too.
    pub unpack: UnpackLimits,
}

impl Default for CacheLimits {
    fn default() -> Self {
        Self {
            object_bytes: OBJECT_BYTES_MAX,
            objects: OBJECTS_MAX,
            patience: PATIENCE,
            cache_bytes: CACHE_BYTES_MAX,
            unpack: UnpackLimits::default(),
        }
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
        /// Bytes of the object, or of all objects.
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
    /// The version it was made from; of several objects the version of all together.
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
    metrics: CacheMetrics,
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
    /// Its files as they were fetched; none where an earlier release wrote nothing down.
    stamp: Option<Stamp>,
    /// Its files were found to be others; only who has it keeps it.
    is_spoiled: bool,
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
            let entry = Entry { last_use: state.uses, ..Entry::new(found.version, found.bytes, found.stamp) };
            state.entries.insert(found.key, entry);
        }
        let metrics = CacheMetrics::new();
        let (fetches, state) = (Semaphore::new(FETCHES_AT_ONCE), Mutex::new(state));
        Ok(Self { shared: Arc::new(Shared { disk, limits, reader, fetches, state, metrics }) })
    }

    /// The model of `data`, looked at through the role and fetched unless this version is on disk already.
    ///
    /// Callers of one version share one fetch. Dropping the future gives up the caller's part; the fetch goes on for the
    /// others, and stops and cleans up when there are none. A deadline is therefore the caller's.
    pub async fn prepare(
        &self,
        data: &DataSource,
        progress: impl Fn(PreparePhase) + Send + Sync,
    ) -> Result<Prepared, FetchError> {
        let mut attempt = 1;
        loop {
            match self.try_prepare(data, &progress).await {
                Err(error @ (FetchError::Interrupted { .. } | FetchError::Changed { .. }))
                    if attempt < ATTEMPTS =>
                {
                    tracing::debug!(uri = data.at.uri, attempt, %error, "fetch broke off, trying again");
                    tokio::time::sleep(Duration::from_millis(BACKOFF_MS << (attempt - 1))).await;
                    attempt += 1;
                }
                Err(error) => {
                    self.shared.metrics.used(Use::failed);
                    return Err(error);
                }
                prepared => return prepared,
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
        data: &DataSource,
        progress: &(impl Fn(PreparePhase) + Send + Sync),
    ) -> Result<Prepared, FetchError> {
        progress(PreparePhase::Looking);
        let shared = &self.shared;
        let snapshot = snapshot::take(&*shared.reader, data, &shared.limits.of_snapshot(data)).await?;
        let total_bytes = snapshot.version.bytes;
        let key = CacheKey::of(data, &snapshot.version);
        loop {
            let mut waiter = match shared.join(&key, data, &snapshot) {
                Joined::Hit(prepared) => {
                    if !shared.is_as_fetched(&prepared, &data.at.uri).await {
                        continue;
                    }
                    shared.disk.touch(&prepared.key);
                    shared.metrics.used(Use::hit);
                    progress(PreparePhase::Ready { was_cached: true });
                    return Ok(prepared);
                }
                Joined::Flight(waiter) => waiter,
            };
            let outcome = waiter
                .landed(|received_bytes| progress(PreparePhase::Fetching { received_bytes, total_bytes }));
            match outcome.await {
                // Somebody else's role was refused in the middle; ours was just found good.
                Err(FetchError::Forbidden { .. } | FetchError::Role { .. })
                    if waiter.role_arn() != data.at.role_arn => {}
                Err(error) => return Err(error),
                Ok(prepared) => {
                    shared.metrics.used(Use::miss);
                    progress(PreparePhase::Ready { was_cached: false });
                    return Ok(prepared);
                }
            }
        }
    }
}

impl CacheLimits {
    fn of_snapshot(&self, data: &DataSource) -> SnapshotLimits {
        let bytes = match data.form {
            DataForm::Archive => self.object_bytes,
            // Files take the space that they have.
            DataForm::Object | DataForm::Prefix | DataForm::Manifest { .. } => {
                self.object_bytes.min(self.unpack.bytes).min(self.cache_bytes)
            }
        };
        SnapshotLimits { bytes, objects: self.objects, unpack: self.unpack }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A lease of the entry, or a place among those who wait for it.
    fn join(self: &Arc<Self>, first: &CacheKey, data: &DataSource, snapshot: &Snapshot) -> Joined {
        // Dropped after the lock: deleting takes time.
        let removed;
        let mut state = self.lock();
        let key;
        (key, removed) = self.in_force(&mut state, first);
        let joined = match self.lease(&mut state, &key) {
            Some(prepared) => Joined::Hit(prepared),
            None => Joined::Flight(flight::board(self, &mut state, &key, data, snapshot)),
        };
        drop(state);
        drop(removed);
        joined
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

impl Entry {
    fn new(version: ArtifactVersion, bytes: u64, stamp: Option<Stamp>) -> Self {
        Self { version, bytes, stamp, is_spoiled: false, leases: 0, last_use: 0 }
    }
}

impl State {
    fn bytes(&self) -> u64 {
        self.entries.values().map(|entry| entry.bytes).sum()
    }
}
