//! The control plane in a simulated world: real reconciler, real operations, memory store, simulated backend.

mod lifecycle;
mod mishaps;
mod operations;
