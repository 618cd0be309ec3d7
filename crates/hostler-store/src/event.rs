//! Events: what happened to the documents, kept beside them.
//!
//! Why: a document says how things are; who changed them, when and why is asked weeks later. An event is part of the
//! transaction that it tells of, so that there is none without its change and no change without it.
//! Invariants: an event is never changed. Those of a key are numbered from 1 without a gap, in the order of the
//! commits, and outlive the key's document. Bodies are opaque text. Both bounds hold after every commit.

use hostler_types::{Key, Millis};

use crate::Order;

/// The longest body of an event: some sentences and names.
pub const EVENT_BODY_BYTES_MAX: usize = 16 * 1024;

/// How many events are kept; beyond that the oldest are dropped by the commit that adds one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventBounds {
    /// Of one key.
    pub per_key: u64,
    /// Of all keys together.
    pub in_all: u64,
}

impl Default for EventBounds {
    fn default() -> Self {
        // A status every few minutes for days; and some dozens of each of several thousand endpoints, which are about
        // a hundred megabytes that every start looks through for damage.
        Self { per_key: 1_000, in_all: 250_000 }
    }
}

/// What happened to something, to be written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// To what; whether it is there is no matter.
    pub key: Key,
    /// When.
    pub at: Millis,
    /// Versioned JSON.
    pub body: String,
}

impl Event {
    /// Panics on an event that no store can keep: one that is longer than [`EVENT_BODY_BYTES_MAX`].
    pub fn assert_storable(&self) {
        let bytes = self.body.len();
        assert!(bytes <= EVENT_BODY_BYTES_MAX, "an event of `{}` has {bytes} bytes", self.key);
    }
}

/// An event as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    /// Counted by key from 1. It begins anew for a key of which nothing is kept any more.
    pub number: u64,
    /// When.
    pub at: Millis,
    /// As it was written.
    pub body: String,
}

/// A page of the events of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventQuery {
    /// Of what.
    pub key: Key,
    /// Ascending: the oldest first.
    pub order: Order,
    /// Events at most; 0 counts as 1.
    pub limit: usize,
    /// Continue after the event of this number, in the query's order.
    pub after: Option<u64>,
}

/// One page of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventPage {
    /// The events.
    pub events: Vec<StoredEvent>,
    /// Present when more follow: what to continue after.
    pub next: Option<u64>,
    /// How many older ones of the key were dropped; 0 where nothing of the key is kept, for then nothing is known.
    pub dropped: u64,
}
