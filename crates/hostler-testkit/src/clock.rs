//! Wall time that follows tokio's clock, which tests pause, and that a test may set back.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use hostler_control::SteadyClock;
use hostler_types::{Clock, Millis};
use tokio::time::Instant;

/// Where simulated time begins.
const EPOCH: i64 = 1_700_000_000_000;

/// A clock that stands still while tokio's does; clones are one clock.
#[derive(Clone, Debug)]
pub struct SimClock {
    begun: Instant,
    set_ms: Arc<AtomicI64>,
}

impl SimClock {
    /// Starts now, inside a runtime.
    pub fn new() -> Self {
        Self { begun: Instant::now(), set_ms: Arc::default() }
    }

    /// Somebody sets it, forward or back, by so much.
    pub fn set_by(&self, ms: i64) {
        self.set_ms.fetch_add(ms, Ordering::Relaxed);
    }

    /// The clock of another machine, which is so much ahead.
    pub fn ahead(&self, ms: i64) -> Self {
        let set_ms = self.set_ms.load(Ordering::Relaxed) + ms;
        Self { begun: self.begun, set_ms: Arc::new(AtomicI64::new(set_ms)) }
    }
}

impl Default for SimClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SimClock {
    fn now(&self) -> Millis {
        let passed_ms = i64::try_from(self.begun.elapsed().as_millis()).unwrap_or(i64::MAX);
        Millis(EPOCH).plus(passed_ms).plus(self.set_ms.load(Ordering::Relaxed))
    }
}

/// What a server goes by: a steady clock over the machine's, begun anew when a server starts where none was.
pub(crate) struct ServerClock {
    machine: SimClock,
    steady: Mutex<SteadyClock>,
}

impl ServerClock {
    pub(crate) fn new(machine: SimClock) -> Self {
        let steady = Mutex::new(SteadyClock::new(Arc::new(machine.clone())));
        Self { machine, steady }
    }

    pub(crate) fn begin_anew(&self) {
        *self.steady.lock().unwrap_or_else(PoisonError::into_inner) =
            SteadyClock::new(Arc::new(self.machine.clone()));
    }
}

impl Clock for ServerClock {
    fn now(&self) -> Millis {
        self.steady.lock().unwrap_or_else(PoisonError::into_inner).now()
    }
}
