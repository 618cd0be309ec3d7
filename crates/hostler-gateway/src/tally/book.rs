//! All tallies: who is counted now, and what is still to be told of those that are gone.
//!
//! Why: a tally outlives its route, because what was counted in the last seconds of an endpoint was used too. And what is
//! shown under one name for many must never go down, or a counter would seem to begin anew: a variant's fleets of all
//! types, those that an update replaced too, are one series.
//! Invariants: looked into when routes change, at a scrape and when usage is told; never by an invocation. A tally is
//! forgotten only when nobody can count in it any more and all of it was told; a shown one only with all others of its
//! variant. So there are at most as many of a routed variant as there are types of instances.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hostler_types::{
    EndpointUid, InvocationClass, InvocationCounts, Metered, ShownEndpoints, Untold, VariantName,
};

use super::{ManyTotals, Reading, Silence, Tally};

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

impl Pages {
    /// The shown series that have at least one tally of which `is_so` holds.
    fn series_with(&self, is_so: impl Fn(&Arc<Tally>) -> bool) -> BTreeSet<Series> {
        let tallies = self.tallies.values().filter(|tally| tally.is_shown && is_so(tally));
        tallies.map(|tally| Series::of(tally)).collect()
    }
}

/// What is shown as one: a variant, whatever the types of its instances.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Series(EndpointUid, VariantName);

impl Series {
    fn of(tally: &Tally) -> Self {
        Self(tally.of.uid.clone(), tally.of.variant.clone())
    }
}

/// Nobody can count in it any more, and all of it was told.
fn is_done(tally: &Arc<Tally>) -> bool {
    let is_gone = !tally.is_live.load(Ordering::Relaxed) && Arc::strong_count(tally) == 1;
    is_gone && tally.untold().iter().all(|count| *count == 0)
}

