//! Why a model's script is not served, told to whoever started this process.
//!
//! Why: an exit code says too little, and the last line of a log is not what pip's message ends with. So the reason is a
//! value, which the binary writes where the supervisor looks.
//! Invariants: a detail is one text of bounded length, with pip's own last lines in it where pip said them.

use std::io;

use serde::{Deserialize, Serialize};

/// What kind of trouble it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RefusalKind {
    /// There is no Python, or it cannot make virtual environments.
    Python,
    /// The requirements could not be installed.
    Requirements,
    /// Installing them took too long.
    Late,
    /// The disk is full.
    DiskFull,
    /// The machine failed at something else.
    Machine,
}

/// Why a model's script is not served.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{detail}")]
pub struct Refusal {
    /// What kind of trouble it is.
    pub kind: RefusalKind,
    /// What was tried and what came of it.
    pub detail: String,
}

impl Refusal {
    pub(crate) fn new(kind: RefusalKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }

    /// This machine's failure at something.
    pub(crate) fn of_machine(action: &str, error: &io::Error) -> Self {
        let kind = match error.kind() {
            io::ErrorKind::StorageFull => RefusalKind::DiskFull,
            _ => RefusalKind::Machine,
        };
        Self::new(kind, format!("{action} failed: {error}"))
    }
}
