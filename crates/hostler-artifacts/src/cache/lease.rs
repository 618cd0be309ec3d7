//! The right of a user to find a cache entry in place.
//!
//! Invariants: one lease is counted once and given back once, on drop. A lease is never dropped while the cache's lock
//! is held.

use std::fmt;
use std::sync::Arc;

use super::Shared;
use crate::key::CacheKey;

pub(super) struct Lease {
    shared: Arc<Shared>,
    key: CacheKey,
}

impl Lease {
    /// Stands for a use that was counted already.
    pub(super) fn new(shared: Arc<Shared>, key: CacheKey) -> Self {
        Self { shared, key }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(entry) = self.shared.lock().entries.get_mut(&self.key) {
            entry.leases = entry.leases.saturating_sub(1);
        }
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Lease").field(&self.key).finish()
    }
}
