//! The store in one SQLite file.
//!
//! Why: one writer thread with group commit, a few readers that never wait for a sync, and a write-ahead log that is
//! synced at every commit: what was acknowledged is on disk. Blocking calls have threads of their own, so the async
//! runtime never waits for a disk.
//! Invariants: the caller holds the lock on the data directory. Every key and listing is read by index.
//! Failure: after `kill -9` the next `open` replays the log; a transaction is there whole or not at all.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use hostler_store::{
    CHANGES_KEPT, Change, Document, EventBounds, EventPage, EventQuery, Lease, ListQuery, Page, Position,
    Store, StoreResult, Transaction,
};
use hostler_types::{Key, Kind, Millis, Scope};
use prometheus_client::registry::Registry;
use tempfile::TempDir;
use tokio::sync::broadcast;
use tokio::time::Instant;

use self::metrics::CommitMetrics;
use self::readers::Readers;
use self::writer::{Command, Writer};

mod commit;
mod documents;
mod events;
mod fault;
mod holdings;
mod leases;
mod listing;
mod metrics;
#[cfg(test)]
mod plans;
mod readers;
mod schema;
mod sums;
mod uses;
mod writer;

pub use fault::{DatabaseFault, OpenError, Overloaded};

/// The database's name in the data directory.
pub const DATABASE_FILE: &str = "hostler.db";

/// A [`Store`] in a SQLite database. Dropping it waits for what it has taken on; [`SqliteStore::close`] does the same
/// without blocking the thread.
#[derive(Debug)]
pub struct SqliteStore {
    file: PathBuf,
    changes: broadcast::Sender<Change>,
    metrics: CommitMetrics,
    // Fields are dropped in this order: the writer's is the last connection, and closing that one empties the log.
    readers: Readers,
    writer: Writer,
    /// Removed last.
    dir: Option<TempDir>,
}

impl SqliteStore {
    /// Opens or makes the database in `dir`, upgrades its schema and looks for damage. It blocks; call it at start.
    pub fn open(dir: &Path) -> Result<Self, OpenError> {
        Self::open_with_event_bounds(dir, EventBounds::default())
    }

    /// The same, to keep so many events.
    pub fn open_with_event_bounds(dir: &Path, bounds: EventBounds) -> Result<Self, OpenError> {
        crate::data_dir::create_private_dir(dir)
            .map_err(|source| OpenError::Directory { dir: dir.to_owned(), source })?;
        let file = dir.join(DATABASE_FILE);
        let shared: Arc<Path> = file.clone().into();
        let changes = broadcast::Sender::new(CHANGES_KEPT);
        let connection = schema::open_writer(&file)?;
        let readers = Readers::start(shared.clone())?;
        let writer = Writer::start(connection, shared, changes.clone(), bounds)?;
        Ok(Self { file, changes, metrics: CommitMetrics::new(), readers, writer, dir: None })
    }

    /// The database file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// Carries out what was taken on, moves the log into the database and closes it; later calls are answered with
    /// `StoreError::Closed`. An error tells that the log was not moved: nothing is lost, the next start reads it.
    pub async fn close(&self) -> StoreResult<()> {
        self.readers.close().await;
        self.writer.close().await
    }

    /// Registers what is counted here.
    pub fn register_metrics(&self, registry: &mut Registry) {
        self.metrics.register(registry);
    }

    /// Keeps `dir` until the store is gone.
    pub(crate) fn keep(&mut self, dir: TempDir) {
        self.dir = Some(dir);
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn get(&self, key: &Key) -> StoreResult<Option<Document>> {
        let key = key.clone();
        self.readers.read("read a document", move |connection| documents::get(connection, &key)).await
    }

    async fn commit(&self, transaction: Transaction) -> StoreResult<Vec<u64>> {
        // Here and not in the writer's thread, which a panic would end for everybody.
        transaction.assert_storable();
        let began_at = Instant::now();
        let result = self.writer.call("commit", |reply| Command::Commit { transaction, reply }).await;
        self.metrics.ended(&result, began_at.elapsed());
        result
    }

    async fn list(&self, query: &ListQuery) -> StoreResult<Page> {
        let after = Position::after(query)?;
        let query = query.clone();
        self.readers
            .read("list documents", move |connection| listing::list(connection, &query, after.as_ref()))
            .await
    }

    async fn keys(&self, kind: Kind) -> StoreResult<Vec<Key>> {
        self.readers.read("list keys", move |connection| documents::keys(connection, kind)).await
    }

    async fn events(&self, query: &EventQuery) -> StoreResult<EventPage> {
        let query = query.clone();
        self.readers.read("read events", move |connection| events::page(connection, &query)).await
    }

    async fn holdings(&self, scope: &Scope) -> StoreResult<BTreeMap<String, u64>> {
        let scope = scope.clone();
        self.readers
            .read("add up what is held", move |connection| holdings::of_scope(connection, &scope))
            .await
    }

    async fn lease(&self, name: &str, holder: &str, now: Millis, ttl_ms: i64) -> StoreResult<Option<Lease>> {
        let (name, holder) = (name.to_owned(), holder.to_owned());
        self.writer.call("take a lease", |reply| Command::Lease { name, holder, now, ttl_ms, reply }).await
    }

    async fn release(&self, name: &str, holder: &str) -> StoreResult<()> {
        let (name, holder) = (name.to_owned(), holder.to_owned());
        self.writer.call("release a lease", |reply| Command::Release { name, holder, reply }).await
    }

    fn changes(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }
}
