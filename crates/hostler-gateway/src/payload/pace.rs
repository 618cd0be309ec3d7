//! How fast a body has to come.
//!
//! Why: a client that sends a byte now and then would hold its request for ever. A timer for each request would cost
//! more than the reading of most bodies, which are in the socket before their head is judged; so none is set before a
//! body has been waited for twice.
//! Invariants: a body is there after the time for all of it, and brings a least number of bytes in each window, or it
//! is late. Time in which nobody reads does not count for the window.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// What a client must bring in a second.
const BYTES_PER_SECOND_MIN: u64 = 1024;

/// How long a body may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PaceLimits {
    /// For all of it.
    pub(crate) whole: Duration,
    /// For each part of it that is worth mentioning.
    pub(crate) window: Duration,
}

/// The pace of one body.
pub(super) struct Pace {
    limits: PaceLimits,
    until: Instant,
    has_waited: bool,
    window: Option<Window>,
}

struct Window {
    ends: Pin<Box<Sleep>>,
    /// Bytes that were there when it began.
    length: u64,
}

/// It does not come fast enough.
#[derive(Debug)]
pub(super) struct Late;

impl Pace {
    pub(super) fn new(limits: PaceLimits, began: Instant) -> Self {
        Self { limits, until: began + limits.whole, has_waited: false, window: None }
    }

    /// Something came, or will be waited for anew.
    pub(super) fn forget(&mut self) {
        self.window = None;
    }

    /// Ready when the body, of which `length` bytes came so far, is late.
    pub(super) fn poll(&mut self, length: u64, context: &mut Context<'_>) -> Poll<Late> {
        if self.window.is_none() && !std::mem::replace(&mut self.has_waited, true) {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        loop {
            let next = || (Instant::now() + self.limits.window).min(self.until);
            let window =
                self.window.get_or_insert_with(|| Window { ends: Box::pin(sleep_until(next())), length });
            if window.ends.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            let least = BYTES_PER_SECOND_MIN.saturating_mul(self.limits.window.as_secs()).max(1);
            if Instant::now() >= self.until || length - window.length < least {
                return Poll::Ready(Late);
            }
            window.length = length;
            window.ends.as_mut().reset(next());
        }
    }
}
