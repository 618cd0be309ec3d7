//! What a breaker decides becomes places, probes and a line of the log.
//!
//! Why: a breaker knows one instance; whether it may be ejected depends on its fleet, and is decided for one instance
//! of an endpoint at a time.
//! Invariants: of a fleet at most half are ejected, and never the last one that takes requests: when nobody else is
//! left, the ejected ones are pardoned. One probe at a time; it ends with the outage, and with the lane. A request
//! that succeeds at an instance without troubles costs one relaxed read.
//! Failure: a probe lives in the runtime of whoever failed; with that runtime the server ends.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use hostler_types::{InvocationClass, InvocationFailure};
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep};
use tracing::{debug, info, warn};

use super::Lane;
use super::probe::probe;
use crate::breaker::{Breaker, Failure, Fleet, Move, Probed, State};
use crate::table::{LiveEndpoint, LiveVariant};

/// AWS's limit for the answer to a ping.
const PING_TIMEOUT: Duration = Duration::from_secs(2);

/// Whoever took a connection and has not closed it after so long is there, though perhaps busy.
const REACH_TIMEOUT: Duration = Duration::from_millis(100);

/// A breaker, and which of its outages is being probed.
#[derive(Debug, Default)]
pub(super) struct Watched {
    pub(super) breaker: Breaker,
    pub(super) outage: u64,
}

impl Lane {
    /// A request was answered well.
    pub(crate) fn succeeded(self: &Arc<Self>) {
        self.troubles.succeeded();
        if self.is_suspect.load(Ordering::Relaxed) {
            self.judge(|watched, _| watched.breaker.succeeded(Instant::now()));
        }
    }

    /// A request was sent and failed.
    pub(crate) fn failed(self: &Arc<Self>, failure: InvocationFailure) {
        self.troubles.failed(failure);
        let failure = match failure {
            InvocationFailure::TimedOut => Failure::TimedOut,
            InvocationFailure::Lost => Failure::Lost,
            InvocationFailure::Answered { status: 500.. } => Failure::Answered,
            // It works, and says that the client is mistaken.
            InvocationFailure::Answered { .. } => {
                if self.is_suspect.load(Ordering::Relaxed) {
                    self.judge(|watched, _| watched.breaker.succeeded(Instant::now()));
                }
                return;
            }
        };
        self.judge(|watched, fleet| watched.breaker.failed(failure, fleet, Instant::now(), rand::random()));
    }

    /// A request could not be sent: nobody gets here until a probe does.
    pub(crate) fn unreached(self: &Arc<Self>) {
        self.judge(|watched, fleet| {
            watched.breaker.failed(Failure::Unreached, fleet, Instant::now(), rand::random())
        });
    }

    /// Ejected, or on trial after it was.
    pub(crate) fn is_ejected(&self) -> bool {
        self.is_ejected.load(Ordering::Relaxed)
    }

    fn judge(self: &Arc<Self>, verdict: impl FnOnce(&mut Watched, Fleet) -> Option<Move>) {
        let court = self.line.court.lock().unwrap_or_else(PoisonError::into_inner);
        let route = self.line.route();
        let fleet = self.fleet_in(route.as_deref());
        let mut watched = self.watched();
        let before = watched.breaker.state();
        let was_closed = self.places_alone.load(Ordering::SeqCst) == 0;
        let moved = verdict(&mut watched, self.seen_of(fleet));
        match moved {
            Some(moved) => self.take_move(&mut watched, before, moved),
            // A refusal may have closed it also to those who can go nowhere else.
            None => self.set_places(&watched.breaker),
        }
        let is_opened = was_closed && self.places_alone.load(Ordering::SeqCst) > 0;
        self.is_suspect.store(watched.breaker.is_suspect(), Ordering::Relaxed);
        drop(watched);
        let mut back = fleet.map(pardon_if_nobody_is_left).unwrap_or_default();
        if is_opened || moved.is_some_and(|moved| moved.probe_in.is_none()) {
            back.push(self.clone());
        }
        if let Some(route) = &route
            && moved.is_some_and(|moved| moved.to != before && moved.probe_in.is_some())
            && fleet.is_some_and(|fleet| !fleet.is_up())
        {
            // Others may stand in for the fleet from now on, and nobody looks at them for it.
            back.extend(route.lanes().filter(|lane| !Arc::ptr_eq(lane, self)).cloned());
        }
        drop(court);
        for lane in back {
            lane.line.offer(&lane);
        }
    }

