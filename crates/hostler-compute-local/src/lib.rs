//! What the backends of one machine share: an instance's directory, its log, its model data, the devices, the words
//! for what went wrong.
//!
//! Why: processes and containers of this machine differ in how they are started and watched, and in nothing else; what
//! is written down about an instance, and how its log is read, must not exist twice.
//! Invariants: knows neither processes nor containers; no backend beyond this machine may need it.
#![warn(missing_docs)]

mod capacity;
pub mod container_dir;
pub mod devices;
pub mod directory;
pub mod failure;
pub mod kept;
pub mod logs;
mod model;
mod tables;
mod target_models;
mod work;

pub use capacity::{Capacity, Place};
pub use logs::LogLimits;
pub use model::{Lease, ModelData, PreparedModel};
pub use tables::listening_at;
pub use target_models::{Placing, TargetModels};
pub use work::blocking;
