//! What one connection is doing, and what it is told to do.
//!
//! Why: a timer that is set and taken back for every request costs more than everything that is written down here; so
//! the connection notes what it does, and the watch looks at the notes of all connections now and then.
//! Invariants: everything but `order` is written by the connection's own task; the watch only reads it.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Waker};

/// The notes of one connection.
#[derive(Default)]
pub(super) struct Pulse {
    bytes_read: AtomicU64,
    bytes_written: AtomicU64,
    /// The client does not take what is there for it.
    is_write_blocked: AtomicBool,
    requests_begun: AtomicU64,
    requests_ended: AtomicU64,
    /// Bytes that had been read when the last request ended.
    bytes_read_at_end: AtomicU64,
    is_resting: AtomicBool,
    order: AtomicU8,
    /// The task's; it is always the same.
    waker: OnceLock<Waker>,
}

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Activity {
    /// It waits for a request.
    Idle,
    /// A part of a request's head is there.
    Head,
    /// A request is under way.
    Busy,
}

/// What a connection is told. A later one replaces an earlier one, but none a [`Order::Stop`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Order {
    Nothing,
    /// Give back what is not needed for waiting, if nothing else is to do.
    Rest,
    /// Close, if nothing else is to do.
    CloseIdle,
    /// Close.
    Close,
    /// Close as soon as nothing else is to do.
    Stop,
}

impl Order {
    const ALL: [Self; 5] = [Self::Nothing, Self::Rest, Self::CloseIdle, Self::Close, Self::Stop];
}

/// How much has happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Progress {
    pub(super) requests_begun: u64,
    pub(super) bytes_written: u64,
}

impl Pulse {
    // -- by the connection ----------------------------------------------------------------------

    pub(super) fn has_read(&self, bytes: usize) {
        add(&self.bytes_read, bytes as u64);
    }

    pub(super) fn has_written(&self, bytes: usize) {
        add(&self.bytes_written, bytes as u64);
        self.is_write_blocked.store(false, Ordering::Relaxed);
    }

    pub(super) fn cannot_write(&self) {
        self.is_write_blocked.store(true, Ordering::Relaxed);
    }

    pub(super) fn begin_request(self: &Arc<Self>) -> RequestUnderWay {
        add(&self.requests_begun, 1);
        RequestUnderWay(self.clone())
    }

    pub(super) fn rests(&self, is_resting: bool) {
        self.is_resting.store(is_resting, Ordering::Relaxed);
    }

    /// What it is told now; `context` is that of its task.
    pub(super) fn order(&self, context: &Context<'_>) -> Order {
        if self.waker.get().is_none() {
            let _ = self.waker.set(context.waker().clone());
        }
        let order = self.order.load(Ordering::Acquire);
        Order::ALL[usize::from(order)]
    }

    /// It has done what it was told, or will not do it any more.
    pub(super) fn done_with(&self, order: Order) {
        let _ = self.order.compare_exchange(
            order as u8,
            Order::Nothing as u8,
            Ordering::AcqRel,
            Ordering::Relaxed,
        );
    }

    // -- by the watch ---------------------------------------------------------------------------

    pub(super) fn activity(&self) -> Activity {
        let begun = self.requests_begun.load(Ordering::Relaxed);
        if begun != self.requests_ended.load(Ordering::Relaxed) {
            Activity::Busy
        } else if self.bytes_read.load(Ordering::Relaxed) != self.bytes_read_at_end.load(Ordering::Relaxed) {
            Activity::Head
        } else {
            Activity::Idle
        }
    }

    pub(super) fn progress(&self) -> Progress {
        Progress {
            requests_begun: self.requests_begun.load(Ordering::Relaxed),
            bytes_written: self.bytes_written.load(Ordering::Relaxed),
        }
    }

    pub(super) fn is_write_blocked(&self) -> bool {
        self.is_write_blocked.load(Ordering::Relaxed)
    }

    pub(super) fn is_resting(&self) -> bool {
        self.is_resting.load(Ordering::Relaxed)
    }

    pub(super) fn tell(&self, order: Order) {
        self.order.fetch_max(order as u8, Ordering::AcqRel);
        if let Some(waker) = self.waker.get() {
            waker.wake_by_ref();
        }
    }
}

/// One writes, so no more than this is needed.
fn add(to: &AtomicU64, value: u64) {
    to.store(to.load(Ordering::Relaxed).wrapping_add(value), Ordering::Relaxed);
}

/// A request, from its head until the end of its answer.
pub(super) struct RequestUnderWay(Arc<Pulse>);

impl Drop for RequestUnderWay {
    fn drop(&mut self) {
        let pulse = &self.0;
        pulse.bytes_read_at_end.store(pulse.bytes_read.load(Ordering::Relaxed), Ordering::Relaxed);
        add(&pulse.requests_ended, 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_connection_does_is_seen_by_its_bytes_and_requests() {
        let pulse = Arc::new(Pulse::default());
        assert_eq!(pulse.activity(), Activity::Idle);
        pulse.has_read(1);
        assert_eq!(pulse.activity(), Activity::Head);
        let request = pulse.begin_request();
        pulse.has_read(100);
        assert_eq!(pulse.activity(), Activity::Busy);
        drop(request);
        assert_eq!(pulse.activity(), Activity::Idle);
        pulse.has_read(1);
        assert_eq!(pulse.activity(), Activity::Head);
    }

    #[test]
    fn an_order_to_stop_is_not_replaced_by_a_milder_one() {
        let pulse = Pulse::default();
        let context = Context::from_waker(Waker::noop());
        for (told, expected) in [
            (Order::Rest, Order::Rest),
            (Order::CloseIdle, Order::CloseIdle),
            (Order::Stop, Order::Stop),
            (Order::Rest, Order::Stop),
        ] {
            pulse.tell(told);
            assert_eq!(pulse.order(&context), expected);
        }
        pulse.done_with(Order::Rest);
        assert_eq!(pulse.order(&context), Order::Stop);
    }
}
