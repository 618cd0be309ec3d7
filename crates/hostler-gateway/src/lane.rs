//! The way to one instance: who is on it, how many it takes, and whether it takes anybody.
//!
//! Why: a lane outlives the routes that name it, so that its count does too: draining waits for it.
//! Invariants: never more permits than places. A request counts itself in before it looks whether the instance
//! drains, and control marks it draining before it reads the count: of the two, one always sees the other, so no
//! request is sent to an instance whose count was read as zero. A permit that is given back is offered to whoever
//! waits: a request writes itself into the line before it looks for a place for the last time, and a permit is given
//! back before the line is looked at, so one of the two sees the other as well. A lane that a route names is found by
//! its instance. On trial one request is at the instance, beside what it had before and those who can go nowhere else.

mod outage;
mod probe;
#[cfg(test)]
pub(crate) mod tests;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use hostler_types::{InstanceId, InstanceRoute, MultiModel, Pipeline};
use http::HeaderValue;
use papaya::HashMap;

use self::outage::Watched;
pub(crate) use self::outage::pardon_if_nobody_is_left;
use crate::breaker::{Breaker, State};
use crate::line::Line;
use crate::models::{InUse, ModelLoader, Models};
use crate::tally::Tally;
use crate::trouble::Troubles;
use crate::upstream::Kept;

/// Told of a draining instance that has finished its last request.
pub(crate) type DrainHook = Box<dyn Fn(&InstanceId) + Send + Sync>;

/// All lanes by their instances.
pub(crate) type Lanes = HashMap<InstanceId, Arc<Lane>>;

/// The way to one instance.
pub(crate) struct Lane {
    pub(crate) id: InstanceId,
    pub(crate) address: SocketAddr,
    /// To its first container.
    pub(crate) kept: Arc<Kept>,
    /// To the others, in the order of its pipeline.
    pub(crate) further: Box<[Arc<Kept>]>,
    /// How requests go through several containers.
    pub(crate) pipeline: Option<Arc<Pipeline>>,
    /// Its many models; none where it has one.
    pub(crate) models: Option<Arc<Models>>,
    /// The variant's name as answers bear it; none where it cannot stand in a header.
    pub(crate) variant: Option<HeaderValue>,
    pub(crate) troubles: Troubles,
    /// Where what goes along it is counted.
    pub(crate) tally: Arc<Tally>,
    /// Where the requests wait that could go along it.
    pub(crate) line: Arc<Line>,
    in_flight: AtomicUsize,
    /// How many may be in flight at once; none while it is out.
    places: AtomicUsize,
    /// How many with those who can go nowhere else: an ejection does not keep them out.
    places_alone: AtomicUsize,
    /// How many when it is not out.
    places_max: AtomicUsize,
    watched: Mutex<Watched>,
    /// Its breaker has something to forget.
    is_suspect: AtomicBool,
    is_ejected: AtomicBool,
    /// It is on trial, after it was ejected.
    is_on_trial: AtomicBool,
    /// Odd while a request is at it on trial, even while none is; grows with each.
    trials: AtomicU64,
    is_draining: AtomicBool,
    /// It left its route: the last request takes it out of `home`. Held while it leaves or comes back.
    is_retired: Mutex<bool>,
    home: Weak<Lanes>,
    drained: Arc<OnceLock<DrainHook>>,
}

/// The right to send one request to an instance; the request counts until it is dropped.
pub(crate) struct Permit {
    lane: Arc<Lane>,
    /// The number of the trial, if it is the one request that an instance gets on trial.
    trial: Option<u64>,
    /// The model that the request names, loaded as long as it counts.
    model: Option<InUse>,
}

/// What a lane is part of.
pub(crate) struct LaneHome {
    pub(crate) line: Arc<Line>,
    pub(crate) tally: Arc<Tally>,
    pub(crate) lanes: Weak<Lanes>,
    pub(crate) drained: Arc<OnceLock<DrainHook>>,
    pub(crate) loader: Arc<dyn ModelLoader>,
}

