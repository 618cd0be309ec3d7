//! One fetch that all callers of a version share.
//!
//! Why: the fetch runs in a task of its own, so the first caller may go away without stopping it for the others. The last
//! one to leave cancels it.
//! Invariants: at most one flight per key takes callers; a landed flight's entry is known before the flight is forgotten,
//! so nobody starts a second fetch in between.
//! Failure: a cancelled flight's directory removes itself; one that finished in the same moment leaves a whole entry.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::{Entry, Prepared, Shared, State};
use crate::cache::WorkDir;
use crate::feed::{Download, unpack_archive};
use crate::key::CacheKey;
use crate::port::{ArtifactSource, ArtifactVersion, DataSource, FetchError};
use crate::snapshot::{Contents, Snapshot};
use crate::store_files::store_files;
use crate::unpack::Unpacked;

/// Tells the flights of one key apart.
pub(super) type FlightId = u64;

/// A fetch under way, as new callers find it.
pub(super) struct Flight {
    id: FlightId,
    waiters: usize,
    role_arn: String,
    state: watch::Receiver<FlightState>,
    cancel: CancellationToken,
}

/// What those who wait see.
#[derive(Clone)]
pub(super) enum FlightState {
    Fetching { received_bytes: u64 },
    Landed(Result<Prepared, FetchError>),
}

/// A caller's place in a flight; dropping it gives the place up.
pub(super) struct Waiter {
    shared: Arc<Shared>,
    key: CacheKey,
    id: FlightId,
    uri: String,
    role_arn: String,
    state: watch::Receiver<FlightState>,
}

/// Joins the flight of `key`, or starts it as the role of `data`.
pub(super) fn board(
    shared: &Arc<Shared>,
    state: &mut State,
    key: &CacheKey,
    data: &DataSource,
    snapshot: &Snapshot,
) -> Waiter {
    let source = &data.at;
    if !state.flights.contains_key(key) {
        let (sender, receiver) = watch::channel(FlightState::Fetching { received_bytes: 0 });
        let cancel = CancellationToken::new();
        state.next_flight += 1;
        let flight = Flight {
            id: state.next_flight,
            waiters: 0,
            role_arn: source.role_arn.clone(),
            state: receiver,
            cancel: cancel.clone(),
        };
        let task = FlightTask {
            shared: Arc::clone(shared),
            key: key.clone(),
            id: flight.id,
            source: source.clone(),
            version: snapshot.version.clone(),
            contents: snapshot.contents.clone(),
        };
        state.flights.insert(key.clone(), flight);
        // Told of by the span of whoever asked first; others may wait with it.
        tokio::spawn(task.run(sender, cancel).in_current_span());
    }
    let flight = state.flights.get_mut(key).expect("it was there or was just inserted");
    flight.waiters += 1;
    Waiter {
        shared: Arc::clone(shared),
        key: key.clone(),
        id: flight.id,
        uri: source.uri.clone(),
        role_arn: flight.role_arn.clone(),
        state: flight.state.clone(),
    }
}

impl Waiter {
    /// The role that fetches.
    pub(super) fn role_arn(&self) -> &str {
        &self.role_arn
    }

    /// Waits for the end, telling how many bytes have come.
    pub(super) async fn landed(&mut self, received: impl Fn(u64)) -> Result<Prepared, FetchError> {
        loop {
            let seen = self.state.borrow_and_update().clone();
            match seen {
                FlightState::Fetching { received_bytes } => received(received_bytes),
                FlightState::Landed(outcome) => return outcome,
            }
            if self.state.changed().await.is_err() {
                let uri = self.uri.clone();
                return Err(FetchError::Interrupted {
                    uri,
                    detail: "the fetch ended without an outcome".into(),
                });
            }
        }
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        let Some(flight) = state.flights.get_mut(&self.key).filter(|flight| flight.id == self.id) else {
            return;
        };
        flight.waiters -= 1;
        if flight.waiters == 0 {
            flight.cancel.cancel();
            // A landed outcome may hold a lease, which wants the lock when it goes.
            let flight = state.flights.remove(&self.key);
            drop(state);
            drop(flight);
        }
    }
}

struct FlightTask {
    shared: Arc<Shared>,
    key: CacheKey,
    id: FlightId,
    source: ArtifactSource,
    version: ArtifactVersion,
    contents: Contents,
}

