//! The built-in model server: the container contract over small engines, without any container.
//!
//! Why: the K-Means image (and later its kin) is known, documented and tiny; serving its artifact from
//! our own process starts in milliseconds where a container and a Python server need seconds.
//! Invariants: knows a directory with an artifact and a port, nothing of accounts, endpoints or any other
//! hostler crate; whatever bytes arrive, the answer is a status and a sentence, never a panic.

mod args;
#[doc(hidden)]
pub mod door;
pub mod engine;
mod media;
pub mod models;
pub mod ndarray;
mod rows;
mod run;
pub mod server;
pub mod sniff;

pub use args::RuntimeArgs;
pub use engine::{Answer, Engine, EngineError, EngineKind, InvokeInput, LoadError, ZeroRow, load};
pub use rows::RowsError;
pub use run::{RuntimeError, run};
pub use sniff::{Finding, Recognised, Verdict, judge, recognise, sniff};
