//! The memory store is held to the suite of every store.

mod memory;
