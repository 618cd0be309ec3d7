//! Watches over all connections: closes those that take too long, and makes room for new ones.
//!
//! Why: one look at the notes of ten thousand connections, once a second, costs less than a timer for each. Whoever
//! connects has proven nothing, so when there is no room an idle connection goes, and not the one that has just come.
//! Invariants: a connection that is told to close for being idle is asked once more whether it is; no request is lost.
//! A time limit is kept to within one look.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::pulse::{Activity, Order, Progress, Pulse};
use crate::settings::ConnectionLimits;

/// How often it looks; more often where limits are shorter.
const LOOK_EVERY: Duration = Duration::from_secs(1);
const LOOKS_PER_LIMIT: u32 = 4;
/// An idle connection rests after this time: it gives back its buffers and its part of hyper.
const REST_AFTER: Duration = Duration::from_secs(5);
/// When there is no room, this part of the idle connections goes: one by one each would need a look at all of them.
const EVICTED_PART: usize = 64;
/// When there is no room, a head that has not come in this time is as good as none.
const HEAD_UNDER_PRESSURE: Duration = Duration::from_secs(2);

/// Why a connection was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closed {
    /// No request came.
    Idle,
    /// The head of a request did not come to its end.
    SlowHead,
    /// The client did not take its answer.
    Stalled,
    /// There was no room.
    Evicted,
}

impl Closed {
    pub(crate) const ALL: [Self; 4] = [Self::Idle, Self::SlowHead, Self::Stalled, Self::Evicted];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::SlowHead => "slow_head",
            Self::Stalled => "stalled",
            Self::Evicted => "evicted",
        }
    }
}

/// The watch over the connections of one listener.
pub(crate) struct Watch {
    limits: ConnectionLimits,
    watched: Mutex<Vec<Watched>>,
    is_stopped: AtomicBool,
    closed: [AtomicU64; Closed::ALL.len()],
}

struct Watched {
    pulse: Arc<Pulse>,
    activity: Activity,
    progress: Progress,
    /// Since when nothing of it has changed.
    since: Instant,
    /// It is closing.
    is_told: bool,
}

impl Watch {
    pub(crate) fn new(limits: ConnectionLimits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            watched: Mutex::default(),
            is_stopped: AtomicBool::new(false),
            closed: Default::default(),
        })
    }

    pub(super) fn connections_max(&self) -> usize {
        self.limits.connections_max
    }

    /// Watches over a new connection.
    pub(super) fn over(&self) -> Arc<Pulse> {
        let pulse = Arc::<Pulse>::default();
        self.lock().push(Watched {
            pulse: pulse.clone(),
            activity: Activity::Idle,
            progress: Progress::default(),
            since: Instant::now(),
            is_told: false,
        });
        // Whoever stops looks at all there are after it has said so.
        if self.is_stopped.load(Ordering::SeqCst) {
            pulse.tell(Order::Stop);
        }
        pulse
    }

    /// Looks at all connections now and then, for ever.
    pub(super) async fn keep(&self) {
        let ConnectionLimits { head_timeout, idle_timeout, stall_timeout, .. } = self.limits;
        let shortest = head_timeout.min(idle_timeout).min(stall_timeout);
        let mut looks = tokio::time::interval(LOOK_EVERY.min(shortest / LOOKS_PER_LIMIT));
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            self.look();
        }
    }

    fn look(&self) {
        let now = Instant::now();
        let mut watched = self.lock();
        // What only this list holds has gone.
        watched.retain(|watched| Arc::strong_count(&watched.pulse) > 1);
        for watched in watched.iter_mut() {
            if let Some((order, why)) = watched.look(now, &self.limits) {
                watched.pulse.tell(order);
                if let Some(why) = why {
                    watched.is_told = true;
                    self.count(why);
                }
            }
        }
    }

    /// Makes room: tells those to close that have been idle the longest, or whose heads do not come.
    pub(super) fn evict(&self) {
        let now = Instant::now();
        let mut watched = self.lock();
        let mut idle: Vec<_> = watched
            .iter_mut()
            .filter(|watched| !watched.is_told && Arc::strong_count(&watched.pulse) > 1)
            .filter(|watched| match watched.pulse.activity() {
                Activity::Idle => true,
                Activity::Head => {
                    watched.activity == Activity::Head && now - watched.since >= HEAD_UNDER_PRESSURE
                }
                Activity::Busy => false,
            })
            .collect();
        let count = idle.len().div_ceil(EVICTED_PART);
        idle.sort_unstable_by_key(|watched| watched.since);
        for watched in idle.into_iter().take(count) {
            let is_idle = watched.pulse.activity() == Activity::Idle;
            watched.pulse.tell(if is_idle { Order::CloseIdle } else { Order::Close });
            watched.is_told = true;
            self.count(Closed::Evicted);
        }
    }

    /// All connections end as soon as their answers are given.
    pub(super) fn stop(&self) {
        self.is_stopped.store(true, Ordering::SeqCst);
        for watched in self.lock().iter() {
            watched.pulse.tell(Order::Stop);
        }
    }

    /// Connections that are open.
    pub(crate) fn open(&self) -> u64 {
        self.lock().iter().filter(|watched| Arc::strong_count(&watched.pulse) > 1).count() as u64
    }

    /// Connections that were closed for this reason.
    pub(crate) fn closed(&self, why: Closed) -> u64 {
        self.closed[why as usize].load(Ordering::Relaxed)
    }

    fn count(&self, why: Closed) {
        self.closed[why as usize].fetch_add(1, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Watched>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watched {
    /// What it must be told, and why it is closed by that.
    fn look(&mut self, now: Instant, limits: &ConnectionLimits) -> Option<(Order, Option<Closed>)> {
        let (activity, progress) = (self.pulse.activity(), self.pulse.progress());
        let is_stalled = activity == Activity::Busy && self.pulse.is_write_blocked();
        let may_go_on = activity == Activity::Busy && !is_stalled;
        if may_go_on || activity != self.activity || progress != self.progress {
            (self.activity, self.progress, self.since) = (activity, progress, now);
            // One that was told to close as idle, and was not, is told anew when it is.
            self.is_told = false;
            return None;
        }
        let lasted = now - self.since;
        if self.is_told {
            return None;
        }
        match activity {
            Activity::Idle if lasted >= limits.idle_timeout => Some((Order::CloseIdle, Some(Closed::Idle))),
            Activity::Idle if lasted >= REST_AFTER && !self.pulse.is_resting() => Some((Order::Rest, None)),
            Activity::Head if lasted >= limits.head_timeout => Some((Order::Close, Some(Closed::SlowHead))),
            Activity::Busy if lasted >= limits.stall_timeout => Some((Order::Close, Some(Closed::Stalled))),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
