//! `/ping` as a test wants it: everything that runs is healthy unless it was made sick.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use hostler_control::Ping;

/// A [`Ping`] without a network.
#[derive(Debug, Default)]
pub struct SimPing {
    sick: Mutex<BTreeSet<SocketAddr>>,
}

impl SimPing {
    /// The container at this address answers 500 from now on.
    pub fn make_sick(&self, address: SocketAddr) {
        self.sick().insert(address);
    }

    /// Every container answers 200 again.
    pub fn cure_all(&self) {
        self.sick().clear();
    }

    fn sick(&self) -> MutexGuard<'_, BTreeSet<SocketAddr>> {
        self.sick.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Ping for SimPing {
    async fn ping(&self, address: SocketAddr) -> Result<(), String> {
        if self.sick().contains(&address) { Err("it answered 500".to_owned()) } else { Ok(()) }
    }
}
