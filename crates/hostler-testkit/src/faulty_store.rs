//! A store whose calls can go wrong, and that looks at every commit of an endpoint.
//!
//! Why: the rule that nothing becomes InService before the gateway can answer is about the moment of the commit.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use hostler_store::{
    Change, Document, EventPage, EventQuery, Lease, ListQuery, Page, Store, StoreError, StoreResult,
    Transaction, Write,
};
use hostler_types::{EndpointRecord, EndpointStatus, Key, Kind, Millis, Record, Scope, VariantName};
use tokio::sync::broadcast;

use crate::effects::{Effects, effect};
use crate::routes::SimRoutes;

/// A [`Store`] over another one.
pub struct FaultyStore {
    /// What outlives the server.
    pub inner: Arc<dyn Store>,
    /// This server's calls.
    pub effects: Arc<Effects>,
    /// This server's gateway.
    pub routes: Arc<SimRoutes>,
}

impl FaultyStore {
    async fn commit_and_look(&self, transaction: Transaction) -> StoreResult<Vec<u64>> {
        let mut moves = Vec::new();
        for write in &transaction.writes {
            if let Write::Put(document) = write
                && document.key.kind() == Kind::Endpoint
                && let Some(before) = self.inner.get(&document.key).await?
            {
                moves.push((before, document.clone()));
            }
        }
        let versions = self.inner.commit(transaction).await?;
        for (before, document) in moves {
            self.look_at(&before, &document);
        }
        Ok(versions)
    }

    /// Status moves must be legal, and InService must be answered from the first moment on.
    fn look_at(&self, before: &Document, document: &Document) {
        let Ok(next) = EndpointRecord::from_body(&document.body) else { return };
        let Ok(before) = EndpointRecord::from_body(&before.body) else { return };
        let has_moved = before.status != next.status;
        if has_moved && !before.status.can_become(next.status) {
            self.routes.complain(format!("illegal move {} -> {}", before.status, next.status));
        }
        if has_moved && next.status == EndpointStatus::InService {
            let answering = |variant: &VariantName| self.routes.answering(&document.key, variant);
            let is_served = next.deployment.fleets.iter().any(|fleet| answering(&fleet.variant) > 0);
            if !is_served {
                self.routes.complain("InService with nobody routed".to_owned());
            }
            // A creation must have everything; what served already goes on healing in service.
            let is_creation = before.status == EndpointStatus::Creating;
            for fleet in next.deployment.fleets.iter().filter(|_| is_creation) {
                let healthy = self.routes.answering(&document.key, &fleet.variant);
                if healthy < fleet.count as usize {
                    self.routes.complain(format!(
                        "InService with {healthy} of {} instances of `{}` routed",
                        fleet.count, fleet.variant
                    ));
                }
            }
        }
    }
}

fn failed(detail: &'static str) -> StoreError {
    StoreError::Failed { action: "do what it was asked", source: detail.into() }
}

#[async_trait]
impl Store for FaultyStore {
    async fn get(&self, key: &Key) -> StoreResult<Option<Document>> {
        effect!(self.effects, "get", self.inner.get(key), failed)
    }

    async fn commit(&self, transaction: Transaction) -> StoreResult<Vec<u64>> {
        effect!(self.effects, "commit", self.commit_and_look(transaction), failed)
    }

    async fn list(&self, query: &ListQuery) -> StoreResult<Page> {
        effect!(self.effects, "list", self.inner.list(query), failed)
    }

    async fn keys(&self, kind: Kind) -> StoreResult<Vec<Key>> {
        effect!(self.effects, "keys", self.inner.keys(kind), failed)
    }

    async fn events(&self, query: &EventQuery) -> StoreResult<EventPage> {
        effect!(self.effects, "events", self.inner.events(query), failed)
    }

    async fn holdings(&self, scope: &Scope) -> StoreResult<BTreeMap<String, u64>> {
        effect!(self.effects, "holdings", self.inner.holdings(scope), failed)
    }

    async fn lease(&self, name: &str, holder: &str, now: Millis, ttl_ms: i64) -> StoreResult<Option<Lease>> {
        effect!(self.effects, "lease", self.inner.lease(name, holder, now, ttl_ms), failed)
    }

    async fn release(&self, name: &str, holder: &str) -> StoreResult<()> {
        effect!(self.effects, "release", self.inner.release(name, holder), failed)
    }

    fn changes(&self) -> broadcast::Receiver<Change> {
        self.inner.changes()
    }
}
