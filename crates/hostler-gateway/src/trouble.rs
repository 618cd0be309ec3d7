//! How the last invocations of an instance failed.
//!
//! Why: an instance that answers `/ping` and fails every request looks well to control; only the gateway knows.
//! Invariants: a request that succeeds costs one relaxed read. Nothing of a request or an answer is kept but the status.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use hostler_types::{InvocationFailure, InvocationTrouble};
use tokio::time::Instant;

/// The failures since the last success.
#[derive(Debug, Default)]
pub(crate) struct Troubles {
    in_a_row: AtomicU64,
    last: Mutex<Option<(InvocationFailure, Instant)>>,
}

impl Troubles {
    pub(crate) fn succeeded(&self) {
        if self.in_a_row.load(Ordering::Relaxed) > 0 {
            self.in_a_row.store(0, Ordering::Relaxed);
        }
    }

    pub(crate) fn failed(&self, failure: InvocationFailure) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((failure, Instant::now()));
        self.in_a_row.fetch_add(1, Ordering::Relaxed);
    }

    /// None when the last one succeeded, or there was none.
    pub(crate) fn view(&self) -> Option<InvocationTrouble> {
        let in_a_row = self.in_a_row.load(Ordering::Relaxed);
        let (failure, at) = (*self.last.lock().unwrap_or_else(PoisonError::into_inner))?;
        let ago_ms = u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX);
        (in_a_row > 0).then_some(InvocationTrouble { failure, in_a_row, ago_ms })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn failures_in_a_row_are_counted_until_one_succeeds() {
        let troubles = Troubles::default();
        assert_eq!(troubles.view(), None);
        troubles.failed(InvocationFailure::Lost);
        troubles.failed(InvocationFailure::Answered { status: 500 });
        tokio::time::advance(Duration::from_secs(3)).await;
        let failure = InvocationFailure::Answered { status: 500 };
        assert_eq!(troubles.view(), Some(InvocationTrouble { failure, in_a_row: 2, ago_ms: 3_000 }));
        troubles.succeeded();
        assert_eq!(troubles.view(), None);
        troubles.failed(InvocationFailure::TimedOut);
        assert_eq!(troubles.view().map(|trouble| trouble.in_a_row), Some(1));
    }
}
