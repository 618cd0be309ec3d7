//! What the backends of one machine share: an instance's directory, its log, its model data, the devices, the words
//! for what went wrong.
//!
//! Why: processes and containers of this machine differ in how they are started and watched, and in nothing else: a
//! backend says that (`Way` for itself, `Life` for each instance), and the port, the tasks, the files and the log stand
//! here once.
//! Invariants: knows neither processes nor containers; no backend beyond this machine may need it.
#![warn(missing_docs)]

mod backend;
mod capacity;
pub mod conformance;
pub mod container_dir;
pub mod devices;
pub mod directory;
pub mod failure;
mod fetching;
pub mod kept;
mod life;
pub mod logs;
mod model;
mod records;
mod site;
mod tables;
mod target_models;
mod way;
mod work;

pub use backend::{LocalBackend, OpenError, Opened};
pub use capacity::{Capacity, Place};
pub use fetching::{Fetched, fetch_all};
pub use logs::LogLimits;
pub use model::{Lease, ModelData, PreparedModel};
pub use records::{GRACE_DEFAULT, Stop};
pub use site::{Entry, Ground, Site};
pub use tables::listening_at;
pub use target_models::{Placing, TargetModels};
pub use way::{Found, Life, Removal, Stage, Way};
pub use work::blocking;
