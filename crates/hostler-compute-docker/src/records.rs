//! What is written down in an instance's directory, one file per fact.
//!
//! Why: the engine knows what runs, and nothing of what was wanted, what came of it, or which data it reads.
//! Invariants: a file is replaced as a whole or not at all. Reading order of truth: removing, failed, exit, running.

use std::net::SocketAddr;

use hostler_compute::{ExitCause, ResolvedImage};
use hostler_types::Millis;
use serde::{Deserialize, Serialize};

/// Which images the containers are made from.
pub(crate) const IMAGES: &str = "images.json";

/// `prepared.json`: the model data is on this machine, under these keys.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Prepared {
    pub(crate) cache_keys: Vec<String>,
}

/// A row of `images.json`: an image as it was named, and what it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HeldImage {
    pub(crate) image: String,
    /// The engine's id of it.
    pub(crate) id: String,
    /// Its name with the digest that its registry knows; none of one that was built here.
    pub(crate) resolved: Option<String>,
}

impl HeldImage {
    /// What there is to tell of it: of an image that was built here, nothing.
    pub(crate) fn told(&self) -> Option<ResolvedImage> {
        Some(ResolvedImage { image: self.image.clone(), resolved: self.resolved.clone()? })
    }
}

/// `running.json`: the containers were started.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Running {
    /// In the order of the spec.
    pub(crate) containers: Vec<Started>,
    pub(crate) since: Millis,
}

/// A container that was started.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Started {
    pub(crate) name: String,
    /// The engine's.
    pub(crate) id: String,
    pub(crate) address: SocketAddr,
    pub(crate) pid: Option<u32>,
}

/// `exit.json`: how it ended.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Exit {
    /// Which of several it was.
    pub(crate) container: Option<String>,
    pub(crate) cause: ExitCause,
    /// The last lines that it wrote.
    pub(crate) log_tail: String,
    pub(crate) at: Millis,
}
