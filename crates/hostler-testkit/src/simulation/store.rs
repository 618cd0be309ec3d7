//! The store as the book sees it: every commit that took effect is looked at.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use hostler_store::{
    Change, Document, EventPage, EventQuery, Lease, ListQuery, Page, Store, StoreResult, Transaction, Write,
};
use hostler_types::{EndpointRecord, Key, Kind, Millis, Record, Scope};
use tokio::sync::broadcast;

use super::commits::{Author, committed};
use super::stage::Stage;

/// A [`Store`] that writes into the book.
pub(super) struct WatchedStore {
    pub(super) stage: Arc<Stage>,
    pub(super) author: Author,
}

#[async_trait]
impl Store for WatchedStore {
    async fn get(&self, key: &Key) -> StoreResult<Option<Document>> {
        self.stage.store.get(key).await
    }

    async fn commit(&self, transaction: Transaction) -> StoreResult<Vec<u64>> {
        let writes: Vec<(Key, Option<Document>)> = transaction
            .writes
            .iter()
            .filter_map(|write| match write {
                Write::Put(document) => Some((document.key.clone(), Some(document.clone()))),
                Write::Delete(key) => Some((key.clone(), None)),
                Write::Touch(_) => None,
            })
            .filter(|(key, _)| key.kind() == Kind::Endpoint)
            .collect();
        let mut events = transaction.events.clone();
        let versions = self.stage.store.commit(transaction).await?;
        for (key, document) in writes {
            let holds = document.as_ref().map(|document| document.holds.clone());
            let after = match document.map(|document| EndpointRecord::from_body(&document.body)) {
                None => None,
                Some(Ok(record)) => Some(record),
                Some(Err(error)) => {
                    self.stage.book.complain(&format!("{key} was written in no form: {error}"));
                    continue;
                }
            };
            let own = events.extract_if(.., |event| event.key == key).collect();
            committed(&self.stage, &self.author, &key, after, holds.unwrap_or_default(), own);
        }
        if let Some(stray) = events.iter().find(|event| event.key.kind() == Kind::Endpoint) {
            self.stage.book.complain(&format!("{} has an event and was not written", stray.key));
        }
        Ok(versions)
    }

    async fn list(&self, query: &ListQuery) -> StoreResult<Page> {
        self.stage.store.list(query).await
    }

    async fn keys(&self, kind: Kind) -> StoreResult<Vec<Key>> {
        self.stage.store.keys(kind).await
    }

    async fn events(&self, query: &EventQuery) -> StoreResult<EventPage> {
        self.stage.store.events(query).await
    }

    async fn holdings(&self, scope: &Scope) -> StoreResult<BTreeMap<String, u64>> {
        self.stage.store.holdings(scope).await
    }

    async fn lease(&self, name: &str, holder: &str, now: Millis, ttl_ms: i64) -> StoreResult<Option<Lease>> {
        let lease = self.stage.store.lease(name, holder, now, ttl_ms).await?;
        if lease.is_some() {
            let former = self.stage.book.pages().holder.replace(holder.to_owned());
            if former.as_deref() != Some(holder) {
                self.stage.book.note(|| format!("{holder} takes the lease"));
            }
        }
        Ok(lease)
    }

    async fn release(&self, name: &str, holder: &str) -> StoreResult<()> {
        self.stage.store.release(name, holder).await?;
        let mut pages = self.stage.book.pages();
        pages.holder = pages.holder.take().filter(|known| known != holder);
        Ok(())
    }

    fn changes(&self) -> broadcast::Receiver<Change> {
        self.stage.store.changes()
    }
}
