//! What all servers of a run share: what outlives them, the weather and the book.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use hostler_compute::{Delays, InstanceState, SimulatedCompute};
use hostler_control::{Policy, Quotas};
use hostler_store::MemoryStore;
use hostler_types::InstanceId;

use super::book::Book;
use super::dice::Dice;
use super::weather::{FIRST_PORT, Weather};
use crate::{SimClock, SimObjects, SimPing};

/// The instance types that are deployed, and how many there may be.
pub(super) const TYPES: [(&str, u64); 2] = [("ml.t2.medium", 9), ("ml.m5.large", 6)];
/// Endpoints of the account.
const ENDPOINTS_MAX: u64 = 2;

/// How long requests in flight may hold up a removal; some requests take longer.
pub(super) const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);

/// The shared world.
pub(super) struct Stage {
    pub(super) store: Arc<MemoryStore>,
    pub(super) compute: SimulatedCompute,
    pub(super) ping: Arc<SimPing>,
    pub(super) objects: Arc<SimObjects>,
    pub(super) clock: SimClock,
    pub(super) weather: Arc<Weather>,
    pub(super) book: Arc<Book>,
    pub(super) seed: u64,
    /// The last id that an endpoint was given.
    pub(super) uids: AtomicU64,
}

impl Stage {
    pub(super) fn new(seed: u64, is_traced: bool) -> Self {
        let clock = SimClock::new();
        let mut dice = Dice::new(seed, 1);
        let delays = Delays {
            start: Duration::from_millis(dice.between(3, 900)),
            stop: Duration::from_millis(dice.between(1, 4_000)),
        };
        let weather = Arc::new(Weather::new(&mut dice));
        let compute = SimulatedCompute::auto(Arc::new(clock.clone()), delays);
        let ping = Arc::new(SimPing::broken_below(FIRST_PORT));
        compute.decide(weather.outcomes(Dice::new(seed, 2), ping.clone()));
        Self {
            store: Arc::new(MemoryStore::new()),
            compute,
            ping,
            objects: Arc::default(),
            clock,
            weather,
            book: Arc::new(Book::new(is_traced)),
            seed,
            uids: AtomicU64::new(1),
        }
    }

    pub(super) fn quotas() -> Quotas {
        let instances = TYPES.iter().map(|(name, limit)| ((*name).to_owned(), *limit)).collect();
        Quotas { endpoints: ENDPOINTS_MAX, instances, ..Quotas::default() }
    }

    /// What an account may have of this.
    pub(super) fn limit(what: &str) -> u64 {
        TYPES.iter().find(|(name, _)| *name == what).map_or(ENDPOINTS_MAX, |(_, limit)| *limit)
    }

    /// The planner's numbers, so small that much happens in a minute.
    pub(super) fn policy() -> Policy {
        Policy {
            provision_timeout_ms: 45_000,
            backoff_max_ms: 8_000,
            stable_after_ms: 20_000,
            drain_timeout_ms: DRAIN_TIMEOUT.as_millis() as i64,
            stop_grace_ms: 3_000,
            ..Policy::default()
        }
    }

    /// Where the containers of the instance listen, while it runs.
    pub(super) fn addresses(&self, id: &InstanceId) -> Vec<SocketAddr> {
        let state = self.compute.state(id);
        let containers = state.as_ref().map(InstanceState::containers).unwrap_or_default();
        containers.iter().map(|container| container.address).collect()
    }

    /// Whether the instance runs and all its containers have answered their health checks for so long.
    pub(super) fn is_well(&self, id: &InstanceId, since: Duration) -> bool {
        let addresses = self.addresses(id);
        let is_well = |address: &SocketAddr| self.ping.well_for(*address).is_some_and(|well| well >= since);
        !addresses.is_empty() && addresses.iter().all(is_well)
    }
}
