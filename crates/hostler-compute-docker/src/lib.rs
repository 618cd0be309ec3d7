//! Instances as containers of a Docker or Podman engine: any image that keeps SageMaker's container contract.
//!
//! Why: most models are images that somebody else built. The engine starts, limits and ends them; this room says what
//! each is to be, watches it, copies its output, and takes everything away again. It speaks to the engine through a
//! client of its own (`engine.rs` says why).
//! Invariants: an instance's directory says what it is to be and how it ended, the engine what runs; memory is a copy of
//! both. A container's name is made from its instance's id, so an instance is never launched twice. Only what carries
//! this data directory's label is ever touched. This room never sees S3; model data comes through `ModelData`.
//! Failure: an engine that is away for a while is waited for; what it ran meanwhile is found again.
#![warn(missing_docs)]

mod address;
mod adoption;
mod backend;
mod config;
mod container;
mod engine;
mod environment;
mod failure;
mod launch;
mod life;
mod log_copy;
mod names;
mod networks;
mod pulled;
mod pulls;
mod records;
mod reference;
mod registry;
mod relay;
mod removal;
mod shared;
mod sweep;
mod watch;

pub use address::{EngineAddress, EngineAddressError};
pub use backend::DockerBackend;
pub use config::DockerConfig;
pub use hostler_compute_local::OpenError;
pub use registry::{EcrClient, EcrConfig, EcrRequest, EcrTokens, Logins};