/// The counts of several tallies together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) classes: InvocationCounts,
    pub(crate) silences: [u64; Silence::ALL.len()],
    pub(crate) retries: u64,
    pub(crate) ejections: u64,
    pub(crate) waiting: u64,
    pub(crate) model: Reading,
    pub(crate) overhead: Reading,
    /// Of variants with many models.
    pub(crate) many: Option<ManyTotals>,
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
        self.ejections += tally.ejections.load(Ordering::Relaxed);
        self.waiting += tally.waiting.load(Ordering::Relaxed);
        tally.model.add_to(&mut self.model);
        tally.overhead.add_to(&mut self.overhead);
        if let Some(many) = tally.many.get() {
            many.add_to(self.many.get_or_insert_default());
        }
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

    /// Those of routed variants with series of their own, former fleets included; and all others together.
    pub(crate) fn read(&self) -> (Vec<Arc<Tally>>, Totals) {
        let pages = self.pages();
        let live = pages.series_with(|tally| tally.is_live.load(Ordering::Relaxed));
        let mut others = pages.past_others.clone();
        let mut shown = Vec::new();
        for tally in pages.tallies.values() {
            if !tally.is_shown {
                others.add(tally);
            } else if live.contains(&Series::of(tally)) {
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
        // One that is missing from a series that goes on would let it fall.
        let kept = pages.series_with(|tally| !is_done(tally));
        let Pages { tallies, past_others } = &mut *pages;
        tallies.retain(|_, tally| {
            let is_kept = if tally.is_shown { kept.contains(&Series::of(tally)) } else { !is_done(tally) };
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

#[cfg(test)]
mod tests {
    use hostler_types::{AccountId, Key, Kind, Region, Scope};
    use tokio::time::Instant;

    use super::*;

    fn fleet(uid: &str, variant: &str, instance_type: &str) -> Metered {
        let scope = Scope::new(&AccountId::new("000000000000"), &Region::new("us-east-1"));
        Metered {
            uid: EndpointUid::new(uid),
            variant: VariantName::new(variant),
            instance_type: Some(instance_type.to_owned()),
            key: Key::new(&scope, Kind::Endpoint, uid),
            name: uid.to_owned(),
        }
    }

    fn book(places_max: usize) -> Book {
        Book::new(Arc::new(ShownEndpoints::new(places_max)))
    }

    /// From now on endpoint `e` consists of these.
    fn route(book: &Book, fleets: &[Metered]) -> Vec<Arc<Tally>> {
        let tallies: Vec<Arc<Tally>> = fleets.iter().map(|of| book.open(of.clone())).collect();
        book.close_others(&EndpointUid::new("e"), &tallies);
        tallies
    }

    fn count(tally: &Tally, times: usize) {
        (0..times).for_each(|_| tally.found_no_place(Instant::now(), Silence::NoInstance));
    }

    fn sum(totals: &Totals) -> u64 {
        totals.classes.iter().sum()
    }

    /// What the series of the variant says, if it has one.
    fn series(book: &Book, variant: &str) -> Option<u64> {
        let (shown, _) = book.read();
        let mut of_variant = shown.iter().filter(|tally| tally.of.variant.as_str() == variant).peekable();
        of_variant.peek()?;
        let mut totals = Totals::default();
        of_variant.for_each(|tally| totals.add(tally));
        Some(sum(&totals))
    }

    fn tell(book: &Book) {
        book.told(&book.untold());
    }

    fn remembered(book: &Book) -> usize {
        book.pages().tallies.len()
    }

    #[test]
    fn a_series_goes_on_when_an_update_changes_the_type_of_its_instances() {
        let book = book(1);
        let (small, large) = (fleet("e", "v", "ml.m5.large"), fleet("e", "v", "ml.m5.xlarge"));
        count(&route(&book, std::slice::from_ref(&small))[0], 5);
        count(&route(&book, &[small.clone(), large.clone()])[1], 2);
        assert_eq!(series(&book, "v"), Some(7));
        count(&route(&book, std::slice::from_ref(&large))[0], 1);
        assert_eq!(series(&book, "v"), Some(8), "before all of it was told");
        tell(&book);
        assert_eq!(series(&book, "v"), Some(8), "after all of it was told");
        assert_eq!(book.untold(), []);
        count(&route(&book, &[small])[0], 1);
        tell(&book);
        assert_eq!(series(&book, "v"), Some(9), "it went back");
        assert_eq!(remembered(&book), 2);
    }

    #[test]
    fn a_variant_that_left_has_no_series_and_is_forgotten_as_a_whole_when_it_was_told() {
        let book = book(1);
        let [left, other, stays] =
            [fleet("e", "v", "ml.m5.large"), fleet("e", "v", "ml.m5.xlarge"), fleet("e", "w", "ml.m5.large")];
        let tallies = route(&book, &[left, other.clone(), stays.clone()]);
        count(&tallies[0], 5);
        tell(&book);
        count(&tallies[1], 2);
        drop(tallies);
        route(&book, std::slice::from_ref(&stays));
        assert_eq!((series(&book, "v"), series(&book, "w")), (None, Some(0)));
        // Of one of both fleets something is to be told yet.
        book.told(&[]);
        route(&book, &[stays.clone(), other]);
        assert_eq!(series(&book, "v"), Some(7), "it came back with half of its counts");
        route(&book, &[stays]);
        tell(&book);
        assert_eq!(remembered(&book), 1);
        route(&book, &[]);
        tell(&book);
        assert_eq!((series(&book, "w"), remembered(&book)), (None, 0));
    }

    #[test]
    fn the_others_never_go_down_whoever_leaves_and_who_is_among_them_stays() {
        let book = book(1);
        book.open(fleet("shown", "v", "ml.m5.large"));
        count(&route(&book, &[fleet("e", "v", "ml.m5.large")])[0], 5);
        book.close_others(&EndpointUid::new("shown"), &[]);
        book.shown.release(&EndpointUid::new("shown"));
        tell(&book);
        count(&route(&book, &[fleet("e", "v", "ml.m5.xlarge")])[0], 2);
        assert_eq!((series(&book, "v"), sum(&book.read().1)), (None, 7));
        tell(&book);
        assert_eq!((sum(&book.read().1), remembered(&book)), (7, 1));
    }
}
