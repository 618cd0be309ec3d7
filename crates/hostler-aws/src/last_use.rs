//! When a key last signed something, to ten minutes.
//!
//! Why: whoever wants to revoke a key asks whether anything still uses it; to the millisecond it would be a write for
//! every request, and nobody needs that.
//! Invariants: only a signature that was found right counts. Nothing is written while the ten minutes are the same.

use std::sync::atomic::{AtomicI64, Ordering};

use hostler_types::Millis;

/// How coarse it is.
pub const LAST_USE_STEP_MS: i64 = 10 * 60 * 1000;

/// The beginning of the ten minutes in which a key was last used; none if never.
#[derive(Debug, Default)]
pub struct LastUse(AtomicI64);

impl LastUse {
    /// What was known before.
    pub fn known(at: Option<Millis>) -> Self {
        Self(AtomicI64::new(at.map_or(0, |at| at.0)))
    }

    /// A signature was right at `now`.
    pub fn note(&self, now: Millis) {
        let step = now.0 - now.0.rem_euclid(LAST_USE_STEP_MS);
        if self.0.load(Ordering::Relaxed) < step {
            self.0.fetch_max(step, Ordering::Relaxed);
        }
    }

    /// When.
    pub fn at(&self) -> Option<Millis> {
        Some(self.0.load(Ordering::Relaxed)).filter(|at| *at > 0).map(Millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_use_is_known_to_ten_minutes_and_never_goes_back() {
        let use_ = LastUse::default();
        assert_eq!(use_.at(), None);
        use_.note(Millis(1_767_323_045_000));
        assert_eq!(use_.at(), Some(Millis(1_767_322_800_000)));
        use_.note(Millis(1_767_322_800_000 + LAST_USE_STEP_MS - 1));
        assert_eq!(use_.at(), Some(Millis(1_767_322_800_000)));
        use_.note(Millis(1_767_322_800_000 + LAST_USE_STEP_MS));
        use_.note(Millis(1_000_000));
        assert_eq!(use_.at(), Some(Millis(1_767_322_800_000 + LAST_USE_STEP_MS)));
        assert_eq!(LastUse::known(Some(Millis(5))).at(), Some(Millis(5)));
    }
}
