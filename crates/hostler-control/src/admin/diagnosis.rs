//! The diagnosis of an endpoint: gathers what is seen, and asks `diagnose`.
//!
//! Invariants: read-only and bounded: where processes listen is looked up only of instances that do not answer, logs are
//! read only of those that something is said about.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use hostler_aws::ApiError;
use hostler_compute::InstanceState;
use hostler_types::{EndpointRecord, InstanceId};
use serde_json::{Value, json};

use super::{Admin, LOG_BYTES_MAX};
use crate::control::Caller;
use crate::diagnose::{Context, Seen, diagnose, is_of_the_update_before};
use crate::plan::Health;

/// Of a log this much of its end is shown.
const TAIL_BYTES: usize = 2_000;
/// Pieces in which this end is read: a backend may keep it in several files, and more may be written meanwhile.
const PIECES_MAX: usize = 4;

impl Admin {
    pub(super) async fn diagnosis(&self, caller: &Caller, name: &str) -> Result<Value, ApiError> {
        let (_, record) = self.control.endpoint(caller, name).await?;
        let mut seen = Vec::new();
        for observed in self.observe(&record).await? {
            let health = self.prober.health(&observed.id);
            let is_running = matches!(observed.state, InstanceState::Running { .. });
            let listens = if is_running && health != Health::Healthy {
                self.compute.listens(&observed.id).await.unwrap_or_default()
            } else {
                Vec::new()
            };
            let trouble = self.routes.trouble(&observed.id);
            seen.push(Seen { id: observed.id, state: observed.state, health, listens, trouble });
        }
        let logs = self.logs_of_the_ailing(&record, &seen).await;
        let catalog = &self.control.parts.catalog;
        let context =
            |id: &InstanceId, container: Option<&str>| Context::of(&record, (id, container), catalog);
        let log_of = |id: &InstanceId, container: Option<&str>| {
            logs.get(&(id.clone(), container.map(str::to_owned))).cloned().unwrap_or_default()
        };
        let diagnosis = diagnose(&record, &seen, &context, &log_of);
        let mut answer = json!(diagnosis);
        answer["EndpointName"] = json!(record.name);
        answer["EndpointStatus"] = json!(record.status);
        let is_present = !is_of_the_update_before(&record);
        answer["FailureReason"] = json!(record.failure_reason.as_ref().filter(|_| is_present));
        answer["Generation"] = json!(record.deployment.generation);
        answer["Notes"] = json!(self.notes(caller, &record).await);
        Ok(answer)
    }

    /// The ends of the logs that may be shown, by instance and container.
    async fn logs_of_the_ailing(
        &self,
        record: &EndpointRecord,
        seen: &[Seen],
    ) -> BTreeMap<(InstanceId, Option<String>), String> {
        let places = record.places.iter().filter(|place| place.failures > 0);
        let failed = record.failure.iter().chain(places.filter_map(|place| place.failure.as_ref()));
        let failed = failed.map(|failure| (failure.instance.clone(), failure.container.clone()));
        let ailing = seen.iter().filter(|seen| seen.health != Health::Healthy || seen.trouble.is_some());
        let ailing = ailing.map(|seen| match &seen.health {
            Health::NotYet(trouble) | Health::Sick(trouble) => (seen.id.clone(), trouble.container.clone()),
            Health::Unknown | Health::Healthy => (seen.id.clone(), None),
        });
        let mut logs = BTreeMap::new();
        for key in failed.chain(ailing).take(2 * crate::diagnose::FINDINGS_MAX) {
            if let Entry::Vacant(vacant) = logs.entry(key) {
                let (id, container) = vacant.key();
                let tail = self.log_tail(id, container.as_deref()).await;
                vacant.insert(tail);
            }
        }
        logs
    }

    /// The end of a log, whole lines where there are any.
    async fn log_tail(&self, id: &InstanceId, container: Option<&str>) -> String {
        // A log that is gone is one that says nothing.
        let Ok(end) = self.compute.logs(id, container, u64::MAX, 0).await else { return String::new() };
        let begin = end.next.saturating_sub(TAIL_BYTES as u64);
        let (mut from, mut tail) = (begin, Vec::new());
        for _ in 0..PIECES_MAX {
            let Ok(chunk) = self.compute.logs(id, container, from, LOG_BYTES_MAX).await else { break };
            if chunk.bytes.is_empty() {
                break;
            }
            from = chunk.next;
            tail.extend(chunk.bytes);
        }
        // What was written meanwhile is its end too.
        let surplus = tail.len().saturating_sub(TAIL_BYTES);
        tail.drain(..surplus);
        let text = String::from_utf8_lossy(&tail);
        let is_cut = begin > 0 || surplus > 0;
        let whole = text.split_once('\n').filter(|_| is_cut).map_or(&*text, |(_, whole)| whole);
        whole.to_owned()
    }
}
