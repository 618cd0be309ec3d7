//! Layer 7: an instance that takes the request.
//!
//! Invariants: waits a bounded time; the route is looked up anew after each wait, so a request that was held through
//! an update goes where the new route leads.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hostler_aws::ApiError;
use hostler_types::{InstanceId, Key, Kind, Scope};
use tokio::time::{Instant, timeout_at};

use crate::gateway::Gateway;
use crate::invocation::Invocation;
use crate::model_error::{NoAnswer, unanswered};
use crate::pick::{by_name, by_weight, one_of, others, twins};
use crate::table::Permit;

/// The pause before instances that refused a connection are asked again.
const REFUSED_PAUSE: Duration = Duration::from_millis(20);

impl Gateway {
    /// Waits a bounded time for an instance that takes the request.
    pub(super) async fn find_instance(
        &self,
        invocation: &Invocation<'_>,
        tried: &mut Vec<InstanceId>,
        (arrived, hold_until): (Instant, Instant),
    ) -> Result<Found, ApiError> {
        let key = Key::new(invocation.scope, Kind::Endpoint, invocation.endpoint_name);
        loop {
            let endpoint = self
                .table
                .find(&key)
                .filter(|endpoint| endpoint.name == invocation.endpoint_name)
                .ok_or_else(|| no_endpoint(invocation.scope, invocation.endpoint_name))?;
            let fleet = match invocation.target_variant {
                Some(name) => by_name(&endpoint, name, rand::random()).ok_or_else(|| {
                    ApiError::validation_error(format!(
                        "Variant {name} not found for endpoint {}.",
                        invocation.endpoint_name
                    ))
                })?,
                None => by_weight(&endpoint.variants, rand::random())
                    .ok_or_else(|| ApiError::internal("an endpoint without variants was routed"))?,
            };
            let place = |fleet| one_of(fleet, tried, rand::random());
            let beside = || twins(&endpoint, fleet).find_map(place);
            let elsewhere = || match invocation.target_variant {
                Some(_) => None,
                None => others(&endpoint, fleet).find_map(place),
            };
            if let Some(permit) = place(fleet).or_else(beside).or_else(elsewhere) {
                let model_timeout = endpoint.limits.model_timeout.unwrap_or(self.settings.model_timeout);
                let stream_timeout = endpoint.limits.stream_timeout.unwrap_or(self.settings.stream_timeout);
                let retries_lost = endpoint.retries_lost;
                return Ok(Found { permit, retries_lost, model_timeout, stream_timeout });
            }
            // Whoever refused a connection may have come back, and no other news of it will come: ask again soon.
            let look_again = (Instant::now() + REFUSED_PAUSE).min(hold_until);
            let wait_until = if tried.is_empty() { hold_until } else { look_again };
            let held = Held::begin(&self.table.held);
            let waited = timeout_at(wait_until, endpoint.replaced()).await;
            drop(held);
            tried.clear();
            if waited.is_err() && Instant::now() >= hold_until {
                fleet.tally.found_no_instance(arrived);
                return Err(unanswered(invocation, NoAnswer::Lost));
            }
        }
    }
}

/// AWS's text for an endpoint that is not there, not there yet, or spelled otherwise.
fn no_endpoint(scope: &Scope, name: &str) -> ApiError {
    ApiError::validation_error(format!("Endpoint {name} of account {} not found.", scope.account))
}

/// A request waits for an instance.
struct Held<'a>(&'a AtomicU64);

impl<'a> Held<'a> {
    fn begin(held: &'a AtomicU64) -> Self {
        held.fetch_add(1, Ordering::Relaxed);
        Self(held)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// An instance that takes the request.
pub(super) struct Found {
    pub(super) permit: Permit,
    /// The endpoint's owner allows a second try of what was lost with its instance.
    pub(super) retries_lost: bool,
    /// How long the model may take.
    pub(super) model_timeout: Duration,
    /// How long it may take to the end of a stream.
    pub(super) stream_timeout: Duration,
}
