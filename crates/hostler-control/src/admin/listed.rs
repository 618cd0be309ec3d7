//! Every endpoint of the caller in one answer, a row each: what `hostler ls --watch` shows.
//!
//! Why: whoever watches asks every second; one listing of the store costs one call, whatever there is to see, and no
//! backend is asked.
//! Invariants: read-only and bounded. Health is the prober's word, as the planner has it.

use hostler_aws::ApiError;
use hostler_store::{ListQuery, PageToken};
use hostler_types::{EndpointRecord, Kind, Record, Update};
use serde_json::{Value, json};

use super::Admin;
use crate::control::{Caller, store_failed};
use crate::fleets::fleets;
use crate::plan::Health;

/// Rows of one answer: more than a person reads.
const ROWS_MAX: usize = 1_000;
const PAGE: usize = 100;

impl Admin {
    pub(super) async fn listed(&self, caller: &Caller) -> Result<Value, ApiError> {
        let mut rows = Vec::new();
        let mut after = None;
        let is_whole = loop {
            let page = self.control.parts.store.list(&query(caller, after)).await.map_err(store_failed)?;
            for document in &page.documents {
                let record = EndpointRecord::from_body(&document.body)
                    .map_err(|error| ApiError::internal("reading an endpoint").with_source(error))?;
                rows.push(self.row(&record));
            }
            match page.next {
                None => break true,
                Some(_) if rows.len() >= ROWS_MAX => break false,
                next => after = next,
            }
        };
        Ok(json!({ "Endpoints": rows, "IsWhole": is_whole, "Now": self.control.parts.clock.now() }))
    }

    fn row(&self, record: &EndpointRecord) -> Value {
        let fleets = fleets(record, |id| self.prober.health(id) == Health::Healthy);
        let coming = record.update.as_ref().and_then(Update::deployment);
        json!({
            "EndpointName": record.name,
            "EndpointStatus": record.status,
            "EndpointConfigName": record.config_name(),
            "NextEndpointConfigName": coming.map(|coming| &coming.config.endpoint_config_name),
            "Healthy": fleets.iter().map(|fleet| fleet.healthy).sum::<usize>(),
            "Desired": fleets.iter().map(|fleet| u64::from(fleet.wanted)).sum::<u64>(),
            "CreationTime": record.created_at,
        })
    }
}

fn query(caller: &Caller, after: Option<PageToken>) -> ListQuery {
    ListQuery { after, ..ListQuery::all(caller.scope.clone(), Kind::Endpoint, PAGE) }
}
