//! One run: read, observe, plan, publish, write down, carry out.
//!
//! Why: the order is the safety. The route goes first, so that nothing that is about to leave gets new requests and
//! `InService` is never seen before the gateway can answer. The record goes second, so that nothing is launched that
//! is not written down. Effects go last, and a crash before them is repaired by the same plan.
//! Invariants: no decision is made here.

use std::collections::HashMap;
use std::time::Duration;

use hostler_compute::{ComputeError, InstanceState, Observed};
use hostler_store::{Check, Document, Event, Expect, StoreError, Transaction, Write};
use hostler_types::{
    EndpointRecord, EndpointUid, InstanceId, InstanceIntent, InstanceRecord, Key, Millis, Record,
    RecordError, RouteTable,
};
use tokio::time::Instant;
use tracing::{Instrument, debug, error, info, warn};

use super::Reconciler;
use super::images::note_images;
use super::lease::Term;
use super::moments::bring_back;
use crate::history;
use crate::metrics::RunOutcome;
use crate::operations::{endpoint_document, endpoint_uses};
use crate::plan::{Health, Sighting, lint_plan, plan};
use crate::prober::{Prober, Target};
use crate::quotas::holdings;
use crate::spans;
use crate::usage::{Owner, Part, bookings, times};

/// The pause after the first failed run; doubles up to the longest.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// This many failed runs in a row are worth a person's look.
const STUCK_AFTER_RUNS: u32 = 10;

/// Why a run did not get to its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum RunError {
    #[error("reading or writing the record failed")]
    Store(#[from] StoreError),
    #[error("the record cannot be read")]
    Record(#[from] RecordError),
    #[error("observing the instances failed")]
    Observe(#[source] ComputeError),
    #[error("launching instance `{id}` failed")]
    Launch { id: String, source: ComputeError },
    #[error("removing instance `{id}` failed")]
    Remove { id: String, source: ComputeError },
}

/// Gives the key back when a run panics or is dropped: an endpoint must never be stuck for want of one run's end.
struct Abandoned<'a> {
    reconciler: &'a Reconciler,
    key: &'a Key,
    began_at: Instant,
}

impl Drop for Abandoned<'_> {
    fn drop(&mut self) {
        self.reconciler.run_metrics().ended(RunOutcome::abandoned, self.began_at.elapsed());
        let failures = self.reconciler.failed(self.key);
        error!(key = %self.key, failures, "a reconcile run was abandoned half-way and will be repeated");
    }
}

/// How a run ended.
pub(super) enum Outcome {
    /// All that was planned is under way.
    Applied { requeue: Option<Duration> },
    /// The record changed meanwhile: everything was decided on old news.
    Overtaken,
    /// There is no such endpoint any more.
    Gone,
    /// Another controller acts; this one's gateway knows what the record says.
    Followed,
}

impl Reconciler {
    pub(super) async fn run_key(&self, key: Key) {
        let span = spans::run(&key);
        self.run_in_span(key).instrument(span).await;
    }

