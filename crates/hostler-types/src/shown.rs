//! Which endpoints have series of their own in the metrics: a bounded number, the others are counted together.
//!
//! Why: a scrape of ten thousand endpoints would be a hundred megabytes, and whoever stores it pays for each series.
//! Who has a place keeps it until the endpoint is gone, and who was refused stays so, so that no counter ever moves from
//! one series to another.
//! Invariants: never more places than `places_max`; gateway and control go by the same places; nobody is remembered
//! longer than its endpoint.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::EndpointUid;

/// The places. First come, first served.
#[derive(Debug)]
pub struct ShownEndpoints {
    places_max: usize,
    claims: Mutex<Claims>,
}

/// How claims were answered. Nobody is in both.
#[derive(Debug, Default)]
struct Claims {
    taken: HashSet<EndpointUid>,
    refused: HashSet<EndpointUid>,
}

impl ShownEndpoints {
    /// So many places, all free.
    pub fn new(places_max: usize) -> Self {
        Self { places_max, claims: Mutex::default() }
    }

    /// Whether the endpoint has a place. The first claim decides, by whether there is one left.
    pub fn claim(&self, uid: &EndpointUid) -> bool {
        let mut claims = self.claims();
        if claims.taken.contains(uid) {
            return true;
        }
        if claims.refused.contains(uid) {
            return false;
        }
        let is_free = claims.taken.len() < self.places_max;
        let answered = if is_free { &mut claims.taken } else { &mut claims.refused };
        answered.insert(uid.clone());
        is_free
    }

    /// The endpoint is gone.
    pub fn release(&self, uid: &EndpointUid) {
        let mut claims = self.claims();
        if !claims.taken.remove(uid) {
            claims.refused.remove(uid);
        }
    }

    fn claims(&self) -> MutexGuard<'_, Claims> {
        // A panic while holding it cannot leave it half changed: every change is one insert or remove.
        self.claims.lock().unwrap_or_else(PoisonError::into_inner)
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

    #[test]
    fn who_was_refused_gets_no_place_that_comes_free_until_it_is_gone_itself() {
        let uid = |number: u32| EndpointUid::new(number.to_string());
        let shown = ShownEndpoints::new(1);
        assert!(shown.claim(&uid(1)));
        assert!(!shown.claim(&uid(2)));
        shown.release(&uid(1));
        assert!(!shown.claim(&uid(2)), "it moved from one series to another");
        shown.release(&uid(2));
        assert!(shown.claim(&uid(2)), "somebody who is gone is remembered");
    }
}
