//! What one connection is doing, and what it is told to do.
//!
//! Why: a timer that is set and taken back for every request costs more than everything that is written down here; so
//! the connection notes what it does, and the watch looks at the notes of all connections now and then.
//! Invariants: everything but `order` and `bodies_held` is written by the connection's own task; the watch only reads
//! it. A connection may rest only when nothing that was given to hyper waits to be written, and nothing that was read
//! waits to be used: what hyper holds is thrown away then.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Waker};

/// The notes of one connection.
#[derive(Default)]
pub(super) struct Pulse {
    bytes_read: AtomicU64,
    bytes_written: AtomicU64,
    /// The client does not take what is there for it.
    is_write_blocked: AtomicBool,
    /// Something was given to be written, and no flush has come to its end since.
    is_unwritten: AtomicBool,
    /// The last read found nothing.
    is_read_empty: AtomicBool,
    /// Requests' bodies that somebody still holds.
    bodies_held: AtomicU32,
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
    /// A request is under way, or its answer is not written yet.
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
        self.is_read_empty.store(false, Ordering::Relaxed);
    }

    pub(super) fn has_read_nothing(&self) {
        self.is_read_empty.store(true, Ordering::Relaxed);
    }

    pub(super) fn has_written(&self, bytes: usize) {
        add(&self.bytes_written, bytes as u64);
        self.is_write_blocked.store(false, Ordering::Relaxed);
    }

    pub(super) fn cannot_write(&self) {
        self.is_write_blocked.store(true, Ordering::Relaxed);
    }

    /// Something is there to be written.
    pub(super) fn has_to_write(&self) {
        self.is_unwritten.store(true, Ordering::Relaxed);
    }

    /// All there was is written; hyper flushes only when it holds nothing more.
    pub(super) fn has_flushed(&self) {
        self.is_unwritten.store(false, Ordering::Relaxed);
        self.is_write_blocked.store(false, Ordering::Relaxed);
    }

    pub(super) fn begin_request(self: &Arc<Self>) -> RequestUnderWay {
        add(&self.requests_begun, 1);
        RequestUnderWay(self.clone())
    }

    pub(super) fn hold_body(self: &Arc<Self>) -> BodyHeld {
        self.bodies_held.fetch_add(1, Ordering::Relaxed);
        BodyHeld(self.clone())
    }

    /// Whether hyper holds nothing that would be lost with it; to be asked after it was polled.
    pub(super) fn may_rest(&self) -> bool {
        self.activity() == Activity::Idle
            && !self.is_unwritten.load(Ordering::Relaxed)
            && self.is_read_empty.load(Ordering::Relaxed)
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

    pub(super) fn is_told(&self, order: Order) -> bool {
        self.order.load(Ordering::Acquire) == order as u8
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
        let is_under_way = begun != self.requests_ended.load(Ordering::Relaxed)
            || self.bodies_held.load(Ordering::Acquire) > 0;
        if is_under_way || self.is_write_blocked() {
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

/// A request, from its head until hyper has taken the end of its answer.
pub(super) struct RequestUnderWay(Arc<Pulse>);

impl Drop for RequestUnderWay {
    fn drop(&mut self) {
        let pulse = &self.0;
        pulse.bytes_read_at_end.store(pulse.bytes_read.load(Ordering::Relaxed), Ordering::Relaxed);
        add(&pulse.requests_ended, 1);
        pulse.has_to_write();
    }
}

/// The body of a request, which may be dropped anywhere.
pub(super) struct BodyHeld(Arc<Pulse>);

impl Drop for BodyHeld {
    fn drop(&mut self) {
        self.0.bodies_held.fetch_sub(1, Ordering::Release);
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
    fn a_connection_is_busy_until_its_answer_is_written_and_rests_with_nothing_in_hand() {
        let pulse = Arc::new(Pulse::default());
        let (request, body) = (pulse.begin_request(), pulse.hold_body());
        pulse.has_read_nothing();
        drop(request);
        assert_eq!(pulse.activity(), Activity::Busy, "its body is held");
        drop(body);
        assert_eq!((pulse.activity(), pulse.may_rest()), (Activity::Idle, false), "it may not be written");
        pulse.cannot_write();
        assert_eq!((pulse.activity(), pulse.may_rest()), (Activity::Busy, false), "it waits to be written");
        pulse.has_written(1);
        assert!(!pulse.may_rest(), "it is not flushed");
        pulse.has_flushed();
        assert_eq!((pulse.activity(), pulse.may_rest()), (Activity::Idle, true));
        pulse.has_read(0);
        assert!(!pulse.may_rest(), "there may be more to read");
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
