//! Makes room for a new entry by removing those used longest ago.
//!
//! Invariants: only entries without a lease go, and none goes when that would not be enough. An entry leaves its name at
//! once, by a rename; its files are deleted afterwards, outside the lock.

use super::disk::WorkDir;
use super::{Shared, State};
use crate::key::CacheKey;

/// There is no room, because what is in use fills the cache.
#[derive(Debug, thiserror::Error)]
#[error(
    "it unpacks to {needed_bytes} bytes, and {leased_bytes} of the cache's {cache_bytes} bytes are taken by models in use"
)]
pub(super) struct NoRoom {
    needed_bytes: u64,
    leased_bytes: u64,
    cache_bytes: u64,
}

impl Shared {
    /// Takes entries out until `needed_bytes` more fit; dropping what comes back deletes the files.
    pub(super) fn make_room(&self, state: &mut State, needed_bytes: u64) -> Result<Vec<WorkDir>, NoRoom> {
        let cache_bytes = self.limits.cache_bytes;
        let leased = state.entries.values().filter(|entry| entry.leases > 0);
        let leased_bytes: u64 = leased.map(|entry| entry.bytes).sum();
        if leased_bytes.saturating_add(needed_bytes) > cache_bytes {
            return Err(NoRoom { needed_bytes, leased_bytes, cache_bytes });
        }
        let mut removed = Vec::new();
        for key in state.idle() {
            if state.bytes().saturating_add(needed_bytes) <= cache_bytes {
                break;
            }
            tracing::info!(%key, "removing a model that was not used for longest");
            self.metrics.evictions.inc();
            removed.extend(self.remove(state, &key));
        }
        Ok(removed)
    }

    /// Takes out all that nobody uses; dropping what comes back deletes the files.
    pub(super) fn take_idle_out(&self) -> Vec<WorkDir> {
        let mut state = self.lock();
        let idle = state.idle();
        self.metrics.evictions.inc_by(idle.len() as u64);
        idle.iter().filter_map(|key| self.remove(&mut state, key)).collect()
    }

    /// Takes one entry out; dropping what comes back deletes the files.
    pub(super) fn remove(&self, state: &mut State, key: &CacheKey) -> Option<WorkDir> {
        state.entries.remove(key);
        let removed = self.disk.take_out(key);
        removed
            .inspect_err(|error| tracing::warn!(%key, %error, "a removed model's files could not be deleted"))
            .ok()
    }
}

impl State {
    /// Entries without a lease, the one used longest ago first.
    fn idle(&self) -> Vec<CacheKey> {
        let mut idle: Vec<(u64, &CacheKey)> = self
            .entries
            .iter()
            .filter(|(_, entry)| entry.leases == 0)
            .map(|(key, entry)| (entry.last_use, key))
            .collect();
        idle.sort_unstable();
        idle.into_iter().map(|(_, key)| key.clone()).collect()
    }
}
