//! What endpoints used: instance time and invocations, for whoever shares out the cost.
//!
//! Why: an instance counts from its launch until it is gone, and both moments are in the endpoint's record anyway. So its
//! time is written down once, by the very transaction that takes it out of the record (or changes the tags that it is
//! to be counted under), and what still runs is reckoned from the record when somebody asks: nothing ticks, and a
//! crash loses nothing. Invocations are counted in memory by the gateway and written down every few seconds.
//! Invariants: what is written down is never changed but by adding to it. Documents of usage are no resources: no
//! operation of SageMaker lists them and they hold nothing of a quota. They outlive their endpoint.
//! Failure: a document that cannot be read, also one that is damaged while the server runs, loses what would have been
//! added to it, with an error in the log; it never keeps an endpoint from going on, nor others' usage.

mod day;
mod entry;
mod flush;
mod found;
mod prune;
mod query;
mod report;
mod times;

use hostler_types::Millis;

pub(crate) use entry::{Bookings, Owner, Part, bookings};
pub use flush::UsageFlusher;
pub(crate) use times::times;

/// How usage is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsageSettings {
    /// At least so many days are kept.
    pub days: u32,
    /// When the backend last lost all its instances on purpose: what was launched before ended then.
    pub emptied_at: Millis,
}

impl Default for UsageSettings {
    fn default() -> Self {
        Self { days: 400, emptied_at: Millis(0) }
    }
}
