//! Whether an instance gets requests, by how the last ones went.
//!
//! Why: control replaces what is dead or fails its pings, which takes seconds; until then every other request would go
//! to an instance that fails it. And one that answers `/ping` and fails its requests is replaced by nobody.
//! What counts: an instance that could not be reached gets nothing until a probe reaches it; that costs nobody a
//! request. Nor does one that closed the connection on a request: while a process dies it may still take connections
//! that nobody will ever read from. One that takes requests and loses them, lets them run out of time or answers them
//! with 5xx is *ejected* after several in a row, but only when others of its fleet succeeded meanwhile: what all fail
//! is the fault of the model or of what it was asked. A 4xx is an answer. Ejected, it waits; then it has to answer a
//! probe, and then one request at a time, so that at most one client at a time meets what is still broken. Who can go
//! nowhere else goes to an ejected one all the same, unless nobody took its last connection.
//! Invariants: pure: time, chance and what is known of the fleet are passed in. A success ends a row of failures.
//! Pauses grow with every failure in a row and are bounded.
//! Failure: all of it may be forgotten; it is learned anew.

use std::time::Duration;

use tokio::time::Instant;

/// One instance's breaker.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    state: State,
    /// What the failures since the last success weigh.
    points: u32,
    /// The successes of the whole fleet when the first of them happened.
    successes_then: u64,
    /// How often in a row it could not be reached, by requests or probes.
    unreached: u32,
    /// Ejected, and nobody took the last connection, a request's or a probe's.
    is_gone: bool,
    /// Ejections without a long time of health between them.
    ejections: u32,
    well_since: Option<Instant>,
}

/// Which requests it gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum State {
    /// As many as it has places for.
    #[default]
    Well,
    /// None, until a probe reaches it.
    Unreachable {
        /// It was on trial before.
        on_trial: bool,
    },
    /// None, until its time is over and a probe is answered.
    Ejected,
    /// One at a time, until one succeeds.
    OnTrial,
}

/// How a request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Nobody took the connection, so nothing was sent.
    Unreached,
    /// It had the request and closed the connection.
    Lost,
    /// It had the request and its time was over.
    TimedOut,
    /// It answered with 5xx.
    Answered,
}

/// What a probe found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Probed {
    /// Nobody took the connection, or it was closed at once.
    Refused,
    /// The connection was taken, and nothing came.
    Silent,
    /// The status of the answer.
    Answered(u16),
}

impl Probed {
    /// The worse of two containers that answer requests together.
    pub(crate) fn worse(self, other: Self) -> Self {
        let badness = |probed: &Self| match probed {
            Self::Answered(200) => 0,
            Self::Answered(_) => 1,
            Self::Silent => 2,
            Self::Refused => 3,
        };
        if badness(&other) > badness(&self) { other } else { self }
    }
}

/// What is known of the instance's fleet when it fails.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fleet {
    /// All its successes so far.
    pub(crate) successes: u64,
    /// Enough others would be left.
    pub(crate) may_eject: bool,
}

/// A change of state, and when to probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Move {
    pub(crate) to: State,
    /// None: it needs no probe.
    pub(crate) probe_in: Option<Duration>,
}

/// Points at which a well instance is ejected.
const POINTS_MAX: u32 = 12;

/// Points at which one on trial is ejected anew.
const TRIAL_POINTS_MAX: u32 = 4;

/// The first pause before an instance that could not be reached is probed, and the longest.
const UNREACHED_PAUSES: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(500));

/// The first ejection, and the longest.
const EJECTIONS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// Healthy for so long, the next ejection is a first one again.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(60);

impl Failure {
    /// Three that had no answer, or a dozen that had a bad one.
    const fn points(self) -> u32 {
        match self {
            Self::Unreached | Self::Lost | Self::TimedOut => 4,
            Self::Answered => 1,
        }
    }
}

impl Breaker {
    pub(crate) fn state(&self) -> State {
        self.state
    }

    /// Something is remembered that a success would change.
    pub(crate) fn is_suspect(&self) -> bool {
        self.state != State::Well || self.points > 0 || self.unreached > 0
    }

    /// Ejected, and not even those who can go nowhere else are to try before a probe reaches it.
    pub(crate) fn is_gone(&self) -> bool {
        self.state == State::Ejected && self.is_gone
    }

