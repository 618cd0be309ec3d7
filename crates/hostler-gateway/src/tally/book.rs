//! All tallies: who is counted now, and what is still to be told of those that are gone.
//!
//! Why: a tally outlives its route, because what was counted in the last seconds of an endpoint was used too. And what is
//! shown under one name for many must never go down, or a counter would seem to begin anew.
//! Invariants: looked into when routes change, at a scrape and when usage is told; never by an invocation. A tally is
//! forgotten only when nobody can count in it any more and all of it was told.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hostler_types::{EndpointUid, InvocationClass, InvocationCounts, Metered, ShownEndpoints, Untold};

use super::{Reading, Silence, Tally};

#[derive(Debug)]
pub(crate) struct Book {
    shown: Arc<ShownEndpoints>,
    pages: Mutex<Pages>,
}

#[derive(Debug, Default)]
struct Pages {
    tallies: BTreeMap<Metered, Arc<Tally>>,
    /// Of those that had no series of their own and are forgotten.
    past_others: Totals,
}

/// The counts of several tallies together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) classes: InvocationCounts,
    pub(crate) silences: [u64; Silence::ALL.len()],
    pub(crate) retries: u64,
    pub(crate) model: Reading,
    pub(crate) overhead: Reading,
}

impl Totals {
    pub(crate) fn add(&mut self, tally: &Tally) {
        for (total, count) in self.classes.iter_mut().zip(tally.counts()) {
            *total += count;
        }
        for (total, count) in self.silences.iter_mut().zip(&tally.silences) {
            *total += count.load(Ordering::Relaxed);
        }
        self.retries += tally.retries.load(Ordering::Relaxed);
        tally.model.add_to(&mut self.model);
        tally.overhead.add_to(&mut self.overhead);
    }
}

impl Book {
    pub(crate) fn new(shown: Arc<ShownEndpoints>) -> Self {
        Self { shown, pages: Mutex::default() }
    }

    /// The tally to count in from now on.
    pub(crate) fn open(&self, of: Metered) -> Arc<Tally> {
        let mut pages = self.pages();
        let tally = pages.tallies.entry(of).or_insert_with_key(|of| {
            let is_shown = self.shown.claim(&of.uid);
            Arc::new(Tally::new(of.clone(), is_shown))
        });
        tally.is_live.store(true, Ordering::Relaxed);
        tally.clone()
    }

    /// Of the endpoint's tallies only these are routed.
    pub(crate) fn close_others(&self, uid: &EndpointUid, kept: &[Arc<Tally>]) {
        for (_, tally) in self.pages().tallies.iter().filter(|(of, _)| of.uid == *uid) {
            if !kept.iter().any(|kept| Arc::ptr_eq(kept, tally)) {
                tally.is_live.store(false, Ordering::Relaxed);
            }
        }
    }

    /// Those with series of their own, and all others together.
    pub(crate) fn read(&self) -> (Vec<Arc<Tally>>, Totals) {
        let pages = self.pages();
        let mut others = pages.past_others.clone();
        let mut shown = Vec::new();
        for tally in pages.tallies.values() {
            if !tally.is_shown {
                others.add(tally);
            } else if tally.is_live.load(Ordering::Relaxed) {
                shown.push(tally.clone());
            }
        }
        (shown, others)
    }

    pub(crate) fn untold(&self) -> Vec<Untold> {
        let pages = self.pages();
        let untold = pages.tallies.values().map(|tally| (tally, tally.untold()));
        untold
            .filter(|(_, counts)| counts.iter().any(|count| *count > 0))
            .map(|(tally, counts)| Untold { of: tally.of.clone(), counts })
            .collect()
    }

    /// That was written down; what is gone and told is forgotten.
    pub(crate) fn told(&self, written: &[Untold]) {
        let mut pages = self.pages();
        for Untold { of, counts } in written {
            let Some(tally) = pages.tallies.get(of) else { continue };
            for class in InvocationClass::ALL {
                tally.told[class as usize].fetch_add(counts[class as usize], Ordering::Relaxed);
            }
        }
        let Pages { tallies, past_others } = &mut *pages;
        tallies.retain(|_, tally| {
            let is_gone = !tally.is_live.load(Ordering::Relaxed) && Arc::strong_count(tally) == 1;
            let is_kept = !is_gone || tally.untold().iter().any(|count| *count > 0);
            if !is_kept && !tally.is_shown {
                past_others.add(tally);
            }
            is_kept
        });
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        // A panic while holding it leaves counts that are read as they stand.
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
