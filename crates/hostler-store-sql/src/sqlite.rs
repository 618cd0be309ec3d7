//! The store on SQLite: one writer thread, a few readers, a change feed.
//!
//! Why: SQLite has one writer anyway; giving it a thread of its own turns waiting transactions into one group with
//! one fsync. Readers have connections of their own in WAL mode, so that no read waits for a disk.
//! Invariants: a commit is answered only after the group's COMMIT returned, with synchronous=FULL. Changes are told
//! after that, in the order of the commits.
//! Failure: when a COMMIT fails, every transaction of its group is answered as failed: none was acknowledged.

mod listing;
mod reader;
mod rows;
mod schema;
mod writer;

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use hostler_store::{
    CHANGES_KEPT, Change, Document, Lease, ListQuery, Page, Position, Store, StoreError, StoreResult,
    Transaction,
};
use hostler_types::{Key, Kind, Millis};
use tokio::sync::broadcast;

use reader::Readers;
use writer::{Work, Writer};

/// The database's file in the data directory.
const FILE: &str = "hostler.db";

/// The database cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Written by a newer release.
    #[error("the database `{file}` has schema {found}, this release knows {known}; use a newer hostler")]
    Newer {
        /// The file.
        file: PathBuf,
        /// Its schema.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// Damaged, foreign, or out of reach.
    #[error("opening the database `{file}` failed")]
    Failed {
        /// The file.
        file: PathBuf,
        /// What SQLite said.
        #[source]
        source: rusqlite::Error,
    },
    /// No thread for it.
    #[error("starting the database's threads failed")]
    Threads(#[source] std::io::Error),
}

/// A [`Store`] in one SQLite file.
#[derive(Debug)]
pub struct SqliteStore {
    writer: Writer,
    readers: Readers,
    changes: broadcast::Sender<Change>,
}

impl SqliteStore {
    /// Opens or makes the database in `dir`, which belongs to this process alone (see [`crate::DataDirLock`]).
    pub fn open(dir: &Path) -> Result<Self, OpenError> {
        let file = dir.join(FILE);
        let connection = schema::open(&file)?;
        let changes = broadcast::Sender::new(CHANGES_KEPT);
        let writer = Writer::start(connection, changes.clone()).map_err(OpenError::Threads)?;
        let readers = Readers::start(&file)?;
        Ok(Self { writer, readers, changes })
    }

    /// Finishes what was begun and closes the file; later calls answer [`StoreError::Closed`].
    pub async fn close(&self) -> StoreResult<()> {
        self.readers.close();
        self.writer.close().await
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn get(&self, key: &Key) -> StoreResult<Option<Document>> {
        let key = key.clone();
        self.readers.run("read a document", move |connection| rows::get(connection, &key)).await
    }

    async fn commit(&self, transaction: Transaction) -> StoreResult<Vec<u64>> {
        self.writer.run(|answer| Work::Commit { transaction, answer }).await
    }

    async fn list(&self, query: &ListQuery) -> StoreResult<Page> {
        let after = Position::after(query)?;
        let query = query.clone();
        self.readers.run("list documents", move |connection| listing::page(connection, &query, after)).await
    }

    async fn keys(&self, kind: Kind) -> StoreResult<Vec<Key>> {
        self.readers.run("list keys", move |connection| rows::keys(connection, kind)).await
    }

    async fn lease(&self, name: &str, holder: &str, now: Millis, ttl_ms: i64) -> StoreResult<Option<Lease>> {
        let (name, holder) = (name.to_owned(), holder.to_owned());
        self.writer.run(|answer| Work::Lease { name, holder, now, ttl_ms, answer }).await
    }

    async fn release(&self, name: &str, holder: &str) -> StoreResult<()> {
        let (name, holder) = (name.to_owned(), holder.to_owned());
        self.writer.run(|answer| Work::Release { name, holder, answer }).await
    }

    fn changes(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }
}

/// The port's error for one of SQLite's.
fn failed(action: &'static str) -> impl Fn(rusqlite::Error) -> StoreError {
    move |source| StoreError::Failed { action, source: Box::new(source) }
}