    pub(crate) fn succeeded(&mut self, now: Instant) -> Option<Move> {
        match self.state {
            // What it was sent before it went out says little about now.
            State::Unreachable { .. } | State::Ejected => None,
            State::Well => {
                (self.points, self.unreached) = (0, 0);
                None
            }
            State::OnTrial => Some(self.recovers(now)),
        }
    }

    pub(crate) fn failed(&mut self, failure: Failure, fleet: Fleet, now: Instant, draw: f64) -> Option<Move> {
        // Unreachable => Unreachable, Ejected => Ejected: sent before it went out, or because it could go nowhere else.
        let points_max = match self.state {
            State::Unreachable { .. } => return None,
            State::Ejected => {
                self.is_gone |= failure == Failure::Unreached;
                return None;
            }
            State::Well => POINTS_MAX,
            State::OnTrial => TRIAL_POINTS_MAX,
        };
        if self.points == 0 {
            self.successes_then = fleet.successes;
        }
        self.points = self.points.saturating_add(failure.points());
        let on_trial = self.state == State::OnTrial;
        let others_succeed = fleet.successes > self.successes_then;
        // Well => (Ejected | Unreachable | Well), OnTrial => (Ejected | Unreachable | OnTrial)
        if self.points >= points_max && fleet.may_eject && (on_trial || others_succeed) {
            return Some(self.is_ejected(failure == Failure::Unreached, now, draw));
        }
        let pause = match failure {
            Failure::Unreached => self.next_unreached_pause(draw),
            // Whatever makes it close connections, it is not to be slowed down by it.
            Failure::Lost => grown(UNREACHED_PAUSES, 0, draw),
            Failure::TimedOut | Failure::Answered => return None,
        };
        self.state = State::Unreachable { on_trial };
        Some(Move { to: self.state, probe_in: Some(pause) })
    }

    /// The answer to a probe: where it is now, and when to probe again.
    pub(crate) fn probed(&mut self, probed: Probed, now: Instant, draw: f64) -> Move {
        match (self.state, probed) {
            (State::Well | State::OnTrial, _) => Move { to: self.state, probe_in: None },
            // Unreachable => (Unreachable | Well | OnTrial)
            (State::Unreachable { .. }, Probed::Refused) => {
                Move { to: self.state, probe_in: Some(self.next_unreached_pause(draw)) }
            }
            (State::Unreachable { on_trial }, Probed::Silent | Probed::Answered(_)) => {
                self.state = if on_trial { State::OnTrial } else { State::Well };
                Move { to: self.state, probe_in: None }
            }
            // Ejected => (Ejected | OnTrial)
            (State::Ejected, Probed::Answered(200)) => {
                (self.state, self.points) = (State::OnTrial, 0);
                Move { to: self.state, probe_in: None }
            }
            (State::Ejected, _) => self.is_ejected(probed == Probed::Refused, now, draw),
        }
    }

    /// There is nobody else: it takes requests again, if it was ejected.
    pub(crate) fn pardoned(&mut self, now: Instant) -> Option<Move> {
        (self.state == State::Ejected).then(|| self.recovers(now))
    }

    fn recovers(&mut self, now: Instant) -> Move {
        (self.state, self.points, self.unreached) = (State::Well, 0, 0);
        self.well_since = Some(now);
        Move { to: self.state, probe_in: None }
    }

    fn is_ejected(&mut self, is_gone: bool, now: Instant, draw: f64) -> Move {
        self.is_gone = is_gone;
        if self.well_since.take().is_some_and(|since| now.duration_since(since) >= FORGOTTEN_AFTER) {
            self.ejections = 0;
        }
        let pause = grown(EJECTIONS, self.ejections, draw);
        self.ejections = self.ejections.saturating_add(1);
        (self.state, self.points) = (State::Ejected, 0);
        Move { to: self.state, probe_in: Some(pause) }
    }

    fn next_unreached_pause(&mut self, draw: f64) -> Duration {
        let pause = grown(UNREACHED_PAUSES, self.unreached, draw);
        self.unreached = self.unreached.saturating_add(1);
        pause
    }
}

/// Twice as long each time up to a limit; of that three quarters to all of it, so that instances which failed together
/// do not come back together.
fn grown((first, longest): (Duration, Duration), times: u32, draw: f64) -> Duration {
    let whole = first.saturating_mul(1_u32.checked_shl(times.min(16)).unwrap_or(u32::MAX)).min(longest);
    whole.mul_f64(0.75 + 0.25 * draw)
}

#[cfg(test)]
mod tests;