impl FlightTask {
    async fn run(self, sender: watch::Sender<FlightState>, cancel: CancellationToken) {
        let outcome = tokio::select! {
            biased;
            () = cancel.cancelled() => return,
            outcome = self.fetch_and_make_space(&sender) => outcome,
        };
        if outcome.is_ok() {
            self.shared.metrics.fetched_bytes.inc_by(self.version.bytes);
        }
        let forgotten = {
            let mut state = self.shared.lock();
            let is_ours = state.flights.get(&self.key).is_some_and(|flight| flight.id == self.id);
            if is_ours { state.flights.remove(&self.key) } else { None }
        };
        sender.send_replace(FlightState::Landed(outcome));
        drop(forgotten);
    }

    /// Fetches; when the disk is full once more without the models that nobody uses. The cache's own limit may be more
    /// than the disk has.
    async fn fetch_and_make_space(
        &self,
        sender: &watch::Sender<FlightState>,
    ) -> Result<Prepared, FetchError> {
        let outcome = self.fetch(sender).await;
        let Err(FetchError::Disk { is_full: true, detail, .. }) = &outcome else { return outcome };
        let idle = self.shared.take_idle_out();
        if idle.is_empty() {
            return outcome;
        }
        tracing::warn!(
            uri = self.source.uri,
            detail,
            models = idle.len(),
            "the disk is full: unused models go"
        );
        let removing = tokio::task::spawn_blocking(move || drop(idle));
        removing.await.map_err(|error| self.disk_failed("making space", &error.into()))?;
        self.fetch(sender).await
    }

    async fn fetch(&self, sender: &watch::Sender<FlightState>) -> Result<Prepared, FetchError> {
        let Self { shared, source, version, .. } = self;
        let _turn = shared.fetches.acquire().await.map_err(|_| FetchError::Interrupted {
            uri: source.uri.clone(),
            detail: "the cache is closed".into(),
        })?;
        let work =
            shared.disk.work_dir().map_err(|error| self.disk_failed("creating a directory", &error))?;
        let came = AtomicU64::new(0);
        let received = |bytes| {
            let received_bytes = came.fetch_add(bytes, Ordering::Relaxed) + bytes;
            sender.send_replace(FlightState::Fetching { received_bytes });
        };
        let patience = shared.limits.patience;
        let (work, unpacked) = match &self.contents {
            Contents::Archive => {
                let mut limits = shared.limits.unpack;
                limits.bytes = limits.bytes.min(shared.limits.cache_bytes);
                let (reader, source, version) = (Arc::clone(&shared.reader), source.clone(), version.clone());
                unpack_archive(&Download { reader, source, version, patience }, limits, work, received)
                    .await?
            }
            Contents::Files(files) => store_files(&shared.reader, patience, files, work, received).await?,
        };
        let (shared, key, version) = (Arc::clone(shared), self.key.clone(), version.clone());
        let committing = tokio::task::spawn_blocking(move || commit(&shared, &key, version, work, unpacked));
        match committing.await {
            Ok(Ok(prepared)) => Ok(prepared),
            Ok(Err(CommitError::NoRoom(error))) => {
                Err(FetchError::OverLimit { uri: source.uri.clone(), detail: error.to_string() })
            }
            Ok(Err(CommitError::Disk(error))) => Err(self.disk_failed("keeping the unpacked model", &error)),
            Err(error) => Err(self.disk_failed("keeping the unpacked model", &error.into())),
        }
    }

    fn disk_failed(&self, doing: &str, error: &std::io::Error) -> FetchError {
        FetchError::disk(&self.source.uri, doing, error)
    }
}

enum CommitError {
    NoRoom(super::evict::NoRoom),
    Disk(std::io::Error),
}

/// Makes room, gives the finished tree its name and enters it, so that disk and memory agree even when nobody waits for
/// it any more. Blocks.
fn commit(
    shared: &Arc<Shared>,
    key: &CacheKey,
    version: ArtifactVersion,
    mut work: WorkDir,
    unpacked: Unpacked,
) -> Result<Prepared, CommitError> {
    let stamp = shared.disk.describe(&work, key, &version, unpacked.bytes).map_err(CommitError::Disk)?;
    // Dropped after the lock: deleting takes time.
    let removed;
    let mut state = shared.lock();
    // A flight that was cancelled too late may have been faster.
    if let Some(prepared) = shared.lease(&mut state, key) {
        return Ok(prepared);
    }
    removed = shared.make_room(&mut state, unpacked.bytes).map_err(CommitError::NoRoom)?;
    shared.disk.put_in(key, &mut work).map_err(CommitError::Disk)?;
    state.entries.insert(key.clone(), Entry::new(version, unpacked.bytes, Some(stamp)));
    let prepared = shared.lease(&mut state, key);
    drop(state);
    drop(removed);
    prepared.ok_or_else(|| CommitError::Disk(std::io::Error::other("it was removed at once")))
}
