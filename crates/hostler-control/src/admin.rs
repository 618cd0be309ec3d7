//! The admin API under `/_hostler/`: what an operator sees that SageMaker's API has no words for.
//!
//! Why: instances, attempts, notes and logs are ours; the command line reads them here, signed like everything else.
//! Invariants: the caller sees the endpoints and quotas of its own account and region. Nothing but access keys is
//! changed here.

mod diagnosis;
mod foreseen;
mod history;
mod keys;
mod listed;
mod logged;
#[cfg(test)]
mod tests;
mod update;

use std::collections::BTreeMap;
use std::sync::Arc;

use hostler_aws::ApiError;
use hostler_compute::{Compute, InstanceState, Observed};
use hostler_types::{EndpointRecord, InstanceId, Kind, RouteTable};
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::access_keys::AccessKeys;
use crate::control::{Caller, Control, store_failed};
use crate::plan::Health;
use crate::prober::Prober;

/// A piece of one log in one answer.
const LOG_BYTES_MAX: usize = 256 * 1024;

/// One request to the admin API.
#[derive(Clone, Copy, Debug)]
pub struct AdminRequest<'a> {
    /// `GET`, `POST` or `DELETE`.
    pub method: &'a str,
    /// Without `/_hostler/`.
    pub path: &'a str,
    /// What stands after the question mark, perhaps nothing.
    pub query: &'a str,
    /// Perhaps nothing.
    pub body: &'a [u8],
}

/// The admin API's operations.
pub struct Admin {
    control: Control,
    compute: Arc<dyn Compute>,
    prober: Arc<Prober>,
    routes: Arc<dyn RouteTable>,
    /// One plan is followed at a time: it is work for a processor that serving needs.
    following: Arc<Semaphore>,
    /// None: there are no keys to manage, as in a simulated world.
    keys: Option<Arc<AccessKeys>>,
}

impl Admin {
    /// An admin API over the running parts.
    pub fn new(
        control: Control,
        compute: Arc<dyn Compute>,
        prober: Arc<Prober>,
        routes: Arc<dyn RouteTable>,
    ) -> Self {
        let following = Arc::new(Semaphore::new(1));
        Self { control, compute, prober, routes, following, keys: None }
    }

    /// The same, where access keys are managed too.
    #[must_use]
    pub fn with_keys(self, keys: Arc<AccessKeys>) -> Self {
        Self { keys: Some(keys), ..self }
    }

    /// Answers one request; the bytes are JSON.
    pub async fn answer(&self, caller: &Caller, request: AdminRequest<'_>) -> Result<Vec<u8>, ApiError> {
        let path: Vec<&str> = request.path.split('/').collect();
        let answer = match (request.method, &path[..]) {
            ("GET", ["endpoints"]) => self.listed(caller).await?,
            ("GET", ["endpoints", name]) => self.endpoint(caller, name).await?,
            ("GET", ["endpoints", name, "diagnosis"]) => self.diagnosis(caller, name).await?,
            ("GET", ["quotas"]) => self.quotas(caller).await?,
            ("GET", [kind, name, "history"]) => {
                let kind = collection(kind).ok_or_else(ApiError::unknown_operation)?;
                self.history(caller, kind, name, request.query).await?
            }
            ("POST", ["endpoints", name, "plan"]) => {
                Box::pin(self.foreseen(caller, name, request.body)).await?
            }
            ("GET", ["usage"]) => self.control.usage(caller, request.query).await?,
            ("GET", ["endpoints", name, "logs"]) => self.logs(caller, name, request.query).await?,
            ("POST", ["keys"]) => self.create_key(caller, request.body).await?,
            ("GET", ["keys"]) => self.list_keys(caller).await?,
            ("DELETE", ["keys", id]) => self.revoke_key(caller, id).await?,
            _ => return Err(ApiError::unknown_operation()),
        };
        serde_json::to_vec(&answer)
            .map_err(|error| ApiError::internal("writing an answer").with_source(error))
    }

