//! The control plane in a simulated world: real reconciler, real operations, memory store, simulated backend.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

mod accelerators;
mod clock;
mod damage;
mod diagnosis;
mod foreseen;
mod in_use;
mod leases;
mod lifecycle;
mod mishaps;
mod operations;
mod prober;
mod quotas;
mod usage;
