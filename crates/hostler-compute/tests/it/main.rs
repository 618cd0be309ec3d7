//! The simulated backend: the conformance suite, and what tests lean on it for.

mod conformance;
mod faults;
mod stepped;
