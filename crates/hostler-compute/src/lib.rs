//! The `Compute` port: what can run instances, the values that cross it, a simulated backend, and a router over two.
//!
//! Why: the control plane plans with instances and must not know whether one is a process, a set of Docker
//! containers or a pod; nothing in this port assumes one machine or a shared disk.
//! Invariants: `ensure` is idempotent by id; two instances with one id never run at once.
#![warn(missing_docs)]

pub mod conformance;
mod port;
mod router;
mod sentences;
mod simulated;
mod spec;

pub use port::{
    Capabilities, Compute, ComputeError, ExitCause, Fault, InstanceFailure, InstanceState, LogChunk,
    Observed, Phase, PlaceError, ResolvedImage, RunningContainer,
};
pub use router::Router;
pub use sentences::image_sentence;
pub use simulated::{Call, Delays, Effect, FaultPoint, Outcome, SimulatedCompute};
pub use spec::{Accelerators, ChannelData, ContainerSpec, InstanceSpec, Limits, Program, SCRIPT_CHANNEL};
