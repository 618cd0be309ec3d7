//! `/ping` as a test wants it: everything that runs is healthy unless it was made sick.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use hostler_control::{Ping, PingTrouble};
use tokio::time::Instant;

/// A [`Ping`] without a network.
#[derive(Debug, Default)]
pub struct SimPing {
    /// Which containers answer 500, or did once.
    sick: Mutex<BTreeMap<SocketAddr, Sickness>>,
    /// What listens below this port never answers 200.
    broken_below: u16,
}

#[derive(Clone, Copy, Debug)]
enum Sickness {
    UntilCured,
    Until(Instant),
    ForEver,
}

impl SimPing {
    /// What listens below this port never answers 200.
    pub fn broken_below(port: u16) -> Self {
        Self { broken_below: port, ..Self::default() }
    }

    /// The container at this address answers 500 from now on.
    pub fn make_sick(&self, address: SocketAddr) {
        self.fall_ill(address, Sickness::UntilCured);
    }

    /// The same, and nothing cures it.
    pub fn break_for_good(&self, address: SocketAddr) {
        self.fall_ill(address, Sickness::ForEver);
    }

    fn fall_ill(&self, address: SocketAddr, sickness: Sickness) {
        let mut sick = self.sick();
        if !matches!(sick.get(&address), Some(Sickness::ForEver)) {
            sick.insert(address, sickness);
        }
    }

    /// The same until then.
    pub fn make_sick_until(&self, address: SocketAddr, until: Instant) {
        self.fall_ill(address, Sickness::Until(until));
    }

    /// Every container that can answers 200 again.
    pub fn cure_all(&self) {
        let now = Instant::now();
        for sickness in self.sick().values_mut() {
            *sickness = match *sickness {
                Sickness::UntilCured => Sickness::Until(now),
                Sickness::Until(until) => Sickness::Until(until.min(now)),
                Sickness::ForEver => Sickness::ForEver,
            };
        }
    }

    /// For how long the container has answered 200; none when it does not, the longest time when it always did.
    pub fn well_for(&self, address: SocketAddr) -> Option<Duration> {
        if address.port() < self.broken_below {
            return None;
        }
        match self.sick().get(&address) {
            None => Some(Duration::MAX),
            Some(Sickness::UntilCured | Sickness::ForEver) => None,
            Some(Sickness::Until(until)) => Instant::now().checked_duration_since(*until),
        }
    }

    fn sick(&self) -> MutexGuard<'_, BTreeMap<SocketAddr, Sickness>> {
        self.sick.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Ping for SimPing {
    async fn ping(&self, address: SocketAddr) -> Result<(), PingTrouble> {
        match self.well_for(address) {
            Some(_) => Ok(()),
            None => Err("it answered 500".into()),
        }
    }
}
