//! Writes down, every few seconds and at the end, how many invocations came.
//!
//! Why: the gateway never opens the store, and a write for each invocation would cost more than the invocation.
//! Invariants: what was written down is told to the gateway once, and only then; so what could not be written is
//! written with the next. A write whose answer was lost is looked for before anything else is written, so that nothing
//! is counted twice.
//! Failure: a crash loses what came since the last write, at most [`FLUSH_EVERY`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hostler_shapes::Tag;
use hostler_store::{Store, StoreError, StoreResult, Transaction};
use hostler_types::{Clock, EndpointRecord, EndpointUid, InvocationMeter, Key, Millis, Untold, UsageRecord};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::day::Day;
use super::entry::{Bookings, Entry, Owner, Part, bookings};
use super::found::{Found, found};
use super::{UsageSettings, prune};

/// Between two writes.
const FLUSH_EVERY: Duration = Duration::from_secs(10);
/// Between two looks for what is older than it has to be kept.
const PRUNE_EVERY: Duration = Duration::from_secs(6 * 60 * 60);
/// Endpoints whose numbers go into one transaction.
const ENDPOINTS_AT_ONCE: usize = 100;

/// Takes what the gateway counts to the store.
pub struct UsageFlusher {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    meter: Arc<dyn InvocationMeter>,
    settings: UsageSettings,
    /// A number that was not used before, to know a write again by.
    new_number: Arc<dyn Fn() -> u64 + Send + Sync>,
    in_doubt: Option<InDoubt>,
}

/// A write whose answer was lost.
struct InDoubt {
    written_as: u64,
    /// Its documents: all were written or none was.
    keys: Vec<Key>,
    batch: Vec<Untold>,
}

impl UsageFlusher {
    /// One that has written nothing yet.
    pub fn new(
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        meter: Arc<dyn InvocationMeter>,
        settings: UsageSettings,
        new_number: Arc<dyn Fn() -> u64 + Send + Sync>,
    ) -> Self {
        Self { store, clock, meter, settings, new_number, in_doubt: None }
    }

    /// Works until `stop` is cancelled, and writes once more then.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut prune_at = tokio::time::Instant::now();
        loop {
            if tokio::time::Instant::now() >= prune_at {
                if let Err(error) = prune::prune(&*self.store, self.clock.now(), self.settings.days).await {
                    let error: &dyn std::error::Error = &error;
                    warn!(error, "old usage was not deleted; it is tried again");
                }
                prune_at = tokio::time::Instant::now() + PRUNE_EVERY;
            }
            let is_stopping = tokio::time::timeout(FLUSH_EVERY, stop.cancelled()).await.is_ok();
            if let Err(error) = self.flush().await {
                let error: &dyn std::error::Error = &error;
                warn!(
                    error,
                    "invocations were not written down as used; they are kept and written with the next"
                );
            }
            if is_stopping {
                return;
            }
        }
    }

    /// Writes down what is untold.
    pub async fn flush(&mut self) -> StoreResult<()> {
        self.settle_doubt().await?;
        let mut owners: BTreeMap<EndpointUid, Vec<Untold>> = BTreeMap::new();
        for untold in self.meter.untold() {
            owners.entry(untold.of.uid.clone()).or_default().push(untold);
        }
        let owners: Vec<Vec<Untold>> = owners.into_values().collect();
        let mut result = Ok(());
        for batch in owners.chunks(ENDPOINTS_AT_ONCE) {
            match self.write(batch).await {
                // Another one wrote in between, which is no matter of the others.
                Err(error @ StoreError::Conflict { .. }) => result = Err(error),
                written => written?,
            }
        }
        // What is gone and told is forgotten, also when nothing was to be told.
        self.meter.told(&[]);
        result
    }

    async fn write(&mut self, batch: &[Vec<Untold>]) -> StoreResult<()> {
        let (now, written_as) = (self.clock.now(), (self.new_number)());
        let mut transaction = Transaction::default();
        for of_one in batch {
            let Bookings { checks, writes } = self.bookings(of_one, (now, written_as)).await?;
            transaction.checks.extend(checks);
            transaction.writes.extend(writes);
        }
        let batch = batch.concat();
        let keys: Vec<Key> = transaction.checks.iter().map(|check| check.key.clone()).collect();
        if keys.is_empty() {
            // Nothing that can be written: its documents cannot be read.
            self.meter.told(&batch);
            return Ok(());
        }
        match self.store.commit(transaction).await {
            Ok(_) => {
                self.meter.told(&batch);
                Ok(())
            }
            // Another one wrote in between: the next time reads anew.
            Err(error @ StoreError::Conflict { .. }) => Err(error),
            Err(error) => {
                self.in_doubt = Some(InDoubt { written_as, keys, batch });
                Err(error)
            }
        }
    }

    /// Finds out whether a write whose answer was lost was done.
    async fn settle_doubt(&mut self) -> StoreResult<()> {
        let Some(doubt) = &self.in_doubt else { return Ok(()) };
        for key in &doubt.keys {
            match found::<UsageRecord>(&*self.store, key).await? {
                // Damaged since: another one tells it. Where none does, none can be written again either.
                Found::Damaged(_) => {}
                Found::Whole(record, _) if record.written_as == Some(doubt.written_as) => {
                    self.meter.told(&doubt.batch);
                    break;
                }
                Found::Whole(..) | Found::Nothing => break,
            }
        }
        self.in_doubt = None;
        Ok(())
    }

    async fn bookings(&self, of_one: &[Untold], write: (Millis, u64)) -> StoreResult<Bookings> {
        let (now, written_as) = write;
        let Some(Untold { of, .. }) = of_one.first() else { return Ok(Bookings::default()) };
        let day = Day::of(now);
        let tags = self.tags(&of.key, &of.uid, day).await?;
        let entries: Vec<Entry> = of_one
            .iter()
            .map(|untold| Entry {
                day,
                variant: untold.of.variant.clone(),
                instance_type: untold.of.instance_type.clone(),
                instance_ms: 0,
                invocations: untold.counts,
            })
            .collect();
        let owner = Owner { scope: of.key.scope(), name: &of.name, uid: &of.uid, tags: &tags };
        bookings(&*self.store, owner, Part::Requests, &entries, (now, Some(written_as))).await
    }

    /// The tags of the endpoint, or those that it had at its end.
    async fn tags(&self, key: &Key, uid: &EndpointUid, day: Day) -> StoreResult<Vec<Tag>> {
        let record = found::<EndpointRecord>(&*self.store, key).await?.whole();
        if let Some(record) = record.filter(|record| record.uid == *uid) {
            return Ok(record.tags);
        }
        for part in [Part::Instances, Part::Requests] {
            let key = part.key(key.scope(), uid, &day.month());
            let record = found::<UsageRecord>(&*self.store, &key).await?.whole();
            if let Some(tags) = record.as_ref().and_then(UsageRecord::last_tags) {
                return Ok(tags.to_vec());
            }
        }
        Ok(Vec::new())
    }
}
