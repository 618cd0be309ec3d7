//! Wall time that follows tokio's clock, which tests pause.

use hostler_types::{Clock, Millis};
use tokio::time::Instant;

/// Where simulated time begins.
const EPOCH: i64 = 1_700_000_000_000;

/// A clock that stands still while tokio's does.
#[derive(Clone, Copy, Debug)]
pub struct SimClock {
    begun: Instant,
    offset_ms: i64,
}

impl SimClock {
    /// Starts now, inside a runtime.
    pub fn new() -> Self {
        Self { begun: Instant::now(), offset_ms: 0 }
    }

    /// The clock of a machine that is so much ahead.
    pub fn ahead(self, offset_ms: i64) -> Self {
        Self { offset_ms, ..self }
    }
}

impl Default for SimClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SimClock {
    fn now(&self) -> Millis {
        Millis(EPOCH + self.offset_ms)
            .plus(i64::try_from(self.begun.elapsed().as_millis()).unwrap_or(i64::MAX))
    }
}