impl Lane {
    /// A lane that takes nobody yet.
    pub(crate) fn new(
        instance: &InstanceRoute,
        (pipeline, many): (Option<&Arc<Pipeline>>, Option<MultiModel>),
        home: LaneHome,
    ) -> Self {
        let further = instance.further.iter().map(|&address| Arc::new(Kept::new(address)));
        let LaneHome { line, tally, lanes, drained, loader } = home;
        let kept = Arc::new(Kept::new(instance.address));
        let models = many
            .map(|many| Models::new(instance.id.clone(), kept.clone(), loader, tally.clone(), many.caches));
        Self {
            id: instance.id.clone(),
            address: instance.address,
            kept,
            further: further.collect(),
            pipeline: pipeline.cloned(),
            models: models.map(Arc::new),
            variant: HeaderValue::from_str(instance.id.variant.as_str()).ok(),
            troubles: Troubles::default(),
            tally,
            line,
            in_flight: AtomicUsize::new(0),
            places: AtomicUsize::new(0),
            places_alone: AtomicUsize::new(0),
            places_max: AtomicUsize::new(0),
            watched: Mutex::default(),
            is_suspect: AtomicBool::new(false),
            is_ejected: AtomicBool::new(false),
            is_on_trial: AtomicBool::new(false),
            trials: AtomicU64::new(0),
            is_draining: AtomicBool::new(false),
            is_retired: Mutex::new(false),
            home: lanes,
            drained,
        }
    }

    /// It leads to this instance where it is now.
    pub(crate) fn leads_to(&self, instance: &InstanceRoute) -> bool {
        let further = self.further.iter().map(|kept| kept.address());
        self.address == instance.address && further.eq(instance.further.iter().copied())
    }

