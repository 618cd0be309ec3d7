//! Entries whose files are not those any more that were fetched: found, and kept out of new hands.
//!
//! Why: an instance that runs keeps what it has, changed or not, because nothing may be taken from under it; so a fresh
//! copy needs a name of its own beside a changed one that is in use.
//! Invariants: a spoiled entry is leased to nobody but by `adopt`. The copies of one version are named one after another,
//! and the first that is not spoiled is the one in force, so all callers share it.
//! Failure: what was found is forgotten at a restart and found again at the next use.

use std::sync::Arc;

use super::disk::WorkDir;
use super::{Prepared, Shared, State};
use crate::key::CacheKey;

/// Why an entry of an earlier release is not trusted.
const UNKNOWN: &str = "nothing was written down of its files";

impl Shared {
    /// Whether an entry's files are still those that were fetched; one that is not is spoiled from now on.
    pub(super) async fn is_as_fetched(self: &Arc<Self>, prepared: &Prepared, uri: &str) -> bool {
        let stamp = self.lock().entries.get(&prepared.key).and_then(|entry| entry.stamp.clone());
        let model = prepared.path.clone();
        let looking = tokio::task::spawn_blocking(move || match stamp {
            Some(stamp) => stamp.change(&model),
            None => Some(UNKNOWN.to_owned()),
        });
        let change =
            looking.await.unwrap_or_else(|error| Some(format!("looking through it failed: {error}")));
        let Some(change) = change else { return true };
        let key = &prepared.key;
        tracing::warn!(uri, %key, change, "the files of a cached model were changed; it is fetched again");
        if let Some(entry) = self.lock().entries.get_mut(key) {
            entry.is_spoiled = true;
        }
        false
    }

    /// The name of the copy of a version that is in force, or that a fetch is to make. What comes with it is a spoiled
    /// copy that nobody uses; dropping it deletes the files.
    pub(super) fn in_force(&self, state: &mut State, first: &CacheKey) -> (CacheKey, Option<WorkDir>) {
        let mut key = first.clone();
        while let Some(entry) = state.entries.get(&key).filter(|entry| entry.is_spoiled) {
            let next = key.next_copy();
            let is_last = !state.entries.contains_key(&next) && !state.flights.contains_key(&next);
            if entry.leases == 0 && is_last {
                let removed = self.remove(state, &key);
                return (key, removed);
            }
            key = next;
        }
        (key, None)
    }
}
