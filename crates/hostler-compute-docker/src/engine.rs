//! The Docker Engine API: just the calls that this backend makes, over a socket.
//!
//! Why: some fifteen calls with plain JSON. hyper is in the build anyway, so a client of our own costs no crate; bollard
//! 0.21 without TLS would bring 33 more crates and about 60 seconds of CPU to every first build, most of it models of
//! calls that are never made.
//! Invariants: a connection for each call, so a call that hangs holds up no other; each call but the endless ones is
//! bounded in time and in bytes. What an engine says is foreign text: it is decoded, never trusted to be short.
//! Failure: [`EngineError`] tells an engine that cannot be reached from one that refuses.

mod calls;
mod error;
mod frames;
mod http;
mod pull;
mod types;

use tokio::sync::RwLock;

use crate::EngineAddress;

pub(crate) use self::error::{EngineError, one_line};
pub(crate) use self::frames::{Frame, LogStream};
pub(crate) use self::types::{
    Container, ContainerConfig, ContainerState, DeviceMapping, DeviceRequest, EngineInfo, HostConfig,
    LogConfig, Mount, NetworkConfig,
};

/// What a call to create a container brought about.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Created {
    /// A container with this id.
    New(String),
    /// There is one of that name.
    NameTaken,
    /// The image is not there.
    NoImage,
}

/// A client of one engine.
pub(crate) struct Engine {
    address: EngineAddress,
    /// The version that both sides speak, such as `v1.41`; learned at the first call.
    version: RwLock<Option<String>>,
}

impl Engine {
    pub(crate) fn new(address: EngineAddress) -> Self {
        Self { address, version: RwLock::new(None) }
    }

    pub(crate) fn address(&self) -> &EngineAddress {
        &self.address
    }
}
