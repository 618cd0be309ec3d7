//! A store of which single documents can be damaged, as by a disk that returns other bytes than were written.
//!
//! Invariants: what would read or write a damaged document fails, a listing that would come by it too; all else goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use hostler_store::{
    Change, Document, EventPage, EventQuery, Lease, ListQuery, Page, Store, StoreError, StoreResult,
    Transaction, Trouble, Write,
};
use hostler_types::{Key, Kind, Millis, Scope};
use tokio::sync::broadcast;

/// A [`Store`] over another one.
pub struct DamagedStore {
    inner: Arc<dyn Store>,
    damaged: Mutex<BTreeSet<Key>>,
}

impl DamagedStore {
    /// One in which everything is whole.
    pub fn new(inner: Arc<dyn Store>) -> Self {
        Self { inner, damaged: Mutex::default() }
    }

    /// From now on this document cannot be read.
    pub fn damage(&self, key: Key) {
        self.damaged().insert(key);
    }

    /// Everything is as it was written again.
    pub fn mend(&self) {
        self.damaged().clear();
    }

    fn damaged(&self) -> MutexGuard<'_, BTreeSet<Key>> {
        self.damaged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check(&self, action: &'static str, meets: impl Fn(&Key) -> bool) -> StoreResult<()> {
        if self.damaged().iter().any(meets) {
            let source = "simulated: the bytes are not text".into();
            return Err(StoreError::Trouble { action, trouble: Trouble::Damaged, source });
        }
        Ok(())
    }
}

#[async_trait]
impl Store for DamagedStore {
    async fn get(&self, key: &Key) -> StoreResult<Option<Document>> {
        self.check("read a document", |damaged| damaged == key)?;
        self.inner.get(key).await
    }

    async fn commit(&self, transaction: Transaction) -> StoreResult<Vec<u64>> {
        let checked = transaction.checks.iter().map(|check| &check.key);
        let written = transaction.writes.iter().filter_map(|write| match write {
            Write::Put(document) => Some(&document.key),
            _ => None,
        });
        let keys: Vec<&Key> = checked.chain(written).collect();
        self.check("commit", |damaged| keys.contains(&damaged))?;
        self.inner.commit(transaction).await
    }

    async fn list(&self, query: &ListQuery) -> StoreResult<Page> {
        self.check("list", |damaged| damaged.kind() == query.kind && *damaged.scope() == query.scope)?;
        self.inner.list(query).await
    }

    async fn keys(&self, kind: Kind) -> StoreResult<Vec<Key>> {
        self.inner.keys(kind).await
    }

    async fn events(&self, query: &EventQuery) -> StoreResult<EventPage> {
        self.inner.events(query).await
    }

    async fn holdings(&self, scope: &Scope) -> StoreResult<BTreeMap<String, u64>> {
        self.inner.holdings(scope).await
    }

    async fn lease(&self, name: &str, holder: &str, now: Millis, ttl_ms: i64) -> StoreResult<Option<Lease>> {
        self.inner.lease(name, holder, now, ttl_ms).await
    }

    async fn release(&self, name: &str, holder: &str) -> StoreResult<()> {
        self.inner.release(name, holder).await
    }

    fn changes(&self) -> broadcast::Receiver<Change> {
        self.inner.changes()
    }
}
