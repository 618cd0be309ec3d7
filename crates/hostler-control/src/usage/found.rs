//! A record as far as it can be read.
//!
//! Why: whoever writes usage goes on without what is damaged, be it its text or what the store keeps it in.
//! Failure: every other trouble of the store passes, and is for the caller to try again.

use std::error::Error;

use hostler_store::{Store, StoreError, StoreResult, Trouble};
use hostler_types::{Key, Record};

/// What lies under a key.
pub(super) enum Found<R> {
    /// The record and its version.
    Whole(R, u64),
    /// There is something, and nobody can read it.
    Damaged(Box<dyn Error + Send + Sync>),
    Nothing,
}

impl<R> Found<R> {
    pub(super) fn whole(self) -> Option<R> {
        match self {
            Self::Whole(record, _) => Some(record),
            Self::Damaged(_) | Self::Nothing => None,
        }
    }
}

/// Reads a record.
pub(super) async fn found<R: Record>(store: &dyn Store, key: &Key) -> StoreResult<Found<R>> {
    match store.get(key).await {
        Ok(None) => Ok(Found::Nothing),
        Ok(Some(document)) => Ok(match R::from_body(&document.body) {
            Ok(record) => Found::Whole(record, document.version),
            Err(cause) => Found::Damaged(cause.into()),
        }),
        Err(cause @ StoreError::Trouble { trouble: Trouble::Damaged, .. }) => {
            Ok(Found::Damaged(cause.into()))
        }
        Err(error) => Err(error),
    }
}
