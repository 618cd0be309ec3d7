//! Which endpoints have series of their own in the metrics: a bounded number, the others are counted together.
//!
//! Why: a scrape of ten thousand endpoints would be a hundred megabytes, and whoever stores it pays for each series.
//! Who has a place keeps it until the endpoint is gone, so that no counter ever moves from one series to another.
//! Invariants: never more places than `places_max`; gateway and control go by the same places.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::EndpointUid;

/// The places. First come, first served.
#[derive(Debug)]
pub struct ShownEndpoints {
    places_max: usize,
    taken: Mutex<HashSet<EndpointUid>>,
}

impl ShownEndpoints {
    /// So many places, all free.
    pub fn new(places_max: usize) -> Self {
        Self { places_max, taken: Mutex::default() }
    }

    /// Whether the endpoint has a place; it gets one if there is one left.
    pub fn claim(&self, uid: &EndpointUid) -> bool {
        let mut taken = self.taken();
        if taken.contains(uid) {
            return true;
        }
        let is_free = taken.len() < self.places_max;
        if is_free {
            taken.insert(uid.clone());
        }
        is_free
    }

    /// The endpoint is gone.
    pub fn release(&self, uid: &EndpointUid) {
        self.taken().remove(uid);
    }

    fn taken(&self) -> MutexGuard<'_, HashSet<EndpointUid>> {
        // A panic while holding it cannot leave it half changed: every change is one insert or remove.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_a_place_keeps_it_and_nobody_gets_one_too_many() {
        let uid = |number: u32| EndpointUid::new(number.to_string());
        let shown = ShownEndpoints::new(2);
        assert!(shown.claim(&uid(1)) && shown.claim(&uid(2)));
        assert!(!shown.claim(&uid(3)));
        assert!(shown.claim(&uid(1)));
        shown.release(&uid(2));
        assert!(shown.claim(&uid(4)));
        assert!(!shown.claim(&uid(2)));
    }
}