    /// The ways to its containers, in order.
    pub(crate) fn containers(&self) -> impl Iterator<Item = &Arc<Kept>> {
        std::iter::once(&self.kept).chain(&self.further)
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// The count that draining goes by.
    pub(crate) fn in_flight_now(&self) -> usize {
        self.in_flight.load(Ordering::SeqCst)
    }

    /// It takes requests, though perhaps not one more. Whoever writes itself into the line looks at it afterwards.
    pub(crate) fn is_up(&self) -> bool {
        self.places.load(Ordering::SeqCst) > 0 && !self.is_draining()
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.is_draining.load(Ordering::SeqCst)
    }

    /// A route says what becomes of it. It may have left meanwhile, and comes back.
    pub(crate) fn is_routed(self: &Arc<Self>, draining: bool, places_max: usize) {
        let mut is_retired = self.retirement();
        *is_retired = false;
        if let Some(home) = self.home.upgrade() {
            let lanes = home.pin();
            if !lanes.get(&self.id).is_some_and(|lane| Arc::ptr_eq(lane, self)) {
                lanes.insert(self.id.clone(), self.clone());
            }
        }
        // It takes nobody who would not be counted.
        self.is_draining.store(draining, Ordering::SeqCst);
        drop(is_retired);
        self.places_max.store(places_max, Ordering::SeqCst);
        let watched = self.watched();
        self.set_places(&watched.breaker);
    }

    /// As many as its breaker leaves it.
    fn set_places(&self, breaker: &Breaker) {
        let state = breaker.state();
        let places_max = self.places_max.load(Ordering::SeqCst);
        let places = match state {
            State::Well | State::OnTrial => places_max,
            State::Unreachable { .. } | State::Ejected => 0,
        };
        let is_on_trial = state == State::OnTrial;
        if is_on_trial && !self.is_on_trial.load(Ordering::SeqCst) {
            // Who is there from the last trial is no part of this one.
            let next_even = |trial: u64| Some((trial | 1) + 1);
            let _ = self.trials.fetch_update(Ordering::SeqCst, Ordering::SeqCst, next_even);
        }
        self.is_on_trial.store(is_on_trial, Ordering::SeqCst);
        self.is_ejected.store(matches!(state, State::Ejected | State::OnTrial), Ordering::Relaxed);
        self.places.store(places, Ordering::SeqCst);
        let is_closed = matches!(state, State::Unreachable { .. }) || breaker.is_gone();
        self.places_alone.store(if is_closed { 0 } else { places_max }, Ordering::SeqCst);
    }

    fn watched(&self) -> MutexGuard<'_, Watched> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It left its route: it takes nothing new and is forgotten when it is empty.
    pub(crate) fn retire(&self) {
        let mut is_retired = self.retirement();
        self.is_draining.store(true, Ordering::SeqCst);
        *is_retired = true;
        drop(is_retired);
        self.containers().for_each(|kept| kept.close());
        self.leave_if_nobody_is_left();
    }

    /// Counts a request in; none when the instance has no place, or takes no more.
    pub(crate) fn enter(self: &Arc<Self>) -> Option<Permit> {
        // Places that a trial brought are seen with the trial.
        let places = self.places.load(Ordering::SeqCst);
        if !self.is_on_trial.load(Ordering::SeqCst) {
            return self.enter_within(places);
        }
        let trial = self.trials.load(Ordering::SeqCst);
        if trial % 2 == 1 || !self.count_in(places) {
            return None;
        }
        // Whoever has it gives it back and offers it, after it was looked at here.
        if self.trials.compare_exchange(trial, trial + 1, Ordering::SeqCst, Ordering::SeqCst).is_err() {
            self.count_out();
            return None;
        }
        Some(Permit { lane: self.clone(), trial: Some(trial + 1), model: None })
    }

    /// The same for a request that can go nowhere else.
    pub(crate) fn enter_alone(self: &Arc<Self>) -> Option<Permit> {
        self.enter_within(self.places_alone.load(Ordering::SeqCst))
    }

    fn enter_within(self: &Arc<Self>, places: usize) -> Option<Permit> {
        self.count_in(places).then(|| Permit { lane: self.clone(), trial: None, model: None })
    }

    fn count_in(&self, places: usize) -> bool {
        let one_more = |count: usize| (count < places).then_some(count + 1);
        if self.in_flight.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_more).is_err() {
            return false;
        }
        if self.is_draining() {
            // Nobody waits for a place at one that drains, and whoever asks may hold the line.
            self.count_out();
            return false;
        }
        true
    }

    fn count_out(&self) {
        if self.in_flight.fetch_sub(1, Ordering::SeqCst) != 1 || !self.is_draining() {
            return;
        }
        self.leave_if_nobody_is_left();
        if let Some(hook) = self.drained.get() {
            hook(&self.id);
        }
    }

    fn retirement(&self) -> MutexGuard<'_, bool> {
        self.is_retired.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leave_if_nobody_is_left(&self) {
        let Some(home) = self.home.upgrade() else { return };
        let is_retired = self.retirement();
        if !*is_retired || self.in_flight_now() > 0 {
            return;
        }
        let lanes = home.pin();
        // A lane of the same instance at another address may stand there now.
        if lanes.get(&self.id).is_some_and(|lane| std::ptr::eq(&raw const **lane, self)) {
            lanes.remove(&self.id);
        }
    }
}

impl Permit {
    /// The request goes to this one of the instance's many models.
    pub(crate) fn names(&mut self, model: InUse) {
        self.model = Some(model);
    }

    /// The model that it goes to, where there are many.
    pub(crate) fn model(&self) -> Option<&InUse> {
        self.model.as_ref()
    }

    pub(crate) fn lane(&self) -> &Arc<Lane> {
        &self.lane
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let Self { lane, trial, .. } = self;
        if let Some(trial) = *trial {
            // Another trial may have begun meanwhile.
            let _ = lane.trials.compare_exchange(trial, trial + 1, Ordering::SeqCst, Ordering::SeqCst);
        }
        lane.count_out();
        lane.line.offer(lane);
    }
}
