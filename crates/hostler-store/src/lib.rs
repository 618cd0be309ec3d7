//! The `Store` port: what was acknowledged, and the memory store that tests use.
//!
//! Why: the control plane needs few things of a database: atomic conditional writes, keyset listings, events, leases
//! and a change feed. Naming just those keeps SQLite, PostgreSQL and memory interchangeable, and one suite proves it.
//! Invariants: this room knows nothing of models or endpoints beyond [`hostler_types::Kind`]; bodies are opaque text.
#![warn(missing_docs)]

pub mod conformance;
mod event;
mod memory;
mod port;
mod token;

pub use event::{EVENT_BODY_BYTES_MAX, Event, EventBounds, EventPage, EventQuery, StoredEvent};
pub use memory::MemoryStore;
pub use port::{
    Change, Check, Document, Expect, Holdings, Lease, ListQuery, Order, Page, PageToken, Quota, SortBy,
    Statuses, Store, StoreError, StoreResult, Transaction, Trouble, Unused, Write,
};
pub use token::{Position, SortValue};

/// Changes that wait for a receiver of the feed before it is told that it lagged.
pub const CHANGES_KEPT: usize = 4096;
