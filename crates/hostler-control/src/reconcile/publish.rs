//! What the gateway is told.
//!
//! Invariants: nothing is decided here; a route that the gateway knows is not told again.

use std::sync::Arc;

use hostler_types::{EndpointRecord, EndpointRoute, Key, Kind, Record};
use tracing::{Instrument, warn};

use super::Reconciler;
use super::run::RunError;
use crate::plan::{self, Sighting};
use crate::spans;

impl Reconciler {
    /// Tells the gateway of every endpoint that can answer already, and changes nothing: a server that starts again is
    /// ready only when what it adopted is routed. What fails here is the loop's to repeat.
    pub async fn publish_routes(&self) {
        let keys = match self.parts.store.keys(Kind::Endpoint).await {
            Ok(keys) => keys,
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                warn!(error, "listing the endpoints failed; they are routed one by one");
                return;
            }
        };
        for key in keys {
            let publishing = async {
                if let Err(error) = self.publish_route(&key).await {
                    let error: &dyn std::error::Error = &error;
                    warn!(%key, error, "an endpoint is not routed yet; the next run tries again");
                }
            };
            publishing.instrument(spans::run(&key)).await;
        }
    }

    async fn publish_route(&self, key: &Key) -> Result<(), RunError> {
        let Some(document) = self.parts.store.get(key).await? else { return Ok(()) };
        let record = EndpointRecord::from_body(&document.body).inspect_err(|_| spans::know_name(key))?;
        spans::know(&record);
        if record.status.is_serving() {
            let now = self.parts.clock.now();
            let seen = self.sightings(&record, now).await?;
            self.publish(key, self.route(&record, &seen));
        }
        Ok(())
    }

    /// What the record says, as it stands.
    pub(super) fn route(&self, record: &EndpointRecord, seen: &[Sighting]) -> Option<EndpointRoute> {
        plan::route(record, seen, self.parts.clock.now(), &self.parts.policy)
    }

    /// Tells the gateway, if it does not know already.
    pub(super) fn publish(&self, key: &Key, route: Option<EndpointRoute>) {
        let mut memory = self.memory();
        let Some(route) = route else {
            memory.published.remove(key);
            drop(memory);
            self.parts.routes.withdraw(key);
            return;
        };
        if memory.published.get(key).is_some_and(|known| **known == route) {
            return;
        }
        let route = Arc::new(route);
        memory.published.insert(key.clone(), route.clone());
        drop(memory);
        self.parts.routes.publish(route);
    }
}
