//! What `/ping` answers: healthy unless variables or a command say otherwise.
//!
//! Invariants: a command of an invocation holds from then on and wins over the variables.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::wish::status;

const HEALTHY: u16 = 200;
const NOT_YET: u16 = 503;
const SICK: u16 = 500;

/// One answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PingAnswer {
    Status(u16),
    Hang,
}

impl PingAnswer {
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text == "hang" { Some(Self::Hang) } else { status(text).map(Self::Status) }
    }
}

/// The variables that are about pings.
#[derive(Debug, Default)]
pub(super) struct PingPlan {
    pub(super) always: Option<PingAnswer>,
    pub(super) refuse: u64,
    pub(super) file: Option<PathBuf>,
    pub(super) sick_after: Option<u64>,
    pub(super) delay: Duration,
}

/// The health of this process.
#[derive(Debug)]
pub(super) struct Health {
    plan: PingPlan,
    commanded: Mutex<Option<PingAnswer>>,
    pings: AtomicU64,
}

impl Health {
    pub(super) fn new(plan: PingPlan) -> Self {
        Self { plan, commanded: Mutex::new(None), pings: AtomicU64::new(0) }
    }

    /// From now on.
    pub(super) fn command(&self, answer: PingAnswer) {
        *self.commanded.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
    }

    /// The next answer, after the delay; `invocations` were begun so far.
    pub(super) fn next(&self, invocations: u64) -> PingAnswer {
        std::thread::sleep(self.plan.delay);
        let before = self.pings.fetch_add(1, Ordering::Relaxed);
        let commanded = *self.commanded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = commanded.or(self.plan.always) {
            return answer;
        }
        let is_loading =
            before < self.plan.refuse || self.plan.file.as_ref().is_some_and(|file| !file.exists());
        let is_sick = self.plan.sick_after.is_some_and(|count| invocations >= count);
        PingAnswer::Status(match (is_loading, is_sick) {
            (true, _) => NOT_YET,
            (false, true) => SICK,
            (false, false) => HEALTHY,
        })
    }
}