    async fn run_in_span(&self, key: Key) {
        let began_at = Instant::now();
        let abandoned = Abandoned { reconciler: self, key: &key, began_at };
        let outcome = self.reconcile(&key).await;
        std::mem::forget(abandoned);
        let word = match &outcome {
            Ok(Outcome::Applied { .. }) => RunOutcome::applied,
            Ok(Outcome::Overtaken) => RunOutcome::overtaken,
            Ok(Outcome::Gone) => RunOutcome::gone,
            Ok(Outcome::Followed) => RunOutcome::followed,
            Err(_) => RunOutcome::failed,
        };
        self.run_metrics().ended(word, began_at.elapsed());
        match outcome {
            Ok(Outcome::Applied { requeue }) => self.queue.done(&key, requeue),
            Ok(Outcome::Overtaken) => {
                debug!(%key, "the record changed during the run");
                self.queue.done(&key, Some(Duration::ZERO));
            }
            Ok(Outcome::Gone | Outcome::Followed) => self.queue.done(&key, None),
            Err(cause) => {
                let failures = self.failed(&key);
                let error: &(dyn std::error::Error + 'static) = &cause;
                if failures >= STUCK_AFTER_RUNS {
                    error!(%key, failures, error, "the endpoint is stuck; it is still tried");
                } else {
                    warn!(%key, failures, error, "a reconcile run failed and will be repeated");
                }
            }
        }
    }

    /// Another run after a pause; how many failed in a row.
    fn failed(&self, key: &Key) -> u32 {
        self.queue.failed(key, |failures| pause(failures, (self.parts.jitter)()))
    }

    async fn reconcile(&self, key: &Key) -> Result<Outcome, RunError> {
        // Before reading: what was read without the right may be old when the right comes.
        let right = self.right.held();
        let read = self.parts.store.get(key).await.inspect_err(|_| spans::know_name(key));
        let Some(document) = read? else {
            self.publish(key, None);
            self.forget_former(key);
            return Ok(Outcome::Gone);
        };
        let mut record = EndpointRecord::from_body(&document.body).inspect_err(|_| spans::know_name(key))?;
        spans::know(&record);
        let (now, policy) = (self.parts.clock.now(), &self.parts.policy);
        self.remember(key, &record.uid);
        let observed = self.observe(&record).await?;
        let has_new_images = note_images(&mut record, &observed);
        let seen = self.sightings_of(&record, observed, now).await;
        self.standings().note(&record, &seen);
        let Some(term) = right else {
            self.publish(key, self.route(&record, &seen));
            self.point_prober(&record, &seen);
            return Ok(Outcome::Followed);
        };
        let is_brought_back = bring_back(&mut record, now, policy);
        let plan = plan(&record, &seen, now, policy);
        if cfg!(debug_assertions) {
            let broken = lint_plan(&record, &seen, &plan);
            assert!(broken.is_empty(), "the plan breaks rules: {broken:?}");
        }
        for event in &plan.events {
            if let Some(id) = &event.instance {
                info!(instance = %id, generation = id.generation, "{}", event.text);
            } else {
                info!("{}", event.text);
            }
        }
        self.publish(key, plan.route.clone());
        // What an endpoint holds and uses is part of its document; one that was written by another rule is written anew.
        let is_other = document.holds != holdings(&record) || document.uses != endpoint_uses(&record);
        let is_stale = !plan.forget && (is_brought_back || has_new_images || is_other);
        if let Some(next) = plan.record.as_ref().or(is_stale.then_some(&record)) {
            let events = plan.moves.iter().map(|moved| history::moved(next, moved, now)).collect();
            if !self.write_down(term, &document, (&record, next), events, now).await? {
                return Ok(Outcome::Overtaken);
            }
        }
        if let Some(next) = &plan.record {
            self.standings().note(next, &seen);
            self.standings().note_restarts(&record, next);
        }
        let record = plan.record.as_ref().unwrap_or(&record);
        self.point_prober(record, &seen);
        if !self.carry_out(term, record, &plan).await? {
            return Ok(Outcome::Overtaken);
        }
        if plan.forget {
            return self.forget(term, record, &document).await;
        }
        let requeue = plan.requeue_after_ms.map(|ms| Duration::from_millis(ms.unsigned_abs()));
        Ok(Outcome::Applied { requeue })
    }

    /// Which endpoint bears the name now.
    fn remember(&self, key: &Key, uid: &EndpointUid) {
        if self.memory().uids.get(key) == Some(uid) {
            return;
        }
        self.forget_former(key);
        let mut memory = self.memory();
        memory.uids.insert(key.clone(), uid.clone());
        memory.keys.insert(uid.clone(), key.clone());
    }

    /// A record went without this controller (another one deleted it, or the answer to the deletion was lost): what
    /// still runs for it is the sweep's.
    pub(super) fn forget_former(&self, key: &Key) {
        let mut memory = self.memory();
        let Some(uid) = memory.uids.remove(key) else { return };
        memory.keys.remove(&uid);
        memory.running.remove(&uid);
        drop(memory);
        self.standings().forget(key, &uid);
        self.parts.prober.set_targets(&uid, Vec::new());
    }

    pub(super) async fn sightings(
        &self,
        record: &EndpointRecord,
        now: Millis,
    ) -> Result<Vec<Sighting>, RunError> {
        let observed = self.observe(record).await?;
        Ok(self.sightings_of(record, observed, now).await)
    }

    async fn observe(&self, record: &EndpointRecord) -> Result<Vec<Observed>, RunError> {
        self.parts.compute.observe(&record.uid).await.map_err(RunError::Observe)
    }

    async fn sightings_of(
        &self,
        record: &EndpointRecord,
        observed: Vec<Observed>,
        now: Millis,
    ) -> Vec<Sighting> {
        let (prober, routes) = (&self.parts.prober, &*self.parts.routes);
        let mut seen: Vec<Sighting> =
            observed.into_iter().map(|observed| sighting(observed, prober, routes)).collect();
        self.add_what_is_remembered(record, &mut seen, now);
        self.look_where_late_ones_listen(record, &mut seen, now).await;
        seen
    }

    /// Since when instances run by our clock, and launches that were refused.
    fn add_what_is_remembered(&self, record: &EndpointRecord, seen: &mut Vec<Sighting>, now: Millis) {
        let mut memory = self.memory();
        let known = memory.running.remove(&record.uid).unwrap_or_default();
        let running = by_our_clock(record, seen, &known, now);
        if !running.is_empty() {
            memory.running.insert(record.uid.clone(), running);
        }
        for instance in &record.instances {
            if let Some(failure) = memory.refused.get(&instance.id)
                && !seen.iter().any(|sighting| sighting.id == instance.id)
            {
                seen.push(Sighting {
                    id: instance.id.clone(),
                    state: InstanceState::Failed(failure.clone()),
                    health: Health::Unknown,
                    in_flight: 0,
                    listens: Vec::new(),
                });
            }
        }
    }

    /// Of instances whose time to answer is over it is noted where they listen instead, before they are given up.
    async fn look_where_late_ones_listen(&self, record: &EndpointRecord, seen: &mut [Sighting], now: Millis) {
        for sighting in seen {
            let InstanceState::Running { since, .. } = sighting.state else { continue };
            let deployment = record.deployment_of(sighting.id.generation);
            let fleet = deployment.and_then(|deployment| deployment.fleet(&sighting.id.variant));
            let is_late = fleet.is_some_and(|fleet| now >= since.plus(fleet.startup_timeout_ms));
            // After a restart nothing is known of the health of any; only what never was healthy is given up for that.
            let is_new = record.instances.iter().any(|it| it.id == sighting.id && it.healthy_at.is_none());
            if is_late && is_new && !matches!(sighting.health, Health::Healthy | Health::Sick(_)) {
                match self.parts.compute.listens(&sighting.id).await {
                    Ok(addresses) => sighting.listens = addresses,
                    Err(error) => debug!(id = %sighting.id, %error, "where an instance listens is not known"),
                }
            }
        }
    }

    /// Whether the record was still the one that was read, and this controller still the one that acts.
    async fn write_down(
        &self,
        term: Term,
        before: &Document,
        (read, next): (&EndpointRecord, &EndpointRecord),
        events: Vec<Event>,
        now: Millis,
    ) -> Result<bool, RunError> {
        let mut transaction = Transaction {
            checks: vec![Check { key: before.key.clone(), expect: Expect::Version(before.version) }],
            writes: vec![Write::Put(endpoint_document(next))],
            events,
            ..Transaction::default()
        };
        // What leaves the record is nowhere else: its time is written down with it.
        let leaves = |gone: &InstanceRecord| !next.instances.iter().any(|kept| kept.id == gone.id);
        self.book_times(read, now, leaves, &mut transaction).await?;
        self.commit(term, transaction).await
    }

    /// Adds to the transaction what writes down the time of these instances.
    pub(super) async fn book_times(
        &self,
        record: &EndpointRecord,
        now: Millis,
        which: impl Fn(&InstanceRecord) -> bool,
        transaction: &mut Transaction,
    ) -> Result<(), RunError> {
        let entries = times(record, now, self.parts.policy.emptied_at, which);
        let owner = Owner::of(record);
        let booked = bookings(&*self.parts.store, owner, Part::Instances, &entries, (now, None)).await?;
        transaction.checks.extend(booked.checks);
        transaction.writes.extend(booked.writes);
        Ok(())
    }

    /// Whether it was written: nothing that it was decided on has changed, and this controller still acts.
    pub(super) async fn commit(&self, term: Term, transaction: Transaction) -> Result<bool, RunError> {
        if !self.right.lasts(term) {
            return Ok(false);
        }
        match self.parts.store.commit(transaction).await {
            Ok(_) => Ok(true),
            Err(StoreError::Conflict { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn point_prober(&self, record: &EndpointRecord, seen: &[Sighting]) {
        let targets = seen.iter().filter_map(|sighting| {
            let containers = sighting.state.containers();
            let instance = record.instances.iter().find(|instance| instance.id == sighting.id)?;
            let is_watched = instance.intent != InstanceIntent::Removing && !containers.is_empty();
            is_watched.then(|| Target {
                id: sighting.id.clone(),
                scope: record.scope.clone(),
                endpoint_name: record.name.clone(),
                containers: containers.to_vec(),
                was_healthy: instance.healthy_at.is_some(),
            })
        });
        self.parts.prober.set_targets(&record.uid, targets.collect());
    }
}

/// An instance as all three see it.
pub(crate) fn sighting(observed: Observed, prober: &Prober, routes: &dyn RouteTable) -> Sighting {
    Sighting {
        health: prober.health(&observed.id),
        in_flight: routes.in_flight(&observed.id),
        listens: Vec::new(),
        id: observed.id,
        state: observed.state,
    }
}

/// Since when instances run, by our clock: a backend's may have been set back or not yet. What it says is believed where
/// it lies between the launch and the moment when the instance was first seen running; else that moment holds. Gives the
/// moments to remember.
fn by_our_clock(
    record: &EndpointRecord,
    seen: &mut [Sighting],
    known: &HashMap<InstanceId, Millis>,
    now: Millis,
) -> HashMap<InstanceId, Millis> {
    let mut running = HashMap::new();
    for sighting in seen {
        let InstanceState::Running { since, .. } = &mut sighting.state else { continue };
        let first_seen = known.get(&sighting.id).copied().unwrap_or(now);
        running.insert(sighting.id.clone(), first_seen);
        let launched = record.instances.iter().find(|instance| instance.id == sighting.id);
        if *since > first_seen || launched.is_some_and(|instance| *since < instance.launched_at) {
            *since = first_seen;
        }
    }
    running
}

/// After so many failures in a row: up to a quarter more than doubled, so that many keys that failed together do not
/// come back together.
fn pause(failures: u32, jitter: f64) -> Duration {
    let doubled = PAUSE_MIN.saturating_mul(1_u32 << failures.saturating_sub(1).min(16)).min(PAUSE_MAX);
    doubled.mul_f64(1.0 + jitter.clamp(0.0, 1.0) / 4.0)
}
