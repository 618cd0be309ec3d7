//! Instances as processes of this machine: the backend that needs nothing installed.
//!
//! Why: a laptop without containers runs models too, and restarts of the server must not touch them: each instance
//! has a small supervisor of its own (the same binary) that outlives the server.
//! Invariants: the files in an instance's directory are the truth, memory is a copy of them; the lock file is held
//! exactly as long as a supervisor lives, so no instance is ever launched twice. This room never sees S3 or roles.
#![warn(missing_docs)]

mod adoption;
mod backend;
mod cgroup;
mod config;
mod environment;
mod failure;
mod launch;
mod leftovers;
mod life;
mod listening;
mod machine;
mod ports;
mod processes;
mod records;
mod refusal;
mod removal;
mod script;
mod supervisor;

use hostler_compute_local::{container_dir, devices, directory, logs};

pub use backend::ProcessBackend;
pub use config::{ProcessConfig, ScriptConfig};
pub use hostler_compute_local::{Lease, LogLimits, ModelData, OpenError, PreparedModel};
pub use machine::{ControlGroups, OptMlRefused, accelerators, try_opt_ml_model};
pub use refusal::refuse;
pub use script::variables as script_variables;
pub use supervisor::run_hidden;
