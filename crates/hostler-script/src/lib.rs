//! Script mode: a model's own `inference.py`, in a virtual environment of its requirements, under a contract server of
//! ours, without any container.
//!
//! Why: most models of a team are a script and a list of packages in one of AWS's framework images. Here the script runs in
//! a process of this machine; the environment is made once for all instances that want the same packages.
//! Invariants: knows directories and a port, nothing of accounts, endpoints or any other hostler crate. Everything happens
//! in the instance's own process, under its limits and with its log; at the end that process becomes the Python server.
#![warn(missing_docs)]

mod args;
mod code;
mod contract;
mod environment;
mod framework;
mod key;
mod pip;
mod python;
mod refusal;
mod run;
mod store;

pub use args::{PIP_VARIABLES, ScriptArgs};
pub use framework::{FRAMEWORKS, base};
pub use refusal::{Refusal, RefusalKind};
pub use run::run;
pub use store::sweep;
