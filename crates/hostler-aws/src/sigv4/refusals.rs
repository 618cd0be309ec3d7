//! How many signatures were refused, by why.
//!
//! Why: a client with a wrong key, a clock that runs away and somebody who guesses look alike in a log of thousands; as
//! numbers they do not. Every door verifies through here, so here they are counted.
//! Invariants: the reasons are few and fixed, whatever a stranger sends. Nothing of the request is kept.

use std::sync::atomic::{AtomicU64, Ordering};

use super::AuthError;

/// Why a request was not who it said it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalReason {
    /// No signature, or one that cannot be read.
    Unreadable,
    /// A scope of another day, region or service.
    Scope,
    /// Signed too long ago or in the future, by our clock; or presigned until earlier.
    Time,
    /// A key or a session token that is not known, or no more.
    Key,
    /// The signature, or the hash of the body, is not the one that it should be.
    Mismatch,
}

impl RefusalReason {
    /// Every reason.
    pub const ALL: [Self; 5] = [Self::Unreadable, Self::Scope, Self::Time, Self::Key, Self::Mismatch];

    /// The word in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::Scope => "scope",
            Self::Time => "time",
            Self::Key => "key",
            Self::Mismatch => "mismatch",
        }
    }

    fn of(error: &AuthError) -> Self {
        match error {
            AuthError::Missing
            | AuthError::Incomplete { .. }
            | AuthError::TooLarge { .. }
            | AuthError::NotSigned { .. }
            | AuthError::PayloadMissing
            | AuthError::PayloadForm(_)
            | AuthError::DecodedLength => Self::Unreadable,
            AuthError::Scope { .. } => Self::Scope,
            AuthError::Expired { .. }
            | AuthError::NotYetCurrent { .. }
            | AuthError::PresignExpired { .. } => Self::Time,
            AuthError::Key { .. } => Self::Key,
            AuthError::Mismatch { .. } | AuthError::PayloadMismatch => Self::Mismatch,
        }
    }
}

/// Counts since the start.
#[derive(Debug, Default)]
pub struct Refusals([AtomicU64; RefusalReason::ALL.len()]);

impl Refusals {
    pub(super) fn count(&self, error: &AuthError) {
        self.0[RefusalReason::of(error) as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// How many were refused for that reason.
    pub fn of(&self, reason: RefusalReason) -> u64 {
        self.0[reason as usize].load(Ordering::Relaxed)
    }
}
