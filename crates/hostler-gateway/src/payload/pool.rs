//! A number of bytes that bodies share, and what one body has taken of it.
//!
//! Why: small bodies take what they need with one addition, whoever they are for; larger ones are held to a share, so
//! that one endpoint's cannot take everything.
//! Invariants: an endpoint may hold as much as larger bodies could still take: alone it gets half of their part, two
//! come to a third each, and there is always some left for the next one, however many there are. In memory an eighth is
//! for small bodies alone. What was taken is given back when its holder is dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::budget::BodyBudget;

/// What larger bodies leave to small ones: one part in so many.
const SMALL_PART: u64 = 8;

/// Bytes that can be taken.
#[derive(Debug)]
pub(super) struct Pool {
    limit: u64,
    /// Up to here larger bodies may take.
    limit_of_large: u64,
    taken: AtomicU64,
}

/// Where bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Memory,
    Disk,
}

/// What one endpoint's larger bodies hold, by place.
#[derive(Debug, Default)]
pub(crate) struct Share([AtomicU64; 2]);

impl Share {
    fn of(&self, place: Place) -> &AtomicU64 {
        &self.0[place as usize]
    }
}

impl Pool {
    pub(super) fn new(limit: u64, small_part: bool) -> Self {
        let kept_for_small = if small_part { limit / SMALL_PART } else { 0 };
        Self { limit, limit_of_large: limit - kept_for_small, taken: AtomicU64::new(0) }
    }

    pub(super) fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }

    fn take_small(&self, bytes: u64) -> bool {
        let before = self.taken.fetch_add(bytes, Ordering::SeqCst);
        let has_room = before + bytes <= self.limit;
        if !has_room {
            self.taken.fetch_sub(bytes, Ordering::SeqCst);
        }
        has_room
    }

    /// Two who take at the same moment may both pass their share's border, by what they take; never the pool's.
    fn take_large(&self, bytes: u64, held: &AtomicU64) -> bool {
        let after = held.load(Ordering::SeqCst) + bytes;
        let taking = self.taken.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |taken| {
            let left = self.limit_of_large.checked_sub(taken + bytes)?;
            (after <= left + bytes).then_some(taken + bytes)
        });
        if taking.is_ok() {
            held.fetch_add(bytes, Ordering::SeqCst);
        }
        taking.is_ok()
    }

    fn take_beyond(&self, bytes: u64) {
        self.taken.fetch_add(bytes, Ordering::SeqCst);
    }

    fn give_back(&self, bytes: u64) {
        self.taken.fetch_sub(bytes, Ordering::SeqCst);
    }
}

/// What one body has taken of one place.
#[derive(Debug)]
pub(super) struct Taken {
    budget: Arc<BodyBudget>,
    place: Place,
    bytes: u64,
    /// Of these, what counts for the share.
    shared: Option<(Arc<Share>, u64)>,
}

impl Taken {
    pub(super) fn nothing(budget: Arc<BodyBudget>, place: Place) -> Self {
        Self { budget, place, bytes: 0, shared: None }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Takes some more, whoever it is for; false when there is not enough left.
    pub(super) fn take_small(&mut self, bytes: u64) -> bool {
        let has_taken = self.budget.pool(self.place).take_small(bytes);
        if has_taken {
            self.bytes += bytes;
        }
        has_taken
    }

    /// Takes some more for an endpoint; false when there is not enough left for it.
    pub(super) fn take_large(&mut self, bytes: u64, share: &Arc<Share>) -> bool {
        let has_taken = self.budget.pool(self.place).take_large(bytes, share.of(self.place));
        if has_taken {
            self.bytes += bytes;
            self.shared.get_or_insert_with(|| (share.clone(), 0)).1 += bytes;
        }
        has_taken
    }

    /// Takes some more although there is nothing left.
    pub(super) fn take_beyond(&mut self, bytes: u64) {
        self.budget.pool(self.place).take_beyond(bytes);
        self.bytes += bytes;
    }

    /// Gives some back, first of what counts for the share.
    pub(super) fn give_back(&mut self, bytes: u64) {
        debug_assert!(bytes <= self.bytes, "more is given back than was taken");
        self.bytes -= bytes;
        if let Some((share, shared)) = &mut self.shared {
            let of_share = bytes.min(*shared);
            *shared -= of_share;
            share.of(self.place).fetch_sub(of_share, Ordering::SeqCst);
        }
        self.budget.pool(self.place).give_back(bytes);
        self.budget.tell_waiting();
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.give_back(self.bytes);
        }
    }
}
