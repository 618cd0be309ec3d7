//! A store in memory: the port's rules and nothing else.
//!
//! Why: simulation runs under a paused clock, where a database thread would be real time; and a second, plain
//! implementation shows what of the port's text is the port and what is SQL.
//! Invariants: one lock, never held across an await. Nothing outlives the process: for tests only.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use hostler_types::{Key, Kind, Millis, Scope};
use tokio::sync::broadcast;

use crate::{
    CHANGES_KEPT, Change, Check, Document, EventBounds, EventPage, EventQuery, Expect, Lease, ListQuery,
    Order, Page, Position, Quota, Statuses, Store, StoreError, StoreResult, Transaction, Unused, Write,
};
use events::Events;

mod events;

/// A [`Store`] that forgets everything when it is dropped.
#[derive(Debug)]
pub struct MemoryStore {
    state: Mutex<State>,
    changes: broadcast::Sender<Change>,
}

#[derive(Debug, Default)]
struct State {
    documents: BTreeMap<Key, Document>,
    events: Events,
    leases: BTreeMap<String, Lease>,
    /// The last version or term that was given out.
    sequence: u64,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::with_event_bounds(EventBounds::default())
    }

    /// One that keeps so many events.
    pub fn with_event_bounds(bounds: EventBounds) -> Self {
        let state = State { events: Events::new(bounds), ..State::default() };
        Self { state: Mutex::new(state), changes: broadcast::Sender::new(CHANGES_KEPT) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing under the lock can panic half-way, so a poisoned lock guards a whole state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn get(&self, key: &Key) -> StoreResult<Option<Document>> {
        Ok(self.state().documents.get(key).cloned())
    }

    async fn commit(&self, transaction: Transaction) -> StoreResult<Vec<u64>> {
        transaction.assert_storable();
        let mut state = self.state();
        if let Some(Check { key, .. }) = transaction.checks.into_iter().find(|check| !state.holds(check)) {
            return Err(StoreError::Conflict { key });
        }
        if let Some(by) = transaction.unused.and_then(|unused| state.user(&unused)) {
            return Err(StoreError::InUse { by });
        }
        let staged = state.stage(transaction.writes)?;
        for quota in transaction.quotas {
            let (used, after) = (state.held(&quota), state.held_after(&staged, &quota));
            if let Some(delta) = quota.exceeded(used, after) {
                return Err(StoreError::QuotaExceeded { quota, used, delta });
            }
        }
        state.sequence = staged.sequence;
        for (key, document) in staged.documents {
            match document {
                Some(document) => state.documents.insert(key, document),
                None => state.documents.remove(&key),
            };
        }
        for event in transaction.events {
            state.events.append(event);
        }
        // Under the lock, so that the feed tells commits in their order. It is no mistake to have no receiver.
        for key in staged.changed {
            let _ = self.changes.send(Change { key });
        }
        Ok(staged.versions)
    }

    async fn list(&self, query: &ListQuery) -> StoreResult<Page> {
        let after = Position::after(query)?;
        let state = self.state();
        let mut rows: Vec<(Position, &Document)> = state
            .documents
            .values()
            .filter(|document| matches(query, document))
            .map(|document| (Position::of(document, query.sort_by), document))
            .filter(|(position, _)| match (&after, query.order) {
                (None, _) => true,
                (Some(after), Order::Ascending) => position > after,
                (Some(after), Order::Descending) => position < after,
            })
            .collect();
        rows.sort_by(|(left, _), (right, _)| match query.order {
            Order::Ascending => left.cmp(right),
            Order::Descending => right.cmp(left),
        });
        let limit = query.limit.max(1);
        let next = if rows.len() > limit { Some(rows[limit - 1].0.token(query)) } else { None };
        let documents = rows.into_iter().take(limit).map(|(_, document)| document.clone()).collect();
        Ok(Page { documents, next })
    }

    async fn keys(&self, kind: Kind) -> StoreResult<Vec<Key>> {
        Ok(self.state().documents.keys().filter(|key| key.kind() == kind).cloned().collect())
    }

    async fn events(&self, query: &EventQuery) -> StoreResult<EventPage> {
        Ok(self.state().events.page(query))
    }

    async fn holdings(&self, scope: &Scope) -> StoreResult<BTreeMap<String, u64>> {
        let state = self.state();
        let mut sums = BTreeMap::new();
        for document in state.documents.values().filter(|document| document.key.scope() == scope) {
            for (what, count) in document.holds.iter().filter(|(_, count)| **count > 0) {
                *sums.entry(what.clone()).or_default() += u64::from(*count);
            }
        }
        Ok(sums)
    }

    async fn lease(&self, name: &str, holder: &str, now: Millis, ttl_ms: i64) -> StoreResult<Option<Lease>> {
        let mut state = self.state();
        let term = match state.leases.get(name) {
            Some(lease) if lease.holder == holder => lease.term,
            Some(lease) if lease.expires_at > now => return Ok(None),
            _ => {
                state.sequence += 1;
                state.sequence
            }
        };
        let lease =
            Lease { name: name.to_owned(), holder: holder.to_owned(), term, expires_at: now.plus(ttl_ms) };
        state.leases.insert(name.to_owned(), lease.clone());
        Ok(Some(lease))
    }

    async fn release(&self, name: &str, holder: &str) -> StoreResult<()> {
        let mut state = self.state();
        if state.leases.get(name).is_some_and(|lease| lease.holder == holder) {
            state.leases.remove(name);
        }
        Ok(())
    }

    fn changes(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }
}

/// What a transaction will have done, put together aside: an error half-way leaves nothing to undo.
struct Staged {
    documents: BTreeMap<Key, Option<Document>>,
    changed: Vec<Key>,
    versions: Vec<u64>,
    sequence: u64,
}

impl State {
    fn holds(&self, check: &Check) -> bool {
        match (self.documents.get(&check.key), check.expect) {
            (None, Expect::Absent) => true,
            (Some(document), Expect::Version(version)) => document.version == version,
            (None, Expect::Version(_)) | (Some(_), Expect::Absent) => false,
        }
    }

    /// The first document by key that uses what should not be in use.
    fn user(&self, unused: &Unused) -> Option<Key> {
        let counts = |status: &Option<String>| match &unused.statuses {
            Statuses::Any => true,
            Statuses::Of(statuses) => status.as_ref().is_some_and(|status| statuses.contains(status)),
        };
        let is_user = |document: &&Document| document.uses.contains(&unused.key) && counts(&document.status);
        self.documents.values().find(is_user).map(|document| document.key.clone())
    }

    /// What the documents of a quota's scope hold of it; read from all of them, which is what the sum means.
    fn held(&self, quota: &Quota) -> u64 {
        self.documents.values().map(|document| counts(document, quota)).sum()
    }

    fn held_after(&self, staged: &Staged, quota: &Quota) -> u64 {
        let kept = self.documents.iter().filter(|(key, _)| !staged.documents.contains_key(key));
        let written = staged.documents.values().flatten();
        kept.map(|(_, document)| document).chain(written).map(|document| counts(document, quota)).sum()
    }

    fn stage(&self, writes: Vec<Write>) -> StoreResult<Staged> {
        let mut staged = Staged {
            documents: BTreeMap::new(),
            changed: Vec::new(),
            versions: Vec::new(),
            sequence: self.sequence,
        };
        for write in writes {
            match write {
                Write::Put(document) => staged.write(document),
                Write::Touch(key) => match self.current(&staged, &key).cloned() {
                    Some(document) => staged.write(document),
                    None => return Err(StoreError::Conflict { key }),
                },
                Write::Delete(key) => {
                    if self.current(&staged, &key).is_some() {
                        staged.note(&key);
                        staged.documents.insert(key, None);
                    }
                }
            }
        }
        Ok(staged)
    }

    /// The document as the writes before this one leave it.
    fn current<'a>(&'a self, staged: &'a Staged, key: &Key) -> Option<&'a Document> {
        match staged.documents.get(key) {
            Some(document) => document.as_ref(),
            None => self.documents.get(key),
        }
    }
}

impl Staged {
    fn write(&mut self, mut document: Document) {
        self.sequence += 1;
        document.version = self.sequence;
        self.versions.push(self.sequence);
        self.note(&document.key);
        self.documents.insert(document.key.clone(), Some(document));
    }

    fn note(&mut self, key: &Key) {
        if !self.documents.contains_key(key) {
            self.changed.push(key.clone());
        }
    }
}

fn counts(document: &Document, quota: &Quota) -> u64 {
    let is_counted = document.key.scope() == &quota.scope;
    if is_counted { document.holds.get(&quota.what).copied().unwrap_or(0).into() } else { 0 }
}

fn matches(query: &ListQuery, document: &Document) -> bool {
    document.key.scope() == &query.scope
        && document.key.kind() == query.kind
        && query.name_contains.as_ref().is_none_or(|part| document.name.contains(part.as_str()))
        && query.created_from.is_none_or(|from| document.created_at >= from)
        && query.created_before.is_none_or(|before| document.created_at < before)
        && query.modified_from.is_none_or(|from| document.modified_at >= from)
        && query.modified_before.is_none_or(|before| document.modified_at < before)
        && (query.status.is_none() || query.status == document.status)
}