    /// Under the court's lock.
    fn take_move(self: &Arc<Self>, watched: &mut Watched, before: State, moved: Move) {
        self.set_places(&watched.breaker);
        if moved.to != before || moved.to == State::Ejected {
            self.tell(before, moved);
        }
        if before == moved.to && moved.probe_in.is_some() {
            // The probe that brought the news goes on.
            return;
        }
        watched.outage += 1;
        if let Some(pause) = moved.probe_in {
            self.keep_probing(watched.outage, pause);
        }
    }

    fn keep_probing(self: &Arc<Self>, outage: u64, mut pause: Duration) {
        let lane = Arc::downgrade(self);
        let probing = async move {
            loop {
                sleep(pause).await;
                let Some(lane) = lane.upgrade().filter(|lane| lane.watched().outage == outage) else {
                    return;
                };
                let patience = if lane.is_ejected() { PING_TIMEOUT } else { REACH_TIMEOUT };
                let Some(probed) = lane.probe(patience).await else { continue };
                match lane.was_probed(outage, probed) {
                    Some(next) => pause = next,
                    None => return,
                }
            }
        };
        // Only a program at its end has none.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(probing);
        }
    }

    /// Asks all its containers at once: it is as the worst of them is.
    async fn probe(&self, patience: Duration) -> Option<Probed> {
        let asking: Vec<_> = self.containers().map(|kept| probe(kept.address(), patience)).collect();
        join_all(asking).await.into_iter().reduce(|one, other| Some(one?.worse(other?)))?
    }

    /// The pause before the next probe; none when the outage is over.
    pub(super) fn was_probed(self: &Arc<Self>, outage: u64, probed: Probed) -> Option<Duration> {
        let mut next = None;
        self.judge(|watched, _| {
            // While the probe was under way it may have been pardoned, and ejected anew.
            if watched.outage != outage {
                return None;
            }
            let moved = watched.breaker.probed(probed, Instant::now(), rand::random());
            next = moved.probe_in;
            Some(moved)
        });
        next
    }

    fn fleet_in<'a>(self: &Arc<Self>, route: Option<&'a LiveEndpoint>) -> Option<&'a LiveVariant> {
        let has_it = |fleet: &&LiveVariant| fleet.lanes.iter().any(|lane| Arc::ptr_eq(lane, self));
        route?.variants.iter().find(has_it)
    }

    /// What its breaker is told of the others.
    fn seen_of(&self, fleet: Option<&LiveVariant>) -> Fleet {
        let successes = self.tally.counts()[InvocationClass::Success as usize];
        let lanes = fleet.map_or(&[][..], |fleet| &fleet.lanes);
        let takers = lanes.iter().filter(|lane| !lane.is_draining());
        let (mut all, mut ejected, mut is_another_up) = (0, 0, false);
        for lane in takers {
            all += 1;
            let is_self = std::ptr::eq(&raw const **lane, self);
            if !is_self {
                ejected += usize::from(lane.is_ejected());
                is_another_up |= lane.is_up();
            }
        }
        Fleet { successes, may_eject: is_another_up && (ejected + 1) * 2 <= all }
    }

    /// That a connection was closed may be any client's doing: it is said to whoever debugs.
    fn tell(&self, before: State, Move { to, probe_in }: Move) {
        let (endpoint, generation, instance) = (&self.tally.of.name, self.id.generation, &self.id);
        let probe_in_ms = probe_in.map(|pause| u64::try_from(pause.as_millis()).unwrap_or(u64::MAX));
        match (before, to) {
            (_, State::Ejected) => {
                self.tally.ejected();
                warn!(endpoint, generation, %instance, probe_in_ms, "an instance that keeps failing is ejected");
            }
            (_, State::Unreachable { .. }) => {
                debug!(endpoint, generation, %instance, probe_in_ms, "an instance gets nothing until a probe reaches it");
            }
            (State::Unreachable { .. }, State::Well | State::OnTrial) => {
                debug!(endpoint, generation, %instance, "a probe has reached an instance");
            }
            (_, State::OnTrial) => {
                info!(endpoint, generation, %instance, "an instance gets one request at a time, on trial");
            }
            (_, State::Well) => info!(endpoint, generation, %instance, "an instance gets requests again"),
        }
    }
}

/// Those of the fleet that take requests again because nobody else does.
pub(crate) fn pardon_if_nobody_is_left(fleet: &LiveVariant) -> Vec<Arc<Lane>> {
    if fleet.is_up() {
        return Vec::new();
    }
    let ejected = fleet.lanes.iter().filter(|lane| lane.is_ejected() && !lane.is_draining());
    let pardoned = ejected.filter(|lane| {
        let mut watched = lane.watched();
        let before = watched.breaker.state();
        let moved = watched.breaker.pardoned(Instant::now());
        if let Some(moved) = moved {
            lane.take_move(&mut watched, before, moved);
        }
        moved.is_some()
    });
    pardoned.cloned().collect()
}
