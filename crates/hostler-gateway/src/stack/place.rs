//! Layer 7: a place at an instance.
//!
//! Invariants: waits a bounded time, in the order in which requests came. What waits for an instance that is busy and
//! waits in vain is told that the endpoint has too much to do; what waits for one that is healthy, that there is none.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hostler_aws::ApiError;
use hostler_types::{InstanceId, Scope};
use tokio::time::Instant;

use crate::gateway::Gateway;
use crate::invocation::Invocation;
use crate::lane::Permit;
use crate::line::{Aim, Called, LineIsFull};
use crate::model_error::{NoAnswer, unanswered};
use crate::pick::{Wanted, by_name, by_weight, place_from};
use crate::sessions::SessionAsked;
use crate::table::LiveEndpoint;
use crate::tally::{PRIMARY, Silence, Tally};

/// A request's search for an instance, which goes on when one could not be reached or was lost with it.
pub(super) struct Search {
    arrived: Instant,
    until: Instant,
    /// Its place in the order, once it had to wait.
    turn: Option<u64>,
    /// Somebody did not take it.
    was_refused: bool,
    /// Those that have had it, and get it again only when nobody else has a place.
    tried: Vec<InstanceId>,
}

impl Search {
    pub(super) fn begin(arrived: Instant, hold_timeout: Duration) -> Self {
        Self {
            arrived,
            until: Instant::now() + hold_timeout,
            turn: None,
            was_refused: false,
            tried: Vec::new(),
        }
    }

    /// An instance could not be reached; it gets nothing more until it can.
    pub(super) fn was_refused(&mut self) {
        self.was_refused = true;
    }

    /// It was refused until its time was up, by however many instances.
    fn is_over(&self) -> bool {
        self.was_refused && Instant::now() >= self.until
    }

    /// What was lost with an instance is tried once more, rather at another, and may be held as long as the first time.
    pub(super) fn begin_again(&mut self, lost_with: &InstanceId, hold_timeout: Duration) {
        self.tried.push(lost_with.clone());
        self.until = Instant::now() + hold_timeout;
    }
}

impl Gateway {
    /// Waits a bounded time for an instance that takes the request.
    pub(super) async fn find_instance(
        &self,
        invocation: &Invocation<'_>,
        search: &mut Search,
    ) -> Result<Found, ApiError> {
        loop {
            let endpoint = self
                .table
                .find_named(invocation.scope, invocation.endpoint_name)
                .filter(|endpoint| endpoint.name == invocation.endpoint_name)
                .ok_or_else(|| no_endpoint(invocation.scope, invocation.endpoint_name))?;
            if let Some(SessionAsked::Known(id)) = invocation.session {
                let lane = self.holder_of(invocation, &endpoint, id)?;
                if search.is_over() {
                    lane.tally.found_no_place(search.arrived, Silence::NoInstance);
                    return Err(self.no_place(invocation, &endpoint, Silence::NoInstance));
                }
                let free = if endpoint.line.is_empty() { lane.enter_alone() } else { None };
                let permit = match free {
                    None => {
                        let aim = Aim::Instance(lane.id.clone());
                        self.wait(invocation, (&endpoint, &lane.tally), aim, search).await?
                    }
                    free => free,
                };
                match permit {
                    Some(permit) => {
                        return Ok(Found { retries_lost: false, ..self.found(&endpoint, permit) });
                    }
                    None => continue,
                }
            }
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
            if search.is_over() {
                fleet.tally.found_no_place(search.arrived, Silence::NoInstance);
                return Err(self.no_place(invocation, &endpoint, Silence::NoInstance));
            }
            let is_named = invocation.target_variant.is_some();
            // Where somebody waits, a place that is free is theirs.
            let is_next = endpoint.line.is_empty();
            let wanted = Wanted {
                tried: &search.tried,
                model: invocation.target_model.map(|model| model.strip_prefix('/').unwrap_or(model)),
            };
            let free = if is_next { place_from(&endpoint, fleet, is_named, &wanted) } else { None };
            if let Some(permit) = free {
                return Ok(self.found(&endpoint, permit));
            }
            let name = fleet.name.clone();
            let aim = if is_named { Aim::Named(name) } else { Aim::Drawn(name) };
            if let Some(permit) = self.wait(invocation, (&endpoint, &fleet.tally), aim, search).await? {
                return Ok(self.found(&endpoint, permit));
            }
        }
    }

    /// Waits in line; none when the route is to be looked up anew.
    async fn wait(
        &self,
        invocation: &Invocation<'_>,
        (endpoint, tally): (&LiveEndpoint, &Arc<Tally>),
        aim: Aim,
        search: &mut Search,
    ) -> Result<Option<Permit>, ApiError> {
        let called = match endpoint.line.join(aim.clone(), &mut search.turn, &search.tried, rand::random()) {
            Err(LineIsFull) => Err(Silence::LineFull),
            Ok(ticket) => {
                let _held = Held::begin(&self.table.held, tally);
                search.tried.clear();
                match ticket.called(search.until).await {
                    Some(Called::Go(permit)) => Ok(Some(permit)),
                    Some(Called::LookAgain) if Instant::now() >= search.until => Err(Silence::NoInstance),
                    Some(Called::LookAgain) => Ok(None),
                    None if endpoint.line.is_anybody_up(&aim) => Err(Silence::WaitedTooLong),
                    None => Err(Silence::NoInstance),
                }
            }
        };
        called.map_err(|silence| {
            tally.found_no_place(search.arrived, silence);
            self.no_place(invocation, endpoint, silence)
        })
    }

    fn found(&self, endpoint: &LiveEndpoint, permit: Permit) -> Found {
        let model_timeout = endpoint.limits.model_timeout.unwrap_or(self.settings.model_timeout);
        let stream_timeout = endpoint.limits.stream_timeout.unwrap_or(self.settings.stream_timeout);
        Found { permit, retries_lost: endpoint.retries_lost, model_timeout, stream_timeout }
    }

    fn no_place(&self, invocation: &Invocation<'_>, endpoint: &LiveEndpoint, why: Silence) -> ApiError {
        let name = invocation.endpoint_name;
        let (places, waiting) = (endpoint.places_per_instance, endpoint.waiting_max);
        match why {
            Silence::LineFull => ApiError::service_unavailable(format!(
                "Endpoint {name} has too much to do: each of its instances works on as many requests as it may \
                 ({places}), and as many more wait as may ({waiting}). Send fewer at once or add instances, and try again."
            )),
            Silence::WaitedTooLong => ApiError::service_unavailable(format!(
                "Endpoint {name} has too much to do: each of its instances works on as many requests as it may \
                 ({places}), and none was free within {} seconds. Send fewer at once or add instances, and try again.",
                self.settings.hold_timeout.as_secs_f64()
            )),
            _ => unanswered(invocation, PRIMARY, NoAnswer::Lost),
        }
    }
}

/// AWS's text for an endpoint that is not there, not there yet, or spelled otherwise.
fn no_endpoint(scope: &Scope, name: &str) -> ApiError {
    ApiError::validation_error(format!("Endpoint {name} of account {} not found.", scope.account))
}

/// A request waits for a place.
struct Held<'a>(&'a AtomicU64, Arc<Tally>);

impl<'a> Held<'a> {
    fn begin(all: &'a AtomicU64, tally: &Arc<Tally>) -> Self {
        all.fetch_add(1, Ordering::Relaxed);
        tally.waiting.fetch_add(1, Ordering::Relaxed);
        Self(all, tally.clone())
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
        self.1.waiting.fetch_sub(1, Ordering::Relaxed);
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