    async fn endpoint(&self, caller: &Caller, name: &str) -> Result<Value, ApiError> {
        let (_, record) = self.control.endpoint(caller, name).await?;
        let observed = self.observe(&record).await?;
        let instances: Vec<Value> = record
            .instances
            .iter()
            .map(|instance| {
                let seen = observed.iter().find(|observed| observed.id == instance.id);
                let containers = seen.map(|seen| seen.state.containers()).unwrap_or_default();
                let first = containers.first();
                json!({
                    "Id": instance.id,
                    "Variant": instance.id.variant,
                    "Generation": instance.id.generation,
                    "Intent": instance.intent,
                    "State": seen.map(|seen| &seen.state),
                    "Health": health_word(&self.prober.health(&instance.id)),
                    "Address": first.map(|first| first.address),
                    "Pid": first.and_then(|first| first.pid),
                    "Containers": containers,
                    "InFlight": self.routes.in_flight(&instance.id),
                    "LaunchedAt": instance.launched_at,
                    "HealthyAt": instance.healthy_at,
                })
            })
            .collect();
        let is_healthy = |id: &InstanceId| {
            let runs =
                |seen: &Observed| seen.id == *id && matches!(seen.state, InstanceState::Running { .. });
            observed.iter().any(runs) && matches!(self.prober.health(id), Health::Healthy)
        };
        let notes = self.notes(caller, &record).await;
        let bounds = &self.control.parts.settings.policy.limit_bounds;
        let limits: BTreeMap<_, _> = bounds.named(&record.tags).into_iter().collect();
        Ok(json!({
            "EndpointName": record.name,
            "EndpointArn": record.arn().as_str(),
            "EndpointConfigName": record.config_name(),
            "EndpointStatus": record.status,
            "FailureReason": record.failure_reason,
            "CreationTime": record.created_at,
            "LastModifiedTime": record.modified_at,
            "Uid": record.uid,
            "Generation": record.deployment.generation,
            "NewestGeneration": record.newest_generation(),
            "Variants": record.deployment.fleets,
            "Update": update::update(&record),
            "Stranded": record.stranded.as_ref().map(|stranded| update::deployment(&stranded.deployment)),
            "Fleets": update::fleets(&record, is_healthy),
            "Now": self.control.parts.clock.now(),
            "Instances": instances,
            "Places": record.places,
            "Notes": notes,
            "Limits": limits,
            "Tags": record.tags,
        }))
    }

    /// What runs without its accelerators, and which members have no effect here.
    async fn notes(&self, caller: &Caller, record: &EndpointRecord) -> Vec<String> {
        let mut notes = self.control.marks(record);
        notes.extend(self.control.parts.settings.policy.limit_bounds.notes(&record.tags));
        notes.extend(record.notes.iter().cloned());
        if let Ok((_, config)) = self.control.endpoint_config(caller, record.config_name()).await {
            notes.extend(config.notes);
        }
        for model in record.deployments().flat_map(|deployment| &deployment.models) {
            if let Ok((_, model)) = self.control.model(caller, &model.request.model_name).await {
                notes.extend(model.notes);
            }
        }
        notes
    }

    async fn quotas(&self, caller: &Caller) -> Result<Value, ApiError> {
        let parts = &self.control.parts;
        let held = parts.store.holdings(&caller.scope).await.map_err(store_failed)?;
        Ok(json!({
            "Account": caller.scope.account,
            "Region": caller.scope.region,
            "Quotas": parts.settings.quotas.view(&held),
        }))
    }

    /// The logs of every instance, of several containers of each, from the positions that the query names
    /// (`KEY=POSITION&…`, with the keys of an earlier answer), oldest byte else.
    async fn logs(&self, caller: &Caller, name: &str, query: &str) -> Result<Value, ApiError> {
        let (_, record) = self.control.endpoint(caller, name).await?;
        let present: Vec<InstanceId> = self.observe(&record).await?.into_iter().map(|seen| seen.id).collect();
        let kept = self.compute.kept(&record.uid).await;
        let kept = kept.map_err(|error| ApiError::internal("listing kept logs").with_source(error))?;
        let position = |id: &str| {
            let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.find(|(key, _)| *key == id).and_then(|(_, value)| value.parse().ok()).unwrap_or(0)
        };
        let mut logs = Vec::new();
        for id in logged::logged(&record, present, kept) {
            // What is gone is no reason to show none of the others.
            let names = self.compute.logged(&id).await.unwrap_or_default();
            let each = if names.is_empty() { vec![None] } else { names.into_iter().map(Some).collect() };
            for container in each {
                let key = container.iter().fold(id.to_string(), |id, container| format!("{id}/{container}"));
                let read = self.compute.logs(&id, container.as_deref(), position(&key), LOG_BYTES_MAX).await;
                let Ok(chunk) = read else { continue };
                logs.push(json!({
                    "Id": id,
                    "Container": container,
                    "Key": key,
                    "Generation": id.generation,
                    "Text": String::from_utf8_lossy(&chunk.bytes),
                    "Next": chunk.next,
                    "Ended": chunk.ended,
                }));
            }
        }
        Ok(json!({ "EndpointStatus": record.status, "FailureReason": record.failure_reason, "Logs": logs }))
    }

    async fn observe(&self, record: &EndpointRecord) -> Result<Vec<Observed>, ApiError> {
        let observed = self.compute.observe(&record.uid).await;
        observed.map_err(|error| ApiError::internal("observing instances").with_source(error))
    }
}

/// The kind by its word in a path.
fn collection(word: &str) -> Option<Kind> {
    match word {
        "endpoints" => Some(Kind::Endpoint),
        "endpoint-configs" => Some(Kind::EndpointConfig),
        "models" => Some(Kind::Model),
        _ => None,
    }
}

fn health_word(health: &Health) -> &'static str {
    match health {
        Health::Unknown => "Unknown",
        Health::NotYet(_) => "Starting",
        Health::Healthy => "Healthy",
        Health::Sick(_) => "Sick",
    }
}
