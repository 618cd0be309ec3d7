//! What UpdateEndpoint or CreateEndpoint would do, without doing it: `hostler plan`.
//!
//! Why: a plan that is made by other code than the operation is wrong where it matters. So the operation's own checks
//! decide, its own quotas judge, its own planner is followed, and the commit alone is left out.
//! Invariants: nothing is written, launched or routed. What is not known is said to be an assumption.

mod view;
mod words;

use hostler_aws::ApiError;
use hostler_types::{Deployment, EndpointRecord, EndpointUid, InstanceId, Key, Kind, Update};
use serde_json::{Map, Value};

use super::Admin;
use crate::control::{Caller, store_failed};
use crate::foresee::{Course, Pace, foresee};
use crate::operations::Decided;
use crate::reconcile::{instance_spec, sighting};

/// What the operation would be, and what it would come to.
struct Foreseen {
    operation: &'static str,
    /// The endpoint as it is; none where it would be created.
    before: Option<EndpointRecord>,
    /// None where the first check refuses already.
    decided: Option<EndpointRecord>,
    /// AWS's answers, the one that would be given first.
    refusals: Vec<ApiError>,
    /// What no launch can get past.
    obstacles: Vec<String>,
    course: Option<(Course, Pace)>,
}

impl Admin {
    /// `body` is UpdateEndpoint's without the name; of an endpoint that is not there it is read as CreateEndpoint's.
    pub(super) async fn foreseen(&self, caller: &Caller, name: &str, body: &[u8]) -> Result<Value, ApiError> {
        let body = with_name(body, name)?;
        let parts = &self.control.parts;
        let key = Key::new(&caller.scope, Kind::Endpoint, name);
        let is_there = parts.store.get(&key).await.map_err(store_failed)?.is_some();
        let before = if is_there { Some(self.control.endpoint(caller, name).await?.1) } else { None };
        let operation = if is_there { "UpdateEndpoint" } else { "CreateEndpoint" };
        let mut foreseen = Foreseen {
            operation,
            before,
            decided: None,
            refusals: Vec::new(),
            obstacles: Vec::new(),
            course: None,
        };
        match self.control.decide(caller, operation, &body).await {
            Ok(decided) => self.follow(&mut foreseen, decided).await?,
            Err(refusal) if refusal.status().is_client_error() => foreseen.refusals.push(refusal),
            Err(error) => return Err(error),
        }
        let held = parts.store.holdings(&caller.scope).await.map_err(store_failed)?;
        Ok(view::view(name, &foreseen, &parts.settings.quotas, &held))
    }

    async fn follow(&self, foreseen: &mut Foreseen, decided: Decided) -> Result<(), ApiError> {
        let settings = &self.control.parts.settings;
        foreseen.refusals = self.control.quotas_in_the_way(&decided).await?;
        let record = decided.record;
        foreseen.obstacles = self.obstacles(&record);
        let seen = if foreseen.before.is_some() { self.observe(&record).await? } else { Vec::new() };
        let seen = seen.into_iter().map(|observed| sighting(observed, &self.prober, &*self.routes)).collect();
        let began_at = record.update.as_ref().map_or(record.created_at, |update| update.started_at);
        let (pace, policy, start) = (Pace::of(&record), settings.policy, record.clone());
        // It may take a moment for hundreds of instances, and nobody else is to wait for it but another plan. The permit
        // goes with the work: a caller that leaves does not end it.
        let permit = self.following.clone().acquire_owned().await;
        let permit = permit.map_err(|error| ApiError::internal("waiting for a plan").with_source(error))?;
        let following = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            let course = foresee(start, seen, began_at, &policy, &pace);
            (course, pace)
        });
        let followed = following.await;
        let followed =
            followed.map_err(|error| ApiError::internal("foreseeing an update").with_source(error))?;
        foreseen.course = Some(followed);
        foreseen.decided = Some(record);
        Ok(())
    }

    /// What this backend will never run, one sentence for each variant that comes.
    fn obstacles(&self, record: &EndpointRecord) -> Vec<String> {
        let (parts, capabilities) = (&self.control.parts, self.compute.capabilities());
        let coming = coming(record);
        let obstacle = |fleet: &hostler_types::Fleet| {
            let id = InstanceId {
                endpoint: EndpointUid::new(record.uid.as_str()),
                generation: coming.generation,
                variant: fleet.variant.clone(),
                ordinal: 0,
                attempt: 1,
            };
            let spec = instance_spec(record, &id, &parts.catalog, parts.settings.accelerators);
            let (_, never) = capabilities.never_fits(&spec)?;
            Some(format!("no instance of {} can ever run here: {never}", fleet.variant))
        };
        coming.fleets.iter().filter_map(obstacle).collect()
    }
}

/// The deployment that would be brought.
fn coming(record: &EndpointRecord) -> &Deployment {
    record.update.as_ref().and_then(Update::deployment).unwrap_or(&record.deployment)
}

fn with_name(body: &[u8], name: &str) -> Result<Vec<u8>, ApiError> {
    let mut body: Map<String, Value> = match body {
        [] => Map::new(),
        body => serde_json::from_slice(body).map_err(|_| ApiError::serialization_without_message())?,
    };
    body.insert("EndpointName".to_owned(), Value::from(name));
    Ok(Value::Object(body).to_string().into_bytes())
}
