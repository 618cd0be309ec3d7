//! What a call decided about an endpoint, before it is written down; and writing it down.
//!
//! Why: what a call would do must be sayable without doing it, by the very code that does it. So deciding (reading,
//! checking, making the record) and committing are two functions, and a plan calls the first alone.
//! Invariants: committed only while everything that was decided on is still so, and only within the quotas. Deciding
//! and judging write nothing.

use hostler_aws::ApiError;
use hostler_store::{Check, Document, Event, Quota, StoreError, Transaction, Write};
use hostler_types::EndpointRecord;

use super::endpoint::document;
use crate::control::{Control, log_notes, store_failed};
use crate::quotas;
use crate::spans;

/// A record to write down, and what it was decided on.
pub(crate) struct Decided {
    pub(crate) record: EndpointRecord,
    pub(crate) checks: Vec<Check>,
    /// What the history keeps of it.
    pub(crate) event: Event,
}

impl Control {
    /// Writes it down; whether what it was decided on was still so. If not, one decides again.
    pub(super) async fn commit_endpoint(&self, decided: &Decided) -> Result<bool, ApiError> {
        let record = &decided.record;
        let (document, quotas) = self.to_write(record);
        let transaction = Transaction {
            checks: decided.checks.clone(),
            quotas,
            writes: vec![Write::Put(document)],
            events: vec![decided.event.clone()],
            ..Transaction::default()
        };
        match self.parts.store.commit(transaction).await {
            Ok(_) => {
                let _about = spans::endpoint(record).entered();
                log_notes(record.arn().as_str(), &record.notes);
                log_notes(record.arn().as_str(), &self.marks(record));
                Ok(true)
            }
            Err(StoreError::QuotaExceeded { quota, used, delta }) => {
                Err(quotas::refusal(&quota, used, delta))
            }
            Err(StoreError::Conflict { .. }) => Ok(false),
            Err(error) => Err(store_failed(error)),
        }
    }

    /// Every quota that a commit would be refused for, in the order in which it would be; nothing is written.
    pub(crate) async fn quotas_in_the_way(&self, decided: &Decided) -> Result<Vec<ApiError>, ApiError> {
        let record = &decided.record;
        let (document, quotas) = self.to_write(record);
        let store = &self.parts.store;
        let held = store.holdings(&record.scope).await.map_err(store_failed)?;
        let before = store.get(&record.key()).await.map_err(store_failed)?;
        let of = |document: &Document, what: &str| u64::from(document.holds.get(what).copied().unwrap_or(0));
        let refusals = quotas.into_iter().filter_map(|quota| {
            let used = held.get(&quota.what).copied().unwrap_or(0);
            let own = before.as_ref().map_or(0, |before| of(before, &quota.what));
            let after = used.saturating_sub(own).saturating_add(of(&document, &quota.what));
            let delta = quota.exceeded(used, after)?;
            Some(quotas::refusal(&quota, used, delta))
        });
        Ok(refusals.collect())
    }

    fn to_write(&self, record: &EndpointRecord) -> (Document, Vec<Quota>) {
        let document = document(record);
        let quotas = self.parts.settings.quotas.of(&record.scope, &document.holds);
        (document, quotas)
    }
}
