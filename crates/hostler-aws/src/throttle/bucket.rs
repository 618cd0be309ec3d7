//! One bucket of tokens, as the one moment at which it will be full again.
//!
//! Why: tokens and the time of the last look would be two values and a lock; the moment alone is both, and changes by one
//! compare-and-swap (it is what GCRA calls the theoretical arrival time).
//! Invariants: in any span of time at most `rate · span + burst` are let through, by the clock that is passed in. A clock
//! that is set back holds nobody up for longer than `SET_BACK_NS`, for a burst more at most.

use std::sync::atomic::{AtomicU64, Ordering};

use hostler_types::Millis;

const NS_PER_S: f64 = 1e9;
const NS_PER_MS: u64 = 1_000_000;
/// The longest step between two requests: a quarter of an hour. Times the largest burst it is thirty years, and all sums
/// stay in range.
const STEP_NS_MAX: u64 = 1_000_000_000_000;
const BURST_MAX: u32 = 1_000_000;
/// Threads read the clock one after the other; a moment that lies further ahead was not written by this clock.
const SET_BACK_NS: u64 = 2_000_000_000;

/// A rate in the bucket's own terms.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Between two requests of an even flow.
    step_ns: u64,
    /// A whole burst of such steps.
    burst_ns: u64,
}

impl Pace {
    pub(super) fn new(per_s: f64, burst: u32) -> Self {
        // Rounded up: never faster than asked for.
        let step_ns = ((NS_PER_S / per_s).ceil() as u64).clamp(1, STEP_NS_MAX);
        Self { step_ns, burst_ns: step_ns * u64::from(burst.clamp(1, BURST_MAX)) }
    }
}

/// When it is full again, in nanoseconds since the epoch; full if that is past.
#[derive(Debug, Default)]
pub(super) struct Bucket(AtomicU64);

impl Bucket {
    /// Takes a token, if there is one.
    pub(super) fn take(&self, pace: &Pace, now: Millis) -> bool {
        let now = nanoseconds(now);
        let taken = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |full_at| {
            let was_set_back = full_at > now + pace.burst_ns + SET_BACK_NS;
            let from = if was_set_back { now } else { full_at.max(now) };
            let next = from + pace.step_ns;
            (next <= now + pace.burst_ns).then_some(next)
        });
        taken.is_ok()
    }

    /// Nothing is lost when it is forgotten.
    pub(super) fn is_idle(&self, now: Millis) -> bool {
        self.0.load(Ordering::Relaxed) <= nanoseconds(now)
    }
}

fn nanoseconds(moment: Millis) -> u64 {
    // Two centuries of them fit beside the longest burst.
    u64::try_from(moment.0).unwrap_or(0).min(u64::MAX / NS_PER_MS / 2) * NS_PER_MS
}
